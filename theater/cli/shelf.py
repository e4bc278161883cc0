"""The shelf: the actor in whose store `theater store put` keeps files."""

from __future__ import annotations

from theater import Actor, ContentRef, DiskFullError, handler

NAME = "shelf"


class Shelf(Actor):
    """Keeps files by content, and under labels."""

    @handler(raises=(OSError, DiskFullError))
    async def keep(self, path: str, label: str) -> ContentRef:
        """Keep what is in a file; the newest at `label`."""
        ref = await self.context.store.put_file(path)
        await self.context.store.label(label, ref)
        return ref
