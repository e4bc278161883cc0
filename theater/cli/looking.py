"""What verbs see of a folder: actors by name, events as people write them, contents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

from theater import ChainView, ContentRef, CorruptContentError, Event, FolderError, History
from theater.codec import Outlined
from theater.journal.reader import Reader
from theater.outlining import inline
from theater.store.fold import Fold, fold_of

ROOT = bytes(16)
_BLOCK = 1 << 20  # bytes
ITSELF = "."
"""How the command line names the theater's own chain: no actor can have this name."""


def moment_of(text: str) -> tuple[str, int | None]:
    """Who and when: `ACTOR@SEQ`, or an actor alone."""
    actor, at, seq = text.rpartition("@")
    return (actor, int(seq)) if at and seq.isascii() and seq.isdecimal() else (text, None)


class Look:
    """A theater's folder, running or not; nothing in it is changed."""

    def __init__(self, home: Path) -> None:
        """Look at the folder.

        Raises:
            FolderError: no theater, or of a newer format.
        """
        self.home = home
        try:
            self.history = History(home)
        except FolderError as error:
            if (home / "format").exists():
                raise  # it is one, of which the error says more
            raise FolderError(f"{error}; name one by --home or $THEATER_HOME") from error

    @cached_property
    def names(self) -> Mapping[bytes, str]:
        """The actors' names by id, as they are when first asked for."""
        return {ROOT: ITSELF} | {actor.id: actor.name for actor in self.history.actors()}

    def chain(self, actor: str) -> ChainView:
        """An actor's chain, by name, id or the first digits of its id; `.` is the theater's own.

        Raises:
            ActorNotFoundError: none fits, or several do.
        """
        return self.history.chain(ROOT if actor == ITSELF else actor)

    def event(self, text: str) -> Event:
        """An event, by ACTOR@SEQ, or by the first digits of its hash.

        Raises:
            MissingError: none fits, or several do, or it was removed.
        """
        actor, seq = moment_of(text)
        if seq is not None:
            return self.history.event(f"{ROOT.hex() if actor == ITSELF else actor}/{seq}")
        return self.history.event(text)

    def full(self, event: Event) -> dict[str, Any]:
        """An event's body with the large values that left it put back.

        Raises:
            ContentNotFoundError, CorruptContentError: one is not here any more.
        """
        body: dict[str, Any] = inline(event.body, self._bytes)
        return body

    def value(self, outlined: Outlined) -> object:
        """The large value that left an event.

        Raises:
            ContentNotFoundError, CorruptContentError: it is not here any more.
        """
        [value] = inline([outlined], self._bytes)
        return value

    def blocks(self, ref: ContentRef) -> Iterator[bytes]:
        """A content, block by block; all of it is hashed before the first one is handed out.

        Raises:
            ContentNotFoundError, CorruptContentError: it is not here any more.
        """
        digest = sha256()
        for block in self._blocks(ref.digest):
            digest.update(block)
        if digest.digest() != ref.digest:
            raise CorruptContentError(str(ref), expected=ref.hash, found=digest.hexdigest())
        return self._blocks(ref.digest)

    def start(self, ref: ContentRef, count: int) -> bytes:
        """The first `count` bytes of a content, not verified.

        Raises:
            ContentNotFoundError: it is not here.
        """
        self._reader.refresh()
        return self._reader.read_at(ref.digest, 0, count)

    def stores(self, actor: str) -> Fold:
        """The stores of an actor.

        Raises:
            ActorNotFoundError: no such actor.
        """
        return fold_of(
            _Whole(event.kind, self.full(event)) for event in self.chain(actor) if _is_of_store(event)
        )

    @cached_property
    def _reader(self) -> Reader:
        return Reader(self.home)

    def _bytes(self, digest: bytes) -> bytes:
        self._reader.refresh()
        return self._reader.read(digest)

    def _blocks(self, digest: bytes) -> Iterator[bytes]:
        self._reader.refresh()
        offset, block = 0, self._reader.read_at(digest, 0, _BLOCK)
        while block:
            yield block
            offset += len(block)
            block = self._reader.read_at(digest, offset, _BLOCK)


class _Whole:
    """An event as the fold of stores takes it."""

    def __init__(self, kind: str, body: dict[str, Any]) -> None:
        self.kind = kind
        self.body = body


def _is_of_store(event: Event) -> bool:
    return event.kind.startswith("store/") or "stores" in event.body
