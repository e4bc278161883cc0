"""Contents in files that no event names yet: named once, by the first event that does."""

from __future__ import annotations

from collections.abc import Sequence

from theater.journal.frames import FILE, file_size
from theater.journal.held import Held
from theater.journal.pending import Pending


class Unnamed:
    """Files that are there, or will be; those that no event names are swept at the next opening."""

    __slots__ = ("_held", "sizes")

    def __init__(self, held: Held) -> None:
        self.sizes: dict[bytes, int] = {}  # by digest
        self._held = held

    def publish(self, digest: bytes, size: int) -> None:
        """A content is, or will be, in its file; worker threads call this too."""
        self._held.files[digest] = size
        self.sizes[digest] = size

    def name(self, batch: Pending, data: bytes, blobs: Sequence[bytes]) -> None:
        """Write down the files that this event is the first to name, itself or by one of its `blobs`."""
        for digest, size in tuple(self.sizes.items()):
            if digest in data or digest in blobs:
                batch.add(FILE, digest, file_size(size))
                del self.sizes[digest]
