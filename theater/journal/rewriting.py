"""A segment written anew: stubs where events were removed, and without contents that nobody needs; pure.

Each batch stays a batch under the very note that was signed for it, for a stub is the same leaf as its event.
Only the places change that a commit says, so nothing is signed here, and no key is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from theater.errors import CorruptJournalError, MalformedError
from theater.event import Stub, event_hash
from theater.journal.frames import (
    BLOB,
    COMMIT,
    DIGEST_BYTES,
    EVENT,
    FILE,
    STUB,
    Commit,
    frame,
    read_frames,
)
from theater.journal.heading import heading
from theater.merkle import HASH_BYTES


class Cut(NamedTuple):
    """What is cut out of a journal."""

    events: Callable[[bytes, int], bool]  # whether this actor's event of this seq goes
    contents: Callable[[bytes], bool]  # whether the content of this digest goes


def rewrite(chunk: bytes, cut: Cut, *, segment: int) -> bytes:
    """Write a segment anew, without the zeros behind its last batch.

    Raises:
        CorruptJournalError: it is not made of whole batches.
    """
    made = bytearray()
    for frames in batches(chunk, segment=segment):
        start = len(made)
        for kind, at, end in frames:
            payload = chunk[at:end]
            if kind == COMMIT:
                payload = Commit(segment, start, len(made) - start, Commit.read(payload).note).payload()
            elif kind == EVENT and cut.events(*heading(payload)):
                kind, payload = STUB, stub_of(payload)  # noqa: PLW2901  # this frame, as it will be
            elif kind in (BLOB, FILE) and cut.contents(payload[:DIGEST_BYTES]):
                continue
            made += frame(kind, payload)
    return bytes(made)


def stub_of(data: bytes) -> bytes:
    """The bytes of the stub that stands for an event."""
    return Stub(*heading(data), event_hash(data)).data


def batches(chunk: bytes, *, segment: int) -> Iterator[list[tuple[int, int, int]]]:
    """The frames of each batch of a segment, as `read_frames` tells of them.

    Raises:
        CorruptJournalError: behind the last whole batch is anything but zeros.
    """
    view = memoryview(chunk)
    at = 0
    while (frames := read_frames(view, at)) is not None:
        _, start, end = frames[-1]
        commit = _commit(chunk[start:end])
        if commit is None or (commit.segment, commit.start) != (segment, at):
            break
        at = end
        yield frames
    if chunk[at:].strip(b"\0"):
        raise CorruptJournalError(f"segment {segment} at offset {at}", expected="a whole batch", found="none")


def says_the_same(old: bytes, new: bytes, *, segment: int) -> bool:
    """Whether both have the same leaves and the same signed notes, batch by batch."""
    return list(_signed(old, segment)) == list(_signed(new, segment))


def _signed(chunk: bytes, segment: int) -> Iterator[tuple[list[bytes], bytes]]:
    for frames in batches(chunk, segment=segment):
        leaves = [
            event_hash(chunk[at:end]) if kind == EVENT else chunk[end - HASH_BYTES : end]
            for kind, at, end in frames
            if kind in (EVENT, STUB)
        ]
        _, at, end = frames[-1]
        yield leaves, Commit.read(chunk[at:end]).note


def _commit(payload: bytes) -> Commit | None:
    try:
        return Commit.read(payload)
    except MalformedError:
        return None
