"""`python -m benchmarks`: measure, show a table, and keep the figures if asked to."""

from __future__ import annotations

import argparse
import asyncio
import inspect
import json
import tempfile
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from rich.console import Console

from benchmarks.harness import Case, Subject, rows, run_rounds
from benchmarks.show import TITLES, markdown, show

MESSAGING = ["tell", "ask", "ask64", "ring", "spawn", "idle"]
FAILING = ["failing"]
STORING = ["put1", "put64", "put1000", "put8m", "get", "verify", "open", "blob"]
OPENING = ["open", "blob"]
LASTING = ["chat", "back"]
UNLIMITED = {"verify", "open", "blob", "chat", "back"}

COUNTS = {
    "tell": 200_000,
    "ask": 40_000,
    "ask64": 80_000,
    "ring": 100_000,
    "spawn": 10_000,
    "idle": 10_000,
    "failing": 20_000,
    "put1": 2_000,
    "put64": 40_000,
    "put1000": 40_000,
    "put8m": 16,
    "get": 20_000,
    "verify": 100_000,
    "open": 1_000_000,
    "blob": 300_000,
    "chat": 500,
    "back": 1_000_000,
}
QUICK = 0.1  # of the counts


def subjects(cases: Sequence[str]) -> list[Subject]:
    """Whom to measure at what; the limit first, so that a round's ratios are close in time."""
    found = []
    for case in cases:
        if case in MESSAGING:
            found += [
                Subject(case, system) for system in ("limit", "theater", "recorded", "durable", "pykka")
            ]
        elif case in FAILING:
            found += [Subject(case, system) for system in ("theater", "recorded", "durable")]
        else:
            found += [
                Subject(case, system)
                for system in ("limit", "durable")
                if system != "limit" or case not in UNLIMITED
            ]
    return found


def find(subject: Subject) -> Case:
    """The code that measures a subject; peers are imported only by the process that measures them."""
    if subject.system == "pykka":
        module, table = "pykka_peer", None
    elif subject.case in FAILING:
        module, table = "failing", subject.system
    elif subject.system == "limit":
        module, table = ("limits" if subject.case in MESSAGING else "disk"), None
    else:
        module = "opening" if subject.case in OPENING else "lasting" if subject.case in LASTING else "storing"
        module, table = ("messaging", subject.system) if subject.case in MESSAGING else (module, None)
    family = import_module(f"benchmarks.{module}")
    cases: dict[str, Case] = family.CASES if table is None else family.cases(table)
    return cases[subject.case]


def measure_one(subject: Subject, *, scale: float, folder: Path) -> float:
    """What the child process does."""
    count = max(2, int(COUNTS[subject.case] * scale))
    with tempfile.TemporaryDirectory(dir=folder, prefix="theater-benchmark-") as empty:
        found = find(subject)(count, Path(empty))
        return asyncio.run(found) if inspect.iscoroutine(found) else float(found)  # type: ignore[arg-type]


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often each figure is taken (5)")
    parser.add_argument("--quick", action="store_true", help="a tenth of the work: to see that all runs")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures here")
    parser.add_argument(
        "--markdown", type=Path, metavar="FILE", help="also write the table here, for the docs"
    )
    parser.add_argument("--case", action="append", choices=TITLES, metavar="CASE", help=", ".join(TITLES))
    parser.add_argument(
        "--folder", type=Path, default=Path(tempfile.gettempdir()), help="on the disk to measure"
    )
    parser.add_argument("--scale", type=float, help=argparse.SUPPRESS)
    parser.add_argument("--one", type=Subject.parse, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def main() -> None:
    options = parse()
    scale = options.scale or (QUICK if options.quick else 1.0)
    if options.one is not None:
        print(json.dumps(measure_one(options.one, scale=scale, folder=options.folder)))
        return
    console = Console()
    chosen = subjects(options.case or [*MESSAGING, *FAILING, *STORING, *LASTING])
    with console.status("measuring") as status:
        found, errors = run_rounds(
            chosen,
            rounds=options.rounds,
            scale=scale,
            folder=options.folder,
            seen=lambda subject, number: status.update(f"round {number + 1} of {options.rounds}: {subject}"),
        )
    measured = rows(chosen, found, errors, {case: unit for case, (_, unit) in TITLES.items()})
    show(measured, console)
    if options.markdown is not None:
        options.markdown.write_text(markdown(measured))
    if options.json is not None:
        options.json.write_text(json.dumps([row.as_json() for row in measured], indent=2) + "\n")


if __name__ == "__main__":
    main()
