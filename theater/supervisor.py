"""The tree: who supervises whom, what supervisors are told, and in which order things end."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from theater import links, signals
from theater.codec import ActorAddress
from theater.errors import ActorFailedError
from theater.event import Event
from theater.failure import restore_error, text_of
from theater.loop import until_done
from theater.mailbox import Envelope
from theater.orders import ESCALATE
from theater.restart import ONE_FOR_ONE, Reason, Strategy
from theater.waits import Waiting

if TYPE_CHECKING:
    from theater.cell import Cell
    from theater.ref import ActorRef

NOBODY = bytes(16)
"""In the place of an actor's id: the program outside."""


def children_for(cell: Cell) -> tuple[ActorRef[Any], ...]:
    """The children of an actor whose handler looks at them; on record, with the answer."""
    turn = cell.asked()
    body: dict[str, Any] = {"to": cell.id, "ask": False, "args": [], "handler": "@below"}
    if turn.prompter is not None:
        found = turn.prompter.ask("message/sent", body).body["found"]
        return tuple(cell.theater.recall(address) for address in found)
    refs = tuple(child.ref for child in cell.children or ())
    cell.note("message/sent", body | {"found": [ref.address for ref in refs]})
    return refs


def add_child(supervisor: Cell | None, child: Cell) -> None:
    """Children stand in the order in which they were started."""
    if supervisor is not None:
        if supervisor.children is None:
            supervisor.children = {}
        supervisor.children[child] = None
    else:
        child.theater.tops[child] = None
    child.supervisor = supervisor


def tell_of_failure(above: Cell, child: Cell, failure: ActorFailedError, told: dict[str, Any]) -> None:
    """The supervisor's `on_child_failed`, in its control lane; `told` has the seq of `actor/failed`, too."""
    plain = [ActorAddress(child.id), told]
    signals.signal(above, signals.hook_envelope(above, "on_child_failed", (child.ref, failure), plain))


def failure_of(child: Cell, told: Mapping[str, Any]) -> ActorFailedError:
    """The error of a child as its supervisor was told, or was to be; where it was raised its chain says."""
    where = "a handler"
    if "seq" in told:
        where = Event.read(child.theater.journal.event(child.id, told["seq"])).body["handler"]
    what = f"{child.class_name} {child.name!r} failed in {where}"
    failure = ActorFailedError(f"{what}: {told['class']}: {told['text']}")
    failure.__cause__ = restore_error(told, child.theater.recall, declared=(Exception,))
    return failure


def together(supervisor: Cell, child: Cell, strategy: Strategy) -> list[Cell]:
    """Those whom the strategy may concern when `child` ends: in order, without those that end anyway."""
    if strategy is ONE_FOR_ONE:
        return [child]
    return [one for one in supervisor.children or () if one is child or not (one.is_ending or one.stopping)]


async def stop_children(cell: Cell) -> None:
    """Stop all children, the last started first, each within its own time limit, then kill it."""
    if not cell.children:
        return
    kept = cell.more()
    if kept.round is not None:
        kept.round.dissolve()
        kept.round = None
    kept.is_stopping_children = True
    children = tuple(reversed(cell.children))
    with ExitStack() as waits:
        for child in children:
            waits.enter_context(Waiting(cell, child, signals.when_ended(child)))
        for child in children:
            await stop_child(child)
    kept.is_stopping_children = False


async def stop_child(child: Cell) -> None:
    """Stop a child within its time limit, then kill it."""
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
    reason = {"reason": cell.reason.value}
    if cell.extras is None:  # a quarter of a stop less
        theater.recorder.append_prepared(cell, "actor/stopped", reason)
    else:
        theater.recorder.append(cell, "actor/stopped", reason | _news_above(cell))
    cell.state = "ended"
    if cell.extras is not None and cell.extras.place is not None:
        cell.extras.place.leave()
    for timer in tuple((cell.timers or {}).values()):
        timer.drop()
    if cell.stores is not None:
        for task in cell.stores.tasks():
            task.cancel()
    theater.forget(cell)
    above = cell.supervisor
    if above is not None and above.children is not None:
        above.children.pop(cell, None)
        _tell_who_asked(cell, above)
        tell_of_end(above, cell)
        _escalate(cell, above)
    for watch in cell.watchers or ():
        watch.tell(cell)
    links.ended(cell)
    cell.actor = cell.keeper = cell.watchers = cell.children = cell.timers = None
    if cell.ended is not None and not cell.ended.done():
        cell.ended.set_result(None)


def _news_above(cell: Cell) -> dict[str, Any]:
    """What its supervisor is to be told besides, though the process died before that."""
    news: dict[str, Any] = {}
    if cell.extras is not None and cell.extras.asked_by is not None:
        (by,) = cell.extras.asked_by
        news["by"] = NOBODY if by is None else by.id
    if cell.extras is not None and cell.extras.escalation is not None:
        news["escalates"] = _error_of(cell.extras.escalation)
    return news


def _error_of(failure: ActorFailedError) -> dict[str, Any]:
    cause = failure.__cause__ or failure
    return {"class": type(cause).__name__, "text": text_of(cause)}


def tell_of_end(above: Cell, child: Cell) -> None:
    """The supervisor's `on_child_stopped`."""
    plain = [ActorAddress(child.id), child.reason.value]
    args = (child.ref, child.reason)
    signals.signal(above, signals.hook_envelope(above, "on_child_stopped", args, plain))


def _tell_who_asked(child: Cell, above: Cell) -> None:
    if child.extras is not None and child.extras.asked_by is not None:
        (by,) = child.extras.asked_by
        tell_who_asked(above, child, by)


def tell_who_asked(above: Cell, child: Cell, by: ActorRef[Any] | None) -> None:
    """The supervisor's `on_child_stopped_by`: somebody stopped or killed the child from outside."""
    plain = [ActorAddress(child.id), child.reason.value, None if by is None else by.address]
    args = (child.ref, child.reason, by)
    signals.signal(above, signals.hook_envelope(above, "on_child_stopped_by", args, plain))


def _escalate(cell: Cell, above: Cell) -> None:
    """The actor ended past its limit, or as its supervisor decided: that one fails, after its message."""
    failure = None if cell.extras is None else cell.extras.escalation
    if failure is not None:
        escalate(above, cell, failure, _error_of(failure))


def escalate(above: Cell, child: Cell, failure: ActorFailedError, told: dict[str, Any]) -> None:
    """The supervisor fails with its child."""
    signals.signal(above, Envelope(ESCALATE, (child.ref, failure), {}, ([ActorAddress(child.id), told], {})))
