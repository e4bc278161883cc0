"""Waking: one actor on its way back from the record, from a cell in its place to a task that runs."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from theater import (
    answers,
    directory,
    leftovers,
    orders,
    redelivery,
    restarting,
    signals,
    snapshots,
    spawning,
    supervisor,
)
from theater.actor import Actor
from theater.cell import Cell
from theater.deferring import Slot
from theater.errors import ActorFailedError, SetupError
from theater.event import Event
from theater.failure import text_of
from theater.imported import class_of
from theater.mailbox import Envelope
from theater.migrating import lifted
from theater.options import Options
from theater.owning import restore_stores
from theater.past import Letter, Past, SetTimer
from theater.plan import plan_of
from theater.recorder import ROOT
from theater.redelivery import events_of
from theater.rerunning import Rerun
from theater.restart import Restore
from theater.sleepers import Sleeper
from theater.stashing import Stashed
from theater.timers import Timer

if TYPE_CHECKING:
    from theater.stage import Stage

logger = logging.getLogger("theater")

_BILLION = 1_000_000_000
_FIRST = {"@children", "on_start"}  # whoever fails in these in its first life has never started
_NO_REPLY = {"accepted", "item"}  # what is answered thus was not deferred


class Waking:
    """An actor on its way back, with all that it begins with."""

    __slots__ = (
        "abandoned",
        "aside",
        "cell",
        "letters",
        "past",
        "rerun",
        "script",
        "sleeper",
        "state",
        "timers",
        "undelivered",
    )

    def __init__(self, sleeper: Sleeper, past: Past, cell: Cell, state: dict[str, Any]) -> None:
        self.sleeper = sleeper
        self.state = state  # as the present version of the class has it
        self.past = past
        self.cell = cell
        self.script: list[Event] = []  # what followed the message that was at hand
        self.letters: list[Envelope] = []
        self.aside: dict[Envelope, int] = {}  # what was stashed, with the seq of its `message/received`
        self.abandoned: list[int] = []  # replies that nobody waits for, by the seq of `message/received`
        self.timers: dict[int, Envelope] = {}  # by the seq of `timer/set`
        self.undelivered: list[answers.Asked] | None = None
        self.rerun: Rerun | None = None

    @property
    def is_gone(self) -> bool:
        """It asked for something else than the record says, and sleeps on."""
        return self.cell.state == "gone"


def prepare(stage: Stage, sleeper: Sleeper, past: Past, classes: Mapping[str, type[Actor]]) -> Waking:
    """A cell for the sleeper, not yet begun; nothing is recorded.

    Raises:
        TheaterError, TypeError: why it cannot go on.
    """
    assert past.state is not None
    above = None if sleeper.supervisor == ROOT else stage.cells.get(sleeper.supervisor)
    if above is None and sleeper.supervisor != ROOT:
        raise SetupError("its supervisor is asleep")
    cls = class_of(sleeper.class_name, classes)
    plan = plan_of(cls)
    state = lifted(plan, past.state, past.version)
    plan.restore_state(state, stage.recall)
    if past.open is not None and past.version != plan.version:
        raise SetupError(f"it was cut off in a handler of version {past.version}: let that version finish it")
    options = Options.from_plain(stage.recorder.full(sleeper.options))
    cell = directory.wake(stage, plan, id=sleeper.id, name=sleeper.name, options=options)
    cell.events = sleeper.events
    cell.head = sleeper.head
    stage.remember(cell, named=True)
    supervisor.add_child(above, cell)
    waking = Waking(sleeper, past, cell, state)
    if past.open is not None:
        opened = past.open.seq
        waking.script = [event for event in events_of(stage, sleeper) if event.seq > opened]
    return waking


def load(waking: Waking, letters: list[Letter]) -> None:
    """Make its instance, and all that will lie in its mailbox; nothing is recorded yet.

    Raises:
        TheaterError, TypeError, ValueError: why it cannot go on.
    """
    cell, past = waking.cell, waking.past
    if cell.supervisor is not None and cell.supervisor.state == "gone":
        raise SetupError("its supervisor is asleep")
    assert past.state is not None
    leftovers.fit(cell)
    if past.open is not None:
        waking.rerun = Rerun(cell, past.open, waking.script, record=partial(_record_waking, waking))
    for seq, letter in past.stashed.items():
        waking.aside |= dict.fromkeys(redelivery.mail(cell, [letter]), seq)
    waking.letters = redelivery.mail(cell, letters)
    waking.timers = {seq: _timed(cell, timer) for seq, timer in past.timers.items()}
    _owe_again(waking)
    try:
        restarting.load(cell, waking.state)
    except restarting.PROGRAM_ENDS:
        raise
    except BaseException as error:
        logger.error("%s %r failed in on_load", cell.class_name, cell.name, exc_info=error)  # noqa: TRY400
        raise ActorFailedError(f"it failed in on_load: {type(error).__name__}: {text_of(error)}") from error


def _owe_again(waking: Waking) -> None:
    """Answers that were deferred are owed again, where whoever asked still waits, or waited in the record.

    A handler that runs again sees all that it saw.
    """
    cell, stage = waking.cell, waking.cell.theater
    owed: dict[int, Letter] = {}
    for seq, letter in waking.past.deferred.items():
        sender = letter["from"]
        if sender is not None and answers.is_awaited(stage, (sender[0], sender[1])):
            owed[seq] = letter
        else:
            waking.abandoned.append(seq)
            if waking.rerun is not None:
                owed[seq] = letter | {"from": None}
    for event in waking.script:
        if event.kind == "message/answered" and "reply" in event.body and not event.body.keys() & _NO_REPLY:
            asked = Event.read(stage.journal.event(cell.id, event.body["reply"]))
            if asked.seq not in owed:
                owed[asked.seq] = stage.recorder.full(asked.body) | {"from": None}  # it waits no longer
    slots = [Slot(cell, redelivery.envelope_of(cell, owed[seq]), seq) for seq in sorted(owed)]
    for slot in slots:
        slot.begin()
    if waking.rerun is not None:
        waking.rerun.abandoned = [slot for slot in slots if slot.seq in waking.abandoned]


def place(waking: Waking) -> None:
    """Put it in its place: others may send to it from now on."""
    cell, past, stage = waking.cell, waking.past, waking.cell.theater
    stage.asleep.pop(waking.sleeper.name, None)
    stage.leftovers.waiting.pop(cell.id, None)
    waking.undelivered = stage.leftovers.undelivered.pop(cell.id, None)
    snapshots.begin(cell, since=past.snapshot)
    begun = waking.sleeper.events if past.open is None else past.open.seq + 1
    restore_stores(cell, (event for event in events_of(stage, waking.sleeper) if event.seq < begun))
    cell.stale = past.is_rebuilt
    if cell.options.state is Restore.INITIAL:
        cell.initial = _initial(waking)
    waited, cell.queue = cell.queue, None
    stage.sent += len(waking.letters) + len(waking.aside)
    if waking.rerun is not None:  # its handler may look
        cell.more().stash += [Stashed(cell, one, seq) for one, seq in waking.aside.items()]
    elif waking.aside:
        cell.more().put_back |= waking.aside
        redelivery.take_over(cell, waking.aside)
    redelivery.take_over(cell, (*waking.letters, *(waited or ())))
    for seq, envelope in waking.timers.items():
        _rearm(cell, seq, past.timers[seq], envelope)


def run_again(waking: Waking, rerun: Rerun) -> None:
    """Have the message that was cut off handled before all else."""
    cell = waking.cell
    cell.signals = [rerun.envelope]
    if cell.plan.handlers.get(rerun.envelope.plan.name) is not None:
        cell.theater.sent += 1
    _begin_life(waking, is_begun=rerun.envelope.plan.name == "on_start")
    spawning.go(cell)


def _initial(waking: Waking) -> dict[str, Any] | None:
    past = waking.past
    return None if past.initial is None else lifted(waking.cell.plan, past.initial, past.first_version)


def go(waking: Waking) -> None:
    """Let one that was between two messages go on."""
    cell, failed = waking.cell, waking.past.failed
    _record_waking(waking)
    for seq in waking.abandoned:
        cell.note("message/answered", {"abandoned": True, "reply": seq})
    if waking.past.stops:
        orders.exit_after_all(cell)
    elif failed is None:
        _begin_life(waking, is_begun=False)
    else:
        _fail_again(waking, failed)
    spawning.go(cell)


def _fail_again(waking: Waking, failed: Event) -> None:
    """It had failed, and what follows from that was not done; it starts again, if it ever had."""
    cell, past = waking.cell, waking.past
    failure = supervisor.failure_of(cell, failed.body["error"] | {"seq": failed.seq})
    if past.restarts or past.has_started or failed.body["handler"] not in _FIRST:
        cell.more().failure = failure
        orders.order(cell, "@again")
        return
    cell.started = cell.loop.create_future()
    cell.started.set_exception(failure)
    cell.started.exception()  # its supervisor may not run again
    orders.order(cell, "@failed")


def _record_waking(waking: Waking) -> None:
    """The first that its chain says of its going on."""
    cell, version = waking.cell, waking.cell.plan.version
    cell.record("actor/resumed", _resumed(waking))
    if waking.past.version != version:
        told = {"from": waking.past.version, "to": version, "state": waking.state}
        cell.record("actor/migrated", told)


def _resumed(waking: Waking) -> dict[str, Any]:
    """What `actor/resumed` says: a state that was made again, and whether by other code than before."""
    past = waking.past
    if not past.is_rebuilt:
        return {}
    is_other = past.source != waking.cell.plan.source_digest
    return {"state": past.state} | ({"changed_code": True} if is_other else {})


def _begin_life(waking: Waking, *, is_begun: bool) -> None:
    """Have `on_start` run if it has not in this life; and whoever waits for that is told.

    Another class may have had no such hook.
    """
    cell, past = waking.cell, waking.past
    is_same = past.source == cell.plan.source_digest and cell.theater.records_messages
    hook = signals.hook_envelope(cell, "on_start")
    if hook is None and cell.supervision is None:
        return
    cell.started = cell.loop.create_future()
    if past.has_started or hook is None or not is_same:
        cell.started.set_result(None)
        return
    steps = [*([] if is_begun else [hook]), orders.started()]
    cell.signals = [*(cell.signals or ()), *steps]


def _timed(cell: Cell, timer: SetTimer) -> Envelope:
    return redelivery.envelope_of(cell, {**timer.body, "ask": False, "from": None})


def _rearm(cell: Cell, seq: int, told: SetTimer, envelope: Envelope) -> None:
    """Start a recorded timer again: what is overdue fires at once, and once only."""
    delay = told.body["delay"] / _BILLION
    timer = Timer(cell, envelope, delay=delay, every=told.body["every"])
    left = delay - (cell.theater.clock() - told.since) / _BILLION
    timer.go_on(seq, since=told.since, within=max(0.0, left))
