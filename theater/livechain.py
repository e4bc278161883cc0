"""A live chain: an actor's events as they are appended, read from the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from theater.chain import ChainView, Tip
from theater.event import Event

if TYPE_CHECKING:
    from theater.cell import Cell
    from theater.recorder import Line
    from theater.stage import Stage


class LiveChain(ChainView):
    """One actor's chain while its theater runs; grows as the actor acts. Also readable after closing."""

    __slots__ = ("_line", "_stage")

    def __init__(self, stage: Stage, line: Line | Cell) -> None:
        self._stage = stage
        self._line = line

    @property
    def tip(self) -> Tip:
        return Tip(self._line.id, self._line.events, self._line.head)

    @property
    def first(self) -> int:
        return self._stage.journal.first(self._line.id)

    @property
    def committed(self) -> int:
        """How many of these events stand under a signed checkpoint that is durable."""
        return self._stage.journal.committed_of(self._line.id)

    def event(self, seq: int) -> Event:
        return Event.read(self._stage.journal.event(self._line.id, seq))
