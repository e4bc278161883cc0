"""Streams and channels that a handler serves, again: the other side is what the record tells of it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any

from theater.flow import Flow
from theater.mailbox import Envelope
from theater.talk import Talk
from theater.yielding import StreamPlan

if TYPE_CHECKING:
    from theater.cell import Cell
    from theater.handler import HandlerPlan


def envelope_of(
    cell: Cell,
    plan: HandlerPlan,
    arguments: tuple[tuple[Any, ...], dict[str, Any]],
    plain: tuple[list[Any], dict[str, Any]],
    *,
    opens: bool,
) -> Envelope:
    """A message as it lay in the mailbox, without whoever sent it."""
    args, kwargs = arguments
    if isinstance(plan, StreamPlan):
        return _Served(cell, plan, args, kwargs).envelope
    if opens:
        return Talk(cell, plan, args, kwargs).envelope
    return Envelope(plan, args, kwargs, plain)


class _Served(Flow):
    """A stream whose reader takes each item at once, and leaves where the record says so."""

    __slots__ = ()

    async def serve(self, generator: AsyncGenerator[Any, Any]) -> None:
        cell = self.target
        try:
            async for item in generator:
                if not self._has_left():
                    turn = cell.asked()
                    _, plain = self.plan.carry_item(item, cell.world)
                    cell.record("message/answered", {"item": plain, "reply": turn.seq})
                if self._has_left():
                    raise cell.asked().abandon()
        finally:
            await generator.aclose()

    def _has_left(self) -> bool:
        """Whether the reader has: it gave up, and what it was given by then is given."""
        reply, turn = self.envelope.reply, self.target.turn
        if reply is None or not reply.done():
            return False
        rest = () if turn is None or turn.prompter is None else turn.prompter.rest()
        return not any("item" in event.body for event in rest)
