"""The writer thread, and the busy loop that lets it begin."""

from __future__ import annotations

import asyncio
import errno
import os
from hashlib import sha256
from pathlib import Path
from threading import Event, current_thread, main_thread
from types import SimpleNamespace
from typing import Any, cast

import pytest
from journal_contract import Scribe, committed

from theater.journal.calls import Calls
from theater.journal.disk import DiskJournal
from theater.journal.folder import Folder
from theater.journal.log import Log
from theater.journal.pending import Pending
from theater.journal.segment import EVENTS_ROOM
from theater.journal.trust import Trust
from theater.journal.walk import Place
from theater.journal.writer import Writer

pytestmark = [pytest.mark.anyio, pytest.mark.real_clock]
PAGE = 4096


class GatedLog:
    """Writes once `may_write` is set, syncs once `may_sync` is."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.may_write, self.may_sync = Event(), Event()

    def write(self, batch: Pending) -> None:
        assert self.may_write.wait(30)
        self.done.append("written")
        batch.begun()
        assert self.may_sync.wait(30)
        self.done.append("synced")

    def look_ahead(self) -> None:
        """There is always room."""


def nothing(*_: object) -> None:
    """Nobody is to be told."""


def batch() -> Pending:
    return Pending(Place(1, 0), frontier=None)


def test_who_lets_the_writer_begin_stands_still_until_the_write_and_not_for_the_sync(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("theater.journal.writer._PATIENCE", 30)
    log: Any = GatedLog()
    log.may_write.set()
    writer = Writer(log, written=nothing, failed=nothing)

    writer.submit(batch())
    writer.let_begin()
    done = list(log.done)
    log.may_sync.set()
    writer.stop()

    assert done == ["written"]
    assert log.done == ["written", "synced"]


def test_a_write_that_takes_long_is_waited_for_only_a_moment_and_harms_no_later_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log: Any = GatedLog()
    synced = [Event(), Event()]
    told = iter(synced)
    writer = Writer(log, written=lambda _: next(told).set(), failed=nothing)

    writer.submit(batch())
    writer.let_begin()
    before = list(log.done)
    log.may_write.set()
    log.may_sync.set()
    assert synced[0].wait(30)
    log.may_sync.clear()
    monkeypatch.setattr("theater.journal.writer._PATIENCE", 30)
    writer.submit(batch())
    writer.let_begin()
    after = list(log.done)
    log.may_sync.set()
    writer.stop()

    assert before == []
    assert after == ["written", "synced", "written"]


class QuickLog:
    """Notes which thread writes; `takes` are the seconds that writes take on a clock of its own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, takes: tuple[float, ...] = ()) -> None:
        self.by_loop: list[bool] = []
        self.is_plain_now = True
        self.raises: BaseException | None = None
        self._now = 0.0
        self._takes = iter(takes)
        clock = SimpleNamespace(perf_counter=lambda: self._now)
        monkeypatch.setattr("theater.journal.writer.time", clock)
        monkeypatch.setattr("theater.journal.writer.QUICK", 30)

    def is_plain(self, _: Pending) -> bool:
        return self.is_plain_now

    def write(self, _: Pending) -> None:
        self.by_loop.append(current_thread() is main_thread())
        self._now += next(self._takes, 0)
        if self.raises is not None:
            error, self.raises = self.raises, None
            raise error

    def look_ahead(self) -> None:
        """There is always room."""


def trusted(log: QuickLog, **tells: Any) -> Writer:
    """A writer that has seen how quick its log is."""
    writer = Writer(cast("Any", log), **({"written": nothing, "failed": nothing} | tells))
    while not writer._trust.is_given:
        writer._trust.note(is_quick=True)
    return writer


def test_a_loop_that_found_a_disk_quick_for_long_writes_to_it_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    log, told = QuickLog(monkeypatch), []
    writer = Writer(cast("Any", log), written=lambda _: told.append(True), failed=nothing)

    done = []
    for _ in range(40):
        while not writer.is_at_rest:
            pass
        done.append(writer.commit(batch()))
    writer.stop()

    tried = 15  # batches that the thread wrote, and told of, before the disk was tried
    assert log.by_loop == [False] * (tried + 16) + [True] * (40 - tried - 16)
    assert done == [False] * tried + [True] * (40 - tried)
    assert len(told) == tried


def test_a_loop_leaves_to_the_thread_what_is_large_or_needs_preparation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log = QuickLog(monkeypatch)
    large = batch()
    large.buffer += bytes(200_000)

    writer = trusted(log)
    writer.commit(large)
    writer.stop()
    log.is_plain_now = False
    writer = trusted(log)
    writer.commit(batch())
    writer.stop()

    assert log.by_loop == [False, False]


