"""What a disk can reach: a segment filled with zeros beforehand, so many contents per write and sync.

The hash of each content is part of the work; there is no event, no chain and no signature.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from hashlib import sha256
from pathlib import Path

from benchmarks.gauge import Stopwatch
from benchmarks.kinds import Case

SMALL = 1_024  # bytes
LARGE = 8 * 1_048_576

_SEED = os.urandom(SMALL)
_LARGE_SEED = bytes(LARGE - SMALL) + _SEED
_HEADER = 40  # bytes before each content: its length and its hash
_VECTORS = 1_000  # buffers in one system call; Linux takes 1,024


def contents(begin: int, count: int) -> Iterator[bytes]:
    """So many different contents of 1 KiB."""
    return (number.to_bytes(8) + _SEED[8:] for number in range(begin, begin + count))


def large_content(number: int) -> bytes:
    """Different contents of 8 MiB."""
    return number.to_bytes(8) + _LARGE_SEED[8:]


def put(count: int, folder: Path, *, batch: int) -> float:
    waiting = list(contents(0, count))
    segment = _zeroed(folder / "segment", count * (SMALL + _HEADER))
    with Stopwatch() as watch:
        for some in _batches(waiting, batch):
            buffers = []
            for content in some:
                buffers.append(len(content).to_bytes(8) + sha256(content).digest())
                buffers.append(content)
            for begin in range(0, len(buffers), _VECTORS):
                os.writev(segment, buffers[begin : begin + _VECTORS])
            os.fdatasync(segment)
    os.close(segment)
    return watch.rate(count)


def put_large(count: int, folder: Path) -> float:
    """Megabytes per second, one write and one sync for each content."""
    segment = _zeroed(folder / "segment", count * LARGE)
    with Stopwatch() as watch:
        for number in range(count):
            content = large_content(number)
            sha256(content).digest()
            os.write(segment, content)
            os.fdatasync(segment)
    os.close(segment)
    return watch.rate(count * LARGE / 1e6)


def get(count: int, folder: Path) -> float:
    """Read from the page cache and hash again."""
    segment = _zeroed(folder / "segment", 64 * SMALL)
    with Stopwatch() as watch:
        for number in range(count):
            sha256(os.pread(segment, SMALL, number % 64 * SMALL)).digest()
    os.close(segment)
    return watch.rate(count)


def _zeroed(path: Path, size: int) -> int:
    file = os.open(path, os.O_RDWR | os.O_CREAT)
    zeros = bytes(1_048_576)
    for _ in range(0, size, len(zeros)):
        os.write(file, zeros)
    os.fsync(file)
    os.lseek(file, 0, os.SEEK_SET)
    return file


def _batches(waiting: list[bytes], size: int) -> Iterator[list[bytes]]:
    return (waiting[begin : begin + size] for begin in range(0, len(waiting), size))


CASES: dict[str, Case] = {
    "put1": partial(put, batch=1),
    "put64": partial(put, batch=64),
    "put1000": partial(put, batch=1_000),
    "put8m": put_large,
    "get": get,
}
