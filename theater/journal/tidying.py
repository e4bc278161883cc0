"""Putting a folder in order after a crash: what was torn is kept aside, what was left behind is swept."""

from __future__ import annotations

import logging
import re
from itertools import count
from pathlib import Path

from theater.journal.calls import Calls, write_file
from theater.journal.folder import Folder
from theater.journal.index import Index
from theater.journal.loading import Loaded
from theater.journal.sealed import keep_index
from theater.journal.walk import Place, Tail

logger = logging.getLogger("theater.journal")
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


def put_in_order(folder: Folder, loaded: Loaded, calls: Calls) -> Path | None:
    """Make the folder what the whole batches of its log say; returns where torn bytes are kept, if any."""
    walk = loaded.walk
    cut = None if walk.tail is None else _keep_aside(folder, walk.tail, calls)
    for path in [*folder.tmp.iterdir(), *_unnamed(folder, loaded.index), *_unsealed(folder, walk.place)]:
        calls.unlink(path)
    for number in folder.numbers():
        if number > walk.place.segment:  # made ready, and never begun
            calls.unlink(folder.segment(number))
    for table, check in loaded.made:
        keep_index(folder, table, check=check, calls=calls)
    if (folder.path / "closed").exists():
        calls.unlink(folder.path / "closed")
        calls.sync_folder(folder.path)
    return cut


def _keep_aside(folder: Folder, tail: Tail, calls: Calls) -> Path:
    """Save what will be cut off the log when its segment is opened for writing."""
    segment, offset = tail.place
    names = (f"{segment:08}-{offset:010}-{number}" for number in count())
    path = next(folder.cut / name for name in names if not (folder.cut / name).exists())
    write_file(calls, path, tail.torn, tmp=folder.tmp)
    logger.warning(
        "the last batch was torn by a crash: %d bytes at offset %d of segment %d were cut, and kept as %s",
        len(tail.torn), offset, segment, path,
    )  # fmt: skip
    return path


def _unsealed(folder: Folder, end: Place) -> list[Path]:
    """Indexes of segments that are not whole yet, which no crash leaves but a lost folder entry may."""
    paths = folder.indexes.iterdir() if folder.indexes.is_dir() else []
    return [path for path in paths if path.name >= folder.index(end.segment).name]


def _unnamed(folder: Folder, index: Index) -> list[Path]:
    """The files of contents that no committed event names."""
    return [
        path
        for path in folder.blobs.glob("*/*")
        if _DIGEST.fullmatch(path.name) and bytes.fromhex(path.name) not in index.held.files
    ]
