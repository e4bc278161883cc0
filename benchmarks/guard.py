"""The guard: which key cases got dearer than `guard.json` says?

It counts instructions, which stay the same whatever else the machine does: each case in a process of its own,
with a fixed hash seed, and again while it seems worse. Where a system does not let a program count its
instructions, the time of the processor stands for them, set against a yardstick: a fixed piece of Python that
runs in the same process.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.choose import check
from benchmarks.counter import InstructionCounter
from benchmarks.families import FAMILIES
from benchmarks.kept import ROUNDS, WORSE, Cost, Finding, find_out, read, write

KEPT = Path(__file__).with_name("guard.json")

COUNTS = {
    "tell:theater": 20_000,
    "tell:recorded": 20_000,
    "tell:durable": 20_000,
    "ask:theater": 10_000,
    "ask:recorded": 10_000,
    "ask64:theater": 10_000,
    "ring:theater": 20_000,
    "ring:recorded": 10_000,
    "spawn:theater": 2_000,
    "put64:durable": 5_000,
    "get:durable": 2_000,
    "verify:durable": 10_000,
}


def guard(cases: Sequence[str], console: Console, *, counts: int | None, update: bool) -> int:
    """Count, show and judge; returns what a program ends with: 1 if a case is worse, 2 if nothing is kept."""
    kind = kind_here()
    kept = read(KEPT)
    here = kept.get(place(kind), {})
    findings = []
    with console.status("counting") as status:
        for case in chosen(cases):
            status.update(f"counting {case}")
            one = partial(count, case, kind)
            findings.append(
                find_out(case, here.get(case), one, rounds=counts or (ROUNDS if update else None))
            )
    console.print(table(findings, kind))
    if update:
        write(KEPT, {**kept, place(kind): {**here, **{found.case: found.now for found in findings}}})
        console.print(f"Kept in {KEPT}.")
        return 0
    return verdict(findings, console, kind)


def chosen(cases: Sequence[str]) -> list[str]:
    """All, or those of these names: `tell` is `tell:theater` and `tell:recorded` and so on."""
    check("case of the guard", cases, {*COUNTS, *(case.split(":")[0] for case in COUNTS)})
    return [case for case in COUNTS if not cases or case in cases or case.split(":")[0] in cases]


def kind_here() -> str:
    try:
        InstructionCounter().close()
    except OSError:
        return "processor time"
    return "instructions"


def place(kind: str) -> str:
    """What kept figures are good for."""
    version = ".".join(platform.python_version_tuple()[:2])
    return f"{platform.python_implementation()} {version}, {platform.machine()}, {kind}"


def count(case: str, kind: str) -> Cost:
    """One count, in a fresh process."""
    subject = next(each for family in FAMILIES for each in family.subjects() if str(each) == case)
    system, command = subject.system, [sys.executable, "-m", "benchmarks.counting"]
    done = subprocess.run(
        [*command, system.module, system.argument, subject.work.name, str(COUNTS[case]), kind],
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONHASHSEED": "0"},
        cwd=KEPT.parent.parent,
    )
    if done.returncode:
        raise SystemExit(f"{case} could not be counted:\n{done.stderr}")
    return Cost(**json.loads(done.stdout.splitlines()[-1]))


def table(findings: Sequence[Finding], kind: str) -> Table:
    unit = "Instructions" if kind == "instructions" else "Nanoseconds of the processor"
    shown = Table(
        title=f"{unit} for each message, hop, actor, content or event: {place(kind)}", title_justify="left"
    )
    for column in ("case", "kept", "now", "change", "counts", "spread"):
        shown.add_column(column, justify="left" if column == "case" else "right")
    for found in findings:
        shown.add_row(
            found.case,
            "" if found.kept is None else f"{found.kept.each:,}",
            f"{found.now.each:,}",
            "" if found.change is None else f"{found.change:+.1%}",
            str(len(found.counted)),
            f"{found.spread:.1%}" if len(found.counted) > 1 else "",
            style="red" if found.is_worse else None,
        )
    return shown


def verdict(findings: Sequence[Finding], console: Console, kind: str) -> int:
    worse = [found for found in findings if found.is_worse]
    unknown = [found.case for found in findings if found.kept is None]
    for found in worse:
        console.print(f"{found.case} is {found.change:.0%} dearer than what is kept.", highlight=False)
    if unknown:
        console.print(f"Nothing is kept for {', '.join(unknown)} on {place(kind)}.", highlight=False)
        console.print("Keep it where the work is known to be good: python -m benchmarks --guard --update")
    if cheaper := [found.case for found in findings if found.is_cheaper]:
        console.print(f"Much cheaper: {', '.join(cheaper)}. Keep that with --update.", highlight=False)
    if not worse and not unknown:
        console.print(f"No case is more than {WORSE:.0%} dearer than what is kept.", highlight=False)
    return 1 if worse else 2 if unknown else 0
