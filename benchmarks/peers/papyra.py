"""papyra 0.3: actors in anyio task groups; it can keep events of their lives, which is off here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from papyra import Actor, ActorSystem

from benchmarks.gauge import MEMBERS, Stopwatch, used_memory
from benchmarks.kinds import Case
from benchmarks.peers.turns import asked


class Sink(Actor):
    def __init__(self, expected: int, done: asyncio.Future[None]) -> None:
        self.left = expected
        self.done = done

    async def receive(self, _: Any) -> None:
        self.left -= 1
        if not self.left:
            self.done.set_result(None)


class Echo(Actor):
    async def receive(self, message: Any) -> Any:
        return message


class Member(Actor):
    def __init__(self, members: list[Any], successor: int, done: asyncio.Future[None]) -> None:
        self.members = members
        self.successor = successor
        self.done = done

    async def receive(self, left: int) -> None:
        if left:
            await self.members[self.successor].tell(left - 1)
        else:
            self.done.set_result(None)


@asynccontextmanager
async def started() -> AsyncIterator[Any]:
    system = ActorSystem()
    await system.start()
    yield system


async def tell(count: int, _: Path) -> float:
    done = asyncio.get_running_loop().create_future()
    async with started() as system:
        sink = system.spawn(lambda: Sink(count, done))
        with Stopwatch() as watch:
            for number in range(count):
                await sink.tell(number)
            await done
    return watch.rate(count)


async def ask(count: int, _: Path, *, outstanding: int) -> float:
    async with started() as system:
        return await asked(system.spawn(Echo).ask, count, outstanding=outstanding)


async def ring(hops: int, _: Path) -> float:
    done = asyncio.get_running_loop().create_future()
    members: list[Any] = []
    async with started() as system:
        for place in range(MEMBERS):
            members.append(system.spawn(partial(Member, members, (place + 1) % MEMBERS, done)))
        await asyncio.sleep(0)
        with Stopwatch() as watch:
            await members[0].tell(hops)
            await done
    return watch.rate(hops)


async def spawn(count: int, _: Path) -> float:
    async with started() as system:
        with Stopwatch() as watch:
            for echo in [system.spawn(Echo) for _ in range(count)]:
                await system.stop(echo)
    return watch.rate(count)


async def idle(count: int, _: Path) -> float:
    async with started() as system:
        before = used_memory()
        echoes = [system.spawn(Echo) for _ in range(count)]
        await asyncio.sleep(0.1)
        return (used_memory() - before) / len(echoes)


CASES: dict[str, Case] = {
    "tell": tell,
    "ask": partial(ask, outstanding=1),
    "ask64": partial(ask, outstanding=64),
    "ring": ring,
    "spawn": spawn,
    "idle": idle,
    "idle100k": idle,
}
