"""The theater's side: a journal's log that a notary signs and writes."""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from subprocess import Popen
from typing import TypeAlias

from theater.checkpoint import Checkpoint, Note, Signature, key_id
from theater.errors import CorruptJournalError, FolderError, SetupError
from theater.journal.folder import Folder
from theater.journal.handing import Handover, KeySource
from theater.journal.opening import Opened, look_at
from theater.journal.pending import Pending
from theater.journal.sealed import read_index
from theater.journal.segment import EVENTS_ROOM
from theater.journal.table import Table
from theater.journal.walk import Place
from theater.keys import SIGNATURE_BYTES, VerifyKey
from theater.loop import Loop
from theater.notary.lines import Line
from theater.notary.serving import GREETING

_CHUNK = 4 << 20  # bytes of a content that are sent at once
_MOST = 800  # events; a notary looks at each for about 5 µs


Reach: TypeAlias = Callable[[], tuple[socket.socket, "Popen[bytes] | None"]]
"""Opens a line to a notary; also its process, if it is ours."""


def open_by_notary(folder: Folder, reach: Reach, origin: str) -> tuple[Opened, NotaryLog]:
    """Have the folder opened, made with this `origin` if it is missing; called in a worker thread.

    Raises:
        FolderError, FolderInUseError, CorruptJournalError, SetupError: as without a notary.
    """
    try:
        log = _log_of(*reach())
        try:
            return log.open(folder, origin), log
        except BaseException:
            log.release()
            raise
    except OSError as error:
        raise FolderError(f"{folder.path} could not be opened: {error}") from error


def _log_of(connection: socket.socket, process: Popen[bytes] | None) -> NotaryLog:
    """The log behind this line; nothing stays open if the notary has ended already."""
    try:
        return NotaryLog(connection, process)
    except BaseException:
        connection.close()
        if process is not None:
            process.wait()
        raise


class NotaryLog:
    """What a journal knows of its log while a notary writes it; stands where a `Log` does."""

    most = _MOST

    def __init__(self, connection: socket.socket, process: Popen[bytes] | None) -> None:
        self._control, (self._contents, self._batches) = Line(connection), _pass_lines(connection)
        self._process = process
        self._segment_bytes = 0
        self._room = 0  # in the current segment, up to this offset
        self._next = 0  # number of the segment that follows, once it is ready
        self._next_room = 0
        self._loop: Loop | None = None
        self._folder: Folder | None = None  # from `open` on, as all below
        self._origin = ""
        self._current = 0  # number of the segment that is being written
        self._sealed: deque[int] = deque()  # whose index the notary makes
        self._told: Callable[[Table], None] | None = None
        self._is_writing = False  # a batch is at the notary, whose answer says more than its end
        self._has_ended: Callable[[], object] | None = None  # tells of its end, once it was seen

    def open(self, folder: Folder, origin: str) -> Opened:
        key, note, segment, offset, cut, self._segment_bytes, *ahead = self._control.ask("open", origin)
        self._learn(*ahead)
        self._folder, self._current = folder, segment
        opened = look_at(
            folder,
            signer=NotarySigner(VerifyKey(key)),
            note=Note.parse(note),
            keys=self,
            lock=self,
            cut=None if cut is None else Path(cut),
        )
        if opened.place != (segment, offset):
            raise CorruptJournalError(
                f"{folder.path} and its notary", expected=opened.place, found=Place(segment, offset)
            )
        self._origin = opened.index.origin
        return opened

    def watch(self, loop: Loop, failed: Callable[[Exception], None]) -> None:
        """Call `failed` on the loop when the notary ends, also if nothing is asked of it."""

        def tell() -> None:
            failed(ConnectionError("the notary has ended"))

        def look() -> None:
            if self._control.has_ended():
                self.unwatch()
                self._has_ended = partial(loop.call_soon_threadsafe, tell)  # before the look at a batch
                if not self._is_writing:
                    tell()

        loop.add_reader(self._control.connection, look)
        self._loop = loop

    def unwatch(self) -> None:
        loop, self._loop = self._loop, None
        if loop is not None:
            loop.remove_reader(self._control.connection)

    def on_sealed(self, told: Callable[[Table], None]) -> None:
        self._told = told

    def after(self, place: Place) -> Place:
        """Where the batch behind the one that ends at `place` begins."""
        if place.offset < self._segment_bytes or self._next <= place.segment:
            return place
        return Place(self._next, 0)

    def reserve(self, place: Place) -> int:
        """See to it that the log can be written up to `place`; returns up to which offset there is room.

        Raises:
            OSError: the disk has no room for it, or the notary has ended.
        """
        if place.offset + EVENTS_ROOM > self._room_in(place.segment):
            self._learn(*self._control.ask("reserve", *place))
        return self._room_in(place.segment) - EVENTS_ROOM

    def is_plain(self, batch: Pending) -> bool:
        del batch  # another process writes it, and may be slow or stopped
        return False

    def write(self, batch: Pending) -> None:
        """Have a batch signed and written, and the contents before it; called by the writer thread."""
        for draft, digest, content in batch.files:
            draft.write(content)
            draft.publish(digest)
        self._is_writing = True
        note, *ahead = self._batches.ask(
            "batch", batch.segment, batch.start, payload=batch.buffer, sent=batch.begun
        )
        self._is_writing = False  # before the look at its end: one of the two tells of it
        if self._has_ended is not None:
            self._has_ended()
        batch.note = Note.parse(note)
        self._learn(*ahead)
        self._look_for_indexes(batch.segment)

    def look_ahead(self) -> None:
        """Nothing to do: the notary does."""

    def draft(self, size: int) -> NotaryDraft:
        return NotaryDraft(self._contents, self._control.ask("draft", size))

    def finish(self, *, size: int, root: bytes) -> None:
        """Have the folder left as a clean close does."""
        del size, root  # the notary knows them
        self._batches.ask("finish")

    def close(self) -> None:
        """Nothing is open here; `release` lets go of the notary."""

    def release(self) -> None:
        """End the session, and wait until the notary has let go of the folder."""
        self._batches.close()
        self._contents.close()
        self._control.end()
        if self._process is not None:
            self._process.wait()

    def prepare(self, new: KeySource | None, *, current: VerifyKey, origin: str) -> Handover:
        """Have the next key made.

        Raises:
            SetupError: one was given.
            JournalError: it could not be kept.
        """
        del current, origin
        if new is not None:
            raise SetupError("a notary alone has the keys, and makes the next one")
        return Handover(VerifyKey(self._contents.ask("next key")))

    def _look_for_indexes(self, current: int) -> None:
        """Tell of sealed segments, one after the other, once the notary has made their indexes."""
        if current != self._current:
            self._sealed.append(self._current)
            self._current = current
        folder, told = self._folder, self._told
        while self._sealed and folder is not None and told is not None:
            found = read_index(folder, self._sealed[0], origin=self._origin)
            if found is None:
                return
            told(found[0])
            self._sealed.popleft()

    def _room_in(self, segment: int) -> int:
        return self._next_room if segment == self._next else self._room

    def _learn(self, room: int, following: int, following_room: int) -> None:
        self._room, self._next, self._next_room = room, following, following_room


