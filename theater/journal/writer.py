"""The writer thread: takes sealed batches one after the other and says when each is on the disk.

It touches Python as little as it can: beside a busy event loop, a thread waits for the interpreter after each
call that let go of it. So a batch comes as one finished buffer, and costs one write and one sync; and a
busy loop stands still until the write is done (`let_begin`): only behind the sync is there a wait left.
"""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue
from threading import Lock, Thread

from theater.journal.log import Writes
from theater.journal.pending import Pending

_PATIENCE = 0.001  # seconds; writing 100 KB takes 0.05 ms, a sync is not waited for


class Writer:
    """A thread of its own between an event loop and a disk."""

    def __init__(
        self, log: Writes, *, written: Callable[[], None], failed: Callable[[Exception], None]
    ) -> None:
        """Start the thread; it calls `written` after each batch, or `failed` once and then writes no more."""
        self.is_at_rest = True  # waits for a batch
        self._log = log
        self._written = written
        self._failed = failed
        self._batches: SimpleQueue[Pending | None] = SimpleQueue()
        self._begun = Lock()  # held while a batch is to begin
        self._thread = Thread(target=self._run, name="theater-journal", daemon=True)
        self._thread.start()

    def submit(self, batch: Pending) -> None:
        self._begun.acquire(blocking=False)
        batch.begun = self._begin
        self.is_at_rest = False
        self._batches.put(batch)

    def let_begin(self) -> None:
        """Stand still until the batch that was submitted is written, or a moment has passed."""
        if self._begun.acquire(timeout=_PATIENCE):
            self._begun.release()

    def stop(self) -> None:
        """End the thread behind what was submitted, and wait for it."""
        self._batches.put(None)
        self._thread.join()

    def _begin(self) -> None:
        if self._begun.locked():  # else the loop's patience had an end
            self._begun.release()

    def _run(self) -> None:
        try:
            while (batch := self._batches.get()) is not None:
                self._log.write(batch)
                self._written()
                self._log.look_ahead()
                self.is_at_rest = self._batches.empty()
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing is safe now, and all must hear of it
            self._failed(error)
