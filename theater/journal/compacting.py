"""Compacting a folder that is held: first it is told, signed and durably, what goes; then it goes.

A crash at any point leaves a folder that opens and verifies, and in which no message is on its way again.
What is told covers each stub before there is one. Segments are written anew one by one, each whole or not at
all, the oldest first: what tells that a message arrived stands behind it, and may not go before it. Contents
stand before the events that name them, so they go when all events have gone, and their files when no segment
names them any more.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from theater.checkpoint import Checkpoint
from theater.codec import prepare
from theater.errors import CorruptJournalError
from theater.event import event_bytes, event_hash
from theater.journal.calls import Calls, write_file
from theater.journal.commits import BATCH_BYTES
from theater.journal.frames import EVENT, frame
from theater.journal.log import Log
from theater.journal.marks import Closed
from theater.journal.opening import Opened
from theater.journal.pending import Pending
from theater.journal.rewriting import Cut, rewrite, says_the_same
from theater.journal.sealed import make_index

ROOT = bytes(16)


class Compaction:
    """The one writer of a folder, without an event loop."""

    def __init__(self, opened: Opened, calls: Calls) -> None:
        """Go on where the folder was opened."""
        self._folder = opened.folder
        self._opened = opened
        self._calls = calls
        self._frontier = opened.frontier
        self._events = opened.index.count(ROOT)
        self._head = opened.index.head(ROOT) if self._events else None
        self._place = opened.place

    def tell(self, kind: str, bodies: Iterable[dict[str, Any]], *, time: int) -> None:
        """Append events to the chain of the theater itself; they are signed and durable when this returns.

        Raises:
            OSError: the disk failed.
        """
        log = Log(self._folder, self._place, calls=self._calls)
        try:
            batch = Pending(self._place, frontier=self._frontier)
            for body in bodies:
                batch.buffer += frame(EVENT, self._next_event(kind, body, time))
                if len(batch.buffer) >= BATCH_BYTES:
                    batch = self._write(log, batch)
            if not batch.is_empty:
                self._write(log, batch)
        finally:
            log.close()

    def cut_out(self, cut: Cut) -> None:
        """Write the log anew without what goes, and remove the files of contents that go.

        Raises:
            OSError: the disk failed.
            CorruptJournalError: a segment would not say the same any more; it is as it was.
        """
        numbers = [number for number in self._folder.numbers() if number <= self._place.segment]
        for step in (Cut(cut.events, _none), cut):
            for number in numbers:
                self._write_anew(number, step)
        for digest in filter(cut.contents, self._opened.index.held.files):
            self._calls.unlink(self._folder.blob(digest))
        for number in numbers[:-1]:
            if not self._folder.index(number).exists():
                make_index(self._folder, number, origin=self._opened.index.origin, calls=self._calls)

    def close(self) -> None:
        """Leave the folder as a clean close does.

        Raises:
            OSError: the disk failed.
        """
        segment, end = self._place.segment, 0
        for number in self._folder.numbers():
            if number > segment:  # made ready, and never begun
                self._calls.unlink(self._folder.segment(number))
            else:
                end = self._folder.segment(number).stat().st_size
        mark = Closed(segment, end, self._frontier.size, self._frontier.root())
        write_file(self._calls, self._folder.path / "closed", str(mark).encode(), tmp=self._folder.tmp)

    def _next_event(self, kind: str, body: dict[str, Any], time: int) -> bytes:
        data = event_bytes(ROOT, self._events, self._head, time, kind, prepare(body))
        self._events += 1
        self._head = event_hash(data)
        self._frontier.append(self._head)
        return data

    def _write(self, log: Log, batch: Pending) -> Pending:
        """Commit a batch; returns the one to go on with."""
        root = self._frontier.root()
        checkpoint = Checkpoint(self._opened.index.origin, self._frontier.size, root)
        batch.seal(self._opened.signer.sign(checkpoint), self._frontier.size)
        log.write(batch)
        log.look_ahead()
        self._place = batch.end
        return Pending(log.after(batch.end), frontier=self._frontier)

    def _write_anew(self, number: int, cut: Cut) -> None:
        old = self._folder.read(number, 0)
        new = rewrite(old, cut, segment=number)
        if not says_the_same(old, new, segment=number):
            raise CorruptJournalError(
                f"segment {number} written anew", expected="the same leaves and notes", found="others"
            )
        if new != old:
            if self._folder.index(number).exists():
                self._calls.unlink(self._folder.index(number))
                self._calls.sync_folder(self._folder.indexes)
            write_file(self._calls, self._folder.segment(number), new, tmp=self._folder.tmp)


def _none(_: bytes) -> bool:
    return False
