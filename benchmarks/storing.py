"""The store cases on Theater: durable, signed puts, gets, large contents, and verifying it all."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import anyio

from benchmarks.disk import LARGE, contents, large_content
from benchmarks.gauge import Stopwatch
from benchmarks.kinds import Case
from benchmarks.messaging import Echo
from theater import Actor, ContentRef, History, Theater, handler


class Keeper(Actor):
    @handler
    async def keep(self, begin: int, count: int, outstanding: int) -> None:
        store = self.context.store
        waiting = contents(begin, count)

        async def put_in_turn() -> None:
            for content in waiting:
                await store.store(content)

        async with anyio.create_task_group() as tasks:
            for _ in range(outstanding):
                tasks.start_soon(put_in_turn)

    @handler
    async def keep_large(self, count: int) -> None:
        for number in range(count):
            await self.context.store.store(large_content(number))

    @handler
    async def read(self, count: int) -> float:
        """Gets per second of 64 contents, over and over."""
        store = self.context.store
        refs: list[ContentRef] = [await store.store(content) for content in contents(0, 64)]
        with Stopwatch() as watch:
            for number in range(count):
                await store.get(refs[number % 64])
        return watch.rate(count)


async def put(count: int, folder: Path, *, actors: int, outstanding: int) -> float:
    async with Theater(folder / "theater") as theater:
        keepers = [await theater.spawn(Keeper()) for _ in range(actors)]
        await theater.settled()
        each = count // actors
        with Stopwatch() as watch:
            await asyncio.gather(
                *(
                    keeper.ask(Keeper.keep, number * each, each, outstanding)
                    for number, keeper in enumerate(keepers)
                )
            )
    return watch.rate(each * actors)


async def put_large(count: int, folder: Path) -> float:
    """Megabytes per second."""
    async with Theater(folder / "theater") as theater:
        keeper = await theater.spawn(Keeper())
        with Stopwatch() as watch:
            await keeper.ask(Keeper.keep_large, count)
    return watch.rate(count * LARGE / 1e6)


async def get(count: int, folder: Path) -> float:
    async with Theater(folder / "theater") as theater:
        keeper = await theater.spawn(Keeper())
        return await keeper.ask(Keeper.read, count)


async def verify(count: int, folder: Path) -> float:
    """Events per second: links, hashes, senders, contents, every root, the newest signature."""
    async with Theater(folder / "theater") as theater:
        echo = await theater.spawn(Echo())
        for number in range(count):
            await echo.tell(Echo.echo, number)
    with Stopwatch() as watch:
        report = History(folder / "theater").verify()
    if not (report.ok and report.closed):
        raise ValueError(str(report))
    return watch.rate(report.events)


CASES: dict[str, Case] = {
    "put1": partial(put, actors=1, outstanding=1),
    "put64": partial(put, actors=1, outstanding=64),
    "put1000": partial(put, actors=1_000, outstanding=1),
    "put8m": put_large,
    "get": get,
    "verify": verify,
}
