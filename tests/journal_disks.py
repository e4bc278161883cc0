"""Disks that fail and lose power, and a scenario that notes what the journal promised on them."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

from anyio import to_thread
from journal_contract import Scribe

from theater.errors import JournalError, JournalFailedError
from theater.event import Event
from theater.journal import DiskJournal
from theater.journal.calls import Calls
from theater.keys import SigningKey

PAGE = 4096
KEY = SigningKey(bytes(range(32)))
ORIGIN = "theater/0123456789abcdef0123456789abcdef"


def contents_of(folder: Path) -> dict[str, bytes]:
    """Every file in a folder but the lock, by name."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "lock"
    }


class FailingDisk:
    """Counts the calls that change the disk and lets one of them fail; a write may take half of it first."""

    def __init__(
        self, nth: int = 0, *, error: int = errno.EIO, for_ever: bool = False, beneath: Calls | None = None
    ) -> None:
        self.count = 0
        self._next = ""
        self._nth = nth
        self._error = error
        self._for_ever = for_ever
        real = beneath or Calls()
        self.calls = Calls(**{each.name: self._wrap(each.name, real) for each in fields(Calls)})

    def fail_next(self, name: str, *, error: int = errno.EIO) -> None:
        """Let the next call of this name fail."""
        self._next = name
        self._error = error

    def _is_bad(self, name: str) -> bool:
        self.count += 1
        if name == self._next:
            self._next = ""
            return True
        return self.count == self._nth or (self._for_ever and self.count > self._nth > 0)

    def _wrap(self, name: str, real: Calls) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            if self._is_bad(name):
                if name == "write":
                    descriptor, content, at = arguments
                    real.write(descriptor, bytes(content)[: len(content) // 2], at)
                raise OSError(self._error, os.strerror(self._error))
            return getattr(real, name)(*arguments)

        return call


class DiskWithoutPower:
    """Forgets, when the power goes, any of the pages and names that were not synced."""

    def __init__(self) -> None:
        self._real = real = Calls()
        self._paths: dict[int, Path] = {}  # by descriptor
        self._pages: dict[Path, list[tuple[int, bytes]]] = {}  # by file: where, and what was there
        self._names: dict[Path, list[tuple[Path, Path]]] = {}  # by folder: old and new names
        self.calls = replace(
            real, open=self._open, write=self._write, sync=self._sync, rename=self._rename,
            sync_folder=self._sync_folder,
        )  # fmt: skip

    def lose_power(self, random: Random) -> None:
        for path, pages in self._pages.items():
            for at, before in reversed(pages):
                if path.exists() and random.random() < 0.5:
                    with path.open("r+b") as file:
                        file.seek(at)
                        file.write(before)
        for names in self._names.values():
            for old, new in reversed(names):
                if new.exists() and random.random() < 0.5:
                    new.rename(old)

    def _open(self, path: Path, flags: int, mode: int) -> int:
        descriptor = self._real.open(path, flags, mode)
        self._paths[descriptor] = path
        return descriptor

    def _write(self, descriptor: int, content: bytes | bytearray | memoryview, at: int) -> int:
        path = self._paths[descriptor]
        kept = path.read_bytes()
        for page in range(at // PAGE * PAGE, at + len(content), PAGE):
            first, last = max(page, at), min(page + PAGE, at + len(content))
            before = kept[first:last].ljust(last - first, b"\0")
            self._pages.setdefault(path, []).append((first, before))
        return self._real.write(descriptor, content, at)

    def _sync(self, descriptor: int) -> None:
        self._real.sync(descriptor)
        self._pages.pop(self._paths[descriptor], None)

    def _rename(self, old: Path, new: Path) -> None:
        if not new.exists():
            self._names.setdefault(new.parent, []).append((old, new))
        self._pages[new] = self._pages.pop(old, [])
        self._real.rename(old, new)

    def _sync_folder(self, folder: Path) -> None:
        self._real.sync_folder(folder)
        self._names.pop(folder, None)


class Held:
    """Holds back what is written until it is synced, so that a kill takes the rest along as a power cut does.

    Without `syncs` it holds back what is written to the log for ever.
    """

    def __init__(self, *, syncs: bool = True) -> None:
        self._held: dict[int, list[tuple[int, bytes]]] = {}
        self._forgotten: set[int] = set()
        self._real = Calls()
        self._syncs = syncs
        self.calls = Calls(open=self._open, write=self._write, sync=self._sync, sync_folder=lambda _: None)

    def _open(self, path: Path, flags: int, mode: int) -> int:
        descriptor = self._real.open(path, flags, mode)
        self._held[descriptor] = []
        self._forgotten.discard(descriptor)
        if not self._syncs and path.parent.name == "segments":
            self._forgotten.add(descriptor)
        return descriptor

    def _write(self, descriptor: int, content: bytes | bytearray | memoryview, at: int) -> int:
        self._held[descriptor].append((at, bytes(content)))
        return len(content)

    def _sync(self, descriptor: int) -> None:
        if descriptor not in self._forgotten:
            held, self._held[descriptor] = self._held[descriptor], []
            for at, content in held:
                os.pwrite(descriptor, content, at)


@dataclass
class Promised:
    """What the journal has acknowledged."""

    events: dict[tuple[bytes, int], bytes] = field(default_factory=dict)
    contents: dict[bytes, bytes] = field(default_factory=dict)
    appended: int = 0


class Scenario:
    """Small and large contents, streams and plain events of two actors, over several segments."""

    def __init__(self, folder: Path, calls: Calls, *, seed: int = 0) -> None:
        self.journal = DiskJournal(folder, key=KEY, origin=ORIGIN, calls=calls, segment_bytes=100_000)
        self.promised = Promised()
        self.stop_after = 0  # so many flushes, as a crash does; never if 0
        self._random = Random(seed)
        self._contents: dict[bytes, bytes] = {}

    async def run(self) -> None:
        """Go on until all is done or the journal fails; then leave it as a crash would."""
        try:
            await self.journal.open()
            scribes = [Scribe(self.journal, number) for number in (1, 2)]
            for number in range(1, 7):
                await self._round(scribes, large=number == 2)
                if number == self.stop_after:
                    return
            await self.journal.close()
        except JournalError:
            pass  # what was promised until then is what counts
        finally:
            self.journal.abandon()

    async def _round(self, scribes: list[Scribe], *, large: bool) -> None:
        for scribe in scribes:
            scribe.write("plain")
            self._keep(scribe, self._random.randbytes(30_000))
        if large:
            self._keep(scribes[0], self._random.randbytes((1 << 20) + 5))
            await self._acknowledged(scribes)
            await self._stream(scribes[1], self._random.randbytes(50_000))
        await self._acknowledged(scribes)

    def _keep(self, scribe: Scribe, content: bytes) -> None:
        self._contents[scribe.keep(content)] = content

    async def _stream(self, scribe: Scribe, content: bytes) -> None:
        ingest = self.journal.ingest()
        await to_thread.run_sync(ingest.write, content)
        digest, _ = await to_thread.run_sync(ingest.publish)
        scribe.write("streamed", blobs=(digest,))
        self._contents[digest] = content

    async def _acknowledged(self, scribes: list[Scribe]) -> None:
        self.promised.appended = self.journal.size
        future = asyncio.get_running_loop().create_future()
        self.journal.then(future, None)
        await future
        for scribe in scribes:
            for seq, data in enumerate(scribe.events):
                self.promised.events[scribe.actor, seq] = data
        self.promised.contents.update(self._contents)


async def require_promised(folder: Path, promised: Promised) -> None:
    """Reopen the folder: all that was acknowledged is there, and nothing by halves."""
    journal = DiskJournal(folder, key=KEY)
    await journal.open()
    try:
        for (actor, seq), data in promised.events.items():
            assert journal.event(actor, seq) == data
        for digest, content in promised.contents.items():
            assert journal.read(digest) == content
        assert journal.size >= len(promised.events)
        for actor, (events, _) in journal.tips().items():
            for seq in range(events):
                require_whole(journal, journal.event(actor, seq))
        left = {path.name for path in (folder / "blobs").glob("*/*")}
        assert left == {digest.hex() for digest in journal._index.held.files}
        assert not list((folder / "tmp").iterdir())
        scribe = Scribe(journal, 99)
        scribe.write("life goes on")
    finally:
        with suppress(JournalFailedError):
            await journal.close()


def require_whole(journal: DiskJournal, data: bytes) -> None:
    """Every content that an event names is there and is what its name says."""
    for ref in Event.read(data).body["refs"]:
        assert sha256(journal.read(ref.digest)).digest() == ref.digest
