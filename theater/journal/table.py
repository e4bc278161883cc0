"""Tables: what one segment of the log holds, and where; made from its bytes alone.

A table is columns, each for all chains or all contents of the segment, so that many segments are put
together by few calls. `theater.journal.sealed` keeps it in a file.
"""

from __future__ import annotations

from array import array
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from struct import Struct

from theater.errors import CorruptJournalError, MalformedError
from theater.event import event_hash
from theater.journal.frames import (
    BLOB,
    DIGEST_BYTES,
    EVENT,
    FILE,
    FRONTIER,
    HEADER_BYTES,
    STUB,
    read_file,
    read_frontier,
    read_header,
)
from theater.journal.heading import (
    ACTOR_BYTES,
    EVENT_START,
    FOUR_BYTES,
    ONE_BYTE,
    STUB_START,
    TWO_BYTES,
    is_end,
    time_of,
    unsigned,
)
from theater.journal.walk import Batch
from theater.merkle import EMPTY_ROOT, HASH_BYTES

_EVENT_SEQ = len(EVENT_START) + ACTOR_BYTES
_STUB_ACTOR = len(STUB_START)
_STUB_SEQ = _STUB_ACTOR + ACTOR_BYTES
_read_lead = Struct(
    f">{len(EVENT_START)}x{ACTOR_BYTES}sBI"
).unpack_from  # actor, first byte of seq, four behind
_SHIFTS = {ONE_BYTE: 24, TWO_BYTES: 16, FOUR_BYTES: 0}


@dataclass(frozen=True, slots=True)
class Table:
    """What a segment holds; its chains stand in the order in which they first appear there."""

    segment: int
    end: int  # behind its last batch, bytes
    commit: int  # where the last commit frame begins
    batches: int
    size: int  # events in the segments before
    root: bytes  # over those, 32 bytes
    note: bytes  # of the last commit
    last_time: int  # of its newest event, nanoseconds since 1970 UTC; 0 if it holds none
    actors: bytes  # ids, 16 bytes each
    firsts: array[int]  # seq of the first event of each chain here
    counts: array[int]  # events of each chain here
    heads: bytes  # hash of the last event of each chain here, 32 bytes each
    ended: bytes  # 1 for each chain that goes on no more, else 0
    offsets: array[int]  # of the events, those of the first chain first
    digests: bytes  # of blobs, 32 bytes each
    blobs: array[int]  # offsets of their frames
    files: bytes  # digests of contents in `blobs/`, 32 bytes each
    sizes: array[int]  # of those contents, bytes

    def starts(self) -> array[int]:
        """Where in `offsets` the events of each chain begin; at last, where they end."""
        return array("I", accumulate(self.counts, initial=0))


