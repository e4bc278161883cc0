"""Measuring: each figure in a process of its own, rounds interleaved, ratios between figures of one round.

Single figures move by a factor of two between runs and machines; a ratio within one round moves far less.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

Case = Callable[[int, Path], float | Coroutine[Any, Any, float]]
"""Measures once: takes how many to do and an empty folder, returns a figure."""

_LONGEST = 300  # seconds that one figure may take


@dataclass(frozen=True, slots=True)
class Subject:
    """One thing to measure: who does what."""

    case: str  # "ask"
    system: str  # "theater"

    def __str__(self) -> str:
        return f"{self.case}:{self.system}"

    @classmethod
    def parse(cls, text: str) -> Subject:
        case, _, system = text.partition(":")
        return cls(case, system)


@dataclass(frozen=True, slots=True)
class Row:
    """What a subject reached in all rounds."""

    subject: Subject
    unit: str
    figures: list[float]  # one per round; empty if it could not be measured
    ratios: list[float]  # to the limit's figure of the same round
    error: str = ""

    @property
    def middle(self) -> float | None:
        return median(self.figures) if self.figures else None

    @property
    def ratio(self) -> float | None:
        return median(self.ratios) if self.ratios else None

    @property
    def spread(self) -> float | None:
        """The distance from lowest to highest round, as a part of the median."""
        return (max(self.figures) - min(self.figures)) / median(self.figures) if self.figures else None

    def as_json(self) -> dict[str, Any]:
        return {
            "case": self.subject.case,
            "system": self.subject.system,
            "unit": self.unit,
            "median": self.middle,
            "spread": self.spread,
            "ratio": self.ratio,
            "rounds": self.figures,
            "error": self.error,
        }


def run_rounds(
    subjects: Sequence[Subject],
    *,
    rounds: int,
    scale: float,
    folder: Path,
    seen: Callable[[Subject, int], None],
) -> tuple[list[dict[Subject, float]], dict[Subject, str]]:
    """Measure every subject once per round; a subject that failed once is left out of later rounds."""
    found: list[dict[Subject, float]] = []
    errors: dict[Subject, str] = {}
    for number in range(rounds):
        found.append({})
        for subject in subjects:
            if subject not in errors:
                seen(subject, number)
                figure, error = measure(subject, scale=scale, folder=folder)
                if figure is None:
                    errors[subject] = error
                else:
                    found[-1][subject] = figure
    return found, errors


def measure(subject: Subject, *, scale: float, folder: Path) -> tuple[float | None, str]:
    """One figure, taken in a fresh process; or why there is none."""
    command = [sys.executable, "-m", "benchmarks", "--one", str(subject), "--scale", str(scale)]
    try:
        done = subprocess.run(
            [*command, "--folder", str(folder)],
            check=False,
            capture_output=True,
            text=True,
            timeout=_LONGEST,
            cwd=Path(__file__).resolve().parent.parent,
        )
    except subprocess.TimeoutExpired:
        return None, f"took more than {_LONGEST} s"
    if done.returncode:
        return None, (done.stderr.strip() or f"ended with {done.returncode}").splitlines()[-1]
    return float(json.loads(done.stdout.splitlines()[-1])), ""


def rows(
    subjects: Sequence[Subject],
    found: Sequence[Mapping[Subject, float]],
    errors: Mapping[Subject, str],
    units: Mapping[str, str],
) -> list[Row]:
    return [
        Row(
            subject,
            units[subject.case],
            figures=[figures[subject] for figures in found if subject in figures],
            ratios=_ratios(subject, found),
            error=errors.get(subject, ""),
        )
        for subject in subjects
    ]


def _ratios(subject: Subject, found: Sequence[Mapping[Subject, float]]) -> list[float]:
    limit = Subject(subject.case, "limit")
    return [figures[subject] / figures[limit] for figures in found if subject in figures and limit in figures]
