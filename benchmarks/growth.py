"""What things cost as the record grows: the same on folders of a thousand events and of a million."""

from __future__ import annotations

import asyncio
from pathlib import Path

from benchmarks.gauge import Stopwatch
from benchmarks.kinds import Case
from benchmarks.lasting import BURST, Counter, back
from benchmarks.opening import open_it
from benchmarks.storing import Keeper
from theater import ActorRef, History, Theater

TINY = 100  # bytes of a content: a million of them must fit
OUTSTANDING = 64
TIMED = 2_000  # puts, after all others


async def fill(count: int, folder: Path) -> None:
    """A closed folder with so many events of one actor."""
    async with Theater(folder) as theater:
        counter = await theater.spawn(Counter(), name="counter")
        for _ in range(count):
            await counter.tell(Counter.add, 1)


async def verify(count: int, folder: Path) -> float:
    """Events per second."""
    await fill(count, folder / "theater")
    with Stopwatch() as watch:
        report = History(folder / "theater").verify()
    if not (report.ok and report.events >= count):
        raise ValueError(str(report))
    return watch.rate(report.events)


async def replay(count: int, folder: Path) -> float:
    """Events per second."""
    await fill(count, folder / "theater")
    with Stopwatch() as watch:
        report = await asyncio.to_thread(History(folder / "theater").replay, "counter")
    if not (report.ok and report.events >= count):
        raise ValueError(str(report))
    return watch.rate(report.events)


async def put(count: int, folder: Path) -> float:
    """Puts per second by an actor that has put so many before."""
    async with Theater(folder / "theater") as theater:
        keeper = await theater.spawn(Keeper())
        for begin in range(0, count, BURST):
            await keep(keeper, begin, min(BURST, count - begin))
        with Stopwatch() as watch:
            await keep(keeper, count, TIMED)
    return watch.rate(TIMED)


async def keep(keeper: ActorRef[Keeper], begin: int, count: int) -> None:
    await keeper.ask(Keeper.keep, begin, count, TINY, OUTSTANDING)


CASES: dict[str, Case] = {
    "events-verify": verify,
    "events-open": open_it,
    "events-resume": back,
    "events-replay": replay,
    "events-put": put,
}
