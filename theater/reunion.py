"""Reunion: those who wake find each other again, and are told of what happened before they slept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from theater import links, orders, signals, supervisor
from theater.codec import ActorAddress
from theater.watching import Watch

if TYPE_CHECKING:
    from theater.cell import Cell
    from theater.past import Past
    from theater.stage import Stage


def tie(placed: list[tuple[Cell, Past]]) -> None:
    """All are in their places; each is bound to those to whom it was."""
    for cell, past in placed:
        for other in past.links:
            links.tie(cell, other)


def tell(stage: Stage, awake: list[tuple[Cell, Past]]) -> None:
    """All of them run again; each takes up its watches, links and children."""
    for cell, past in awake:
        _watch_again(stage, cell, past)
        _link_again(stage, cell, past)
        _tell_of_children(stage, cell, past)
        _have_children(cell, past)


def _watch_again(stage: Stage, cell: Cell, past: Past) -> None:
    """What it was told of is no longer in `past`, unless the news lies in its mailbox."""
    for seq, (to, handler) in past.watched.items():
        watched = _cell_of(stage, to)
        if not watched.has_ended or not past.has_letter(handler, to):
            Watch(cell, handler, watched=to, seq=seq).begin(watched)
        if watched.state == "gone":
            cell.more().held.append(watched)  # the stage itself holds no sleepers


def _link_again(stage: Stage, cell: Cell, past: Past) -> None:
    """A link holds if the other says so too; of one that has ended the news may not have arrived."""
    for id in past.links:
        other = _cell_of(stage, id)
        if other.has_ended:
            links.untie(cell, id)
            links.left_behind(cell, other)
        elif other.state != "gone" and not links.are_tied(other, cell.id):
            links.untie(cell, id)


def _tell_of_children(stage: Stage, cell: Cell, past: Past) -> None:
    """Ends of children that a crash, or the close, kept from `on_child_stopped`."""
    if past.source != cell.plan.source_digest or not stage.records_messages:
        return  # another class may have had no such hook, and was told nothing
    for id in past.children:
        child = _cell_of(stage, id)
        if child.has_ended:
            supervisor.tell_of_end(cell, child)


def _have_children(cell: Cell, past: Past) -> None:
    """Start those declared children that this life of it never had."""
    if cell.supervision is None:
        return
    names = [spec.name for spec in cell.supervision.children]
    missing = [name for name in names if f"{cell.name}/{name}" not in past.spawned]
    if missing:
        signals.signal(cell, orders.start_children(missing))


def _cell_of(stage: Stage, id: bytes) -> Cell:
    return stage.recall(ActorAddress(id))._cell
