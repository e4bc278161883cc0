"""Limits of stores: which an actor may use, and how many bytes it may keep."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from told import told

from theater import (
    ALL,
    Actor,
    ActorFailedError,
    ActorRef,
    ContentRef,
    Grants,
    NotAllowedError,
    StoreNotFoundError,
    Theater,
    handler,
)

BLOCK = 1_048_576


class Blocks:
    """An endless source of bytes that counts what is taken from it."""

    def __init__(self, size: int) -> None:
        self.given = 0
        self._size = size

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            self.given += self._size
            yield bytes(self._size)


SOURCES: list[Blocks] = []


class Librarian(Actor):
    """Keeps what it is given, as far as it may."""

    further: str = ""  # the id of its second store

    @handler(raises=(NotAllowedError,))
    async def keep(self, content: bytes) -> ContentRef:
        return await self.context.store.store(content)

    @handler(raises=(NotAllowedError,))
    async def keep_at(self, label: str, content: bytes) -> ContentRef:
        return await self.context.store.replace_content_at_label(label, content)

    @handler(raises=(NotAllowedError,))
    async def make(self) -> str:
        self.further = (await self.context.stores.new()).id
        return self.further

    @handler(raises=(NotAllowedError,))
    async def keep_further(self, content: bytes) -> ContentRef:
        return await self.context.stores.open(self.further).store(content)

    @handler(raises=(NotAllowedError, StoreNotFoundError))
    async def look(self, store: str, ref: ContentRef) -> bytes:
        return await self.context.stores.open(store).get(ref)

    @handler(raises=(NotAllowedError,))
    async def lend(self, to: ActorRef[Any]) -> str:
        await self.context.stores.grant(self.context.store, to=to)
        return self.context.store.id

    @handler(raises=(NotAllowedError,))
    async def drink(self) -> ContentRef:
        return await self.context.store.put_stream(SOURCES[-1].__aiter__())

    @handler(raises=(NotAllowedError,))
    async def keep_file(self, path: str) -> ContentRef:
        return await self.context.store.put_file(path)

    @handler
    async def size(self) -> int:
        return await self.context.store.calculate_total_size()

    @handler
    async def fail(self) -> None:
        raise RuntimeError("on purpose")


def refused(theater: Theater, actor: ActorRef[Any]) -> list[tuple[str, str]]:
    """The store events of this actor that are refusals: kind and error."""
    return [
        (event.kind, event.body["error"]["class"])
        for event in theater.chain(actor)
        if event.kind.startswith("store/") and "error" in event.body
    ]


async def test_without_a_grant_an_actor_has_no_store(theater: Theater) -> None:
    librarian = await theater.spawn(Librarian(), grants=Grants(bytes_stored=ALL))

    for _ in range(2):
        with pytest.raises(NotAllowedError, match="to use a store of its own"):
            await librarian.ask(Librarian.keep, b"content")

    assert refused(theater, librarian) == [("store/new", "NotAllowedError")] * 2


async def test_its_own_store_is_no_grant_to_make_more(theater: Theater) -> None:
    librarian = await theater.spawn(Librarian(), grants=Grants(stores="own", bytes_stored=ALL))

    await librarian.ask(Librarian.keep, b"content")
    with pytest.raises(NotAllowedError, match="to make further stores"):
        await librarian.ask(Librarian.make)

    assert refused(theater, librarian) == [("store/new", "NotAllowedError")]


async def test_stores_of_others_are_read_where_it_is_granted(theater: Theater) -> None:
    lender = await theater.spawn(Librarian(), grants=Grants(stores=["own", "lend"], bytes_stored=7))
    reader = await theater.spawn(Librarian(), grants=Grants(stores="others"))
    stranger = await theater.spawn(Librarian(), grants=Grants(stores="own"))
    ref = await lender.ask(Librarian.keep, b"content")
    store = await lender.ask(Librarian.lend, reader)
    await lender.ask(Librarian.lend, stranger)

    assert await reader.ask(Librarian.look, store, ref) == b"content"
    for any_store in (store, "0" * 32):
        with pytest.raises(NotAllowedError, match="to read stores of others"):
            await stranger.ask(Librarian.look, any_store, ref)
    with pytest.raises(StoreNotFoundError):
        await reader.ask(Librarian.look, "0" * 32, ref)


async def test_a_store_is_lent_where_it_is_granted(theater: Theater) -> None:
    librarian = await theater.spawn(Librarian(), grants=Grants(stores="own", bytes_stored=7))
    other = await theater.spawn(Librarian())
    ref = await librarian.ask(Librarian.keep, b"content")

    with pytest.raises(NotAllowedError, match="to lend its stores"):
        await librarian.ask(Librarian.lend, other)

    store = told(theater, librarian, "store/new")[0].body["store"]
    with pytest.raises(StoreNotFoundError):
        await other.ask(Librarian.look, store, ref)


async def test_no_more_bytes_are_kept_than_were_granted(theater: Theater) -> None:
    librarian = await theater.spawn(Librarian(), grants=Grants(stores=ALL, bytes_stored=10))

    await librarian.ask(Librarian.keep, bytes(6))
    with pytest.raises(NotAllowedError, match="its stores would hold 11 bytes; granted: 10"):
        await librarian.ask(Librarian.keep, b"12345")
    with pytest.raises(NotAllowedError):
        await librarian.ask(Librarian.keep_at, "label", b"12345")
    await librarian.ask(Librarian.keep, b"1234")

    assert await librarian.ask(Librarian.size) == 10
    assert refused(theater, librarian) == [
        ("store/store", "NotAllowedError"),
        ("store/replace_content_at_label", "NotAllowedError"),
    ]


async def test_what_is_kept_already_takes_no_more_room(theater: Theater) -> None:
    librarian = await theater.spawn(Librarian(), grants=Grants(stores=ALL, bytes_stored=10))
    ref = await librarian.ask(Librarian.keep, b"0123456789")
    await librarian.ask(Librarian.make)

    assert await librarian.ask(Librarian.keep, b"0123456789") == ref
    assert await librarian.ask(Librarian.keep_at, "label", b"0123456789") == ref
    assert await librarian.ask(Librarian.keep_further, b"0123456789") == ref
    with pytest.raises(NotAllowedError):
        await librarian.ask(Librarian.keep_further, b"x")


async def test_all_stores_of_an_actor_share_what_was_granted(theater: Theater) -> None:
    librarian = await theater.spawn(Librarian(), grants=Grants(stores=ALL, bytes_stored=10))
    await librarian.ask(Librarian.make)

    await librarian.ask(Librarian.keep, b"012345")
    await librarian.ask(Librarian.keep_further, b"6789")

    for store in (Librarian.keep, Librarian.keep_further):
        with pytest.raises(NotAllowedError):
            await librarian.ask(store, b"x")


async def test_an_actor_that_fails_keeps_what_it_stored_and_what_is_left(theater: Theater) -> None:
    librarian = await theater.spawn(Librarian(), grants=Grants(stores=ALL, bytes_stored=10))
    await librarian.ask(Librarian.keep, bytes(8))

    with pytest.raises(ActorFailedError):
        await librarian.ask(Librarian.fail)

    with pytest.raises(NotAllowedError):
        await librarian.ask(Librarian.keep, b"123")
    await librarian.ask(Librarian.keep, b"12")


@pytest.mark.real_clock
async def test_a_stream_that_grows_too_large_is_cut_off_on_its_way(tmp_path: Path) -> None:
    SOURCES.append(Blocks(BLOCK))
    async with Theater(tmp_path / "folder") as theater:
        librarian = await theater.spawn(Librarian(), grants=Grants(stores="own", bytes_stored=3 * BLOCK))

        with pytest.raises(NotAllowedError):
            await librarian.ask(Librarian.drink)

        assert SOURCES[-1].given == 4 * BLOCK
        assert await librarian.ask(Librarian.size) == 0
        assert refused(theater, librarian) == [("store/put_stream", "NotAllowedError")]


@pytest.mark.real_clock
async def test_a_file_that_fits_only_if_nothing_else_was_kept_is_refused(tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(bytes(2 * BLOCK))
    async with Theater(tmp_path / "folder") as theater:
        librarian = await theater.spawn(Librarian(), grants=Grants(stores="own", bytes_stored=3 * BLOCK))
        await librarian.ask(Librarian.keep, b"x" * (BLOCK + 1))

        with pytest.raises(NotAllowedError):
            await librarian.ask(Librarian.keep_file, str(large))

        assert await librarian.ask(Librarian.size) == BLOCK + 1
