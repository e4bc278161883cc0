"""The intake: events that come by the inlet are there, in order, and whoever waits is told."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from hashlib import sha256
from pathlib import Path
from queue import SimpleQueue
from threading import Event as Gate
from typing import Any

import pytest
from anyio import to_thread
from journal_contract import LARGE, JournalContract, Scribe, committed
from journal_disks import KEY, ORIGIN, contents_of

from theater import Actor, Snapshots, Theater, handler, settling
from theater.checkpoint import Checkpoint
from theater.codec import prepare
from theater.errors import HistoryCutError, JournalFailedError
from theater.event import event_bytes, event_hash
from theater.journal import DiskJournal, Journal, MemoryJournal, Reader
from theater.journal.calls import Calls
from theater.journal.frames import EVENT, FILE, read_frames
from theater.merkle import root_of

pytestmark = [pytest.mark.anyio, pytest.mark.real_clock]
EACH = 4
BULK = 256 * EACH


@pytest.fixture(autouse=True)
def _by_inlet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Scribe, "by_inlet", True)


@asynccontextmanager
async def opened(folder: Path, **options: Any) -> AsyncIterator[DiskJournal]:
    journal = DiskJournal(folder, key=KEY, origin=ORIGIN, **options)
    await journal.open()
    try:
        yield journal
    except BaseException:
        journal.abandon()  # one that is wrong may never close: `close` waits for all that is in it
        raise
    await journal.close()


class TestDisk(JournalContract):
    @pytest.fixture
    async def journal(self, tmp_path: Path) -> AsyncIterator[Journal]:
        async with opened(tmp_path / "theater") as journal:
            yield journal


class TestMemory(JournalContract):
    @pytest.fixture
    async def journal(self) -> AsyncIterator[Journal]:
        journal = MemoryJournal()
        await journal.open()
        yield journal
        await journal.close()


async def write_many(folder: Path) -> None:
    """Chains side by side, in runs of all lengths, with contents and events of all sizes between them."""
    async with opened(folder) as journal:
        scribes = [Scribe(journal, number) for number in range(1, 6)]
        for number in range(700):
            for _ in range(number % 4):
                scribes[number % 5].write("x" * (number * 7 % 1_200), time=number + 1)
            if number % 90 == 0:
                scribes[0].keep(bytes([number % 256]) * 2_000)
        scribes[0].keep(bytes(LARGE))
        await committed(journal)


async def test_the_log_is_that_of_appended_events_byte_for_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await write_many(tmp_path / "inlet")
    monkeypatch.setattr(Scribe, "by_inlet", False)
    await write_many(tmp_path / "appended")

    by_inlet, appended = (contents_of(tmp_path / name / "segments") for name in ("inlet", "appended"))
    assert events_in(by_inlet) == events_in(appended)


def events_in(segments: dict[str, bytes]) -> list[bytes]:
    """The frames of all events and files, as they follow each other."""
    found: list[bytes] = []
    for _, segment in sorted(segments.items()):
        view, at = memoryview(segment), 0
        while (frames := read_frames(view, at)) is not None:
            found += [segment[start - 9 : end] for kind, start, end in frames if kind in (EVENT, FILE)]
            at = frames[-1][2]
    return found


async def test_what_lies_in_the_inlet_is_there_for_whoever_looks(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        first, second = Scribe(journal, 1), Scribe(journal, 2)
        first.write(time=7)
        looks: tuple[Callable[[], bool], ...] = (
            lambda: journal.event(second.actor, second.seq - 1) == second.events[-1],
            lambda: journal.position(first.actor, 0) < journal.position(second.actor, second.seq - 1),
            lambda: journal.size == second.seq + 1,
            lambda: journal.last_time == second.seq + 100,
            lambda: journal.flushed() is not None,
        )
        for look in looks:
            second.write(time=second.seq + 101)
            assert inlet(journal)
            assert look()

        await committed(journal)
        assert journal.committed == journal.size == 6
        assert journal.committed_of(second.actor) == 5
        assert Checkpoint.parse(journal.checkpoint().text).size == 6
        with pytest.raises(HistoryCutError):
            journal.event(second.actor, 5)


def inlet(journal: Journal) -> list[Any]:
    assert journal.inlet is not None
    return journal.inlet.new


async def test_whoever_waits_for_an_event_in_the_inlet_is_told_when_it_is_on_the_disk(
    tmp_path: Path,
) -> None:
    gate = Gate()

    def sync(descriptor: int) -> None:
        assert gate.wait(30)
        os.fdatasync(descriptor)

    gate.set()
    async with opened(tmp_path, calls=Calls(sync=sync)) as journal, AsyncExitStack() as stack:
        stack.callback(gate.set)  # or what is wrong here would wait for the disk
        scribe = Scribe(journal)
        gate.clear()
        scribe.write()
        before = journal.flushed()
        await asyncio.sleep(0)
        assert inlet(journal) == []
        scribe.write()  # while the first is at the disk
        assert inlet(journal)
        told: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        journal.then(told, "told")
        await asyncio.sleep(0)
        assert not told.done()
        gate.set()

        assert await told == "told"
        assert before is not None
        assert before.done()
        assert journal.committed == 2
        assert not inlet(journal)


async def test_what_nobody_waits_for_leaves_the_inlet_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("theater.journal.commits._LINGER", 0)
    synced: SimpleQueue[str] = SimpleQueue()

    def sync(descriptor: int) -> None:
        os.fdatasync(descriptor)
        synced.put("synced")

    async with opened(tmp_path, calls=Calls(sync=sync)) as journal:
        while not synced.empty():
            synced.get()
        scribe = Scribe(journal)
        for _ in range(2):
            scribe.write()
            scribe.write()
            assert await to_thread.run_sync(synced.get, abandon_on_cancel=True) == "synced"
            assert not inlet(journal)


async def test_as_many_as_are_taken_in_at_once_wait_at_most(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        scribe = Scribe(journal)
        waiting: list[int] = []
        for _ in range(2_000):
            scribe.write()
            waiting.append(len(inlet(journal)))

        assert max(waiting) == BULK - EACH
        assert waiting.count(0) == 1 + (2_000 - 1) // 256


async def test_a_content_in_a_file_is_named_by_the_event_in_the_inlet_that_names_it(tmp_path: Path) -> None:
    content = bytes(LARGE)
    async with opened(tmp_path) as journal:
        scribe = Scribe(journal)
        scribe.write()
        digest = sha256(content).digest()
        journal.put(digest, content, kept=True)
        scribe.write("another")
        scribe.write(digest.hex())
        data = named(scribe, digest)
        scribe.write("behind it")
        await committed(journal)

    frames = events_in(contents_of(tmp_path / "segments"))
    kinds = [frame[8] for frame in frames]
    assert kinds.count(FILE) == 1
    assert kinds.index(FILE) < [frame[9:] for frame in frames].index(data)
    async with opened(tmp_path) as journal:
        assert journal.read(digest) == content


def named(scribe: Scribe, digest: bytes) -> bytes:
    """An event with these bytes in it, by the inlet."""
    data = event_bytes(scribe.actor, scribe.seq, scribe.head, 1, "log", prepare({"digest": digest}))
    scribe.head = event_hash(data)
    inlet(scribe.journal).extend((scribe.actor, scribe.seq, data, scribe.head))
    scribe.seq += 1
    scribe.events.append(data)
    return data


async def test_a_batch_ends_with_the_event_in_the_inlet_that_names_a_very_large_content(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as journal:
        scribe = Scribe(journal)
        scribe.write()
        content = bytes(9 << 20)
        journal.put(sha256(content).digest(), content, kept=True)
        forming = journal._commits.forming
        scribe.write()

        assert journal._commits.forming is not forming


@pytest.mark.parametrize("flaw", ["seq", "run"])
async def test_an_event_that_does_not_follow_fails_the_journal_and_nothing_is_signed(
    tmp_path: Path, flaw: str
) -> None:
    async with opened(tmp_path) as journal:
        failures: list[BaseException] = []
        journal.on_failure = failures.append
        first, second = Scribe(journal, 1), Scribe(journal, 2)
        first.write()
        await committed(journal)
        first.write()
        if flaw == "run":
            second.write()
        second.seq += 1
        second.write()
        told = journal.flushed()
        assert told is not None
        with pytest.raises(JournalFailedError, match="is the next" if flaw == "seq" else "do not follow"):
            await told

        assert [str(failure) for failure in failures] == [str(journal.failed)]
        for _ in range(2):
            with pytest.raises(JournalFailedError):
                first.write()
            assert not inlet(journal)
    assert [len(batch.frames) for batch in Reader(tmp_path).walk()] == [3]


async def test_a_journal_that_has_ended_takes_nothing_in(tmp_path: Path) -> None:
    for end in ("abandon", "close"):
        journal = DiskJournal(tmp_path / end)
        await journal.open()
        scribe = Scribe(journal)
        scribe.write()
        if end == "close":
            await journal.close()
        else:
            journal.abandon()

        with pytest.raises(JournalFailedError, match="closed"):
            scribe.write()
        assert not inlet(journal)


async def test_the_root_is_over_all_that_came_in_between(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        scribe, large = Scribe(journal, 1), Scribe(journal, 2)
        order = [large.write("x" * 3_000) if at % 7 == 3 else scribe.write() for at in range(600)]
        await committed(journal)

        assert Checkpoint.parse(journal.checkpoint().text).root == root_of(order)


class Sink(Actor):
    total: int = 0

    @handler
    async def take(self, number: int) -> None:
        self.total += number


async def test_an_actor_whose_snapshot_held_a_full_mailbox_goes_on_the_quick_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow: list[object] = []
    record_handled = settling.record_handled

    def record(*told: Any) -> None:
        slow.append(told)
        record_handled(*told)

    monkeypatch.setattr("theater.settling.record_handled", record)
    async with Theater(tmp_path / "theater", snapshots=Snapshots(events=50)) as theater:
        sink = await theater.spawn(Sink())
        for number in range(1_500):
            await sink.tell(Sink.take, number)
        await theater.settled()

        snapshots = [event for event in theater.chain(sink) if event.kind == "actor/snapshot"]
        assert any(event.body.get("mailbox") for event in snapshots)
        assert slow == []
