"""The writer thread: takes sealed batches one after the other and says when each is on the disk.

It touches Python as little as it can: beside a busy event loop, a thread waits for the interpreter after each
call that let go of it. So a batch comes as one finished buffer, and costs one write and one sync; and a
busy loop stands still until the write is done (`let_begin`): only behind the sync is there a wait left.

Where the disk is quick, a small batch that somebody waits for takes a shorter way: the loop stands still
until it is synced (`_stand_by`), and where that went well for long it writes it itself (`_write_here`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from queue import SimpleQueue
from threading import Lock, Thread

from theater.journal.log import Writes
from theater.journal.pending import Pending
from theater.journal.trust import QUICK, Trust

_PATIENCE = 0.001  # seconds; writing 100 KB takes 0.05 ms, a sync is not waited for
_SMALL = 1 << 17  # bytes; a quick disk has so many in 0.1 ms


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
        self._trust = Trust()
        self._at_work = Lock()  # held by the thread that works on the log
        self._stands_by: list[None] = []  # holds something while the loop does; who takes that out tells
        self._done = Lock()  # opened when a batch is done that the loop stands by
        self._done.acquire()
        self._thread = Thread(target=self._run, name="theater-journal", daemon=True)
        self._thread.start()

    def commit(self, batch: Pending) -> bool:
        """Submit a batch that somebody waits for; says whether it is on the disk by now.

        Then `written` is not called for it.
        """
        trust = self._trust
        if len(batch.buffer) > _SMALL or batch.files:
            self.submit(batch)
        elif trust.is_given and self._log.is_plain(batch) and self._at_work.acquire(blocking=False):
            return self._write_here(batch)
        elif self.is_at_rest and trust.is_to_be_tried():
            return self._stand_by(batch)
        else:
            self.submit(batch)
        return False

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

    def _write_here(self, batch: Pending) -> bool:
        begun = time.perf_counter()
        try:
            self._log.write(batch)
        except Exception as error:  # noqa: BLE001 - as in `_run`
            self._failed(error)
            return False
        except BaseException:  # ctrl-C: the thread writes all of it again, at the same place
            self.submit(batch)
            raise
        finally:
            self._at_work.release()
        self._trust.note(is_quick=time.perf_counter() - begun < QUICK)
        return True

    def _stand_by(self, batch: Pending) -> bool:
        """Stand still until the thread has it on the disk, or a moment has passed."""
        self._stands_by.append(None)
        self.submit(batch)
        try:
            is_quick = self._done.acquire(timeout=QUICK) or not self._leave()
        except BaseException:  # ctrl-C
            if not self._leave():
                self._written()
            raise
        self._trust.note(is_quick=is_quick)
        return is_quick

    def _leave(self) -> bool:
        """Stand by no longer, unless it is done at this moment."""
        if self._is_stood_by():
            return True
        self._done.acquire()  # the writer is about to open it
        return False

    def _is_stood_by(self) -> bool:
        """Whether the loop stands by; for one of both threads only."""
        try:
            self._stands_by.pop()
        except IndexError:
            return False
        return True

    def _begin(self) -> None:
        if self._begun.locked():  # else the loop's patience had an end
            self._begun.release()

    def _run(self) -> None:
        try:
            while (batch := self._batches.get()) is not None:
                with self._at_work:
                    self._write(batch)
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing is safe now, and all must hear of it
            self._failed(error)

    def _write(self, batch: Pending) -> None:
        self._log.write(batch)
        if self._is_stood_by():
            self._done.release()
        else:
            self._written()
        self._log.look_ahead()
        self.is_at_rest = self._batches.empty()