def test_a_process_that_was_forked_leaves_the_log_to_the_one_it_came_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log = QuickLog(monkeypatch)
    writer = trusted(log)
    monkeypatch.setattr("theater.journal.writer.getpid", lambda: os.getpid() + 1)

    writer.commit(batch())
    writer.stop()

    assert log.by_loop == [False]  # by the thread, which a forked process has not


def test_a_batch_that_is_submitted_again_is_written_once(monkeypatch: pytest.MonkeyPatch) -> None:
    log, told = QuickLog(monkeypatch), list[Pending]()
    first, second, third = batch(), batch(), batch()

    writer = trusted(log, written=told.append)
    writer.commit(first)
    writer.again(first)
    writer.submit(second)
    writer.again(second)
    assert writer._at_work.acquire(timeout=30)  # as if ctrl-C came before it began to write
    writer.again(third)
    writer.stop()

    assert log.by_loop == [True, False, False]
    assert told == [first, second, second, third]


def test_a_disk_that_stalls_stops_the_loop_only_once(monkeypatch: pytest.MonkeyPatch) -> None:
    log = QuickLog(monkeypatch, takes=(0, 31))
    writer = trusted(log)

    for _ in range(4):
        writer.commit(batch())
    writer.stop()

    assert log.by_loop == [True, True, False, False]


def test_a_write_that_the_loop_stands_by_for_too_long_is_told_of_later() -> None:
    log: Any = GatedLog()
    told = Event()
    writer = Writer(log, written=lambda _: told.set(), failed=nothing)
    writer._trust.note(is_quick=True)

    is_done = writer.commit(batch())
    was_told = told.is_set()
    log.may_write.set()
    log.may_sync.set()

    assert told.wait(30)
    writer.stop()
    assert (is_done, was_told) == (False, False)


def test_a_failure_while_the_loop_writes_is_told_and_nothing_is_taken_for_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log = QuickLog(monkeypatch)
    failures: list[Exception] = []
    writer = trusted(log, failed=failures.append)
    log.raises = OSError(errno.EIO, "gone")

    is_done = writer.commit(batch())
    writer.stop()

    assert not is_done
    assert [error.errno for error in failures if isinstance(error, OSError)] == [errno.EIO]
    assert log.by_loop == [True]


async def test_ctrl_c_while_the_loop_writes_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = DiskJournal(tmp_path)
    await journal.open()
    scribe, write = Scribe(journal), Log.write
    monkeypatch.setattr(Trust, "is_given", True)

    def interrupted(*_: object) -> None:
        monkeypatch.setattr(Log, "write", write)
        raise KeyboardInterrupt

    scribe.write()
    journal.then(asyncio.get_running_loop().create_future(), None)
    monkeypatch.setattr(Log, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        journal._commits.seal()
    scribe.write()
    await committed(journal)
    await journal.close()

    again = DiskJournal(tmp_path)
    await again.open()
    assert again.size == 2
    await again.close()


async def test_room_that_a_batch_did_not_use_is_the_next_batchs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Place] = []
    reserve = Log.reserve

    def noted(log: Log, place: Place) -> int:
        asked.append(place)
        return reserve(log, place)

    monkeypatch.setattr(Log, "reserve", noted)
    journal = DiskJournal(tmp_path, segment_bytes=300_000)
    await journal.open()
    scribe = Scribe(journal)
    for number in range(60):
        content = bytes([number]) * 10_000
        journal.put(sha256(content).digest(), content, kept=True)
        scribe.write()
        await committed(journal)
    await journal.close()

    assert {place.segment for place in asked} >= {1, 2}  # each has room of its own
    assert len(asked) < 20


@pytest.mark.parametrize("size", [1_500, 100_000])
def test_a_batch_is_plain_unless_zeros_come_with_it_or_the_next_segment_is_to_be_made(
    tmp_path: Path, size: int
) -> None:
    log = Log(made_folder(tmp_path), Place(1, 0), calls=Calls(sync=nothing), segment_bytes=9 << 20)
    place, plain = Place(1, 0), []

    while log.ahead[1] == 0:
        pending = Pending(place, frontier=None)
        pending.buffer += bytes(size)
        before = log.ahead
        plain.append(log.is_plain(pending))
        log.write(pending)
        log.look_ahead()
        assert plain[-1] == (log.ahead == before)
        place = pending.end
    log.close()

    assert True in plain
    assert False in plain


