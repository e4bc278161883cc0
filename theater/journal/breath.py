"""Breath: while a batch is at the disk, a busy event loop now and then hands the writer the interpreter.

A thread that comes back from a call waits for the interpreter until the one that runs is made to give it up
after 5 ms. But an event loop lets go of it for an instant in every turn, and those 5 ms begin anew,
and a writer beside a busy loop was seen to wait for a second. Sleeping a moment hands it over for certain.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from theater.loop import Loop

_EVERY = 0.001  # seconds
_MOMENT = 20e-6  # seconds; in truth about 75 µs


class Breath:
    """Runs on an event loop for as long as `is_needed` says so when it is looked at."""

    def __init__(self, loop: Loop, *, is_needed: Callable[[], bool]) -> None:
        self._loop = loop
        self._is_needed = is_needed
        self._is_set = False
        self._worked = 0.0  # seconds that this thread had computed when it was looked at
        self._at = 0.0

    def begin(self) -> bool:
        """See to it that the loop is looked at; says whether it was busy since it was last looked at."""
        was_busy = self._was_busy()
        if not self._is_set:
            self._is_set = True
            self._look_again()
        return was_busy

    def _was_busy(self) -> bool:
        """Whether this thread computed for a quarter of the time; else it waits, and others can go on."""
        worked, passed = time.thread_time() - self._worked, time.perf_counter() - self._at
        return worked > passed / 4

    def _look_again(self) -> None:
        self._worked, self._at = time.thread_time(), time.perf_counter()
        self._loop.call_later(_EVERY, self._look)

    def _look(self) -> None:
        if not self._is_needed():
            self._is_set = False
            return
        if self._was_busy():
            time.sleep(_MOMENT)
        self._look_again()
