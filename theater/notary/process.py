"""A notary's process of its own: how it is started, and what runs in it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from theater.notary.lines import Line
from theater.notary.serving import Office

_CODE = "import sys; sys.path[:] = sys.argv[1].split({!r}); from theater.notary.process import run; run()"


def start(
    folder: str | os.PathLike[str], *, key: str | os.PathLike[str] | None
) -> tuple[socket.socket, subprocess.Popen[bytes]]:
    """Start a notary for this folder; returns a line to it, and the process."""
    ours, theirs = socket.socketpair()
    try:
        # this very package and all it needs are where we found them
        where = os.pathsep.join(each or str(Path.cwd()) for each in sys.path)
        words = [where, str(theirs.fileno()), os.fspath(folder)]
        process = subprocess.Popen(  # noqa: S603  # this very interpreter
            [
                sys.executable,
                "-P",
                "-c",
                _CODE.format(os.pathsep),
                *words,
                *([] if key is None else [os.fspath(key)]),
            ],
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            start_new_session=True,  # Ctrl-C is for the theater, which then closes
        )
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
    return ours, process


def run() -> None:
    """Be the notary of one theater; ends when it does, and for no signal that can be ignored."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    _, descriptor, folder, *key = sys.argv[1:]
    Office(folder, key=key[0] if key else None).serve(Line(socket.socket(fileno=int(descriptor))))
