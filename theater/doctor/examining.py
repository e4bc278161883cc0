"""Examining a folder: all checks one after the other, and the repairs that they know."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from theater.doctor.checks import Check, folders, indexes, key, leavings, lock, torn_batch
from theater.doctor.diagnosis import Complaint, Diagnosis
from theater.errors import FolderError
from theater.history import History
from theater.journal.calls import failure
from theater.journal.folder import Folder
from theater.journal.loading import load, sealed_in
from theater.journal.lock import Lock
from theater.recorded import is_held
from theater.verify import Finding, Report
from theater.verify.steps import CONTENTS, INDEXES, SIGNATURES

_COPY = "nothing is repaired: keep the folder as it is, and put what was changed back from an older copy"
_ADVICE = {
    CONTENTS: "nothing is repaired: put the content back from a copy; its name is its hash",
    SIGNATURES: "do not trust it: compare the folder, and its key, with what you kept elsewhere",
}


def examine(folder: str | os.PathLike[str], *, repair: bool = False) -> Diagnosis:
    """Look at all of a folder; `repair` what can be put in order without a guess.

    Every byte is read. Beside a process that has the folder open it can be looked at, not repaired.

    Raises:
        FolderError: no theater, or of a newer format, or it cannot be written.
        FolderInUseError: it was to be repaired, and a process has it open.
        JournalError: the disk failed while it was repaired.
    """
    history = History(folder)
    place = Folder(folder)
    if not repair:
        is_running = is_held(place.path / "lock")
        report, found = _look(place, history, is_running=is_running)
        return Diagnosis(place.path, report, tuple(one.complaint for one in found), is_running)
    with _held(place):
        _, found = _look(place, history, is_running=False)
        complaints = tuple([_repaired(one) for one in found])
        return Diagnosis(place.path, history.verify(), complaints, is_running=False)


def _look(folder: Folder, history: History, *, is_running: bool) -> tuple[Report, list[Check]]:
    report = history.verify()
    wrong = report.wrong
    if wrong is not None and wrong.step != INDEXES:
        return report, [Check(_damage(wrong))]
    loaded = load(folder, history.origin)
    sealed = sealed_in(folder)
    if is_running:  # all else may be on its way, the index of the newest full segment too
        return report, [*indexes(folder, origin=history.origin, sealed=sealed[:-1])]
    return report, [
        *lock(folder),
        *key(folder, loaded),
        *folders(folder),
        *torn_batch(folder, loaded),
        *leavings(folder, loaded),
        *indexes(folder, origin=history.origin, sealed=sealed),
    ]


def _damage(wrong: Finding) -> Complaint:
    found = f"expected {wrong.expected}, found {wrong.found}"
    return Complaint("journal", wrong.where, found, _ADVICE.get(wrong.step, _COPY), is_damage=True)


def _repaired(check: Check) -> Complaint:
    if check.repair is None:
        return check.complaint
    try:
        check.repair()
    except OSError as error:
        raise failure(f"{check.complaint.where} could not be repaired", error) from error
    return replace(check.complaint, repaired=True)


@contextmanager
def _held(folder: Folder) -> Iterator[None]:
    """Nobody opens the folder meanwhile."""
    try:
        held = Lock(folder.path / "lock")
    except OSError as error:
        raise FolderError(f"{folder.path} cannot be written: {error}") from error
    try:
        yield
    finally:
        held.release()
