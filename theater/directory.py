"""The directory: actors by name, id or ref."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from theater import limits, prompted
from theater.actor import Actor
from theater.cell import Cell
from theater.errors import ActorNotFoundError, HistoryCutError, SetupError
from theater.event import Event, event_hash
from theater.imported import class_of
from theater.options import Options
from theater.plan import ActorPlan, plan_of
from theater.recorder import ROOT, Line
from theater.ref import ActorRef
from theater.restart import Reason

if TYPE_CHECKING:
    from theater.stage import Stage

_ID_BYTES = 16


def find(stage: Stage, name: str) -> Cell:
    """The cell that runs under this path.

    Raises:
        ActorNotFoundError: none does.
    """
    cell = stage.names.get(name)
    if cell is not None:
        return cell
    for cell in stage.cells.values():
        if cell.name == name:
            return cell
    hint = "; it is asleep in the record: resume it first" if name in stage.asleep else ""
    raise ActorNotFoundError(f"no actor named {name!r} runs here{hint}")


def find_for(stage: Stage, asker: Cell, name: str) -> ActorRef[Any]:
    """The same for an actor, if it was granted to: on record, with the answer.

    Raises:
        ActorNotFoundError: none runs under this path.
        NotAllowedError: it is not for this actor to find.
    """
    if type(name) is not str:
        raise TypeError(f"a name is text, not {type(name).__name__}")
    turn = asker.asked()
    body: dict[str, Any] = {"ask": False, "args": [limits.recordable(name)], "handler": "@find"}
    if turn.prompter is not None:
        return prompted.find(turn.prompter, asker, body)
    limits.check_find(asker, name)
    try:
        found = find(stage, name)
    except ActorNotFoundError as error:
        told = {"class": "ActorNotFoundError", "text": limits.recordable(str(error))}
        asker.note("message/refused", body | {"to": asker.id, "error": told})
        raise
    asker.note("message/sent", body | {"to": found.id})
    return found.ref


def line(
    stage: Stage, actor: ActorRef[Any] | str | bytes, *, ended: bool = False
) -> tuple[Stage, Line | Cell]:
    """Where the chain of an actor stands, by ref, name or id; the root has the id of 16 zero bytes.

    A name is that of one who is alive; or else, if it may have `ended`, of the last who had it.
    """
    if isinstance(actor, ActorRef):
        cell = actor._cell
        if cell.theater is not stage:
            raise ActorNotFoundError("a ref of an actor of another theater")
        return stage, _recorded(stage, cell.id) if cell.state == "gone" else cell
    if isinstance(actor, str):
        sleeper = stage.asleep.get(actor)
        if sleeper is not None:
            return stage, _recorded(stage, sleeper.id)
        return stage, _ended(stage, actor) if ended else find(stage, actor)
    if actor == ROOT:
        return stage, stage.root
    if not isinstance(actor, bytes):
        raise SetupError(f"an actor is a ref, a name or an id, not {actor!r}")
    return stage, stage.cells.get(actor) or stage.past.get(actor) or _recorded(stage, actor)


def _ended(stage: Stage, name: str) -> Line | Cell:
    """The chain of whoever runs under this path, or of the last in the record who had it and has ended."""
    try:
        return find(stage, name)
    except ActorNotFoundError:
        ended = [cell for cell in stage.past.values() if cell.name == name and cell.has_ended]
        if ended:
            return ended[-1]
        for actor in reversed(tuple(stage.journal.tips())):
            if actor != ROOT and _born(stage, actor)["name"] == name:
                return _recorded(stage, actor)
        raise


def _recorded(stage: Stage, actor: bytes) -> Line:
    """A chain that nobody appends to now: of an actor that sleeps, or of one that has ended."""
    events, head = stage.journal.tips().get(actor, (0, None))
    committed = stage.journal.committed_of(actor) if len(actor) == _ID_BYTES else 0
    if committed > events:
        events, head = committed, event_hash(stage.journal.event(actor, committed - 1))
    if not events:
        raise ActorNotFoundError(f"no actor with the id {actor.hex() or 'of no bytes'} is in this theater")
    return Line(actor, events, head)


def gone(stage: Stage, actor: bytes) -> Cell:
    """What stands behind a ref of an actor that does not run here: asleep in the record, or ended."""
    born = _born(stage, actor)
    name = born.get("name", f"actor-{actor.hex()[:12]}")
    options = Options.from_plain(stage.recorder.full(born.get("options", {})))
    cell = Cell(stage, _plan(born.get("class", "")), id=actor, name=name, options=options)
    cell.state = "gone"
    cell.is_open = False
    last = _last_event(stage, actor)
    if last is not None and last.kind == "actor/stopped":
        cell.state = "ended"
        cell.reason = Reason(last.body["reason"])
        cell.events, cell.head = last.seq + 1, last.hash
    stage.past.add(cell)
    return cell


def wake(stage: Stage, plan: ActorPlan, *, id: bytes, name: str, options: Options) -> Cell:
    """The cell of an actor that goes on; refs made while it was asleep are good again, and messages wait."""
    cell = stage.past.pop(id)
    if cell is None:
        return Cell(stage, plan, id=id, name=name, options=options)
    watchers, queue, room = cell.watchers, cell.queue, cell.room
    Cell.__init__(cell, stage, plan, id=id, name=name, options=options)
    cell.watchers, cell.queue, cell.room = watchers, queue, room
    return cell


def put_back(stage: Stage, cell: Cell) -> None:
    """The actor could not wake and sleeps on; refs of it are those of a sleeper."""
    stage.forget(cell)
    if cell.supervisor is not None and cell.supervisor.children is not None:
        cell.supervisor.children.pop(cell, None)
    cell.supervisor = cell.actor = cell.keeper = None
    cell.state = "gone"
    cell.is_open = False


def _last_event(stage: Stage, actor: bytes) -> Event | None:
    """The newest event that was there when the theater was opened."""
    events, _ = stage.journal.tips().get(actor, (0, None))
    return Event.read(stage.journal.event(actor, events - 1)) if events else None


def _born(stage: Stage, actor: bytes) -> dict[str, Any]:
    """The body of its first event; empty if it was never here."""
    if actor not in stage.journal.tips():
        return {}
    try:
        return Event.read(stage.journal.event(actor, 0)).body
    except HistoryCutError:  # it was erased
        return {}


def _plan(class_name: str) -> ActorPlan:
    """What the class of an actor that does not run says of its handlers; nothing if it is not known here."""
    try:
        return plan_of(class_of(class_name, {}))
    except SetupError:
        return plan_of(Actor)
