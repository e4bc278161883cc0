"""Clinging: coroutines that do not let go of their task, or cannot wait in it any more; another goes on."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from theater.loop import Cancelled, Task, is_at_work

if TYPE_CHECKING:
    from theater.cell import Cell
    from theater.mailbox import Envelope

logger = logging.getLogger("theater")

PATIENCE = 20  # so many cancellations are swallowed before the coroutine is closed under its task


def was_thrown(cell: Cell) -> bool:
    """Whether a handler has failed by a `GeneratorExit`, which is yet to be dealt with."""
    return cell.extras is not None and cell.extras.thrown is not None


def take_thrown(cell: Cell) -> tuple[Envelope, BaseException] | None:
    """What failed so, for the task that deals with it."""
    if cell.extras is None:
        return None
    thrown, cell.extras.thrown = cell.extras.thrown, None
    return thrown


def goes_on(cell: Cell) -> bool:
    """Whether the end of the coroutine that runs here is not the end of its actor: another task follows."""
    return was_thrown(cell) or not (cell.theater.is_cutting or is_at_work(cell.task, cell.loop))


def go_on_in_another_task(cell: Cell) -> None:
    """A `GeneratorExit` out of what a handler waited for has closed every coroutine of this task.

    None of them can wait any more ("coroutine ignored GeneratorExit"): another task deals with the failure.
    """
    assert cell.task is not None
    _forget(cell.task)
    _start(cell)


def end_in_another_task(cell: Cell, task: Task[None]) -> None:
    """The actor was killed, and its task never lets go: another one ends it."""
    cell.theater.active += 1  # nobody takes the theater for quiet meanwhile
    if close_coroutine(task) and not cell.has_ended:
        _start(cell)
    cell.theater.active -= 1


def close_coroutine(task: Task[None]) -> bool:
    """The last resort: end the coroutine where it waits, and let its task find that out; says if it ended."""
    logger.error("%r never let go; its coroutine is closed", task)
    coroutine = task.get_coro()
    assert coroutine is not None
    try:
        coroutine.close()
    except (Exception, Cancelled):  # the end of a handler that ignores its own is `Cancelled`
        logger.exception("%r ignores even the end of its coroutine", task)
    _forget(task)
    task.cancel()
    return getattr(coroutine, "cr_frame", None) is None


def _start(cell: Cell) -> None:
    cell.theater.active += 1
    cell.begin_task()


def _forget(task: Task[None]) -> None:
    task.add_done_callback(lambda task: task.cancelled() or task.exception())  # all is said
