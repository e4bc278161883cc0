"""Signals: what the runtime tells an actor past its mailbox, so that no full mailbox can block it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from theater.clinging import PATIENCE, end_in_another_task
from theater.errors import NotRunningError
from theater.loop import Future, until_done
from theater.mailbox import Envelope
from theater.restart import Reason
from theater.turn import message

if TYPE_CHECKING:
    from theater.cell import Cell

logger = logging.getLogger("theater")

AGAIN = 1.0  # seconds until a cancellation that was swallowed is sent again


def hook_envelope(
    cell: Cell, name: str, args: tuple[Any, ...] = (), plain: list[Any] | None = None
) -> Envelope | None:
    """The call of a hook as a message, or None if the class does not have it."""
    plan = cell.plan.hooks.get(name)
    return None if plan is None else Envelope(plan, args, {}, (plain or [], {}))


def signal(cell: Cell, envelope: Envelope | None) -> None:
    """Put a call in the control lane."""
    if envelope is None or cell.is_ending or cell.has_ended:
        return
    if cell.signals is None:
        cell.signals = []
    cell.signals.append(envelope)
    cell.wake()


def end_soon(cell: Cell, reason: Reason) -> None:
    """End after the message at hand, whatever is queued."""
    cell.reason = reason
    cell.is_ending = True
    close(cell)


def hurry(cell: Cell) -> None:
    """Whatever the actor waits for before it starts again: it waits no longer."""
    waited = None if cell.extras is None else cell.extras.hurry
    if waited is not None and not waited.done():
        waited.set_result(None)


def interrupt(cell: Cell, why: str) -> None:
    """Cut off the message at hand, which fails, again and again until it lets go; the actor goes on."""
    kept = cell.more()
    if cell.current is not None and not cell.is_ending and kept.interrupted is None:
        kept.interrupted = why
        _interrupt(cell, cell.current)


def _interrupt(cell: Cell, envelope: Envelope, times: int = 0) -> None:
    is_at_it = cell.current is envelope and not cell.is_ending and cell.more().interrupted is not None
    if not is_at_it or cell.task is None:
        return
    if times >= PATIENCE:  # it will not go on: then it ends
        _cancel(cell, times)
        return
    cell.task.cancel()
    cell.loop.call_later(AGAIN, _interrupt, cell, envelope, times + 1)


def close(cell: Cell) -> None:
    """Take no more messages; who waits for room is told."""
    cell.is_open = False
    if cell.state != "starting":  # a task that never ran could not end its actor
        cell.state = "stopping"
    while cell.room:
        future, envelope = cell.room.popleft()
        if not future.done():
            future.set_exception(NotRunningError(f"{cell.name} is stopping", message=message(cell, envelope)))


def request_stop(cell: Cell, reason: Reason) -> None:
    """Finish what is queued, then end."""
    if cell.stopping or cell.has_ended:
        return
    cell.stopping = True
    if not cell.is_ending:
        cell.reason = reason
        close(cell)
    hurry(cell)
    cell.wake()


def kill(cell: Cell) -> None:
    """Cancel what the actor does, again and again until it lets go; a second kill adds nothing."""
    if not cell.killed:
        _cancel(cell)


def _cancel(cell: Cell, times: int = 0) -> None:
    if cell.has_ended or cell.state == "gone" or (cell.task is not None and cell.task.done()):
        return
    if cell.reason is Reason.KILLED:  # it has let go, and waits for its children
        return
    if times:
        logger.warning("%s %r swallowed its cancellation; it is cancelled again", cell.class_name, cell.name)
    condemn(cell)
    if cell.task is not None and cell.state != "starting":  # if it has yet to run, it finds out by itself
        cell.task.cancel()
    if cell.task is not None and times >= PATIENCE and not cell.theater.is_cutting:
        end_in_another_task(cell, cell.task)
    cell.loop.call_later(AGAIN, _cancel, cell, times + 1)


def condemn(cell: Cell) -> None:
    """Have it end as one that was killed, once its task comes to it."""
    cell.killed = cell.is_ending = True  # ending: should its handler return all the same, it is the last
    cell.is_open = False
    if cell.waiter is not None:
        cell.waiter = None
        cell.theater.active += 1
        if cell.task is None:
            cell.begin_task()


def cut(cell: Cell) -> None:
    """Cancel what the actor does as its theater ends; a task that has yet to run finds out by itself."""
    if cell.task is not None and cell.state != "starting":
        cell.task.cancel()


def when_ended(cell: Cell) -> Future[None]:
    if cell.ended is None:
        cell.ended = cell.loop.create_future()
        if cell.has_ended:
            cell.ended.set_result(None)
    return cell.ended


async def until_ended(cell: Cell) -> None:
    await until_done(when_ended(cell))
