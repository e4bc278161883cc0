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
from contextlib import suppress
from os import getpid
from queue import SimpleQueue
from threading import Lock, RLock, Thread

from theater.journal.log import Writes
from theater.journal.pending import Pending
from theater.journal.trust import QUICK, Trust

_PATIENCE = 0.001  # seconds; writing 100 KB takes 0.05 ms, a sync is not waited for
_SMALL = 1 << 17  # bytes; a quick disk has so many in 0.1 ms


class Writer:
    """A thread of its own between an event loop and a disk."""

    def __init__(
        self, log: Writes, *, written: Callable[[Pending], None], failed: Callable[[Exception], None]
    ) -> None:
        """Start the thread; it calls `written` after each batch, or `failed` once and then writes no more."""
        self._process = getpid()  # one that it forks has no such thread, and is not to write here
        self.is_at_rest = True  # waits for a batch
        self._log = log
        self._written = written
        self._failed = failed
        self._batches: SimpleQueue[Pending | None] = SimpleQueue()
        self._begun = Lock()  # held while a batch is to begin
        self._trust = Trust()
        self._at_work = RLock()  # held by the thread that works on the log
        self._stands_by: list[Lock] = []  # holds one while the loop does, opened when the batch is written
        self._thread = Thread(target=self._run, name="theater-journal", daemon=True)
        self._thread.start()

    def commit(self, batch: Pending) -> bool:
        """Submit a batch that somebody waits for; says whether it is on the disk by now.

        Then `written` is not called for it. Who is cut off, by ctrl-C, knows nothing, and submits it `again`.
        """
        trust = self._trust
        if len(batch.buffer) > _SMALL or batch.files:
            self.submit(batch)
        elif self._may_write_here(batch) and self._at_work.acquire(blocking=False):
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

    def again(self, batch: Pending) -> None:
        """Submit a batch that may have been submitted; it is written once, and `written` is called if it was.

        Who was cut off at any instant of `commit`, by ctrl-C, calls it: `written` may come a second time.
        """
        with suppress(RuntimeError):  # this thread was not at work
            self._at_work.release()
        self._stands_by.clear()
        self.submit(batch)

    def let_begin(self) -> None:
        """Stand still until the batch that was submitted is written, or a moment has passed."""
        if self._begun.acquire(timeout=_PATIENCE):
            self._begun.release()

    def stop(self) -> None:
        """End the thread behind what was submitted, and wait for it."""
        self._batches.put(None)
        self._thread.join()

    def _may_write_here(self, batch: Pending) -> bool:
        return self._trust.is_given and self._log.is_plain(batch) and getpid() == self._process

    def _write_here(self, batch: Pending) -> bool:
        begun = time.perf_counter()
        try:
            self._write_once(batch)
        except Exception as error:  # noqa: BLE001 - as in `_run`
            self._failed(error)
            return False
        finally:
            self._at_work.release()
        self._trust.note(is_quick=time.perf_counter() - begun < QUICK)
        return True

    def _stand_by(self, batch: Pending) -> bool:
        """Stand still until the thread has it on the disk, or a moment has passed."""
        done = Lock()  # of this batch alone: what is left of one that was cut off opens no other
        done.acquire()
        self._stands_by.append(done)
        self.submit(batch)
        is_quick = done.acquire(timeout=QUICK) or self._stood_by() is None
        self._trust.note(is_quick=is_quick)
        return is_quick

    def _stood_by(self) -> Lock | None:
        """Let the loop stand by no longer; None if it does not any more. For one of both threads only."""
        try:
            return self._stands_by.pop()
        except IndexError:
            return None

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
        self._write_once(batch)
        done = self._stood_by()
        if done is not None:
            done.release()
        else:
            self._written(batch)
        self._log.look_ahead()
        self.is_at_rest = self._batches.empty()

    def _write_once(self, batch: Pending) -> None:
        if not batch.is_written:  # else the next may stand in another segment already
            self._log.write(batch)
            batch.is_written = True
