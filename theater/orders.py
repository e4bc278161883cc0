"""Orders: what the runtime itself puts in an actor's control lane, beside the hooks."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from theater import signals
from theater.errors import ActorFailedError
from theater.mailbox import Envelope
from theater.restart import PERMANENT, Reason
from theater.signature import plan_hook

if TYPE_CHECKING:
    from theater.actor import Actor
    from theater.cell import Cell
    from theater.loop import Future


async def _start_declared(actor: Actor, names: Collection[str]) -> None:
    """Start those children that the class declares and that are to be started, first to last."""
    cell = actor._cell
    assert cell is not None
    assert cell.supervision is not None
    theater = cell.theater
    cell.asked()
    declared = [f"{cell.name}/{spec.name}" for spec in cell.supervision.children]
    for path, spec in zip(declared, cell.supervision.children, strict=True):
        if spec.name in names and path not in theater.names and path not in theater.asleep:
            await theater.spawn_child(cell, spec.actor, spec.name, spec.options, spec.supervision)
    place = {path: number for number, path in enumerate(declared)}
    cell.children = dict.fromkeys(
        sorted(cell.children or (), key=lambda child: place.get(child.name, len(place)))
    )


async def _fail_with(_actor: Actor, _child: object, failure: ActorFailedError) -> None:
    raise ActorFailedError(str(failure)) from failure.__cause__


async def _order(_actor: Actor) -> None:
    """Orders are carried out by the actor's task, not by a call."""


_CHILDREN = plan_hook("@children", _start_declared, "@children")
ESCALATE = plan_hook("@escalate", _fail_with, "@escalate")
_ORDERS = {
    name: plan_hook(name, _order, name)
    for name in ("@started", "@halt", "@exit", "@killed", "@again", "@rejoin", "@failed", "@over")
}
OF_ONE_LIFE = frozenset({"@children", "on_start", "@escalate", *_ORDERS})
"""What stands in the control lane for one life of the actor, and means nothing to the next."""


def order(cell: Cell, name: str) -> None:
    """Put what the runtime wants of the actor before all else in its control lane; it leaves no event."""
    if not (cell.is_ending or cell.has_ended):
        cell.signals = [Envelope(_ORDERS[name], (), {}), *(cell.signals or ())]
        cell.wake()


def start_missing(cell: Cell) -> Future[Any] | None:
    """Have the actor start those of its declared children that are not there; what is done then, if any are.

    If it is started again before, that life begins with them.
    """
    said, theater = cell.supervision, cell.theater
    paths = {spec.name: f"{cell.name}/{spec.name}" for spec in (said.children if said is not None else ())}
    missing = [name for name, path in paths.items() if not (path in theater.names or path in theater.asleep)]
    if not missing:
        return None
    envelope = start_children(missing)
    envelope.reply = cell.loop.create_future()
    signals.signal(cell, envelope)
    return envelope.reply


def drop_old(cell: Cell) -> list[Envelope]:
    """Take what was for the last life out of the control lane; returns what stays."""
    for one in cell.signals or ():
        if one.plan.name in OF_ONE_LIFE and one.reply is not None and not one.reply.done():
            one.reply.set_result(None)
    return [one for one in cell.signals or () if one.plan.name not in OF_ONE_LIFE]


def first_steps(cell: Cell, *, is_awaited: bool) -> list[Envelope]:
    """What a life begins with: the declared children, `on_start`, and word that it has begun."""
    said = cell.supervision
    children = [start_children([spec.name for spec in said.children])] if said and said.children else []
    hook = signals.hook_envelope(cell, "on_start")
    steps = [*children, *([] if hook is None else [hook])]
    return [*steps, started()] if is_awaited else steps


def started() -> Envelope:
    """Word that a life has begun."""
    return Envelope(_ORDERS["@started"], (), {})


def start_children(names: list[str]) -> Envelope:
    """Start those of the declared children; on record like a message."""
    return Envelope(_CHILDREN, (names,), {}, ([names], {}))


def exit_soon(cell: Cell) -> None:
    """The actor ends itself after the message at hand; a declared supervisor may start it again."""
    cell.turn_at_hand().stops = True
    if _may_start_again(cell):
        order(cell, "@exit")
    else:
        signals.end_soon(cell, Reason.NORMAL)


def exit_after_all(cell: Cell) -> None:
    """It was to end itself when its theater ended."""
    order(cell, "@exit" if _may_start_again(cell) else "@over")


def _may_start_again(cell: Cell) -> bool:
    above = cell.supervisor
    declared = above is not None and above.supervision is not None
    return declared and cell.options.restart is PERMANENT and not cell.stopping
