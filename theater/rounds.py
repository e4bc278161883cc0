"""Rounds: a restart of several children together, stopped last to first, started first to last.

Each member does its own part in its own task: it finishes the message at hand, stops its children and halts;
then it waits for its turn to start again. The round is the task that says who is next, and nobody waits for
that task alone: whoever ends leaves the round, and a supervisor that ends, or is itself started again,
dissolves it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import ExitStack
from itertools import pairwise
from typing import TYPE_CHECKING

from theater import orders, signals, supervisor
from theater.loop import Future, Task, start, until_done
from theater.waits import Waiting, leads_to

if TYPE_CHECKING:
    from theater.cell import Cell


class Place:
    """One member's place in a round."""

    __slots__ = ("cell", "halted", "round", "started", "turn")

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self.round: tuple[int, bytes] = (0, b"")  # its number under this supervisor, id of who failed
        self.halted: Future[None] = cell.loop.create_future()  # its old life is over
        self.turn: Future[None] = cell.loop.create_future()  # it may start again
        self.started: Future[None] = cell.loop.create_future()  # `on_start` of its new life has ended

    def leave(self) -> None:
        """Nobody waits for this one, and it waits for nobody."""
        for future in (self.halted, self.turn, self.started):
            _done(future)


class Round:
    """A restart of several children of one supervisor, on its way."""

    __slots__ = ("_task", "hurry", "places")

    def __init__(self, task: Task[None], places: list[Place], hurry: Future[None]) -> None:
        self._task = task
        self.places = places
        self.hurry = hurry  # ends the wait before the first start

    def dissolve(self, *, but: Collection[Cell] = ()) -> None:
        """Let everybody go on by themselves, but for those whom a new round takes over."""
        self._task.cancel()
        for place in self.places:
            if place.cell not in but:
                place.leave()
                place.cell.more().place = None


def begin(
    above: Cell, leader: Cell, *, stop: Sequence[Cell], start_again: Sequence[Cell], delay: float
) -> None:
    """Start `start_again` together, once `stop` are stopped in their order and `delay` seconds are over.

    The leader has failed and halts by itself; those of `stop` that are not started again end.
    """
    kept = above.more()
    if kept.round is not None:
        kept.round.dissolve(but=start_again)  # one that is being stopped meanwhile is not among them
    hurry = above.loop.create_future()
    kept.rounds += 1
    places = [_place_of(cell, hurry) for cell in start_again]
    for place in places:
        place.round = (kept.rounds, leader.id)
    task = start(above.loop, _carry_out(leader, stop, places, hurry, delay), current=None)
    kept.round = Round(task, places, hurry)
    theater = above.theater
    theater.chores.add(task)
    task.add_done_callback(theater.chore_ended)


def pending(cell: Cell) -> Place | None:
    """The round in which this actor has yet to start again."""
    place = None if cell.extras is None else cell.extras.place
    return None if place is None or place.turn.done() else place


def has_started(cell: Cell) -> None:
    """The new life of this member has begun."""
    if cell.extras is not None and cell.extras.place is not None:
        cell.extras.place.leave()
        cell.extras.place = None


def _place_of(cell: Cell, hurry: Future[None]) -> Place:
    signals.hurry(cell)  # if it waits to start again by itself, it does so in the round
    place = pending(cell) or Place(cell)
    cell.more().place = place
    cell.more().hurry = hurry
    return place


def rejoin(cell: Cell, number: int, leader: bytes) -> None:
    """Start this actor again in a round that its theater's end cut off; the others have started."""
    place = Place(cell)
    place.round = (number, leader)
    place.leave()
    cell.more().place = place
    orders.order(cell, "@rejoin")


async def _carry_out(
    leader: Cell, stop: Sequence[Cell], places: list[Place], hurry: Future[None], delay: float
) -> None:
    by_cell = {place.cell: place for place in places}
    left = {place.cell: before for before, place in pairwise(places)}
    stuck = {leader}
    with ExitStack() as waits:
        for cell in stop:
            ended = by_cell[cell].halted if cell in by_cell else signals.when_ended(cell)
            waits.enter_context(Waiting(leader, cell, ended))
        for cell in stop:
            if cell not in by_cell:
                await supervisor.stop_child(cell)
                continue
            await _halt(by_cell[cell], stuck)
            stuck.add(cell)
            if cell in left:
                waits.enter_context(Waiting(cell, left[cell].cell, left[cell].started))
        if leader in left:
            waits.enter_context(Waiting(leader, left[leader].cell, left[leader].started))
        await until_done(by_cell[leader].halted)
        if delay:
            await until_done(hurry, within=delay)
        for place in places:
            _done(place.turn)
            await until_done(place.started)


async def _halt(place: Place, stuck: set[Cell]) -> None:
    """Let the actor finish its message within its time, or none if it waits for one of those `stuck`."""
    cell = place.cell
    if not place.halted.done():
        orders.order(cell, "@halt")
        if not leads_to(cell, stuck):
            await until_done(place.halted, within=cell.options.stop_within)
    while not place.halted.done():
        if cell.is_ending:
            signals.kill(cell)
        else:
            signals.interrupt(cell, f"{cell.name} was started again with its siblings")
        await until_done(place.halted, within=signals.AGAIN)


def _done(future: Future[None]) -> None:
    if not future.done():
        future.set_result(None)
