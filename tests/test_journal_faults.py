"""Crashes, failing disks, torn and flipped bytes: what was acknowledged stays, nothing is there by halves."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import anyio
import pytest
from journal_contract import Scribe, committed
from journal_disks import (
    KEY,
    ORIGIN,
    DiskWithoutPower,
    FailingDisk,
    Scenario,
    contents_of,
    require_promised,
)

from theater.errors import CorruptJournalError, DiskFullError, FolderError, JournalFailedError
from theater.journal import DiskJournal
from theater.journal.calls import Calls
from theater.journal.held import SEGMENT_SHIFT
from theater.journal.opening import Opened, open_folder
from theater.keys import SigningKey

pytestmark = [pytest.mark.anyio, pytest.mark.real_clock]


@pytest.fixture(scope="module")
def calls_in_all(tmp_path_factory: pytest.TempPathFactory) -> int:
    """How many calls change the disk in the whole scenario."""
    disk = FailingDisk()
    anyio.run(Scenario(tmp_path_factory.mktemp("healthy") / "theater", disk.calls).run)
    return disk.count


@pytest.mark.parametrize("how_long", ["once", "from then on"])
@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC], ids=["EIO", "ENOSPC"])
async def test_whichever_call_fails_what_was_acknowledged_is_there_after_reopening(
    tmp_path: Path, calls_in_all: int, error: int, how_long: str
) -> None:
    assert calls_in_all > 50
    for nth in range(1, calls_in_all + 1):
        folder = tmp_path / str(nth)
        disk = FailingDisk(nth, error=error, for_ever=how_long == "from then on")
        scenario = Scenario(folder, disk.calls)

        await scenario.run()

        await require_promised(folder, scenario.promised)
        shutil.rmtree(folder)


@pytest.mark.parametrize("seed", range(40))
async def test_when_the_power_goes_what_was_acknowledged_is_there_after_reopening(
    tmp_path: Path, seed: int
) -> None:
    random = Random(seed)
    disk = DiskWithoutPower()
    scenario = Scenario(tmp_path / "theater", disk.calls, seed=seed)
    scenario.stop_after = random.randrange(1, 9)

    await scenario.run()
    disk.lose_power(random)

    await require_promised(tmp_path / "theater", scenario.promised)


async def small_folder(folder: Path, *, batches: int = 4) -> tuple[bytes, list[int]]:
    """Make a folder as a crash leaves it; returns its log, and where each of its batches ends."""
    journal = DiskJournal(folder, key=KEY, origin=ORIGIN)
    await journal.open()
    scribe = Scribe(journal)
    ends: list[int] = []
    for number in range(batches):
        scribe.keep(b"content %d" % number)
        scribe.write()
        await committed(journal)
        ends.append(journal._commits.forming.start)
    journal.abandon()
    segment = folder / "segments" / "00000001"
    log = segment.read_bytes().rstrip(b"\0")
    assert len(log) == ends[-1]
    return log, ends


def reopen(folder: Path, *, key: SigningKey | None = KEY) -> Opened:
    """Open a folder for a moment, on a disk that takes no time to sync."""
    calls = Calls(sync=lambda _: None, sync_folder=lambda _: None)
    opened = open_folder(folder, key=key, origin=ORIGIN, calls=calls)
    opened.lock.release()
    return opened


async def test_a_log_cut_at_any_byte_keeps_whole_batches_and_the_torn_bytes_aside(tmp_path: Path) -> None:
    log, ends = await small_folder(tmp_path, batches=2)
    segment = tmp_path / "segments" / "00000001"
    for length in range(len(log) + 1):
        segment.write_bytes(log[:length])

        opened = reopen(tmp_path)

        whole = [end for end in ends if end <= length]
        assert opened.place.offset == (whole[-1] if whole else 0)
        assert opened.index.size == 2 * len(whole)
        torn = log[opened.place.offset : length].rstrip(b"\0")
        assert (opened.cut.read_bytes() if opened.cut else b"") == torn
        if opened.cut:
            opened.cut.unlink()


async def test_after_a_cut_the_log_goes_on_where_it_was_whole(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log, ends = await small_folder(tmp_path)
    segment = tmp_path / "segments" / "00000001"
    for _ in range(2):
        segment.write_bytes(log[:-1])
        journal = DiskJournal(tmp_path, key=KEY)
        await journal.open()
        events, head = journal.tips()[(1).to_bytes(16, "big")]
        assert (journal.size, events) == (6, 6)
        assert journal.cut is not None
        assert journal.cut.read_bytes() == log[ends[-2] : -1]
        Scribe(journal, seq=events, head=head).write("on")
        await committed(journal)
        journal.abandon()

    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    assert str(ends[-2]) in caplog.text
    assert reopen(tmp_path).index.size == 7
    assert len(list((tmp_path / "cut").iterdir())) == 2


async def test_a_folder_whose_last_segment_is_all_torn_can_be_closed_and_opened_again_and_again(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "theater"
    scribe, journal = await two_segments(folder)
    journal.abandon()
    torn = folder / "segments" / "00000002"
    torn.write_bytes(torn.read_bytes()[:100])

    for _ in range(3):
        journal = DiskJournal(folder, key=KEY, segment_bytes=5_000)
        await journal.open()
        assert journal.size == len(scribe.events) - 1
        await journal.close()

    assert sorted(path.name for path in (folder / "segments").iterdir()) == ["00000001"]
    assert not list((folder / "indexes").glob("*"))


async def two_segments(folder: Path) -> tuple[Scribe, DiskJournal]:
    """A log whose second segment has one event."""
    journal = DiskJournal(folder, key=KEY, segment_bytes=5_000)
    await journal.open()
    scribe = Scribe(journal)
    while not scribe.seq or journal.position(scribe.actor, scribe.seq - 1) >> SEGMENT_SHIFT == 1:
        scribe.write("x" * 500)
        await committed(journal)
    return scribe, journal


async def test_a_bit_flipped_before_the_last_batch_is_damage_and_nothing_is_changed(tmp_path: Path) -> None:
    log, ends = await small_folder(tmp_path, batches=3)
    segment = tmp_path / "segments" / "00000001"
    for at in range(ends[-2]):
        flipped = bytearray(log)
        flipped[at] ^= 1 << at % 8
        segment.write_bytes(flipped)
        before = contents_of(tmp_path)

        with pytest.raises(CorruptJournalError):
            reopen(tmp_path)

        assert contents_of(tmp_path) == before


async def test_a_bit_flipped_in_the_last_batch_reads_like_a_torn_one(tmp_path: Path) -> None:
    log, ends = await small_folder(tmp_path, batches=3)
    segment = tmp_path / "segments" / "00000001"
    for at in range(ends[-2], len(log)):
        flipped = bytearray(log)
        flipped[at] ^= 1 << at % 8
        segment.write_bytes(flipped)

        assert reopen(tmp_path).index.size == 4


async def test_a_copy_of_older_commits_in_a_torn_batch_is_no_later_commit(tmp_path: Path) -> None:
    log, _ = await small_folder(tmp_path)
    journal = DiskJournal(tmp_path, key=KEY)
    await journal.open()
    Scribe(journal, 2).keep(log)
    await committed(journal)
    end = journal._commits.forming.start
    journal.abandon()
    segment = tmp_path / "segments" / "00000001"
    segment.write_bytes(segment.read_bytes()[: end - 1])

    assert reopen(tmp_path).index.size == 8


async def test_after_a_clean_close_nothing_may_be_missing_added_or_flipped(tmp_path: Path) -> None:
    journal = DiskJournal(tmp_path, key=KEY, origin=ORIGIN)
    await journal.open()
    Scribe(journal).write()
    await journal.close()
    segment = tmp_path / "segments" / "00000001"
    log = segment.read_bytes()
    flipped = [log[:at] + bytes([log[at] ^ 1 << at % 8]) + log[at + 1 :] for at in range(len(log))]

    for other in [log[:-1], b"", log + b"\0", log + b"x", *flipped]:
        segment.write_bytes(other)
        before = contents_of(tmp_path)
        with pytest.raises(CorruptJournalError):
            reopen(tmp_path)
        assert contents_of(tmp_path) == before
    segment.write_bytes(log)
    assert reopen(tmp_path).index.size == 1


@pytest.mark.parametrize("name", ["closed", "format", "key"])
async def test_a_bit_flipped_in_a_mark_or_in_the_key_is_named_and_nothing_is_changed(
    tmp_path: Path, name: str
) -> None:
    journal = DiskJournal(tmp_path)
    await journal.open()
    Scribe(journal).write()
    await journal.close()
    text = (tmp_path / name).read_bytes()
    for at in range(len(text)):
        (tmp_path / name).write_bytes(text[:at] + bytes([text[at] ^ 1 << at % 7]) + text[at + 1 :])
        before = contents_of(tmp_path)

        with pytest.raises((CorruptJournalError, FolderError), match=name):
            reopen(tmp_path, key=None)

        assert contents_of(tmp_path) == before


async def segmented_folder(folder: Path) -> None:
    """Three segments, as a crash leaves them."""
    scenario = Scenario(folder, Calls())
    scenario.stop_after = 5
    await scenario.run()
    assert len(list((folder / "segments").iterdir())) >= 3


async def test_a_missing_or_torn_earlier_segment_is_damage(tmp_path: Path) -> None:
    await segmented_folder(tmp_path / "theater")
    first, second, *_ = sorted((tmp_path / "theater" / "segments").iterdir())
    for segment, content in (
        (first, None),
        (second, None),
        (first, b""),
        (second, b""),
        (first, first.read_bytes()[:-300_000]),
        (first, first.read_bytes()[:50_000]),
        (second, first.read_bytes()),
        (first, first.read_bytes() + b"x"),
    ):
        kept = segment.read_bytes()
        if content is None:
            segment.unlink()
        else:
            segment.write_bytes(content)
        before = contents_of(tmp_path / "theater")

        with pytest.raises(CorruptJournalError):
            reopen(tmp_path / "theater")

        assert contents_of(tmp_path / "theater") == before
        segment.write_bytes(kept)
    assert reopen(tmp_path / "theater").index.size > 0


async def test_a_failed_sync_ends_the_journal_for_everyone(tmp_path: Path) -> None:
    disk = FailingDisk()
    journal = DiskJournal(tmp_path / "theater", calls=disk.calls)
    failures: list[BaseException] = []
    journal.on_failure = failures.append
    await journal.open()
    scribe = Scribe(journal)
    scribe.write("safe")
    await committed(journal)

    disk.fail_next("sync")
    scribe.write("lost")
    flushed = journal.flushed()
    assert flushed is not None
    scribe.keep(bytes(2 << 20))
    later = journal.flushed()
    assert later is not None
    for future in (flushed, later):
        with pytest.raises(JournalFailedError, match="Input/output error"):
            await future

    assert failures == [journal.failed]
    assert (journal.size, journal.committed) == (4 - 1, 1)
    with pytest.raises(JournalFailedError):
        scribe.write()
    with pytest.raises(JournalFailedError):
        journal.put(bytes(32), b"", kept=True)
    with pytest.raises(JournalFailedError):
        await committed(journal)
    await journal.close()
    assert not (tmp_path / "theater" / "closed").exists()
    assert reopen(tmp_path / "theater", key=None).index.size in (1, 2)


async def test_a_journal_that_failed_while_nobody_listened_is_closed_without_a_word(tmp_path: Path) -> None:
    disk = FailingDisk()
    journal = DiskJournal(tmp_path / "theater", calls=disk.calls)
    await journal.open()
    Scribe(journal).write()
    disk.fail_next("write")
    await journal.close()

    assert isinstance(journal.failed, JournalFailedError)


@pytest.mark.parametrize("size", [500_000, 3 << 20])
async def test_a_blob_that_does_not_fit_is_refused_and_others_go_on(tmp_path: Path, size: int) -> None:
    disk = FailingDisk()
    journal = DiskJournal(tmp_path / "theater", calls=disk.calls)
    await journal.open()
    scribe = Scribe(journal)
    disk.fail_next("allocate", error=errno.ENOSPC)

    with pytest.raises(DiskFullError):
        scribe.keep(bytes(size))

    scribe.write("recorded")
    digest = scribe.keep(bytes(size))
    await committed(journal)
    assert journal.read(digest) == bytes(size)
    assert journal.size == 2
    await journal.close()
    assert len(list((tmp_path / "theater" / "tmp").iterdir())) == 0


async def test_contents_of_one_batch_that_outgrow_its_room_are_refused(tmp_path: Path) -> None:
    ends: list[int] = []

    def allocate(descriptor: int, start: int, length: int) -> None:
        if start + length > 1 << 20:
            raise OSError(errno.ENOSPC, "no room")
        os.posix_fallocate(descriptor, start, length)
        ends.append(start + length)

    journal = DiskJournal(tmp_path / "theater", calls=Calls(allocate=allocate))
    await journal.open()
    scribe = Scribe(journal)

    with pytest.raises(DiskFullError):
        for number in range(2_000):
            scribe.keep(number.to_bytes(1_024))

    assert 0.7 * (1 << 20) < journal._commits.forming.end.offset <= ends[-1]
    assert 500 < journal.size < 1_024
    assert len(ends) < 12
    await journal.close()


async def test_where_there_is_no_ample_room_just_enough_is_taken(tmp_path: Path) -> None:
    disk = FailingDisk()
    journal = DiskJournal(tmp_path / "theater", calls=disk.calls)
    await journal.open()
    disk.fail_next("allocate", error=errno.ENOSPC)

    digest = Scribe(journal).keep(bytes(150_000))

    await committed(journal)
    assert journal.read(digest) == bytes(150_000)
    await journal.close()


async def test_a_stream_that_does_not_fit_leaves_nothing_behind(tmp_path: Path) -> None:
    disk = FailingDisk()
    journal = DiskJournal(tmp_path / "theater", calls=disk.calls)
    await journal.open()
    for call in ("write", "sync", "rename"):
        ingest = journal.ingest()
        with pytest.raises(DiskFullError):
            disk.fail_next(call, error=errno.ENOSPC)
            ingest.write(b"some")
            ingest.publish()
    disk.fail_next("open", error=errno.EIO)
    with pytest.raises(JournalFailedError):
        journal.ingest()

    Scribe(journal).write()
    await journal.close()
    assert reopen(tmp_path / "theater", key=None).index.size == 1
    assert not list((tmp_path / "theater" / "tmp").iterdir())


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB; only root can mount one."""
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(tmp_path)]
    if os.geteuid() != 0 or sys.platform != "linux" or subprocess.run(command, check=False).returncode:
        pytest.skip("mounting is not allowed here")
    yield tmp_path
    subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


