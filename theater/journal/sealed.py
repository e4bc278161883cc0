"""Index files: the table of a sealed segment, beside the log, so that an opening need not read the segment.

    `theater index 1` and a newline                                            16 bytes
    SHA-256 of all that follows                                                32 bytes
    segment, end of the last batch in it, start of the last commit frame       4, 8, 8 bytes
    CRC-32 of the segment up to that end                                       4 bytes
    events before the segment, the root over them                              8, 32 bytes
    time of the newest event in it                                             8 bytes
    how many batches, chains, events, blobs and files; length of the note      4 bytes each
    the note of the last commit
    of each chain: actor 16, seq of its first event here 8, events here 4, hash of the last one 32, ended 1
    of each event: offset 4, those of the first chain first
    of each blob: digest 32, offset 4
    of each file: digest 32, size 8

Integers are big-endian; each named value is a column of its own, for all chains, blobs or files. An index
says nothing that its segment does not: whoever lacks it, or finds it damaged or of another segment, makes it
anew.
"""

from __future__ import annotations

import logging
import struct
import sys
from array import array
from collections.abc import Callable, Iterator
from hashlib import sha256
from itertools import accumulate, pairwise
from typing import NamedTuple
from zlib import crc32

from theater.journal.calls import Calls, make_folder, write_file
from theater.journal.folder import Folder
from theater.journal.frames import HEADER_BYTES, Commit, read_frames
from theater.journal.heading import ACTOR_BYTES
from theater.journal.table import Table, Tabling
from theater.journal.walk import Place, Walk
from theater.merkle import HASH_BYTES

logger = logging.getLogger("theater.journal")
_MAGIC = b"theater index 1\n"
_SUMMED = len(_MAGIC) + HASH_BYTES  # what is under the hash begins here
_HEAD = struct.Struct(">IQQIQ32sQ6I")
_OF_CHAIN = ACTOR_BYTES, 8, 4, HASH_BYTES, 1  # bytes of its columns


def index_bytes(table: Table, *, check: int) -> bytes:
    """Write a table as an index file; `check` is the CRC-32 of the segment up to its end."""
    head = _HEAD.pack(
        table.segment, table.end, table.commit, check, table.size, table.root, table.last_time,
        table.batches, len(table.counts), len(table.offsets), len(table.blobs), len(table.sizes),
        len(table.note),
    )  # fmt: skip
    body = b"".join([
        head, table.note, table.actors, _big(table.firsts), _big(table.counts), table.heads, table.ended,
        _big(table.offsets), table.digests, _big(table.blobs), table.files, _big(table.sizes),
    ])  # fmt: skip
    return b"".join([_MAGIC, sha256(body).digest(), body])


def read_index_bytes(content: bytes) -> tuple[Table, int] | None:
    """Read an index file: the table and the CRC-32; None if it is damaged, or of another version."""
    start = _SUMMED + _HEAD.size
    if len(content) < start or content[: len(_MAGIC)] != _MAGIC:
        return None
    if sha256(memoryview(content)[_SUMMED:]).digest() != content[len(_MAGIC) : _SUMMED]:
        return None
    segment, end, commit, check, size, root, last_time, *numbers = _HEAD.unpack_from(content, _SUMMED)
    batches, rows, events, blobs, files, note = numbers
    widths = [note, *(width * rows for width in _OF_CHAIN)]
    widths += [4 * events, HASH_BYTES * blobs, 4 * blobs, HASH_BYTES * files, 8 * files]
    parts = _cut(content, start, widths)
    table = Table(
        segment=segment,
        end=end,
        commit=commit,
        batches=batches,
        size=size,
        root=root,
        last_time=last_time,
        note=next(parts),
        actors=next(parts),
        firsts=_numbers("Q", next(parts)),
        counts=_numbers("I", next(parts)),
        heads=next(parts),
        ended=next(parts),
        offsets=_numbers("I", next(parts)),
        digests=next(parts),
        blobs=_numbers("I", next(parts)),
        files=next(parts),
        sizes=_numbers("Q", next(parts)),
    )
    is_whole = start + sum(widths) == len(content) and sum(table.counts) == events and commit < end
    return (table, check) if is_whole else None


class Columns(NamedTuple):
    """Where in an index file the columns of its chains begin, and that of its events."""

    actors: int
    firsts: int
    counts: int
    heads: int
    ended: int
    offsets: int


def columns(*, note: int, chains: int) -> Columns:
    """Say where they begin, behind a note of so many bytes."""
    return Columns(*accumulate((width * chains for width in _OF_CHAIN), initial=_SUMMED + _HEAD.size + note))


