"""What a person sees: a table for each family, and below them why figures are missing."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from benchmarks.kinds import Family
from benchmarks.report import Report, Section, sections
from benchmarks.rows import Row

HEAD = ("case", "system", "median", "unit", "spread", "of the limit")


def show(report: Report, families: Sequence[Family], console: Console) -> None:
    for section in sections(report, families):
        console.print(table(section))
    for row in report.rows:
        if row.error:
            console.print(
                f"{row.case}:{row.system} has no figure: {row.error}", highlight=False, markup=False
            )
    for name, reason in report.absent.items():
        console.print(f"{name} was left out: {reason}", highlight=False, markup=False)


def table(section: Section) -> Table:
    titles = {work.name: work.title for work in section.family.works}
    shown = Table(title=section.title, title_justify="left", title_style="bold")
    for column in HEAD:
        shown.add_column(column, justify="left" if column in {"case", "system", "unit"} else "right")
    before = ""
    for row in section.rows:
        title = titles[row.case]
        if title != before:
            shown.add_section()
        shown.add_row("" if title == before else title, row.system, *cells(row))
        before = title
    return shown


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