class Tabling:
    """Takes in the batches of one segment, in their order."""

    def __init__(
        self,
        origin: str,
        *,
        size: int | None = None,
        note: bytes = b"",
        counted: Callable[[bytes], int] | None = None,
    ) -> None:
        """Go on after `size` events under the newest `note`, and `counted` of each chain.

        Without a size, those of the frontier that the segment begins with are taken as they are.
        """
        self.rows: dict[bytes, tuple[int, array[int]]] = {}  # first seq and offsets, by chain
        self.digests = bytearray()  # of blobs
        self.blobs = array("I")  # their offsets
        self.files: list[tuple[bytes, int]] = []  # digest and size
        self.size = size or 0
        self.note = note
        self._before = self.size, root_in(note)
        self._is_known = size is not None
        self._counted = counted
        self._origin = origin
        self._last: Batch | None = None
        self._batches = 0

    def add(self, batch: Batch) -> None:
        """Take in the next batch.

        Raises:
            CorruptJournalError: it does not follow those before it.
        """
        try:
            self._add(batch)
        except MalformedError as error:
            raise _corrupt(batch, "frames as the format says", error) from error

    def table(self) -> Table:
        """What was taken in, which is all of a segment.

        Raises:
            CorruptJournalError: an event has no heading.
        """
        batch = self._last
        assert batch is not None
        assert batch.base == 0
        try:
            return self._table(batch)
        except MalformedError as error:
            raise _corrupt(batch, "events as the format says", error) from error

    def _add(self, batch: Batch) -> None:
        if batch.frames[0][0] == FRONTIER:
            self._begin(batch)
        elif batch.place.offset == 0:
            raise _corrupt(batch, "a frontier first", "none")
        chunk, rows = batch.chunk, self.rows
        here = batch.base - HEADER_BYTES
        for kind, start, end in batch.frames:
            if kind == EVENT:  # a million of them take most of the time
                actor, seq, more = _read_lead(chunk, start)
                if seq >= ONE_BYTE:
                    seq = more >> _SHIFTS[seq] if seq in _SHIFTS else unsigned(chunk, start + _EVENT_SEQ)[0]
                row = rows.get(actor)
                if row is None or seq != row[0] + len(row[1]):
                    row = self._begin_row(batch, actor, seq)
                row[1].append(here + start)
                self.size += 1
            elif kind == BLOB:
                self.digests += chunk[start : start + DIGEST_BYTES]
                self.blobs.append(here + start)
            elif kind == FILE:
                self.files.append(read_file(chunk[start:end]))
            elif kind == STUB:
                actor = chunk[start + _STUB_ACTOR : start + _STUB_SEQ]
                self._begin_row(batch, actor, unsigned(chunk, start + _STUB_SEQ)[0])[1].append(here + start)
                self.size += 1
        self._commit(batch)

    def _begin_row(self, batch: Batch, actor: bytes, seq: int) -> tuple[int, array[int]]:
        """The row of a chain, for its event `seq` to be added, which must be the next."""
        row = self.rows.get(actor)
        if row is None:
            expected = seq if self._counted is None else self._counted(actor)
            row = self.rows[actor] = expected, array("I")
        first, offsets = row
        if seq != first + len(offsets):
            raise _corrupt(batch, f"event {first + len(offsets)} of {actor.hex()}", f"event {seq}")
        return row

    def _begin(self, batch: Batch) -> None:
        """Compare the frontier at the start of a batch with the commit before it."""
        _, start, end = batch.frames[0]
        segment, frontier = read_frontier(batch.chunk[start:end])
        found = segment, frontier.size, b64encode(frontier.root())
        if not self._is_known:
            self._is_known = True
            self.size = frontier.size
            self._before = found[1:]
        root = self._before[1] if self._last is None else root_in(self.note)
        expected = batch.place.segment, self.size, root
        if found != expected:
            raise _corrupt(batch, f"a frontier of {expected}", found)

    def _commit(self, batch: Batch) -> None:
        start = f"{self._origin}\n{self.size}\n".encode()
        if not batch.commit.note.startswith(start):
            raise _corrupt(batch, start, batch.commit.note)
        self.note = batch.commit.note
        self._last = batch
        self._batches += 1

    def _table(self, batch: Batch) -> Table:
        heads, ended, last_time = self._ends(batch.chunk)
        size, root = self._before
        firsts = [first for first, _ in self.rows.values()]
        offsets = array("I")
        for _, row in self.rows.values():
            offsets += row
        return Table(
            segment=batch.place.segment,
            end=batch.end,
            batches=self._batches,
            commit=batch.frames[-1][1] - HEADER_BYTES,
            size=size,
            root=b64decode(root),
            note=self.note,
            last_time=last_time,
            actors=b"".join(self.rows),
            firsts=array("Q", firsts),
            counts=array("I", [len(row) for _, row in self.rows.values()]),
            heads=heads,
            ended=ended,
            offsets=offsets,
            digests=bytes(self.digests),
            blobs=self.blobs,
            files=b"".join([digest for digest, _ in self.files]),
            sizes=array("Q", [size for _, size in self.files]),
        )

    def _ends(self, chunk: bytes) -> tuple[bytes, bytes, int]:
        """Head of each chain, whether it goes on no more, and the time of the newest event."""
        heads: list[bytes] = []
        ended = bytearray()
        newest, last = -1, b""
        for _, offsets in self.rows.values():
            offset = offsets[-1]
            _, length, kind = read_header(chunk, offset)
            payload = chunk[offset + HEADER_BYTES : offset + HEADER_BYTES + length]
            if kind == STUB:  # what an actor needs to go on is never removed: this one has ended
                heads.append(payload[-HASH_BYTES:])
                ended.append(1)
                continue
            heads.append(event_hash(payload))
            ended.append(is_end(payload))
            if offset > newest:
                newest, last = offset, payload
        return b"".join(heads), bytes(ended), time_of(last) if last else 0


def root_in(note: bytes) -> bytes:
    """The root that a checkpoint is over, base64; of nothing before the first one."""
    return note.split(b"\n", 3)[2] if note else b64encode(EMPTY_ROOT)


def _corrupt(batch: Batch, expected: object, found: object) -> CorruptJournalError:
    segment, offset = batch.place
    return CorruptJournalError(
        f"batch at offset {offset} of segment {segment}", expected=expected, found=found
    )