async def test_a_full_file_system_refuses_blobs_and_takes_events(small_disk: Path) -> None:
    folder = small_disk / "theater"
    random = Random(0)
    journal = DiskJournal(folder)
    await journal.open()
    scribe = Scribe(journal)
    kept: dict[bytes, bytes] = {}
    for size in (2 << 20, 900_000, 50_000, 1000):
        with pytest.raises(DiskFullError):
            while True:
                content = random.randbytes(size)
                kept[scribe.keep(content)] = content
                await committed(journal)
    ingest = journal.ingest()
    with pytest.raises(DiskFullError):
        ingest.write(bytes(2 << 20))
    for _ in range(100):
        scribe.write("an event of a refused request" * 10)
        await committed(journal)
    await journal.close()

    journal = DiskJournal(folder)
    await journal.open()
    assert journal.size == len(scribe.events)
    assert all(journal.read(digest) == content for digest, content in kept.items())
    await journal.close()


WRITER = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from journal_contract import Scribe
from journal_disks import Held
from theater.journal import DiskJournal

async def main():
    calls = Held(syncs=sys.argv[3] == "synced").calls
    journal = DiskJournal(sys.argv[1], segment_bytes=200_000, calls=calls)
    await journal.open()
    scribe = Scribe(journal)
    for number in range(1_000_000):
        scribe.keep(b"%d" % number * 500)
        flushed = journal.flushed()
        if number % 3 == 0:
            await flushed
            print(number, flush=True)

asyncio.run(main())
"""


def killed_writer(folder: Path, lines: int, *, how: str = "synced") -> int:
    """Kill a process that has said so many lines; returns what it has acknowledged."""
    command = [sys.executable, "-c", WRITER, str(folder), str(Path(__file__).parent), how]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        acknowledged = [int(process.stdout.readline()) for _ in range(lines)][-1]
        process.kill()
    return acknowledged


@pytest.mark.parametrize("lines", [1, 17, 150])
def test_a_process_killed_at_any_instant_loses_nothing_acknowledged(tmp_path: Path, lines: int) -> None:
    acknowledged = killed_writer(tmp_path / "theater", lines)

    opened = reopen(tmp_path / "theater", key=None)

    assert opened.index.size > acknowledged
    assert opened.index.size == len(opened.index.held)


def test_a_process_that_never_synced_would_lose_what_it_acknowledged(tmp_path: Path) -> None:
    killed_writer(tmp_path / "theater", 17, how="never synced")

    assert reopen(tmp_path / "theater", key=None).index.size == 0
