"""Frames: what a segment is made of, byte for byte; pure.

    CRC-32 of all that follows in the frame    4 bytes, big-endian, as zlib and PNG compute it
    length of the payload                      4 bytes, big-endian
    kind                                       1 byte, an ASCII letter
    payload

    E  event     the bytes of an event, at most 65,535
    S  stub      `[actor, seq, hash]` in MessagePack, where an event was removed
    B  blob      SHA-256 of the content, 32 bytes, then the content, at most 1 MiB
    F  file      SHA-256 of a content in `blobs/`, 32 bytes, then its size, 8 bytes, big-endian
    M  frontier  segment, 4 bytes, then how many events came before, 8 bytes, then the hashes of the Merkle
                 frontier over them, 32 bytes each, the largest subtree first
    C  commit    segment, 4 bytes, start of the batch in it, 8 bytes, length of the batch's frames before this
                 one, 8 bytes, then the signed note of the checkpoint over all events up to here

A batch is frames of any other kind and then a commit. A segment begins with a frontier, which also stands
first in a later batch now and then. Nothing follows the last batch but zeros, in which no frame begins: its
CRC would not fit.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from zlib import crc32

from theater.errors import MalformedError
from theater.merkle import HASH_BYTES, Frontier

EVENT, STUB, BLOB, FILE, FRONTIER, COMMIT = b"ESBFMC"
KINDS = frozenset(b"ESBFMC")
HEADER_BYTES = 9
CHECK_BYTES = 4
DIGEST_BYTES = 32
BLOB_LIMIT = 1 << 20  # larger contents are files
PAYLOAD_LIMIT = BLOB_LIMIT + DIGEST_BYTES

pack_head = struct.Struct(">IB").pack  # length, kind
pack_lead = struct.Struct(">IB32s").pack  # length, kind, digest
pack_check = struct.Struct(">I").pack
pack_header = struct.Struct(">IIB").pack  # CRC, length, kind
read_header = struct.Struct(">IIB").unpack_from  # CRC, length, kind
_FRONTIER = struct.Struct(">IQ")
_COMMIT = struct.Struct(">IQQ")
_SIZE = struct.Struct(">Q")
CHECKED = 1025
EVENT_CHECKS = [
    crc32(pack_head(length, EVENT)) for length in range(CHECKED)
]  # of heads, which most events have
NOTE_START = HEADER_BYTES + _COMMIT.size  # where the note begins in a commit frame


@dataclass(frozen=True, slots=True)
class Commit:
    """What a commit frame says; its place in the file is part of it, so a copy elsewhere is none."""

    segment: int
    start: int  # of the batch, in the segment
    length: int  # of the batch's frames before the commit, bytes
    note: bytes

    @classmethod
    def read(cls, payload: bytes) -> Commit:
        """Read the payload of a commit frame.

        Raises:
            MalformedError: it is too short.
        """
        if len(payload) < _COMMIT.size:
            raise MalformedError("commit frame", payload)
        segment, start, length = _COMMIT.unpack_from(payload)
        return cls(segment, start, length, payload[_COMMIT.size :])

    def payload(self) -> bytes:
        return _COMMIT.pack(self.segment, self.start, self.length) + self.note


def frame(kind: int, payload: bytes) -> bytes:
    """The bytes of a frame."""
    head = pack_head(len(payload), kind)
    return pack_check(crc32(payload, crc32(head))) + head + payload


def read_frames(segment: memoryview, at: int) -> list[tuple[int, int, int]] | None:
    """Read the batch at `at`: kind, start and end of each payload, a commit last; None if it is not whole."""
    frames: list[tuple[int, int, int]] = []
    size = len(segment)
    kind = 0
    while kind != COMMIT:
        start = at + HEADER_BYTES
        if start > size:
            return None
        check, length, kind = read_header(segment, at)
        end = start + length
        if end > size or length > PAYLOAD_LIMIT or kind not in KINDS:
            return None
        if crc32(segment[at + CHECK_BYTES : end]) != check:
            return None
        frames.append((kind, start, end))
        at = end
    return frames


def frontier_payload(segment: int, frontier: Frontier) -> bytes:
    return b"".join([_FRONTIER.pack(segment, frontier.size), *frontier.hashes])


def read_frontier(payload: bytes) -> tuple[int, Frontier]:
    """Read segment and frontier from the payload of a frontier frame.

    Raises:
        MalformedError: it is none.
    """
    if len(payload) < _FRONTIER.size:
        raise MalformedError("frontier frame", payload)
    segment, size = _FRONTIER.unpack_from(payload)
    rest = payload[_FRONTIER.size :]
    return segment, Frontier(size, [rest[at : at + HASH_BYTES] for at in range(0, len(rest), HASH_BYTES)])


def file_size(size: int) -> bytes:
    """The payload of a file frame, behind the digest."""
    return _SIZE.pack(size)


def read_file(payload: bytes) -> tuple[bytes, int]:
    """Read digest and size from the payload of a file frame.

    Raises:
        MalformedError: it is not 40 bytes.
    """
    if len(payload) != DIGEST_BYTES + _SIZE.size:
        raise MalformedError("file frame", payload)
    return payload[:DIGEST_BYTES], _SIZE.unpack_from(payload, DIGEST_BYTES)[0]
