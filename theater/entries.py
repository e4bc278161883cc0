"""The entries of a folder's journal in their one order, as the leaves of its Merkle tree."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from theater.event import Event, event_hash
from theater.journal.frames import EVENT, STUB
from theater.journal.reader import Reader
from theater.journal.walk import START, Batch
from theater.merkle import HASH_BYTES, Tree


class Entries:
    """The hash of each committed event, removed ones too, and the newest checkpoint: 32 bytes an event."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._begin()

    def _begin(self) -> None:
        """Know nothing yet."""
        self._rewritings = self._reader.rewritings()
        self._place = START
        self._leaves = bytearray()
        self._tree: Tree | None = None
        self.note = b""  # the newest signed checkpoint; empty before the first

    def refresh(self) -> None:
        """Take in what was committed since the last time; all of it anew if the folder was compacted."""
        self._reader.refresh()
        if self._rewritings != self._reader.rewritings():
            self._begin()
        walk = self._reader.walk(since=self._place)
        for batch in walk:
            leaves = _leaves(batch)
            self.note = batch.commit.note
            self._leaves += b"".join(leaves)
            self._tree = None if leaves else self._tree
        self._place = walk.place

    @property
    def tree(self) -> Tree:
        """The tree over all of them."""
        if self._tree is None:
            self._tree = Tree([bytes(self._leaves)])
        return self._tree

    def index(self, leaf: bytes) -> int | None:
        """The place of the event with this hash, from 0; None if there is none."""
        return next(self.starting_with(leaf), None)

    def starting_with(self, prefix: bytes) -> Iterator[int]:
        """The places of all events whose hash starts like this."""
        at = self._leaves.find(prefix)
        while at >= 0:
            if at % HASH_BYTES == 0:
                yield at // HASH_BYTES
            at = self._leaves.find(prefix, at + 1)

    def event(self, index: int) -> Event | None:
        """Read the event at this place, which there is; None if it was removed."""
        entries = (entry for batch in self._reader.walk() for entry in _entries(batch))
        kind, payload = next(islice(entries, index, None))
        return Event.read(payload) if kind == EVENT else None


def _entries(batch: Batch) -> Iterator[tuple[int, bytes]]:
    return ((kind, batch.chunk[start:end]) for kind, start, end in batch.frames if kind in (EVENT, STUB))


def _leaves(batch: Batch) -> list[bytes]:
    """The hashes of its events; a stub ends with the hash of what was there."""
    return [event_hash(data) if kind == EVENT else data[-HASH_BYTES:] for kind, data in _entries(batch)]
