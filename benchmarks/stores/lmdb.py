"""LMDB: a memory-mapped tree, synced after each transaction; one transaction for each batch."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import lmdb

from benchmarks.kinds import Case
from benchmarks.stores.putting import cases_of

_SPARE = 4  # times the contents: small ones fill their pages badly
_LEAST = 64 * 1_048_576  # bytes


class Lmdb:
    def __init__(self, folder: Path, size: int) -> None:
        self._environment = lmdb.open(str(folder / "lmdb"), map_size=_LEAST + _SPARE * size)

    def put(self, batch: Sequence[bytes]) -> list[bytes]:
        keys = [sha256(content).digest() for content in batch]
        with self._environment.begin(write=True) as transaction:
            for key, content in zip(keys, batch, strict=True):
                transaction.put(key, content, overwrite=False)
        return keys

    def get(self, key: bytes) -> bytes:
        with self._environment.begin() as transaction:
            content: bytes = transaction.get(key)
        return content

    def close(self) -> None:
        self._environment.close()


CASES: dict[str, Case] = cases_of(Lmdb)
