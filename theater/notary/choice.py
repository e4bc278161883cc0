"""Which journal a theater has: in memory, in a folder that it writes itself, or one that a notary writes."""

from __future__ import annotations

import os
import socket
from functools import partial
from pathlib import Path

from theater.errors import FolderError, SetupError
from theater.journal import DiskJournal, Journal, MemoryJournal
from theater.journal.folder import Folder
from theater.journal.handing import KeySource
from theater.journal.memory import KEEP_BYTES
from theater.keys import SigningKey
from theater.notary.client import Reach, open_by_notary
from theater.notary.process import start


def choose_journal(
    folder: Path | None,
    *,
    keep: int,
    keep_bytes: int = KEEP_BYTES,
    key: KeySource | None,
    notary: bool | str | os.PathLike[str],
) -> Journal:
    """The journal for these options of a theater.

    Raises:
        SetupError: they do not go together.
    """
    if folder is None:
        if notary is not False:
            raise SetupError("a notary writes a folder; in memory there is nothing for it to do")
        return MemoryJournal(keep=keep, keep_bytes=keep_bytes, key=key)
    if notary is False:
        return DiskJournal(folder, key=key)
    return DiskJournal(
        folder, notary=partial(open_by_notary, Folder(folder), _way(folder, key=key, notary=notary))
    )


def _way(folder: Path, *, key: KeySource | None, notary: bool | str | os.PathLike[str]) -> Reach:
    """The way to the notary: one that is started, or one that listens at a path."""
    if not isinstance(notary, bool):
        if key is not None:
            raise SetupError(f"the notary at {notary} has the key: give it where that is started")
        return partial(_connect, notary)
    if isinstance(key, SigningKey):
        raise SetupError("a notary alone has the key: give the path of its file, or nothing")
    return partial(start, folder, key=key)


def _connect(path: str | os.PathLike[str]) -> tuple[socket.socket, None]:
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(os.fspath(path))
    except OSError as error:
        connection.close()
        raise FolderError(f"no notary listens at {os.fspath(path)}: {error}") from error
    return connection, None
