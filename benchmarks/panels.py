"""What a chart shows, as values: a panel of points for each case, or of lines for each case that grows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.kinds import Work
from benchmarks.report import Section

ROOM = 1.3  # above and below a line


@dataclass(frozen=True, slots=True)
class Points:
    """One case: a point for each system, the best first."""

    title: str
    unit: str
    points: list[tuple[str, float]]

    @property
    def caption(self) -> str:
        less = ", less is better" if self.points[0][1] < self.points[-1][1] else ""
        return f"{self.title}\n{self.unit}{less}"


@dataclass(frozen=True, slots=True)
class Lines:
    """One case at many sizes: a line for each system."""

    title: str
    unit: str
    lines: dict[str, list[tuple[int, float]]]  # the system: sizes and figures, the smallest size first
    along: str = ""  # of what there are so many

    @property
    def caption(self) -> str:
        return f"{self.title}\n{self.unit}"

    @property
    def heights(self) -> tuple[float, float]:
        """The ends of the axis: a factor of ten at least, so that noise looks like noise."""
        figures = [figure for line in self.lines.values() for _, figure in line]
        least, most = min(figures) / ROOM, max(figures) * ROOM
        stretch = max(1.0, 10 / (most / least)) ** 0.5
        return least / stretch, most * stretch


def panels(section: Section) -> list[Points | Lines]:
    """Those in which there is something to compare."""
    single = [work for work in section.family.works if not work.curve]
    curves = list(dict.fromkeys(work.curve for work in section.family.works if work.curve))
    return [*_points(section, single), *(line for name in curves for line in _lines(section, name))]


def _points(section: Section, works: list[Work]) -> Iterator[Points]:
    for work in works:
        points = [(row.system, row.median) for row in section.rows if row.case == work.name and row.median]
        if len(points) > 1:
            points.sort(key=lambda point: point[1], reverse=not work.less_is_better)
            yield Points(work.title, work.unit, points)


def _lines(section: Section, curve: str) -> Iterator[Lines]:
    works = {work.name: work for work in section.family.works if work.curve == curve}
    lines: dict[str, list[tuple[int, float]]] = {}
    for row in section.rows:
        if row.case in works and row.median:
            lines.setdefault(row.system, []).append((works[row.case].count, row.median))
    if any(len(line) > 1 for line in lines.values()):
        work = next(iter(works.values()))
        yield Lines(
            work.title.partition(":")[0],
            work.unit,
            {system: sorted(line) for system, line in lines.items()},
            work.along,
        )
