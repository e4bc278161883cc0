"""What a person sees: a table for each family, and below it why figures are missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

from benchmarks.kinds import Family, Work
from benchmarks.rows import Row

HEAD = ("case", "system", "median", "unit", "spread", "of the limit")


def show(found: Sequence[Row], families: Sequence[Family], console: Console) -> None:
    for family in families:
        works = {work.name: work for work in family.works}
        if mine := [row for row in found if row.case in works and row.figures]:
            console.print(table(family.title, mine, works))
    for row in found:
        if row.error:
            console.print(
                f"{row.case}:{row.system} has no figure: {row.error}", highlight=False, markup=False
            )


def table(title: str, found: Sequence[Row], works: Mapping[str, Work]) -> Table:
    shown = Table(title=title, title_justify="left", title_style="bold")
    for column in HEAD:
        shown.add_column(column, justify="left" if column in {"case", "system", "unit"} else "right")
    before = ""
    for row in found:
        case = works[row.case].title
        if case != before:
            shown.add_section()
        shown.add_row("" if case == before else case, row.system, *cells(row))
        before = case
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
