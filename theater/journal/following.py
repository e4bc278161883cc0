"""Following: the next segment of a log, made ready by a thread of its own, long before it is needed.

Making one takes seven calls and 1 to 9 ms; beside a busy event loop, a thread waits for the interpreter after
each. The writer would be late for its next batch by all that, and so would be a put.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread

from theater.journal.segment import Segment


class Following:
    """A segment that is being made."""

    def __init__(self, make: Callable[[], Segment]) -> None:
        """Begin to make it."""
        self._make = make
        self._segment: Segment | None = None
        self._error: OSError | None = None  # is raised where it is taken
        self._thread = Thread(target=self._run, name="theater-segment", daemon=True)
        self._thread.start()

    def take(self, *, wait: bool) -> Segment | None:
        """The segment; None while it is being made, unless that is waited for.

        Raises:
            OSError: it could not be made.
        """
        if wait:
            self._thread.join()
        if self._error is not None:
            raise self._error
        return self._segment

    def _run(self) -> None:
        try:
            self._segment = self._make()
        except OSError as error:
            self._error = error
