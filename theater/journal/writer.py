"""The writer thread: takes sealed batches one after the other and says when each is on the disk.

It touches Python as little as it can: beside a busy event loop, a thread waits up to 5 ms for the interpreter
after every call that let go of it. So a batch comes as one finished buffer, and costs one write and one sync.
"""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread

from theater.journal.log import Writes
from theater.journal.pending import Pending


class Writer:
    """A thread of its own between an event loop and a disk."""

    def __init__(
        self, log: Writes, *, written: Callable[[], None], failed: Callable[[Exception], None]
    ) -> None:
        """Start the thread; it calls `written` after each batch, or `failed` once and then writes no more."""
        self._log = log
        self._written = written
        self._failed = failed
        self._batches: SimpleQueue[Pending | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name="theater-journal", daemon=True)
        self._thread.start()

    def submit(self, batch: Pending) -> None:
        self._batches.put(batch)

    def stop(self) -> None:
        """End the thread behind what was submitted, and wait for it."""
        self._batches.put(None)
        self._thread.join()

    def _run(self) -> None:
        try:
            while (batch := self._batches.get()) is not None:
                self._log.write(batch)
                self._written()
                self._log.look_ahead()
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing is safe now, and all must hear of it
            self._failed(error)
