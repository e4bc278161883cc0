"""A notary's process of its own: how it is started, and what runs in it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from theater.notary.serving import Office

_PACKAGES = Path(__file__).parent.parent.parent  # where this very package lies, whatever the path says
_CODE = "import sys; sys.path.append(sys.argv[1]); from theater.notary.process import run; run(sys.argv[2:])"


def start(
    folder: str | os.PathLike[str], *, key: str | os.PathLike[str] | None
) -> tuple[socket.socket, subprocess.Popen[bytes]]:
    """Start a notary for this folder; returns a line to it, and the process."""
    ours, theirs = socket.socketpair()
    try:
        words = [str(_PACKAGES), str(theirs.fileno()), os.fspath(folder)]
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", _CODE, *words, *([] if key is None else [os.fspath(key)])],
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


def run(words: list[str]) -> None:
    """Be the notary of one theater; ends when it does, and for no signal that can be ignored."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    descriptor, folder, *key = words
    Office(folder, key=key[0] if key else None).serve(socket.socket(fileno=int(descriptor)))
