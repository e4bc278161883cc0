"""A theater's folder whose log fills several segments, made quickly."""

from __future__ import annotations

from pathlib import Path

import pytest

from theater import Actor, Theater, handler
from theater.journal import DiskJournal
from theater.journal.folder import Folder

SMALL = 20_000  # bytes; a segment with more is followed by the next


class Keeper(Actor):
    """Keeps what it is given."""

    kept: int = 0

    @handler
    async def keep(self, content: bytes) -> None:
        self.kept += 1
        await self.context.store.store(content)


def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let segments be followed by the next after a few events."""
    defaults = DiskJournal.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "segment_bytes", SMALL)


async def fill(path: Path, *, segments: int = 3) -> Folder:
    """Make a folder with so many full segments, or a few more; closed."""
    folder = Folder(path)
    async with Theater(path) as theater:
        keeper = await theater.spawn(Keeper(), name="keeper", resume=True)
        number = 0
        while not folder.segment(segments + 2).exists():  # made ready once the one before it was begun
            number += 1
            await keeper.ask(Keeper.keep, number.to_bytes(4, "big") * 500)
    return folder
