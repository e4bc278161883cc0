"""Sources: where a replay reads the record. It is read in a thread of its own, beside a theater that runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Protocol

from theater.chain import ChainView, Tip
from theater.errors import ActorNotFoundError
from theater.event import Event, event_hash
from theater.journal import MemoryJournal
from theater.journal.heading import heading
from theater.journal.protocol import Journal
from theater.journal.reader import Reader
from theater.recorded import RecordedChain


class Source(Protocol):
    """A record to replay."""

    forgets: bool  # it holds but the newest events

    def has(self, actor: bytes) -> bool:
        """Say whether there is a chain of this actor."""
        ...

    def chain(self, actor: bytes) -> ChainView:
        """An actor's events.

        Raises:
            ActorNotFoundError: there are none.
        """
        ...

    def read(self, digest: bytes) -> bytes:
        """A content, not verified.

        Raises:
            ContentNotFoundError: it is not here.
        """
        ...


class FolderSource:
    """What a folder holds, as far as it is committed."""

    forgets = False

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        reader.refresh()

    def has(self, actor: bytes) -> bool:
        return bool(self._reader.index.count(actor))

    def chain(self, actor: bytes) -> ChainView:
        if not self.has(actor):
            raise ActorNotFoundError(f"no actor with the id {actor.hex()} is in this folder")
        return RecordedChain(self._reader, actor)

    def read(self, digest: bytes) -> bytes:
        return self._reader.read(digest)


class MemorySource:
    """What a theater in memory held at one moment."""

    forgets = True

    def __init__(self, events: Iterable[bytes], read: Callable[[bytes], bytes]) -> None:
        self._chains: dict[bytes, list[bytes]] = {}
        self._read = read  # any thread may call it
        for data in events:
            self._chains.setdefault(heading(data)[0], []).append(data)

    def has(self, actor: bytes) -> bool:
        return actor in self._chains

    def chain(self, actor: bytes) -> ChainView:
        if not self.has(actor):
            raise ActorNotFoundError(f"no actor with the id {actor.hex()} is in this theater")
        return _KeptChain(actor, self._chains[actor])

    def read(self, digest: bytes) -> bytes:
        return self._read(digest)


def source_of(journal: Journal, folder: Path | None) -> Callable[[], Source]:
    """The record of a theater at this moment, to be opened in the thread that reads it."""
    if isinstance(journal, MemoryJournal):
        return partial(MemorySource, journal.kept(), journal.read)
    assert folder is not None
    return lambda: FolderSource(Reader(folder))


class _KeptChain(ChainView):
    """The events of an actor that memory still keeps."""

    __slots__ = ("_events", "_tip")

    def __init__(self, actor: bytes, events: list[bytes]) -> None:
        self._events = events
        self._tip = Tip(actor, heading(events[-1])[1] + 1, event_hash(events[-1]))

    @property
    def tip(self) -> Tip:
        return self._tip

    @property
    def first(self) -> int:
        return heading(self._events[0])[1]

    def event(self, seq: int) -> Event:
        return Event.read(self._events[seq - self.first])
