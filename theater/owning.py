"""What a store supervisor sees of its actor."""

from __future__ import annotations

from collections.abc import Coroutine, Iterable
from typing import TYPE_CHECKING, Any

from theater.loop import Future, Task, start
from theater.store import Stores
from theater.store.decision import Place
from theater.store.fold import Fold, fold_of
from theater.store.requests import ready
from theater.store.supervisor import StoreSupervisor

if TYPE_CHECKING:
    from theater.cell import Cell
    from theater.event import Event
    from theater.grants import Grants
    from theater.journal.protocol import Journal
    from theater.prompter import Prompter
    from theater.stage import Stage


class StoreOwner:
    """The actor that a store supervisor works for."""

    __slots__ = ("_cell", "grants", "tasks")

    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self.grants: Grants | None = cell.options.grants
        self.tasks: set[Task[None]] = set()

    @property
    def id(self) -> bytes:
        return self._cell.id

    @property
    def name(self) -> str:
        return self._cell.name

    @property
    def prompter(self) -> Prompter | None:
        turn = self._cell.turn
        return None if turn is None else turn.prompter

    @property
    def journal(self) -> Journal:
        return self._cell.theater.journal

    @property
    def world(self) -> Stage:
        return self._cell.theater

    def ask_of_context(self) -> Prompter | None:
        cell = self._cell
        turn = cell.turn
        if turn is None or turn.seq is None or cell.theater.is_cutting:
            turn = cell.asked()
        return turn.prompter

    def promise(self) -> Future[Any]:
        return self._cell.theater.pump.promise()

    def record_ready(self, kind: str, body: object) -> int:
        return self._cell.theater.recorder.append_prepared(self._cell, kind, body)

    def record(self, kind: str, body: dict[str, object]) -> int:
        cell = self._cell
        if kind == "store/new" and "error" not in body:
            _lend(cell.theater, str(body["store"]), store_supervisor(cell))
        return cell.theater.recorder.append_prepared(cell, kind, ready(body))

    def place(self) -> Place:
        cell = self._cell
        return Place(cell.id, cell.events - 1, cell.head or b"")

    def start(self, coroutine: Coroutine[Any, Any, None]) -> Task[None]:
        task = start(self._cell.loop, coroutine, current=None)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    def entropy(self) -> bytes:
        return self._cell.theater.entropy(16)


def stores_of(cell: Cell) -> Stores:
    """The stores of this actor, as its context offers them."""
    return Stores(store_supervisor(cell))


def store_supervisor(cell: Cell) -> StoreSupervisor:
    """The supervisor of this actor's stores, made on first use: a second task doubles an actor's memory."""
    if cell.stores is None:
        cell.stores = StoreSupervisor(StoreOwner(cell), cell.loop)
    return cell.stores


def restore_stores(cell: Cell, events: Iterable[Event]) -> None:
    """Take up what the chain says of this actor's stores."""
    give_stores(cell, fold_of(events))


def go_on_with_stores(cell: Cell, events: Iterable[Event]) -> None:
    """Take up what a handler asked of the stores that does not run again."""
    done = [one for one in events if one.kind.startswith("store/") and "error" not in one.body]
    for event in done:
        store_supervisor(cell).fold.apply(event.kind, event.body)
        if event.kind == "store/new":
            _lend(cell.theater, str(event.body["store"]), store_supervisor(cell))


def give_stores(cell: Cell, fold: Fold) -> None:
    """Let the actor go on with these stores."""
    if fold.stores:
        cell.stores = StoreSupervisor(StoreOwner(cell), cell.loop, fold)
        for store in fold.stores:
            _lend(cell.theater, store, cell.stores)


def lender_of(stage: Stage, store: str, reader: bytes) -> StoreSupervisor | None:
    """Who has this store, and granted it to this reader if several do."""
    several = stage.views.get(store, ())
    granting = (one for one in several if reader in one.fold.stores[store].readers)
    return next(granting, stage.lenders.get(store))


def _lend(stage: Stage, store: str, supervisor: StoreSupervisor) -> None:
    first = stage.lenders.setdefault(store, supervisor)
    if first is not supervisor:  # a fork and its parent have stores of one id, each its own view
        stage.views.setdefault(store, [first]).append(supervisor)


def store_tasks(cell: Cell) -> list[Task[None]]:
    """What its store supervisor is at."""
    return [] if cell.stores is None else list(cell.stores.tasks())
