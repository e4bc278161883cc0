"""What a disk can reach: a segment filled with zeros beforehand, so many contents per write and sync.

The hash of each content is part of the work; there is no event, no chain and no signature.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from benchmarks.contents import SMALL
from benchmarks.kinds import Case
from benchmarks.stores.putting import cases_of

_HEADER = 40  # bytes before each content: its length and its hash
_VECTORS = 1_000  # buffers in one system call; Linux takes 1,024


class Segment:
    def __init__(self, folder: Path, size: int) -> None:
        self._file = os.open(folder / "segment", os.O_RDWR | os.O_CREAT)
        self._places: dict[bytes, tuple[int, int]] = {}  # where a content begins, and its length
        self._end = 0
        zeros = bytes(1_048_576)
        for _ in range(0, size + size // SMALL * _HEADER, len(zeros)):
            os.write(self._file, zeros)
        os.fsync(self._file)
        os.lseek(self._file, 0, os.SEEK_SET)

    def put(self, batch: Sequence[bytes]) -> list[bytes]:
        buffers, keys = [], []
        for content in batch:
            keys.append(key := sha256(content).digest())
            buffers += [len(content).to_bytes(8) + key, content]
            self._places[key] = (self._end + _HEADER, len(content))
            self._end += _HEADER + len(content)
        for begin in range(0, len(buffers), _VECTORS):
            os.writev(self._file, buffers[begin : begin + _VECTORS])
        os.fdatasync(self._file)
        return keys

    def get(self, key: bytes) -> bytes:
        place, length = self._places[key]
        return os.pread(self._file, length, place)

    def close(self) -> None:
        os.close(self._file)


CASES: dict[str, Case] = cases_of(Segment)