def is_begun_as(content: bytes, *, note: bytes, chains: int) -> bool:
    """Say whether the first bytes of an index file, note included, are those of a segment."""
    start = _SUMMED + _HEAD.size
    if content[: len(_MAGIC)] != _MAGIC or content[start:] != note:
        return False
    return bool(_HEAD.unpack_from(content, _SUMMED)[-5] == chains)


def _go_on() -> None:
    pass


def tabled(
    folder: Folder, segment: int, *, origin: str, between: Callable[[], None] = _go_on
) -> tuple[Table, int] | None:
    """Make the table of a segment that is followed by another, and its CRC-32; None if it is damaged.

    Calls `between` after each batch.

    Raises:
        CorruptJournalError: a batch does not follow the one before it.
    """
    tabling = Tabling(origin)
    walk = Walk(Alone(folder, segment), origin=origin, since=Place(segment, 0))
    chunk = b""
    for batch in walk:
        tabling.add(batch)
        chunk = batch.chunk
        between()
    if walk.tail is not None or not walk.place.offset:
        return None
    return tabling.table(), crc32(memoryview(chunk)[: walk.place.offset])


def read_index(folder: Folder, segment: int, *, origin: str) -> tuple[Table, int] | None:
    """Read the index of a segment, and the CRC-32 in it; None if there is none that fits.

    It fits if it is whole and the segment ends with the very commit that the index says, for that was
    signed over all events before it. The segment is not read through.
    """
    found = read_index_bytes(folder.read_index(segment))
    if found is None:
        return None
    table = found[0]
    fits = table.segment == segment and table.note.startswith(origin.encode() + b"\n")
    return found if fits and _ends_so(folder, table) else None


def write_index(folder: Folder, table: Table, *, check: int, calls: Calls) -> None:
    """Keep a segment's table in its index file; whoever rewrites a segment removes the old index first.

    Raises:
        OSError: it was not kept; an opening will make it anew.
    """
    if not folder.indexes.is_dir():
        make_folder(folder.indexes, calls)
    content = index_bytes(table, check=check)
    write_file(calls, folder.index(table.segment), content, tmp=folder.tmp)


def keep_index(folder: Folder, table: Table, *, check: int, calls: Calls) -> None:
    """Write an index if the disk takes it: without one all goes on, and an opening takes longer."""
    try:
        write_index(folder, table, check=check, calls=calls)
    except OSError as error:
        logger.warning("no index of segment %d was kept: %s", table.segment, error)


def make_index(folder: Folder, segment: int, *, origin: str, calls: Calls) -> bool:
    """Make the index of a segment that is followed by another anew; says whether the segment let it.

    Raises:
        CorruptJournalError: a batch does not follow the one before it.
        OSError: it was not kept; an opening will make it anew.
    """
    made = tabled(folder, segment, origin=origin)
    if made is not None:
        write_index(folder, made[0], check=made[1], calls=calls)
    return made is not None


def _ends_so(folder: Folder, table: Table) -> bool:
    """Whether the segment's last frame is the commit that the table names, and no frame follows."""
    length = table.end - table.commit
    try:
        last = folder.read_at(table.segment, table.commit, length + HEADER_BYTES)
    except FileNotFoundError:
        return False
    frames = read_frames(memoryview(last)[:length], 0)
    if frames is None or len(frames) != 1 or any(last[length:]):
        return False
    _, start, end = frames[0]
    commit = Commit.read(last[start:end])
    place = commit.segment, commit.start + commit.length
    return (end, commit.note, place) == (length, table.note, (table.segment, table.commit))


class Alone:
    """One segment of a folder, as a walk takes it."""

    def __init__(self, folder: Folder, segment: int) -> None:
        self._folder = folder
        self._segment = segment

    def numbers(self) -> list[int]:
        return [self._segment]

    def read(self, number: int, offset: int) -> bytes:
        return self._folder.read(number, offset)


def _cut(content: bytes, start: int, widths: list[int]) -> Iterator[bytes]:
    ends = [*accumulate(widths, initial=start)]
    return (content[at:end] for at, end in pairwise(ends))


def _big(numbers: array[int]) -> bytes:
    if sys.byteorder == "big":
        return numbers.tobytes()
    turned = numbers[:]
    turned.byteswap()
    return turned.tobytes()


def _numbers(kind: str, content: bytes) -> array[int]:
    numbers = array(kind)
    numbers.frombytes(content[: len(content) // numbers.itemsize * numbers.itemsize])
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers
