"""Erlang/OTP: a program beside this file, compiled and run by its own machine. Nothing is recorded."""

from __future__ import annotations

import subprocess
from functools import partial
from pathlib import Path

from benchmarks.kinds import Case

PROGRAM = Path(__file__).with_name("erlang_peer.erl")
PROCESSES = "1000000"  # that may live at once; its default is 262,144


def run(count: int, folder: Path, *, case: str) -> float:
    subprocess.run(["erlc", "-o", str(folder), str(PROGRAM)], check=True)
    machine = ["erl", "+P", PROCESSES, "-noshell", "-noinput", "-pa", str(folder)]
    done = subprocess.run(
        [*machine, "-run", "erlang_peer", "main", case, str(count)],
        check=True,
        capture_output=True,
        text=True,
    )
    return float(done.stdout)


CASES: dict[str, Case] = {
    "tell": partial(run, case="tell"),
    "ask": partial(run, case="ask"),
    "ask64": partial(run, case="ask64"),
    "ring": partial(run, case="ring"),
    "spawn": partial(run, case="spawn"),
    "idle": partial(run, case="idle"),
    "idle100k": partial(run, case="idle"),
}
