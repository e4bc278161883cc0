"""Damage by chance: any bit flipped, any byte missing, any end cut off, any two frames swapped."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from power import AWAKE
from small_crew import KEY, run_crew
from surgery import Frame, frames_of, overwrite, pairs, put_together, swapped, told
from tally import Tally

from theater import CorruptJournalError, FolderError
from theater.journal import DiskJournal
from theater.journal.frames import frame
from theater.journal.reader import Reader
from theater.verify import verify

LOOSE = 10  # of the pairs, those in which only a content changes its place


@pytest.fixture(scope="module")
def folder(quick_path: Path) -> Path:
    """A finished journal; each test leaves it as it was."""
    path = quick_path / "theater"
    run_crew(path)
    return path


def is_whole(folder: Path) -> bool:
    """Whether everything that `verify` says is good."""
    try:
        report = verify(Reader(folder))
    except (CorruptJournalError, FolderError):  # `History.verify` makes a report of the first
        return False
    return report.ok and report.closed and not report.tail


def parts(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """Every file that means anything, and what is in it; an index says only again what its segment says."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != "lock" and path.parent.name != "index":
            yield path, path.read_bytes()


@contextmanager
def changed(path: Path, at: int, byte: int) -> Iterator[None]:
    """One byte another for a while. Written in place: a file that is cut and written anew is flushed."""
    with path.open("r+b", buffering=0) as file:
        before = os.pread(file.fileno(), 1, at)
        os.pwrite(file.fileno(), bytes([byte]), at)
        yield
        os.pwrite(file.fileno(), before, at)


def test_any_bit_flipped_is_shown(folder: Path, tally: Tally, request: pytest.FixtureRequest) -> None:
    assert is_whole(folder)
    is_long = request.config.getoption("--long-attacks")

    for path, content in parts(folder):
        for at, byte in enumerate(content):
            for bit in range(8) if is_long else [at % 8]:
                with changed(path, at, byte ^ 1 << bit):
                    assert not is_whole(folder), f"bit {bit} of byte {at} of {path.name}"
                tally("bit flipped")

    assert is_whole(folder)


def test_any_bit_flipped_in_the_room_behind_a_segment_is_shown(folder: Path, tally: Tally) -> None:
    *sealed, _ = sorted((folder / "segments").iterdir())
    assert sealed
    for path in sealed:
        length = path.stat().st_size
        os.truncate(path, length + 300)
        assert is_whole(folder)
        for at in range(300):
            with changed(path, length + at, 1 << at % 8):
                assert not is_whole(folder), f"byte {at} behind segment {path.name}"
            tally("bit flipped in the room behind a log")
        os.truncate(path, length)


def test_any_byte_taken_out_is_shown(folder: Path, tally: Tally) -> None:
    for path, content in parts(folder):
        for at in range(len(content)):
            overwrite(path, content[:at] + content[at + 1 :])
            assert not is_whole(folder), f"byte {at} of {path.name}"
            tally("byte taken out")
        overwrite(path, content)


def test_any_end_cut_off_is_shown(folder: Path, tally: Tally) -> None:
    for path, content in parts(folder):
        if path.name != "closed":
            for length in reversed(range(len(content))):
                os.truncate(path, length)
                assert not is_whole(folder), f"{path.name} cut at byte {length}"
                tally("end cut off")
            overwrite(path, content)


def test_any_file_gone_is_shown(folder: Path, tally: Tally) -> None:
    for path, content in parts(folder):
        path.unlink()
        assert not is_whole(folder), path.name
        path.write_bytes(content)
        tally("file gone")

    assert is_whole(folder)


@pytest.mark.anyio
@pytest.mark.real_clock
async def test_any_byte_of_an_index_damaged_or_missing_leaves_all_to_be_found(
    folder: Path, quick_path: Path, tally: Tally
) -> None:
    copy = quick_path / "copy"
    shutil.copytree(folder, copy)
    whole = {path: path.read_bytes() for path in sorted((folder / "index").iterdir())}
    assert whole

    async def found(folder: Path) -> object:
        journal = DiskJournal(folder, key=KEY, calls=AWAKE)
        await journal.open()
        ends = journal.tips()
        said = {actor: [journal.event(actor, seq) for seq in range(ends[actor][0])] for actor in ends}
        journal.abandon()
        return journal.size, said, journal.checkpoint()

    expected = await found(copy)
    for path, content in whole.items():
        index = copy / "index" / path.name
        for at in range(0, len(content), 2):
            index.write_bytes(content[:at] + bytes([content[at] ^ 1 << at // 2 % 8]) + content[at + 1 :])
            assert await found(copy) == expected, f"byte {at} of index {path.name}"
            tally("bit flipped in an index")
            index.write_bytes(content[:at])
            assert await found(copy) == expected, f"index {path.name} cut at byte {at}"
            tally("end of an index cut off")
            assert index.read_bytes() == content  # made anew


def raw(frames: list[Frame]) -> dict[int, bytes]:
    """Segments of these very frames: commits say what they said."""
    logs: dict[int, bytes] = {}
    for each in frames:
        logs[each.segment] = logs.get(each.segment, b"") + frame(each.kind, each.payload)
    return logs


def test_any_two_frames_swapped_are_shown_or_say_the_same(folder: Path, tally: Tally) -> None:
    frames = frames_of(folder)
    whole = raw(frames)
    said = told(frames)
    unshown = 0

    for first, second in pairs(frames):
        others = swapped(frames, first, second)
        changed = {number: log for number, log in raw(others).items() if log != whole[number]}
        for number, log in changed.items():
            overwrite(folder / "segments" / f"{number:08}", log)
        if is_whole(folder):
            assert told(others) == said, f"frames {first} and {second}"
            unshown += 1
        tally("two frames swapped")
        for number in changed:
            overwrite(folder / "segments" / f"{number:08}", whole[number])

    assert is_whole(folder)
    assert unshown < LOOSE  # a content may stand anywhere before the event that names it


def test_any_two_frames_swapped_by_one_who_knows_the_format_are_shown_or_say_the_same(
    folder: Path, tally: Tally
) -> None:
    frames = frames_of(folder)
    said = told(frames)
    unshown = 0

    for first, second in pairs(frames):
        others = swapped(frames, first, second)
        put_together(folder, others)
        if is_whole(folder):
            assert told(others) == said, f"frames {first} and {second}"
            unshown += 1
        tally("two frames swapped, and all made to fit that needs no key")

    put_together(folder, frames)
    assert is_whole(folder)
    assert unshown < LOOSE
