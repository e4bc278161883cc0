"""A disk that remembers all that was done to it, and what would be left if the power went at any point.

What was synced is there; of the rest a fault says what is left. A write is made of sectors, which get to the
disk one by one in any order; a name (made, moved, removed) gets there with its folder. Bytes that share a
sector with what is being written are not harmed, as SQLite assumes too ("powersafe overwrite").
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from threading import Lock, current_thread, main_thread
from typing import Any

from theater.journal.calls import Calls

SECTOR = 512


AWAKE = Calls(sync=lambda _: None, sync_folder=lambda _: None)
"""A disk that never loses power need not be synced; a tenth of the time."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was done to the disk."""

    call: str
    file: int = 0  # which one, by the number of its making
    path: Path = Path()
    to: Path = Path()
    at: int = 0
    content: bytes = b""
    promise: Any = None  # what was promised to somebody by then
    by_loop: bool = False  # else by a thread that works for it


@dataclass(frozen=True, slots=True)
class Fault:
    """What is left of all that was not synced."""

    name: str
    names: Callable[[Random], bool]  # of each name that was made, moved or removed
    sectors: Callable[[Random, int, int], bool]  # of each sector written: its place among so many
    sizes: bool = True  # files are as long as they were made
    rotten: bool = False  # a sector that is not left holds anything but what was there before
    torn: int = SECTOR  # bytes of the last sector that is left


def _all(*_: object) -> bool:
    return True


def _none(*_: object) -> bool:
    return False


def _some(random: Random, *_: object) -> bool:
    return random.random() < 0.5


FAULTS = (
    Fault("all is lost", _none, _none, sizes=False),
    Fault("all is there, as after kill -9", _all, _all),
    Fault("only names are there", _all, _none, sizes=False),
    Fault("only names and lengths are there", _all, _none),
    Fault("only contents are there", _none, _all),
    Fault("torn: the first half is there", _all, lambda _, place, count: place < count / 2),
    Fault("torn in a sector", _all, lambda _, place, count: place < count / 2, torn=100),
    Fault("reordered: the second half is there", _all, lambda _, place, count: place >= count / 2),
    Fault("reordered: all but the first sector", _all, lambda _, place, count: place > 0 or count == 1),
    Fault("all but the last sector", _all, lambda _, place, count: place < count - 1),
    Fault("every other sector", _some, lambda _, place, count: place % 2 == count % 2),
    Fault("rotten", _all, _some, rotten=True),
    Fault("rotten, and names are lost", _some, _some, rotten=True),
    Fault("by chance", _some, _some),
    Fault("by chance, and lengths are lost", _some, _some, sizes=False),
)


class Recorder:
    """Calls that are carried out and remembered; one kind may be forgotten, as if nobody had made it."""

    def __init__(self, *, forget: str = "") -> None:
        self.steps: list[Step] = []
        self._forget = forget
        self._real = AWAKE
        self._lock = Lock()
        self._files: dict[int, int] = {}  # by descriptor
        self._named: dict[Path, int] = {}
        self._made = 0
        self.calls = Calls(
            open=self._open, write=self._write, sync=self._sync, sync_folder=self._sync_folder,
            allocate=self._allocate, truncate=self._truncate, rename=self._rename, unlink=self._unlink,
            mkdir=self._mkdir,
        )  # fmt: skip

    def promise(self, promise: Any) -> None:
        """From here on this must hold."""
        self._note(Step("promise", promise=promise))

    def _note(self, step: Step) -> None:
        if step.call != self._forget:
            self.steps.append(step)

    def _open(self, path: Path, flags: int, mode: int) -> int:
        with self._lock:
            is_new = not path.exists()
            descriptor = self._real.open(path, flags, mode)
            if is_new or path not in self._named:
                self._made += 1
                self._named[path] = self._made
                self._note(Step("make" if is_new else "find", file=self._made, path=path))
            self._files[descriptor] = file = self._named[path]
            if flags & os.O_TRUNC and not is_new:
                self._note(Step("truncate", file=file))
            return descriptor

    def _write(self, descriptor: int, content: bytes | bytearray | memoryview, at: int) -> int:
        with self._lock:
            written = self._real.write(descriptor, content, at)
            self._note(
                Step(
                    "write",
                    file=self._files[descriptor],
                    at=at,
                    content=bytes(content[:written]),
                    by_loop=current_thread() is main_thread(),
                )
            )
            return written

    def _sync(self, descriptor: int) -> None:
        with self._lock:
            self._note(Step("sync", file=self._files[descriptor]))

    def _sync_folder(self, path: Path) -> None:
        with self._lock:
            self._note(Step("sync_folder", path=path))

    def _allocate(self, descriptor: int, start: int, length: int) -> None:
        with self._lock:
            self._real.allocate(descriptor, start, length)
            self._note(Step("extend", file=self._files[descriptor], at=start + length))

    def _truncate(self, descriptor: int, length: int) -> None:
        with self._lock:
            self._real.truncate(descriptor, length)
            self._note(Step("truncate", file=self._files[descriptor], at=length))

    def _rename(self, old: Path, new: Path) -> None:
        with self._lock:
            self._real.rename(old, new)
            self._named[new] = file = self._named.pop(old)
            self._note(Step("rename", file=file, path=old, to=new))

    def _unlink(self, path: Path) -> None:
        with self._lock:
            self._real.unlink(path)
            self._named.pop(path, None)
            self._note(Step("unlink", path=path))

    def _mkdir(self, path: Path) -> None:
        with self._lock:
            self._real.mkdir(path)
            self._note(Step("mkdir", path=path))


