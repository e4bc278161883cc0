"""Weighing a folder: all of it is looked at, and what can go is decided; nothing is changed."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TypeAlias

from theater.culling import Contents, Culling, Limits, Run
from theater.errors import ActorNotFoundError, CorruptJournalError, SetupError
from theater.event import Event, Stub
from theater.journal.frames import BLOB, DIGEST_BYTES, EVENT, FILE, HEADER_BYTES, STUB, read_file
from theater.journal.reader import Reader
from theater.journal.rewriting import Cut
from theater.outlining import inline
from theater.recorded import Actors
from theater.store.fold import Fold
from theater.survey import OF_STORE, Survey
from theater.verify import verify
from theater.verify.quick import Row, read_quick

Actor: TypeAlias = str | bytes


class Weighing:
    """What goes out of a folder."""

    def __init__(self, reader: Reader, *, limits: Limits, erase: Collection[Actor]) -> None:
        """Look at everything that was committed.

        Raises:
            CorruptJournalError: it does not verify.
            ActorNotFoundError, SetupError: nobody of that name is there to erase, or it has not ended.
        """
        _require_verified(reader)
        self._actors = Actors(reader)
        self._actors.refresh()
        self.journal_size = reader.index.size  # events
        self._reader = reader
        self._survey = Survey()
        self._sizes: dict[bytes, int] = {}  # of each content; it stands before the events that name it
        self._contents = Contents(self._sizes, reader.read)
        self._look(erased := {self._to_erase(actor) for actor in erase})
        self.size = size_of(reader)
        unused = sum(map(self._sizes.__getitem__, self._contents.unused()))
        self._culling = Culling(
            self._survey, self._contents, limits=limits, size=self.size - unused, erased=erased
        )
        self._decide()
        self.runs = list(self._culling.runs())
        self.dropped = self._contents.unused()

    @property
    def is_in_vain(self) -> bool:
        """Whether nothing goes."""
        return not self.runs and not self.dropped

    @property
    def events(self) -> int:
        """How many go."""
        return self._culling.events

    @property
    def estimate(self) -> int:
        """What the folder will take without them, bytes."""
        return self._culling.size

    @property
    def cut(self) -> Cut:
        return Cut(self._culling.goes, self.dropped.__contains__)

    def name_of(self, run: Run) -> str:
        return self._actors.name_of(run.actor)

    def _look(self, erased: Collection[bytes]) -> None:
        for kind, payload in _frames(self._reader):
            if kind == EVENT:
                self._take(payload, erased)
            elif kind == STUB:
                self._survey.remove(Stub.read(payload).actor)
            elif kind == BLOB:
                self._sizes[payload[:DIGEST_BYTES]] = len(payload) - DIGEST_BYTES
            elif kind == FILE:
                digest, size = read_file(payload)
                self._sizes[digest] = size

    def _take(self, data: bytes, erased: Collection[bytes]) -> None:
        event = _read(data)
        self._survey.add(event, HEADER_BYTES + len(data))
        life = self._survey.lives[event.actor]
        is_kept = life.notes[event.seq] == OF_STORE and event.actor not in erased
        life.sizes[event.seq] += self._contents.add(data, by_store=is_kept)
        if "stores" in event.body and event.actor not in erased:
            self._contents.keep(self._in_stores(data))

    def _in_stores(self, data: bytes) -> Iterator[bytes]:
        """What the stores hold of which a snapshot tells, be it beside its event, or in parts."""
        told = inline({"stores": Event.read(data).body["stores"]}, self._reader.read)["stores"]
        for holding in Fold.of_snapshot(told).stores.values():
            yield from holding.sizes

    def _decide(self) -> None:
        for kind, payload in _frames(self._reader):
            if kind == EVENT:
                self._culling.decide(_read(payload), payload)

    def _to_erase(self, actor: Actor) -> bytes:
        found = self._actors.named(actor) if isinstance(actor, str) else actor
        if found is None or not self._reader.index.count(found):
            raise ActorNotFoundError(f"no actor {actor!r} is in {self._reader.folder.path}")
        if not self._actors.has_ended(found):
            raise SetupError(f"{actor!r} has not ended: stop it first, then it can be erased")
        return found


def size_of(reader: Reader) -> int:
    """What the log and the contents beside it take, bytes."""
    folder = reader.folder
    logs = sum(folder.segment(number).stat().st_size for number in folder.numbers())
    return logs + sum(path.stat().st_size for path in folder.blobs.glob("*/*"))


def _frames(reader: Reader) -> Iterator[tuple[int, bytes]]:
    for batch in reader.walk():
        for kind, start, end in batch.frames:
            yield kind, batch.chunk[start:end]


def _read(data: bytes) -> Event | Row:
    return read_quick(data) or Event.read(data)


def _require_verified(reader: Reader) -> None:
    wrong = verify(reader).wrong
    if wrong is not None:
        where = f"nothing was removed, for {reader.folder.path} does not verify: {wrong.where}"
        raise CorruptJournalError(where, expected=wrong.expected, found=wrong.found)
