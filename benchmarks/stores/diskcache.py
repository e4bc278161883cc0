"""diskcache: SQLite for small values, told to sync each transaction; one transaction for each batch."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import diskcache

from benchmarks.kinds import Case
from benchmarks.stores.putting import cases_of

_FULL = 2  # SQLite's `synchronous`; diskcache's own choice is 1, which may lose the last transactions


class Diskcache:
    def __init__(self, folder: Path, size: int) -> None:
        self._cache = diskcache.Cache(
            str(folder / "diskcache"),
            sqlite_synchronous=_FULL,
            eviction_policy="none",
            size_limit=2 * size + 2**30,
        )

    def put(self, batch: Sequence[bytes]) -> list[bytes]:
        keys = [sha256(content).digest() for content in batch]
        with self._cache.transact():
            for key, content in zip(keys, batch, strict=True):
                self._cache.set(key, content)
        return keys

    def get(self, key: bytes) -> bytes:
        content: bytes = self._cache[key]
        return content

    def close(self) -> None:
        self._cache.close()


CASES: dict[str, Case] = cases_of(Diskcache)
