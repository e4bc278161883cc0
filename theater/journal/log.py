"""The log of an open folder, as the writer thread sees it: batches go in, and there is always room ahead."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Protocol

from theater.journal.blobs import Draft, Drafts
from theater.journal.calls import Calls, is_full, write_file
from theater.journal.folder import Folder
from theater.journal.following import Following
from theater.journal.indexing import Indexing
from theater.journal.marks import Closed
from theater.journal.pending import Pending
from theater.journal.segment import Segment
from theater.journal.table import Table
from theater.journal.walk import Place
from theater.loop import Loop

SEGMENT_BYTES = 32 << 20  # a segment with more is followed by the next; an opening reads the last one
_NEXT = 8 << 20  # so many bytes before, the next one is made ready


class Writes(Protocol):
    """Who writes a journal's batches: `Log`, or a notary for us."""

    @property
    def most(self) -> int:
        """So many events may wait for it; bytes are bounded besides."""
        ...

    def watch(self, loop: Loop, failed: Callable[[Exception], None]) -> None:
        """Have `failed` called on the loop if nothing can be written any more, though nobody asked."""
        ...

    def unwatch(self) -> None:
        """Watch no longer; called on the loop."""
        ...

    def on_sealed(self, told: Callable[[Table], None]) -> None:
        """Have `told` called, in any thread, with what each segment holds once the next is begun."""
        ...

    def after(self, place: Place) -> Place:
        """Where the batch behind the one that ends at `place` begins; called on the event loop."""
        ...

    def reserve(self, place: Place) -> int:
        """See to it that the log can be written up to `place`; called on the event loop.

        Returns up to which offset there is room for contents in that segment.

        Raises:
            OSError: the disk has no room for it.
        """
        ...

    def draft(self, size: int) -> Drafts:
        """Begin a content, with room for `size` bytes of it; each call raises OSError."""
        ...

    def is_plain(self, batch: Pending) -> bool:
        """Whether to write it is a write and a sync of this process's own, and nothing is to be prepared."""
        ...

    def write(self, batch: Pending) -> None:
        """Write a batch, the files that it names first, and wait until all of it is on the disk."""
        ...

    def look_ahead(self) -> None:
        """Prepare room for the batches to come."""
        ...

    def finish(self, *, size: int, root: bytes) -> None:
        """Leave the folder as a clean close does."""
        ...

    def close(self) -> None:
        """Let go of its files."""
        ...


class Log:
    """Writes batches to the segments of a folder, one after the other."""

    most = 1 << 20  # they take more bytes than may wait

    def __init__(
        self, folder: Folder, place: Place, *, calls: Calls, segment_bytes: int = SEGMENT_BYTES
    ) -> None:
        """Go on at `place`."""
        self._folder = folder
        self._calls = calls
        self.segment_bytes = segment_bytes
        self._current = Segment(folder.segment(place.segment), place.segment, end=place.offset, calls=calls)
        self._next: Segment | None = None
        self._following: Following | None = None  # while the next one is being made
        self._indexing = Indexing(folder, calls=calls)
        calls.sync_folder(folder.segments)
        self._current.fill()
        self.look_ahead()

    @property
    def ahead(self) -> tuple[int, int, int]:
        """What room there is: up to where in the segment; the next one, 0 until it is ready, and the same."""
        following = self._next
        if following is None or not following.has_room:
            return self._current.room, 0, 0
        return self._current.room, following.number, following.room

    def watch(self, loop: Loop, failed: Callable[[Exception], None]) -> None:
        """Nothing to watch: whatever fails is being asked for."""

    def unwatch(self) -> None:
        """Nothing was watched."""

    def on_sealed(self, told: Callable[[Table], None]) -> None:
        self._indexing.on_made = told

    def after(self, place: Place) -> Place:
        following = self._next
        if place.offset < self.segment_bytes or following is None or not following.has_room:
            return place
        return Place(following.number, 0) if following.number > place.segment else place

    def reserve(self, place: Place) -> int:
        following = self._next
        if following is not None and following.number == place.segment:
            return following.reserve(place.offset)
        return self._current.reserve(place.offset)

    def is_plain(self, batch: Pending) -> bool:
        segment, following = self._current, self._next
        is_prepared = following is not None and following.has_room
        return (
            batch.segment == segment.number
            and batch.finish is None
            and not batch.files
            and not segment.lacks_zeros(batch.buffer, batch.start)
            and (is_prepared or batch.end.offset < self.segment_bytes - _NEXT)
        )

    def write(self, batch: Pending) -> None:
        """Write a batch, the files that it names first, and wait until all of it is on the disk."""
        for draft, digest, content in batch.files:
            draft.write(content)
            draft.publish(digest)
        sealed = None
        if self._next is not None and batch.segment == self._next.number:
            sealed = self._current.number
            self._current.close()
            self._current, self._next = self._next, None
        self._current.write(batch.buffer, batch.start, batch.begun)
        if sealed is not None:
            self._indexing.submit(sealed)
        if batch.finish is not None:
            batch.finish()

    def look_ahead(self) -> None:
        """Prepare the next segment when it is time; while the disk is full, the log stays where it is."""
        if self._current.end < self.segment_bytes - _NEXT:
            return
        if self._next is None:
            self._take_next(wait=self.segment_bytes < 2 * _NEXT)  # segments as short as that leave no time
        else:
            self._next.fill()

    def _take_next(self, *, wait: bool) -> None:
        """Take the next segment if it is ready, and have it made if it was not begun."""
        if self._following is None:
            self._following = Following(partial(self._follow, self._current.number + 1))
        try:
            self._next = self._following.take(wait=wait)
        except OSError as error:
            self._following = None
            if not is_full(error):
                raise
        else:
            self._following = None if self._next is not None else self._following

    def _follow(self, number: int) -> Segment:
        segment = Segment(self._folder.segment(number), number, end=0, calls=self._calls)
        self._calls.sync_folder(self._folder.segments)
        segment.fill()
        return segment

    def draft(self, size: int) -> Draft:
        """Reserve room for a content of `size` bytes; called on the event loop."""
        return Draft(self._folder, self._calls, room=size)

    def finish(self, *, size: int, root: bytes) -> None:
        """Leave the folder as a clean close does."""
        if self._following is not None:
            self._take_next(wait=True)
        if self._next is not None:
            self._calls.unlink(self._folder.segment(self._next.number))
        self._current.finish()
        self._go_back()
        self._indexing.finish()
        mark = Closed(self._current.number, self._current.end, size, root)
        write_file(self._calls, self._folder.path / "closed", str(mark).encode(), tmp=self._folder.tmp)

    def _go_back(self) -> None:
        """Drop a segment in which nothing was written: a torn batch was cut, and it holds no more.

        For whoever opens the folder next, the log ends in the one before it.
        """
        number = self._current.number - 1
        if self._current.end or number not in self._folder.numbers():
            return
        self._current.close()
        for path in (self._folder.segment(number + 1), self._folder.index(number)):
            if path.exists():
                self._calls.unlink(path)
        end = len(self._folder.read(number, 0).rstrip(b"\0"))  # of a note, which ends a batch
        self._current = Segment(self._folder.segment(number), number, end=end, calls=self._calls)
        self._current.finish()

    def close(self) -> None:
        self._indexing.give_up()
        if self._following is not None:
            with suppress(OSError):  # what is not there needs no closing
                self._take_next(wait=True)
        for segment in (self._current, self._next):
            if segment is not None:
                segment.close()
