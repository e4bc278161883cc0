"""Opening a folder: all of it is looked at before anything is changed, then it is put in order.

What a crash leaves is put in order: a torn last batch is cut and kept aside, files that no committed event
names are swept. What no crash leaves is damage, and refused.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from theater.checkpoint import Checkpoint, Note
from theater.errors import (
    CorruptJournalError,
    FolderError,
    MalformedError,
    SignatureError,
)
from theater.journal.calls import Calls, failure
from theater.journal.folder import Folder
from theater.journal.handing import Handover, KeyHolder, KeySource, current_key
from theater.journal.index import Index
from theater.journal.loading import load
from theater.journal.lock import Lock
from theater.journal.lookup import Lookup
from theater.journal.making import fill, is_theater, make_path
from theater.journal.marks import Closed, Format
from theater.journal.signer import Signer, Signs
from theater.journal.tidying import put_in_order
from theater.journal.walk import Place, Walk
from theater.keys import SigningKey, VerifyKey
from theater.merkle import Frontier


class Held(Protocol):
    """What keeps a folder for this process."""

    def release(self) -> None:
        """Let go of it."""
        ...


class Prepares(Protocol):
    """Who makes the next key."""

    def prepare(self, new: KeySource | None, *, current: VerifyKey, origin: str) -> Handover:
        """Make ready to hand over from the `current` key.

        Raises:
            SetupError, JournalError: it cannot be.
        """
        ...


@dataclass(frozen=True, slots=True)
class Opened:
    """A folder that this process holds, and what is in it."""

    folder: Folder
    lock: Held
    keys: Prepares
    signer: Signs
    index: Index
    frontier: Frontier
    note: Note  # the newest checkpoint
    place: Place  # where the log goes on
    cut: Path | None  # where the bytes of a torn batch are kept


def open_folder(path: str | os.PathLike[str], *, key: KeySource | None, origin: str, calls: Calls) -> Opened:
    """Take a folder, after making it with this `origin` if it is missing or empty.

    Raises:
        FolderError: it is no theater's, of a newer format, read-only, or its key is missing.
        FolderInUseError: another process has it open.
        CorruptJournalError: it is damaged. Nothing was changed, here as in the cases above.
        SetupError: the key given is not its key.
    """
    folder = Folder(path)
    keys = KeyHolder(folder, calls, given=key)
    is_new = not is_theater(folder.path)
    if not is_new:
        folder.check_kinds()
    try:
        if is_new:
            make_path(folder.path, calls)
        _require_writable(folder)
        lock = Lock(folder.path / "lock")
    except OSError as error:
        raise FolderError(f"{folder.path} cannot be opened for writing: {error}") from error
    try:
        if is_new and not is_theater(folder.path):  # another process may have been faster
            fill(folder, calls, origin=origin, keys=keys)
        return _take(folder, lock, keys, calls)
    except BaseException as error:
        lock.release()
        if isinstance(error, OSError):
            raise failure(f"{folder.path} could not be opened", error) from error
        raise


def _take(folder: Folder, lock: Lock, keys: KeyHolder, calls: Calls) -> Opened:
    mark = folder.format()
    loaded = load(folder, mark.origin)
    frontier, walk = loaded.frontier, loaded.walk
    checkpoint = Checkpoint(mark.origin, frontier.size, frontier.root())
    _refuse_damage(folder, walk, checkpoint)
    key, note = _newest(folder, mark, loaded.index, checkpoint, keys)
    lock.sign()
    cut = put_in_order(folder, loaded, calls)
    keys.settle(mark, key)
    return Opened(folder, lock, keys, Signer(key), loaded.index, frontier, note, walk.place, cut)


def look_at(
    folder: Folder, *, signer: Signs, note: Note, keys: Prepares, lock: Held, cut: Path | None
) -> Opened:
    """What is in a folder that a notary has opened, and put in order, for us.

    Raises:
        FolderError, CorruptJournalError: the folder is not here, or is another.
    """
    mark = folder.format()
    loaded = load(folder, mark.origin)
    found = Checkpoint(mark.origin, loaded.frontier.size, loaded.frontier.root())
    if note.text != str(found):
        raise CorruptJournalError(f"{folder.path} and its notary", expected=note.text, found=str(found))
    return Opened(folder, lock, keys, signer, loaded.index, loaded.frontier, note, loaded.walk.place, cut)


def _refuse_damage(folder: Folder, walk: Walk, checkpoint: Checkpoint) -> None:
    """Refuse what no crash leaves behind, and after a clean close anything but what it left."""
    segment, offset = walk.place
    where = f"segment {segment} of {folder.path} at offset {offset}"
    if walk.tail is not None and walk.tail.damage:
        raise CorruptJournalError(f"{where}: a batch is not whole, and {walk.tail.damage}")
    closed = folder.closed()
    if closed is None:
        return
    path = folder.segment(segment)
    length = path.stat().st_size if path.exists() else 0
    found = Closed(segment, length, checkpoint.size, checkpoint.root)
    if found != closed or length != offset:
        raise CorruptJournalError(where, expected=f"what was closed, {closed}", found=found)


def _newest(
    folder: Folder, mark: Format, index: Index, expected: Checkpoint, keys: KeyHolder
) -> tuple[SigningKey, Note]:
    """The key that signs, and the newest checkpoint, verified: the only one whose root the others lead to."""
    if not index.note:
        key = keys.find(mark.key, origin=mark.origin)
        return key, expected.sign(key)
    try:
        note = Note.parse(index.note)
        current = current_key(mark, note, index, Lookup(folder, index))
        found = note.checkpoint(mark.key, current)
    except (MalformedError, SignatureError) as error:
        raise CorruptJournalError(f"the newest checkpoint: {error}") from error
    if found != expected:
        raise CorruptJournalError("the newest checkpoint", expected=expected, found=found)
    return keys.find(current, origin=mark.origin, has_handed_over=current != mark.key), note


def _require_writable(folder: Folder) -> None:
    """Refuse a folder in which nothing can be written, before anything is."""
    parts = [folder.path, folder.segments, folder.blobs, folder.tmp, folder.cut]
    for part in parts:
        if part.exists() and not os.access(part, os.W_OK | os.X_OK):
            raise FolderError(f"{part} is read-only; `History` can still look at it")
