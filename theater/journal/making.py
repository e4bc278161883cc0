"""Making a folder: out of nothing, or out of an empty folder, with `format` last."""

from __future__ import annotations

import os
from pathlib import Path

from theater.errors import CorruptJournalError, FolderError
from theater.journal.calls import Calls, make_folder, write_file
from theater.journal.folder import FOLDERS, Folder
from theater.journal.marks import Format
from theater.keys import KEY_BYTES, SigningKey

_OWN = {*FOLDERS, "key", "lock"}  # what a making that was cut off can leave behind


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


def fill(folder: Folder, calls: Calls, *, origin: str, key: SigningKey | None) -> None:
    """Put in it what makes it a theater's; a key that is not given is made, and kept there."""
    for name in FOLDERS:
        if not (folder.path / name).is_dir():
            make_folder(folder.path / name, calls)
    if key is None and not (folder.path / "key").exists():
        seed = SigningKey.generate().seed.hex().encode() + b"\n"
        write_file(calls, folder.path / "key", seed, tmp=folder.tmp, mode=0o600)
    public = (key or read_key(folder)).public
    mark = str(Format(origin, public)).encode()
    write_file(calls, folder.path / "format", mark, tmp=folder.tmp)


def read_key(folder: Folder) -> SigningKey:
    """The signing key that is kept in the folder.

    Raises:
        FolderError: none is.
        CorruptJournalError: its file has flipped bits.
    """
    path = folder.path / "key"
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        raise FolderError(f"{folder.path} holds no key: its maker kept it, give it by key=...") from None
    seed = _unhex(text)
    if len(seed) != KEY_BYTES or seed.hex().encode() + b"\n" != text:
        raise CorruptJournalError(f"{path}", expected="64 lower-case hex digits", found="other bytes")
    return SigningKey.from_seed(seed)


def _unhex(text: bytes) -> bytes:
    try:
        return bytes.fromhex(text.decode("ascii", errors="replace"))
    except ValueError:
        return b""


def _is_bare(path: Path) -> bool:
    """Whether the folders in it hold nothing: `tmp` may hold what was being written."""
    kept = [path / name for name in FOLDERS if name != "tmp" and (path / name).is_dir()]
    return not any(True for folder in kept for _ in folder.iterdir())
