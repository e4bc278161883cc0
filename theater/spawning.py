"""Spawning: a value becomes an actor with a name, a supervisor and a chain of its own."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from theater import limits, orders, prompted, restarting, signals, snapshots, supervisor
from theater.actor import Actor
from theater.cell import Cell
from theater.codec import prepare
from theater.errors import ActorFailedError, NameTakenError, SetupError
from theater.failure import text_of
from theater.loop import Future, let_others
from theater.options import DEFAULTS, Options
from theater.plan import plan_of
from theater.recorder import Line
from theater.restart import LAST_GOOD, Reason
from theater.script import spawn_question
from theater.supervision import Supervision, check_name
from theater.waits import Waiting

if TYPE_CHECKING:
    from theater.ref import ActorRef
    from theater.stage import Stage

_GENERATED = re.compile("-[0-9a-f]{12}$")  # how names end that nobody gave; those are not kept by name


async def spawn_top(
    theater: Stage,
    actor: Actor,
    name: str | None,
    options: Options,
    supervision: Supervision | None = None,
) -> ActorRef[Any]:
    """Start an actor of the program outside; returns when its start is durable and `on_start` has ended."""
    cell, _ = _make(theater, None, actor, name, options, supervision=supervision)
    if cell.started is not None:
        await _until_started(cell, cell.started)
    if theater.journal.durable:
        await theater.committed()
    await let_others(len(theater.cells))
    return cell.ref


async def spawn_child(
    parent: Cell,
    actor: Actor,
    name: str | None,
    options: Options,
    supervision: Supervision | None = None,
) -> ActorRef[Any]:
    """Start an actor under `parent`, whose handler waits."""
    if prompted.prompter_of(parent) is not None:
        ref, begun = await _prompted(parent, actor, name, options, supervision)
        if begun is None:
            return ref
        cell, seq = ref._cell, begun  # noqa: SLF001  # the runtime's own link
    else:
        cell, seq = _make(parent.theater, parent, actor, name, options, supervision=supervision)
    await _first_steps(parent, cell, seq)
    await let_others(len(parent.theater.cells))
    return cell.ref


async def _first_steps(parent: Cell, cell: Cell, seq: int) -> None:
    """Wait until the child has started; how that went is recorded, where there was something to wait for."""
    if cell.started is None and not cell.has_ended:
        return
    end = {"from": None, "message": seq}
    try:
        if cell.started is None:  # in an earlier run
            raise ActorFailedError(f"{cell.name} ended before it had started")  # noqa: TRY301
        with _Starting(parent, cell, cell.started):
            await _until_started(cell, cell.started)
    except ActorFailedError as error:
        told = {"class": "ActorFailedError", "text": limits.recordable(str(error))}
        parent.note("message/answered", end | {"error": told})
        raise
    parent.note("message/answered", end | {"answer": None})


async def _prompted(
    parent: Cell,
    actor: Any,
    name: str | None,
    options: Options,
    supervision: Supervision | None,
) -> tuple[ActorRef[Any], int | None]:
    """The child of an actor whose handler runs again; and what it still waits for."""
    prompter = prompted.prompter_of(parent)
    assert prompter is not None
    plan = plan_of(type(_checked(parent, actor)))
    path = None if name is None else path_of(parent, name)
    limits.check_spawn(parent, plan.class_name, options)
    told = limits.narrowed(parent, options).to_plain()
    state = plan.copy_state(actor, parent.theater.world)
    question = spawn_question(plan.class_name, path, told, state)
    said = supervision or plan.supervision
    waits = "on_start" in plan.hooks or (said is not None and bool(said.children))
    refusal = _refusal(parent, plan.class_name, name)
    return await prompted.spawn(prompter, parent, question, refusal, waits=waits)


def _refusal(parent: Cell, class_name: str, name: str | None) -> dict[str, Any]:
    """What the chain of a supervisor says of a child that it could not have."""
    return {"to": parent.id, "ask": False, "args": [class_name, name], "handler": "@spawn"}


class _Starting(Waiting):
    """A supervisor waits for the start of its child; if that fails, for its end."""

    __slots__ = ()

    def is_over(self) -> bool:
        started = self.future
        failed = started.done() and not started.cancelled() and started.exception() is not None
        return self.target.has_ended if failed else started.done()


def path_of(above: Cell | None, name: str) -> str:
    """The path of an actor called `name` under this supervisor.

    Raises:
        SetupError: not a name: 1 to 255 bytes of text without `/`, not `.` or `..`.
    """
    return _below(above, check_name(name))


@lru_cache
def _stem(class_name: str) -> str:
    """How names begin that nobody gave; twelve digits follow."""
    digits = "0" * 12
    return check_name(f"{class_name.lower()}-{digits}").removesuffix(digits)


def _below(above: Cell | None, name: str) -> str:
    return name if above is None else f"{above.name}/{name}"


def _make(
    theater: Stage,
    above: Cell | None,
    actor: object,
    name: str | None,
    options: Options,
    *,
    supervision: Supervision | None,
) -> tuple[Cell, int]:
    """An actor that has begun, and the seq of the intent in the chain of its supervisor."""
    theater.check_open(above)
    actor = _checked(above, actor)
    plan = plan_of(type(actor))
    spawner = above or theater.current_cell()
    if spawner is not None:
        limits.check_spawn(spawner, plan.class_name, options)
        options = limits.narrowed(spawner, options)
    state = plan.copy_state(actor, theater.bound[0])
    id = theater.entropy(16)
    if name is None:
        path = _below(above, f"{_stem(type(actor).__name__)}{id.hex()[:12]}")
    else:
        path = path_of(above, name)
        check_free(theater, path, _refusal(above, plan.class_name, name) if above is not None else None)
    cell = Cell(theater, plan, id=id, name=path, options=options)
    if supervision is not None:
        cell.more().supervision = supervision
    seq = record_spawn(cell, above, state)
    theater.remember(cell, named=name is not None)
    supervisor.add_child(above, cell)
    begin(cell, state)
    return cell, seq


def _checked(above: Cell | None, actor: object) -> Actor:
    """Let through what can be started here."""
    if not isinstance(actor, Actor):
        hint = f"; pass an instance: {actor.__name__}()" if isinstance(actor, type) else ""
        raise SetupError(f"spawn takes an actor, not {actor!r}{hint}")
    if above is not None and above.is_ending:
        raise SetupError(f"{above.name} is stopping and starts no more children")
    return actor


def check_free(
    theater: Stage,
    path: str,
    refusal: dict[str, Any] | None = None,
    *,
    remedy: str = "spawn it with resume=True",
) -> None:
    """See to it that no two actors that are alive have one name; `refusal` is recorded if that is an actor's.

    Raises:
        NameTakenError: the name is in use, here or by one that is asleep.
    """
    alive = theater.names
    why = ""
    if path in alive or (_GENERATED.search(path) and any(one.name == path for one in theater.cells.values())):
        why = f"an actor named {path!r} is alive here"
    elif path in theater.asleep:
        why = f"an actor named {path!r} is asleep in the record; {remedy}"
    if not why:
        return
    spawner = theater.current_cell()
    if refusal is not None and spawner is not None and spawner.current is not None:
        told = {"class": "NameTakenError", "text": limits.recordable(why)}
        spawner.note("message/refused", refusal | {"error": told})
    raise NameTakenError(why)


def record_spawn(
    cell: Cell, above: Cell | None, state: dict[str, Any], more: dict[str, Any] | None = None
) -> int:
    """The intent in the supervisor's chain, then the first event of the new one, which may hold `more`."""
    theater = cell.theater
    line: Line | Cell = theater.root if above is None else above
    class_name = cell.plan.class_name
    # both bodies are written in canonical order, keys by length and then by byte: a third of a spawn less
    intent = {"name": cell.name, "child": cell.id, "class": class_name}
    seq = theater.recorder.append_prepared(line, "actor/spawned", intent)
    body: dict[str, Any] = {
        "key": theater.journal.key.data,
        "name": cell.name,
        "class": class_name,
        "state": prepare(state, name="state") if state else {},
        "source": cell.plan.source_digest,
        "options": {} if cell.options is DEFAULTS else prepare(cell.options.to_plain()),
        "supervisor": [line.id, seq, line.head],
    }
    if cell.plan.version != 1:
        more = {"version": cell.plan.version} | (more or {})
    if more is not None:
        body.update({name: prepare(part) for name, part in more.items()})
        body = dict(sorted(body.items(), key=lambda item: (len(item[0]), item[0])))
    theater.recorder.append_prepared(cell, "actor/spawned", body)
    snapshots.begin(cell)
    return seq


