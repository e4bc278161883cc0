"""Handing over: whose signature a folder is under, and how one key follows another in it.

In this order: the following key is kept beside the one it follows; the event `theater/key` is committed
under both signatures; the following key takes its place; `format` names it. A crash between any two of them
is put in order by the next opening: what the log says counts.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

from theater.checkpoint import Note, key_id
from theater.errors import CorruptJournalError, FolderError, SetupError
from theater.event import Event
from theater.journal.calls import Calls, failure, write_file
from theater.journal.folder import Folder
from theater.journal.frames import EVENT
from theater.journal.index import Index
from theater.journal.keyfile import KeyFile
from theater.journal.lookup import Lookup
from theater.journal.marks import Format
from theater.keys import SigningKey, VerifyKey

KeySource: TypeAlias = SigningKey | str | os.PathLike[str]
"""A key, or the path of a file that has one."""

_ROOT = bytes(16)
_KIND = b"theater/key"
_SEED = re.compile(r"[0-9A-Fa-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Handover:
    """One key hands over to the next: the batch that says so is signed by both."""

    public: VerifyKey  # the new one
    key: SigningKey | None = None  # None: a notary has it
    finish: Callable[[], None] | None = None  # to be called once that batch is on the disk; raises OSError


class KeyHolder:
    """Has the signing key of a folder: in a file there, in a file elsewhere, or as the caller gave it."""

    def __init__(self, folder: Folder, calls: Calls, *, given: KeySource | None) -> None:
        self._folder = folder
        self._calls = calls
        self._given: SigningKey | KeyFile = self._source(folder.path / "key" if given is None else given)

    def make(self) -> VerifyKey:
        """The key of a new folder: a file that is not there yet is made."""
        given = self._given
        if isinstance(given, SigningKey):
            return given.public
        return (given.read() if given.exists() else given.make()).public

    def find(self, current: VerifyKey, *, origin: str, has_handed_over: bool = False) -> SigningKey:
        """The key that the folder is under.

        Raises:
            FolderError: its file is not there.
            SetupError: the key given is another; or the last one has handed over to one that is not here.
            CorruptJournalError: the key in the folder is another.
        """
        given = self._given
        if isinstance(given, SigningKey):
            candidates = [given]
        else:
            candidates = [self._read(given), *filter(None, [given.following()])]
        for key in candidates:
            if key.public == current:
                return key
        if isinstance(given, KeyFile) and self._is_own(given) and not has_handed_over:
            raise CorruptJournalError("the key in the folder", expected=current, found=candidates[0].public)
        raise SetupError(f"the key given is {candidates[0].public}; {origin} is signed by {current}")

    def settle(self, mark: Format, key: SigningKey) -> None:
        """Finish a handing over to `key` that a crash cut off, or drop what is left of one that never was."""
        given = self._given
        if isinstance(given, KeyFile) and given.read().public != key.public:
            given.follow()
        elif isinstance(given, KeyFile):
            given.forget_following()
        if mark.key != key.public:
            self._take(given)
            self._name(mark.origin, key.public)

    def prepare(self, new: KeySource | None, *, current: VerifyKey, origin: str) -> Handover:
        """Make ready to hand over from the `current` key; None makes one, kept where that one is.

        Raises:
            SetupError: the caller has the key, and gives no other, or gives the same.
            FolderError: the file given cannot be read.
            JournalError: it cannot be kept.
        """
        try:
            return self._prepare(new, current, origin)
        except OSError as error:
            raise failure("the next key could not be kept", error) from error

    def _prepare(self, new: KeySource | None, current: VerifyKey, origin: str) -> Handover:
        given = self._given
        source = given if new is None else self._source(new)
        if isinstance(source, KeyFile) and isinstance(given, KeyFile) and _is_one(source, given):
            following, move = SigningKey.generate(), source.follow
            source.prepare(following)
        elif isinstance(source, KeyFile):
            following, move = source.read() if source.exists() else source.make(), partial(self._take, source)
        elif new is None:
            raise SetupError("you gave this theater its key: give the next one, too")
        else:
            following, move = source, partial(self._take, source)
        public = refuse_same(following.public, current)
        return Handover(public, following, partial(self._finish, move, origin, public))

    def _finish(self, move: Callable[[], None], origin: str, key: VerifyKey) -> None:
        move()
        self._name(origin, key)

    def _take(self, source: SigningKey | KeyFile) -> None:
        """From now on the key is here; the one in the folder is of no more use, but to a thief."""
        self._given = source
        if isinstance(source, SigningKey) or not self._is_own(source):
            self._remove_own()

    def _remove_own(self) -> None:
        own = KeyFile(self._folder.path / "key", self._calls)
        if own.exists():
            own.remove()

    def _name(self, origin: str, key: VerifyKey) -> None:
        mark = str(Format(origin, key)).encode()
        write_file(self._calls, self._folder.path / "format", mark, tmp=self._folder.tmp)

    def _source(self, given: KeySource) -> SigningKey | KeyFile:
        return given if isinstance(given, SigningKey) else KeyFile(_path(given), self._calls)

    def _read(self, file: KeyFile) -> SigningKey:
        if self._is_own(file) and not file.exists():
            raise FolderError(
                f"{self._folder.path} holds no key: it is kept elsewhere;"
                " give it by key=..., or its file by --key on the command line"
            )
        return file.read()

    def _is_own(self, file: KeyFile) -> bool:
        return _is_one(file, KeyFile(self._folder.path / "key", self._calls))


def key_of(source: KeySource) -> SigningKey:
    """The key that was given, or that is in a file.

    Raises:
        SetupError: neither was given.
        FolderError, CorruptJournalError: the file does not hold one.
    """
    return source if isinstance(source, SigningKey) else KeyFile(_path(source), Calls()).read()


def refuse_same(new: VerifyKey, current: VerifyKey) -> VerifyKey:
    """A key does not hand over to itself.

    Raises:
        SetupError: it would.
    """
    if new == current:
        raise SetupError(f"{current} is the key of this theater already")
    return new


def _path(source: object) -> Path:
    if not isinstance(source, str | os.PathLike) or (isinstance(source, str) and _SEED.fullmatch(source)):
        raise SetupError("a key is a SigningKey, or the path of a file that holds one")
    return Path(source)


def _is_one(file: KeyFile, other: KeyFile) -> bool:
    return os.path.realpath(file.path) == os.path.realpath(other.path)


def current_key(mark: Format, note: Note, index: Index, lookup: Lookup) -> VerifyKey:
    """The key that the log is under: what `format` names, or what that has handed over to since."""
    known = key_id(mark.origin, mark.key)
    if all(line.name != mark.origin or line.key_id == known for line in note.signatures):
        return mark.key
    for seq in reversed(range(index.count(_ROOT))):
        kind, payload = lookup.frame(index.position(_ROOT, seq))
        if kind == EVENT and _KIND in payload:
            event = Event.read(payload)
            if event.kind == "theater/key":
                return VerifyKey(event.body["new"])
    return mark.key
