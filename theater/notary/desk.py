"""A desk: a notary that listens at a path, and serves one theater after the other."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from pathlib import Path
from threading import Thread

from theater.errors import FolderError, FolderInUseError
from theater.notary.lines import Line
from theater.notary.serving import Office

_BACKLOG = 8


class Desk:
    """Whoever may connect to its socket is served."""

    def __init__(self, office: Office, path: Path, *, mode: int) -> None:
        """Listen at `path`, a file of this `mode`.

        Raises:
            FolderInUseError: another notary listens there.
            FolderError: nobody can.
        """
        self._office = office
        self._path = path
        self._sessions: dict[Line, Thread] = {}
        self._thread = Thread(target=self._run, name="theater-notary-desk", daemon=True)
        self._listening = socket.socket(socket.AF_UNIX)
        try:
            _clear(path)
            before = os.umask(0o777 & ~mode)
            try:
                self._listening.bind(os.fspath(path))
            finally:
                os.umask(before)
            self._listening.listen(_BACKLOG)
        except BaseException as error:
            self._listening.close()
            if isinstance(error, OSError):
                raise FolderError(f"no notary can listen at {path}: {error}") from error
            raise

    def start(self) -> None:
        """Serve, in a thread of its own, until `close`."""
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return  # closed
            line = Line(connection)
            self._sessions = {each: thread for each, thread in self._sessions.items() if thread.is_alive()}
            thread = self._sessions[line] = Thread(target=self._office.serve, args=(line,), daemon=True)
            thread.start()

    def close(self) -> None:
        """Listen no more, and end the sessions as a crash does."""
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)  # wakes who waits in `accept`
        self._thread.join()
        self._listening.close()
        self._path.unlink(missing_ok=True)
        for line, thread in tuple(self._sessions.items()):
            line.hang_up()
            thread.join()


def _clear(path: Path) -> None:
    """Remove what a notary left that was killed.

    Raises:
        FolderInUseError: one listens there.
    """
    if not path.is_socket():
        return
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(os.fspath(path))
        except ConnectionRefusedError:
            path.unlink()
        else:
            raise FolderInUseError(f"a notary listens at {path} already")
