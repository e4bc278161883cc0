"""`python -m benchmarks`: measure, show tables, and keep figures and charts if asked to."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Sequence

from rich.console import Console

from benchmarks import charts
from benchmarks.beforehand import MOUNTS, check, is_in_memory
from benchmarks.choose import ChoiceError, choose
from benchmarks.environments import Environments
from benchmarks.families import FAMILIES
from benchmarks.guard import guard
from benchmarks.harness import Harness, run_rounds
from benchmarks.listing import show_all
from benchmarks.options import Options, parse
from benchmarks.page import PageError, rewrite
from benchmarks.prepare import prepare
from benchmarks.report import Circumstances, Report, ReportError
from benchmarks.rows import rows
from benchmarks.show import show

QUICK = 0.1  # of the counts
STOPPED = 130  # as shells say that ctrl-C ended a program


def main(arguments: Sequence[str] | None = None) -> int:
    options, console = parse(arguments), Console()
    if options.list:
        show_all(FAMILIES, console)
        return 0
    try:
        check(options)
        if options.guard:
            return guard(options.cases, console, counts=options.counts, update=options.update)
        report = Report.read(options.figures) if options.figures else measure(options, console)
        show(report, FAMILIES, console)
        keep(report, options)
    except (ChoiceError, PageError, ReportError, charts.NoMatplotlibError) as error:
        print(f"python -m benchmarks: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("python -m benchmarks: stopped; nothing is kept", file=sys.stderr)
        return STOPPED
    if not report.made.is_whole:
        print("stopped: these are the figures until then", file=sys.stderr)
        return STOPPED
    return 1 if any(row.error for row in report.rows) else 0


def measure(options: Options, console: Console) -> Report:
    """Raises: ChoiceError."""
    begun = time.monotonic()
    subjects = choose(
        FAMILIES, cases=options.cases, systems=options.systems, peers=options.peers, uvloop=options.uvloop
    )
    if MOUNTS.exists() and is_in_memory(options.folder, mounts=MOUNTS.read_text()):
        console.print(f"{options.folder} is in memory: `durable` is not, there. --folder DIR names a disk.")
    environments = Environments(options.environments, seen=console.print)
    prepared = prepare(subjects, python_for=environments.python_for, asked=options.peers)
    harness = Harness(scale=QUICK if options.quick else 1.0, folder=options.folder, pythons=prepared.pythons)
    with console.status("measuring") as status:
        figures = run_rounds(
            prepared.subjects,
            harness,
            rounds=options.rounds,
            seen=lambda subject, number: status.update(f"round {number + 1} of {options.rounds}: {subject}"),
        )
    made = Circumstances.here(
        command=options.command,
        rounds=options.rounds,
        seconds=time.monotonic() - begun,
        is_whole=not figures.stopped,
    )
    return Report(made, rows(prepared.subjects, figures), prepared.absent)


def keep(report: Report, options: Options) -> None:
    """Write what was asked for.

    Raises:
        PageError: the page of the docs has no place for figures, or they are not all there.
    """
    if options.json:
        report.write(options.json)
    if options.charts:
        charts.draw(report, FAMILIES, options.charts)
    if options.docs and not report.made.is_whole:
        raise PageError("these figures are of a run that was stopped: they do not go into a page")
    if options.docs:
        drawn = charts.draw(report, FAMILIES, options.docs.parent / "charts")
        rewrite(options.docs, report, FAMILIES, charts=drawn)


def end_as_by_ctrl_c() -> None:
    """Let `kill` and `timeout` keep what was measured, and leave no processes behind."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


if __name__ == "__main__":
    end_as_by_ctrl_c()
    sys.exit(main())
