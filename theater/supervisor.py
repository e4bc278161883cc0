"""The tree: who supervises whom, what supervisors are told, and in which order things end."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from theater import signals
from theater.codec import ActorAddress
from theater.errors import ActorFailedError
from theater.loop import until_done
from theater.restart import Reason
from theater.waits import Waiting

if TYPE_CHECKING:
    from theater.cell import Cell


def add_child(supervisor: Cell | None, child: Cell) -> None:
    """Children stand in the order in which they were started."""
    if supervisor is not None:
        if supervisor.children is None:
            supervisor.children = {}
        supervisor.children[child] = None
    else:
        child.theater.tops[child] = None
    child.supervisor = supervisor


def tell_of_failure(child: Cell, failure: ActorFailedError, told: dict[str, Any]) -> None:
    """The supervisor's `on_child_failed`, in its control lane."""
    above = child.supervisor
    if above is not None:
        plain = [ActorAddress(child.id), told]
        signals.signal(above, signals.hook_envelope(above, "on_child_failed", (child.ref, failure), plain))


async def stop_children(cell: Cell) -> None:
    """Stop all children, the last started first, each within its own time limit, then kill it."""
    children = tuple(reversed(cell.children or ()))
    with ExitStack() as waits:
        for child in children:
            waits.enter_context(Waiting(cell, child, signals.when_ended(child)))
        for child in children:
            signals.request_stop(child, Reason.SHUTDOWN)
            if not await until_done(signals.when_ended(child), within=child.options.stop_within):
                signals.kill(child)
                await until_done(signals.when_ended(child))


async def kill_children(cell: Cell) -> None:
    for child in reversed(tuple(cell.children or ())):
        signals.kill(child)
        await until_done(signals.when_ended(child))


def bury(cell: Cell) -> None:
    """Record the end, free the name and what is held, and tell those who want to know."""
    theater = cell.theater
    theater.recorder.append_prepared(cell, "actor/stopped", {"reason": cell.reason.value})
    cell.state = "ended"
    for timer in tuple((cell.timers or {}).values()):
        timer.drop()
    if cell.stores is not None:
        for task in cell.stores.tasks():
            task.cancel()
    theater.forget(cell)
    above = cell.supervisor
    if above is not None and above.children is not None:
        above.children.pop(cell, None)
        plain = [ActorAddress(cell.id), cell.reason.value]
        signals.signal(
            above, signals.hook_envelope(above, "on_child_stopped", (cell.ref, cell.reason), plain)
        )
    for watch in cell.watchers or ():
        watch.tell(cell)
    cell.actor = cell.keeper = cell.watchers = cell.children = cell.timers = None
    if cell.ended is not None and not cell.ended.done():
        cell.ended.set_result(None)
