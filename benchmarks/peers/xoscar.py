"""xoscar 0.12, all actors in one pool of this process, without mailboxes. Nothing is recorded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import xoscar

from benchmarks.gauge import MEMBERS, Stopwatch, used_memory
from benchmarks.kinds import Case
from benchmarks.peers.turns import asked

_done: asyncio.Future[None]  # set by the last message: an actor's arguments are copied


class Sink(xoscar.Actor):
    def __init__(self, expected: int) -> None:
        super().__init__()
        self.left = expected

    async def take(self, _: int) -> None:
        self.left -= 1
        if not self.left:
            _done.set_result(None)


class Echo(xoscar.Actor):
    async def echo(self, number: int) -> int:
        return number


class Member(xoscar.Actor):
    async def follow(self, successor: Any) -> None:
        self.successor = successor

    async def hop(self, left: int) -> None:
        if left:
            await self.successor.hop.tell(left - 1)
        else:
            _done.set_result(None)


@asynccontextmanager
async def started() -> AsyncIterator[Any]:
    """Yields what makes an actor of a class."""
    global _done  # noqa: PLW0603  # as above
    _done = asyncio.get_running_loop().create_future()
    pool = await xoscar.create_actor_pool("127.0.0.1", n_process=0)
    await pool.start()
    yield partial(xoscar.create_actor, address=pool.external_address)
    await pool.stop()


async def tell(count: int, _: Path) -> float:
    async with started() as create:
        sink = await create(Sink, count)
        with Stopwatch() as watch:
            for number in range(count):
                await sink.take.tell(number)
            await _done
    return watch.rate(count)


async def ask(count: int, _: Path, *, outstanding: int) -> float:
    async with started() as create:
        echo = await create(Echo)
        return await asked(echo.echo, count, outstanding=outstanding)


async def ring(hops: int, _: Path) -> float:
    async with started() as create:
        members = [await create(Member) for _ in range(MEMBERS)]
        for place, member in enumerate(members):
            await member.follow(members[(place + 1) % MEMBERS])
        with Stopwatch() as watch:
            await members[0].hop.tell(hops)
            await _done
    return watch.rate(hops)


async def spawn(count: int, _: Path) -> float:
    async with started() as create:
        with Stopwatch() as watch:
            for echo in [await create(Echo) for _ in range(count)]:
                await xoscar.destroy_actor(echo)
    return watch.rate(count)


async def idle(count: int, _: Path) -> float:
    async with started() as create:
        before = used_memory()
        echoes = [await create(Echo) for _ in range(count)]
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
