"""Serving: a notary takes lines from a theater, opens its folder, and is there until one of them ends."""

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

from theater.errors import FolderInUseError, MalformedError, TheaterError
from theater.journal.calls import Calls
from theater.journal.handing import KeySource
from theater.journal.log import SEGMENT_BYTES, Log
from theater.journal.marks import ORIGIN
from theater.journal.opening import Opened
from theater.journal.taking import take_folder
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
        self._take = partial(take_folder, folder, key=key, calls=calls, segment_bytes=segment_bytes)

    def serve(self, control: Line) -> None:
        """Serve the theater at the other end until it is closed, or either process ends; raises nothing."""
        try:
            contents, batches = _receive_lines(control.connection)
            with _watching(control.connection, [control, contents, batches]):
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
            taken = self._open(control)
            if taken is None:
                return
            opened, log = taken
            try:
                session = Session(opened, log)
                control.send(["done", session.welcome()])
                session.run(control=control, contents=contents, batches=batches)
            finally:
                log.close()
                opened.lock.release()
        finally:
            contents.close()
            batches.close()

    def _open(self, control: Line) -> tuple[Opened, Log] | None:
        """Open the folder, or say why not."""
        match control.receive():
            case (["open", str(origin)], _) if ORIGIN.fullmatch(origin):
                try:
                    return self._take(origin=origin)
                except FolderInUseError as error:
                    control.refuse(FolderInUseError(f"by its notary: {error}"))
                    return None
                except TheaterError as error:
                    control.refuse(error)
                    return None
            case None:
                return None
            case request:
                raise MalformedError("request", request)


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
    """End the lines when the process at the other end does: one that it forked may hold them open."""
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
