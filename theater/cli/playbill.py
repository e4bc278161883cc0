"""What the demos show: progress while they work, tables when they are done."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from theater import Report
from theater.cli.demos.audit import Audit
from theater.cli.demos.reading import Answer, Tally
from theater.cli.values import size_of

_SHOWN = 3  # files of an answer


class Bars:
    """A bar for each part of the work; `hidden` for programs."""

    def __init__(self, console: Console, *, hidden: bool) -> None:
        parts = (TextColumn("{task.description:<14}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self.progress = Progress(*parts, console=console, disable=hidden)
        self._task = TaskID(0)

    def part(self, title: str, total: int) -> None:
        self._task = self.progress.add_task(title, total=total)

    def step(self, count: int) -> None:
        self.progress.advance(self._task, count)


def library(tally: Tally, report: Report) -> Iterator[RenderableType]:
    """What came of the library."""
    for answer in tally.answers:
        yield _answer(answer)
    rows = _facts()
    rows.add_row("files", f"{tally.files:,}", "read twice")
    if tally.unreadable:
        rows.add_row("unreadable", f"{tally.unreadable:,}", "left out")
    rows.add_row("MB", f"{tally.size / 1e6:,.1f}", "")
    again = "nothing" if not tally.again else size_of(tally.again)
    rows.add_row(
        "distinct MB",
        f"{tally.distinct / 1e6:,.1f}",
        f"in {tally.contents:,} contents; the second reading added {again}",
    )
    rows.add_row("events", f"{tally.events:,}", "hash-linked, and signed with each commit")
    rows.add_row(
        "messages/s", f"{tally.messages / tally.seconds:,.0f}", "each with an effect and a durable put"
    )
    rows.add_row("MB/s", f"{2 * tally.size / tally.seconds / 1e6:,.1f}", "read, hashed, kept and indexed")
    rows.add_row("restarts", str(tally.restarts), f"over {tally.stumbled}; {_state(tally)}")
    right = sum(answer.is_right for answer in tally.answers)
    rows.add_row("answers", f"{right} of {len(tally.answers)}", "as the files themselves say")
    yield rows
    yield verdict(report)


def is_well(tally: Tally) -> bool:
    """Whether all that the demo checks came out right."""
    is_back = tally.counted == 2 * (tally.files - tally.unreadable)
    return is_back and not tally.again and all(answer.is_right for answer in tally.answers)


def ledger(audit: Audit, report: Report) -> Iterator[RenderableType]:
    """What came of the ledger."""
    rows = _facts()
    rows.add_row("accounts", f"{audit.accounts:,}", "an actor each")
    rows.add_row("opened with", f"{audit.opened:,}", "by the first event of each chain")
    rows.add_row(
        "transfers", f"{audit.transfers:,}", f"{audit.moved:,} moved, each amount matched with its teller's"
    )
    rows.add_row("refused", f"{audit.refused:,}", "InsufficientFunds, an answer that its handler declares")
    rows.add_row("least held", f"{audit.lowest:,}", "never below nothing")
    rows.add_row("closed with", f"{audit.closed:,}", "by adding up each chain")
    yield rows
    sure = "from the chains alone: none was made or lost"
    wrong = f"made or lost: {'; '.join(audit.faults[:_SHOWN]) or audit.closed - audit.opened}"
    yield Text(sure if audit.ok else wrong, "bold green" if audit.ok else "bold red")
    yield verdict(report)


def verdict(report: Report) -> Text:
    """The line of `theater verify`."""
    return Text(str(report), "bold green" if report.ok else "bold red")


def _facts() -> Table:
    rows = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    rows.add_column(style="bold")
    rows.add_column(justify="right", style="cyan")
    rows.add_column(style="dim")
    return rows


def _answer(answer: Answer) -> Text:
    places = ", ".join(f"{found.path}:{found.line}" for found in answer.found[:_SHOWN])
    more = f" and {len(answer.found) - _SHOWN:,} more" if len(answer.found) > _SHOWN else ""
    mark = ("✓ ", "green") if answer.is_right else ("✗ ", "red")
    return Text.assemble(mark, "which files use ", (answer.name, "bold"), f"? {places or 'none'}{more}")


def _state(tally: Tally) -> str:
    expected = 2 * (tally.files - tally.unreadable)
    if tally.counted == expected:
        return f"state back: {tally.counted:,} readings counted"
    return f"STATE LOST: {tally.counted:,} readings counted, not {expected:,}"
