"""Hosts: which thread runs a loop now, asked for every message: a ref is used in its theater's loop alone.

Asyncio's own loops keep that in `_thread_id`; to read it takes 60 ns less than to ask for the running loop,
for which Python 3.11 has the kernel tell it its process each time.
"""

from __future__ import annotations

import os
from threading import get_ident
from typing import Any, Protocol
from weakref import WeakSet

from theater.loop import Loop, running_loop


class Guest(Protocol):
    """What runs on a loop."""

    host: Any  # its `_thread_id` is that of the thread which runs the loop, or None

    @property
    def loop(self) -> Loop: ...


class _Asked:
    """Stands in for a loop that does not say so itself, as uvloop's."""

    __slots__ = ("_loop",)

    def __init__(self, loop: Loop) -> None:
        self._loop = loop

    @property
    def _thread_id(self) -> int | None:
        return get_ident() if running_loop() is self._loop else None


_guests: WeakSet[Any] = WeakSet()


def host(guest: Guest) -> None:
    """Give this guest its host; the loop runs."""
    own = getattr(guest.loop, "_thread_id", None)
    guest.host = guest.loop if own == get_ident() else _Asked(guest.loop)
    _guests.add(guest)


def _leave_behind() -> None:
    """In a child process: the loop runs in the parent alone, though its thread has the same number here."""
    for guest in _guests:
        guest.host = _Asked(guest.loop)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_behind)
