"""What grows: the memory of a theater at steady work, of a journal that is flooded, of large contents."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from statistics import median

import anyio

from benchmarks.gauge import PeakMemory, used_memory
from benchmarks.kinds import Case
from benchmarks.messaging import Echo, Sink, theater
from theater import Actor, ActorRef, Theater, handler
from theater.testing import VirtualLoop, virtual_now

PARTS = 20  # of the work; memory is looked at after each
FEW = 5  # looks whose median counts: an index that is being made takes memory for a while
MEBIBYTE = 1_048_576
CLOCKS = 100  # actors that tick each second of the simulated hour
PAYLOAD = 16_384  # bytes of a message of the flood


class Keeper(Actor):
    @handler
    async def stream(self, count: int) -> None:
        """Put so many MiB in one content, and read them again."""
        ref = await self.context.store.put_stream(mebibytes(count))
        size = 0
        async for chunk in self.context.store.get_stream(ref):
            size += len(chunk)
        if size != count * MEBIBYTE:
            raise ValueError(f"{size} bytes came back of {count} MiB")


class Clock(Actor):
    counter: ActorRef[Sink]
    echo: ActorRef[Echo]

    @handler
    async def start(self) -> None:
        self.context.every(1.0, Clock.tick)

    @handler
    async def tick(self) -> None:
        await self.counter.tell(Sink.take, 1)
        await self.echo.ask(Echo.echo, 1)


class Drain(Actor):
    taken: int = 0

    @handler
    async def take(self, payload: bytes) -> None:
        self.taken += len(payload)


async def mebibytes(count: int) -> AsyncIterator[bytes]:
    for number in range(count):
        yield number.to_bytes(8) * (MEBIBYTE // 8)


async def growth(count: int, work: Callable[[], Awaitable[None]]) -> float:
    """Bytes that each of so many left in memory; the first tenth may, until all that is bounded is full."""
    seen = []
    for _ in range(PARTS):
        await work()
        seen.append(used_memory())
    early, late = seen[PARTS // 10 :][:FEW], seen[-FEW:]
    return (median(late) - median(early)) / (count * (PARTS - PARTS // 10 - FEW) / PARTS)


async def messages(count: int, folder: Path, *, system: str) -> float:
    async with theater(system, folder) as stage:
        sink = await stage.spawn(Sink())

        async def tell() -> None:
            for number in range(count // PARTS):
                await sink.tell(Sink.take, number)
            await stage.settled()

        return await growth(count, tell)


def simulated(count: int, _: Path, *, system: str) -> float:
    """So many seconds on a clock that jumps: each second, 100 actors wake, tell one actor and ask another."""

    async def live() -> float:
        async with Theater(record_messages=system != "theater", clock=virtual_now) as stage:
            counter, echo = await stage.spawn(Sink()), await stage.spawn(Echo())
            for _ in range(CLOCKS):
                clock = await stage.spawn(Clock(counter=counter, echo=echo))
                await clock.ask(Clock.start)
            return await growth(count, partial(anyio.sleep, count / PARTS))

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(live())


async def flood(count: int, folder: Path, *, system: str) -> float:
    """MB at most, besides what there was, while messages come faster than the disk takes them."""
    async with theater(system, folder) as stage:
        drain = await stage.spawn(Drain())
        with PeakMemory() as peak:
            for number in range(count):
                await drain.tell(Drain.take, number.to_bytes(8) * (PAYLOAD // 8))
            await stage.settled()
    return peak.more / 1e6


async def large(count: int, folder: Path, *, system: str) -> float:
    """MB at most, besides what there was, while a content of so many MiB is put and read in streams."""
    async with theater(system, folder) as stage:
        keeper = await stage.spawn(Keeper())
        await keeper.ask(Keeper.stream, 2)  # what is made once is made
        with PeakMemory() as peak:
            await keeper.ask(Keeper.stream, count)
    return peak.more / 1e6


def cases(system: str) -> dict[str, Case]:
    return {
        "soak": partial(messages, system=system),
        "soak-hour": partial(simulated, system=system),
        "soak-flood": partial(flood, system=system),
        "soak-stream": partial(large, system=system),
    }
