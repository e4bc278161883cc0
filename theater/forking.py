"""Forking: from a moment in the record on, another actor goes on in a chain of its own.

The first event of a fork names the parent's chain, seq and hash, and holds all that the fork begins with. Its
stores are its own view; mailbox, timers, links and watches stay with the parent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from theater import cut, directory, limits, restarting, spawning, supervisor
from theater.actor import Actor
from theater.cell import Cell
from theater.chain import Chain, ChainView
from theater.codec import ActorAddress
from theater.errors import ActorFailedError, ActorNotFoundError, HistoryCutError, NotRecordedError, SetupError
from theater.failure import text_of
from theater.imported import class_of, named
from theater.livechain import LiveChain
from theater.loop import let_others
from theater.migrating import lifted
from theater.moments import check_seq, rest_before, stores_at, version_at
from theater.options import Options
from theater.owning import give_stores
from theater.plan import ActorPlan, plan_of
from theater.recorder import ROOT
from theater.replaying import source_of, told_or_rebuilt
from theater.restart import Reason, Restore
from theater.store.fold import Fold

if TYPE_CHECKING:
    from theater.ref import ActorRef
    from theater.stage import Stage
    from theater.supervision import Supervision


@dataclass(slots=True, eq=False)
class _Part:
    """One actor as it was, and the one that is to go on from there."""

    parent: bytes  # id
    point: list[Any]  # triple of the event after which it starts
    path: str  # of the parent
    plan: ActorPlan
    options: Options
    state: dict[str, Any]
    stores: Fold
    supervision: Supervision | None = None  # in the place of what its class says
    above: bytes | None = None  # id of the parent's supervisor, if that is forked with it
    cell: Cell | None = None


async def fork(
    stage: Stage,
    actor: ActorRef[Any] | str | bytes,
    *,
    at: int | None,
    name: str | None,
    crew: bool,
    classes: Sequence[type[Actor]],
) -> ActorRef[Any]:
    """Start forks; returns the topmost when all are durable."""
    stage.check_open(None)
    chain = LiveChain(*directory.line(stage, actor, ended=True))
    given = named(classes)
    if chain.actor == ROOT:
        raise SetupError("the theater itself is no actor: fork one of its actors")
    parts = _crew(stage, chain, at, given) if crew else [_part(stage, chain, at, given)]
    cells = _place(stage, parts, name)
    _load(stage, parts)
    try:
        for part in parts:
            _record(part, cells)
    except BaseException:
        _take_back(stage, cells)
        raise
    for cell in cells.values():
        spawning.go(cell)
    top = parts[0].cell
    assert top is not None
    if stage.journal.durable:
        await stage.committed()
    await let_others(len(stage.cells))
    return top.ref


def _crew(stage: Stage, top: LiveChain, at: int | None, given: Mapping[str, type[Actor]]) -> list[_Part]:
    """The supervisor and all below it, each where the cut has it."""
    if not stage.records_messages:
        raise NotRecordedError("a crew is forked at one instant, which only recorded messages tell")
    when = None if at is None else check_seq(top, at)

    def chain_of(actor: bytes) -> ChainView:
        try:
            return LiveChain(*directory.line(stage, actor))
        except ActorNotFoundError:
            return Chain(actor)  # it was announced, and could not be recorded

    parts: list[_Part] = []
    for actor, seq in cut.cut(chain_of, stage.journal.position, top.actor, when).items():
        part = _part(stage, LiveChain(*directory.line(stage, actor)), seq, given)
        part.above = chain_of(actor)[0].body["supervisor"][0] if parts else None
        parts.append(part)
    return parts


def _part(stage: Stage, chain: LiveChain, at: int | None, given: Mapping[str, type[Actor]]) -> _Part:
    cell = stage.cells.get(chain.actor)
    if cell is not None and cell.keeper is not None and at is None and cell.current is None:
        return _live(cell, chain)
    seq = check_seq(chain, at)
    point = rest_before(chain, seq)
    full = stage.recorder.full
    born = full(chain[0].body)
    plan = plan_of(class_of(born["class"], given)) if cell is None else cell.plan
    return _Part(
        parent=chain.actor,
        point=[chain.actor, point.seq, point.hash],
        path=born["name"],
        plan=plan,
        options=Options.from_plain(born["options"]),
        state=lifted(
            plan,
            told_or_rebuilt(
                partial(chain.state_at, point.seq),
                source_of(stage.journal, stage.folder),
                chain.actor,
                at=point.seq,
                classes=[*given.values(), plan.cls],
            ),
            version_at(chain, point.seq),
        ),
        stores=stores_at(chain, point.seq, full),
        supervision=None if cell is None or cell.extras is None else cell.extras.supervision,
    )


def _live(cell: Cell, chain: LiveChain) -> _Part:
    """An actor that is at rest now: all is at hand, also where a bounded record has dropped it."""
    seq, head = len(chain) - 1, chain.head
    if cell.theater.records_messages:
        try:
            point = rest_before(chain, seq)
        except HistoryCutError:
            pass  # its newest event will do
        else:
            seq, head = point.seq, point.hash
    assert cell.keeper is not None
    return _Part(
        parent=cell.id,
        point=[cell.id, seq, head],
        path=cell.name,
        plan=cell.plan,
        options=cell.options,
        state=cell.keeper.plain(),
        stores=Fold() if cell.stores is None else cell.stores.fold,
        supervision=None if cell.extras is None else cell.extras.supervision,
    )


def _place(stage: Stage, parts: Sequence[_Part], name: str | None) -> dict[bytes, Cell]:
    """A cell for each, in its place in the tree; nothing is recorded yet.

    Raises:
        NameTakenError, NotAllowedError, SetupError: it cannot be there.
    """
    cells: dict[bytes, Cell] = {}
    spawner = stage.current_cell()
    for part in parts:
        limits.check_spawn(spawner, part.plan.class_name, part.options)
    own = parts[0].path.rpartition("/")[2]
    ids = [stage.entropy(16) for _ in parts]
    path = spawning.path_of(None, f"{own[:200]}-{ids[0].hex()[:12]}" if name is None else name)
    spawning.check_free(stage, path, remedy="give the fork another name")
    for id, part in zip(ids, parts, strict=True):
        mine = path + part.path.removeprefix(parts[0].path)
        options = limits.narrowed(spawner, part.options)
        part.cell = cell = Cell(stage, part.plan, id=id, name=mine, options=options)
        stage.remember(cell, named=True)
        supervisor.add_child(None if part.above is None else cells[part.above], cell)
        if part.supervision is not None:
            cell.more().supervision = part.supervision
        cells[part.parent] = cell
    return cells


def _load(stage: Stage, parts: Sequence[_Part]) -> None:
    """Make all instances, whose refs of one another are those of the forks; all of them, or none.

    Raises:
        ActorFailedError: `on_load` failed.
        TypeError: a recorded state does not fit its class.
    """
    successors = {part.parent: part.cell.id for part in parts if part.cell is not None}
    for part in parts:
        cell = part.cell
        assert cell is not None
        part.state = _readdressed(part.state, successors)
        part.stores = part.stores.view(successors)
        try:
            part.plan.restore_state(part.state, stage.recall)
            restarting.load(cell, part.state)
        except BaseException as error:
            for one in parts:
                if one.cell is not None:
                    directory.put_back(stage, one.cell)
            if isinstance(error, restarting.PROGRAM_ENDS):
                raise
            what = f"{cell.class_name} {cell.name!r} could not be forked: {type(error).__name__}"
            raise ActorFailedError(f"{what}: {text_of(error)}") from error


def _record(part: _Part, cells: Mapping[bytes, Cell]) -> None:
    """The intent in the supervisor's chain, then the fork's first event, with all that it begins with."""
    cell = part.cell
    assert cell is not None
    above = None if part.above is None else cells[part.above]
    more: dict[str, Any] = {"fork": part.point}
    if part.stores.stores:
        more["stores"] = part.stores.snapshot()
    spawning.record_spawn(cell, above, part.state, more)
    give_stores(cell, part.stores)
    if cell.options.state is Restore.INITIAL:
        cell.initial = part.state


def _take_back(stage: Stage, cells: Mapping[bytes, Cell]) -> None:
    """Not all could be recorded, for want of room on the disk: those that were end, the others never were."""
    for cell in reversed(tuple(cells.values())):
        if cell.events:
            cell.reason = Reason.FAILED
            supervisor.bury(cell)
        else:
            directory.put_back(stage, cell)


def _readdressed(value: Any, successors: Mapping[bytes, bytes]) -> Any:
    """A plain value in which forks stand where their parents stood."""
    kind = type(value)
    if kind is ActorAddress:
        return ActorAddress(successors.get(value.id, value.id))
    if kind is dict:
        return {key: _readdressed(item, successors) for key, item in value.items()}
    if kind in {list, tuple, set, frozenset}:
        return kind(_readdressed(item, successors) for item in value)
    return value
