"""Faded: actors that have ended, for as long as somebody holds a ref of them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import ref

if TYPE_CHECKING:
    from theater.cell import Cell

_SPARE = 1_024  # references to nothing that may lie about


class Faded:
    """Cells by id, held weakly.

    A `WeakValueDictionary` takes 1.2 µs for each actor, a tenth of what starting and stopping it does: for a
    callback that cleans up after it. Here that is done for many at once.
    """

    __slots__ = ("_cells", "_most")

    def __init__(self) -> None:
        self._cells: dict[bytes, ref[Cell]] = {}
        self._most = _SPARE

    def __len__(self) -> int:
        """How many there are, or were until lately."""
        return len(self._cells)

    def add(self, cell: Cell) -> None:
        self._cells[cell.id] = ref(cell)
        if len(self._cells) > self._most:
            self._cells = {id: held for id, held in self._cells.items() if held() is not None}
            self._most = 2 * len(self._cells) + _SPARE

    def get(self, id: bytes) -> Cell | None:
        held = self._cells.get(id)
        return None if held is None else held()

    def pop(self, id: bytes) -> Cell | None:
        held = self._cells.pop(id, None)
        return None if held is None else held()

    def values(self) -> list[Cell]:
        """Oldest first."""
        return [cell for held in self._cells.values() if (cell := held()) is not None]
