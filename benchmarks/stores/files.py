"""A file for each content: written beside its place, synced, moved there; the folder synced once a batch."""

from __future__ import annotations

import os
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from benchmarks.kinds import Case
from benchmarks.stores.putting import cases_of


class Files:
    def __init__(self, folder: Path, _: int) -> None:
        self._folder = folder
        self._directory = os.open(folder, os.O_RDONLY)

    def put(self, batch: Sequence[bytes]) -> list[bytes]:
        keys = [sha256(content).digest() for content in batch]
        for key, content in zip(keys, batch, strict=True):
            with (self._folder / f"{key.hex()}.new").open("xb", buffering=0) as file:
                _write(file.fileno(), content)
                os.fdatasync(file.fileno())
        for key in keys:
            (self._folder / f"{key.hex()}.new").rename(self._folder / key.hex())
        os.fsync(self._directory)
        return keys

    def get(self, key: bytes) -> bytes:
        return (self._folder / key.hex()).read_bytes()

    def close(self) -> None:
        os.close(self._directory)


def _write(file: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(file, rest) :]


CASES: dict[str, Case] = cases_of(Files)
