"""Indexing: a thread of its own that makes the index of each segment, once the next one is begun.

Nobody waits for it: without an index, an opening reads the segment. So it takes at most a quarter of the time
that Python has, in slices of about a millisecond between which the event loop and the writer go on; unless
the next segment is sealed by then: as long as there is no index, what it would say is kept in memory.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from queue import SimpleQueue
from threading import Event, Thread
from time import perf_counter

from theater.errors import CorruptJournalError, FolderError
from theater.journal.calls import Calls
from theater.journal.folder import Folder
from theater.journal.sealed import keep_index, tabled
from theater.journal.table import Table

logger = logging.getLogger("theater.journal")
_SLICE = 0.001  # seconds
_REST = 3  # times as long as it worked


def _nobody(table: Table) -> None:
    """Nobody waits for a table."""
    del table


class _GaveUpError(Exception):
    """Nobody wants the index any more."""


class Indexing:
    """Makes indexes until it is told to finish or to give up."""

    def __init__(self, folder: Folder, *, calls: Calls) -> None:
        self._folder = folder
        self._calls = calls
        self._segments: SimpleQueue[int | None] = SimpleQueue()
        self._thread: Thread | None = None
        self._hurry = Event()
        self.has_given_up = False
        self.on_made: Callable[[Table], None] = _nobody
        self._since = 0.0  # when this slice began

    def submit(self, segment: int) -> None:
        """A segment is sealed: the first batch of the next one is on the disk."""
        self._segments.put(segment)
        if self._thread is None:
            self._thread = Thread(target=self._run, name="theater-index", daemon=True)
            self._thread.start()

    def finish(self) -> None:
        """Make what is still to be made, without resting, and end."""
        self._hurry.set()
        self._segments.put(None)
        if self._thread is not None:
            self._thread.join()

    def give_up(self) -> None:
        """End at once; nothing happens after `finish`."""
        self.has_given_up = True
        self.finish()

    def _run(self) -> None:
        while (segment := self._segments.get()) is not None:
            try:
                self._make(segment)
            except _GaveUpError:
                return
            except CorruptJournalError as error:
                logger.error("segment %d has no index, for it is damaged: %s", segment, error)  # noqa: TRY400
            except (FolderError, OSError) as error:
                logger.error("segment %d has no index, for it cannot be read: %s", segment, error)  # noqa: TRY400

    def _make(self, segment: int) -> None:
        self._since = perf_counter()
        made = tabled(self._folder, segment, origin=self._folder.format().origin, between=self._rest)
        if made is None:
            raise CorruptJournalError(f"segment {segment}", expected="whole batches", found="others")
        self._rest()
        keep_index(self._folder, made[0], check=made[1], calls=self._calls)
        self.on_made(made[0])

    def _rest(self) -> None:
        """Let others work after a slice.

        Raises:
            _GaveUpError: this is the end.
        """
        worked = perf_counter() - self._since
        if self.has_given_up:
            raise _GaveUpError
        if worked >= _SLICE and self._segments.empty():
            self._hurry.wait(_REST * worked)
            self._since = perf_counter()
