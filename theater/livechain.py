"""A live chain: an actor's events as they are appended, read from the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from theater.chain import ChainView, Tip
from theater.event import Event
from theater.moments import check_seq, state_at

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
        self._stage.recorder.settle()
        return Tip(self._line.id, self._line.events, self._line.head)

    @property
    def first(self) -> int:
        first = self._stage.journal.first(self._line.id)
        return self.tip.size if first is None else first

    @property
    def committed(self) -> int:
        """How many of these events stand under a signed checkpoint that is durable."""
        journal = self._stage.journal
        return journal.committed_of(self._line.id) if journal.durable else self.tip.size

    def event(self, seq: int) -> Event:
        return Event.read(self._stage.journal.event(self._line.id, seq))

    def state_at(self, seq: int | None = None) -> dict[str, Any]:
        """The state as plain values after event `seq`, or now: as the last handled message left it.

        Raises:
            MissingError: there is no such event.
            HistoryCutError, NotRecordedError: the record does not tell.
        """
        stage = self._stage
        cell = stage.cells.get(self._line.id)
        now = None if cell is None or cell.keeper is None else cell.keeper.plain
        if seq is None and now is not None and not stage.records_messages:
            return now()
        return state_at(self, check_seq(self, seq), stage.recorder.full, now=now)
