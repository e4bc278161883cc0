"""Resuming: actors that are asleep in the record go on, in their own chains, as the same actors."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from theater import directory, spawning, supervisor
from theater.actor import Actor
from theater.cell import Cell
from theater.errors import SetupError, TheaterError
from theater.event import Event
from theater.mailbox import Envelope
from theater.options import Options
from theater.plan import plan_of
from theater.recorder import ROOT
from theater.ref import ActorRef
from theater.sleepers import Past, Sleeper, fold
from theater.timers import Timer
from theater.watching import Watch

if TYPE_CHECKING:
    from theater.stage import Stage

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


async def resume_one(stage: Stage, cls: type[Actor], name: str | None) -> ActorRef[Any] | None:
    """The actor of that name if it is alive, here or asleep; None if it is not.

    Raises:
        SetupError: it is of another class, or cannot go on.
    """
    cell = stage.names.get(name) if name is not None else None
    if cell is not None:
        if not isinstance(cell.actor, cls):
            raise SetupError(f"{name!r} is alive here as {cell.class_name}, not {cls.__qualname__}")
        return cell.ref
    sleeper = stage.asleep.get(name) if name is not None else None
    if sleeper is None or name is None:
        return None
    below = [one for path, one in stage.asleep.items() if path.startswith(f"{name}/")]
    resumed = await _wake(stage, [sleeper, *below], {sleeper.class_name: cls})
    for left in resumed.left:
        if left.name == name:
            raise SetupError(f"{name!r} cannot go on: {left.why}")
    return resumed.refs[0]


async def resume_all(stage: Stage, classes: Sequence[type[Actor]]) -> Resumed:
    """Wake everybody, supervisors first."""
    return await _wake(stage, list(stage.asleep.values()), {plan_of(cls).class_name: cls for cls in classes})


async def _wake(stage: Stage, sleepers: list[Sleeper], classes: dict[str, type[Actor]]) -> Resumed:
    pasts = {sleeper.id: fold(_events(stage, sleeper)) for sleeper in sleepers}
    refs: list[ActorRef[Any]] = []
    left: list[LeftAlone] = []
    cells: dict[Sleeper, Cell] = {}
    for sleeper in sorted(sleepers, key=lambda one: (one.name.count("/"), _birth(stage, one))):
        try:
            cells[sleeper] = _prepare(stage, sleeper, pasts[sleeper.id], classes)
        except (TheaterError, TypeError, ValueError) as error:
            left.append(LeftAlone(sleeper.name, str(error)))
    letters = _letters(stage, {sleeper.id for sleeper in cells})
    for sleeper, cell in cells.items():
        _begin(stage, sleeper, cell, pasts[sleeper.id], letters.get(sleeper.id, []))
        refs.append(cell.ref)
    for sleeper, cell in cells.items():
        _watch_again(stage, cell, pasts[sleeper.id])
    if stage.journal.durable:
        await stage.committed()
    return Resumed(tuple(refs), tuple(left))


def _birth(stage: Stage, sleeper: Sleeper) -> int:
    return Event.read(stage.journal.event(sleeper.id, 0)).time


def _events(stage: Stage, sleeper: Sleeper) -> Iterator[Event]:
    for seq in range(sleeper.events):
        event = Event.read(stage.journal.event(sleeper.id, seq))
        event.body.update(stage.recorder.full(event.body))
        yield event


def _prepare(stage: Stage, sleeper: Sleeper, past: Past, classes: dict[str, type[Actor]]) -> Cell:
    """A cell for the sleeper, not yet begun; nothing is recorded.

    Raises:
        TheaterError, TypeError: why it cannot go on.
    """
    if past.open is not None:
        raise SetupError(
            f"the process died while it handled {past.open.body['handler']} (seq {past.open.seq})"
        )
    if past.state is None:
        raise SetupError("its last state is not in the record: the process died before it was written")
    above = None if sleeper.supervisor == ROOT else stage.cells.get(sleeper.supervisor)
    if above is None and sleeper.supervisor != ROOT:
        raise SetupError("its supervisor is asleep")
    cls = classes.get(sleeper.class_name) or _imported(sleeper.class_name)
    plan = plan_of(cls)
    plan.restore_state(past.state, stage.recall)
    options = Options.from_plain(sleeper.options)
    cell = directory.wake(stage, plan, id=sleeper.id, name=sleeper.name, options=options)
    cell.events = sleeper.events
    cell.head = sleeper.head
    stage.remember(cell, named=True)
    supervisor.add_child(above, cell)
    return cell


def _imported(class_name: str) -> type[Actor]:
    """The class of this name among the modules that are imported already: a folder never causes an import."""
    module, _, path = class_name.partition(":")
    found: Any = sys.modules.get(module)
    for part in path.split("."):
        found = getattr(found, part, None)
    if not (isinstance(found, type) and issubclass(found, Actor)):
        raise SetupError(
            f"its class {class_name} is not imported; import it, or give it to resume(classes=[...])"
        )
    return found


def _letters(stage: Stage, awake: set[bytes]) -> dict[bytes, list[dict[str, Any]]]:
    """What actors sent to those who wake and was never received, in the order of sending."""
    pasts = [
        fold(_events(stage, Sleeper(actor, "", "", ROOT, {}, events, head)))
        for actor, (events, head) in stage.journal.tips().items()
    ]
    received = set().union(*(past.received for past in pasts)) if pasts else set()
    letters: dict[bytes, list[dict[str, Any]]] = {}
    for past in pasts:
        for to, letter in past.sent.values():
            if (
                to in awake
                and not letter["handler"].startswith("@")
                and tuple(letter["from"][:2]) not in received
            ):
                letters.setdefault(to, []).append(letter)
    return letters


def _begin(stage: Stage, sleeper: Sleeper, cell: Cell, past: Past, letters: list[dict[str, Any]]) -> None:
    assert past.state is not None
    stage.asleep.pop(sleeper.name, None)
    cell.record("actor/resumed", {})
    cell.restore_stores(_events(stage, sleeper))
    spawning.begin(cell, past.state, on_start=False)
    for letter in (*past.letters, *letters):
        cell.put(_envelope(cell, letter))
    for seq, event in past.timers.items():
        _rearm(stage, cell, seq, event, past.fired.get(seq, event.time))


def _watch_again(stage: Stage, cell: Cell, past: Past) -> None:
    """Whom it watches and who is alive it watches still; of all others it was told."""
    for to, letter in past.sent.values():
        watched = stage.cells.get(to)
        if letter["handler"] == "@watch" and watched is not None:
            Watch(cell, letter["args"][0]).begin(watched)


def _envelope(cell: Cell, letter: dict[str, Any]) -> Envelope:
    plan = cell.plan.handlers[letter["handler"]]
    plain = (letter["args"], letter.get("kwargs", {}))
    args, kwargs = plan.restore(*plain, cell.theater.recall)
    envelope = Envelope(plan, args, kwargs, plain)
    if letter["from"] is not None:
        actor, seq, head = letter["from"]
        envelope.sender = (actor, seq, head)
    return envelope


def _rearm(stage: Stage, cell: Cell, seq: int, event: Event, since: int) -> None:
    """Start a recorded timer again: what is overdue fires at once, and once only."""
    delay = event.body["delay"] / _BILLION
    letter = {**event.body, "from": None}
    timer = Timer(cell, _envelope(cell, letter), delay=delay, every=event.body["every"])
    timer.go_on(seq, within=max(0.0, delay - (stage.clock() - since) / _BILLION))
