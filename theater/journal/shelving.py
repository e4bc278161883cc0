"""Shelving: hands over the positions of sealed segments to their indexes, while the event loop goes on."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from theater.journal.log import Writes
from theater.journal.places import Places
from theater.journal.steps import call
from theater.journal.table import Table
from theater.loop import Loop


class Shelving:
    """Takes one segment after the other, a part of its chains in each turn of the loop."""

    def __init__(self, places: Places, log: Writes, *, loop: Loop) -> None:
        """Have the log tell what is sealed."""
        self.has_ended = False
        self._places = places
        self._loop = loop
        self._tables: deque[Table] = deque()  # the first is being handed over
        self._steps: Iterator[None] | None = None
        log.on_sealed(lambda table: call(loop, self._take, table))

    @property
    def is_at_rest(self) -> bool:
        """Whether all that was sealed, and has its index, is handed over."""
        return not self._tables

    def _take(self, table: Table) -> None:
        self._tables.append(table)
        if len(self._tables) == 1:
            self._step()

    def _step(self) -> None:
        if self.has_ended:
            return
        if self._steps is None:
            self._steps = self._places.hand_over(self._tables[0])
        if next(self._steps, self) is self:
            self._steps = None
            self._tables.popleft()
        if self._tables:
            self._loop.call_soon(self._step)
