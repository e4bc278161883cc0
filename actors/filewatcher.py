"""A file watcher: looks at a folder again and again, and tells of files that came, changed and went.

```python
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio

from actors import FileChange, FileWatcher
from theater import Actor, Theater, handler


class Reader(Actor):
    heard: list[str] = []

    @handler
    async def changed(self, change: FileChange) -> None:
        self.heard.append(f"{change.path} {change.how.value}")

    @handler
    async def all(self) -> list[str]:
        return self.heard


async def main(folder: Path) -> None:
    (folder / "old.txt").write_text("was here before")
    async with Theater() as theater:
        watcher = await theater.spawn(FileWatcher(folder=str(folder), pattern="*.txt", every=3600))
        reader = await theater.spawn(Reader())
        await watcher.ask(FileWatcher.subscribe, reader)

        (folder / "new.txt").write_text("hello")
        (folder / "old.txt").unlink()
        (folder / "new.log").write_text("not asked for")
        await watcher.ask(FileWatcher.look)  # not to wait for the hour
        print(await reader.ask(Reader.all))


with TemporaryDirectory() as folder:
    anyio.run(main, Path(folder))
```

It prints

```text
['new.txt came', 'old.txt went']
```

Each look is an effect: what was seen stands in the record. A file has changed if its size, its inode or the
time of its last change is another. What happened while the watcher was asleep in its folder is told after it
is resumed; of two changes between two looks one is told. A folder that is not there has no files.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from errno import EACCES, ELOOP, ENOENT, ENOTDIR
from os import fsencode
from pathlib import Path
from stat import S_ISREG
from typing import Any, Protocol

from theater import (
    Actor,
    ActorRef,
    EffectFailedError,
    MailboxFullError,
    NotRunningError,
    Reason,
    effect,
    handler,
)


class How(Enum):
    """What became of a file."""

    CAME = "came"
    CHANGED = "changed"
    WENT = "went"


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file, and what became of it."""

    path: str  # below the folder, with `/`; bytes that are not UTF-8 are spelled out: `\xff`
    how: How


class Watches(Protocol):
    """Whoever has this handler can be told of changes."""

    async def changed(self, change: FileChange) -> None: ...


# gone since it was listed, or a link to nothing; a link to itself; below what we may not enter
_OUT_OF_SIGHT = frozenset({ENOENT, ENOTDIR, ELOOP, EACCES})

Sight = dict[str, tuple[int, int, int]]  # by path: size, time of the last change in nanoseconds, inode


@effect(idempotent=True)
def look_at(folder: str, pattern: str) -> Sight:
    """All files below `folder` that fit `pattern` (as `Path.glob`)."""
    root = Path(folder)
    seen: Sight = {}
    for path in sorted(root.glob(pattern)):
        try:
            found = path.stat()
        except OSError as error:
            if error.errno not in _OUT_OF_SIGHT:
                raise
            continue
        if S_ISREG(found.st_mode):
            name = fsencode(path.relative_to(root).as_posix()).decode(errors="backslashreplace")
            seen[name] = (found.st_size, found.st_mtime_ns, found.st_ino)
    return seen


def changes(before: Sight, after: Sight) -> list[FileChange]:
    """What happened between two looks, by path."""
    came = dict.fromkeys(after.keys() - before.keys(), How.CAME)
    went = dict.fromkeys(before.keys() - after.keys(), How.WENT)
    both = {path: How.CHANGED for path in before.keys() & after.keys() if before[path] != after[path]}
    return [FileChange(path, how) for path, how in sorted((came | went | both).items(), key=lambda it: it[0])]


class FileWatcher(Actor):
    """Looks at the files below `folder` that fit `pattern`, every so many seconds."""

    folder: str
    pattern: str = "**/*"  # as `Path.glob` takes it
    every: float = 1.0  # seconds

    seen: Sight = {}
    is_ready: bool = False  # has looked once: what was there then is not news
    listeners: dict[bytes, ActorRef[Any]] = {}  # by id
    trouble: str = ""  # why the last look failed

    async def on_start(self) -> None:
        if not self.is_ready:  # the timer outlives a restart
            self.seen = await self.context.effect(look_at, self.folder, self.pattern)
            self.context.every(self.every, FileWatcher.look)
            self.is_ready = True

    @handler
    async def subscribe(self, listener: ActorRef[Watches]) -> None:
        """Tell `listener` of all changes from now on, by its handler `changed`."""
        if listener.id not in self.listeners:
            self.listeners[listener.id] = listener
            self.context.watch(listener, FileWatcher.ended)

    @handler
    async def unsubscribe(self, listener: ActorRef[Any]) -> None:
        """Tell `listener` no more."""
        self.listeners.pop(listener.id, None)

    @handler
    async def files(self) -> list[str]:
        """The files that the last look has found, by path."""
        return sorted(self.seen)

    @handler
    async def look(self) -> list[FileChange]:
        """Look now; returns what has changed since the last look, and tells the listeners."""
        try:
            now = await self.context.effect(look_at, self.folder, self.pattern)
        except EffectFailedError as error:  # a disk that cannot be read now may be read later
            if self.trouble != str(error):
                self.trouble = str(error)
                self.context.log(f"cannot look at {self.folder}: {error}")
            return []
        news = changes(self.seen, now)
        self.seen, self.trouble = now, ""
        for change in news:
            for listener in list(self.listeners.values()):
                await self._tell(listener, change)
        return news

    @handler
    async def ended(self, listener: ActorRef[Any], reason: Reason) -> None:  # noqa: ARG002  # as `watch` sends
        """A listener has ended: drop it."""
        self.listeners.pop(listener.id, None)

    async def _tell(self, listener: ActorRef[Any], change: FileChange) -> None:
        """Waits for room: no change is lost to a listener that is slow."""
        try:
            await listener.tell("changed", change)
        except (NotRunningError, MailboxFullError) as error:  # it has ended, sleeps, or waits for this actor
            self.context.log(f"{listener.name} was not told of {change.path}: {error}")
