"""Looking things up in a folder by an index: the bytes of an event, the content of a digest."""

from __future__ import annotations

from collections.abc import Callable
from zlib import crc32

from theater.errors import ContentNotFoundError, CorruptJournalError, HistoryCutError
from theater.journal.folder import Folder
from theater.journal.frames import CHECK_BYTES, DIGEST_BYTES, EVENT, HEADER_BYTES, STUB, read_header
from theater.journal.index import LENGTH_BITS, SEGMENT_SHIFT, Index

_GUESS = 2048  # bytes read at once: most events whole
_OFFSET = (1 << SEGMENT_SHIFT) - 1
_LENGTH = (1 << LENGTH_BITS) - 1


def _nothing_pending(position: int, length: int) -> None:
    del position, length


def _nothing_written(digest: bytes) -> None:
    del digest


class Lookup:
    """Reads what an index names; any thread may call it."""

    def __init__(
        self,
        folder: Folder,
        index: Index,
        *,
        pending: Callable[[int, int], bytes | None] = _nothing_pending,
        writing: Callable[[bytes], bytes | None] = _nothing_written,
    ) -> None:
        """Take what is not on the disk yet from `pending`, by position, and from `writing`, by digest."""
        self._folder = folder
        self._index = index
        self._pending = pending
        self._writing = writing

    def event(self, actor: bytes, seq: int) -> bytes:
        """Read the bytes of an event.

        Raises:
            HistoryCutError: there is none, or it was removed.
            CorruptJournalError: its frame is not whole any more.
        """
        kind, payload = self.frame(self.position(actor, seq))
        if kind == STUB:
            raise HistoryCutError(f"event {seq} of {actor.hex()} was removed")
        return payload

    def position(self, actor: bytes, seq: int) -> int:
        """Where an event or its stub is; a later one has a larger number.

        Raises:
            HistoryCutError: there is none.
        """
        positions = self._index.events.get(actor, ())
        if not 0 <= seq < len(positions):
            raise HistoryCutError(f"no event {seq} of {actor.hex()} is in this journal")
        return positions[seq]

    def size_of(self, digest: bytes) -> int | None:
        """The size of a content, bytes; None if it is not here."""
        place = self._index.blobs.get(digest)
        return self._index.files.get(digest) if place is None else place & _LENGTH

    def read_at(self, digest: bytes, offset: int, length: int) -> bytes:
        """Read at most `length` bytes of a content from `offset` on.

        Raises:
            ContentNotFoundError: it is not here.
        """
        place = self._index.blobs.get(digest)
        if place is not None:
            length = max(0, min(length, (place & _LENGTH) - offset))
            return self._bytes((place >> LENGTH_BITS) + HEADER_BYTES + DIGEST_BYTES + offset, length)
        if digest not in self._index.files:
            raise ContentNotFoundError(f"sha256:{digest.hex()} is not in this journal")
        content = self._writing(digest)
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
        pending = self._pending(position, length)
        if pending is not None:
            return pending
        return self._folder.read_at(position >> SEGMENT_SHIFT, position & _OFFSET, length)
