"""A journal taken apart and put together again, by somebody who knows the format and lacks the key.

Checksums, places of commits and the mark of the close are made to fit; hashes, roots and signatures cannot.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from theater.journal.folder import Folder
from theater.journal.frames import COMMIT, EVENT, STUB, Commit, frame
from theater.journal.reader import Reader


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of a log."""

    segment: int
    kind: int
    payload: bytes

    @property
    def is_leaf(self) -> bool:
        """Whether it stands in the tree."""
        return self.kind in (EVENT, STUB)


def frames_of(folder: Path) -> list[Frame]:
    """All frames of a log, in their order."""
    return [
        Frame(batch.place.segment, kind, batch.chunk[start:end])
        for batch in Reader(folder).walk()
        for kind, start, end in batch.frames
    ]


def put_together(folder: Path, frames: Sequence[Frame]) -> None:
    """Write a log of these frames, and let the mark of the close, if there is one, say where it ends."""
    segments = Folder(folder)
    logs = {number: bytearray() for number in segments.numbers()}
    started: dict[int, int] = dict.fromkeys(logs, 0)
    for each in frames:
        log = logs[each.segment]
        payload = each.payload
        if each.kind == COMMIT:
            start = started[each.segment]
            commit = replace(Commit.read(payload), segment=each.segment, start=start, length=len(log) - start)
            payload = commit.payload()
        log += frame(each.kind, payload)
        if each.kind == COMMIT:
            started[each.segment] = len(log)
    for number, log in logs.items():
        overwrite(segments.segment(number), log)
    closed = segments.closed()
    if closed is not None:
        last = max(number for number, log in logs.items() if log)
        mark = replace(closed, segment=last, length=len(logs[last]))
        overwrite(folder / "closed", str(mark).encode())


def overwrite(path: Path, content: bytes | bytearray) -> None:
    """Change a file in place: one that is cut to nothing and written anew is flushed to the disk."""
    with path.open("r+b", buffering=0) as file:
        file.write(content)
        file.truncate()


def pairs(frames: Sequence[Frame]) -> Iterator[tuple[int, int]]:
    """Any two places in a log."""
    for first in range(len(frames)):
        for second in range(first + 1, len(frames)):
            yield first, second


def swapped(frames: Sequence[Frame], first: int, second: int) -> list[Frame]:
    """The same frames, two of them in each other's place."""
    one, other = frames[first], frames[second]
    changed = [*frames]
    changed[first], changed[second] = replace(other, segment=one.segment), replace(one, segment=other.segment)
    return changed


def told(frames: Sequence[Frame]) -> tuple[list[bytes], set[bytes]]:
    """What a log says: its leaves and signed notes in their order, and all else that stands between them."""
    said = [
        Commit.read(each.payload).note if each.kind == COMMIT else each.payload
        for each in frames
        if each.is_leaf or each.kind == COMMIT
    ]
    return said, {each.payload for each in frames if not each.is_leaf and each.kind != COMMIT}
