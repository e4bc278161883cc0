"""Which contents a journal holds, and where: about 100 bytes for each of its blobs.

A blob is found by 60 bits of its digest: such an integer takes 32 bytes of memory (made by `&` or `|`, which
ask for no spare digit), the digest itself 80. The whole digest stands in the log before the content, and
is compared there. Two contents that share those bits do not meet by chance (one pair in a billion blobs); on
purpose they can be made to, and then the second is found by its whole digest.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import repeat
from operator import or_
from struct import Struct

from theater.journal.frames import DIGEST_BYTES
from theater.journal.table import Table

SEGMENT_SHIFT = 32
_KEPT_BITS = (1 << 60) - 1
_first_bits = Struct(">Q").unpack_from
_each_first_bits = Struct(">Q24x").iter_unpack


class Held:
    """Positions of blobs, and sizes of the contents in files."""

    __slots__ = ("_blobs", "_others", "digest_at", "files")

    def __init__(self, digest_at: Callable[[int], bytes]) -> None:
        """Compare digests with those that the log has, which `digest_at` reads by the blob's position."""
        self.files: dict[bytes, int] = {}  # size of a content in `blobs/`
        self._blobs: dict[int, int] = {}  # position by the kept bits of the digest
        self._others: dict[bytes, int] = {}  # of those whose bits another has, or had
        self.digest_at = digest_at

    def __len__(self) -> int:
        """How many blobs there are."""
        return len(self._blobs) + len(self._others)

    def candidate(self, digest: bytes) -> int | None:
        """The position of a blob, if the digest there is this one; None if it is not here."""
        if self._others and digest in self._others:
            return self._others[digest]
        return self._blobs.get(_first_bits(digest)[0] & _KEPT_BITS)

    def place(self, digest: bytes, position: int) -> None:
        """Note where a blob is; of two with one digest the later counts."""
        key = _first_bits(digest)[0] & _KEPT_BITS
        position &= _KEPT_BITS
        earlier = self._blobs.setdefault(key, position)
        if earlier == position:
            return
        if self.digest_at(earlier) == digest:
            self._blobs[key] = position
            self._others.pop(digest, None)
        else:
            self._others[digest] = position

    def take_new(self, digest: bytes, position: int) -> bool:
        """Note where a blob will be; False if it may be here already: then nothing was noted."""
        position &= _KEPT_BITS
        if digest in self.files or digest in self._others:
            return False
        return self._blobs.setdefault(_first_bits(digest)[0] & _KEPT_BITS, position) == position

    def take(self, table: Table) -> None:
        """Note all that a segment holds."""
        digests, count = table.digests, len(table.blobs)
        keys = [bits & _KEPT_BITS for (bits,) in _each_first_bits(digests)]
        positions = map(or_, table.blobs, repeat(table.segment << SEGMENT_SHIFT))
        if len(set(keys)) == count and self._blobs.keys().isdisjoint(keys):
            self._blobs.update(zip(keys, positions, strict=True))
        else:
            for number, position in enumerate(positions):
                self.place(digests[DIGEST_BYTES * number : DIGEST_BYTES * (number + 1)], position)
        names = (table.files[at : at + DIGEST_BYTES] for at in range(0, len(table.files), DIGEST_BYTES))
        self.files.update(zip(names, table.sizes, strict=True))

    def forget(self, digest: bytes) -> None:
        """Take the kept copy for lost."""
        self.files.pop(digest, None)
        position = self.candidate(digest)
        if position is None or self._others.pop(digest, None) is not None:
            return
        if self.digest_at(position) == digest:
            del self._blobs[_first_bits(digest)[0] & _KEPT_BITS]
