"""SQLite: write-ahead log, `synchronous=FULL`, one transaction for each batch."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from benchmarks.kinds import Case
from benchmarks.stores.putting import cases_of

_TABLE = "CREATE TABLE contents (key BLOB PRIMARY KEY, content BLOB)"
_PUT = "INSERT OR IGNORE INTO contents VALUES (?, ?)"
_GET = "SELECT content FROM contents WHERE key = ?"


class Sqlite:
    def __init__(self, folder: Path, _: int) -> None:
        self._connection = sqlite3.connect(folder / "contents.db", isolation_level=None)
        for statement in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", _TABLE):
            self._connection.execute(statement)

    def put(self, batch: Sequence[bytes]) -> list[bytes]:
        keys = [sha256(content).digest() for content in batch]
        self._connection.execute("BEGIN")
        self._connection.executemany(_PUT, zip(keys, batch, strict=True))
        self._connection.execute("COMMIT")
        return keys

    def get(self, key: bytes) -> bytes:
        content: bytes = self._connection.execute(_GET, (key,)).fetchone()[0]
        return content

    def close(self) -> None:
        self._connection.close()


CASES: dict[str, Case] = cases_of(Sqlite)
