"""How long a durable put takes while 1,000 other actors keep the loop full, and what that costs those actors.

Twenty messages go round a ring of 1,000 actors, each handled and sent on at once, so the loop never rests;
16 actors put contents of 1 KiB, each one after the other. A writer thread waits up to 5 ms for the lock of
the interpreter after each call that gave it away, so this is where a store that is fast alone becomes slow.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import NamedTuple, TypedDict

from benchmarks.contents import contents
from benchmarks.gauge import MEMBERS
from benchmarks.kinds import Case
from theater import Actor, ActorRef, Theater, handler

TOKENS = 20
PUTTERS = 16
ALONE = 1.0  # seconds that the ring turns before the first put


class Round:
    """What is known outside the actors: whether the ring turns, its hops, the seconds of each put."""

    def __init__(self) -> None:
        self.turns = True
        self.hops = 0
        self.took: list[float] = []

    async def rate(self, doing: Awaitable[object]) -> float:
        """Hops in a second while this is being done."""
        begun, before = perf_counter(), self.hops
        await doing
        return (self.hops - before) / (perf_counter() - begun)


_round = Round()  # handlers have no other way to reach the world outside


class Runner(Actor):
    successor: ActorRef[Runner] | None = None

    @handler
    async def follow(self, successor: ActorRef[Runner]) -> None:
        self.successor = successor

    @handler
    async def hop(self) -> None:
        _round.hops += 1
        if _round.turns and self.successor is not None:
            await self.successor.tell(Runner.hop)


class Putter(Actor):
    @handler
    async def put(self, begin: int, count: int) -> None:
        for content in contents(begin, count):
            begun = perf_counter()
            await self.context.store.store(content)
            _round.took.append(perf_counter() - begun)


class Options(TypedDict, total=False):
    """Of the theater."""

    record_messages: bool
    notary: bool


class Beside(NamedTuple):
    took: list[float]  # seconds of each put, the shortest first
    hops: float  # in a second while contents were put, in % of those while none were

    @property
    def p99(self) -> float:
        """Milliseconds that 99 of 100 puts keep below."""
        return 1_000 * self.took[len(self.took) * 99 // 100]


async def scene(count: int, folder: Path, options: Options) -> Beside:
    global _round  # noqa: PLW0603  # as above
    _round = Round()
    async with Theater(folder / "theater", **options) as theater:
        await start_ring(theater)
        putters = [await theater.spawn(Putter()) for _ in range(PUTTERS)]
        alone = await _round.rate(asyncio.sleep(ALONE))
        each = count // PUTTERS
        asks = [putter.ask(Putter.put, number * each, each) for number, putter in enumerate(putters)]
        beside = await _round.rate(asyncio.gather(*asks))
        _round.turns = False
    return Beside(sorted(_round.took), 100 * beside / alone)


async def start_ring(theater: Theater) -> None:
    members = [await theater.spawn(Runner()) for _ in range(MEMBERS)]
    for place, member in enumerate(members):
        await member.ask(Runner.follow, members[(place + 1) % MEMBERS])
    for member in members[:: MEMBERS // TOKENS]:
        await member.tell(Runner.hop)


async def slowest(count: int, folder: Path, *, options: Options) -> float:
    return (await scene(count, folder, options)).p99


async def hops(count: int, folder: Path, *, options: Options) -> float:
    return (await scene(count, folder, options)).hops


OPTIONS = {
    "unrecorded": Options(record_messages=False),
    "durable": Options(),
    "notary": Options(notary=True),
}


def cases(system: str) -> dict[str, Case]:
    options = OPTIONS[system]
    return {"busy": partial(slowest, options=options), "busyhops": partial(hops, options=options)}
