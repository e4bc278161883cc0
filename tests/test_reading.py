"""Segments that are held open for reading: opened once, never closed under who reads."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

import pytest
from journal_contract import Scribe, committed

from theater.journal import DiskJournal
from theater.journal.folder import Folder
from theater.journal.reading import OpenSegments

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.real_clock,
    pytest.mark.skipif(sys.platform != "linux", reason="asks /proc which files are open"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path)
    folder.segments.mkdir()
    for number in range(1, 101):
        folder.segment(number).write_bytes(b"segment %d" % number)
    return folder


def open_files(below: Path) -> list[str]:
    """What this process has open below a folder."""
    paths = [str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.exists()]
    return sorted(path for path in paths if path.startswith(str(below)))


def test_a_segment_is_opened_once(folder: Folder) -> None:
    segments = OpenSegments(folder)

    assert [segments.read_at(1, 0, 7), segments.read_at(1, 8, 9)] == [b"segment", b"1"]
    folder.segment(1).unlink()
    assert segments.read_at(1, 0, 100) == b"segment 1"


def test_a_segment_that_is_gone_cannot_be_read(folder: Folder) -> None:
    with pytest.raises(FileNotFoundError):
        OpenSegments(folder).read_at(101, 0, 1)


def test_at_most_64_files_are_held_open_the_oldest_goes_first(folder: Folder) -> None:
    segments = OpenSegments(folder)

    for number in range(1, 101):
        segments.read_at(number, 0, 1)

    assert len(segments) == 64
    assert open_files(folder.segments) == [str(folder.segment(number)) for number in range(37, 101)]


def test_a_file_is_not_closed_under_who_reads_from_it(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    segments = OpenSegments(folder)
    real = os.pread

    def let_go_and_read(descriptor: int, length: int, offset: int) -> bytes:
        segments.close()
        return real(descriptor, length, offset)

    monkeypatch.setattr(os, "pread", let_go_and_read)

    assert segments.read_at(1, 0, 100) == b"segment 1"
    monkeypatch.undo()
    assert open_files(folder.segments) == []


@pytest.mark.parametrize("end", ["close", "abandon"])
async def test_a_journal_that_has_ended_holds_no_file_open(tmp_path: Path, end: str) -> None:
    journal = DiskJournal(tmp_path / "theater")
    await journal.open()
    digest = Scribe(journal).keep(b"content")
    await committed(journal)
    assert journal.read(digest) == b"content"

    await journal.close() if end == "close" else journal.abandon()

    gc.collect()
    assert open_files(tmp_path) == []


def test_what_is_read_after_the_end_is_not_held_open(folder: Folder) -> None:
    segments = OpenSegments(folder)

    segments.close()

    assert segments.read_at(1, 0, 100) == b"segment 1"
    assert open_files(folder.segments) == []
