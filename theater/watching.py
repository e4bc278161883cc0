"""Watching: being told of another actor's end, once, with the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from theater import notices

if TYPE_CHECKING:
    from theater.cell import Cell


class Watch:
    """One actor's wish to be told of another's end."""

    __slots__ = ("_watcher", "handler", "seq", "watched")

    def __init__(self, watcher: Cell, handler: str, *, watched: bytes, seq: int) -> None:
        self._watcher = watcher
        self.handler = handler  # of the watcher: what is to be told
        self.watched = watched  # id
        self.seq = seq  # of the request in the watcher's chain; -1 where messages are not recorded

    def begin(self, watched: Cell) -> None:
        if watched.has_ended:
            self.tell(watched)
            return
        if watched.watchers is None:
            watched.watchers = []
        watched.watchers.append(self)
        kept = self._watcher.more()
        if kept.watches is None:
            kept.watches = {}
        kept.watches[self] = None

    def end(self) -> None:
        """The watcher no longer waits for the news."""
        kept = self._watcher.extras
        if kept is not None and kept.watches is not None:
            kept.watches.pop(self, None)

    def is_of(self, watcher: Cell) -> bool:
        return self._watcher is watcher

    def tell(self, watched: Cell) -> None:
        """Send the message; no full mailbox keeps it out."""
        watcher = self._watcher
        if watcher.is_open and not watcher.theater.is_cutting:
            self.end()
            notices.deliver(watcher, notices.notice(watcher, self.handler, (watched.ref, watched.reason), {}))


def unwatch(watcher: Cell, watched: Cell) -> None:
    """Take back all watches of one actor on another."""
    for one in tuple(watched.watchers or ()):
        if one.is_of(watcher):
            one.end()
    if watched.watchers is not None:
        watched.watchers = [one for one in watched.watchers if not one.is_of(watcher)] or None
