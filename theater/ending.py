"""Ending an actor by request: stop and kill, from the world outside or by another actor, on its record."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from theater import leftovers, limits, prompted, signals
from theater.errors import AskCycleError, NotRunningError, TheaterError
from theater.loop import let_others, until_done
from theater.restart import NORMAL
from theater.waits import Waiting, circle

if TYPE_CHECKING:
    from theater.cell import Cell


def stop_and_wait(cell: Cell, asker: Cell | None) -> Awaitable[None]:
    return _end_and_wait(cell, asker, "@stop", _stop)


def kill_and_wait(cell: Cell, asker: Cell | None) -> Awaitable[None]:
    return _end_and_wait(cell, asker, "@kill", signals.kill)


def _stop(cell: Cell) -> None:
    signals.request_stop(cell, NORMAL)


async def _end_and_wait(cell: Cell, asker: Cell | None, request: str, act: Callable[[Cell], None]) -> None:
    cell.theater.check_open()
    if asker is None:
        if cell.state == "gone":
            raise NotRunningError(leftovers.why_not(cell))
        _note_asker(cell, None)
        act(cell)
        if not cell.has_ended:
            await _until_ended(cell)
        if cell.theater.journal.durable:
            await cell.theater.committed()
        await let_others(len(cell.theater.cells))
        return
    turn = asker.asked()
    limits.check_reach(asker, "stop", request, cell)
    body = {"to": cell.id, "ask": True, "args": [], "handler": request}
    if turn.prompter is not None:
        begun = await prompted.end(turn.prompter, body)
        if begun is None:
            return
        seq = begun
        if cell.state == "gone":
            error = NotRunningError(leftovers.why_not(cell))
            told = {"class": "NotRunningError", "text": str(error)}
            asker.note("message/answered", {"error": told, "from": None, "message": seq})
            raise error
    else:
        seq = _request_end(cell, asker, body)
    _note_asker(cell, asker)
    act(cell)
    if not cell.has_ended:
        with Waiting(asker, cell, signals.when_ended(cell)):
            await _until_ended(cell)
    asker.note("message/answered", {"answer": None, "from": None, "message": seq})
    await let_others(len(cell.theater.cells))


def _request_end(cell: Cell, asker: Cell, body: dict[str, Any]) -> int:
    path = circle(asker, cell, end=True)
    error: TheaterError | None = None if path is None else AskCycleError(path)
    if cell.state == "gone":
        error = NotRunningError(leftovers.why_not(cell))
    if error is not None:
        asker.note("message/refused", body | {"error": {"class": type(error).__name__, "text": str(error)}})
        raise error
    return asker.note("message/sent", body)


def _note_asker(cell: Cell, asker: Cell | None) -> None:
    """Keep who ends an actor, for a supervisor that wants to know."""
    above = cell.supervisor
    if above is not None and "on_child_stopped_by" in above.plan.hooks and not cell.stopping:
        kept = cell.more()
        kept.asked_by = kept.asked_by or (None if asker is None else asker.ref,)


async def _until_ended(cell: Cell) -> None:
    if not cell.theater.crashed:
        await until_done(signals.when_ended(cell))
    if not cell.has_ended:
        cell.theater.check_open()  # the theater ended first
