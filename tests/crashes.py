"""Crashes at any event: the folder as it would be if the process had died with so many events committed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from theater.checkpoint import Checkpoint
from theater.event import Event, event_hash
from theater.journal.folder import Folder
from theater.journal.frames import BLOB, COMMIT, EVENT, FILE, FRONTIER, Commit, frame, frontier_payload
from theater.journal.reader import Reader
from theater.keys import SigningKey
from theater.merkle import Frontier


class Crashes:
    """One run of a theater, of which any beginning can be put down as a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._frames = [
            (kind, bytes(batch.chunk[start:end]))
            for batch in Reader(folder).walk()
            for kind, start, end in batch.frames
            if kind in (EVENT, BLOB, FILE)
        ]

    def __len__(self) -> int:
        return sum(kind == EVENT for kind, _ in self._frames)

    def events(self) -> list[Event]:
        """All events, in the order of the journal."""
        return [Event.read(payload) for kind, payload in self._frames if kind == EVENT]

    def moments(self, first: int) -> Iterator[int]:
        """After how many events a process may die, from `first` on and before the close.

        A failed message and the failure of its actor are recorded in one breath.
        """
        events = self.events()
        for count in range(first, len(events) - 1):
            if not (events[count].kind == "actor/failed" and events[count - 1].body.get("failed")):
                yield count

    def after(self, events: int, to: Path) -> Path:
        """A folder with the first `events` events, as it was never closed."""
        to.mkdir()
        for name in ("format", "key"):
            shutil.copy(self._folder / name, to / name)
        shutil.copytree(self._folder / "blobs", to / "blobs")
        tree = Frontier()
        log = bytearray(frame(FRONTIER, frontier_payload(1, tree)))
        for kind, payload in self._first(events):
            log += frame(kind, payload)
            if kind == EVENT:
                tree.append(event_hash(payload))
        key = SigningKey.from_seed(bytes.fromhex((to / "key").read_text()))
        note = Checkpoint(Folder(to).format().origin, tree.size, tree.root()).sign(key)
        log += frame(COMMIT, Commit(1, 0, len(log), str(note).encode()).payload())
        for name in ("segments", "tmp"):
            (to / name).mkdir()
        Folder(to).segment(1).write_bytes(log)
        return to

    def _first(self, events: int) -> Iterator[tuple[int, bytes]]:
        left = events
        for kind, payload in self._frames:
            if kind == EVENT and not left:
                return
            left -= kind == EVENT
            yield kind, payload
