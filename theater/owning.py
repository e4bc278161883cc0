"""What a store supervisor sees of its actor."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from theater.loop import Task, start
from theater.store.decision import Place

if TYPE_CHECKING:
    from theater.cell import Cell
    from theater.journal.protocol import Journal
    from theater.stage import Stage


class StoreOwner:
    """The actor that a store supervisor works for."""

    __slots__ = ("_cell", "tasks")

    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self.tasks: set[Task[None]] = set()

    @property
    def id(self) -> bytes:
        return self._cell.id

    @property
    def name(self) -> str:
        return self._cell.name

    @property
    def journal(self) -> Journal:
        return self._cell.theater.journal

    @property
    def world(self) -> Stage:
        return self._cell.theater

    def ask_of_context(self) -> None:
        self._cell.asked()

    def record(self, kind: str, body: dict[str, object]) -> int:
        cell = self._cell
        if kind == "store/new" and "error" not in body:
            cell.theater.lenders[str(body["store"])] = cell.store_supervisor()
        return cell.record(kind, body)

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
