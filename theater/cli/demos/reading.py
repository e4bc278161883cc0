"""The library at work: a tree is read twice, a shard stumbles, questions are asked, answers checked."""

from __future__ import annotations

import sysconfig
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Protocol

import anyio
import anyio.to_thread

from theater import ActorRef, NameTakenError, Theater
from theater.cli.demos.library import LABEL_BYTES, Found, Kept, Librarian, uses_of

BATCH = 96  # files that the librarian is asked to read at once


class Audience(Protocol):
    """Who watches the work."""

    def part(self, title: str, total: int) -> None:
        """A part of the work begins; `total` steps."""

    def step(self, count: int) -> None:
        """So many more steps are done."""


@dataclass(frozen=True)
class Answer:
    """What the crew says of a name, and whether the files say the same."""

    name: str
    found: tuple[Found, ...]
    is_right: bool


@dataclass
class Tally:
    """What the demo measured."""

    crew: str = ""  # the librarian's name
    files: int = 0
    unreadable: int = 0
    stumbled: str = ""  # over which file
    size: int = 0  # bytes of all files, read once
    contents: int = 0  # distinct ones
    distinct: int = 0  # bytes, each content once
    again: int = 0  # bytes that the second reading added to what is kept
    events: int = 0
    messages: int = 0
    seconds: float = 0.0  # of both readings
    restarts: int = 0
    counted: int = 0  # files read in both readings, as the shards say
    answers: list[Answer] = field(default_factory=list)


def standard_library() -> Path:
    """Where this interpreter's own modules are."""
    return Path(sysconfig.get_path("stdlib"))


def sources(root: Path) -> list[str]:
    """All `.py` files below a folder, as sorted paths within it.

    Of the standard library, what was installed into it later is left out.
    """
    installed = {"site-packages", "dist-packages"} if root == standard_library() else set[str]()
    found = (path.relative_to(root) for path in root.rglob("*.py") if path.is_file())
    paths = (path.as_posix() for path in found if not installed & set(path.parts))
    return sorted(path for path in paths if _is_label(path))


async def run(
    theater: Theater,
    *,
    root: Path,
    paths: Sequence[str],
    shards: int,
    names: Sequence[str],
    audience: Audience,
) -> Tally:
    """Read these files of a tree twice, ask which use these `names`, and say what was measured."""
    tally = Tally(files=len(paths), stumbled=paths[len(paths) // 2])
    librarian = await _spawn(theater, Librarian(root=str(root), count=shards))
    tally.crew = librarian.name
    before, begun = theater.statistics(), perf_counter()
    audience.part("Reading", len(paths))
    first = await _read(librarian, paths, audience, stumble=tally.stumbled)
    audience.part("Reading again", len(paths))
    second = await _read(librarian, paths, audience)
    tally.seconds = perf_counter() - begun
    tally.messages = theater.statistics().handled - before.handled
    _weigh(tally, first, second)
    audience.part("Asking", len(names))
    for name in names:
        right = await anyio.to_thread.run_sync(_search, root, paths, name)
        tally.answers.append(await _ask(librarian, name, right))
        audience.step(1)
    tally.counted = await librarian.ask(Librarian.counted)
    await theater.settled()
    after = theater.statistics()
    tally.events, tally.restarts = after.events - before.events, after.restarts
    return tally


async def _spawn(theater: Theater, librarian: Librarian) -> ActorRef[Librarian]:
    """Start a new crew: `library`, or the next name that is free in this folder."""
    number = 1
    while True:
        name = "library" if number == 1 else f"library-{number}"
        try:
            return await theater.spawn(librarian, name=name)
        except NameTakenError:
            number += 1


async def _read(
    librarian: ActorRef[Librarian], paths: Sequence[str], audience: Audience, stumble: str = ""
) -> list[Kept | None]:
    kept: list[Kept | None] = []
    for batch in _batches(paths):
        kept += await librarian.ask(Librarian.read, batch, stumble=stumble if stumble in batch else "")
        audience.step(len(batch))
    return kept


async def _ask(librarian: ActorRef[Librarian], name: str, right: Sequence[str]) -> Answer:
    found = tuple(await librarian.ask(Librarian.find, name))
    return Answer(name, found, [one.path for one in found] == right)


def _batches(paths: Sequence[str]) -> Iterator[list[str]]:
    return (list(paths[start : start + BATCH]) for start in range(0, len(paths), BATCH))


def _weigh(tally: Tally, first: Sequence[Kept | None], second: Sequence[Kept | None]) -> None:
    tally.unreadable = first.count(None)
    tally.size = sum(kept.size for kept in first if kept is not None)
    contents = {kept.ref: kept.size for kept in first if kept is not None}
    tally.contents, tally.distinct = len(contents), sum(contents.values())
    more = {kept.ref: kept.size for kept in second if kept is not None and kept.ref not in contents}
    tally.again = sum(more.values())


def _search(root: Path, paths: Sequence[str], name: str) -> list[str]:
    """The files that use a name, read from the disk: what the crew's answer is held to."""
    uses, word = uses_of(name), name.encode()
    found = []
    for path in paths:
        try:
            body = (root / path).read_bytes()
        except OSError:
            continue  # the crew could not read it either
        if word in body and uses(body):
            found.append(path)
    return found


def _is_label(path: str) -> bool:
    try:
        return len(path.encode()) <= LABEL_BYTES
    except UnicodeEncodeError:
        return False
