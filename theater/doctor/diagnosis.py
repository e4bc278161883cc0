"""Diagnoses: what is amiss in a folder, and what can be done about it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from theater.verify import Report


@dataclass(frozen=True, slots=True)
class Complaint:
    """One thing that is not as it should be."""

    part: str  # journal, index, torn batch, left behind, folder, lock, key
    where: str
    found: str
    advice: str  # what to do about it
    is_damage: bool = False  # what was recorded, or the key to go on with, is not what it was
    can_be_repaired: bool = False  # without a guess, and without touching a signed byte
    repaired: bool = False

    def __str__(self) -> str:
        return f"{self.part}, {self.where}: {self.found}; {self.advice}"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What an examination of a folder found."""

    folder: Path
    report: Report  # of verifying all that was committed; after the repair, if there was one
    complaints: tuple[Complaint, ...]
    is_running: bool  # a process has it open: what it is about to do is nothing to complain of

    @property
    def ok(self) -> bool:
        """Whether nothing is damaged: the rest costs time or room, and no theater minds it."""
        return not any(complaint.is_damage for complaint in self.complaints)

    def __bool__(self) -> bool:
        raise TypeError("a diagnosis is neither true nor false: ask for its `ok` or `complaints`")

    def __str__(self) -> str:
        lines = "\n".join(map(str, self.complaints)) or "nothing is amiss"
        return f"{self.folder}: {lines}"
