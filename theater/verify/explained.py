"""Which removals were told: ranges of a chain, looked up by one event."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from theater.verify.report import Removal


class Explained:
    """What the `theater/removed` events of a journal cover."""

    def __init__(self, removals: Iterable[Removal]) -> None:
        ranges: dict[bytes, list[tuple[int, int]]] = {}
        for removal in removals:
            ranges.setdefault(removal.actor, []).append((removal.first, removal.last))
        self._ranges = {actor: _merged(sorted(each)) for actor, each in ranges.items()}

    def covers(self, actor: bytes, seq: int) -> bool:
        """Whether one of them tells of this event."""
        ranges = self._ranges.get(actor, [])
        at = bisect_right(ranges, (seq, 2**63)) - 1
        return at >= 0 and seq <= ranges[at][1]


def _merged(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same events in ranges that do not overlap, so that one look finds the only one that can fit."""
    merged = ranges[:1]
    for first, last in ranges[1:]:
        if first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged
