"""Taking a folder for this process: what is in it, and the log that goes on."""

from __future__ import annotations

import os

from theater.journal.calls import Calls, failure
from theater.journal.handing import KeySource
from theater.journal.log import SEGMENT_BYTES, Log
from theater.journal.opening import Opened, open_folder


def take_folder(
    path: str | os.PathLike[str],
    *,
    key: KeySource | None,
    calls: Calls | None,
    segment_bytes: int = SEGMENT_BYTES,
    origin: str,
) -> tuple[Opened, Log]:
    """Open a folder, made with this `origin` if it is missing, and its log for writing.

    Raises:
        FolderError, FolderInUseError, CorruptJournalError, SetupError: as `open_folder`.
    """
    calls = calls or Calls()
    opened = open_folder(path, key=key, origin=origin, calls=calls)
    try:
        return opened, Log(opened.folder, opened.place, calls=calls, segment_bytes=segment_bytes)
    except OSError as error:
        opened.lock.release()
        raise failure(f"{opened.folder.path} could not be opened", error) from error
