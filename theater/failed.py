"""Failures as whoever asked heard of them: made again from the record, word for word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from theater.codec import ActorAddress
from theater.errors import ActorFailedError, HistoryCutError
from theater.event import Event
from theater.failure import restore_error

if TYPE_CHECKING:
    from theater.cell import Cell
    from theater.mailbox import Envelope

_LEFT = ("ended before it answered", "cancelled its reply to")


def failure(target: Cell, envelope: Envelope, body: dict[str, Any]) -> ActorFailedError:
    """The error of a message whose recorded answer (a `message/answered`) says that it failed."""
    cell, handler = _answerer(target, envelope, body.get("from"))
    told = body["error"]
    if is_of_the_runtime(told, cell.name, handler):
        return ActorFailedError(told["text"])
    what = f"{cell.class_name} {cell.name!r} failed in {handler}"
    error = ActorFailedError(f"{what}: {told['class']}: {told['text']}")
    error.__cause__ = restore_error(told, target.theater.recall, declared=(Exception,))
    return error


def is_of_the_runtime(told: dict[str, Any], name: str, handler: str) -> bool:
    """Whether nothing was raised: the message was cut off, or its reply was given up."""
    if told["class"] == "Cancelled":
        return str(told["text"]).endswith(f" while it handled {handler}")
    return told["class"] == "ActorFailedError" and told["text"] in {
        f"{name} {how} {handler}" for how in _LEFT
    }


def _answerer(target: Cell, envelope: Envelope, origin: list[Any] | None) -> tuple[Cell, str]:
    """Who failed, and in which handler: another than was asked, where the message was forwarded."""
    if origin is None or origin[0] == target.id:
        return target, envelope.plan.name
    actor, seq, _ = origin
    cell = target.theater.recall(ActorAddress(actor))._cell  # noqa: SLF001  # the runtime's own link
    journal = target.theater.journal
    try:
        body = Event.read(journal.event(actor, seq)).body
        while "handler" not in body:  # the event of the end names that of the beginning
            first = body["message"] if "message" in body else body["reply"]
            body = Event.read(journal.event(actor, first)).body
    except HistoryCutError:
        return cell, envelope.plan.name
    return cell, body["handler"]
