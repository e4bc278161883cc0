"""dulwich: git's loose objects in Python, compressed, each a file that is synced; names are SHA-1."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from dulwich.objects import Blob
from dulwich.repo import Repo

from benchmarks.kinds import Case
from benchmarks.stores.putting import cases_of


class Dulwich:
    def __init__(self, folder: Path, _: int) -> None:
        (folder / "dulwich").mkdir()
        Repo.init_bare(str(folder / "dulwich")).close()
        with (folder / "dulwich" / "config").open("a") as config:
            config.write("[core]\n\tfsyncObjectFiles = true\n")
        self._repo = Repo(str(folder / "dulwich"))
        self._ids: dict[bytes, bytes] = {}

    def put(self, batch: Sequence[bytes]) -> list[bytes]:
        keys = [sha256(content).digest() for content in batch]
        for key, content in zip(keys, batch, strict=True):
            blob = Blob.from_string(content)
            self._repo.object_store.add_object(blob)
            self._ids[key] = blob.id
        return keys

    def get(self, key: bytes) -> bytes:
        content: bytes = self._repo.object_store[self._ids[key]].as_raw_string()
        return content

    def close(self) -> None:
        self._repo.close()


CASES: dict[str, Case] = cases_of(Dulwich)
