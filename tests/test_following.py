"""The next segment is made beside the writer, which never waits for it."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from theater.journal.calls import Calls
from theater.journal.folder import Folder
from theater.journal.log import Log
from theater.journal.pending import Pending
from theater.journal.walk import Place

NEAR = Place(1, 25 << 20)  # of the end of a segment


class Maker:
    """Makes the second segment only while the gate is open, and fails as it is told to."""

    def __init__(self) -> None:
        self.gate = Event()
        self.failures: list[int] = []
        self.tries = 0
        self.calls = Calls(open=self._open)

    def _open(self, path: Path, flags: int, mode: int) -> int:
        if path.name == "00000002":
            assert self.gate.wait(30)
            self.tries += 1
            if self.failures:
                raise OSError(self.failures.pop(0), "no segment")
        return os.open(path, flags, mode)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path)
    folder.segments.mkdir()
    folder.tmp.mkdir()
    return folder


@pytest.fixture
def maker() -> Iterator[Maker]:
    maker = Maker()
    yield maker
    maker.gate.set()


def written(log: Log, place: Place) -> Place:
    batch = Pending(place, frontier=None)
    batch.buffer += b"batch"
    log.write(batch)
    log.look_ahead()
    return batch.end


def tried(log: Log, maker: Maker, times: int) -> None:
    """Look ahead until a segment was made, or could not be, so many times, and the log knows."""
    while maker.tries < times or log._following is not None:
        log.look_ahead()


def test_batches_are_written_while_the_next_segment_is_being_made(folder: Folder, maker: Maker) -> None:
    log = Log(folder, NEAR, calls=maker.calls)
    end = written(log, written(log, NEAR))
    assert log.ahead[1] == 0
    assert not log.is_plain(Pending(end, frontier=None))  # who writes it has the segment taken, too
    assert log.after(Place(1, 33 << 20)) == Place(1, 33 << 20)

    maker.gate.set()
    tried(log, maker, 1)

    assert log.ahead[1] == 2
    assert log.is_plain(Pending(end, frontier=None))
    assert log.after(end) == end
    assert log.after(Place(1, 33 << 20)) == Place(2, 0)
    written(log, Place(2, 0))
    log.close()
    assert folder.segment(1).read_bytes()[NEAR.offset : NEAR.offset + 10] == b"batchbatch"
    assert folder.segment(2).read_bytes()[:5] == b"batch"


def test_a_segment_for_which_there_is_no_room_is_tried_again(folder: Folder, maker: Maker) -> None:
    maker.failures = [errno.ENOSPC, errno.ENOSPC]
    maker.gate.set()
    log = Log(folder, NEAR, calls=maker.calls)

    tried(log, maker, 3)

    assert log.ahead[1] == 2
    log.close()


def test_a_segment_that_cannot_be_made_is_a_failure_of_the_writer(folder: Folder, maker: Maker) -> None:
    maker.failures = [errno.EIO]
    log = Log(folder, NEAR, calls=maker.calls)
    maker.gate.set()

    with pytest.raises(OSError, match="no segment"):
        tried(log, maker, 1)

    log.close()


@pytest.mark.parametrize("failure", [[], [errno.ENOSPC]])
def test_a_clean_close_leaves_no_segment_that_was_being_made(
    folder: Folder, maker: Maker, failure: list[int]
) -> None:
    maker.failures = failure
    log = Log(folder, NEAR, calls=maker.calls)
    maker.gate.set()

    log.finish(size=0, root=bytes(32))
    log.close()

    assert folder.numbers() == [1]


def test_who_lets_go_of_a_log_leaves_no_thread_and_no_open_file(folder: Folder, maker: Maker) -> None:
    log = Log(folder, NEAR, calls=maker.calls)
    following = log._following
    assert following is not None
    maker.gate.set()

    log.close()

    assert not following._thread.is_alive()
    made = following.take(wait=False)
    assert made is not None
    with pytest.raises(OSError, match="descriptor"):
        os.fstat(made._descriptor)


def test_who_lets_go_of_a_log_does_not_mind_that_no_segment_could_be_made(
    folder: Folder, maker: Maker
) -> None:
    maker.failures = [errno.EIO]
    log = Log(folder, NEAR, calls=maker.calls)
    maker.gate.set()

    log.close()

    assert folder.numbers() == [1]
