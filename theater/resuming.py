"""Resuming: actors that are asleep in the record go on, in their own chains, as the same actors."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from theater import (
    directory,
    leftovers,
    notices,
    orders,
    redelivery,
    restarting,
    snapshots,
    spawning,
    supervisor,
)
from theater.actor import Actor
from theater.cell import Cell
from theater.errors import ActorFailedError, SetupError, TheaterError
from theater.event import Event
from theater.failure import text_of
from theater.imported import class_of, named
from theater.mailbox import Envelope
from theater.options import Options
from theater.owning import restore_stores
from theater.past import Past, SetTimer, fold
from theater.plan import plan_of
from theater.recorder import ROOT
from theater.redelivery import events_of
from theater.ref import ActorRef
from theater.restart import Restore
from theater.reunion import reunite
from theater.sleepers import Sleeper
from theater.timers import Timer

if TYPE_CHECKING:
    from theater.stage import Stage

logger = logging.getLogger("theater")

ANEW = "mend that, or begin anew, under another name or in another folder"
"""What is left to do about an actor that cannot go on."""

_BILLION = 1_000_000_000


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """An actor that stays asleep: its chain and mailbox are untouched."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Resumed:
    """Who goes on, supervisors first, and who does not."""

    refs: tuple[ActorRef[Any], ...]
    left: tuple[LeftAlone, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Waking:
    """An actor on its way back, with all that it begins with."""

    sleeper: Sleeper
    cell: Cell
    past: Past
    letters: list[Envelope]
    timers: dict[int, Envelope]  # by the seq of `timer/set`


async def resume_one(stage: Stage, cls: type[Actor], name: str | None) -> ActorRef[Any] | None:
    """The actor of that name if it is alive, here or asleep; None if it is not.

    Raises:
        SetupError: it is of another class, or cannot go on.
    """
    if name is None:
        return None
    cell = stage.names.get(spawning.path_of(None, name))
    if cell is not None:
        if not isinstance(cell.actor, cls):
            raise SetupError(f"{name!r} is alive here as {cell.class_name}, not {cls.__qualname__}")
        return cell.ref
    if name not in stage.asleep:
        return None
    resumed = await resume_named(stage, {name: cls})
    for left in resumed.left:
        if left.name == name:
            raise SetupError(f"{name!r} cannot go on: {left.why}; {ANEW}")
    return resumed.refs[0]


async def resume_named(stage: Stage, classes: Mapping[str, type[Actor]]) -> Resumed:
    """Wake those of these paths that are asleep, and all who stand below them."""
    there = {path: one for path, one in stage.asleep.items() if _is_under(path, classes)}
    known = {there[path].class_name: cls for path, cls in classes.items() if path in there}
    return await _wake(stage, list(there.values()), known)


def _is_under(path: str, above: Collection[str]) -> bool:
    parts = path.split("/")
    return any("/".join(parts[: count + 1]) in above for count in range(len(parts)))


async def resume_all(stage: Stage, classes: Sequence[type[Actor]]) -> Resumed:
    """Wake everybody, supervisors first."""
    return await _wake(stage, list(stage.asleep.values()), named(classes))


async def _wake(stage: Stage, sleepers: list[Sleeper], classes: dict[str, type[Actor]]) -> Resumed:
    pasts = {sleeper.id: fold(events_of(stage, sleeper)) for sleeper in sleepers}
    left: list[LeftAlone] = []
    cells: dict[Sleeper, Cell] = {}
    for sleeper in sorted(sleepers, key=lambda one: (one.name.count("/"), _birth(stage, one))):
        try:
            cells[sleeper] = _prepare(stage, sleeper, pasts[sleeper.id], classes)
        except (TheaterError, TypeError, ValueError) as error:
            left.append(LeftAlone(sleeper.name, str(error)))
    letters = redelivery.sent_to(stage, {sleeper.id: pasts[sleeper.id] for sleeper in cells})
    waking: list[_Waking] = []
    for sleeper, cell in cells.items():
        try:
            waking.append(_load(sleeper, cell, pasts[sleeper.id], letters[sleeper.id]))
        except (TheaterError, TypeError, ValueError) as error:
            left.append(LeftAlone(sleeper.name, str(error)))
            directory.put_back(stage, cell)
    for one in waking:
        _begin(stage, one)
    reunite(stage, [(one.cell, one.past) for one in waking])
    if stage.journal.durable:
        await stage.committed()
    return Resumed(tuple(one.cell.ref for one in waking), tuple(left))


def _birth(stage: Stage, sleeper: Sleeper) -> int:
    return Event.read(stage.journal.event(sleeper.id, 0)).time


def _prepare(stage: Stage, sleeper: Sleeper, past: Past, classes: dict[str, type[Actor]]) -> Cell:
    """A cell for the sleeper, not yet begun; nothing is recorded.

    Raises:
        TheaterError, TypeError: why it cannot go on.
    """
    if past.open is not None:
        raise SetupError(f"it was cut off while it handled {past.open.body['handler']} (seq {past.open.seq})")
    if past.state is None:
        raise SetupError("its last state is not in the record: the process died before it was written")
    above = None if sleeper.supervisor == ROOT else stage.cells.get(sleeper.supervisor)
    if above is None and sleeper.supervisor != ROOT:
        raise SetupError("its supervisor is asleep")
    cls = class_of(sleeper.class_name, classes)
    plan = plan_of(cls)
    plan.restore_state(past.state, stage.recall)
    options = Options.from_plain(stage.recorder.full(sleeper.options))
    cell = directory.wake(stage, plan, id=sleeper.id, name=sleeper.name, options=options)
    cell.events = sleeper.events
    cell.head = sleeper.head
    stage.remember(cell, named=True)
    supervisor.add_child(above, cell)
    return cell


def _load(sleeper: Sleeper, cell: Cell, past: Past, letters: list[dict[str, Any]]) -> _Waking:
    """Make its instance, and all that will lie in its mailbox; nothing is recorded yet.

    Raises:
        TheaterError, TypeError, ValueError: why it cannot go on.
    """
    if cell.supervisor is not None and cell.supervisor.state == "gone":
        raise SetupError("its supervisor is asleep")
    assert past.state is not None
    leftovers.fit(cell)
    envelopes = redelivery.mail(cell, letters)
    timers = {seq: _timed(cell, timer) for seq, timer in past.timers.items()}
    try:
        restarting.load(cell, past.state)
    except restarting.PROGRAM_ENDS:
        raise
    except BaseException as error:
        logger.error("%s %r failed in on_load", cell.class_name, cell.name, exc_info=error)  # noqa: TRY400
        raise ActorFailedError(f"it failed in on_load: {type(error).__name__}: {text_of(error)}") from error
    return _Waking(sleeper, cell, past, envelopes, timers)


def _begin(stage: Stage, waking: _Waking) -> None:
    cell, past = waking.cell, waking.past
    stage.asleep.pop(waking.sleeper.name, None)
    stage.leftovers.waiting.pop(cell.id, None)
    stage.leftovers.undelivered.pop(cell.id, None)
    cell.record("actor/resumed", {})
    snapshots.begin(cell, since=past.snapshot)
    restore_stores(cell, events_of(stage, waking.sleeper))
    if cell.options.state is Restore.INITIAL:
        cell.initial = past.initial
    if past.failed:
        orders.order(cell, "@again")
    spawning.go(cell)
    waited, cell.queue = cell.queue, None
    for envelope in waking.letters:
        notices.deliver(cell, envelope)
    redelivery.take_over(cell, waited or ())
    for seq, envelope in waking.timers.items():
        _rearm(stage, cell, seq, past.timers[seq], envelope)


def _timed(cell: Cell, timer: SetTimer) -> Envelope:
    return redelivery.envelope_of(cell, {**timer.body, "ask": False, "from": None})


def _rearm(stage: Stage, cell: Cell, seq: int, told: SetTimer, envelope: Envelope) -> None:
    """Start a recorded timer again: what is overdue fires at once, and once only."""
    delay = told.body["delay"] / _BILLION
    timer = Timer(cell, envelope, delay=delay, every=told.body["every"])
    left = delay - (stage.clock() - told.since) / _BILLION
    timer.go_on(seq, since=told.since, within=max(0.0, left))
