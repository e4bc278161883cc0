"""What a store supervisor needs of its actor, and of the other actors whose stores may be granted to it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from theater.event import Event
from theater.grants import Grants
from theater.journal.protocol import Journal
from theater.loop import Future, Task
from theater.store.decision import Place
from theater.store.fold import Fold


class Lender(Protocol):
    """An actor's stores as another actor finds them, whether that actor runs, sleeps or has ended."""

    @property
    def fold(self) -> Fold: ...

    def place(self) -> Place:
        """Where the lender's chain stands; its fold holds all up to there."""
        ...


class Prompter(Protocol):
    """Leads a handler that runs again along its record."""

    def ask(self, kind: str, body: Any, passed: Callable[[Event], None] | None = None) -> Event:
        """The recorded event of this request; `passed` is called in its place in the chain."""
        ...

    def postpone(self, kind: str, body: Any, send: Callable[[], None]) -> bool:
        """Say whether this request was not begun when others were recorded: then it is sent behind these."""
        ...

    async def place(self, event: Event) -> None:
        """Wait until all that stands before it in the chain was asked and told."""
        ...


class World(Protocol):
    """The theater around the actor."""

    def fold_at(self, actor: bytes, seq: int) -> Fold:
        """What the stores of an actor held after this event of its chain."""
        ...

    def store_of(self, store_id: str, reader: bytes) -> Lender | None:
        """Whoever has this store, and of several who do, the one that granted it to this reader; or None."""
        ...


class Owner(Protocol):
    """The actor that a store supervisor works for."""

    @property
    def id(self) -> bytes: ...

    @property
    def name(self) -> str: ...

    @property
    def grants(self) -> Grants | None:
        """What the actor may do; None: everything."""
        ...

    @property
    def journal(self) -> Journal: ...

    @property
    def prompter(self) -> Prompter | None:
        """Who leads the handler at work, if it runs again along its record."""
        ...

    @property
    def world(self) -> World: ...

    def ask_of_context(self) -> Prompter | None:
        """Record `message/received` before the first request of the message at hand; returns the prompter.

        Raises:
            SetupError: no handler or hook of this actor is at work here.
        """
        ...

    def record(self, kind: str, body: dict[str, object]) -> int:
        """Append an event to the actor's chain; returns its seq."""
        ...

    def record_ready(self, kind: str, body: object) -> int:
        """The same for a body that is in canonical order, made ready to be packed."""
        ...

    def promise(self) -> Future[Any]:
        """A future of an answer, whose asker is resumed without a turn of the loop for itself."""
        ...

    def place(self) -> Place:
        """Where the actor's chain stands."""
        ...

    def start(self, coroutine: Coroutine[Any, Any, None]) -> Task[None]:
        """Run this for as long as the actor lives."""
        ...

    def entropy(self) -> bytes:
        """16 random bytes: a new store's id, which is recorded when it is made."""
        ...