@pytest.mark.parametrize("is_busy", [True, False])
async def test_only_a_busy_loop_stands_still(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    is_busy: bool,  # noqa: FBT001
) -> None:
    let: list[bool] = []
    monkeypatch.setattr("theater.journal.breath.Breath.begin", lambda _: is_busy)
    monkeypatch.setattr(Writer, "let_begin", lambda _: let.append(True))
    journal = DiskJournal(tmp_path)
    await journal.open()

    Scribe(journal).write()
    await committed(journal)
    await journal.close()

    assert len(let) == is_busy


async def test_a_busy_loop_does_not_stand_still_for_what_nobody_waits_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    let: list[bool] = []
    monkeypatch.setattr("theater.journal.breath.Breath.begin", lambda _: True)
    monkeypatch.setattr(Writer, "let_begin", lambda _: let.append(True))
    journal = DiskJournal(tmp_path)
    await journal.open()

    Scribe(journal).write()
    while not journal.committed:  # noqa: ASYNC110  # until it has lingered
        await asyncio.sleep(0)
    await journal.close()

    assert let == []


async def test_a_writer_that_prepares_room_is_still_given_breath(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, looks = Event(), Event()

    def look_ahead(_: Log) -> None:
        looks.set()
        assert gate.wait(30)

    journal = DiskJournal(tmp_path)
    await journal.open()
    commits = journal._commits
    monkeypatch.setattr(Log, "look_ahead", look_ahead)
    Scribe(journal).write()
    await committed(journal)
    assert looks.wait(30)

    assert commits._is_writing()
    gate.set()
    while commits._is_writing():  # noqa: ASYNC110  # until the writer rests
        await asyncio.sleep(0)
    await journal.close()


class CountedDisk:
    """Counts the calls that the writer makes for a log; has no room for zeros if `is_full`."""

    def __init__(self, *, is_full: bool = False) -> None:
        self.done: list[str] = []
        self._is_full = is_full
        self.calls = Calls(write=self._write, sync=self._sync, allocate=self._allocate)

    def _write(self, descriptor: int, content: bytes | bytearray | memoryview, at: int) -> int:
        self.done.append("write")
        if self._is_full and bytes(content[-PAGE:]) == bytes(PAGE):
            os.pwrite(descriptor, content[:PAGE], at)
            raise OSError(errno.ENOSPC, "no room")
        return os.pwrite(descriptor, content, at)

    def _sync(self, descriptor: int) -> None:
        del descriptor
        self.done.append("sync")

    def _allocate(self, descriptor: int, start: int, length: int) -> None:
        self.done.append("allocate")
        os.posix_fallocate(descriptor, start, length)


def written(log: Log, *, batches: int, size: int) -> list[int]:
    """Write batches as the writer does; returns for each how long its segment was then."""
    lengths, place = [], Place(1, 0)
    for number in range(batches):
        pending = Pending(place, frontier=None)
        pending.buffer += bytes([1 + number % 255]) * size
        log.write(pending)
        log.look_ahead()
        place = pending.end
        lengths.append(log.ahead[0])
    return lengths


@pytest.mark.parametrize("size", [20_000, 700_000])
def test_a_batch_costs_one_write_and_one_sync_also_when_room_is_made_for_the_next(
    tmp_path: Path, size: int
) -> None:
    disk = CountedDisk()
    folder = made_folder(tmp_path)
    log = Log(folder, Place(1, 0), calls=disk.calls)
    disk.done.clear()

    count = 4_000_000 // size
    lengths = written(log, batches=count, size=size)
    log.close()

    assert disk.done == ["write", "sync"] * count
    assert len(set(lengths)) > 2
    assert all(length - size * (number + 1) >= EVENTS_ROOM for number, length in enumerate(lengths))
    content = folder.segment(1).read_bytes()
    assert content == b"".join(bytes([1 + number % 255]) * size for number in range(count)).ljust(
        lengths[-1], b"\0"
    )


def test_zeros_that_no_longer_fit_keep_no_batch_from_the_disk(tmp_path: Path) -> None:
    disk = CountedDisk(is_full=True)
    folder = made_folder(tmp_path)
    log = Log(folder, Place(1, 0), calls=disk.calls)
    log.reserve(Place(1, 200_000))
    disk.done.clear()

    lengths = written(log, batches=5, size=40_000)
    log.close()

    assert disk.done == ["write", "write", "sync"] * 5
    assert len(set(lengths)) == 1  # what was reserved
    content = folder.segment(1).read_bytes().rstrip(b"\0")
    assert content == b"".join(bytes([number]) * 40_000 for number in range(1, 6))


def made_folder(path: Path) -> Folder:
    folder = Folder(path)
    folder.segments.mkdir()
    return folder
