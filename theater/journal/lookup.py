"""Looking things up in a folder by an index: the bytes of an event, the content of a digest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Protocol
from zlib import crc32

from theater.errors import ContentNotFoundError, CorruptJournalError, HistoryCutError
from theater.event import event_hash
from theater.journal.folder import Folder
from theater.journal.frames import (
    CHECK_BYTES,
    DIGEST_BYTES,
    EVENT,
    HEADER_BYTES,
    STUB,
    read_frames,
    read_header,
)
from theater.journal.heading import heading
from theater.journal.held import SEGMENT_SHIFT, Held
from theater.merkle import HASH_BYTES

_GUESS = 2048  # bytes read at once: most events whole
_LEAD = HEADER_BYTES + DIGEST_BYTES  # of a blob, before its content
_OFFSET = (1 << SEGMENT_SHIFT) - 1


def _events_in(chunk: bytes) -> Iterator[bytes]:
    view, at = memoryview(chunk), 0
    while (frames := read_frames(view, at)) is not None:
        yield from [chunk[start:end] for kind, start, end in frames if kind == EVENT]
        at = frames[-1][2]


class Unwritten(Protocol):
    """What is not on the disk yet; any thread may ask."""

    def pending(self, position: int, length: int) -> bytes | None:
        """Bytes at a position, if they are not known to be on the disk."""
        ...

    def writing(self, digest: bytes) -> bytes | None:
        """A content whose file may not be there."""
        ...


class Named(Protocol):
    """What says where events and contents are."""

    held: Held

    def count(self, actor: bytes) -> int:
        """How many events a chain has."""
        ...

    def position(self, actor: bytes, seq: int) -> int:
        """Where an event is, which there is."""
        ...


class _Nothing:
    def pending(self, position: int, length: int) -> None:
        del position, length

    def writing(self, digest: bytes) -> None:
        del digest


class Lookup:
    """Reads what an index names; any thread may call it."""

    def __init__(
        self,
        folder: Folder,
        index: Named,
        unwritten: Unwritten | None = None,
        *,
        read_at: Callable[[int, int, int], bytes] | None = None,
    ) -> None:
        """Take from `unwritten` what the disk lacks; bytes of segments come from `read_at`, or the folder."""
        self._folder = folder
        self._read_at = read_at or folder.read_at
        self._index = index
        self._unwritten: Unwritten = unwritten or _Nothing()
        index.held.digest_at = self._digest_at

    def event(self, actor: bytes, seq: int) -> bytes:
        """Read the bytes of an event.

        Raises:
            HistoryCutError: there is none, or it was removed.
            CorruptJournalError: its frame is not whole any more, or another stands where the index says.
        """
        kind, payload = self.frame(self.position(actor, seq))
        if kind == STUB:
            raise HistoryCutError(
                f"event {seq} of {actor.hex()} was removed, and only its hash is left: a `theater/removed`"
                " in the chain of the theater itself says when and why"
            )
        if heading(payload) != (actor, seq):
            found = "{}/{}".format(*heading(payload))
            where = "an index (`theater doctor --repair` makes it anew)"
            raise CorruptJournalError(where, expected=f"{actor.hex()}/{seq}", found=found)
        return payload

    def position(self, actor: bytes, seq: int) -> int:
        """Where an event or its stub is; a later one has a larger number.

        Raises:
            HistoryCutError: there is none.
        """
        if not 0 <= seq < self._index.count(actor):
            raise HistoryCutError(f"no event {seq} of {actor.hex()} is in this journal")
        return self._index.position(actor, seq)

    def since(self, position: int | None) -> Iterator[bytes]:
        """The bytes of the events behind a position, or of all, in their order, as far as is written."""
        segment, offset = (0, 0) if position is None else (position >> SEGMENT_SHIFT, position & _OFFSET)
        for number in self._folder.numbers():
            if number < segment:
                continue
            chunk = self._folder.read(number, offset if number == segment else 0)
            yield from islice(_events_in(chunk), 1 if number == segment else 0, None)

    def head(self, actor: bytes) -> bytes:
        """The hash of a chain's newest event, 32 bytes; a removed one has left it."""
        return self.hash_of(actor, self._index.count(actor) - 1)

    def verify_head(self, actor: bytes, parent: bytes) -> None:
        """See to it that a chain goes on from its head.

        Raises:
            CorruptJournalError: that is not what its next event names as its parent: an index lied.
        """
        head = self.head(actor)
        if parent != head:
            raise CorruptJournalError(f"head of {actor.hex()}", expected=head.hex(), found=parent.hex())

    def holds(self, digest: bytes) -> bool:
        """Say whether a content is here."""
        held = self._index.held
        return digest in held.files or (held.candidate(digest) is not None and self._blob(digest) is not None)

    def hash_of(self, actor: bytes, seq: int) -> bytes:
        """The hash of an event, 32 bytes; a removed one has left it.

        Raises:
            HistoryCutError: there is none.
        """
        kind, payload = self.frame(self.position(actor, seq))
        return event_hash(payload) if kind == EVENT else payload[-HASH_BYTES:]

    def size_of(self, digest: bytes) -> int | None:
        """The size of a content, bytes; None if it is not here."""
        blob = self._blob(digest)
        return self._index.held.files.get(digest) if blob is None else blob[1]

    def blob(self, digest: bytes) -> bytes | None:
        """A content that lies in the log itself; None if it does not."""
        return None if self._blob(digest) is None else self.read(digest)

    def read(self, digest: bytes) -> bytes:
        """Read a content whole.

        Raises:
            ContentNotFoundError: it is not here.
        """
        blob = self._blob(digest, _GUESS)
        if blob is None:
            return self._from_file(digest, 0, self._index.held.files.get(digest, 0))
        position, length, start = blob
        return start if len(start) == length else self._bytes(position, length)

    def read_at(self, digest: bytes, offset: int, length: int) -> bytes:
        """Read at most `length` bytes of a content from `offset` on.

        Raises:
            ContentNotFoundError: it is not here.
        """
        blob = self._blob(digest)
        if blob is None:
            return self._from_file(digest, offset, length)
        position, size, _ = blob
        return self._bytes(position + offset, max(0, min(length, size - offset)))

    def _blob(self, digest: bytes, room: int = 0) -> tuple[int, int, bytes] | None:
        """Position and length of a blob's content, and at most `room` bytes of it; None if it is not here."""
        position = self._index.held.candidate(digest)
        if position is None:
            return None
        found = self._bytes(position, _LEAD + room)
        if found[HEADER_BYTES:_LEAD] != digest:
            return None
        length = read_header(found)[1] - DIGEST_BYTES
        return position + _LEAD, length, found[_LEAD : _LEAD + length]

    def _digest_at(self, position: int) -> bytes:
        return self._bytes(position + HEADER_BYTES, DIGEST_BYTES)

    def _from_file(self, digest: bytes, offset: int, length: int) -> bytes:
        if digest not in self._index.held.files:
            raise ContentNotFoundError(f"sha256:{digest.hex()} is not in this journal")
        content = self._unwritten.writing(digest)
        if content is None:
            return self._folder.read_blob(digest, offset, length)
        return content[offset : offset + length]

    def frame(self, position: int) -> tuple[int, bytes]:
        """Read kind and payload of the event or stub at a position.

        Raises:
            CorruptJournalError: its frame is not whole any more.
        """
        found = self._bytes(position, _GUESS)
        check, length, kind = read_header(found.ljust(HEADER_BYTES, b"\0"))
        end = HEADER_BYTES + length
        if kind in (EVENT, STUB) and end > len(found):
            found = self._bytes(position, end)
        if kind not in (EVENT, STUB) or crc32(found[CHECK_BYTES:end]) != check:
            raise CorruptJournalError(f"frame at position {position:#x}", expected="an event", found="none")
        return kind, found[HEADER_BYTES:end]

    def _bytes(self, position: int, length: int) -> bytes:
        pending = self._unwritten.pending(position, length)
        if pending is not None:
            return pending
        return self._read_at(position >> SEGMENT_SHIFT, position & _OFFSET, length)
