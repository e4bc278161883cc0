"""The graph of waits: who waits for whom, and whether one more wait would close a circle.

An actor handles one message at a time, so an actor whose handler waits serves nobody; any circle of such
waits would last for ever. Ask, tell for room, stop, kill and spawn each add an edge while they wait.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any

from theater.errors import AskCycleError
from theater.loop import Future

if TYPE_CHECKING:
    from theater.cell import Cell
    from theater.turn import Held


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


def leads_to(cell: Cell, targets: Container[Cell]) -> bool:
    """Say whether `cell` waits, through whomever, for one of `targets`."""
    found, line = {cell}, [cell]
    while line:
        for further in _waits_of(line.pop(), end=False):
            if further in targets:
                return True
            if further not in found:
                found.add(further)
                line.append(further)
    return False


def _waits_of(cell: Cell, *, end: bool) -> Iterator[Cell]:
    for wait in cell.waits or ():
        if not wait.is_over():
            yield wait.target
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


def hand_on(asker: Cell, future: Future[Any], target: Cell) -> None:
    """What `asker` waits for comes from `target` now."""
    for wait in asker.waits or ():
        if wait.future is future:
            wait.target = target


class Waiting:
    """An edge of the graph, for as long as the wait lasts: `asker` waits for what `target` does."""

    __slots__ = ("asker", "future", "target")

    def __init__(self, asker: Cell, target: Cell, future: Future[Any]) -> None:
        self.asker = asker
        self.target = target
        self.future = future  # done when the wait is over

    def is_over(self) -> bool:
        """Whoever has an answer waits no longer, though its task has yet to go on."""
        return self.future.done()

    def begin(self) -> None:
        if self.asker.waits is None:
            self.asker.waits = set()
        self.asker.waits.add(self)

    def end(self) -> None:
        assert self.asker.waits is not None
        self.asker.waits.discard(self)

    def __enter__(self) -> None:
        self.begin()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()


async def until(edge: Waiting, asks: set[Future[Any]]) -> None:
    """Wait along this edge; `asks` are the futures by which the handler learns that its asker gave up.

    Raises:
        AskCycleError: the wait would close a circle.
    """
    path = circle(edge.asker, edge.target)
    if path is not None:
        raise AskCycleError(path)
    asks.add(edge.future)
    try:
        with edge:
            await edge.future
    finally:
        asks.discard(edge.future)


class WaitingForStep(Waiting):
    """`asker` waits for the next step of the target's handler (that it reads, or sends), not for its end.

    A handler that runs tasks of its own may take that step in one of them, whatever the others wait for; so
    the edge counts only while it runs none, and while it has not dropped what it would take the step with.
    """

    __slots__ = ("held",)

    def __init__(self, asker: Cell, target: Cell, future: Future[Any], held: Held) -> None:
        super().__init__(asker, target, future)
        self.held = held  # by the target

    def is_over(self) -> bool:
        turn = self.target.turn
        return self.held.is_dropped or self.future.done() or turn is None or bool(turn.tasks)
