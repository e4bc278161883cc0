"""Laying down: an actor whose code does not follow its record sleeps on, as if it had not woken.

Mostly that is found out before it, or anybody below it, has done anything. A handler may wait long along its
record, for a time of day say; who finds out then that it differs is cut off as by a crash, with all below it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from theater import directory, redelivery, stashing
from theater.loop import start, until_done
from theater.recorder import ROOT
from theater.sleepers import Sleeper
from theater.watching import unwatch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from theater.cell import Cell
    from theater.loop import Future
    from theater.mailbox import Envelope
    from theater.script import Difference
    from theater.waking import Waking

logger = logging.getLogger("theater")

_AGAIN = 0.1  # seconds until a cancellation that was swallowed is sent again


async def lay_down(one: Waking) -> None:
    """Cut its handler off, and let the actor sleep on; what was sent to it meanwhile waits."""
    await _until_cut_off(one.cell)
    if one.rerun is not None:
        one.rerun.leave()
    cell, stage = one.cell, one.cell.theater
    known = set(map(id, (*one.letters, *one.aside)))
    stage.sent -= 0 if cell.extras is None else len(cell.extras.stash)
    waited = [envelope for envelope in cell.queue or () if id(envelope) not in known]
    stage.sent -= cell.queued - len(waited) + (cell.current is not None and cell.is_message(cell.current))
    for to, _ in one.past.watched.values():
        watched = stage.cells.get(to)
        if watched is not None:
            unwatch(cell, watched)
    if one.undelivered is not None:
        stage.leftovers.undelivered[cell.id] = one.undelivered
    _put_back(cell, one.sleeper, waited)


def why(difference: Difference) -> str:
    """What is said of an actor whose code differs from its record."""
    expected, found = difference.expected or "nothing more", difference.found or "the end of its handler"
    return f"its code does not follow the record: at {difference.seq}, expected {expected}; found {found}"


def watch_over(one: Waking) -> None:
    """One that is still on its way along its record may differ from it later."""
    if one.rerun is not None and not one.rerun.ahead.done():
        one.rerun.ahead.add_done_callback(lambda _: _look_again(one))


def _look_again(one: Waking) -> None:
    difference = None if one.rerun is None else one.rerun.difference
    theater = one.cell.theater
    if difference is None or theater.is_cutting:
        return
    logger.error("%s %r sleeps again: %s", one.cell.class_name, one.cell.name, why(difference))
    task = start(theater.loop, _lay_down_late(one), current=None)
    theater.chores.add(task)
    task.add_done_callback(theater.chore_ended)


async def _lay_down_late(one: Waking) -> None:
    below = list(_below(one.cell))
    for cell in below:
        cell.state = "gone"
        cell.is_open = False
        await _until_cut_off(cell)
    for cell in below:
        _lay_down_here(cell)
    await lay_down(one)


def _below(cell: Cell) -> Iterator[Cell]:
    """All that it supervises, the lowest first."""
    for child in tuple(cell.children or ()):
        yield from _below(child)
        yield child


def _lay_down_here(cell: Cell) -> None:
    """One that has lived since it woke: what its chain does not hold waits for it where it is."""
    stage = cell.theater
    stashing.unstash(cell)
    waited = list(cell.queue or ())
    at_hand, turn = cell.current, cell.turn
    if at_hand is not None and cell.is_message(at_hand):
        if turn is None or turn.seq is None:
            waited.insert(0, at_hand)
        else:
            stage.sent -= 1
            _owe(cell, at_hand, at_hand.reply)
    for slot in (cell.extras and cell.extras.slots) or ():
        _owe(cell, slot.envelope, slot.future)
    _put_back(cell, _sleeper(cell), waited)


def _owe(cell: Cell, envelope: Envelope, reply: Future[object] | None) -> None:
    """Whoever waits for this answer in this run goes on waiting for it."""
    if envelope.sender is not None and reply is not None:
        sender, seq, _ = envelope.sender
        cell.theater.leftovers.of(sender, seq, cell.loop).reply = reply


def _sleeper(cell: Cell) -> Sleeper:
    above = ROOT if cell.supervisor is None else cell.supervisor.id
    options = cell.options.to_plain()
    name, kind = cell.name, cell.plan.class_name
    return Sleeper(cell.id, name, kind, above, options, cell.events, cell.head or b"")


def _put_back(cell: Cell, sleeper: Sleeper, waited: Iterable[Envelope]) -> None:
    stage = cell.theater
    for timer in tuple((cell.timers or {}).values()):
        timer.drop()
    if cell.stores is not None:
        for task in cell.stores.tasks():
            task.cancel()
    cell.stores = cell.turn = cell.current = cell.signals = cell.queue = None
    directory.put_back(stage, cell)
    stage.asleep[cell.name] = sleeper
    redelivery.take_over(cell, waited)
    if cell.queued:
        stage.leftovers.waiting[cell.id] = cell


async def _until_cut_off(cell: Cell) -> None:
    for left in tuple((cell.turn and cell.turn.tasks) or ()):
        left.cancel()
    task = cell.task
    while task is not None and not task.done():
        task.cancel()
        await until_done(task, within=_AGAIN)