def begin(cell: Cell, state: dict[str, Any]) -> None:
    """Make the instance and start the task."""
    if cell.options.state is not LAST_GOOD and cell.initial is None:
        cell.initial = state
    try:
        restarting.load(cell, state)
    except restarting.PROGRAM_ENDS:
        raise
    except BaseException as error:
        text = f"{cell.class_name} {cell.name!r} failed in on_load: {type(error).__name__}: {text_of(error)}"
        cell.record(
            "actor/failed",
            {"error": {"class": type(error).__name__, "text": text_of(error)}, "handler": "on_load"},
        )
        cell.reason = Reason.FAILED
        supervisor.bury(cell)
        raise ActorFailedError(text) from error
    if ("on_start" in cell.plan.hooks or cell.supervision) and orders.first_steps(cell, is_awaited=False):
        cell.started = cell.loop.create_future()
        cell.signals = orders.first_steps(cell, is_awaited=True)
    go(cell)


def go(cell: Cell) -> None:
    """Let an actor live that is loaded; one with nothing to do rests, without a task, until it has."""
    theater = cell.theater
    if not theater.beating:
        theater.start_beat()
    if cell.signals or cell.queue or cell.stopping or cell.is_ending or cell.events >= cell.due:
        theater.active += 1
        cell.begin_task()
    else:
        cell.state = "running"
        cell.waiter = theater.resting


async def _until_started(cell: Cell, started: Future[None]) -> None:
    try:
        await started
    except ActorFailedError:
        await signals.until_ended(cell)
        raise
