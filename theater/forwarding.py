"""Forwarding: a message sent on to another actor, whose answer goes to whoever asked first.

The second message takes the reply of the first, in the moment in which it has its place. From then on whoever
asked waits for the second receiver: in the graph of waits, and when it gives up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from theater import opening, sending
from theater.errors import AskCycleError, SetupError
from theater.mailbox import Envelope
from theater.onward import Onward
from theater.turn import message
from theater.waits import circle, hand_on

if TYPE_CHECKING:
    from theater.cell import Cell


class Forward(Onward):
    """Two messages of which the second is answered for the first."""

    __slots__ = ("_cell", "_first", "_second", "_target")

    mark = "forwarded"

    def __init__(self, cell: Cell, first: Envelope, target: Cell, second: Envelope) -> None:
        self._cell = cell  # whose chain says that the second was sent
        self._first = first
        self._target = target
        self._second = second

    def place(self) -> None:
        first, second = self._first, self._second
        second.onward = None
        second.turn = first.turn  # so its answer is told, and waits for the disk, as that of the first
        first.onward = self
        first.reply = None
        if second.reply is not None and first.turn is not None:
            hand_on(first.turn.cell, second.reply, self._target)

    def withdraw(self) -> tuple[Cell, Envelope]:
        second = self._second
        target = self._target
        is_over = second.onward is None and target.current is not second and not target.holds(second)
        if second.sender is not None and not is_over and not self._cell.has_ended:
            self._cell.record("message/withdrawn", {"message": second.sender[1]})
        return self._target, second

    def replace(self, second: Envelope) -> None:
        self._second = second

    @property
    def second(self) -> Envelope:
        return self._second

    @property
    def receiver(self) -> Cell:
        return self._target


async def forward(cell: Cell, target: Cell, handler: Any, args: tuple[Any, ...], kwargs: Any) -> None:
    """Send the message at hand on, or another one in its stead; returns when that has its place."""
    turn = cell.asked()
    first = turn.envelope
    if first.onward is not None:
        raise SetupError(f"{first.plan.name} was {first.onward.mark} already")
    if target.theater is not cell.theater:
        raise SetupError(f"{target.name} is an actor of another theater: nothing can be forwarded to it")
    if not first.outlives:
        raise SetupError(f"{first.plan.name} is a stream or a channel, and these cannot be forwarded")
    if first.reply is not None and first.reply.done():
        raise turn.abandon("the asker gave up")
    second = _same(first, target) if handler is None else target.envelope(handler, args, kwargs)
    second.reply = first.reply
    second.onward = Forward(cell, first, target, second)
    if first.reply is not None and first.turn is not None:
        path = circle(first.turn.cell, target)
        if path is not None:
            second.turn = turn
            error = AskCycleError(path, message=message(target, second))
            sending.refuse(turn, target, second, error)
    await sending.tell_from(cell, target, second)


def _same(first: Envelope, target: Cell) -> Envelope:
    """What was asked, as it came, for the handler of the same name."""
    plan = sending.plan_for(target, first.plan.name)
    plain = first.plain_args(), first.plain_kwargs()
    args, kwargs = plan.restore(*plain, target.theater.recall)
    second = Envelope(plan, args, kwargs, plain)
    opening.check_way(target, second)
    target.theater.sent += 1
    return second
