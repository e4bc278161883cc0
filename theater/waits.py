"""The graph of waits: who waits for whom, and whether one more wait would close a circle.

An actor handles one message at a time, so an actor whose handler waits serves nobody; any circle of such
waits would last for ever. Ask, tell for room, stop, kill and spawn each add an edge while they wait.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from theater.cell import Cell


def circle(asker: Cell, target: Cell, *, end: bool = False) -> list[str] | None:
    """The names on the way `asker` → `target` → … → `asker`, or None if there is no such way.

    With `end` the asker waits for the target's end, and so for all that the target supervises.
    """
    if target is not asker and not target.waits and not (end and target.children):
        return None
    found: dict[Cell, Cell] = {target: asker}
    line = [target]
    while line:
        cell = line.pop()
        if cell is asker:
            return _path(found, asker, target)
        for further in _waits_of(cell, end=end):
            if further not in found:
                found[further] = cell
                line.append(further)
    return None


def _waits_of(cell: Cell, *, end: bool) -> Iterable[Cell]:
    yield from cell.waits or ()
    if end or cell.is_ending:
        yield from cell.children or ()


def _path(found: dict[Cell, Cell], asker: Cell, target: Cell) -> list[str]:
    names = [asker.name]
    cell = found[asker]
    while cell is not asker and cell is not target:
        names.append(cell.name)
        cell = found[cell]
    if target is not asker:
        names.append(target.name)
    return [asker.name, *reversed(names)]


@contextmanager
def waiting(asker: Cell, target: Cell) -> Iterator[None]:
    """An edge of the graph, for as long as the wait lasts."""
    waits = asker.waits
    if waits is None:
        waits = asker.waits = {}
    waits[target] = waits.get(target, 0) + 1
    try:
        yield
    finally:
        if waits[target] == 1:
            del waits[target]
        else:
            waits[target] -= 1
