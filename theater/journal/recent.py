"""Where among the newest events those of each chain are: the index of the journal in memory."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import deque
from itertools import islice

from theater.journal.heading import heading


class Recent:
    """Numbers in the log by chain and seq; brought up to date only when somebody looks."""

    __slots__ = ("_chains", "_made_at", "_next")

    def __init__(self) -> None:
        self._chains: dict[bytes, tuple[int, array[int]]] = {}  # actor: first seq, numbers in the log
        self._made_at = 0
        self._next = 0

    def follow(self, events: deque[bytes], oldest: int) -> None:
        """Take in what was appended since the last look; `oldest` is the number of the first kept event."""
        if oldest - self._made_at > len(events):  # a whole log later, most of the index names dropped events
            self._chains.clear()
            self._made_at = self._next = oldest
        start = max(self._next, oldest)
        # from its near end: a deque is reached into block by block
        new = [*islice(reversed(events), oldest + len(events) - start)]
        for number, data in enumerate(reversed(new), start):
            actor, seq = heading(data)
            chain = self._chains.get(actor)
            if chain is None or seq != chain[0] + len(chain[1]):
                chain = self._chains[actor] = seq, array("Q")
            chain[1].append(number)
        self._next = oldest + len(events)

    def number(self, actor: bytes, seq: int) -> int | None:
        first, numbers = self._chains.get(actor, (0, ()))
        return numbers[seq - first] if 0 <= seq - first < len(numbers) else None

    def span(self, actor: bytes, oldest: int) -> tuple[int | None, int]:
        """The first seq of a chain with at least the number `oldest`, and the one behind its last.

        None and 0 if there is none.
        """
        first, numbers = self._chains.get(actor, (0, ()))
        start = bisect_left(numbers, oldest)
        return (first + start, first + len(numbers)) if start < len(numbers) else (None, 0)
