"""Stashing: messages that an actor sets aside until it can handle them.

They lie in the cell, so they outlive a restart of the actor; its end makes them dead letters. The record
holds each as handled by being stashed, and as received again when it comes back.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from theater import cancelling
from theater.errors import MailboxFullError, SetupError
from theater.lanes import Lanes
from theater.onward import Onward
from theater.talk import Opening
from theater.turn import message

if TYPE_CHECKING:
    from theater.cell import Cell
    from theater.loop import Future
    from theater.mailbox import Envelope


class Stashed(Onward):
    """A message that is set aside as soon as its handler returns; its asker goes on waiting."""

    __slots__ = ("_cell", "_future", "envelope", "mark", "seq")

    def __init__(self, cell: Cell, envelope: Envelope, seq: int) -> None:
        self.envelope = envelope
        self.mark = "stashed"
        self._cell = cell
        self.seq = seq  # of `message/received`
        self._future: Future[Any] | None = envelope.reply
        envelope.reply = None
        envelope.onward = self

    @property
    def is_ask(self) -> bool:
        """Whether somebody waits for the answer."""
        return self._future is not None

    def settle(self) -> None:
        if self._future is not None and self._future.done():
            self.mark = "abandoned"
            return
        self._cell.handled -= 1  # it has yet to be
        self._cell.more().stash.append(self)

    def take_back(self) -> None:
        self.envelope.reply = self._future
        self.envelope.onward = None

    def withdraw(self) -> None:
        if self._future is not None:
            self._future.cancel()
        cell = self._cell
        if cell.current is self.envelope:
            if cell.turn is not None and self.envelope.plan.cancellable:
                cancelling.cancel(cell.turn)
            elif cell.turn is not None:
                cell.turn.give_up()
        elif self in (stash := cell.more().stash):
            stash.remove(self)
            cell.theater.withdrawn += 1
            if not cell.theater.is_cutting:
                cell.note("message/withdrawn", {"message": self.seq})

    def put_back(self) -> Envelope:
        """The message as it came, with arguments of its own."""
        self.take_back()
        envelope = self.envelope
        if envelope.plain is not None:
            restored = envelope.plan.restore(*envelope.plain, self._cell.theater.recall)
            envelope.args, envelope.kwargs = restored
        return envelope


def stash(cell: Cell) -> None:
    """Set the message at hand aside.

    Raises:
        SetupError: a hook or a stream is at work, or the message is to be answered otherwise.
        MailboxFullError: as many are set aside as the mailbox has places.
    """
    envelope = cell.asked().envelope
    name = envelope.plan.name
    if not cell.is_message(envelope):
        raise SetupError(f"{cell.class_name}.{name} is a hook: only messages can be stashed")
    if name in cell.plan.streams:
        raise SetupError(f"{cell.class_name}.{name} yields: a stream cannot be stashed")
    if isinstance(envelope, Opening) and envelope.talk.accepter.turn is not None:
        raise SetupError(f"{name} has accepted its channel: it cannot be stashed")
    if isinstance(envelope.onward, Stashed):
        return
    if envelope.onward is not None:
        raise SetupError(f"{name} was {envelope.onward.mark} already")
    if len(cell.more().stash) >= cell.capacity:
        raise MailboxFullError(f"the stash of {cell.name} is full", message=message(cell, envelope))
    assert cell.turn is not None
    assert cell.turn.seq is not None
    Stashed(cell, envelope, cell.turn.seq)


def unstash(cell: Cell) -> int:
    """Put all that is set aside in front of what waits in the mailbox; returns how many."""
    if cell.extras is None or not cell.extras.stash:
        return 0
    aside, cell.extras.stash = cell.extras.stash, []
    if cell.queue is None:
        cell.queue = Lanes() if cell.plan.has_lanes else deque()
    back = cell.extras.put_back
    cell.extras.put_back = {one: back[one] for one in cell.queue if one in back}
    cell.extras.put_back |= {one.envelope: one.seq for one in aside}
    cell.queue.extendleft([one.put_back() for one in reversed(aside)])
    return len(aside)
