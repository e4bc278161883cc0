"""Loading: what a folder's log holds, by the indexes of its sealed segments and the bytes of the last one.

A segment is sealed once the next was begun. Those whose index is missing or does not fit are read through, as
all are while they are small together: rot is found early where that costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from zlib import crc32

from theater.errors import CorruptJournalError
from theater.event import event_hash
from theater.journal.folder import Folder
from theater.journal.frames import DIGEST_BYTES, EVENT, FRONTIER, HEADER_BYTES, STUB, read_frontier
from theater.journal.held import SEGMENT_SHIFT
from theater.journal.index import Index
from theater.journal.sealed import Alone, read_index, tabled
from theater.journal.table import Table, Tabling
from theater.journal.walk import Batch, Place, Walk
from theater.merkle import HASH_BYTES, Frontier

_SMALL = 32 << 20  # bytes of sealed segments, read in about 20 ms
_OFFSET = (1 << SEGMENT_SHIFT) - 1


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a log holds."""

    index: Index
    walk: Walk  # at its end
    frontier: Frontier  # over all events
    made: list[tuple[Table, int]]  # tables of sealed segments that have no index, or a wrong one, and CRC-32


def load(folder: Folder, origin: str) -> Loaded:
    """Read what is not indexed, and the indexes of the rest.

    What lies behind the last whole batch, damage too, is said by the walk.

    Raises:
        CorruptJournalError: a segment, or a batch, does not follow the one before it.
    """
    try:
        return _load(folder, origin, by_indexes=True)
    except CorruptJournalError:  # by an index, perhaps: what the segments say counts
        return _load(folder, origin, by_indexes=False)


def _load(folder: Folder, origin: str, *, by_indexes: bool) -> Loaded:
    index = Index(origin, digest_at=lambda position: digest_at(folder, position))
    made: list[tuple[Table, int]] = []
    sealed = sealed_in(folder)
    is_small = sum(folder.size(number) for number in sealed) <= _SMALL
    following = 1
    for number in sealed:
        found = read_index(folder, number, origin=origin) if by_indexes else None
        if found is None or (is_small and not _is_as_checked(folder, *found)):
            found = tabled(folder, number, origin=origin)
            if found is None:
                break  # damage, of which the walk says more
            made.append(found)
        index.take(found[0])
        following = number + 1
    walk = Walk(folder, origin=origin, since=Place(following, 0))
    recent = _read_on(index, walk) or _recent(
        Walk(Alone(folder, following - 1), origin=origin, since=Place(following - 1, 0))
    )
    return Loaded(index, walk, _frontier(recent), made)


def digest_at(folder: Folder, position: int) -> bytes:
    """The digest of the blob at a position."""
    start = (position & _OFFSET) + HEADER_BYTES
    return folder.read_at(position >> SEGMENT_SHIFT, start, DIGEST_BYTES)


def sealed_in(folder: Folder) -> list[int]:
    """The numbers of all segments before the last that was begun, up to the first that is missing."""
    numbers = folder.numbers()
    while numbers and not _is_begun(folder, numbers[-1]):
        numbers.pop()
    return [number for place, number in enumerate(numbers[:-1], start=1) if number == place]


def _is_begun(folder: Folder, number: int) -> bool:
    return any(folder.read_at(number, 0, HEADER_BYTES)) or any(folder.read(number, 0))


def _is_as_checked(folder: Folder, table: Table, check: int) -> bool:
    content = folder.read(table.segment, 0)
    return crc32(memoryview(content)[: table.end]) == check and not any(memoryview(content)[table.end :])


def _read_on(index: Index, walk: Walk) -> list[Batch]:
    """Take in the segments that the walk goes through; returns the batches from the last frontier on."""
    recent: list[Batch] = []
    tabling: Tabling | None = None
    for batch in walk:
        if batch.place.offset == 0:
            if tabling is not None:
                index.take(tabling.table())
            tabling = Tabling(index.origin, size=index.size, note=index.note, counted=index.count)
        assert tabling is not None
        tabling.add(batch)
        _follow(recent, batch)
    if tabling is not None:
        index.take(tabling.table())
    return recent


def _recent(walk: Walk) -> list[Batch]:
    """The batches from the last frontier on: of a segment behind which a torn one was begun."""
    recent: list[Batch] = []
    for batch in walk:
        _follow(recent, batch)
    return recent


def _follow(recent: list[Batch], batch: Batch) -> None:
    if batch.frames[0][0] == FRONTIER:
        recent.clear()
    recent.append(batch)


def _frontier(recent: list[Batch]) -> Frontier:
    """The Merkle tree, hashed on from the last frontier in the log."""
    frontier = Frontier()
    for batch in recent:
        for kind, start, end in batch.frames:
            if kind == FRONTIER:
                _, frontier = read_frontier(batch.chunk[start:end])
            elif kind == EVENT:
                frontier.append(event_hash(batch.chunk[start:end]))
            elif kind == STUB:
                frontier.append(batch.chunk[end - HASH_BYTES : end])
    return frontier
