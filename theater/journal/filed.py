"""Filed: a sealed segment's table that stays in its index file; what is asked for is read from there.

The file says nothing that the segment does not, and can be removed at any time. If it is gone, or another,
the segment is read through, and what its index would hold is kept in memory.
"""

from __future__ import annotations

import os
from struct import Struct
from typing import NamedTuple

from theater.errors import CorruptJournalError
from theater.journal.folder import Folder
from theater.journal.heading import ACTOR_BYTES
from theater.journal.sealed import columns, index_bytes, is_begun_as, tabled
from theater.journal.table import Table

_first = Struct(">Q")
_count = Struct(">I")
_offset = Struct(">I")


class Span(NamedTuple):
    """The events of one chain that a segment holds."""

    first: int  # seq
    events: int
    end: int  # behind the last of them, counted through all events in the table


class Filed:
    """What one segment holds, and where: less than a KiB of memory, however many events that are."""

    __slots__ = ("_columns", "_content", "_folder", "_is_compared", "_note", "_origin", "_rows", "segment")

    def __init__(self, folder: Folder, table: Table, *, origin: str) -> None:
        """Take its measures from the table, which need not be kept."""
        self.segment = table.segment
        self._folder = folder
        self._origin = origin
        self._rows = len(table.counts)
        self._note = table.note
        self._columns = columns(note=len(table.note), chains=self._rows)
        self._is_compared = False
        self._content: bytes | None = None  # of the file, if the one there does not say it

    def offset(self, place: int) -> int:
        """Where in the segment an event is, by its place among all in the table."""
        found: int = _offset.unpack(self._read(self._columns.offsets + _offset.size * place, _offset.size))[0]
        return found

    def span(self, actor: bytes) -> Span | None:
        """What the segment holds of a chain; None if nothing."""
        row = self._row(actor)
        if row < 0:
            return None
        (first,) = _first.unpack(self._read(self._columns.firsts + _first.size * row, _first.size))
        counts = self._read(self._columns.counts, _count.size * (row + 1))
        end = sum(count for (count,) in _count.iter_unpack(counts))
        return Span(first, _count.unpack_from(counts, _count.size * row)[0], end)

    def _row(self, actor: bytes) -> int:
        actors = self._read(self._columns.actors, ACTOR_BYTES * self._rows)
        at = actors.find(actor)
        while at > 0 and at % ACTOR_BYTES:  # the end of one id and the beginning of the next
            at = actors.find(actor, at + 1)
        return at // ACTOR_BYTES

    def _read(self, at: int, length: int) -> bytes:
        if not self._is_compared:
            self._is_compared = True
            begin = self._file(0, self._columns.actors)
            if not is_begun_as(begin, note=self._note, chains=self._rows):
                self._content = self._made()
        if self._content is None:
            found = self._file(at, length)
            if len(found) == length:
                return found
            self._content = self._made()
        return self._content[at : at + length]

    def _file(self, at: int, length: int) -> bytes:
        """Bytes of the file; fewer, or none, if they are not there."""
        try:
            descriptor = os.open(self._folder.index(self.segment), os.O_RDONLY)
        except FileNotFoundError:
            return b""
        try:
            return os.pread(descriptor, length, at)
        finally:
            os.close(descriptor)

    def _made(self) -> bytes:
        """The index made anew.

        Raises:
            CorruptJournalError: the segment is not what it was.
        """
        made = tabled(self._folder, self.segment, origin=self._origin)
        if made is None or made[0].note != self._note:
            raise CorruptJournalError(f"segment {self.segment}", expected="what it held", found="damage")
        return index_bytes(made[0], check=made[1])
