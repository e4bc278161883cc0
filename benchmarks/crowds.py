"""What an actor costs among ever more: to start and stop, to hold, to ask."""

from __future__ import annotations

from functools import partial
from itertools import cycle, islice
from pathlib import Path

from benchmarks import messaging
from benchmarks.gauge import Stopwatch
from benchmarks.kinds import Case
from benchmarks.messaging import Echo, theater

AT_LEAST = 1_000  # starts and stops for one figure, however small the crowd
ASKS = 10_000


async def spawn(count: int, folder: Path, *, system: str) -> float:
    """Actors per second; a crowd starts, then ends, and again if it is small."""
    crowds = -(-AT_LEAST // count)
    async with theater(system, folder) as stage:
        with Stopwatch() as watch:
            for _ in range(crowds):
                for echo in [await stage.spawn(Echo()) for _ in range(count)]:
                    await echo.stop()
    return watch.rate(crowds * count)


async def ask(count: int, folder: Path, *, system: str) -> float:
    """Answers per second, from one after another of the whole crowd."""
    async with theater(system, folder) as stage:
        actors = [await stage.spawn(Echo()) for _ in range(count)]
        with Stopwatch() as watch:
            for number, echo in enumerate(islice(cycle(actors), ASKS)):
                await echo.ask(Echo.echo, number)
    return watch.rate(ASKS)


def cases(system: str) -> dict[str, Case]:
    return {
        "actors-spawn": partial(spawn, system=system),
        "actors-idle": partial(messaging.idle, system=system),
        "actors-ask": partial(ask, system=system),
    }
