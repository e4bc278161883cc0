"""A turn: one message at an actor's hands, from the moment its handler asks something of the world.

A handler that asks nothing has no turn: its message is a single event. The first request records
`message/received`, and from then on every request stands in the chain before it is carried out.
"""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct, field

from theater.codec import BODY_DEPTH, prepare
from theater.errors import SetupError
from theater.loop import Future, Task
from theater.mailbox import Message

if TYPE_CHECKING:
    from theater.cell import Cell
    from theater.mailbox import Envelope, Triple
    from theater.prompter import Prompter

_BILLION = 1_000_000_000


class Held(Protocol):
    """What a handler opened (a stream, a channel), and what ends with it."""

    is_dropped: bool  # and will be left in a moment

    def leave(self, why: Exception | None = None) -> None: ...


class Turn(Struct, eq=False):
    """What the message at hand has asked so far, and what it still waits for."""

    cell: Cell
    seq: int | None = None  # of `message/received`
    head: bytes = b""  # of that event: the seed of `random`
    time: int = 0  # nanoseconds since 1970 UTC, as recorded
    asks: set[Future[Any]] = field(default_factory=set)  # answers, and room for questions, that it waits for
    tasks: set[Task[Any]] | None = None  # that the handler started
    gave_up: Exception | None = None  # the news that the asker left; thrown into `asks`
    is_cancelled: bool = False  # its asker left, and it is marked for that
    held: dict[Held, None] | None = None  # in the order in which they were opened
    random: Random | None = None
    prompter: Prompter | None = None  # while the handler runs again along its record
    stops: bool = False  # its actor ends itself after it
    spoken: int = 0  # lines to the log that stand in that record, and are not written again

    @property
    def envelope(self) -> Envelope:
        """The message at hand. Only its cell keeps it, or each message would keep the one that led to it."""
        at_hand = self.cell.current
        assert at_hand is not None
        return at_hand

    def begin(self) -> None:
        """Record that the message was received, before the first thing its handler asks for."""
        cell = self.cell
        if cell.theater.records_messages:
            envelope = cell.current
            assert envelope is not None
            back = None if cell.extras is None else cell.extras.put_back.get(envelope)
            body = received_body(envelope, back)
            if envelope.plain is not None:
                ready(body, envelope)
            self.seq = cell.theater.recorder.append_prepared(cell, "message/received", body)
            self.head = cell.head or b""
            self.time = cell.theater.recorder.time
        else:
            self.seq = -1  # time and dice are made when they are asked for

    def triple(self) -> Triple | None:
        """Where the actor's chain stands: how a message names its sender."""
        cell = self.cell
        return (cell.id, cell.events - 1, cell.head or b"")

    def moment(self) -> datetime:
        if not self.time:
            self.time = self.cell.theater.recorder.now()
        seconds, rest = divmod(self.time, _BILLION)
        return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1_000)

    def dice(self) -> Random:
        if self.random is None:
            self.head = self.head or self.cell.theater.entropy(32)
            self.random = Random(self.head)  # noqa: S311  # seeded on purpose: replay throws the same dice
        return self.random

    def says_again(self) -> tuple[bool, bool]:
        """Whether the handler follows its record; and whether a line to the log stands there, behind that."""
        is_said = self.spoken > 0
        self.spoken -= is_said
        return self.prompter is not None, is_said

    def adopt(self, task: Task[Any]) -> None:
        if self.tasks is None:
            self.tasks = set()
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def give_up(self) -> None:
        """The asker left: what the handler waits for is not waited for any longer."""
        if not self.asks:
            return
        self.gave_up = TimeoutError("the asker gave up")
        for reply in tuple(self.asks):
            if not reply.done():
                reply.set_exception(self.gave_up)

    def abandon(self, why: str = "the reader left") -> Exception:
        """What ends a handler that nobody listens to any longer."""
        if self.gave_up is None:
            self.gave_up = TimeoutError(why)
        return self.gave_up

    def ended_by_giving_up(self, error: BaseException) -> bool:
        """Whether `error` is nothing but the news that the asker gave up."""
        if self.gave_up is None:
            return False
        if isinstance(error, BaseExceptionGroup):
            return all(self.ended_by_giving_up(part) for part in error.exceptions)
        return error is self.gave_up

    def hold(self, held: Held) -> None:
        if self.held is None:
            self.held = {}
        self.held[held] = None

    def let_go(self, held: Held) -> None:
        if self.held is not None:
            self.held.pop(held, None)

    def withdraw(self, seq: int) -> None:
        """Record that the message sent at `seq` is waited for no longer; whether by the asker's leaving."""
        abandoned = {} if self.gave_up is None else {"abandoned": True}
        self.cell.record("message/withdrawn", {"message": seq} | abandoned)
        self.cell.theater.leftovers.forget(self.cell.id, seq)

    def close(self) -> None:
        """Leave what the handler left open, and cancel the tasks that it left running."""
        if self.held:
            for held in tuple(self.held):
                held.leave(SetupError("it ended with the handler that held it"))
        for task in tuple(self.tasks) if self.tasks else ():
            if task.cancel():
                self.cell.theater.strays.add(task)
                task.add_done_callback(self.cell.theater.strays.discard)


def received_body(envelope: Envelope, again: int | None = None) -> dict[str, Any]:
    """A message as its receiver's chain holds it; `again`: the seq by which it was received and stashed."""
    ask = envelope.reply is not None
    args = [*envelope.args] if envelope.plain is None else envelope.plain[0]
    body: dict[str, Any] = {"ask": ask, "args": args, "from": sender_of(envelope)}
    if again is not None:
        body["again"] = again
    if envelope.opens:
        body["opens"] = True
    if envelope.kwargs:
        body["kwargs"] = envelope.plain_kwargs()
    body["handler"] = envelope.plan.name
    return body


def ready(body: dict[str, Any], envelope: Envelope) -> None:
    """Make the body of a message ready to be packed, where its arguments are not plain as they are.

    Its keys stand in canonical order already (3 µs saved).
    """
    assert envelope.plain is not None
    body["args"] = prepare(envelope.plain[0], depth=BODY_DEPTH)
    if envelope.kwargs:
        body["kwargs"] = prepare(envelope.plain[1], depth=BODY_DEPTH)


def sender_of(envelope: Envelope) -> list[Any] | None:
    return None if envelope.sender is None else list(envelope.sender)


def sent_body(target: Cell, envelope: Envelope) -> dict[str, Any]:
    args = [*envelope.args] if envelope.plain is None else envelope.plain[0]
    body: dict[str, Any] = {"to": target.id, "ask": envelope.reply is not None, "args": args}
    if envelope.opens:
        body["opens"] = True
    if envelope.kwargs:
        body["kwargs"] = envelope.plain_kwargs()
    body["handler"] = envelope.plan.name
    if envelope.onward is not None and envelope.turn is not None:
        body["forwards"] = envelope.turn.seq
    return body


def message(target: Cell, envelope: Envelope) -> Message:
    """The message as it is handed back to its sender."""
    return Message(
        to=target.ref, handler=envelope.plan.name, args=envelope.args, kwargs=dict(envelope.kwargs)
    )
