"""Deferring: an actor that answers a message later owes the answer, and its cell keeps count of that.

The reply leaves the message and lies in a slot of the cell, so it outlives the handler and the instance. It
is given once, or its asker gives up, or the actor ends; each of these is an event in the answerer's chain.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Never

from theater import settling
from theater.errors import ActorFailedError, SetupError
from theater.failure import text_of
from theater.loop import CURRENT, Future
from theater.onward import Onward
from theater.prompted import prompter_of
from theater.turn import message

if TYPE_CHECKING:
    from theater.cell import Cell
    from theater.mailbox import Envelope, Message


class Reply:
    """An answer that this actor owes, made by `context.defer()`: to be given in any later message, once."""

    __slots__ = ("_slot",)

    pending: ClassVar[Never] = None  # type: ignore[assignment]  # fits whatever the handler is to return
    """What the handler returns meanwhile; nobody looks at it."""

    def __init__(self, slot: Slot) -> None:
        self._slot = slot

    @property
    def is_open(self) -> bool:
        """Whether somebody still waits for it."""
        return self._slot.is_awaited()

    @property
    def handler(self) -> str:
        """The name of the handler that was asked."""
        return self._slot.envelope.plan.name

    @property
    def message(self) -> Message:
        """What was asked, with arguments of its own."""
        slot = self._slot
        return message(slot.cell, slot.envelope.fresh(slot.cell.theater.recall))

    def answer(self, value: object) -> bool:
        """Answer; returns whether anybody still waited.

        Raises:
            TypeError: it is not what the handler says it returns; the reply stays open.
            SetupError: the reply was given already, or this is no handler of the actor that owes it.
        """
        slot = self._slot
        slot.check()
        arrived, plain = slot.envelope.plan.carry_answer(value, slot.cell.theater.world)
        return slot.give({"answer": plain}, answer=arrived)

    def fail(self, error: Exception) -> bool:
        """Answer by an error; returns whether anybody still waited.

        An error that the handler declares arrives as itself, any other as the cause of an `ActorFailedError`.
        This actor goes on.

        Raises:
            SetupError: as `answer`.
        """
        slot = self._slot
        slot.check()
        if not isinstance(error, Exception):
            raise TypeError(f"a reply fails with an exception, not {error!r}")
        cell, plan = slot.cell, slot.envelope.plan
        if isinstance(error, plan.raises):
            told = plan.pack_error(error, cell.theater.world)
            declared = plan.restore_error(told, cell.theater.world, kind=type(error))
            return slot.give({"error": told}, error=declared)
        told = {"class": type(error).__name__, "text": text_of(error)}
        text = f"{cell.class_name} {cell.name!r} failed in {plan.name}: {told['class']}: {told['text']}"
        failure = ActorFailedError(text)
        failure.__cause__ = error
        return slot.give({"error": told, "failed": True}, error=failure)

    def cancel(self) -> bool:
        """Owe nothing any longer; returns whether anybody still waited, and gets an `ActorFailedError` now.

        Raises:
            SetupError: as `answer`.
        """
        self._slot.check()
        return self._slot.give_up("cancelled its reply to")

    def __repr__(self) -> str:
        state = "open" if self.is_open else "closed"
        return f"<Reply of {self._slot.cell.name!r} to {self.handler}, {state}>"


class Slot(Onward):
    """The runtime's side of a reply: where the answer goes, and what the record says of it."""

    __slots__ = ("cell", "envelope", "future", "given", "is_open", "reply", "seq")

    mark = "deferred"

    def __init__(self, cell: Cell, envelope: Envelope, seq: int) -> None:
        self.cell = cell
        self.envelope = envelope
        self.seq = seq  # of `message/received`
        self.reply = Reply(self)
        self.given = False
        self.is_open = envelope.reply is not None
        self.future: Future[Any] | None = envelope.reply

    def begin(self) -> None:
        """Take the reply out of the message: its handler may return."""
        if self.future is None:
            return
        extras = self.cell.more()
        if extras.slots is None:
            extras.slots = {}
        extras.slots[self] = None
        self.envelope.reply = None
        self.envelope.onward = self

    def check(self) -> None:
        """Let through its own actor's handlers, as long as the reply was not given.

        Raises:
            SetupError: it was, or this is somebody else.
        """
        what = f"the reply of {self.cell.name} to {self.envelope.plan.name}"
        if CURRENT.get(None) is not self.cell:
            raise SetupError(f"{what} is given by a handler of that actor only")
        self.cell.asked()
        if self.given:
            raise SetupError(f"{what} was given already")

    def is_awaited(self) -> bool:
        """Whether its asker waits; one that has left is noted down, and the slot closed."""
        prompter = prompter_of(self.cell)
        if prompter is not None and prompter.goes_live:
            is_awaited = self.future is not None and not self.future.done()
            return self.is_open and (is_awaited or prompter.answers(self.seq))
        if self.is_open and self.future is not None and self.future.done():
            self.close()
            if not self.cell.theater.is_cutting:
                self.cell.note("message/answered", {"abandoned": True, "reply": self.seq})
        return self.is_open

    def give(self, outcome: dict[str, Any], *, answer: Any = None, error: Exception | None = None) -> bool:
        """Record the outcome and send it off; says whether anybody waited."""
        awaited = self.is_awaited()
        self.given = True
        if not awaited or self.future is None:
            return False
        cell, envelope = self.cell, self.envelope
        self.close()
        seq = cell.note("message/answered", outcome | {"reply": self.seq})
        if envelope.sender is not None:
            envelope.outcome = (outcome, (cell.id, seq, cell.head or b""))
        if error is None:
            settling.give_answer(cell, envelope, self.future, answer)
        else:
            settling.send_error(cell, envelope, self.future, error)
        return True

    def give_up(self, what: str) -> bool:
        """Tell the asker that no answer will come, and why."""
        failure = ActorFailedError(f"{self.cell.name} {what} {self.envelope.plan.name}")
        told = {"class": "ActorFailedError", "text": str(failure)}
        return self.give({"error": told, "failed": True}, error=failure)

    def take_back(self) -> None:
        if self.is_awaited():
            self.close()
            self.given = True
            self.envelope.reply = self.future
            self.envelope.onward = None

    def withdraw(self) -> None:
        if self.future is not None:
            self.future.cancel()
        self.is_awaited()

    def close(self) -> None:
        self.is_open = False
        extras = self.cell.extras
        if extras is not None and extras.slots is not None:
            extras.slots.pop(self, None)


def defer(cell: Cell) -> Reply:
    """Owe the answer to the message at hand. Nobody waits for the answer to a tell: its slot is closed.

    Raises:
        SetupError: the message was forwarded, or this is a stream.
    """
    turn = cell.asked()
    envelope = turn.envelope
    if not envelope.outlives:
        raise SetupError(
            f"the answer of {envelope.plan.name} goes to its reader as it is made: nothing to defer"
        )
    if isinstance(envelope.onward, Slot):
        return envelope.onward.reply
    if envelope.onward is not None:
        raise SetupError(f"{envelope.plan.name} was {envelope.onward.mark} already")
    assert turn.seq is not None
    slot = Slot(cell, envelope, turn.seq)
    slot.begin()
    return slot.reply


def deferred(cell: Cell) -> tuple[Reply, ...]:
    """The open ones, oldest first."""
    slots = () if cell.extras is None else tuple(cell.extras.slots or ())
    return tuple(slot.reply for slot in slots if slot.is_awaited())


def end(cell: Cell) -> None:
    """The actor ends: whoever waits for an answer of it is told so."""
    slots = () if cell.extras is None else tuple(cell.extras.slots or ())
    for slot in slots:
        slot.give_up("ended before it answered")
