"""A batch on its way to the disk: frames side by side in one buffer, written by one call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from zlib import crc32

from theater.checkpoint import Note
from theater.journal.blobs import Drafts
from theater.journal.frames import (
    COMMIT,
    DIGEST_BYTES,
    FRONTIER,
    Commit,
    frame,
    frontier_payload,
    pack_check,
    pack_lead,
)
from theater.journal.held import SEGMENT_SHIFT
from theater.journal.walk import Place
from theater.loop import Future
from theater.merkle import Frontier

LOOK_BYTES = 64 << 10  # so many more events are hashed at once, 0.2 ms
_COMMIT_ROOM = 1024  # bytes; a blob's header, and a commit with two signatures


def _nobody() -> None:
    """Nobody waits for the writer to begin."""


class Pending:
    """What will be committed together; `buffer` is not touched any more once it is sealed."""

    __slots__ = (
        "_lead",
        "base",
        "begun",
        "buffer",
        "file_bytes",
        "files",
        "finish",
        "is_written",
        "look_at",
        "note",
        "room",
        "segment",
        "size",
        "start",
        "waiters",
    )

    def __init__(self, place: Place, *, frontier: Frontier | None) -> None:
        """Begin at a place in the log, with the frontier first if one is given."""
        self.segment, self.start = place
        self.base = (place.segment << SEGMENT_SHIFT) + place.offset  # position of the buffer's first byte
        self.buffer = bytearray()
        self.room = -1  # bytes that it may come to by contents; what was not asked for is not known
        self.waiters: list[tuple[Future[Any], object]] = []  # each with its result
        self.files: list[tuple[Drafts, bytes, bytes]] = []  # digest, content
        self.file_bytes = 0
        self.look_at = LOOK_BYTES  # bytes in the buffer
        self.begun: Callable[[], None] = _nobody  # told when it is written, and only the sync is left
        self.finish: Callable[[], None] | None = None  # what is due once it is on the disk
        self.is_written = False  # and synced
        self.size = 0  # events up to its end, known once it is sealed
        self.note: Note | None = None  # likewise
        if frontier is not None:
            self.buffer += frame(FRONTIER, frontier_payload(place.segment, frontier))
        self._lead = len(self.buffer)

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits in it."""
        return len(self.buffer) == self._lead and not self.files

    @property
    def weight(self) -> int:
        """Bytes that the disk will take for it."""
        return len(self.buffer) + self.file_bytes

    @property
    def end(self) -> Place:
        """Where the log goes on behind it."""
        return Place(self.segment, self.start + len(self.buffer))

    def end_with(self, more: int) -> Place:
        """Where it would end with a content of `more` bytes in it, and a commit."""
        return Place(self.segment, self.start + len(self.buffer) + more + _COMMIT_ROOM)

    def follow(self, before: Pending) -> Pending:
        """Take over from the batch before this one up to where the disk has room."""
        if self.segment == before.segment and before.room >= 0:
            self.room = before.room - (self.start - before.start)
        return self

    def has_room_to(self, offset: int) -> None:
        """Contents may go up to this offset."""
        self.room = offset - self.start - _COMMIT_ROOM

    def add(self, kind: int, digest: bytes, rest: bytes) -> None:
        """Add a frame whose payload begins with a digest, at one go: ctrl-C leaves no half of it."""
        lead = pack_lead(DIGEST_BYTES + len(rest), kind, digest)
        self.buffer += b"".join((pack_check(crc32(rest, crc32(lead))), lead, rest))

    def seal(self, note: Note, size: int) -> None:
        """End it with its commit frame."""
        self.note = note
        self.size = size
        commit = Commit(self.segment, self.start, len(self.buffer), str(note).encode())
        self.buffer += frame(COMMIT, commit.payload())

    def read(self, position: int, length: int) -> bytes | None:
        """The bytes at a position, if they are in here."""
        at = position - self.base
        return bytes(self.buffer[at : at + length]) if 0 <= at < len(self.buffer) else None
