"""Walking a journal: whole batches in their order, and what lies behind the last; reads, never writes.

A batch is written only after the one before it is synced, so a crash tears the last batch and no other. Bytes
behind the last whole batch are therefore a torn batch, which may be cut, or damage: a whole commit of a later
batch, or a later segment that was begun, shows that the bad batch had been synced.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from theater.errors import MalformedError
from theater.journal.frames import COMMIT, HEADER_BYTES, NOTE_START, Commit, read_frames


class Place(NamedTuple):
    """A place in the journal."""

    segment: int  # from 1
    offset: int  # in that segment, bytes


START = Place(1, 0)


class Segments(Protocol):
    """Where the bytes come from."""

    def numbers(self) -> Sequence[int]:
        """The numbers of the segments there are, ascending."""
        ...

    def read(self, number: int, offset: int) -> bytes:
        """The bytes of a segment from `offset` on; empty behind its end."""
        ...


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch: what was committed together."""

    place: Place
    end: int  # offset in the segment behind the commit
    chunk: bytes  # bytes of the segment, in which the frames are
    base: int  # offset of the chunk in the segment
    frames: list[tuple[int, int, int]]  # kind, start and end of the payload in `chunk`; the commit is last
    commit: Commit


@dataclass(frozen=True, slots=True)
class Tail:
    """Bytes behind the last whole batch, without the zeros that end them."""

    place: Place
    torn: bytes
    damage: str  # why no crash leaves this behind; empty for what a crash may leave


class Walk(Iterator[Batch]):
    """Yields the whole batches from `since` on; then `tail` says what is behind, `place` where to go on."""

    def __init__(self, segments: Segments, *, origin: str, since: Place = START) -> None:
        self.place = since
        self.tail: Tail | None = None
        self._segments = segments
        self._origin = origin.encode() + b"\n"
        self._open(since, segments.read(since.segment, since.offset))

    def __next__(self) -> Batch:
        batch = self._read()
        while batch is None:
            if not self._go_on():
                raise StopIteration
            batch = self._read()
        self.place = Place(self.place.segment, batch.end)
        return batch

    def _open(self, place: Place, chunk: bytes) -> None:
        self.place = place
        self._chunk = chunk
        self._view = memoryview(chunk)
        self._base = place.offset

    def _read(self) -> Batch | None:
        """Read the batch at `place`; None if it is not whole, or stands where it does not belong."""
        at = self.place.offset - self._base
        frames = read_frames(self._view, at)
        if frames is None:
            return None
        commit = _commit(self._chunk[frames[-1][1] : frames[-1][2]])
        length = frames[-1][1] - HEADER_BYTES - at
        if commit is None or (commit.segment, commit.start, commit.length) != (*self.place, length):
            return None
        return Batch(self.place, self._base + frames[-1][2], self._chunk, self._base, frames, commit)

    def _go_on(self) -> bool:
        """Go to the next segment if this one ends in zeros and that one was begun; else say what is here."""
        torn = self._chunk[self.place.offset - self._base :].rstrip(b"\0")
        begun, chunk = self._next_begun()
        if begun and self._has_grown(torn):
            return True
        if torn or (begun and self.place.offset == 0):
            self.tail = Tail(self.place, torn, self._damage(torn, begun))
        elif begun > self.place.segment + 1:
            self.tail = Tail(self.place, b"", f"segment {begun} follows segment {self.place.segment}")
        elif begun:
            self._open(Place(begun, 0), chunk)
        return self.tail is None and bool(begun)

    def _has_grown(self, torn: bytes) -> bool:
        """Whether more was written here, since it was read, before the next segment was begun."""
        if self._segments.read(*self.place).rstrip(b"\0") == torn:
            return False
        base = self._base
        self._open(self.place, self._segments.read(self.place.segment, base))
        self._base = base
        return True

    def _next_begun(self) -> tuple[int, bytes]:
        """The next segment with anything in it, and its bytes; 0 if there is none."""
        for number in self._segments.numbers():
            if number > self.place.segment:
                chunk = self._segments.read(number, 0)
                if chunk[:1] > b"\0" or chunk.strip(b"\0"):
                    return number, chunk
        return 0, b""

    def _damage(self, torn: bytes, begun: int) -> str:
        if begun:
            return f"segment {begun} was begun after it"
        later = _later_commit(torn, self.place, self._origin)
        return "" if later is None else f"a whole batch follows at offset {later}"


def _later_commit(torn: bytes, place: Place, origin: bytes) -> int | None:
    """Find a whole commit of a batch that began behind `place`, in the bytes from there on.

    Contents may hold copies of older commits; their places do not fit.
    """
    view = memoryview(torn)
    note = torn.find(origin)
    while note >= 0:
        commit = _commit_at(torn, view, note - NOTE_START)
        end = place.offset + note - NOTE_START
        if (
            commit is not None
            and commit.segment == place.segment
            and place.offset < commit.start == end - commit.length
        ):
            return commit.start
        note = torn.find(origin, note + 1)
    return None


def _commit_at(torn: bytes, view: memoryview, at: int) -> Commit | None:
    if at < 0 or torn[at + HEADER_BYTES - 1] != COMMIT:
        return None
    frames = read_frames(view, at)
    return None if frames is None else _commit(torn[frames[0][1] : frames[0][2]])


def _commit(payload: bytes) -> Commit | None:
    try:
        return Commit.read(payload)
    except MalformedError:
        return None
