"""Where every event of a journal that goes on is: what was found at its opening, and what came since.

Positions stay in memory until their segment is sealed and has its index; then they are handed over to that.
Of a chain that may go on about 200 bytes are left, of one that has ended nothing: it is searched for in the
indexes, from 20 µs (few chains in a segment) to 1 ms (a hundred thousand) for each.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import repeat
from operator import add
from struct import Struct
from typing import NamedTuple

from theater.journal.filed import Filed
from theater.journal.folder import Folder
from theater.journal.heading import ACTOR_BYTES
from theater.journal.held import SEGMENT_SHIFT, Held
from theater.journal.index import Index
from theater.journal.table import Table
from theater.journal.walk import Batch

_AT_ONCE = 1000  # chains handed over before others have their turn: a millisecond
_MOST = 64  # chains whose way through the segments is remembered
_LEFT = Struct(">QIII")


class _Span(NamedTuple):
    """What a sealed segment holds of a chain."""

    first: int  # seq
    events: int
    segment: int
    end: int  # behind the last of them, counted through all events of the segment


class Places:
    """Positions of events, by chain and seq."""

    __slots__ = ("_filed", "_folder", "_following", "_found", "_left", "_spans", "events", "held")

    def __init__(self, folder: Folder, found: Index, *, segment: int) -> None:
        """Begin with what an opening found, and with this segment, in which the log goes on."""
        # Of each chain, the seq of the first event here; then the positions of that one and all behind it.
        self.events: dict[bytes, array[int]] = {}
        self.held: Held = found.held
        self._folder = folder
        self._found = found
        self._following = segment  # the next to be handed over
        self._left: dict[bytes, bytes] = {}  # of chains that may go on: where the newest was handed over to
        self._filed: dict[int, Filed] = {}  # by segment
        self._spans: dict[bytes, list[_Span]] = {}  # of chains that were read far back

    def __len__(self) -> int:
        """How many positions are in memory, besides those of the opening."""
        return sum(map(len, self.events.values())) - len(self.events)

    @property
    def sealed(self) -> int:
        """How many segments have been handed over, or begun to be."""
        return len(self._filed)

    @property
    def chains(self) -> int:
        """How many chains take memory, besides those of the opening."""
        return len(self.events.keys() | self._left.keys())

    # -- looking up --------------------------------------------------------------------------------------

    def count(self, actor: bytes) -> int:
        """How many events a chain has."""
        positions = self.events.get(actor)
        if positions is not None:
            return positions[0] + len(positions) - 1
        left = self._left.get(actor)
        if left is not None:
            span = _Span(*_LEFT.unpack(left))
            return span.first + span.events
        found = self._found.count(actor)
        if found:
            return found
        spans = self._spans_of(actor)
        return spans[-1].first + spans[-1].events if spans else 0

    def position(self, actor: bytes, seq: int) -> int:
        """Where an event is, which there is."""
        positions = self.events.get(actor)
        if positions is not None and seq >= positions[0]:
            return positions[seq - positions[0] + 1]
        left = self._left.get(actor)
        if left is not None:
            span = _Span(*_LEFT.unpack(left))
            if seq >= span.first:
                return self._position_in(span, seq)
        if seq < self._found.count(actor):
            return self._found.position(actor, seq)
        spans = self._spans_of(actor)
        return self._position_in(spans[bisect_right(spans, seq, key=lambda span: span.first) - 1], seq)

    def committed(self, actor: bytes, to: int) -> int:
        """How many events of a chain stand before a position to which all is committed."""
        positions = self.events.get(actor)
        return self.count(actor) if positions is None else positions[0] + bisect_left(positions, to, 1) - 1

    def _position_in(self, span: _Span, seq: int) -> int:
        place = span.end - span.events + seq - span.first
        return (span.segment << SEGMENT_SHIFT) + self._filed[span.segment].offset(place)

    def _spans_of(self, actor: bytes) -> list[_Span]:
        """What the segments that were handed over hold of a chain, oldest first."""
        spans = self._spans.get(actor)
        if spans is None:
            found = ((filed.segment, filed.span(actor)) for filed in self._filed.values())
            spans = [_Span(span.first, span.events, number, span.end) for number, span in found if span]
            if len(self._spans) >= _MOST:
                del self._spans[next(iter(self._spans))]
            self._spans[actor] = spans
        return spans

    # -- taking in ---------------------------------------------------------------------------------------

    def is_found(self, actor: bytes) -> bool:
        """Whether all of a chain is as the opening found it."""
        is_here = actor in self.events or actor in self._left
        return not is_here and self._found.count(actor) > 0

    def going_on(self, actor: bytes, seq: int) -> array[int]:
        """The positions of a chain that is not here, for that of its event `seq`, the next, to be added."""
        is_here = seq or actor in self._left or self._found.count(actor)  # else it would be searched for
        positions = self.events[actor] = array("Q", [self.count(actor) if is_here else 0])
        return positions

    def add(self, batch: Batch) -> None:
        """Take in the next batch, whose events follow those before them: that was looked at.

        Raises:
            CorruptJournalError: it does not follow the batch before it.
        """
        here = batch.place.segment << SEGMENT_SHIFT
        for actor, (first, offsets) in self._found.follow(batch, counted=None).rows.items():
            positions = self.events.get(actor)
            if positions is None:
                positions = self.going_on(actor, first)
            positions.extend(map(add, offsets, repeat(here)))

    def hand_over(self, table: Table) -> Iterator[None]:
        """Leave to its index what a segment holds, a part of its chains in each step.

        Segments come in their order, each when the one before is done. Behind one that is left out, for it
        is damaged, all stays in memory.
        """
        if table.segment != self._following:
            return
        self._following += 1
        if not self._filed:
            self._found.let_go(self._folder)
        self._filed[table.segment] = Filed(self._folder, table, origin=self._found.origin)
        self._spans.clear()
        behind = (table.segment + 1) << SEGMENT_SHIFT
        end = 0
        for row, (first, count) in enumerate(zip(table.firsts, table.counts, strict=True)):
            end += count
            actor = table.actors[ACTOR_BYTES * row : ACTOR_BYTES * (row + 1)]
            goes_on = self._trim(actor, behind)
            if goes_on or not table.ended[row] or self._found.count(actor):
                self._left[actor] = _LEFT.pack(first, count, table.segment, end)
            else:
                self._left.pop(actor, None)
            if row % _AT_ONCE == _AT_ONCE - 1:
                yield

    def _trim(self, actor: bytes, behind: int) -> bool:
        """Drop the positions of a chain before this one; says whether there are others."""
        positions = self.events.get(actor)
        if positions is None:
            return False
        gone = bisect_left(positions, behind, 1) - 1
        if gone == len(positions) - 1:
            del self.events[actor]
            return False
        kept = positions[gone:]
        kept[0] = positions[0] + gone
        self.events[actor] = kept
        return True
