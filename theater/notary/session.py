"""A session: a notary serves one theater, from its opening to its close, or to the end of either process."""

from __future__ import annotations

import logging
from functools import partial
from hashlib import sha256
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any

from theater.checkpoint import Checkpoint
from theater.errors import CorruptContentError, CorruptJournalError
from theater.journal.blobs import Draft
from theater.journal.frames import HEADER_BYTES, Commit
from theater.journal.handing import Handover
from theater.journal.log import Log
from theater.journal.lookup import Lookup
from theater.journal.opening import Opened
from theater.journal.pending import Pending
from theater.journal.places import Places
from theater.journal.table import Table
from theater.journal.walk import Batch, Place
from theater.notary.lines import Handlers, Line
from theater.notary.scrutiny import Scrutiny

logger = logging.getLogger("theater.notary")


class Session:
    """Signs and writes what one theater sends, if it goes on from what is there."""

    def __init__(self, opened: Opened, log: Log) -> None:
        self._places = Places(opened.folder, opened.index, segment=opened.place.segment)
        self._sealed: SimpleQueue[Table] = SimpleQueue()  # what is to be handed over to its index
        log.on_sealed(self._sealed.put)
        lookup = Lookup(opened.folder, self._places)
        self._opened = opened
        self._log = log
        self._place = opened.place
        self._drafts: dict[int, _Draft] = {}
        self._count = 0  # of drafts
        self._handover: Handover | None = None
        self._handing_over = Lock()  # no other next key is made while a batch may hand over to this one
        self._scrutiny = Scrutiny(
            origin=opened.index.origin,
            key=opened.signer.public,
            tips=opened.index.tips(),
            time=opened.index.last_time,
            frontier=opened.frontier,
            size_of=lookup.size_of,
            blob_of=lookup.blob,
            hash_of=lookup.hash_of,
        )

    def welcome(self) -> list[Any]:
        """What the theater is told at first."""
        opened = self._opened
        cut = None if opened.cut is None else str(opened.cut)
        key, note = opened.signer.public.data, str(opened.note)
        return [key, note, *opened.place, cut, self._log.segment_bytes, *self._log.ahead]

    def run(self, *, control: Line, contents: Line, batches: Line) -> None:
        """Serve all three lines until one of them ends."""
        others = [
            Thread(target=_serve, args=(line, handlers, batches), name="theater-notary", daemon=True)
            for line, handlers in ((control, self._of_control()), (contents, self._of_contents()))
        ]
        for thread in others:
            thread.start()
        try:
            batches.serve({
                "batch": partial(self._batch, batches), "finish": partial(self._finish, batches)
            })  # fmt: skip
        finally:
            for line in (batches, control, contents):
                line.hang_up()
            for thread in others:
                thread.join()
            for draft in self._drafts.values():
                draft.file.abort()

    def _of_control(self) -> Handlers:
        return {"reserve": self._reserve, "draft": self._draft}

    def _of_contents(self) -> Handlers:
        return {
            "write": self._write,
            "publish": self._publish,
            "abort": self._abort,
            "next key": self._next_key,
        }

    # -- batches -----------------------------------------------------------------------------------------

    def _batch(self, line: Line, payload: bytes, segment: int, offset: int) -> list[Any]:
        """Sign a batch and write it; answers the signed note, and what room there is ahead.

        After one that was not written nothing is taken: what was looked at is not in the log.
        """
        try:
            with self._handing_over:
                return self._sign(payload, segment, offset)
        except BaseException:
            line.hang_up()
            raise

    def _sign(self, payload: bytes, segment: int, offset: int) -> list[Any]:
        place = Place(segment, offset)
        if place not in (self._place, self._log.after(self._place)):
            raise CorruptJournalError("batch", expected=f"at {self._place}", found=f"at {place}")
        scrutiny = self._scrutiny
        frames = scrutiny.take(place, payload)
        pending = Pending(place, frontier=None)
        if scrutiny.key != self._opened.signer.public:
            self._hand_over(pending)
        start = frames[-1][1] - HEADER_BYTES
        size = scrutiny.frontier.size
        note = self._opened.signer.sign(Checkpoint(self._opened.index.origin, size, scrutiny.frontier.root()))
        pending.buffer += payload[:start]
        pending.seal(note, size)
        if len(pending.buffer) != len(payload):
            raise CorruptJournalError("batch", expected=f"{len(pending.buffer)} bytes", found=len(payload))
        self._log.write(pending)
        commit = Commit(segment, offset, start, str(note).encode())
        data = bytes(pending.buffer)
        self._places.add(Batch(place, offset + len(data), data, offset, frames, commit))
        self._hand_over_positions()
        scrutiny.written()
        self._place = pending.end
        self._log.look_ahead()
        return [str(note), *self._log.ahead]

    def _hand_over_positions(self) -> None:
        while not self._sealed.empty():
            for _ in self._places.hand_over(self._sealed.get()):
                pass

    def _hand_over(self, pending: Pending) -> None:
        handover, self._handover = self._handover, None
        assert handover is not None  # the scrutiny knows its key
        self._opened.signer.hand_over(handover)
        pending.finish = handover.finish

    def _finish(self, line: Line, payload: bytes) -> None:
        """The theater is closed: leave the folder as a clean close does, and take no more."""
        del payload
        line.hang_up()
        frontier = self._scrutiny.frontier
        self._log.finish(size=frontier.size, root=frontier.root())

    # -- contents and keys -------------------------------------------------------------------------------

    def _reserve(self, payload: bytes, segment: int, offset: int) -> list[int]:
        del payload
        self._log.reserve(Place(segment, offset))
        return [*self._log.ahead]

    def _draft(self, payload: bytes, room: int) -> int:
        """Begin a large content, with room for it; answers its number."""
        del payload
        self._count += 1
        self._drafts[self._count] = _Draft(self._log.draft(room))
        return self._count

    def _write(self, payload: bytes, number: int) -> None:
        self._drafts[number].write(payload)

    def _publish(self, payload: bytes, number: int) -> None:
        draft = self._drafts.pop(number)
        draft.publish(payload)
        self._scrutiny.files[payload] = draft.size

    def _abort(self, payload: bytes, number: int) -> None:
        del payload
        draft = self._drafts.pop(number, None)
        if draft is not None:
            draft.file.abort()

    def _next_key(self, payload: bytes) -> bytes:
        """Make the next key; answers its public half. From then on it may be handed over to."""
        del payload
        opened = self._opened
        with self._handing_over:
            current, origin = opened.signer.public, opened.index.origin
            self._handover = opened.keys.prepare(None, current=current, origin=origin)
            self._scrutiny.next_key = self._handover.public
            return self._handover.public.data


def _serve(line: Line, handlers: Handlers, batches: Line) -> None:
    """Serve a line in a thread of its own; when it ends, so does the session."""
    try:
        line.serve(handlers)
    except Exception as error:  # noqa: BLE001  # whatever it is, it ends the session
        logger.warning("the session ends: %s", error)
    finally:
        batches.hang_up()


class _Draft:
    """A large content on its way in, hashed as it comes."""

    def __init__(self, file: Draft) -> None:
        self.file = file
        self.size = 0
        self._hash = sha256()

    def write(self, chunk: bytes) -> None:
        self.file.write(chunk)
        self.size += len(chunk)
        self._hash.update(chunk)

    def publish(self, digest: bytes) -> None:
        if self._hash.digest() != digest:
            self.file.abort()
            raise CorruptContentError(
                f"content sha256:{digest.hex()}", expected="these bytes", found="others"
            )
        self.file.publish(digest)
