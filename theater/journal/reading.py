"""Segments held open for reading: to open a file anew for each read took 10 µs of a get of 16.

Any thread may read. A file is closed when the last who reads from it lets go of it, and so under nobody.
"""

from __future__ import annotations

import os
from threading import Lock

from theater.journal.folder import Folder

_MOST = 64  # files held open; a process may have 1,024 by default


class OpenSegments:
    """The files of a folder's log, as whoever holds the folder reads them: nobody else writes them anew."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._files: dict[int, _File] = {}
        self._lock = Lock()  # for opening and letting go
        self._is_closed = False

    def __len__(self) -> int:
        """How many files are held open."""
        return len(self._files)

    def read_at(self, number: int, offset: int, length: int) -> bytes:
        """At most `length` bytes of a segment."""
        file = self._files.get(number) or self._open(number)
        return os.pread(file.descriptor, length, offset)

    def close(self) -> None:
        """Let go of all files; none is held open from then on."""
        with self._lock:
            self._is_closed = True
            self._files.clear()

    def _open(self, number: int) -> _File:
        file = _File(os.open(self._folder.segment(number), os.O_RDONLY))
        with self._lock:
            if self._is_closed:
                return file
            if len(self._files) >= _MOST:
                del self._files[next(iter(self._files))]
            return self._files.setdefault(number, file)


class _File:
    """An open file that closes itself."""

    __slots__ = ("descriptor",)

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def __del__(self) -> None:
        os.close(self.descriptor)
