"""Outcomes: how a handler ended, as `message/handled` tells it; of errors only what is compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from theater import settling
from theater.codec import encode
from theater.failed import is_of_the_runtime

if TYPE_CHECKING:
    from theater.cell import Cell
    from theater.mailbox import Envelope
    from theater.replaying.steps import Played

_TOO_OFTEN = "RetriedTooOftenError"  # it ended the process each time
_MARKS = ("abandoned", "cancelled", "deferred", "failed", "forwarded", "stashed")


def recorded(body: Mapping[str, Any]) -> dict[str, Any]:
    """What a `message/handled` says of the end."""
    told = {key: body[key] for key in ("answer", *_MARKS, "state") if key in body}
    return told | ({"error": body["error"]["class"]} if "error" in body else {})


def was_cut_off(played: Played) -> bool:
    """Whether the message did not end by itself: it was killed, interrupted or cancelled, or all ended."""
    if played.handled is None:
        return True
    body, name = played.handled.body, played.first.body["handler"]
    if "cancelled" in body:
        return True
    if "failed" not in body:
        return False
    return body["error"]["class"] == _TOO_OFTEN or is_of_the_runtime(body["error"], "", name)


def with_state(found: dict[str, Any], expected: Mapping[str, Any], cell: Cell) -> dict[str, Any]:
    """The outcome found, with the state as well if the record tells it though it had not changed."""
    is_told = "state" in expected and "state" not in found and "failed" not in found
    return found | {"state": settling.small_state(cell)} if is_told else found


def returned(cell: Cell, envelope: Envelope, answer: Any) -> dict[str, Any]:
    """The outcome of a handler that has returned.

    Raises:
        TypeError: the answer, or the state, cannot be packed; the handler has failed by that.
    """
    told: dict[str, Any] = {}
    if envelope.reply is not None:
        told["answer"] = envelope.plan.carry_answer(answer, cell.world)[1]
    told |= _changed(cell)
    if envelope.onward is not None and envelope.reply is None:
        envelope.onward.settle()
        told[envelope.onward.mark] = True
    return told


def raised(cell: Cell, envelope: Envelope, error: BaseException) -> dict[str, Any]:
    """The outcome of a handler that has ended by an error."""
    turn = cell.turn
    told: dict[str, Any] = {}
    if envelope.onward is not None:
        envelope.onward.take_back()
    if isinstance(error, envelope.plan.raises):
        told["error"] = type(error).__name__
    elif turn is not None and turn.ended_by_giving_up(error):
        told["abandoned"] = True
    if told:
        try:
            return told | _mark(envelope) | _changed(cell)
        except TypeError as unpackable:
            error = unpackable
    return {"error": type(error).__name__, "failed": True} | _mark(envelope)


def _changed(cell: Cell) -> dict[str, Any]:
    """The state, if its value is another: of two equal floats it is chance whether they are one object."""
    keeper = cell.keeper
    assert keeper is not None
    before = keeper.plain()
    if not keeper.changed(cell.actor):
        return {}
    now = keeper.plain()
    is_same = before == now and encode(before) == encode(now)  # 0.0 and -0.0 are equal, and two values
    return {} if is_same else {"state": settling.small_state(cell)}


def _mark(envelope: Envelope) -> dict[str, Any]:
    return {} if envelope.onward is None else {envelope.onward.mark: True}
