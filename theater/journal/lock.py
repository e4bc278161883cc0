"""The lock of a folder: one process at a time has it open, and whoever comes second is told who."""

from __future__ import annotations

import fcntl
import os
import socket
from pathlib import Path

from theater.errors import FolderInUseError

_LIMIT = 512  # bytes; a process id and a host name
_TRIES = 1000


class Lock:
    """An advisory lock (flock), which the system drops when the process ends, however it ends."""

    def __init__(self, path: Path) -> None:
        """Take the lock.

        Raises:
            FolderInUseError: another process holds it; the text names it.
            OSError: the file cannot be opened for writing.
        """
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        if not _is_taken(self._descriptor):
            holder = os.pread(self._descriptor, _LIMIT, 0).decode(errors="replace").split()
            self.release()
            raise FolderInUseError(f"{path.parent} is open in {_named(holder)}")

    def sign(self) -> None:
        """Write down who holds the lock."""
        holder = f"{os.getpid()} {socket.gethostname()}\n".encode()
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, holder, 0)

    def release(self) -> None:
        os.close(self._descriptor)


def _is_taken(descriptor: int) -> bool:
    """Take the lock if nobody holds it; who only looks shares it for an instant, and is waited for."""
    for kind in (fcntl.LOCK_EX, fcntl.LOCK_SH) * _TRIES:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if kind == fcntl.LOCK_SH:
                return False
        else:
            if kind == fcntl.LOCK_EX:
                return True
    return False


def _named(holder: list[str]) -> str:
    match holder:
        case [pid, host] if pid == str(os.getpid()) and host == socket.gethostname():
            return f"this process ({pid}) already"
        case [pid, host]:
            return f"process {pid} on {host}"
        case _:
            return "another process"
