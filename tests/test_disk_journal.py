"""The journal in a folder: what becomes of the folder, who may open it, how batches form, who may look on."""

from __future__ import annotations

import asyncio
import fcntl
import os
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from queue import SimpleQueue
from threading import Event as Gate

import anyio
import pytest
from anyio import to_thread
from journal_contract import LARGE, Scribe, committed
from journal_disks import KEY, ORIGIN, contents_of

from theater.codec import prepare
from theater.errors import (
    ContentNotFoundError,
    CorruptJournalError,
    FolderError,
    FolderInUseError,
    HistoryCutError,
    JournalFailedError,
    SetupError,
)
from theater.event import event_bytes, event_hash
from theater.journal import DiskJournal, Reader
from theater.journal.calls import Calls, _allocate_by_zeros
from theater.journal.folder import Folder
from theater.journal.frames import COMMIT, EVENT, FILE, FRONTIER
from theater.journal.marks import Format
from theater.keys import SigningKey
from theater.merkle import HASH_BYTES

pytestmark = [pytest.mark.anyio, pytest.mark.real_clock]


@asynccontextmanager
async def opened(journal: DiskJournal) -> AsyncIterator[DiskJournal]:
    await journal.open()
    try:
        yield journal
    finally:
        await journal.close()


# -- what becomes of a folder


@pytest.mark.parametrize("made", [False, True], ids=["missing", "empty"])
async def test_a_missing_or_empty_folder_becomes_a_theater(tmp_path: Path, made: bool) -> None:  # noqa: FBT001
    folder = tmp_path / "a" / "b"
    if made:
        folder.mkdir(parents=True)

    async with opened(DiskJournal(folder)) as journal:
        assert journal.durable
        assert journal.size == journal.committed == 0

    assert {path.name for path in folder.iterdir()} == {
        "format", "key", "lock", "closed", "segments", "blobs", "tmp", "cut",
    }  # fmt: skip
    assert Format.parse((folder / "format").read_text()) == Format(journal.origin, journal.key)


async def test_the_key_is_kept_in_the_folder_for_its_owner_only(tmp_path: Path) -> None:
    async with opened(DiskJournal(tmp_path)) as journal:
        pass

    path = tmp_path / "key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert SigningKey(bytes.fromhex(path.read_text())).public == journal.key


async def test_a_key_that_is_given_is_not_kept_and_is_needed_again(tmp_path: Path) -> None:
    async with opened(DiskJournal(tmp_path, key=KEY)) as journal:
        assert journal.key == KEY.public
    assert not (tmp_path / "key").exists()

    with pytest.raises(FolderError, match="key="):
        await DiskJournal(tmp_path).open()
    with pytest.raises(SetupError, match=str(KEY.public)):
        await DiskJournal(tmp_path, key=SigningKey.generate()).open()
    async with opened(DiskJournal(tmp_path, key=KEY)):
        pass


@pytest.mark.parametrize("name", ["notes.txt", "key", ".hidden", "segments"])
async def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")

    with pytest.raises(FolderError, match="not a theater"):
        await DiskJournal(tmp_path).open()

    assert contents_of(tmp_path) == {name: b"mine"}
    assert not (tmp_path / "lock").exists()


WRONG_KINDS = [
    *((name, kind) for name in ("format", "key", "lock", "closed") for kind in ("pipe", "loop", "folder")),
    *((name, kind) for name in ("segments", "blobs") for kind in ("pipe", "loop", "file")),
]


@pytest.mark.parametrize(("name", "kind"), WRONG_KINDS)
async def test_what_is_not_of_its_kind_is_damage_and_never_waited_for(
    tmp_path: Path, name: str, kind: str
) -> None:
    path = tmp_path / "theater"
    async with opened(DiskJournal(path)):
        pass
    (path / name).rename(tmp_path / "moved")
    if kind == "pipe":
        os.mkfifo(path / name)
    elif kind == "loop":
        (path / name).symlink_to(path / name)
    elif kind == "file":
        (path / name).write_text("")
    else:
        (path / name).mkdir()

    with anyio.fail_after(10), pytest.raises(CorruptJournalError, match=name):
        await DiskJournal(path).open()
    with anyio.fail_after(10), pytest.raises(CorruptJournalError, match=name):
        await to_thread.run_sync(Reader, path)


