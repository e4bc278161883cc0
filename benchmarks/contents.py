"""The contents that are put, in three sizes: all different, and made before the clock runs."""

from __future__ import annotations

import os
from collections.abc import Iterator

SMALL = 1_024  # bytes
MIDDLE = 16 * 1_024
LARGE = 8 * 1_048_576
GOT = 64  # contents that are read over and over, so that they stay in the page cache

_SEEDS: dict[int, bytes] = {}


def contents(begin: int, count: int, size: int = SMALL) -> Iterator[bytes]:
    """So many different contents; large ones hold random bytes in their last KiB only."""
    if size not in _SEEDS:
        _SEEDS[size] = os.urandom(min(size, SMALL)).rjust(size, b"\0")
    rest = memoryview(_SEEDS[size])[8:]
    return (number.to_bytes(8) + rest for number in range(begin, begin + count))
