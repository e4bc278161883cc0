"""What was found: a row for each subject, with its figures of all rounds and their ratios to the limit's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from benchmarks.kinds import Subject

Key = tuple[str, str]  # of a subject: the name of the work, the label of the system


class Figures:
    """The figures of each round, and why some are missing."""

    def __init__(self) -> None:
        self.rounds: list[dict[Key, float]] = []
        self.errors: dict[Key, str] = {}
        self.stopped = False  # by a person, in the middle of a round

    def begin_round(self) -> None:
        self.rounds.append({})

    def add(self, subject: Subject, figure: float) -> None:
        self.rounds[-1][subject.key] = figure


@dataclass(frozen=True, slots=True)
class Row:
    """What a subject reached in all rounds."""

    case: str
    system: str
    unit: str
    figures: tuple[float, ...]  # one per round; empty if it could not be measured
    ratios: tuple[float, ...] = ()  # to the limit's figure of the same round
    error: str = ""

    @property
    def median(self) -> float | None:
        return median(self.figures) if self.figures else None

    @property
    def ratio(self) -> float | None:
        return median(self.ratios) if self.ratios else None

    @property
    def spread(self) -> float | None:
        """Half the distance from lowest to highest round, as a part of the median."""
        if not self.figures or not median(self.figures):
            return None
        return (max(self.figures) - min(self.figures)) / median(self.figures) / 2

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"median": self.median, "spread": self.spread, "ratio": self.ratio}

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Row:
        return cls(
            case=found["case"],
            system=found["system"],
            unit=found["unit"],
            figures=tuple(found["figures"]),
            ratios=tuple(found["ratios"]),
            error=found["error"],
        )


def rows(subjects: Sequence[Subject], found: Figures) -> list[Row]:
    return [
        Row(
            subject.work.name,
            subject.label,
            subject.work.unit,
            figures=tuple(figures[subject.key] for figures in found.rounds if subject.key in figures),
            ratios=_ratios(subject, found.rounds),
            error=found.errors.get(subject.key, ""),
        )
        for subject in subjects
    ]


def _ratios(subject: Subject, rounds: Sequence[Mapping[Key, float]]) -> tuple[float, ...]:
    mine, limit = subject.key, subject.limit_key
    return tuple(
        figures[mine] / figures[limit] for figures in rounds if mine in figures and figures.get(limit)
    )
