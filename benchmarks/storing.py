"""The store cases on Theater: durable, signed puts, gets, large contents, and verifying it all."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import anyio

from benchmarks.contents import GOT, LARGE, MIDDLE, SMALL, contents
from benchmarks.gauge import Stopwatch
from benchmarks.kinds import Case
from benchmarks.messaging import Echo
from theater import Actor, ContentRef, History, Theater, handler


class Keeper(Actor):
    @handler
    async def keep(self, begin: int, count: int, size: int, outstanding: int) -> None:
        store = self.context.store
        waiting = contents(begin, count, size)

        async def put_in_turn() -> None:
            for content in waiting:
                await store.store(content)

        if outstanding == 1:
            await put_in_turn()  # a task group for each of 1,000 actors takes 5 % of their puts
            return
        async with anyio.create_task_group() as tasks:
            for _ in range(outstanding):
                tasks.start_soon(put_in_turn)

    @handler
    async def read(self, count: int, outstanding: int) -> float:
        """Gets per second of the same few contents, over and over."""
        store = self.context.store
        refs: list[ContentRef] = [await store.store(content) for content in contents(0, GOT)]

        async def get_in_turn() -> None:
            for number in range(count // outstanding):
                await store.get(refs[number % GOT])

        with Stopwatch() as watch:
            async with anyio.create_task_group() as tasks:
                for _ in range(outstanding):
                    tasks.start_soon(get_in_turn)
        return watch.rate(count)


async def put(count: int, folder: Path, *, size: int, actors: int = 1, outstanding: int = 1) -> float:
    """Puts per second; megabytes per second of large ones."""
    async with Theater(folder / "theater") as theater:
        keepers = [await theater.spawn(Keeper()) for _ in range(actors)]
        await theater.settled()
        each = count // actors
        with Stopwatch() as watch:
            await asyncio.gather(
                *(
                    keeper.ask(Keeper.keep, number * each, each, size, outstanding)
                    for number, keeper in enumerate(keepers)
                )
            )
    return watch.rate(each * actors * size / 1e6 if size == LARGE else each * actors)


async def get(count: int, folder: Path, *, outstanding: int) -> float:
    async with Theater(folder / "theater") as theater:
        keeper = await theater.spawn(Keeper())
        return await keeper.ask(Keeper.read, count, outstanding)


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
    "put1": partial(put, size=SMALL),
    "put64": partial(put, size=SMALL, outstanding=64),
    "put1000": partial(put, size=SMALL, actors=1_000),
    "put16k": partial(put, size=MIDDLE),
    "put16k64": partial(put, size=MIDDLE, outstanding=64),
    "put16k1000": partial(put, size=MIDDLE, actors=1_000),
    "put8m": partial(put, size=LARGE),
    "put8m64": partial(put, size=LARGE, outstanding=64),
    "get": partial(get, outstanding=1),
    "get64": partial(get, outstanding=64),
    "verify": verify,
}
