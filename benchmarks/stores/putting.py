"""The cases of contents, for whatever keeps them: each batch is durable before the next one begins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Protocol

from benchmarks.contents import GOT, LARGE, MIDDLE, SMALL, contents
from benchmarks.gauge import Stopwatch
from benchmarks.kinds import Case


class Keeping(Protocol):
    """Keeps contents by their hash."""

    def put(self, batch: Sequence[bytes]) -> list[bytes]:
        """Hash and keep; the hashes, once all of it would survive a loss of power."""
        ...

    def get(self, key: bytes) -> bytes: ...

    def close(self) -> None: ...


Opening = Callable[[Path, int], Keeping]
"""Opens an empty one in an empty folder; the number is how many bytes will be put."""


def put(count: int, folder: Path, *, opening: Opening, size: int, batch: int) -> float:
    keeping = opening(folder, count * size)
    waiting = contents(0, count, size)
    if size < LARGE:
        waiting = iter(list(waiting))
    with Stopwatch() as watch:
        while some := list(islice(waiting, batch)):
            keeping.put(some)
    keeping.close()
    return watch.rate(count * size / 1e6 if size == LARGE else count)


def get(count: int, folder: Path, *, opening: Opening) -> float:
    """Read from the page cache, and hashed again: bytes that changed must not pass."""
    keeping = opening(folder, GOT * SMALL)
    keys = keeping.put(list(contents(0, GOT)))
    with Stopwatch() as watch:
        for number in range(count):
            key = keys[number % GOT]
            if sha256(keeping.get(key)).digest() != key:
                raise ValueError("other bytes came back")
    keeping.close()
    return watch.rate(count)


def cases_of(opening: Opening) -> dict[str, Case]:
    return {
        "put1": partial(put, opening=opening, size=SMALL, batch=1),
        "put64": partial(put, opening=opening, size=SMALL, batch=64),
        "put1000": partial(put, opening=opening, size=SMALL, batch=1_000),
        "put16k": partial(put, opening=opening, size=MIDDLE, batch=1),
        "put16k64": partial(put, opening=opening, size=MIDDLE, batch=64),
        "put16k1000": partial(put, opening=opening, size=MIDDLE, batch=1_000),
        "put8m": partial(put, opening=opening, size=LARGE, batch=1),
        "put8m64": partial(put, opening=opening, size=LARGE, batch=64),
        "get": partial(get, opening=opening),
        "get64": partial(get, opening=opening),
    }
