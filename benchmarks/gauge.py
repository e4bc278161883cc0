"""What every case measures with: a stopwatch, the size of the process, the size of a ring."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Self

MEMBERS = 1_000  # of a ring

clocks: list[Callable[[], float]] = [perf_counter]
"""The last one is looked at; the guard appends one that counts instructions."""


class Stopwatch:
    """Counts the seconds inside a `with`, or what the newest of `clocks` counts."""

    seconds = 0.0

    def __enter__(self) -> Self:
        gc.collect()
        self._begun = clocks[-1]()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = clocks[-1]() - self._begun

    def rate(self, count: float) -> float:
        """So many per second."""
        return count / self.seconds


class PeakMemory:
    """The most memory that was used inside a `with`, besides what was used before it."""

    more = 0  # bytes

    def __enter__(self) -> Self:
        gc.collect()
        Path("/proc/self/clear_refs").write_text("5")  # forgets the peak of before
        self._before = _peak()
        return self

    def __exit__(self, *_: object) -> None:
        self.more = _peak() - self._before


def _peak() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise OSError("this system does not say how much memory a process used at most")


def used_memory() -> int:
    """The bytes of this process: its own, and its part of what it shares."""
    gc.collect()
    for line in Path("/proc/self/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise OSError("this system does not say how much memory a process uses")
