"""Actors without a runtime, for tests of stores: a chain, a journal, and a store supervisor in between."""

from __future__ import annotations

import time
from collections.abc import Coroutine
from itertools import count
from typing import Any

from theater.codec import ActorAddress, Addressed
from theater.content import ContentRef
from theater.errors import DiskFullError, JournalFailedError
from theater.event import Event
from theater.grants import Grants
from theater.journal.memory import MemoryJournal
from theater.journal.protocol import Inlet, Journal
from theater.loop import Future, Task, running_loop, start
from theater.recorder import Line, Recorder
from theater.store import Store, Stores
from theater.store.decision import Place
from theater.store.fold import Fold, fold_of
from theater.store.supervisor import StoreSupervisor


class HeldJournal(MemoryJournal):
    """A journal whose disk obeys: it commits when it is told to, it may be full, rot, or fail."""

    def __init__(self) -> None:
        super().__init__()
        self.inlet: Inlet | None = None  # all comes through `append`
        self.waiting: list[tuple[Future[Any], Any]] = []
        self.puts: list[bytes] = []  # digests, in order
        self.room = 2**40  # bytes, for one content
        self.holds_back = False

    def then(self, future: Future[Any], result: Any) -> None:
        self.waiting.append((future, result))
        if not self.holds_back:
            self.commit()

    def commit(self) -> None:
        self.full = False
        waiting, self.waiting = self.waiting, []
        for future, result in waiting:
            super().then(future, result)

    def fail(self) -> None:
        self.failed = JournalFailedError("the disk is gone")
        for future, _ in self.waiting:
            if not future.done():
                future.set_exception(self.failed)

    def append(self, *args: Any, **options: Any) -> None:
        if self.failed is not None:
            raise self.failed
        super().append(*args, **options)

    def put(self, digest: bytes, content: bytes, *, kept: bool) -> None:
        if len(content) > self.room:
            raise DiskFullError(f"{len(content)} bytes do not fit")
        if not self.holds(digest):
            self.puts.append(digest)
        super().put(digest, content, kept=kept)

    def rot(self, ref: ContentRef) -> None:
        """Flip a bit of a kept copy."""
        content = self._contents.held[ref.digest]
        self._contents.held[ref.digest] = bytes([content[0] ^ 1]) + content[1:]

    def cut(self, ref: ContentRef) -> None:
        """Lose the last byte of a kept copy."""
        self._contents.held[ref.digest] = self._contents.held[ref.digest][:-1]

    def lose(self, ref: ContentRef) -> None:
        del self._contents.held[ref.digest]


class Playhouse:
    """Some actors on one journal."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.recorder = Recorder(journal, time.time_ns)
        self.players: list[Player] = []
        self.ids = count(1)

    def player(self) -> Player:
        self.players.append(Player(self, len(self.players) + 1))
        return self.players[-1]

    def store_of(self, store_id: str, reader: bytes) -> StoreSupervisor | None:
        del reader
        owners = (each.supervisor for each in self.players if store_id in each.supervisor.fold.stores)
        return next(owners, None)

    def fold_at(self, actor: bytes, seq: int) -> Fold:
        """What the stores of an actor held after this event of its chain."""
        return fold_of(Event.read(self.journal.event(actor, number)) for number in range(seq + 1))


class Player(Addressed):
    """An actor as its store supervisor sees it."""

    def __init__(self, house: Playhouse, number: int) -> None:
        loop = running_loop()
        assert loop is not None
        self.loop = loop
        self.house = house
        self.id = number.to_bytes(16, "big")
        self.name = f"player-{number}"
        self.line = Line(self.id)
        self.is_on_stage = True
        self.grants: Grants | None = None
        self.supervisor = StoreSupervisor(self, loop)
        self.stores = Stores(self.supervisor)

    @property
    def address(self) -> ActorAddress:
        return ActorAddress(self.id)

    @property
    def store(self) -> Store:
        return self.stores.default

    @property
    def journal(self) -> Journal:
        return self.house.journal

    @property
    def prompter(self) -> None:
        return None  # nobody here runs again

    @property
    def world(self) -> Playhouse:
        return self.house

    def ask_of_context(self) -> None:
        if not self.is_on_stage:
            raise RuntimeError("no handler is at work")

    def record(self, kind: str, body: dict[str, object]) -> int:
        return self.house.recorder.append(self.line, kind, body)

    def record_ready(self, kind: str, body: object) -> int:
        return self.house.recorder.append_prepared(self.line, kind, body)

    def promise(self) -> Future[Any]:
        return self.loop.create_future()

    def place(self) -> Place:
        return Place(self.id, self.line.events - 1, self.line.head or b"")

    def start(self, coroutine: Coroutine[Any, Any, None]) -> Task[None]:
        return start(self.loop, coroutine, current=None)

    def entropy(self) -> bytes:
        return next(self.house.ids).to_bytes(16, "big")

    def chain(self) -> list[Event]:
        """The events of this actor, oldest first."""
        return [Event.read(self.journal.event(self.id, seq)) for seq in range(self.line.events)]

    def told(self) -> list[tuple[str, dict[str, Any]]]:
        """Kind and body of each event, oldest first, without the store's name."""
        return [
            (event.kind, {key: value for key, value in event.body.items() if key != "store"})
            for event in self.chain()
        ]

    def end(self) -> None:
        for task in self.supervisor.tasks():
            task.cancel()
