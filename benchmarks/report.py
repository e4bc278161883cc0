"""What one run found, with what a reader must know to believe it; written as JSON and read back."""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.kinds import UVLOOP, Family
from benchmarks.rows import Row


class ReportError(Exception):
    """A file is not one that `--json` wrote."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Where and how the figures were taken."""

    python: str  # "3.11.7"
    machine: str  # "Linux x86_64"
    processors: int
    date: str  # "2026-11-23"
    command: str
    rounds: int
    minutes: float
    is_whole: bool = True  # else it was stopped in the middle

    @classmethod
    def here(cls, *, command: str, rounds: int, seconds: float, is_whole: bool = True) -> Circumstances:
        return cls(
            python=platform.python_version(),
            machine=f"{platform.system()} {platform.machine()}",
            processors=os.cpu_count() or 0,
            date=dt.datetime.now(tz=dt.UTC).date().isoformat(),
            command=command,
            rounds=rounds,
            minutes=round(seconds / 60, 1),
            is_whole=is_whole,
        )


@dataclass(frozen=True, slots=True)
class Report:
    made: Circumstances
    rows: list[Row]
    absent: dict[str, str] = field(default_factory=dict)  # the name of a peer: why it is not here

    def write(self, path: Path) -> None:
        found = {
            "made": asdict(self.made),
            "absent": self.absent,
            "rows": [row.as_json() for row in self.rows],
        }
        path.write_text(json.dumps(found, indent=1) + "\n")

    @classmethod
    def read(cls, path: Path) -> Report:
        """Raises: ReportError."""
        try:
            found = json.loads(path.read_text())
            return cls(Circumstances(**found["made"]), [*map(Row.from_json, found["rows"])], found["absent"])
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise ReportError(f"{path} is not what --json writes: {error}") from error


@dataclass(frozen=True, slots=True)
class Section:
    """The figures of one family on one loop; what ran on uvloop stands apart."""

    name: str  # "messages", "messages-uvloop"
    title: str
    family: Family
    rows: list[Row]  # those that have figures


def sections(report: Report, families: Sequence[Family]) -> Iterator[Section]:
    for family in families:
        names = {work.name for work in family.works}
        mine = [row for row in report.rows if row.case in names and row.figures]
        plain = [row for row in mine if not row.system.endswith(UVLOOP)]
        fast = [row for row in mine if row.system.endswith(UVLOOP)]
        if plain:
            yield Section(family.name, family.title, family, plain)
        if fast:
            yield Section(f"{family.name}-uvloop", f"{family.title}, on uvloop", family, fast)