@dataclass
class File:
    """What is on the disk of a file for certain, and what was done to it since."""

    content: bytearray = field(default_factory=bytearray)
    since: list[Step] = field(default_factory=list)

    def settle(self) -> None:
        for step in self.since:
            _change(self.content, step)
        self.since.clear()

    def left(self, fault: Fault, random: Random) -> bytearray:
        """What is found after the power went."""
        content = bytearray(self.content)
        pieces = list(_pieces(self.since))
        count = sum(each.call == "write" for each in pieces)
        place = 0
        for piece in pieces:
            if piece.call != "write":
                if fault.sizes:
                    _change(content, piece)
                continue
            is_left = fault.sectors(random, place, count)
            place += 1
            if is_left:
                is_torn = fault.torn < SECTOR and not fault.sectors(random, place, count)
                _change(content, _cut(piece, fault.torn) if is_torn else piece)
            elif fault.rotten:
                _change(content, _rotten(piece, random))
            elif fault.sizes:
                _extend(content, piece.at + len(piece.content))
        return content


def _change(content: bytearray, step: Step) -> None:
    if step.call == "truncate":
        del content[step.at :]
    _extend(content, step.at)
    content[step.at : step.at + len(step.content)] = step.content


def _extend(content: bytearray, length: int) -> None:
    content.extend(bytes(max(0, length - len(content))))


def _pieces(steps: list[Step]) -> Iterator[Step]:
    """Writes sector by sector; of zeros one piece, since all of them are alike."""
    for step in steps:
        if step.call != "write" or not any(step.content):
            yield step
            continue
        at, end = step.at, step.at + len(step.content)
        while at < end:
            next_at = min(end, (at // SECTOR + 1) * SECTOR)
            yield Step("write", at=at, content=step.content[at - step.at : next_at - step.at])
            at = next_at


def _cut(step: Step, length: int) -> Step:
    return Step("write", at=step.at, content=step.content[:length])


def _rotten(step: Step, random: Random) -> Step:
    return Step("write", at=step.at, content=random.randbytes(len(step.content)))


class Disk:
    """What would be left at each step: `done` takes them one by one."""

    def __init__(self, found: Path | None, root: Path) -> None:
        """Begin with what is found in a folder, as if it had been synced in the root of all that is done."""
        self.promise: Any = None
        self._root = root
        self._files: dict[int, File] = {}
        self._names: dict[Path, int] = {}  # those that are there for certain; 0 is a folder
        self._moved: list[Step] = []  # names made, moved and removed since
        if found is not None:
            for path in sorted([found, *found.rglob("*")]):
                self._find(path, root / path.relative_to(found))

    def _find(self, path: Path, name: Path) -> None:
        number = 0 if path.is_dir() else -len(self._names) - 1
        self._names[name] = number
        if number:
            self._files[number] = File(bytearray(path.read_bytes()))

    def done(self, step: Step) -> None:
        match step.call:
            case "promise":
                self.promise = step.promise
            case "find":  # it was there before
                known = self._now().get(step.path)
                self._files[step.file] = self._files[known] if known is not None else File()
                self._names = {
                    path: step.file if path == step.path else it for path, it in self._names.items()
                }
            case "make":
                self._files[step.file] = File()
                self._moved.append(step)
            case "write" | "extend" | "truncate":
                self._files[step.file].since.append(step)
            case "sync":
                self._files[step.file].settle()
            case "sync_folder":
                for moved in [each for each in self._moved if _folder_of(each) == step.path]:
                    _move(self._names, moved)
                    self._moved.remove(moved)
            case _:
                self._moved.append(step)

    def _now(self) -> dict[Path, int]:
        names = dict(self._names)
        for moved in self._moved:
            _move(names, moved)
        return names

    def left(self, fault: Fault, random: Random) -> dict[Path, bytes | None]:
        """What is found after the power went, by its path in the root; None for a folder."""
        names = dict(self._names)
        for moved in self._moved:
            if fault.names(random):
                _move(names, moved)
        found: dict[Path, bytes | None] = {}
        for path, number in sorted(names.items()):
            if path == self._root or found.get(path.parent, b"") is None:  # else its folder is not there
                found[path] = bytes(self._files[number].left(fault, random)) if number else None
        return {path.relative_to(self._root): content for path, content in found.items()}


def put_down(found: dict[Path, bytes | None], folder: Path) -> None:
    """Make this folder of what was found."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "lock").touch()  # made by no call of these, and before all of them
    for path, content in found.items():
        if content is None:
            (folder / path).mkdir(exist_ok=True)
        else:
            _write(folder / path, content)


def _folder_of(step: Step) -> Path:
    return step.to.parent if step.call == "rename" else step.path.parent


def _move(names: dict[Path, int], step: Step) -> None:
    match step.call:
        case "make":
            names[step.path] = step.file
        case "mkdir":
            names[step.path] = 0
        case "unlink":
            names.pop(step.path, None)
        case "rename":
            names.pop(step.path, None)  # which may not have got to the disk
            names[step.to] = step.file


def _write(path: Path, content: bytes) -> None:
    """Zeros at the end are left to the file system, which is quicker."""
    with path.open("wb") as file:
        file.write(content.rstrip(b"\0"))
        file.truncate(len(content))
