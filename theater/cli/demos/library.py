"""The library: actors that keep every source file of a tree, and answer which files use a name."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import anyio

from theater import Actor, ActorFailedError, ActorRef, ContentRef, effect, handler

LABEL_BYTES = 1_024  # as long as a label may be
NAME = re.compile(rb"(?<![\w.])[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")


@dataclass(frozen=True)
class Kept:
    """One file that was read."""

    ref: ContentRef
    size: int  # bytes


@dataclass(frozen=True)
class Found:
    """A file that uses a name, and where it does so first."""

    path: str
    line: int  # from 1
    text: str


class Stumble(Exception):  # noqa: N818  # it says what happened
    """What makes one shard fail, so that there is something to see."""


@effect(idempotent=True, raises=(OSError,))
def read_file(path: str) -> bytes:
    """The bytes of a file, read in a thread."""
    return Path(path).read_bytes()


class Shard(Actor):
    """Keeps some of the files by content under their paths, and an index of the names that they use."""

    root: str
    index: str = ""  # the id of the store of the index
    files: int = 0
    size: int = 0  # bytes read

    async def on_start(self) -> None:
        if not self.index:
            self.index = (await self.context.stores.new()).id

    @handler
    async def read(self, path: str, *, stumble: bool = False) -> Kept | None:
        """Keep and index a file; None if it cannot be read."""
        try:
            body = await self.context.effect(read_file, f"{self.root}/{path}")
        except OSError:
            return None
        self.files += 1
        self.size += len(body)
        if stumble:
            raise Stumble(f"over {path}, half-way")
        ref = await self.context.store.store_at_label(path, body)
        await self._index(path, ref, body)
        return Kept(ref, len(body))

    async def _index(self, path: str, ref: ContentRef, body: bytes) -> None:
        """Keep the names of a content once, under the path and the hash it was made from."""
        index = self.context.stores.open(self.index)
        label = f"{ref.hash} {path}"[:LABEL_BYTES]
        if await index.get_by_label(label) is None:
            await index.store_at_label(label, names_of(body))

    @handler
    async def find(self, name: str) -> list[Found]:
        """The files that use a name, by path: found in the index, quoted from the content."""
        index, wanted = self.context.stores.open(self.index), b"\n%b\n" % name.encode()
        found = []
        for path in await self.context.store.list_labels():
            ref = await self.context.store.get_by_label(path)
            assert ref is not None
            names = await index.get_by_label(f"{ref.hash} {path}"[:LABEL_BYTES])
            if names is not None and wanted in await index.get(names):
                found.append(_quote(path, await self.context.store.get(ref), name))
        return found

    @handler
    async def count(self) -> int:
        """How many files were read, those that made it stumble not counted."""
        return self.files


class Librarian(Actor):
    """Supervises the shards, and gives each file to one of them by its path."""

    root: str
    count: int
    shards: tuple[ActorRef[Shard], ...] = ()
    failures: int = 0

    async def on_start(self) -> None:
        for number in range(1, self.count + 1):
            shard = await self.context.spawn(Shard(root=self.root), name=f"shard-{number}")
            self.shards = (*self.shards, shard)

    async def on_child_failed(self, child: ActorRef[Shard], error: Exception) -> None:
        self.failures += 1
        self.context.log(f"{child.name} failed and is started again: {error}")

    @handler
    async def read(self, paths: list[str], *, stumble: str = "") -> list[Kept | None]:
        """Let the shards read these files side by side; over one of them its shard is made to stumble."""
        kept: dict[str, Kept | None] = {}

        async def one(path: str) -> None:
            shard = self.shards[crc32(path.encode()) % len(self.shards)]
            try:
                kept[path] = await shard.ask(Shard.read, path, stumble=path == stumble)
            except ActorFailedError:
                kept[path] = await shard.ask(Shard.read, path)  # it was started again, with its state

        async with anyio.create_task_group() as group:
            for path in paths:
                group.start_soon(one, path)
        return [kept[path] for path in paths]

    @handler
    async def find(self, name: str) -> list[Found]:
        """The files that use a name, in the order of their paths."""
        answers: list[list[Found]] = []

        async def one(shard: ActorRef[Shard]) -> None:
            answers.append(await shard.ask(Shard.find, name))

        async with anyio.create_task_group() as group:
            for shard in self.shards:
                group.start_soon(one, shard)
        return sorted((found for answer in answers for found in answer), key=lambda found: found.path)

    @handler
    async def counted(self) -> int:
        """How many files the shards have read, by their own count."""
        return sum([await shard.ask(Shard.count) for shard in self.shards])


def names_of(body: bytes) -> bytes:
    """The names in a source, one a line, each once and sorted, each dotted one also by its beginnings."""
    names = set(NAME.findall(body))
    for name in tuple(names):
        while b"." in name:
            name = name.rpartition(b".")[0]  # noqa: PLW2901  # shorter and shorter
            names.add(name)
    return b"\n%b\n" % b"\n".join(sorted(names))


def _quote(path: str, body: bytes, name: str) -> Found:
    match = uses_of(name)(body)
    place = match.start() if match is not None else 0
    text = body[body.rfind(b"\n", 0, place) + 1 :].partition(b"\n")[0]
    return Found(path, body.count(b"\n", 0, place) + 1, text.strip()[:80].decode(errors="replace"))


def uses_of(name: str) -> Callable[[bytes], re.Match[bytes] | None]:
    """Find the first use of a name in a source: not as the end of a longer one."""
    return re.compile(rb"(?<![\w.])%b(?!\w)" % re.escape(name.encode())).search