class NotaryDraft:
    """A large content on its way to the notary; each method raises OSError."""

    def __init__(self, line: Line, number: int) -> None:
        self._line = line
        self._number = number
        self._is_open = True

    def write(self, chunk: bytes) -> None:
        view = memoryview(chunk)
        for at in range(0, len(view), _CHUNK):
            self._line.ask("write", self._number, payload=view[at : at + _CHUNK])

    def sync(self) -> None:
        """Nothing to do early: the notary syncs what is published."""

    def publish(self, digest: bytes) -> None:
        self._is_open = False
        self._line.ask("publish", self._number, payload=digest)

    def abort(self) -> None:
        if not self._is_open:
            return
        self._is_open = False
        with suppress(OSError):  # a notary that has ended keeps nothing either
            self._line.ask("abort", self._number)


class NotarySigner:
    """Leaves room for signatures that a notary will make."""

    def __init__(self, key: VerifyKey) -> None:
        self._keys: tuple[VerifyKey, ...] = (key,)

    @property
    def public(self) -> VerifyKey:
        return self._keys[-1]

    def hand_over(self, handover: Handover) -> None:
        self._keys = (*self._keys, handover.public)

    def sign(self, checkpoint: Checkpoint) -> Note:
        keys, self._keys = self._keys, self._keys[-1:]
        origin = checkpoint.origin
        blanks = tuple(Signature(origin, key_id(origin, key), bytes(SIGNATURE_BYTES)) for key in keys)
        return Note(str(checkpoint), blanks)


def _pass_lines(connection: socket.socket) -> tuple[Line, Line]:
    """Make two more lines, and pass their other ends."""
    contents, batches = socket.socketpair(), socket.socketpair()
    try:
        socket.send_fds(connection, [GREETING], [contents[1].fileno(), batches[1].fileno()])
    except BaseException:
        contents[0].close()
        batches[0].close()
        raise
    finally:
        contents[1].close()
        batches[1].close()
    return Line(contents[0]), Line(batches[0])
