"""The segment being written: zeros ahead of the log, so that writing it moves no metadata and finds its room.

They come with a batch, in its own write: written behind it they cost 0.4 ms, and 3 to 19 beside a busy event
loop, for the writer waits for the interpreter after each call, and the next batch waited for the writer.
Real zeros, not only reserved blocks: a sync after writing into those also has to record that they are in use,
which takes about twice as long (measured on ext4).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from theater.journal.calls import Calls, is_full, write_all

LEAST_AHEAD = 256 << 10  # bytes of zeros, so that a small theater stays small
MOST_AHEAD = 1 << 20  # a batch with 2 MB of them takes 1.7 to 3 ms, with 1 MB 0.6 to 1.4, without 0.1
EVENTS_ROOM = 128 << 10  # bytes kept free for events when contents no longer fit
_SPARE = 2 * EVENTS_ROOM  # bytes of zeros; with fewer left, more are written
_PAGE = 4096


class Segment:
    """One file of the log, open for writing; `reserve` is called on the loop, the rest by the writer."""

    def __init__(self, path: Path, number: int, *, end: int, calls: Calls) -> None:
        """Open the file to go on at `end`; what was behind it is dropped."""
        self.number = number
        self.end = end  # of the last batch written
        self._calls = calls
        self._filled = end
        self._reserved = end
        self._descriptor = calls.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        if os.fstat(self._descriptor).st_size > end:
            calls.truncate(self._descriptor, end)

    @property
    def room(self) -> int:
        """Up to where the disk has room for it."""
        return max(self._filled, self._reserved)

    @property
    def has_room(self) -> bool:
        """Whether events can be written without asking the disk for room."""
        return self.room - self.end >= EVENTS_ROOM

    def write(self, batch: bytearray, at: int, written: Callable[[], None]) -> None:
        """Write one batch, say so, and wait until it is on the disk."""
        end = at + len(batch)
        zeros = self._due_with(batch, end)
        if not (zeros and self._try(batch + bytes(zeros), at)):
            write_all(self._calls, self._descriptor, batch, at)
        written()
        self._calls.sync(self._descriptor)
        self.end = end

    def lacks_zeros(self, batch: bytearray, at: int) -> bool:
        """Whether zeros are to be written with this batch."""
        return self._due_with(batch, at + len(batch)) > 0

    def fill(self) -> None:
        """Write zeros ahead if there are few; a full disk is no failure yet."""
        zeros = self._due(self.end, spare=_SPARE)
        if zeros:
            self._try(bytes(zeros), self.end)
            self._calls.sync(self._descriptor)

    def _due_with(self, batch: bytearray, end: int) -> int:
        return self._due(end, spare=max(_SPARE, 2 * len(batch)))

    def _due(self, end: int, *, spare: int) -> int:
        """How many zeros are to be written behind `end`."""
        ahead = min(max(end, LEAST_AHEAD), MOST_AHEAD)
        if self._filled - end >= min(spare, ahead // 2):
            return 0
        return (end + ahead + _PAGE - 1) // _PAGE * _PAGE - end

    def _try(self, content: bytes | bytearray, at: int) -> bool:
        """Write what ends with zeros, unless the disk is full."""
        try:
            write_all(self._calls, self._descriptor, content, at)
        except OSError as error:
            if not is_full(error):
                raise
            return False
        self._filled = at + len(content)
        return True

    def reserve(self, end: int) -> int:
        """See to it that the log can be written up to `end`, and events behind it; returns the furthest end.

        Raises:
            OSError: the disk has no room for it.
        """
        room = self.room
        need = end + EVENTS_ROOM - room
        if need > 0:
            ample = max(need, min(room, MOST_AHEAD))
            try:
                self._calls.allocate(self._descriptor, room, ample)
            except OSError:
                if need == ample:
                    raise
                ample = need
                self._calls.allocate(self._descriptor, room, need)
            self._reserved = room + ample
        return self.room - EVENTS_ROOM

    def finish(self) -> None:
        """Drop the zeros behind the log."""
        self._calls.truncate(self._descriptor, self.end)
        self._calls.sync(self._descriptor)

    def close(self) -> None:
        os.close(self._descriptor)
