"""Reading a theater's folder, running or not, without a lock: whole commits only, and nothing is changed.

    reader = Reader(folder)
    reader.origin, reader.key          from the file `format`; the key is public
    reader.closed                      `Closed(segment, length, size, root)` after a clean close, else None

To see every byte, as `verify` does:
    walk = reader.walk()               or `walk(since=place)`, from the `place` where an earlier walk ended
    for batch in walk:                 a `Batch`: place (segment, offset), end, chunk, frames, commit
        for kind, start, end in batch.frames:      EVENT, STUB, BLOB, FILE, FRONTIER of `frames.py`; COMMIT
            payload = batch.chunk[start:end]
        batch.commit.note              the signed note of the checkpoint over all events up to here, bytes
    walk.tail                          None, or a `Tail`: place, torn bytes, `damage` (why it was not torn)
    `read_frontier`, `read_file` of `frames.py` read those payloads; `BLOB` is digest and content.

To look things up, call `refresh()` (again for what came since), then:
    reader.index.actors(), .count(actor)           who is there; `reader.event(actor, seq)` its bytes
    reader.index.size, .note           events so far, and the newest signed note
    reader.read(digest), read_at, size_of          contents, not verified
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from theater.errors import CorruptJournalError, MissingError
from theater.journal.folder import Folder
from theater.journal.frames import HEADER_BYTES
from theater.journal.index import Index
from theater.journal.loading import digest_at, load
from theater.journal.lookup import Lookup
from theater.journal.marks import Closed
from theater.journal.walk import START, Place, Walk

_END = 64  # bytes: of a signature
_Seen: TypeAlias = tuple[bytes, list[tuple[int, int, int]]]


class Reader:
    """Looks at a theater's folder."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Look at the folder.

        Raises:
            FolderError: no theater, or of a newer format.
            CorruptJournalError: its marks have flipped bits.
        """
        self.folder = Folder(path)
        mark = self.folder.format()
        self.origin = mark.origin
        self.key = mark.key
        self.index = Index(self.origin, digest_at=partial(digest_at, self.folder))
        self._lookup = Lookup(self.folder, self.index)
        self._place = START
        self._seen: _Seen = (b"", [])
        self._rewritings = 0

    @property
    def closed(self) -> Closed | None:
        """Where a clean close left the log.

        Raises:
            CorruptJournalError: the mark has flipped bits.
        """
        return self.folder.closed()

    def walk(self, *, since: Place = START) -> Walk:
        """All whole batches from `since` on, and then what is behind them."""
        return Walk(self.folder, origin=self.origin, since=since)

    def refresh(self) -> int:
        """Take in the batches committed since the last time; returns how many.

        Raises:
            CorruptJournalError: one does not follow the one before it.
        """
        self.rewritings()
        if not self._has_news():
            return 0
        before = self.index.batches
        while not self._read_on():
            self._forget()  # the folder is being compacted: what was read is of two makings
            before = 0
        return self.index.batches - before

    def rewritings(self) -> int:
        """How often the folder was compacted since it was first read, as far as was noticed here.

        Compacting puts other files in the place of segments: where things were says nothing any more, so all
        is read anew.
        """
        if self._seen != self._look():
            self._forget()
        return self._rewritings

    def _forget(self) -> None:
        self.index = Index(self.origin, digest_at=partial(digest_at, self.folder))
        self._lookup = Lookup(self.folder, self.index)
        self._place = START
        self._rewritings += 1
        self._seen = self._look()

    def _look(self) -> _Seen:
        """What changes if segments that were read are written anew.

        Of those that are full, which files they are; of the last one, which grows, the end of what was read.
        """
        segment, offset = self._place
        full = [self.folder.segment(number).stat() for number in self.folder.numbers() if number < segment]
        start = max(0, offset - _END)
        end = self.folder.read_at(segment, start, offset - start) if offset else b""
        return end, [(each.st_ino, each.st_mtime_ns, each.st_size) for each in full]

    def _read_on(self) -> bool:
        """Take in what there is to read; says whether no segment was written anew meanwhile."""
        files = self._files()
        if self._place == START:
            self._load()
        else:
            walk = self.walk(since=self._place)
            for batch in walk:
                self.index.add(batch)
                self._place = walk.place
        self._seen = end, _ = self._look()
        now = self._files()
        are_same = all(now.get(name, file) == file for name, file in files.items())
        return are_same and self.index.note.endswith(end)

    def _files(self) -> dict[str, int]:
        """Which file each segment is."""
        with os.scandir(self.folder.segments) as entries:
            return {entry.name: entry.inode() for entry in entries}

    def _load(self) -> None:
        loaded = load(self.folder, self.origin)
        self.index = loaded.index
        self._lookup = Lookup(self.folder, self.index)
        self._place = loaded.walk.place

    def _has_news(self) -> bool:
        """A look at 9 bytes: a walk reads the rest of the segment, tens of milliseconds of zeros."""
        segment, offset = self._place
        if any(number > segment for number in self.folder.numbers()):
            return True
        try:
            return any(self.folder.read_at(segment, offset, HEADER_BYTES))
        except FileNotFoundError:
            return False  # of a folder that holds nothing yet

    def event(self, actor: bytes, seq: int) -> bytes:
        """The bytes of an event.

        Raises:
            HistoryCutError: there is none, or it was removed.
        """
        return self._find(lambda lookup: lookup.event(actor, seq))

    def head(self, actor: bytes) -> bytes:
        """The hash of an actor's newest event, 32 bytes; a removed one has left it."""
        return self._lookup.head(actor)

    def size_of(self, digest: bytes) -> int | None:
        """The size of a content, bytes; None if it is not here."""
        return self._lookup.size_of(digest)

    def read(self, digest: bytes) -> bytes:
        """A content whole, not verified.

        Raises:
            ContentNotFoundError: it is not here.
        """
        return self._find(lambda lookup: lookup.read(digest))

    def read_at(self, digest: bytes, offset: int, length: int) -> bytes:
        """At most `length` bytes of a content, not verified.

        Raises:
            ContentNotFoundError: it is not here.
        """
        return self._find(lambda lookup: lookup.read_at(digest, offset, length))

    def _find(self, look: Callable[[Lookup], bytes]) -> bytes:
        """Look something up; anew if it is not where it was, for the folder was compacted meanwhile."""
        while True:
            before = self._rewritings
            try:
                return look(self._lookup)
            except (CorruptJournalError, MissingError):
                if self.rewritings() == before:
                    raise
            self.refresh()
