"""Cancelling: a handler so marked ends at its `await` when its asker gives up, and has changed nothing.

It runs in the actor's own task, which is cancelled as by a kill. What it stored, told and did to the world
stands.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import TYPE_CHECKING, Any

from theater.loop import Cancelled

if TYPE_CHECKING:
    from theater.handler import HandlerPlan
    from theater.turn import Turn


def unless_cancelled(function: Callable[..., Coroutine[Any, Any, Any]]) -> Callable[..., Any]:
    """The handler as it is called: one that swallowed its cancellation has been cancelled all the same."""

    @wraps(function)
    async def call(actor: Any, /, *args: Any, **kwargs: Any) -> Any:
        answer = await function(actor, *args, **kwargs)
        turn: Turn | None = actor._cell.turn  # noqa: SLF001  # its own cell
        if turn is not None and turn.is_cancelled:
            raise Cancelled
        return answer

    return call


def cancel(turn: Turn) -> None:
    """Nobody waits for what the handler at work does."""
    task = turn.cell.task
    if task is not None and not turn.is_cancelled:
        turn.is_cancelled = True
        task.cancel()


def ended_by_it(error: BaseException, turn: Turn, plan: HandlerPlan) -> bool:
    """Whether `error` is the cancellation, or an answer that nobody waits for; all else is a failure."""
    if isinstance(error, BaseExceptionGroup):
        return all(ended_by_it(part, turn, plan) for part in error.exceptions)
    return isinstance(error, (Cancelled, *plan.raises)) or turn.ended_by_giving_up(error)
