"""Where everything in a journal is: events by chain, contents by digest; a fold over its batches, pure.

A position is one integer, the segment's number shifted by 32 bits plus the offset of a frame in it. A chain's
positions stand in a compact array by seq, so an event costs 8 bytes and a blob about 150.
"""

from __future__ import annotations

from array import array
from base64 import b64encode

from theater.errors import CorruptJournalError, MalformedError
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
)
from theater.journal.heading import ACTOR_BYTES, EVENT_START, ONE_BYTE, STUB_START, TWO_BYTES, unsigned
from theater.journal.walk import Batch
from theater.merkle import EMPTY_ROOT

SEGMENT_SHIFT = 32
LENGTH_BITS = 21  # of a blob, at most 1 MiB


class Index:
    """What the batches so far hold, and where."""

    __slots__ = ("blobs", "events", "files", "note", "origin", "size")

    def __init__(self, origin: str) -> None:
        self.events: dict[bytes, array[int]] = {}  # positions by seq
        self.blobs: dict[bytes, int] = {}  # position << LENGTH_BITS | length of the content
        self.files: dict[bytes, int] = {}  # size of a content in `blobs/`
        self.size = 0  # events
        self.note = b""  # of the newest commit
        self.origin = origin

    def add(self, batch: Batch) -> None:
        """Take in the next batch.

        Raises:
            CorruptJournalError: it does not follow the batches so far.
        """
        try:
            self._add(batch)
        except MalformedError as error:
            raise self._corrupt(batch, "frames as the format says", error) from error

    def _add(self, batch: Batch) -> None:
        if batch.frames[0][0] == FRONTIER:
            self._begin(batch)
        elif batch.place.offset == 0:
            raise self._corrupt(batch, "a frontier first", "none")
        chunk = batch.chunk
        here = (batch.place.segment << SEGMENT_SHIFT) + batch.base - HEADER_BYTES
        for kind, start, end in batch.frames:
            if kind == EVENT:
                self._place(batch, start + len(EVENT_START), here + start)
            elif kind == BLOB:
                digest = chunk[start : start + DIGEST_BYTES]
                self.blobs[digest] = here + start << LENGTH_BITS | end - start - DIGEST_BYTES
            elif kind == FILE:
                digest, size = read_file(chunk[start:end])
                self.files[digest] = size
            elif kind == STUB:
                self._place(batch, start + len(STUB_START), here + start)
        self._commit(batch)

    def _place(self, batch: Batch, actor_at: int, position: int) -> None:
        """Note where the next event of a chain is; a million of them take most of an opening."""
        chunk = batch.chunk
        after = actor_at + ACTOR_BYTES
        actor = chunk[actor_at:after]
        seq = chunk[after]
        if seq == TWO_BYTES:
            seq = chunk[after + 1] << 8 | chunk[after + 2]
        elif seq >= ONE_BYTE:
            seq, _ = unsigned(chunk, after)
        positions = self.events.get(actor)
        if positions is None:
            positions = self.events[actor] = array("Q")
        if seq != len(positions):
            raise self._corrupt(batch, f"event {len(positions)} of {actor.hex()}", f"event {seq}")
        positions.append(position)
        self.size += 1

    def _begin(self, batch: Batch) -> None:
        """Compare the frontier at the start of a batch with the commit before it."""
        _, start, end = batch.frames[0]
        segment, frontier = read_frontier(batch.chunk[start:end])
        root = self.note.split(b"\n", 3)[2] if self.note else b64encode(EMPTY_ROOT)
        found = segment, frontier.size, b64encode(frontier.root())
        expected = batch.place.segment, self.size, root
        if found != expected:
            raise self._corrupt(batch, f"a frontier of {expected}", found)

    def _commit(self, batch: Batch) -> None:
        start = f"{self.origin}\n{self.size}\n".encode()
        if not batch.commit.note.startswith(start):
            raise self._corrupt(batch, start, batch.commit.note)
        self.note = batch.commit.note

    def _corrupt(self, batch: Batch, expected: object, found: object) -> CorruptJournalError:
        segment, offset = batch.place
        return CorruptJournalError(
            f"batch at offset {offset} of segment {segment}", expected=expected, found=found
        )
