"""A signing key in a file of its own: 64 hex digits and a newline, for its owner only.

The key that follows is written beside it first, as `<name>.next`, and takes its place once the log says so.
"""

from __future__ import annotations

import os
from pathlib import Path

from theater.errors import CorruptJournalError, FolderError
from theater.journal.calls import Calls, write_all
from theater.keys import KEY_BYTES, SigningKey

_LIMIT = 256  # bytes; a key has 65
_MODE = 0o600


class KeyFile:
    """Where a signing key is kept; whatever changes a file raises OSError."""

    def __init__(self, path: Path, calls: Calls) -> None:
        self.path = path
        self._following = path.with_name(f"{path.name}.next")
        self._calls = calls

    def exists(self) -> bool:
        return os.path.lexists(self.path)

    def read(self) -> SigningKey:
        """The key.

        Raises:
            FolderError: there is none, or it is not for us to read.
            CorruptJournalError: the file holds something else.
        """
        try:
            text = _read(self.path)
        except FileNotFoundError:
            raise FolderError(f"{self.path}: there is no key") from None
        except OSError as error:
            raise FolderError(f"the key cannot be read: {error}") from error
        key = _parse(text)
        if key is None:
            raise CorruptJournalError(
                f"{self.path}", expected="64 lower-case hex digits", found="other bytes"
            )
        return key

    def following(self) -> SigningKey | None:
        """The key that is to take its place; None if there is none, or it was not written whole."""
        try:
            return _parse(_read(self._following))
        except FileNotFoundError:
            return None

    def prepare(self, key: SigningKey) -> None:
        """Keep beside it the key that is to take its place."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        descriptor = self._calls.open(self._following, flags, _MODE)
        try:
            write_all(self._calls, descriptor, key.seed.hex().encode() + b"\n", 0)
            self._calls.sync(descriptor)
        finally:
            os.close(descriptor)
        self._calls.sync_folder(self.path.parent)

    def follow(self) -> None:
        """Put the following key in its place; the one before is gone."""
        self._calls.rename(self._following, self.path)
        self._calls.sync_folder(self.path.parent)

    def forget_following(self) -> None:
        """Drop a key that never took its place, if there is one."""
        if os.path.lexists(self._following):
            self._calls.unlink(self._following)
            self._calls.sync_folder(self.path.parent)

    def make(self) -> SigningKey:
        """Keep a new key here."""
        key = SigningKey.generate()
        self.prepare(key)
        self.follow()
        return key

    def remove(self) -> None:
        self._calls.unlink(self.path)
        self._calls.sync_folder(self.path.parent)


def _read(path: Path) -> bytes:
    with path.open("rb", buffering=0) as file:
        return file.read(_LIMIT)


def _parse(text: bytes) -> SigningKey | None:
    try:
        seed = bytes.fromhex(text.decode("ascii", errors="replace"))
    except ValueError:
        return None
    if len(seed) != KEY_BYTES or seed.hex().encode() + b"\n" != text:
        return None
    return SigningKey.from_seed(seed)
