"""Content of any size on its way into a store and out of it."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path
from threading import Event
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint
from players import HeldJournal, Player, Playhouse

from theater.content import ContentRef
from theater.errors import (
    ContentNotFoundError,
    CorruptContentError,
    DiskFullError,
    MalformedError,
    StoreNotFoundError,
)
from theater.journal.memory import MemoryIngest
from theater.store import Store
from theater.store.intake import BLOCK, FileBlocks, _Intake

LONG = bytes(range(256)) * 10_000  # two and a half blocks
SHORT = b"one block"
REF = ContentRef.of(b"never stored")

both_sizes = pytest.mark.parametrize("content", [SHORT, LONG], ids=["short", "long"])


class Watched(MemoryIngest):
    """What happens to content on its way in."""

    def __init__(self, journal: Journal) -> None:
        super().__init__(journal._contents)
        self.room = journal.room
        self.gate = journal.gate
        self.written = 0
        self.largest = 0
        self.is_aborted = False

    def write(self, chunk: bytes) -> None:
        self.gate.wait(10)
        assert not self.is_aborted
        self.written += len(chunk)
        self.largest = max(self.largest, len(chunk))
        if self.written > self.room:
            raise DiskFullError("it does not fit")
        super().write(chunk)

    def abort(self) -> None:
        self.is_aborted = True
        super().abort()


class Journal(HeldJournal):
    def __init__(self) -> None:
        super().__init__()
        self.ingests: list[Watched] = []
        self.begun = Event()
        self.gate = Event()
        self.gate.set()

    def ingest(self) -> Watched:
        self.ingests.append(Watched(self))
        self.begun.set()
        return self.ingests[-1]


@pytest.fixture
def journal() -> Journal:
    return Journal()


@pytest.fixture
async def player(journal: Journal) -> AsyncIterator[Player]:
    player = Playhouse(journal).player()
    yield player
    player.end()
    await checkpoint()


@pytest.fixture
async def store(player: Player) -> Store:
    return player.store


class Source:
    """Content in pieces; it may wait for a gate before the last, and may end in an error."""

    def __init__(self, content: bytes, *, piece: int = 100_000, error: Exception | None = None) -> None:
        self.left = content
        self.piece = piece
        self.error = error
        self.gate = anyio.Event()
        self.gate.set()
        self.is_begun = False

    def __aiter__(self) -> Source:
        return self

    async def __anext__(self) -> bytes:
        self.is_begun = True
        piece, self.left = self.left[: self.piece], self.left[self.piece :]
        if not self.left:
            await self.gate.wait()
        if not piece:
            raise self.error or StopAsyncIteration
        return piece


def kinds(player: Player) -> list[str]:
    return [kind.removeprefix("store/") for kind, _ in player.told()]


# -- in --------------------------------------------------------------------------------------------------


@both_sizes
async def test_a_stream_is_kept_under_the_hash_of_all_its_bytes(store: Store, content: bytes) -> None:
    ref = await store.put_stream(Source(content))

    assert ref == ContentRef.of(content)
    assert await store.get(ref) == content
    assert await store.calculate_total_size() == len(content)


async def test_an_empty_stream_is_the_empty_content(store: Store) -> None:
    assert await store.put_stream(Source(b"")) == ContentRef.of(b"")


@both_sizes
async def test_a_stream_is_one_event_with_ref_and_size(store: Store, player: Player, content: bytes) -> None:
    ref = await store.put_stream(Source(content))

    assert player.told()[1:] == [("store/put_stream", {"ref": ref, "size": len(content)})]


async def test_a_long_stream_goes_in_block_by_block(store: Store, journal: Journal) -> None:
    await store.put_stream(Source(LONG))

    assert journal.ingests[0].largest <= BLOCK + 100_000
    assert not journal.ingests[0].is_aborted


async def test_short_streams_need_no_ingest(store: Store, journal: Journal) -> None:
    await store.put_stream(Source(b"x" * BLOCK))

    assert journal.ingests == []


async def test_an_anyio_byte_stream_is_a_source(store: Store) -> None:
    ref = await store.put_stream(Source(LONG))

    assert await store.put_stream(store.get_stream(ref)) == ref


async def test_pieces_may_be_any_kind_of_bytes_and_are_copied(store: Store) -> None:
    async def pieces() -> AsyncIterator[Any]:
        piece = bytearray(b"abc")
        yield piece
        piece[:] = b"xyz"
        yield memoryview(b"def")

    assert await store.put_stream(pieces()) == ContentRef.of(b"abcdef")


async def test_what_is_no_stream_is_refused_before_anything_is_written(player: Player) -> None:
    wrong: Any = [b"abc"]

    with pytest.raises(TypeError, match="async iterable"):
        await player.store.put_stream(wrong)

    assert player.told() == []


@pytest.mark.parametrize("piece", ["text", 7])
async def test_a_piece_that_is_not_bytes_fails_the_request(store: Store, player: Player, piece: Any) -> None:
    async def pieces() -> AsyncIterator[Any]:
        yield b"abc"
        yield piece

    with pytest.raises(TypeError):
        await store.put_stream(pieces())

    assert player.told()[-1][1]["error"]["class"] == "TypeError"
    assert await store.list_all_content() == []


@both_sizes
async def test_what_the_source_raises_is_raised_and_recorded_and_nothing_is_kept(
    store: Store, player: Player, journal: Journal, content: bytes
) -> None:
    with pytest.raises(ConnectionError):
        await store.put_stream(Source(content, error=ConnectionError("reset by peer")))

    error = {"class": "ConnectionError", "text": "reset by peer"}
    assert player.told()[1:] == [("store/put_stream", {"error": error})]
    assert await store.list_all_content() == []
    assert all(ingest.is_aborted for ingest in journal.ingests)


async def test_a_stream_that_does_not_fit_is_refused_and_nothing_is_kept(
    store: Store, player: Player, journal: Journal
) -> None:
    journal.room = 2 * BLOCK

    with pytest.raises(DiskFullError):
        await store.put_stream(Source(LONG))

    assert journal.ingests[0].is_aborted
    assert player.told()[-1][1]["error"]["class"] == "DiskFullError"
    assert await store.list_all_content() == []


async def test_a_stream_into_no_store_is_refused_before_it_is_read(player: Player) -> None:
    source = Source(LONG)

    with pytest.raises(StoreNotFoundError):
        await player.stores.open("").put_stream(source)

    assert not source.is_begun


@both_sizes
async def test_a_stream_takes_its_place_when_it_ends_and_later_requests_do_not_wait(
    store: Store, player: Player, content: bytes
) -> None:
    source = Source(content)
    source.gate = anyio.Event()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(store.put_stream, source)
        await anyio.sleep(0.1)
        await store.store(b"later")
        assert await store.list_all_content() == [ContentRef.of(b"later")]
        source.gate.set()

    assert kinds(player) == ["new", "store", "list_all_content", "put_stream"]


@both_sizes
async def test_a_stream_waits_for_the_commit(store: Store, journal: Journal, content: bytes) -> None:
    returned: list[ContentRef] = []
    await store.list_labels()
    journal.holds_back = True

    async def put() -> None:
        returned.append(await store.put_stream(Source(content)))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(put)
        await anyio.sleep(0.2)
        assert returned == []
        journal.holds_back = False
        journal.commit()

    assert returned == [ContentRef.of(content)]


async def test_a_stream_that_is_given_up_leaves_nothing(
    store: Store, player: Player, journal: Journal
) -> None:
    source = Source(LONG)
    source.gate = anyio.Event()

    with anyio.move_on_after(1):
        await store.put_stream(source)

    assert journal.ingests[0].is_aborted
    assert kinds(player) == ["new"]


@pytest.mark.parametrize("how", ["scope", "task"])
async def test_giving_up_waits_for_the_thread_that_writes(store: Store, journal: Journal, how: str) -> None:
    journal.gate.clear()
    await store.list_labels()
    scope = anyio.CancelScope()

    async def put() -> None:
        with scope:
            await store.put_stream(Source(LONG))

    task = asyncio.get_running_loop().create_task(put())
    await anyio.to_thread.run_sync(journal.begun.wait, 10)
    if how == "scope":
        scope.cancel()
    else:
        task.cancel()
    await anyio.sleep(0.01)
    assert not task.done()

    journal.gate.set()
    await asyncio.wait([task])

    assert journal.ingests[0].is_aborted
    assert journal.ingests[0].written <= BLOCK + 100_000


def test_bytes_that_come_after_giving_up_are_dropped(journal: Journal) -> None:
    intake = _Intake(journal, None)
    intake._abort()

    intake._write(LONG)
    intake._publish(LONG)

    assert journal.ingests == []
    assert intake.published is None


# -- files -----------------------------------------------------------------------------------------------


@both_sizes
@pytest.mark.parametrize("kind", [str, Path])
async def test_a_file_is_kept_like_its_bytes(
    store: Store, player: Player, tmp_path: Path, content: bytes, kind: type[str | Path]
) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)

    ref = await store.put_file(kind(path))

    assert ref == ContentRef.of(content)
    assert await store.get(ref) == content
    assert player.told()[1] == ("store/put_file", {"path": str(path), "ref": ref, "size": len(content)})


async def test_a_file_that_cannot_be_read_is_an_error_on_record(
    store: Store, player: Player, tmp_path: Path
) -> None:
    for path, error in ((tmp_path / "none", FileNotFoundError), (tmp_path, IsADirectoryError)):
        with pytest.raises(error):
            await store.put_file(path)

        assert player.told()[-1][1]["error"]["class"] == error.__name__
        assert player.told()[-1][1]["path"] == str(path)


async def test_a_path_that_is_no_text_is_recorded_escaped(store: Store, player: Player) -> None:
    with pytest.raises(FileNotFoundError):
        await store.put_file("/no/such/\udcff")

    assert player.told()[-1][1]["path"] == "/no/such/\\xff"


@pytest.mark.parametrize(("path", "error"), [(7, TypeError), ("x" * 5_000, MalformedError)])
async def test_what_is_no_path_is_refused_before_anything_is_written(
    player: Player, path: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await player.store.put_file(path)

    assert player.told() == []


async def test_a_file_that_was_given_up_is_not_read_on(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(LONG)

    async with FileBlocks(path) as blocks:
        await anext(blocks)

    assert [block async for block in blocks] == []


# -- out -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"a", LONG[:BLOCK], LONG[: BLOCK + 1], LONG], ids=len)
async def test_a_stream_gives_back_all_the_bytes(store: Store, content: bytes) -> None:
    ref = await store.store(content)

    chunks = [chunk async for chunk in store.get_stream(ref)]

    assert b"".join(chunks) == content
    assert all(0 < len(chunk) <= BLOCK for chunk in chunks)


async def test_reading_a_stream_is_one_event_with_the_question(store: Store, player: Player) -> None:
    ref = await store.store(LONG)

    async for _ in store.get_stream(ref):
        pass

    assert player.told()[2:] == [("store/get_stream", {"ref": ref})]


async def test_a_stream_nobody_reads_is_never_asked_for(store: Store, player: Player) -> None:
    store.get_stream(REF)

    assert "get_stream" not in kinds(player)


async def test_awaiting_a_stream_verifies_it_at_once(store: Store, player: Player) -> None:
    ref = await store.store(LONG)

    stream = await store.get_stream(ref)

    assert kinds(player)[-1] == "get_stream"
    assert b"".join([chunk async for chunk in stream]) == LONG
    assert kinds(player).count("get_stream") == 1


async def test_as_many_bytes_as_asked_for_are_received(store: Store) -> None:
    ref = await store.store(LONG)
    received = bytearray()

    async with store.get_stream(ref) as stream:
        while len(received) < len(LONG):
            chunk = await stream.receive(300_000)
            assert len(chunk) <= 300_000
            received += chunk
        with pytest.raises(anyio.EndOfStream):
            await stream.receive()

    assert received == LONG


async def test_a_stream_of_what_this_store_never_stored_is_not_found(player: Player) -> None:
    ref = await (await player.stores.new()).store(LONG)

    with pytest.raises(ContentNotFoundError):
        async for _ in player.store.get_stream(ref):
            pass

    assert player.told()[-1][1]["error"]["class"] == "ContentNotFoundError"


@both_sizes
@pytest.mark.parametrize("harm", ["rot", "lose", "cut"])
async def test_a_corrupt_copy_gives_not_one_byte(
    store: Store, player: Player, journal: Journal, content: bytes, harm: str
) -> None:
    ref = await store.store(content)
    getattr(journal, harm)(ref)
    received = bytearray()

    with pytest.raises(CorruptContentError):
        async for chunk in store.get_stream(ref):
            received += chunk

    assert not received
    assert player.told()[-1] == ("store/get_stream", {"ref": ref, "error": player.told()[-1][1]["error"]})
    assert await store.get(await store.store(content)) == content


@pytest.mark.parametrize("harm", ["rot", "lose", "cut"])
async def test_a_copy_that_rots_while_it_is_read_never_looks_whole(
    store: Store, player: Player, journal: Journal, harm: str
) -> None:
    ref = await store.store(LONG)
    stream = await store.get_stream(ref)
    getattr(journal, harm)(ref)
    received = bytearray()

    with pytest.raises(CorruptContentError):
        async for chunk in stream:
            received += chunk

    assert len(received) < len(LONG)
    assert player.told()[-1][1]["error"]["class"] == "CorruptContentError"
    with pytest.raises(anyio.ClosedResourceError):
        await stream.receive()


async def test_a_closed_stream_is_not_read(store: Store) -> None:
    ref = await store.store(LONG)
    stream = await store.get_stream(ref)
    await stream.receive(1)

    await stream.aclose()

    with pytest.raises(anyio.ClosedResourceError):
        await stream.receive()


async def test_two_tasks_cannot_read_one_stream(store: Store) -> None:
    ref = await store.store(LONG)
    stream = store.get_stream(ref)

    with pytest.raises(BaseExceptionGroup) as caught:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stream.receive)
            tasks.start_soon(stream.receive)

    assert caught.group_contains(anyio.BusyResourceError)


async def test_other_requests_go_on_while_a_stream_is_read(store: Store) -> None:
    ref = await store.store(LONG)

    async with store.get_stream(ref) as stream:
        await stream.receive(1)
        assert await store.get_by_label("x") is None
        assert len(await stream.receive(1)) == 1


@pytest.mark.real_clock
async def test_streams_need_constant_memory(store: Store) -> None:
    """Of 64 MiB that lie in the journal alone, at most 8 MiB are in hand at any moment."""
    content = bytes(64 * BLOCK)
    ref = await store.store(content)

    async def read_and_drop() -> None:
        async for _ in store.get_stream(ref):
            pass

    tracemalloc.start()
    await read_and_drop()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 8 * BLOCK
