"""Watching: being told of another actor's end, once, with the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from theater import notices

if TYPE_CHECKING:
    from theater.cell import Cell


class Watch:
    """One actor's wish to be told of another's end."""

    __slots__ = ("_handler", "_watcher")

    def __init__(self, watcher: Cell, handler: str) -> None:
        self._watcher = watcher
        self._handler = handler

    def begin(self, watched: Cell) -> None:
        if watched.has_ended:
            self.tell(watched)
            return
        if watched.watchers is None:
            watched.watchers = []
        watched.watchers.append(self)

    def is_of(self, watcher: Cell) -> bool:
        return self._watcher is watcher

    def tell(self, watched: Cell) -> None:
        """Send the message; no full mailbox keeps it out."""
        watcher = self._watcher
        if watcher.is_open and not watcher.theater.is_cutting:
            notices.deliver(
                watcher, notices.notice(watcher, self._handler, (watched.ref, watched.reason), {})
            )


def unwatch(watcher: Cell, watched: Cell) -> None:
    """Take back all watches of one actor on another."""
    if watched.watchers is not None:
        watched.watchers = [one for one in watched.watchers if not one.is_of(watcher)] or None
