"""Mailboxes: what has been sent to an actor and not begun.

A deque and one waiter future, drained without touching the event loop while messages remain: 3 M messages/s
where an `asyncio.Queue` does 1.5 M and a memory stream 0.2 M. The deque
(624 bytes) exists only while there are messages.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from theater.loop import Future, Loop

if TYPE_CHECKING:
    from theater.codec import ActorAddress
    from theater.handler import HandlerPlan
    from theater.ref import ActorRef
    from theater.turn import Turn

Triple = tuple[bytes, int, bytes]
"""An actor's id, the seq of one of its events, and that event's hash."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message as its sender gets it back: `to.tell(handler, *args, **kwargs)` sends it again."""

    to: ActorRef[Any]
    handler: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


class Envelope(Struct, eq=False):
    """One message on its way: what is asked of whom, by whom, and where the answer goes.

    Made for every message: a struct takes 0.1 µs, a class with slots 0.5.
    """

    plan: HandlerPlan
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    plain: tuple[list[Any], dict[str, Any]] | None = None  # for the record; None: args are plain as they are
    reply: Future[Any] | None = None  # None for a tell
    turn: Turn | None = None  # of the actor that sends; None for the world outside
    sender: Triple | None = None  # where that actor's chain says so
    outcome: tuple[dict[str, Any], Triple | None] | None = None  # for the record of an actor that asked
    placed: bool = False  # it has its place in the mailbox
    begun: bool = False  # the actor has taken it out

    def plain_args(self) -> list[Any]:
        return list(self.args) if self.plain is None else self.plain[0]

    def plain_kwargs(self) -> dict[str, Any]:
        return self.kwargs if self.plain is None else self.plain[1]

    def fresh(self, world: Callable[[ActorAddress], object]) -> Envelope:
        """The same message once more, with arguments of its own."""
        plain = self.plain_args(), self.plain_kwargs()
        args, kwargs = self.plan.restore(*plain, world)
        return Envelope(self.plan, args, kwargs, plain)

    def __repr__(self) -> str:
        return f"<message {self.plan.name}>"


class Mailbox:
    """A bounded line of envelopes, and behind it those who wait for room."""

    __slots__ = ("capacity", "loop", "queue", "room", "waiter")

    def __init__(self, loop: Loop, capacity: int) -> None:
        self.loop = loop
        self.capacity = capacity
        self.queue: deque[Envelope] | None = None
        self.room: deque[tuple[Future[None], Envelope]] | None = None
        self.waiter: Future[None] | None = None  # of the task that drains

    @property
    def queued(self) -> int:
        return len(self.queue) if self.queue else 0

    @property
    def is_full(self) -> bool:
        """No place is free, or others wait for one already."""
        queue = self.queue
        return queue is not None and (len(queue) >= self.capacity or bool(self.room))

    def line_up(self, future: Future[None], envelope: Envelope) -> None:
        """Wait for room behind those who wait already; `future` is done when the message has its place."""
        if self.room is None:
            self.room = deque()
        self.room.append((future, envelope))

    def leave_line(self, future: Future[None], envelope: Envelope) -> None:
        if self.room is not None and (future, envelope) in self.room:
            self.room.remove((future, envelope))
