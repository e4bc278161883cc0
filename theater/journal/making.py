"""Making a folder: out of nothing, or out of an empty folder, with `format` last."""

from __future__ import annotations

import os
from pathlib import Path

from theater.errors import FolderError
from theater.journal.calls import Calls, make_folder, write_file
from theater.journal.folder import FOLDERS, Folder
from theater.journal.handing import KeyHolder
from theater.journal.marks import Format

_OWN = {*FOLDERS, "key", "key.next", "lock"}  # what a making that was cut off can leave behind


def is_theater(path: Path) -> bool:
    """Say whether a theater is here already; if not, one can be made.

    Raises:
        FolderError: something else is here.
    """
    if not path.exists():
        return False
    if not path.is_dir():
        raise FolderError(f"{path} is a file, not a folder")
    if os.path.lexists(path / "format"):
        return True
    names = {entry.name for entry in path.iterdir()}
    if names and not (names <= _OWN and "lock" in names and _is_bare(path)):
        raise FolderError(f"{path} is not a theater's folder and not empty: take another, or empty it")
    return False


def make_path(path: Path, calls: Calls) -> None:
    """Make the folder itself, and those above it."""
    if not path.exists():
        make_path(path.parent, calls)
        make_folder(path, calls)


def fill(folder: Folder, calls: Calls, *, origin: str, keys: KeyHolder) -> None:
    """Put in it what makes it a theater's; a key that is not given is made, and kept there."""
    for name in FOLDERS:
        if not (folder.path / name).is_dir():
            make_folder(folder.path / name, calls)
    mark = str(Format(origin, keys.make())).encode()
    write_file(calls, folder.path / "format", mark, tmp=folder.tmp)


def _is_bare(path: Path) -> bool:
    """Whether the folders in it hold nothing: `tmp` may hold what was being written."""
    kept = [path / name for name in FOLDERS if name != "tmp" and (path / name).is_dir()]
    return not any(True for folder in kept for _ in folder.iterdir())
