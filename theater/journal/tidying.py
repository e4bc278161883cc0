"""Putting a folder in order after a crash: what was torn is kept aside, what was left behind is swept."""

from __future__ import annotations

import logging
import os
import re
from itertools import count
from pathlib import Path

from theater.journal.calls import Calls, make_folder, write_file
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
    for path in missing(folder):
        make_folder(path, calls)
    cut = None if walk.tail is None else _keep_aside(folder, walk.tail, calls)
    for path in left_behind(folder, loaded):
        calls.unlink(path)
    for table, check in loaded.made:
        keep_index(folder, table, check=check, calls=calls)
    if (folder.path / "closed").exists():
        calls.unlink(folder.path / "closed")
        calls.sync_folder(folder.path)
    return cut


def missing(folder: Folder) -> list[Path]:
    """Folders that were empty: copies, by git for instance, leave those out."""
    return [path for path in (folder.blobs, folder.tmp, folder.cut) if not path.is_dir()]


def left_behind(folder: Folder, loaded: Loaded) -> list[Path]:
    """Files that no committed event knows of."""
    place = loaded.walk.place
    unbegun = [folder.segment(number) for number in folder.numbers() if number > place.segment]
    return [
        *(folder.tmp.iterdir() if folder.tmp.is_dir() else ()),
        *_unnamed(folder, loaded.index),
        *_unsealed(folder, place),
        *unbegun,  # made ready, and never needed
    ]


def cut_off(folder: Folder, tail: Tail, calls: Calls) -> Path:
    """Cut a torn batch off the log; returns where its bytes are kept."""
    path = _keep_aside(folder, tail, calls)
    segment, offset = tail.place
    descriptor = calls.open(folder.segment(segment), os.O_RDWR, 0o644)
    try:
        calls.truncate(descriptor, offset)
        calls.sync(descriptor)
    finally:
        os.close(descriptor)
    return path


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
