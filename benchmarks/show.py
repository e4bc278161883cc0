"""What a person sees: a table, and below it why a figure is missing."""

from __future__ import annotations

import platform
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from benchmarks.harness import Row

TITLES = {
    "tell": ("tell, a burst", "messages/s"),
    "ask": ("ask, one at a time", "messages/s"),
    "ask64": ("ask, 64 outstanding", "messages/s"),
    "ring": ("ring of 1,000 actors", "hops/s"),
    "spawn": ("spawn and stop", "actors/s"),
    "idle": ("an idle actor", "bytes"),
    "failing": ("ask beside 1,000 failures", "% of alone"),
    "put1": ("durable 1 KiB puts, 1 outstanding", "puts/s"),
    "put64": ("durable 1 KiB puts, 64 outstanding", "puts/s"),
    "put1000": ("durable 1 KiB puts, 1,000 actors", "puts/s"),
    "put8m": ("durable 8 MiB puts", "MB/s"),
    "get": ("gets of 1 KiB", "gets/s"),
    "verify": ("verify", "events/s"),
    "open": ("open 1,000,000 events of 100,000 actors", "ms"),
    "chat": ("a chat of 500 turns, 1 KiB each, on disk", "% of its state"),
    "back": ("an actor with 1,000,000 events, back after a crash", "ms"),
    "blob": ("a content of 100 bytes that is held", "bytes"),
}


def show(found: Sequence[Row], console: Console) -> None:
    console.print(table([row for row in found if not row.error]))
    for row in found:
        if row.error:
            console.print(f"{row.subject}: {row.error}", highlight=False)


def markdown(found: Sequence[Row]) -> str:
    """The same for a page of the docs."""
    lines = ["| case | system | median | unit | spread | of the limit |", "|---|---|---:|---|---:|---:|"]
    for row in found:
        if not row.error:
            cells = (TITLES[row.subject.case][0], row.subject.system, *_figures(row))
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def table(found: Sequence[Row]) -> Table:
    shown = Table(title=f"Python {platform.python_version()}, {platform.machine()}")
    for column in ("case", "system", "median", "unit", "spread", "of the limit"):
        shown.add_column(column, justify="left" if column in {"case", "system", "unit"} else "right")
    before = ""
    for row in found:
        title = TITLES[row.subject.case][0]
        if title != before:
            shown.add_section()
        shown.add_row("" if title == before else title, row.subject.system, *_figures(row))
        before = title
    return shown


def _figures(row: Row) -> tuple[str, str, str, str]:
    if row.middle is None or row.spread is None:
        raise ValueError(f"{row.subject} has no figures")
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    return f"{row.middle:,.0f}", row.unit, f"±{row.spread / 2:.0%}", ratio
