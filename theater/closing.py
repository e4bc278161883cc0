"""Closing a theater in all its ways: it is shielded, always commits, ends, and leaves no task."""

from __future__ import annotations

import logging
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

import anyio

from theater import signals, snapshots, undelivered
from theater.clinging import PATIENCE, close_coroutine
from theater.errors import NotRunningError, SetupError
from theater.loop import Cancelled, Future, Task, start, until_done
from theater.owning import store_tasks
from theater.restart import Reason
from theater.turn import message

if TYPE_CHECKING:
    from theater.cell import Cell
    from theater.stage import Stage

logger = logging.getLogger("theater")

_PATIENCE = 0.1  # seconds that a cancelled handler is given before it is cancelled again


async def settled(stage: Stage) -> None:
    """Wait until nobody is at work and everything is committed, both at one moment."""
    if stage.current_cell() is not None:
        raise SetupError("a handler cannot wait until its theater has settled: it is itself at work")
    while True:
        while stage.active:
            future = stage.loop.create_future()
            stage.quiet.append(future)
            await future
            stage.check_open()
        await stage.committed()
        stage.check_open()
        if not stage.active and stage.journal.flushed() is None:
            return


class _Order(Future[float]):
    """That a theater be closed; it comes with the seconds that queued messages are given.

    A task waits for it from the opening on. Who cancels that one cancels all tasks of the loop, as
    `asyncio.run` does at its end: from that instant on handlers are cut off, for nobody may cling to a task.
    """

    def __init__(self, stage: Stage) -> None:
        super().__init__(loop=stage.loop)
        self._stage = stage

    def cancel(self, msg: object = None) -> bool:
        self._stage.is_closed = self._stage.is_cutting = True
        return super().cancel(msg)


def stand_by(stage: Stage) -> None:
    """See to it that the theater is closed, be it in order or because its loop ends."""
    stage.ended = stage.loop.create_future()
    stage.order = _Order(stage)
    _begin(stage, _close_when_told(stage, stage.order))


async def close(stage: Stage, *, within: float) -> None:
    """Close in a task of the runtime's own, so that no cancellation of the caller cuts it short."""
    if not stage.order.done():
        stage.order.set_result(within)
    cancelled: Cancelled | None = None
    with anyio.CancelScope(shield=True):  # a cancelled scope would cancel us in each turn of the loop
        while not stage.ended.done():
            try:
                await until_done(stage.ended)
            except Cancelled as error:
                cancelled = error
    if cancelled is not None:
        raise cancelled
    stage.ended.result()


def _begin(stage: Stage, closing: Coroutine[Any, Any, None]) -> None:
    def ended(task: Task[None]) -> None:
        if task.cancelled():  # whoever cancels all tasks of the loop does not cut the closing short
            _begin(stage, _close(stage, 0.0))
        else:
            stage.when_closed(task)

    start(stage.loop, closing, current=None).add_done_callback(ended)


async def _close_when_told(stage: Stage, order: Future[float]) -> None:
    try:
        within = await order
    except Cancelled:
        within = 0.0
    await _close(stage, within)


async def _close(stage: Stage, within: float) -> None:
    stage.is_closed = True
    for cell in tuple(stage.cells.values()):
        for timer in tuple((cell.timers or {}).values()):
            timer.suspend()
        signals.hurry(cell)
    for held in tuple(stage.held):
        held.leave(NotRunningError("the theater is closed"))
    if within and stage.journal.failed is None:
        await _drain(stage, within)
    await _cut(stage)
    try:
        if not stage.is_sealed:
            _seal(stage)
    finally:
        await stage.journal.close()


def _seal(stage: Stage) -> None:
    """Tell whoever still waits, and write the last events."""
    stage.is_sealed = True
    stage.watch.end()
    if stage.journal.failed is None and not stage.crashed:  # else what is in memory is not what was recorded
        for cell in stage.cells.values():
            snapshots.at_close(cell)
        left = undelivered.list_now(stage)
        stage.recorder.append(stage.root, "theater/closed", {"waiting": True} if left else {})
    stage.dismiss(
        lambda cell, envelope: NotRunningError("the theater is closed", message=message(cell, envelope))
    )


async def _drain(stage: Stage, within: float) -> None:
    """Let queued messages be handled, for up to `within` seconds; in memory that is the actors' end."""
    until = stage.loop.time() + within
    if stage.active:
        quiet = stage.loop.create_future()
        stage.quiet.append(quiet)
        await until_done(quiet, within=within)
    if stage.journal.durable:
        return
    for cell in reversed(tuple(stage.tops)):
        signals.request_stop(cell, Reason.SHUTDOWN)
        left = until - stage.loop.time()
        if left <= 0 or not await until_done(signals.when_ended(cell), within=left):
            return


async def _cut(stage: Stage) -> None:
    """Cancel whatever still runs, until it lets go."""
    stage.is_cutting = True
    tasks: dict[Task[None], Cell] = {
        cell.task: cell for cell in stage.cells.values() if cell.task is not None
    }
    stores = [task for cell in stage.cells.values() for task in store_tasks(cell)]
    stores.extend(stage.chores)
    for cell in tasks.values():
        signals.cut(cell)
    for task in (*stage.strays, *stores):
        task.cancel()
    for attempt in range(PATIENCE):
        await until_done(*(task for task in (*tasks, *stage.strays, *stores)), within=_PATIENCE)
        stubborn = [task for task in tasks if not task.done()]
        if not stubborn and not stage.strays:
            return
        for task in stubborn:
            cell = tasks[task]
            if not attempt:
                logger.warning(
                    "%s %r swallowed its cancellation; it is cancelled again", cell.class_name, cell.name
                )
            task.cancel()
        for task in stage.strays:
            task.cancel()
    clinging = [*(task for task in tasks if not task.done()), *stage.strays]
    for task in clinging:
        close_coroutine(task)
    await until_done(*clinging, within=_PATIENCE)
