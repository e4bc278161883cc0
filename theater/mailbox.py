"""Mailboxes: what has been sent to an actor and not begun.

A deque and one waiter, drained without touching the event loop while messages remain: 3 M messages/s
where an `asyncio.Queue` does 1.5 M and a memory stream 0.2 M. The deque
(624 bytes) exists only while there are messages.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from itertools import takewhile
from typing import TYPE_CHECKING, Any, ClassVar, Final

from msgspec import Struct

from theater.lanes import Lanes
from theater.loop import Future, Loop
from theater.loop.pump import Waiter

if TYPE_CHECKING:
    from theater.cell import Cell
    from theater.codec import ActorAddress
    from theater.handler import HandlerPlan
    from theater.onward import Onward
    from theater.ref import ActorRef
    from theater.turn import Turn

Triple = tuple[bytes, int, bytes]
"""An actor's id, the seq of one of its events, and that event's hash."""

NO_KWARGS: Final[dict[str, Any]] = {}
"""Of all messages without any; never changed. A thousand dicts that lie in a mailbox are not made twice."""


class Overflow(StrEnum):
    """What a full mailbox does with one more message."""

    WAIT = "wait"  # its sender waits for room
    FAIL = "fail"  # it is handed back to its sender
    DROP_NEWEST = "drop_newest"  # it is a dead letter
    DROP_OLDEST = "drop_oldest"  # the oldest one of its lane is, and it has that one's place


@dataclass(frozen=True, slots=True)
class Message:
    """A message as its sender gets it back: `to.tell(handler, *args, **kwargs)` sends it again."""

    to: ActorRef[Any]
    handler: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


class Envelope(Struct, eq=False):
    """One message on its way: what is asked of whom, by whom, and where the answer goes.

    Made for every message: a struct takes 0.1 µs, a class with slots 0.5. To set a field later takes longer
    than to give it here.
    """

    outlives: ClassVar[bool] = True  # it may be handled, or answered, when its asker's handler is gone
    opens: ClassVar[bool] = False  # a channel

    plan: HandlerPlan
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    plain: tuple[list[Any], dict[str, Any]] | None = None  # for the record; None: args are plain as they are
    reply: Future[Any] | None = None  # None for a tell
    origin: Cell | None = None  # the actor that sends, where no event says so
    turn: Turn | None = None  # of the actor that sends; None for the world outside
    sender: Triple | None = None  # where that actor's chain says so
    outcome: tuple[dict[str, Any], Triple | None] | None = None  # for the record of an actor that asked
    onward: Onward | None = None  # who answers it if not its handler; on its way: for whom it is forwarded

    def plain_args(self) -> list[Any]:
        return list(self.args) if self.plain is None else self.plain[0]

    def plain_kwargs(self) -> dict[str, Any]:
        return self.kwargs if self.plain is None else self.plain[1]

    def fresh(self, world: Callable[[ActorAddress], object]) -> Notice:
        """The same message once more, with arguments of its own."""
        plain = self.plain_args(), self.plain_kwargs()
        args, kwargs = self.plan.restore(*plain, world)
        return Notice(self.plan, args, kwargs, plain)

    def __repr__(self) -> str:
        return f"<message {self.plan.name}>"


class Notice(Envelope, eq=False):
    """A message that the runtime promised: a timer's, or the news of an end.

    No full mailbox keeps it out, and no overflow drops it.
    """


class Mailbox:
    """A bounded line of envelopes, and behind it those who wait for room.

    The mailbox of an actor with priority handlers has two lines, each with as many places.
    """

    __slots__ = ("capacity", "loop", "queue", "room", "waiter")

    def __init__(self, loop: Loop, capacity: int) -> None:
        self.loop = loop
        self.capacity = capacity
        self.queue: deque[Envelope] | Lanes | None = None
        self.room: deque[tuple[Future[None], Envelope]] | None = None
        self.waiter: Waiter | None = None  # what the actor waits for while it is at rest

    @property
    def queued(self) -> int:
        return len(self.queue) if self.queue else 0

    def holds(self, envelope: Envelope) -> bool:
        """It has its place in the mailbox, and the actor has not taken it out."""
        return self.queue is not None and envelope in self.queue

    def has_room(self, envelope: Envelope) -> bool:
        """A place is free in its lane, and nobody waits there for one already."""
        if self.room:
            last = self.room[0 if envelope.plan.priority else -1]  # priority messages wait in front
            if last[1].plan.priority is envelope.plan.priority:
                return False
        return self.is_free(envelope)

    def is_free(self, envelope: Envelope) -> bool:
        """A place is free in its lane."""
        queue = self.queue
        if queue is None:
            return True
        taken = queue.taken(envelope) if isinstance(queue, Lanes) else len(queue)
        return taken < self.capacity

    def take_oldest(self, envelope: Envelope) -> Envelope | None:
        """Take out the oldest message of this one's lane that may be dropped, if there is one."""
        queue = self.queue
        assert queue is not None
        lane = queue.of(envelope) if isinstance(queue, Lanes) else queue
        for oldest in lane:
            if type(oldest) is not Notice:
                queue.remove(oldest)
                return oldest
        return None

    def line_up(self, future: Future[None], envelope: Envelope) -> None:
        """Wait for room behind those who wait already; `future` is done when the message has its place."""
        room = self.room
        if room is None:
            room = self.room = deque()
        if envelope.plan.priority:
            room.insert(sum(1 for _ in takewhile(_is_urgent, room)), (future, envelope))
        else:
            room.append((future, envelope))

    def next_in_line(self) -> tuple[Future[None], Envelope] | None:
        """Take out of the line the first for whom a place is free."""
        for place in self.room or ():
            if self.is_free(place[1]):
                assert self.room is not None
                self.room.remove(place)
                return place
            if not place[1].plan.priority:
                break
        return None

    def leave_line(self, future: Future[None], envelope: Envelope) -> None:
        if self.room is not None and (future, envelope) in self.room:
            self.room.remove((future, envelope))


def _is_urgent(place: tuple[Future[None], Envelope]) -> bool:
    return place[1].plan.priority
