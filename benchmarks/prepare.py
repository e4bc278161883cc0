"""Before measuring: what the chosen peers need is installed; one that cannot be had is left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.choose import ChoiceError
from benchmarks.environments import AbsentError
from benchmarks.kinds import Subject, System


@dataclass(frozen=True, slots=True)
class Prepared:
    """Who can be measured, and with which Python."""

    subjects: list[Subject]
    pythons: dict[str, Path] = field(default_factory=dict)  # by the name of the system
    absent: dict[str, str] = field(default_factory=dict)  # the name of a system: what is missing


def prepare(
    subjects: Sequence[Subject], *, python_for: Callable[[System], Path], asked: Sequence[str]
) -> Prepared:
    """Install what these subjects need.

    Raises:
        ChoiceError: a peer that was asked for by its name cannot be had; with `all`, it is left out.
    """
    pythons: dict[str, Path] = {}
    absent: dict[str, str] = {}
    for system in {subject.system.name: subject.system for subject in subjects}.values():
        if system.is_peer:
            try:
                pythons[system.name] = python_for(system)
            except AbsentError as error:
                absent[system.name] = str(error)
    if missed := [f"{name} cannot be measured: {absent[name]}" for name in asked if name in absent]:
        raise ChoiceError("\n".join(missed))
    return Prepared([subject for subject in subjects if subject.system.name not in absent], pythons, absent)
