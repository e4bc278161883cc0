"""Links: two actors of which neither goes on without the other.

A link stands in both chains, `@link` in that of the one who asked for it and `@linked` in the other, so that
each chain alone says to whom its actor is bound.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from theater import limits, orders, signals
from theater.errors import NotRunningError, SetupError
from theater.restart import TEMPORARY, Reason

if TYPE_CHECKING:
    from theater.cell import Cell


def link(cell: Cell, other: Cell) -> None:
    """Bind two actors, at the wish of `cell`, whose handler is at work; twice is as good as once."""
    _check(cell, other)
    is_led = cell.asked().prompter is not None
    if other.state == "gone" and not is_led:
        raise NotRunningError(f"{other.name} is asleep in the record: resume it, then link to it")
    limits.check_reach(cell, "stop", "@link", other)
    _note(cell, other, "@link")
    if is_led:
        return
    if other.has_ended:
        cell.loop.call_soon(left_behind, cell, other)
    else:
        _note(other, cell, "@linked")
        tie(cell, other.id)
        tie(other, cell.id)


def unlink(cell: Cell, other: Cell) -> None:
    """Undo a link, whoever asked for it."""
    _check(cell, other)
    is_led = cell.asked().prompter is not None
    _note(cell, other, "@unlink")
    if is_led:
        return
    if untie(cell, other.id) and untie(other, cell.id):
        _note(other, cell, "@unlinked")


def tie(cell: Cell, other: bytes) -> None:
    """Remember that this actor is bound to that id."""
    kept = cell.more()
    if kept.links is None:
        kept.links = {}
    kept.links[other] = None


def untie(cell: Cell, other: bytes) -> bool:
    """Forget it; says whether it was so."""
    was = are_tied(cell, other)
    if was and cell.extras is not None and cell.extras.links is not None:
        del cell.extras.links[other]
    return was


def are_tied(cell: Cell, other: bytes) -> bool:
    """Say whether this actor is bound to that id."""
    return cell.extras is not None and cell.extras.links is not None and other in cell.extras.links


def ended(cell: Cell) -> None:
    """An actor has ended: none to whom it was bound goes on as if nothing had happened."""
    for id in tuple((cell.extras and cell.extras.links) or ()):
        other = cell.theater.cells.get(id)
        if other is not None and untie(other, cell.id):
            left_behind(other, cell)


def left_behind(cell: Cell, gone: Cell) -> None:
    """The other has ended: this one is stopped, or killed, and then its supervisor may decide."""
    if cell.is_ending or cell.has_ended:
        return
    _note(cell, gone, "@unlinked")
    if gone.reason in {Reason.NORMAL, Reason.SHUTDOWN}:
        signals.request_stop(cell, Reason.SHUTDOWN)
        return
    above = cell.supervisor
    if above is None or above.supervision is None or cell.options.restart is TEMPORARY or cell.stopping:
        signals.kill(cell)
        return
    orders.order(cell, "@killed")
    signals.interrupt(cell, f"{cell.name} was killed with {gone.name}, to which it was linked,")


def _check(cell: Cell, other: Cell) -> None:
    if other is cell:
        raise SetupError("an actor cannot be linked to itself")
    if other.theater is not cell.theater:
        raise TypeError("a ref of an actor of another theater")


def _note(cell: Cell, other: Cell, handler: str) -> None:
    cell.note("message/sent", {"to": other.id, "ask": False, "args": [], "handler": handler})
