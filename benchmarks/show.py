"""What a person sees: a table for each family, and below them why figures are missing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby, zip_longest
from textwrap import wrap

from rich.console import Console
from rich.table import Table

from benchmarks.kinds import UVLOOP, Family
from benchmarks.report import Report, Section, sections
from benchmarks.rows import Row

HEAD = ("case", "system", "median", "unit", "spread", "of the limit")
BLANK = ("",) * (len(HEAD) - 1)
FRAME = 3  # a column's line and two spaces
NARROWEST = 10  # columns for the titles of cases


def show(report: Report, families: Sequence[Family], console: Console) -> None:
    for section in sections(report, families):
        console.print(table(section, width=console.width))
    for row in report.rows:
        if row.error:
            console.print(
                f"{row.case}:{row.system} has no figure: {row.error}", highlight=False, markup=False
            )
    for name, reason in report.absent.items():
        console.print(f"{name} was left out: {reason}", highlight=False, markup=False)


def table(section: Section, *, width: int) -> Table:
    """Every figure and every name whole, in so many columns of the terminal: only the cases are wrapped."""
    shown = Table(title=section.title, title_justify="left", title_style="bold")
    for column in HEAD:
        shown.add_column(column, justify="left" if column in {"case", "system", "unit"} else "right")
    for block in blocks(section, width=width):
        shown.add_section()
        for line in block:
            shown.add_row(*line)
    return shown


def blocks(section: Section, *, width: int) -> Iterator[list[Sequence[str]]]:
    """The lines of each case, its title beside them."""
    titles = {work.name: work.title for work in section.family.works}
    lines = [(row.system.removesuffix(UVLOOP), *cells(row)) for row in section.rows]
    taken = sum(max(map(len, column)) + FRAME for column in zip(HEAD[1:], *lines, strict=True))
    room = max(NARROWEST, width - taken - FRAME - 1)
    for case, numbered in groupby(enumerate(section.rows), key=lambda each: each[1].case):
        mine = [lines[place] for place, _ in numbered]
        beside = zip_longest(wrap(titles[case], room), mine)
        yield [(title or "", *(line or BLANK)) for title, line in beside]


def cells(row: Row) -> tuple[str, str, str, str]:
    """Median, unit, spread and ratio, as they are written in a table."""
    if row.median is None:
        return "", row.unit, "", ""
    spread = "" if row.spread is None or len(row.figures) == 1 else f"±{row.spread:.0%}"
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    return number(row.median), row.unit, spread, ratio


def number(figure: float) -> str:
    """Three digits at least."""
    return f"{figure:,.0f}" if abs(figure) >= 100 else f"{figure:.3g}"
