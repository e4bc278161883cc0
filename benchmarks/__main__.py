"""`python -m benchmarks`: measure, show a table, and keep the figures if asked to."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence

from rich.console import Console

from benchmarks.choose import ChoiceError, choose
from benchmarks.environments import Environments
from benchmarks.families import FAMILIES
from benchmarks.guard import guard
from benchmarks.harness import Harness, run_rounds
from benchmarks.listing import show_all
from benchmarks.options import Options, parse
from benchmarks.prepare import prepare
from benchmarks.rows import Row, rows
from benchmarks.show import show

QUICK = 0.1  # of the counts


def main(arguments: Sequence[str] | None = None) -> int:
    options, console = parse(arguments), Console()
    begun = time.monotonic()
    if options.list:
        show_all(FAMILIES, console)
        return 0
    try:
        if options.guard:
            return guard(options.cases, console, counts=options.counts, update=options.update)
        found = measure(options, console)
    except ChoiceError as error:
        print(f"python -m benchmarks: {error}", file=sys.stderr)
        return 2
    show(found, FAMILIES, console)
    if options.json is not None:
        options.json.write_text(json.dumps([row.as_json() for row in found], indent=2) + "\n")
    console.print(f"took {(time.monotonic() - begun) / 60:.1f} minutes")
    return 1 if any(row.error for row in found) else 0


def measure(options: Options, console: Console) -> list[Row]:
    subjects = choose(
        FAMILIES, cases=options.cases, systems=options.systems, peers=options.peers, uvloop=options.uvloop
    )
    environments = Environments(options.environments, seen=console.print)
    prepared = prepare(subjects, python_for=environments.python_for, asked=options.peers)
    for name, reason in prepared.absent.items():
        console.print(f"{name} is left out: {reason}", markup=False, highlight=False)
    harness = Harness(scale=QUICK if options.quick else 1.0, folder=options.folder, pythons=prepared.pythons)
    with console.status("measuring") as status:
        figures = run_rounds(
            prepared.subjects,
            harness,
            rounds=options.rounds,
            seen=lambda subject, number: status.update(f"round {number + 1} of {options.rounds}: {subject}"),
        )
    return rows(prepared.subjects, figures)


if __name__ == "__main__":
    sys.exit(main())
