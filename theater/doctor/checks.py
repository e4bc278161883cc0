"""What the doctor looks for beside the record itself, and how each thing is put in order.

Nothing here needs a guess: what is removed was never committed, what is made anew is a copy of what was.
"""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from theater.checkpoint import Note
from theater.doctor.diagnosis import Complaint
from theater.errors import CorruptJournalError, FolderError
from theater.journal.calls import Calls, make_folder
from theater.journal.folder import Folder
from theater.journal.handing import current_key
from theater.journal.keyfile import KeyFile
from theater.journal.loading import Loaded
from theater.journal.lookup import Lookup
from theater.journal.sealed import index_bytes, make_index, tabled
from theater.journal.tidying import cut_off, left_behind, missing
from theater.keys import VerifyKey

_ONLY_OWNER = 0o600
_OTHERS = 0o077
_REPAIR = "`theater doctor --repair`"


@dataclass(frozen=True, slots=True)
class Check:
    """A complaint, and what puts it in order, if anything does; raises OSError."""

    complaint: Complaint
    repair: Callable[[], object] | None = None


def lock(folder: Folder) -> Iterator[Check]:
    """Of a process that has ended without closing, only its name is left in the lock."""
    path = folder.path / "lock"
    holder = path.read_text(errors="replace").split() if path.is_file() else []
    if len(holder) == 2 and not (folder.path / "closed").exists():  # noqa: PLR2004  # process and host
        process, host = holder
        found = f"process {process} on {host} ended without closing"
        if host == socket.gethostname():
            advice = f"the next opening goes on where it was; {_REPAIR} removes the name"
            yield _repairable("lock", "lock", found, advice, lambda: os.truncate(path, 0))
        else:
            advice = "make sure that it runs no more: not every file system tells of locks on other machines"
            yield Check(Complaint("lock", "lock", found, advice))


def key(folder: Folder, loaded: Loaded) -> Iterator[Check]:
    """The signing key is what the journal is signed by, and its owner's alone."""
    file = KeyFile(folder.path / "key", Calls())
    if not file.exists():
        return  # whoever opens the folder brings it
    expected = _current_key(folder, loaded)
    try:
        own, following = file.read().public, file.following()
    except (CorruptJournalError, FolderError) as error:
        yield _damaged_key(str(error))
        return
    yield from _open_to_others(file.path)
    if expected not in {own, following and following.public} and own == folder.format().key:
        found = f"it had handed over to {expected}, which is kept elsewhere, when the process ended"
        yield Check(Complaint("key", "key", found, "the next opening with that key finishes it"))
    elif expected not in {own, following and following.public}:
        yield _damaged_key(f"it is the key {own}, and the journal is signed by {expected}")
    elif following is not None or folder.format().key != expected:
        found = "one key was handing over to the next when the process ended"
        yield Check(Complaint("key", "key.next", found, "the next opening finishes it"))


def folders(folder: Folder) -> Iterator[Check]:
    """Those that opening needs are there."""
    for path in missing(folder):
        advice = f"the next opening, or {_REPAIR}, makes it"
        repair = partial(make_folder, path, Calls())
        yield _repairable("folder", path.name, "it is missing, and was empty", advice, repair)


def torn_batch(folder: Folder, loaded: Loaded) -> Iterator[Check]:
    """What stands behind the last commit was promised to nobody."""
    tail = loaded.walk.tail
    if tail is not None:
        segment, offset = tail.place
        found = f"{len(tail.torn):,} bytes of a batch that a crash cut off stand behind the last commit"
        advice = f"the next opening, or {_REPAIR}, moves them to {folder.cut.name}/"
        where = f"{_named(folder, folder.segment(segment))} at {offset}"
        yield _repairable("torn batch", where, found, advice, partial(cut_off, folder, tail, Calls()))


def leavings(folder: Folder, loaded: Loaded) -> Iterator[Check]:
    """Files of which no commit knows."""
    for path in left_behind(folder, loaded):
        advice = f"no commit names it: the next opening, or {_REPAIR}, removes it"
        found = f"a file of {path.stat().st_size:,} bytes that a crash left"
        repair = partial(path.unlink, missing_ok=True)  # a repair may have gone on with a draft
        yield _repairable("left behind", _named(folder, path), found, advice, repair)


def indexes(folder: Folder, *, origin: str, sealed: Sequence[int]) -> Iterator[Check]:
    """Each full segment has an index, which says what the segment holds."""
    for segment in sealed:
        found = _fault_of(folder, segment, origin=origin)
        if found:
            advice = f"openings take longer until the next one, or {_REPAIR}, makes it anew"
            repair = partial(make_index, folder, segment, origin=origin, calls=Calls())
            yield _repairable("index", _named(folder, folder.index(segment)), found, advice, repair)


def _fault_of(folder: Folder, segment: int, *, origin: str) -> str:
    content = folder.read_index(segment)
    if not content:
        return "there is none"
    made = tabled(folder, segment, origin=origin)
    is_right = made is not None and index_bytes(made[0], check=made[1]) == content
    return "" if is_right else "it does not say what the segment holds"


def _open_to_others(path: Path) -> Iterator[Check]:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & _OTHERS:
        found = f"others on this machine may use it (mode {mode:04o})"
        advice = f"{_REPAIR} keeps them out; if one was there, `theater key rotate`"
        yield _repairable("key", path.name, found, advice, partial(path.chmod, _ONLY_OWNER))


def _damaged_key(found: str) -> Check:
    advice = (
        "put it back from a copy: without it the record can be read and verified, and not be gone on with"
    )
    return Check(Complaint("key", "key", found, advice, is_damage=True))


def _current_key(folder: Folder, loaded: Loaded) -> VerifyKey:
    mark = folder.format()
    if not loaded.index.note:
        return mark.key
    return current_key(mark, Note.parse(loaded.index.note), loaded.index, Lookup(folder, loaded.index))


def _repairable(part: str, where: str, found: str, advice: str, repair: Callable[[], object]) -> Check:
    return Check(Complaint(part, where, found, advice, can_be_repaired=True), repair)


def _named(folder: Folder, path: Path) -> str:
    return str(path.relative_to(folder.path))
