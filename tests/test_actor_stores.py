"""Stores of running actors: shared by a grant, filled by streams, and gone quiet with their actor."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from told import kinds, only

from theater import Actor, ActorRef, ContentRef, Theater, handler
from theater.errors import ActorFailedError, StoreNotFoundError

pytestmark = pytest.mark.real_clock

CONTENT = bytes(range(256)) * 8_000  # more than is kept in the log


class Shelf(Actor):
    kept: str = ""

    @handler
    async def keep(self, content: bytes) -> str:
        return str(await self.context.store.store(content))

    @handler
    async def share(self, content: bytes, reader: ActorRef[Any]) -> tuple[str, str]:
        store = await self.context.stores.new()
        ref = await store.store(content)
        await self.context.stores.grant(store, to=reader)
        return store.id, str(ref)

    @handler
    async def read(self, store: str, ref: str) -> bytes | None:
        try:
            return await self.context.stores.open(store).get(ContentRef.parse(ref))
        except StoreNotFoundError:
            return None

    @handler
    async def stream(self, blocks: int, *, stuck: bool = False) -> str:
        async def source() -> AsyncIterator[bytes]:
            for _ in range(blocks):
                yield CONTENT
            if stuck:
                await anyio.sleep_forever()

        return str(await self.context.store.put_stream(source()))

    @handler
    async def ids(self) -> list[str]:
        return [(await self.context.stores.new()).id for _ in range(3)]


@pytest.fixture(params=["memory", "folder"])
async def either(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    anyio_backend: Any,  # noqa: ARG001  # with it among its fixtures, anyio runs this
) -> AsyncIterator[Theater]:
    async with Theater(tmp_path / "theater" if request.param == "folder" else None) as theater:
        yield theater


async def test_a_store_that_was_granted_can_be_read_by_the_other(either: Theater) -> None:
    lender, reader = await either.spawn(Shelf()), await either.spawn(Shelf())

    store, ref = await lender.ask(Shelf.share, b"shared", reader)

    assert await reader.ask(Shelf.read, store, ref) == b"shared"
    assert only(either, lender, "store/grant").body["to"] == reader.id


async def test_a_store_that_was_not_granted_is_not_found(either: Theater) -> None:
    lender, reader, stranger = [await either.spawn(Shelf()) for _ in range(3)]

    store, ref = await lender.ask(Shelf.share, b"shared", reader)

    assert await stranger.ask(Shelf.read, store, ref) is None


async def test_ids_of_stores_are_never_the_same(either: Theater) -> None:
    first, second = await either.spawn(Shelf()), await either.spawn(Shelf())

    assert len({*await first.ask(Shelf.ids), *await second.ask(Shelf.ids)}) == 6


async def test_a_stream_of_any_size_is_kept(either: Theater) -> None:
    shelf = await either.spawn(Shelf())

    ref = await shelf.ask(Shelf.stream, 3)

    assert ref == str(ContentRef.of(CONTENT * 3))
    assert kinds(either, shelf)[-2:] == ["store/put_stream", "message/handled"]


async def test_a_stream_of_a_killed_actor_is_given_up(either: Theater) -> None:
    async def stream() -> None:
        with pytest.raises(ActorFailedError):
            await shelf.ask(Shelf.stream, 1, stuck=True)

    shelf = await either.spawn(Shelf())
    before = asyncio.all_tasks()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stream)
        while shelf._cell.stores is None:
            await anyio.lowlevel.checkpoint()
        await shelf.kill()

    assert kinds(either, shelf)[-1] == "actor/stopped"
    assert not [task for task in asyncio.all_tasks() - before if "put" in repr(task.get_coro())]


async def test_a_folder_that_is_read_by_another_actor_after_a_close(tmp_path: Path) -> None:
    async with Theater(tmp_path / "theater") as theater:
        lender, reader = (
            await theater.spawn(Shelf(), name="lender"),
            await theater.spawn(Shelf(), name="reader"),
        )
        store, ref = await lender.ask(Shelf.share, CONTENT, reader)

    async with Theater(tmp_path / "theater") as theater:
        await theater.resume()
        assert await theater.find("reader").ask(Shelf.read, store, ref) == CONTENT


async def test_what_a_store_wrote_comes_after_the_message_that_asked(either: Theater) -> None:
    shelf = await either.spawn(Shelf())

    await shelf.ask(Shelf.keep, b"content")

    assert kinds(either, shelf) == ["message/received", "store/new", "store/store", "message/handled"]
