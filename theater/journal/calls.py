"""The calls by which a journal changes a disk, in one value: tests give others, which fail or lose power."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from theater.errors import DiskFullError, JournalError, JournalFailedError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_ZEROS = bytes(1 << 16)


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _allocate_by_zeros(descriptor: int, start: int, length: int) -> None:
    for at in range(start, start + length, len(_ZEROS)):
        os.pwrite(descriptor, _ZEROS[: start + length - at], at)


# macOS has neither call.
_sync: Callable[[int], None] = getattr(os, "fdatasync", os.fsync)
_allocate: Callable[[int, int, int], None] = getattr(os, "posix_fallocate", _allocate_by_zeros)


@dataclass(frozen=True, slots=True)
class Calls:
    """Each raises OSError; by default the system's own."""

    open: Callable[[Path, int, int], int] = os.open  # path, flags, mode
    write: Callable[[int, bytes | bytearray | memoryview, int], int] = os.pwrite
    sync: Callable[[int], None] = _sync
    sync_folder: Callable[[Path], None] = _sync_folder
    allocate: Callable[[int, int, int], None] = _allocate  # descriptor, offset, length
    truncate: Callable[[int, int], None] = os.ftruncate
    rename: Callable[[Path, Path], None] = os.replace
    unlink: Callable[[Path], None] = os.unlink
    mkdir: Callable[[Path], None] = os.mkdir


def write_all(calls: Calls, descriptor: int, content: bytes | bytearray, at: int) -> None:
    """Write every byte, in one call unless the system takes fewer."""
    written = calls.write(descriptor, content, at)
    while written < len(content):
        written += calls.write(descriptor, memoryview(content)[written:], at + written)


def write_file(calls: Calls, path: Path, content: bytes, *, tmp: Path, mode: int = 0o644) -> None:
    """Make a file that is there whole or not at all, and stays."""
    draft = tmp / path.name
    descriptor = calls.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        write_all(calls, descriptor, content, 0)
        calls.sync(descriptor)
    finally:
        os.close(descriptor)
    calls.rename(draft, path)
    calls.sync_folder(path.parent)


def make_folder(path: Path, calls: Calls) -> None:
    """Make a folder that stays."""
    calls.mkdir(path)
    calls.sync_folder(path.parent)


def is_full(error: OSError) -> bool:
    """Say whether the disk, or this user's part of it, is full."""
    return error.errno in _FULL


def failure(what: str, error: OSError) -> JournalError:
    """The error of ours for a disk that is full, or fails otherwise."""
    kind = DiskFullError if is_full(error) else JournalFailedError
    return kind(f"{what}: {error}")


@contextmanager
def content_errors() -> Iterator[None]:
    """Say what an OSError means to whoever wanted to keep a content.

    Raises:
        DiskFullError: it does not fit.
        JournalFailedError: the disk failed otherwise.
    """
    try:
        yield
    except OSError as error:
        raise failure("the content was not kept", error) from error