async def test_a_file_and_a_foreign_format_are_no_theaters(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(FolderError, match="a file"):
        await DiskJournal(tmp_path / "file").open()
    (tmp_path / "format").write_text("something else\n")
    with pytest.raises(FolderError, match="not a theater"):
        await DiskJournal(tmp_path).open()
    with pytest.raises(FolderError, match="not a theater"):
        Reader(tmp_path / "file")


async def test_a_newer_format_is_refused_by_name(tmp_path: Path) -> None:
    async with opened(DiskJournal(tmp_path)):
        pass
    text = (tmp_path / "format").read_text()
    (tmp_path / "format").write_text(text.replace("format 1", "format 7"))
    before = contents_of(tmp_path)

    with pytest.raises(FolderError, match="format 7"):
        await DiskJournal(tmp_path).open()
    with pytest.raises(FolderError, match="format 7"):
        Reader(tmp_path)

    assert contents_of(tmp_path) == before


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A theater's folder that cannot be written, not even by root."""
    folder = tmp_path / "theater"
    anyio.run(close_at_once, folder)
    mounts = [["--bind"], ["-o", "remount,ro,bind"]]
    if os.geteuid() != 0:
        folder.chmod(0o500)
    elif sys.platform != "linux" or any(
        subprocess.run(["mount", *options, str(folder), str(folder)], check=False).returncode
        for options in mounts
    ):
        pytest.skip("mounting is not allowed here")
    yield folder
    if os.geteuid() == 0:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
    else:
        folder.chmod(0o700)


async def close_at_once(folder: Path) -> None:
    async with opened(DiskJournal(folder)) as journal:
        Scribe(journal).write()


async def test_a_folder_that_cannot_be_written_is_refused_and_can_be_read(read_only: Path) -> None:
    with pytest.raises(FolderError, match="read-only"):
        await DiskJournal(read_only).open()

    assert Reader(read_only).refresh() == 1


async def test_a_folder_in_a_place_that_cannot_be_written_is_not_made(read_only: Path) -> None:
    with pytest.raises(FolderError, match="cannot be opened for writing"):
        await DiskJournal(read_only / "new" / "theater").open()


async def test_a_theater_without_its_segments_is_damaged(tmp_path: Path) -> None:
    async with opened(DiskJournal(tmp_path)):
        pass
    (tmp_path / "segments" / "00000001").unlink()
    (tmp_path / "segments").rmdir()

    with pytest.raises(CorruptJournalError, match="segments"):
        await DiskJournal(tmp_path).open()


async def test_a_closed_theater_without_its_only_segment_is_damaged(tmp_path: Path) -> None:
    async with opened(DiskJournal(tmp_path)) as journal:
        Scribe(journal).keep(b"content")
        await committed(journal)
    (tmp_path / "segments" / "00000001").unlink()

    with pytest.raises(CorruptJournalError, match="what was closed"):
        await DiskJournal(tmp_path).open()

    assert not list((tmp_path / "segments").iterdir())


async def test_a_system_that_cannot_reserve_room_writes_zeros_instead(tmp_path: Path) -> None:
    calls = Calls(allocate=_allocate_by_zeros)
    async with opened(DiskJournal(tmp_path, calls=calls)) as journal:
        scribe = Scribe(journal)
        contents = [os.urandom(size) for size in (900_000, LARGE)]
        digests = [scribe.keep(content) for content in contents]
        await committed(journal)

        assert [journal.read(digest) for digest in digests] == contents


# -- one process at a time


async def test_a_folder_that_is_open_here_is_refused(tmp_path: Path) -> None:
    async with opened(DiskJournal(tmp_path)):
        with pytest.raises(FolderInUseError, match=f"this process \\({os.getpid()}\\)"):
            await DiskJournal(tmp_path).open()
    async with opened(DiskJournal(tmp_path)):
        pass


HOLDER = """
import asyncio, sys
from theater.journal import DiskJournal

async def main():
    await DiskJournal(sys.argv[1]).open()
    print("open", flush=True)
    sys.stdin.readline()

asyncio.run(main())
"""


async def test_a_folder_that_another_process_has_open_is_refused_and_the_process_is_named(
    tmp_path: Path,
) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    async with await anyio.open_process(command, stdin=subprocess.PIPE, stderr=None) as process:
        assert process.stdout is not None
        assert (await process.stdout.receive()).startswith(b"open")
        before = contents_of(tmp_path)

        with pytest.raises(FolderInUseError, match=f"process {process.pid} on "):
            await DiskJournal(tmp_path).open()

        assert contents_of(tmp_path) == before
        process.kill()
        await process.wait()
    async with opened(DiskJournal(tmp_path)):
        pass


async def test_a_lock_that_names_nobody_is_held_by_somebody(tmp_path: Path) -> None:
    async with opened(DiskJournal(tmp_path)):
        (tmp_path / "lock").write_text("?")

        with pytest.raises(FolderInUseError, match="another process"):
            await DiskJournal(tmp_path).open()


# -- opening again


async def test_a_journal_goes_on_where_it_was_closed(tmp_path: Path) -> None:
    digests: list[bytes] = []
    heads: dict[bytes, tuple[int, bytes]] = {}
    scribes: list[Scribe] = []
    for number in range(4):
        async with opened(DiskJournal(tmp_path)) as journal:
            assert dict(journal.tips()) == heads
            assert journal.size == journal.committed == 3 * number
            assert all(journal.holds(digest) for digest in digests)
            for scribe in scribes:
                scribe.journal = journal
            scribes.append(Scribe(journal, number))
            last = scribes[number].write(time=100 + number)
            digests.append(scribes[0].keep(b"%d" % number))
            digests.append(scribes[0].keep(b"%d" % number * LARGE))
            heads = {each.actor: (each.seq, each.head or b"") for each in scribes}
        assert event_hash(last) in {head for _, head in heads.values()} or number == 0

    async with opened(DiskJournal(tmp_path)) as journal:
        for scribe in scribes:
            assert [journal.event(scribe.actor, seq) for seq in range(scribe.seq)] == scribe.events
            assert journal.committed_of(scribe.actor) == scribe.seq
        assert journal.read(digests[-1]) == b"3" * LARGE
        assert journal.cut is None


async def test_the_last_time_is_remembered(tmp_path: Path) -> None:
    async with opened(DiskJournal(tmp_path)) as journal:
        Scribe(journal, 1).write(time=70)
        Scribe(journal, 2).write(time=80)
        Scribe(journal, 3).write(time=75 + 5)

    async with opened(DiskJournal(tmp_path)) as journal:
        assert journal.last_time == 80


async def test_the_mark_of_a_clean_close_is_there_only_while_it_is_closed(tmp_path: Path) -> None:
    async with opened(DiskJournal(tmp_path)) as journal:
        assert Reader(tmp_path).closed is None
        Scribe(journal).write()
    closed = Reader(tmp_path).closed
    assert closed is not None
    assert closed.size == 1
    assert closed.length == (tmp_path / "segments" / "00000001").stat().st_size

    async with opened(DiskJournal(tmp_path)):
        assert Reader(tmp_path).closed is None


async def test_files_that_no_committed_event_names_are_swept(tmp_path: Path) -> None:
    async with opened(DiskJournal(tmp_path)) as journal:
        ingest = journal.ingest()
        ingest.write(b"published, but no event came")
        unnamed, _ = ingest.publish()
        named = Scribe(journal).keep(bytes(LARGE))
        assert journal.read(unnamed) == b"published, but no event came"
    foreign = tmp_path / "blobs" / "00" / "readme"
    foreign.parent.mkdir(exist_ok=True)
    foreign.write_text("not ours")
    (tmp_path / "tmp" / "half").write_text("x")

    async with opened(DiskJournal(tmp_path)) as journal:
        assert journal.holds(named)
        assert not journal.holds(unnamed)
        left = {path.name for path in (tmp_path / "blobs").glob("*/*")}
        assert left == {named.hex(), "readme"}
        assert not list((tmp_path / "tmp").iterdir())


async def test_a_file_that_an_event_names_by_one_of_its_blobs_is_kept(tmp_path: Path) -> None:
    async with opened(DiskJournal(tmp_path)) as journal:
        large = sha256(bytes(LARGE)).digest()
        journal.put(large, bytes(LARGE), kept=False)
        data = event_bytes(bytes(16), 0, None, 1, "log", prepare({"text": "names what names it"}))
        journal.append(bytes(16), 0, data, event_hash(data), (large,))

    async with opened(DiskJournal(tmp_path)) as journal:
        assert journal.read(large) == bytes(LARGE)


async def test_a_large_content_whose_file_is_gone_is_not_found(tmp_path: Path) -> None:
    async with opened(DiskJournal(tmp_path)) as journal:
        scribe = Scribe(journal)
        digest = scribe.keep(bytes(LARGE))
        await committed(journal)
        (tmp_path / "blobs" / digest.hex()[:2] / digest.hex()).unlink()

        with pytest.raises(ContentNotFoundError):
            journal.read(digest)


async def test_an_event_whose_frame_rotted_is_refused(tmp_path: Path) -> None:
    async with opened(DiskJournal(tmp_path)) as journal:
        scribe = Scribe(journal)
        scribe.write("x" * 3000)
        await committed(journal)
        segment = tmp_path / "segments" / "00000001"
        with segment.open("r+b") as file:
            file.seek(1000)
            file.write(b"y")

        with pytest.raises(CorruptJournalError):
            journal.event(scribe.actor, 0)


async def test_closing_before_opening_and_abandoning_twice_do_nothing(tmp_path: Path) -> None:
    journal = DiskJournal(tmp_path)
    await journal.close()
    await journal.open()
    journal.abandon()
    journal.abandon()
    await journal.close()
    with pytest.raises(JournalFailedError, match="closed"):
        Scribe(journal).write()


def test_a_journal_is_opened_in_an_asyncio_loop(tmp_path: Path) -> None:
    opening = DiskJournal(tmp_path).open()

    with pytest.raises(SetupError, match="asyncio"):
        opening.send(None)


async def test_an_event_out_of_order_is_a_bug_of_the_caller(tmp_path: Path) -> None:
    async with opened(DiskJournal(tmp_path)) as journal:
        with pytest.raises(ValueError, match=r"event 1 .* where 0 is the next"):
            journal.append(bytes(16), 1, b"", bytes(32))


# -- how batches form


class SlowDisk:
    """Syncs only while the gate is open, and tells of each write."""

    def __init__(self) -> None:
        self.gate = Gate()
        self.gate.set()
        self.syncs = 0
        self.writes: SimpleQueue[int] = SimpleQueue()
        self.calls = Calls(sync=self._sync, write=self._write)

    async def written(self) -> int:
        """The size of the next write, once it happens."""
        return await to_thread.run_sync(self.writes.get)

    def forget(self) -> None:
        """Forget what happened until now."""
        self.syncs = 0
        while not self.writes.empty():
            self.writes.get()

    def _sync(self, descriptor: int) -> None:
        assert self.gate.wait(30)
        os.fdatasync(descriptor)
        self.syncs += 1

    def _write(self, descriptor: int, content: bytes | bytearray | memoryview, at: int) -> int:
        self.writes.put(len(content))
        return os.pwrite(descriptor, content, at)


def batches_of(folder: Path) -> list[int]:
    """The number of events in each batch."""
    return [
        sum(kind == EVENT for kind, _, _ in batch.frames)
        for batch in Reader(folder).walk()
    ]  # fmt: skip


async def test_what_comes_in_during_a_sync_is_the_next_batch(tmp_path: Path) -> None:
    disk = SlowDisk()
    async with opened(DiskJournal(tmp_path, calls=disk.calls)) as journal:
        scribe = Scribe(journal)
        disk.gate.clear()
        disk.forget()
        scribe.write()
        scribe.write()
        await disk.written()
        for _ in range(5):
            scribe.write()
            await asyncio.sleep(0)
        assert journal.committed == 0
        assert disk.writes.empty()
        disk.gate.set()
        await committed(journal)

        assert journal.committed == 7
        assert (disk.writes.qsize(), disk.syncs) == (1, 2)
        assert batches_of(tmp_path) == [2, 5]


async def test_whoever_was_answered_has_a_few_turns_to_come_again_into_one_batch(tmp_path: Path) -> None:
    async def client(number: int) -> None:
        scribe = Scribe(journal, number)
        for _ in range(10):
            scribe.write()
            future = asyncio.get_running_loop().create_future()
            journal.then(future, None)
            await future

    async with opened(DiskJournal(tmp_path)) as journal:
        await asyncio.gather(*(client(number) for number in range(16)))

    assert batches_of(tmp_path) == [16] * 10


async def test_a_batch_is_sealed_as_soon_as_all_who_were_answered_came_again(tmp_path: Path) -> None:
    async with opened(DiskJournal(tmp_path)) as journal:
        scribe = Scribe(journal)
        for _ in range(3):
            scribe.write()
            await committed(journal)
            scribe.write()
            flushed = journal.flushed()
            forming = journal._commits.forming
            await asyncio.sleep(0)
            assert journal._commits.forming is not forming
            assert flushed is not None
            await flushed


async def test_what_nobody_waits_for_gathers_until_somebody_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("theater.journal.commits._LINGER", 3600)
    async with opened(DiskJournal(tmp_path)) as journal:
        scribe = Scribe(journal)
        for round in (1, 2):
            for _ in range(20):
                scribe.write()
                await asyncio.sleep(0)
            assert journal.committed == 20 * round - 20
            await committed(journal)

    assert batches_of(tmp_path) == [20, 20]


async def test_what_nobody_waits_for_is_committed_all_the_same(tmp_path: Path) -> None:
    disk = SlowDisk()
    async with opened(DiskJournal(tmp_path, calls=disk.calls)) as journal:
        disk.forget()
        Scribe(journal).write()
        await disk.written()


async def test_what_lingers_is_not_sealed_a_second_time_when_its_batch_is_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("theater.journal.commits._LINGER", 0)
    async with opened(DiskJournal(tmp_path)) as journal:
        scribe = Scribe(journal)
        scribe.write()
        await asyncio.sleep(0)  # now it lingers
        for number in range(8):
            scribe.keep(bytes([number]) * (1 << 20))
        for _ in range(10):
            await asyncio.sleep(0)
        await committed(journal)

    assert batches_of(tmp_path) == [9]


async def test_what_lingers_is_lost_with_a_journal_that_is_abandoned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("theater.journal.commits._LINGER", 0)
    journal = DiskJournal(tmp_path)
    await journal.open()
    Scribe(journal).write()
    await asyncio.sleep(0)
    forming = journal._commits.forming

    journal.abandon()
    for _ in range(10):
        await asyncio.sleep(0)

    assert journal._commits.forming is forming
    assert batches_of(tmp_path) == []


async def test_a_large_batch_is_sealed_and_a_journal_behind_its_disk_says_so(tmp_path: Path) -> None:
    disk = SlowDisk()
    rooms: list[bool] = []
    async with opened(DiskJournal(tmp_path, calls=disk.calls)) as journal:
        journal.on_room = lambda: rooms.append(journal.full)
        scribe = Scribe(journal)
        disk.gate.clear()
        contents = [bytes([number]) * (1 << 20) for number in range(70)]
        digests: list[bytes] = []
        for number, content in enumerate(contents):
            assert journal.full == (number >= 64)
            digests.append(scribe.keep(content))
        assert journal.read(digests[0]) == contents[0]
        assert journal.event(scribe.actor, 5) == scribe.events[5]
        disk.gate.set()
        await committed(journal)

        assert rooms == [False]
        assert not journal.full
        assert max(batches_of(tmp_path)) == 8
        assert all(journal.read(digest) == content for digest, content in zip(digests, contents, strict=True))


async def test_half_of_what_may_wait_is_sealed_as_soon_as_nothing_is_at_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("theater.journal.commits._LINGER", 3600)
    monkeypatch.setattr("theater.journal.log.Log.most", 300)
    disk = SlowDisk()
    async with opened(DiskJournal(tmp_path, calls=disk.calls)) as journal:
        scribe = Scribe(journal)
        disk.forget()
        disk.gate.clear()
        for count, full in ((150, False), (250, True)):
            for _ in range(count):
                scribe.write("x" * 1_000)
            assert journal.full == full
        first = await disk.written()
        disk.gate.set()
        second = await disk.written()  # though nobody waits for it

        assert min(first, second) > 128 << 10


async def test_a_batch_ends_with_the_event_that_names_a_very_large_content(tmp_path: Path) -> None:
    async with opened(DiskJournal(tmp_path)) as journal:
        scribe = Scribe(journal)
        scribe.keep(bytes(7 << 20))
        forming = journal._commits.forming
        scribe.keep(bytes([1]) * (1 << 21))

        assert journal._commits.forming is not forming


async def test_the_leaves_of_a_batch_that_grows_are_hashed_meanwhile(tmp_path: Path) -> None:
    async with opened(DiskJournal(tmp_path)) as journal:
        scribe = Scribe(journal)
        waiting: list[int] = []
        while journal._commits.forming.weight < 1 << 20:
            scribe.write()
            waiting.append(len(journal._commits.frontier.late) // HASH_BYTES)

        assert max(waiting) < len(waiting) / 3
        assert waiting[-1] < max(waiting)


async def test_large_contents_that_wait_for_the_disk_count_as_well(tmp_path: Path) -> None:
    disk = SlowDisk()
    async with opened(DiskJournal(tmp_path, calls=disk.calls)) as journal:
        scribe = Scribe(journal)
        disk.gate.clear()
        full: list[bool] = []
        scribe.keep(bytes(40 << 20))
        full.append(journal.full)
        digest = scribe.keep(bytes(30 << 20))
        full.append(journal.full)
        assert journal.read_at(digest, 5, 3) == bytes(3)
        disk.gate.set()
        await committed(journal)
        full.append(journal.full)

        assert full == [False, True, False]


async def test_a_log_goes_on_in_the_next_segment_and_no_batch_crosses(tmp_path: Path) -> None:
    async with opened(DiskJournal(tmp_path, segment_bytes=50_000)) as journal:
        scribe = Scribe(journal)
        for number in range(40):
            scribe.keep(b"%d" % number * 5000)
            await committed(journal)

    reader = Reader(tmp_path)
    segments = sorted(path.name for path in (tmp_path / "segments").iterdir())
    walk = reader.walk()
    batches = list(walk)
    assert segments == [f"{number:08}" for number in range(1, len(segments) + 1)]
    assert len(segments) >= 5
    assert all(batch.frames[0][0] == FRONTIER for batch in batches if batch.place.offset == 0)
    assert walk.tail is None
    async with opened(DiskJournal(tmp_path)) as journal:
        assert [journal.event(scribe.actor, seq) for seq in range(40)] == scribe.events


async def test_the_frontier_is_written_again_after_thousands_of_events(tmp_path: Path) -> None:
    async with opened(DiskJournal(tmp_path)) as journal:
        scribe = Scribe(journal)
        for _ in range(100):
            for _ in range(100):
                scribe.write()
            await committed(journal)
        note = journal.checkpoint()

    frontiers = [batch for batch in Reader(tmp_path).walk() if batch.frames[0][0] == FRONTIER]
    assert len(frontiers) == 3
    async with opened(DiskJournal(tmp_path)) as journal:
        assert journal.checkpoint() == note


# -- looking on


async def test_a_reader_sees_whole_commits_of_a_running_journal_and_goes_on(tmp_path: Path) -> None:
    disk = SlowDisk()
    async with opened(DiskJournal(tmp_path, calls=disk.calls, segment_bytes=20_000)) as journal:
        reader = Reader(tmp_path)
        assert reader.refresh() == 0
        scribe = Scribe(journal)
        large = scribe.keep(bytes(LARGE))
        await committed(journal)
        assert reader.refresh() == 1
        disk.gate.clear()
        small = scribe.keep(b"small" * 2000)
        while await disk.written() < 10_000:  # zeros may be written ahead before it
            pass
        reader.refresh()
        disk.gate.set()
        await committed(journal)
        for _ in range(10):
            scribe.keep(os.urandom(5000))
            await committed(journal)

        assert reader.refresh() >= 10
        assert reader.refresh() == 0
        assert reader.index.size == journal.size == 12
        assert [reader.event(scribe.actor, seq) for seq in range(12)] == scribe.events
        assert reader.size_of(small) == 10_000
        assert reader.read(small) == b"small" * 2000
        assert reader.read_at(large, LARGE - 5, 100) == bytes(5)
        assert reader.index.note == str(journal.checkpoint()).encode()
        assert (reader.origin, reader.key) == (journal.origin, journal.key)
        with pytest.raises(ContentNotFoundError):
            reader.read(bytes(32))
        with pytest.raises(HistoryCutError):
            reader.event(scribe.actor, 12)


async def test_a_walk_tells_of_torn_bytes_and_of_frames(tmp_path: Path) -> None:
    journal = DiskJournal(tmp_path, key=KEY, origin=ORIGIN)
    await journal.open()
    digest = Scribe(journal).keep(bytes(LARGE))
    await committed(journal)
    end = journal._commits.forming.start
    journal.abandon()
    with (tmp_path / "segments" / "00000001").open("r+b") as file:
        file.seek(end)
        file.write(b"torn")

    walk = Reader(tmp_path).walk()
    (batch,) = walk

    assert [kind for kind, _, _ in batch.frames] == [FRONTIER, FILE, EVENT, COMMIT]
    assert batch.chunk[slice(*batch.frames[1][1:])][:32] == digest == sha256(bytes(LARGE)).digest()
    assert walk.tail is not None
    assert (walk.tail.place, walk.tail.torn, walk.tail.damage) == ((1, end), b"torn", "")


@pytest.mark.parametrize("name", ["tmp", "cut", "blobs"])
async def test_an_empty_folder_that_a_copy_left_out_is_made(tmp_path: Path, name: str) -> None:
    async with opened(DiskJournal(tmp_path)):
        pass
    (tmp_path / name).rmdir()

    async with opened(DiskJournal(tmp_path)) as journal:
        Scribe(journal).keep(bytes(LARGE))
        await committed(journal)

    assert Reader(tmp_path).closed


async def test_what_is_no_segment_is_passed_over(tmp_path: Path) -> None:
    async with opened(DiskJournal(tmp_path)) as journal:
        Scribe(journal).write()
        await committed(journal)
    for name in ("00000000", "0000000\N{ARABIC-INDIC DIGIT NINE}", "notes.txt"):
        (tmp_path / "segments" / name).write_bytes(b"of something else")

    async with opened(DiskJournal(tmp_path)) as journal:
        assert journal.size == 1
    assert Folder(tmp_path).numbers() == [1]


async def test_who_only_looks_whether_a_theater_runs_keeps_nobody_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(DiskJournal(tmp_path)):
        pass
    looker = os.open(tmp_path / "lock", os.O_RDONLY)
    fcntl.flock(looker, fcntl.LOCK_SH)
    flock = fcntl.flock

    def look_once(descriptor: int, kind: int) -> None:
        flock(descriptor, kind)
        if kind & fcntl.LOCK_SH:
            monkeypatch.undo()
            os.close(looker)

    monkeypatch.setattr(fcntl, "flock", look_once)
    async with opened(DiskJournal(tmp_path)):
        pass


async def test_who_looks_for_ever_is_not_waited_for(tmp_path: Path) -> None:
    async with opened(DiskJournal(tmp_path)):
        pass
    with (tmp_path / "lock").open() as looker:
        fcntl.flock(looker, fcntl.LOCK_SH)
        with pytest.raises(FolderInUseError):
            await DiskJournal(tmp_path).open()


@pytest.mark.parametrize("seen", [0, 1, 700])
async def test_a_walk_misses_nothing_when_the_next_segment_is_begun_under_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seen: int
) -> None:
    async with opened(DiskJournal(tmp_path, segment_bytes=3_000)) as journal:
        scribe = Scribe(journal)
        while len([batch for batch in Reader(tmp_path).walk() if batch.place.segment == 2]) < 2:
            scribe.write("more" * 100)
            await committed(journal)
        whole = Folder.read

        def early(folder: Folder, number: int, offset: int) -> bytes:
            """What a look at the first segment saw before all of it was written."""
            monkeypatch.undo()
            return whole(folder, number, offset)[:seen].ljust(5_000, b"\0")

        monkeypatch.setattr(Folder, "read", early)
        walk = Reader(tmp_path).walk()

        assert sum(kind == EVENT for batch in walk for kind, _, _ in batch.frames) == journal.size
        assert walk.tail is None

        reader = Reader(tmp_path)
        monkeypatch.setattr("theater.journal.loading.sealed_in", lambda _: [])
        monkeypatch.setattr(Folder, "read", early)
        reader.refresh()
        assert [reader.event(scribe.actor, seq) for seq in range(journal.size)] == scribe.events


async def test_a_look_that_finds_nothing_new_reads_no_segment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    whole = Folder.read

    def seen(folder: Folder, number: int, offset: int) -> bytes:
        read.append(offset)
        return whole(folder, number, offset)

    async with opened(DiskJournal(tmp_path)) as journal:
        scribe, reader = Scribe(journal), Reader(tmp_path)
        scribe.write("first")
        await committed(journal)
        reader.refresh()
        monkeypatch.setattr(Folder, "read", seen)

        assert (reader.refresh(), read) == (0, [])

        scribe.write("second")
        await committed(journal)
        assert (reader.refresh(), len(read)) == (1, 1)
