"""Lanes: the mailbox of an actor that has priority handlers, where other actors have one line.

Taken from are those that were unstashed, then the priority lane, then the ordinary one; within each in the
order in which they came.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from theater.mailbox import Envelope


class Lanes:
    """Stands in the place of a deque of envelopes."""

    __slots__ = ("front", "ordinary", "urgent")

    def __init__(self, envelopes: Iterable[Envelope] = ()) -> None:
        self.front: deque[Envelope] = deque()  # unstashed
        self.urgent: deque[Envelope] = deque()
        self.ordinary: deque[Envelope] = deque()
        for envelope in envelopes:
            self.append(envelope)

    def append(self, envelope: Envelope) -> None:
        (self.urgent if envelope.plan.priority else self.ordinary).append(envelope)

    def extendleft(self, envelopes: Iterable[Envelope]) -> None:
        self.front.extendleft(envelopes)

    def popleft(self) -> Envelope:
        return (self.front or self.urgent or self.ordinary).popleft()

    def remove(self, envelope: Envelope) -> None:
        for lane in (self.front, self.urgent, self.ordinary):
            if envelope in lane:
                lane.remove(envelope)

    def of(self, envelope: Envelope) -> Iterable[Envelope]:
        """What shares a lane's places with this message, oldest first."""
        return self.urgent if envelope.plan.priority else chain(self.front, self.ordinary)

    def taken(self, envelope: Envelope) -> int:
        """How many places of its lane are taken."""
        return len(self.urgent) if envelope.plan.priority else len(self.front) + len(self.ordinary)

    def __iter__(self) -> Iterator[Envelope]:
        return chain(self.front, self.urgent, self.ordinary)

    def __len__(self) -> int:
        return len(self.front) + len(self.urgent) + len(self.ordinary)
