"""What the guard keeps and compares: the cost of a case, now and as it stands in `guard.json`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

WORSE = 0.10  # more than is kept
ONE_BUILD = 0.02  # the yardsticks that one build of Python counts differ by 0.5 %
ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Cost:
    """What one message, hop, actor, content or event costs; and a step of the yardstick in that process."""

    each: int  # instructions, or nanoseconds of the processor
    yardstick: int

    def beside(self, kept: Cost) -> float:
        """0.1 is a tenth more; times, and another build of Python, are scaled by the yardstick."""
        scale = self.yardstick / kept.yardstick
        return self.each / kept.each / (1 if abs(scale - 1) < ONE_BUILD else scale) - 1


@dataclass(frozen=True, slots=True)
class Finding:
    """A case as it is kept, and as it was counted."""

    case: str
    kept: Cost | None
    counted: Sequence[Cost]

    @property
    def now(self) -> Cost:
        """The least: what disturbs a count only adds to it."""
        return min(self.counted, key=lambda cost: cost.each)

    @property
    def spread(self) -> float:
        """From the least to the most, as a part of the least."""
        return max(cost.each for cost in self.counted) / self.now.each - 1

    @property
    def change(self) -> float | None:
        return None if self.kept is None else self.now.beside(self.kept)

    @property
    def is_worse(self) -> bool:
        return self.change is not None and self.change > WORSE

    @property
    def is_cheaper(self) -> bool:
        """What is kept lets so much creep back unseen."""
        return self.change is not None and self.change < -WORSE


def find_out(case: str, kept: Cost | None, count: Callable[[], Cost], *, rounds: int | None) -> Finding:
    """Count so often; if that is not said, once, and up to five times while the case seems worse."""
    finding = Finding(case, kept, [count()])
    while len(finding.counted) < (rounds or ROUNDS) and (rounds or finding.is_worse):
        finding = Finding(case, kept, [*finding.counted, count()])
    return finding


Kept = Mapping[str, Mapping[str, Cost]]
"""For each place, which is a Python, a processor and a way to count: the cost of each case."""


def read(path: Path) -> Kept:
    if not path.exists():
        return {}
    return {
        place: {case: Cost(**cost) for case, cost in costs.items()}
        for place, costs in json.loads(path.read_text()).items()
    }


def write(path: Path, kept: Kept) -> None:
    plain = {
        place: {case: asdict(cost) for case, cost in sorted(costs.items())}
        for place, costs in sorted(kept.items())
    }
    path.write_text(json.dumps(plain, indent=1) + "\n")
