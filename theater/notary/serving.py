"""Serving: a notary takes lines from a theater, opens its folder, and is there for it until one of them ends."""

from __future__ import annotations

import logging
import os
import select
import socket
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from threading import Thread

from theater.errors import MalformedError, TheaterError
from theater.journal.calls import Calls, failure
from theater.journal.handing import KeySource
from theater.journal.log import SEGMENT_BYTES, Log
from theater.journal.opening import Opened, open_folder
from theater.notary.lines import Line
from theater.notary.session import Session

GREETING = b"theater-notary 1\n"
"""What a theater sends first, with two more lines: for contents, and for batches."""

logger = logging.getLogger("theater.notary")
_LINES = 2
_CREDENTIALS = struct.Struct("3i")  # process, user, group


class Office:
    """One folder, whose notary this is."""

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        key: KeySource | None = None,
        calls: Calls | None = None,
        segment_bytes: int = SEGMENT_BYTES,
    ) -> None:
        """`key` is where the key is, if not in the folder."""
        self._calls = calls or Calls()
        self._open = partial(open_folder, folder, key=key, calls=self._calls)
        self._segment_bytes = segment_bytes

    def serve(self, connection: socket.socket) -> None:
        """Serve the theater at the other end until it is closed, or either process ends; raises nothing."""
        control = Line(connection)
        try:
            contents, batches = _receive_lines(connection)
            with _watching(connection, [control, contents, batches]):
                self._serve(control, contents, batches)
        except TheaterError as error:
            logger.warning("the session ended: %s", error)
        except Exception:
            # whatever it is, the theater sees that nobody writes any more, and the next one can be served
            logger.exception("the session ended")
        finally:
            control.close()

    def _serve(self, control: Line, contents: Line, batches: Line) -> None:
        try:
            opened = self._take(control)
            if opened is None:
                return
            try:
                session = Session(opened, self._go_on(opened))
                control.send(["done", session.welcome()])
                session.run(control=control, contents=contents, batches=batches)
            finally:
                opened.lock.release()
        finally:
            contents.close()
            batches.close()

    def _take(self, control: Line) -> Opened | None:
        """Open the folder, or say why not."""
        match control.receive():
            case (["open", str(origin)], _):
                try:
                    return self._open(origin=origin)
                except TheaterError as error:
                    control.refuse(error)
                    return None
            case None:
                return None
            case request:
                raise MalformedError("request", request)

    def _go_on(self, opened: Opened) -> Log:
        try:
            return Log(opened.folder, opened.place, calls=self._calls, segment_bytes=self._segment_bytes)
        except OSError as error:
            raise failure(f"{opened.folder.path} could not be opened", error) from error


def _receive_lines(connection: socket.socket) -> list[Line]:
    greeting, descriptors, _, _ = socket.recv_fds(connection, len(GREETING), _LINES)
    lines = [Line(socket.socket(fileno=descriptor)) for descriptor in descriptors]
    if greeting != GREETING or len(lines) != _LINES:
        for line in lines:
            line.close()
        raise MalformedError("greeting", greeting)
    return lines


@contextmanager
def _watching(connection: socket.socket, lines: Sequence[Line]) -> Iterator[None]:
    """End the lines when the process at the other end ends: one that it forked may hold them open for ever."""
    process = _process_of(connection)
    if process is None:
        yield
        return
    leave, left = os.pipe()

    def watch() -> None:
        ready, _, _ = select.select([process, leave], [], [])
        if process in ready:
            for line in lines:
                line.hang_up()

    thread = Thread(target=watch, name="theater-notary-watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        os.close(left)
        thread.join()
        os.close(leave)
        os.close(process)


def _process_of(connection: socket.socket) -> int | None:
    """A descriptor of the process at the other end; None where the system cannot say (macOS)."""
    option, opener = getattr(socket, "SO_PEERCRED", None), getattr(os, "pidfd_open", None)
    if option is None or opener is None:
        return None
    found, _, _ = _CREDENTIALS.unpack(connection.getsockopt(socket.SOL_SOCKET, option, _CREDENTIALS.size))
    try:
        return int(opener(found)) if found else None
    except OSError:  # it has ended: so has its end of the lines
        return None
