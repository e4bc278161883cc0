"""The messaging cases on Theater: without a record, recorded in memory, signed there, and in a folder."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

from benchmarks.gauge import MEMBERS, Stopwatch, used_memory
from benchmarks.kinds import Case
from theater import Actor, ActorRef, Theater, handler

_arrived: asyncio.Event  # set by the last message of a ring: a ring has no answer


class Sink(Actor):
    handled: int = 0

    @handler
    async def take(self, _: int) -> None:
        self.handled += 1

    @handler
    async def count(self) -> int:
        return self.handled


class Echo(Actor):
    @handler
    async def echo(self, number: int) -> int:
        return number


class Member(Actor):
    successor: ActorRef[Member] | None = None

    @handler
    async def follow(self, successor: ActorRef[Member]) -> None:
        self.successor = successor

    @handler
    async def hop(self, left: int) -> None:
        if left and self.successor is not None:
            await self.successor.tell(Member.hop, left - 1)
        else:
            _arrived.set()


def theater(system: str, folder: Path) -> Theater:
    match system:
        case "recorded" | "signed":
            return Theater()
        case "durable":
            return Theater(folder / "theater")
        case _:
            return Theater(record_messages=False)


def sign(stage: Theater, system: str) -> None:
    """End with a signature over all that was recorded, where that is what is measured."""
    if system == "signed":
        stage.checkpoint()


async def tell(count: int, folder: Path, *, system: str) -> float:
    """The mailbox is the usual one, of 1,024: `tell` waits when it is full, and the task gets its turn."""
    async with theater(system, folder) as stage:
        sink = await stage.spawn(Sink())
        with Stopwatch() as watch:
            for number in range(count):
                await sink.tell(Sink.take, number)
            handled = await sink.ask(Sink.count)
            sign(stage, system)
    if handled != count:
        raise ValueError(f"{handled} of {count} messages were handled")
    return watch.rate(count)


async def ask(count: int, folder: Path, *, system: str, outstanding: int) -> float:
    async with theater(system, folder) as stage:
        echo = await stage.spawn(Echo())

        async def ask_in_turn() -> None:
            for number in range(count // outstanding):
                await echo.ask(Echo.echo, number)

        with Stopwatch() as watch:
            await asyncio.gather(*(ask_in_turn() for _ in range(outstanding)))
            sign(stage, system)
    return watch.rate(count)


async def ring(hops: int, folder: Path, *, system: str) -> float:
    global _arrived  # noqa: PLW0603  # handlers have no other way to reach the world outside
    _arrived = asyncio.Event()
    async with theater(system, folder) as stage:
        members = [await stage.spawn(Member()) for _ in range(MEMBERS)]
        for place, member in enumerate(members):
            await member.ask(Member.follow, members[(place + 1) % MEMBERS])
        with Stopwatch() as watch:
            await members[0].tell(Member.hop, hops)
            await _arrived.wait()
            sign(stage, system)
    return watch.rate(hops)


async def spawn(count: int, folder: Path, *, system: str) -> float:
    async with theater(system, folder) as stage:
        with Stopwatch() as watch:
            for echo in [await stage.spawn(Echo()) for _ in range(count)]:
                await echo.stop()
            sign(stage, system)
    return watch.rate(count)


async def idle(count: int, folder: Path, *, system: str) -> float:
    async with theater(system, folder) as stage:
        before = used_memory()
        actors = [await stage.spawn(Echo()) for _ in range(count)]
        await stage.settled()
        return (used_memory() - before) / len(actors)


def cases(system: str) -> dict[str, Case]:
    return {
        "tell": partial(tell, system=system),
        "ask": partial(ask, system=system, outstanding=1),
        "ask64": partial(ask, system=system, outstanding=64),
        "ring": partial(ring, system=system),
        "spawn": partial(spawn, system=system),
        "idle100k": partial(idle, system=system),
        "idle": partial(idle, system=system),
    }
