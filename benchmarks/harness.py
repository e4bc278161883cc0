"""Measuring: each figure in a process of its own, rounds interleaved, ratios between figures of one round.

Single figures move by a factor of two between runs and machines; a ratio within one round moves far less.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks.kinds import Subject
from benchmarks.rows import Figures

ROOT = Path(__file__).resolve().parent.parent
LONGEST = 300  # seconds that one figure may take

Measure = Callable[[Subject], float]
"""Takes one figure, or raises a MeasureError."""


class MeasureError(Exception):
    """There is no figure, and this is why."""


def run_rounds(
    subjects: Sequence[Subject],
    measure: Measure,
    *,
    rounds: int,
    seen: Callable[[Subject, int], None] = lambda *_: None,
) -> Figures:
    """Measure every subject once per round; a subject that failed once is left out of later rounds.

    Ctrl-C ends it with the figures until then.
    """
    figures = Figures()
    try:
        for number in range(rounds):
            figures.begin_round()
            for subject in subjects:
                if subject.key not in figures.errors and number < (subject.work.rounds or rounds):
                    seen(subject, number)
                    _add(figures, subject, measure)
    except KeyboardInterrupt:
        figures.stopped = True
    return figures


def _add(figures: Figures, subject: Subject, measure: Measure) -> None:
    try:
        figures.add(subject, measure(subject))
    except MeasureError as error:
        figures.errors[subject.key] = str(error)


class Harness:
    """Measures in fresh processes, each with the Python of its system."""

    def __init__(self, *, scale: float, folder: Path, pythons: Mapping[str, Path] | None = None) -> None:
        self._scale = scale
        self._folder = folder
        self._pythons = pythons or {}  # by the name of the system

    def __call__(self, subject: Subject) -> float:
        with (
            # Files, not pipes: a peer's process that outlives its parent would keep a pipe open.
            tempfile.TemporaryFile("w+") as answers,
            tempfile.TemporaryFile("w+") as complaints,
            # Made here: a process that is killed removes nothing.
            tempfile.TemporaryDirectory(dir=self._folder, prefix="theater-benchmarks-") as folder,
        ):
            child = subprocess.Popen(
                self._command(subject, folder),
                stdout=answers,
                stderr=complaints,
                cwd=ROOT,
                start_new_session=True,
            )
            try:
                status = child.wait(LONGEST)
            except subprocess.TimeoutExpired:
                raise MeasureError(f"took more than {LONGEST} s") from None
            finally:
                if child.returncode is None:  # too slow, or the person at the keyboard had enough
                    os.killpg(child.pid, signal.SIGKILL)
                    child.wait()
            answers.seek(0)
            complaints.seek(0)
            return _figure(status, answers.read(), complaints.read())

    def _command(self, subject: Subject, folder: str) -> list[str]:
        system = subject.system
        return [
            str(self._pythons.get(system.name, sys.executable)),
            *("-m", "benchmarks.one", system.module, subject.work.name, str(subject.count(self._scale))),
            *("--argument", system.argument, "--folder", folder),
            *(["--uvloop"] if subject.uvloop else []),
        ]


def _figure(status: int, answers: str, complaints: str) -> float:
    lines = answers.split()
    if status or not lines:
        raise MeasureError((complaints.strip() or f"ended with {status}").splitlines()[-1])
    return float(json.loads(lines[-1]))
