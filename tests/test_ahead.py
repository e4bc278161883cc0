"""Large contents that are written while they are hashed: written once, found whole, nothing left behind."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Callable
from hashlib import sha256
from pathlib import Path
from threading import Event as Gate
from typing import Any

import pytest
from anyio import create_task_group, to_thread
from journal_contract import Scribe, committed
from journal_disks import FailingDisk
from players import Player, Playhouse

from theater.content import ContentRef
from theater.errors import DiskFullError, JournalFailedError, NotAllowedError, StoreNotFoundError
from theater.grants import Grants
from theater.journal import DiskJournal
from theater.journal.ahead import Ahead
from theater.journal.blobs import Draft
from theater.loop import until_done

pytestmark = [pytest.mark.anyio, pytest.mark.real_clock]

LARGE = os.urandom(1 << 10) * 1_025  # over 1 MiB, so it gets a file
DIGEST = sha256(LARGE).digest()


class Paper:
    """A draft that notes what it is told; writing waits for the gate, or fails."""

    def __init__(self, error: OSError | None = None) -> None:
        self.told: list[str] = []
        self.gate = Gate()
        self.gate.set()
        self.begun = Gate()
        self._error = error

    def write(self, chunk: bytes) -> None:
        del chunk
        self.begun.set()
        assert self.gate.wait(10)
        self.told.append("write")
        if self._error is not None:
            raise self._error

    def sync(self) -> None:
        self.told.append("sync")

    def publish(self, digest: bytes) -> None:
        del digest
        self.told.append("publish")

    def abort(self) -> None:
        self.told.append("abort")


def used(digest: bytes, content: bytes, ahead: Ahead) -> None:
    del digest, content
    ahead.is_used = True


def unused(digest: bytes, content: bytes, ahead: Ahead) -> None:
    """The content is held already."""


# -- the draft -------------------------------------------------------------------------------------------


def test_what_a_worker_has_written_is_published_as_it_is() -> None:
    paper = Paper()
    ahead = Ahead(paper, LARGE, put=used)

    ahead.run()
    ahead.put(DIGEST)
    ahead.drop()
    ahead.write(LARGE)
    ahead.publish(DIGEST)

    assert paper.told == ["write", "sync", "publish"]


def test_a_writer_that_comes_first_writes_and_the_worker_leaves_it_alone() -> None:
    paper = Paper()
    ahead = Ahead(paper, LARGE, put=used)
    ahead.put(DIGEST)

    ahead.write(LARGE)
    ahead.sync()
    ahead.run()

    assert paper.told == ["write", "sync"]


async def test_a_writer_waits_for_a_worker_that_has_begun() -> None:
    paper = Paper()
    paper.gate.clear()
    ahead = Ahead(paper, LARGE, put=used)
    ahead.put(DIGEST)

    async with create_task_group() as tasks:
        tasks.start_soon(to_thread.run_sync, ahead.run)
        await to_thread.run_sync(paper.begun.wait, 10)
        tasks.start_soon(to_thread.run_sync, ahead.write, LARGE)
        paper.gate.set()

    assert paper.told == ["write", "sync"]


def test_a_writer_meets_the_error_of_the_worker() -> None:
    ahead = Ahead(Paper(OSError(errno.EIO, "gone")), LARGE, put=used)

    ahead.run()

    with pytest.raises(OSError, match="gone"):
        ahead.write(LARGE)


@pytest.mark.parametrize("end", [Ahead.drop, Ahead.abort])
def test_what_was_dropped_is_never_written(end: Callable[[Ahead], None]) -> None:
    paper = Paper()
    ahead = Ahead(paper, LARGE, put=unused)
    ahead.put(DIGEST)

    end(ahead)
    ahead.run()

    assert set(paper.told) == {"abort"}


async def test_dropping_waits_for_nobody_and_the_worker_tidies_up() -> None:
    paper = Paper()
    paper.gate.clear()
    ahead = Ahead(paper, LARGE, put=unused)

    async with create_task_group() as tasks:
        tasks.start_soon(to_thread.run_sync, ahead.run)
        await to_thread.run_sync(paper.begun.wait, 10)
        ahead.drop()
        assert paper.told == []
        paper.gate.set()

    assert paper.told == ["write", "sync", "abort"]


# -- a store's large contents ----------------------------------------------------------------------------


@pytest.fixture
async def disk() -> FailingDisk:
    return FailingDisk()


@pytest.fixture
async def journal(tmp_path: Path, disk: FailingDisk) -> AsyncIterator[DiskJournal]:
    journal = DiskJournal(tmp_path / "theater", calls=disk.calls)
    await journal.open()
    yield journal
    await until_done(*(task for task in asyncio.all_tasks() if "in_thread" in repr(task.get_coro())))
    await journal.close()
    assert not list((tmp_path / "theater" / "tmp").iterdir())


@pytest.fixture
async def player(journal: DiskJournal) -> AsyncIterator[Player]:
    player = Playhouse(journal).player()
    await player.store.list_labels()
    yield player
    player.end()


async def test_a_large_content_is_written_once_and_read_whole(
    player: Player, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    write = Draft.write

    def count(draft: Draft, chunk: bytes) -> None:
        written.append(len(chunk))
        write(draft, chunk)

    monkeypatch.setattr(Draft, "write", count)

    ref = await player.store.store(LARGE)

    assert written == [len(LARGE)]
    assert await player.store.get(ref) == LARGE


async def test_a_large_content_that_is_held_already_is_kept_once(
    player: Player, journal: DiskJournal, tmp_path: Path
) -> None:
    Scribe(journal, 9).keep(LARGE)
    await committed(journal)

    assert await player.store.store(LARGE) == ContentRef.of(LARGE)

    assert len([path for path in (tmp_path / "theater" / "blobs").rglob("*") if path.is_file()]) == 1


async def test_a_large_content_for_no_store_leaves_nothing(player: Player, tmp_path: Path) -> None:
    with pytest.raises(StoreNotFoundError):
        await player.stores.open("0" * 32).store(LARGE)

    assert not list((tmp_path / "theater" / "blobs").iterdir())


@pytest.mark.parametrize("why", ["no such store", "too much"])
async def test_a_large_content_that_is_refused_is_never_written(
    player: Player, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    store = player.stores.open("0" * 32) if why == "no such store" else player.store
    player.grants = None if why == "no such store" else Grants(stores="own", bytes_stored=len(LARGE) - 1)
    begun: list[int] = []
    monkeypatch.setattr(Draft, "__init__", lambda _, *__, room: begun.append(room))

    with pytest.raises((StoreNotFoundError, NotAllowedError)):
        await store.store(LARGE)

    assert begun == []
    assert player.told()[-1][1]["size"] == len(LARGE)


@pytest.mark.parametrize("failing", ["allocate", "open"])
async def test_a_large_content_that_does_not_fit_ahead_is_put_when_it_has_a_name(
    player: Player, disk: FailingDisk, failing: str
) -> None:
    disk.fail_next(failing, error=errno.ENOSPC)

    assert await player.store.get(await player.store.store(LARGE)) == LARGE


async def test_a_large_content_that_fits_nowhere_is_refused_on_record(tmp_path: Path) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "no room")

    journal = DiskJournal(tmp_path, calls=FailingDisk().calls)
    await journal.open()
    player = Playhouse(journal).player()
    await player.store.list_labels()
    object.__setattr__(journal._log._calls, "allocate", refuse)  # type: ignore[attr-defined]  # of a `Log`

    with pytest.raises(DiskFullError):
        await player.store.store(LARGE)

    assert player.told()[-1][1]["size"] == len(LARGE)
    assert player.told()[-1][1]["error"]["class"] == "DiskFullError"
    player.end()
    await journal.close()


async def test_a_disk_that_fails_ahead_is_the_end_of_the_journal(tmp_path: Path, disk: FailingDisk) -> None:
    journal = DiskJournal(tmp_path / "failing", calls=disk.calls)
    await journal.open()
    player = Playhouse(journal).player()
    await player.store.list_labels()
    await committed(journal)
    disk.fail_next("write")

    with pytest.raises(JournalFailedError):
        await player.store.store(LARGE)

    assert journal.failed is not None
    player.end()
    await journal.close()
    assert not list((tmp_path / "failing" / "tmp").iterdir())


async def test_after_its_end_a_journal_takes_nothing_ahead(tmp_path: Path) -> None:
    journal = DiskJournal(tmp_path)
    await journal.open()
    await journal.close()

    assert journal.ahead(LARGE) is None
