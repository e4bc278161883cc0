"""Short lives: actors that handle one message and rest, or end. One that nobody wrote to has no task yet."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

from benchmarks.boxes import DequeBox
from benchmarks.gauge import Stopwatch, used_memory
from benchmarks.kinds import Case
from benchmarks.limits import echo
from benchmarks.messaging import Echo, theater


async def bare_life(count: int, _: Path) -> float:
    with Stopwatch() as watch:
        for box in [DequeBox(echo) for _ in range(count)]:
            await _ask(box)
            await box.stop()
    return watch.rate(count)


async def bare_rest(count: int, _: Path) -> float:
    before = used_memory()
    boxes = [DequeBox(echo) for _ in range(count)]
    for box in boxes:
        await _ask(box)
    size = (used_memory() - before) / len(boxes)
    for box in boxes:
        await box.stop()
    return size


async def life(count: int, folder: Path, *, system: str) -> float:
    async with theater(system, folder) as stage:
        with Stopwatch() as watch:
            for echo in [await stage.spawn(Echo()) for _ in range(count)]:
                await echo.ask(Echo.echo, 1)
                await echo.stop()
    return watch.rate(count)


async def rest(count: int, folder: Path, *, system: str) -> float:
    async with theater(system, folder) as stage:
        before = used_memory()
        actors = [await stage.spawn(Echo()) for _ in range(count)]
        for echo in actors:
            await echo.ask(Echo.echo, 1)
        await stage.settled()
        return (used_memory() - before) / len(actors)


async def _ask(box: DequeBox) -> None:
    answer = asyncio.get_running_loop().create_future()
    box.put((1, answer))
    await answer


def cases(argument: str) -> dict[str, Case]:
    if argument == "deque":
        return {"life": bare_life, "rest": bare_rest}
    return {"life": partial(life, system=argument), "rest": partial(rest, system=argument)}
