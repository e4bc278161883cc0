"""Where everything in a journal is: events by chain, contents by digest; put together from its segments.

A position is one integer, the segment's number shifted by 32 bits plus the offset of a frame in it. What
stood there at the opening stays in the tables of the segments, 4 bytes an event and about 200 a chain. What
came since, whoever only looks lays out in an array of positions by seq; a journal that goes on has `places`.
"""

from __future__ import annotations

from array import array
from base64 import b64encode
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import compress, repeat
from operator import add, not_

from theater.errors import CorruptJournalError
from theater.journal.filed import Filed
from theater.journal.folder import Folder
from theater.journal.frames import DIGEST_BYTES
from theater.journal.heading import ACTOR_BYTES
from theater.journal.held import SEGMENT_SHIFT, Held
from theater.journal.table import Table, Tabling, root_in
from theater.journal.walk import Batch
from theater.merkle import HASH_BYTES

_STEPS = 4  # segments; for a chain that is read further back, its rows are laid out
_NONE = array("I")


class Index:
    """What the log holds so far, and where."""

    __slots__ = (
        "_ended", "_ends", "_filed", "_older", "_rows", "_spans", "_starts", "_tables", "_tops", "batches",
        "events", "held", "last_time", "note", "origin", "size",
    )  # fmt: skip

    def __init__(self, origin: str, *, digest_at: Callable[[int], bytes]) -> None:
        """Begin with nothing; `digest_at` reads the digest of a blob by its position."""
        self.events: dict[bytes, array[int]] = {}  # positions by seq, of chains that went on since
        self.held = Held(digest_at)
        self.size = 0  # events
        self.batches = 0
        self.note = b""  # of the newest commit
        self.last_time = 0  # of the newest event in the tables
        self.origin = origin
        self._spans: dict[bytes, array[int]] = {}  # all rows of chains that were read far back
        self._tables: list[Table] = []
        self._filed: dict[int, Filed] = {}  # of tables that were let go of, by segment
        self._starts: list[array[int]] = []  # of each table, where in `offsets` each chain begins
        self._tops: list[int] = []  # of each table, the number of its first row
        # A row is what one table says of one chain. Rows are numbered through all tables.
        self._rows: dict[bytes, int] = {}  # the newest row of each chain
        self._older = array("q")  # of each row, the one before of its chain, or -1
        self._ends = array("Q")  # of each row, the events of its chain up to there
        self._ended = bytearray()  # of each row, whether the chain goes on no more

    # -- taking in ---------------------------------------------------------------------------------------

    def take(self, table: Table) -> None:
        """Take in the next segment.

        Raises:
            CorruptJournalError: it does not follow those before it.
        """
        found = table.size, b64encode(table.root)
        expected = self.size, root_in(self.note)
        if found != expected:
            raise _corrupt(table, f"a frontier of {expected}", found)
        actors = _pieces(table.actors, ACTOR_BYTES)
        older = array("q", map(self._rows.get, actors, repeat(-1)))
        counted = array("Q", [0 if row < 0 else self._ends[row] for row in older])
        if counted != table.firsts:
            at = next(at for at, first in enumerate(table.firsts) if first != counted[at])
            raise _corrupt(table, f"event {counted[at]} of {actors[at].hex()}", f"event {table.firsts[at]}")
        top = len(self._ends)
        self._tables.append(replace(table, actors=b"", digests=b"", blobs=_NONE, files=b"", sizes=_NONE))
        self._starts.append(table.starts())
        self._tops.append(top)
        self._older += older
        self._ends.extend(map(add, table.firsts, table.counts))
        self._ended += table.ended
        self._rows.update(zip(actors, range(top, top + len(actors)), strict=True))
        self.held.take(table)
        self.size += len(table.offsets)
        self.batches += table.batches
        self.note = table.note
        self.last_time = table.last_time or self.last_time

    def add(self, batch: Batch) -> None:
        """Take in the next batch, once all segments before it were taken.

        Raises:
            CorruptJournalError: it does not follow those before it.
        """
        tabling = self.follow(batch, counted=self.count)
        here = batch.place.segment << SEGMENT_SHIFT
        for actor, (_, offsets) in tabling.rows.items():
            self.going_on(actor).extend(map(add, offsets, repeat(here)))

    def follow(self, batch: Batch, *, counted: Callable[[bytes], int] | None) -> Tabling:
        """Take in the contents of the next batch; whoever calls it takes the events.

        Raises:
            CorruptJournalError: it does not follow those before it.
        """
        tabling = Tabling(self.origin, size=self.size, note=self.note, counted=counted)
        tabling.add(batch)
        here = batch.place.segment << SEGMENT_SHIFT
        digests = _pieces(bytes(tabling.digests), DIGEST_BYTES)
        for digest, offset in zip(digests, tabling.blobs, strict=True):
            self.held.place(digest, here + offset)
        self.held.files.update(tabling.files)
        self.size = tabling.size
        self.batches += 1
        self.note = tabling.note
        return tabling

    def let_go(self, folder: Folder) -> None:
        """Leave to their files what the tables of sealed segments say of events, 4 bytes for each.

        From then on nothing is added here.
        """
        for number, table in enumerate(self._tables[:-1]):
            if table.segment not in self._filed:
                self._filed[table.segment] = Filed(folder, table, origin=self.origin)
                self._tables[number] = replace(table, offsets=_NONE)

    # -- looking up --------------------------------------------------------------------------------------

    def actors(self) -> Iterator[bytes]:
        """The ids of all chains, in the order of their first events."""
        yield from tuple(self._rows)
        yield from [actor for actor in self.events if actor not in self._rows]

    def count(self, actor: bytes) -> int:
        """How many events a chain has."""
        positions = self.events.get(actor)
        if positions is not None:
            return len(positions)
        row = self._rows.get(actor)
        return 0 if row is None else self._ends[row]

    def position(self, actor: bytes, seq: int) -> int:
        """Where an event is, which there is."""
        positions = self.events.get(actor)
        if positions is not None:
            return positions[seq]
        row = self._rows[actor]
        for _ in range(_STEPS):
            if self._first_of(row) <= seq:
                return self._position_in(row, seq)
            row = self._older[row]
        rows = self._rows_of(actor)
        return self._position_in(rows[bisect_right(rows, seq, key=self._first_of) - 1], seq)

    def going_on(self, actor: bytes) -> array[int]:
        """The positions of a chain by seq, for those of its new events to be added."""
        positions = self.events.get(actor)
        if positions is None:
            positions = array("Q")
            for row in self._rows_of(actor):
                top, table, starts = self._of(row)
                offsets = table.offsets[starts[row - top] : starts[row - top + 1]]
                positions.extend(map(add, offsets, repeat(table.segment << SEGMENT_SHIFT)))
            self.events[actor] = positions
            self._spans.pop(actor, None)
        return positions

    def _rows_of(self, actor: bytes) -> array[int]:
        """All rows of a chain, oldest first."""
        rows = self._spans.get(actor)
        if rows is None:
            rows = array("q")
            row = self._rows.get(actor, -1)
            while row >= 0:
                rows.append(row)
                row = self._older[row]
            rows.reverse()
            if len(rows) > _STEPS:
                self._spans[actor] = rows
        return rows

    def _position_in(self, row: int, seq: int) -> int:
        top, table, starts = self._of(row)
        place = starts[row - top] + seq - table.firsts[row - top]
        filed = self._filed.get(table.segment)
        offset = table.offsets[place] if filed is None else filed.offset(place)
        return (table.segment << SEGMENT_SHIFT) + offset

    def _first_of(self, row: int) -> int:
        top, table, _ = self._of(row)
        return table.firsts[row - top]

    def living(self) -> list[bytes]:
        """The chains in the tables that go on: their last event is there, and no `actor/stopped`."""
        return list(compress(self._rows, map(not_, map(self._ended.__getitem__, self._rows.values()))))

    def head(self, actor: bytes) -> bytes:
        """The hash of the last event of a chain in the tables, 32 bytes."""
        row = self._rows[actor]
        top, table, _ = self._of(row)
        return table.heads[HASH_BYTES * (row - top) : HASH_BYTES * (row - top + 1)]

    def tips(self) -> Mapping[bytes, tuple[int, bytes]]:
        """Number of events and head of each chain in the tables."""
        return _Tips(self._rows, self._ends, self.head)

    def _of(self, row: int) -> tuple[int, Table, array[int]]:
        """The table in which a row is: the number of its first row, itself, and where its chains begin."""
        number = bisect_right(self._tops, row) - 1
        return self._tops[number], self._tables[number], self._starts[number]


class _Tips(Mapping[bytes, tuple[int, bytes]]):
    """Read from the tables one by one, when somebody asks."""

    def __init__(self, rows: dict[bytes, int], ends: array[int], head: Callable[[bytes], bytes]) -> None:
        self._rows = rows
        self._ends = ends
        self._head = head

    def __getitem__(self, actor: bytes) -> tuple[int, bytes]:
        return self._ends[self._rows[actor]], self._head(actor)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


def _pieces(content: bytes, width: int) -> list[bytes]:
    return [content[at : at + width] for at in range(0, len(content), width)]


def _corrupt(table: Table, expected: object, found: object) -> CorruptJournalError:
    return CorruptJournalError(f"segment {table.segment}", expected=expected, found=found)
