"""What every case measures with: a stopwatch, the size of the process, the size of a ring."""

from __future__ import annotations

import gc
from pathlib import Path
from time import perf_counter
from typing import Self

MEMBERS = 1_000  # of a ring


class Stopwatch:
    """Counts the seconds inside a `with`."""

    seconds = 0.0

    def __enter__(self) -> Self:
        gc.collect()
        self._begun = perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = perf_counter() - self._begun

    def rate(self, count: float) -> float:
        """So many per second."""
        return count / self.seconds


def used_memory() -> int:
    """The bytes of this process: its own, and its part of what it shares."""
    gc.collect()
    for line in Path("/proc/self/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise OSError("this system does not say how much memory a process uses")
