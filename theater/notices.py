"""Notices: messages that the runtime itself delivers, however full a mailbox is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from theater.mailbox import Notice
from theater.sending import plan_for

if TYPE_CHECKING:
    from theater.cell import Cell
    from theater.mailbox import Envelope


def notice(target: Cell, handler: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Notice:
    """A message that is to be delivered, its arguments checked and packed.

    Raises:
        TypeError: no such handler, wrong arguments, or a value that cannot be packed.
    """
    plan = target.handlers.get(handler) or plan_for(target, handler)
    arrived, named, plain_args, plain_kwargs = plan.carry(args, kwargs, target.world)
    return Notice(plan, arrived, named, (plain_args, plain_kwargs))


def deliver(target: Cell, envelope: Envelope) -> None:
    """Give the message its place."""
    target.theater.sent += 1
    target.put(envelope)
