"""Contents over 1 MiB: files under their hash, each there whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from hashlib import sha256
from typing import Protocol

from theater.journal.calls import Calls, content_errors, make_folder, write_all
from theater.journal.folder import Folder


class Drafts(Protocol):
    """A content on its way to its file; each method raises OSError."""

    def write(self, chunk: bytes) -> None:
        """Add bytes."""
        ...

    def sync(self) -> None:
        """Begin early with what `publish` sees to in any case."""
        ...

    def publish(self, digest: bytes) -> None:
        """Sync the content, and give it the name by which it is found from then on."""
        ...

    def abort(self) -> None:
        """Leave nothing behind; nothing happens after `publish`."""
        ...


class Draft:
    """A content being written under a name of its own in `tmp/`; each method raises OSError."""

    def __init__(self, folder: Folder, calls: Calls, *, room: int = 0) -> None:
        """Begin, with `room` bytes reserved."""
        self._folder = folder
        self._calls = calls
        self._path = folder.tmp / secrets.token_hex(16)
        self._size = 0
        self._is_open = True
        self._descriptor = calls.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        if room:
            try:
                calls.allocate(self._descriptor, 0, room)
            except OSError:
                self.abort()
                raise

    def write(self, chunk: bytes) -> None:
        write_all(self._calls, self._descriptor, chunk, self._size)
        self._size += len(chunk)

    def sync(self) -> None:
        """Begin early with what `publish` sees to in any case."""
        self._calls.sync(self._descriptor)

    def publish(self, digest: bytes) -> None:
        """Sync the content, and give it the name by which it is found from then on."""
        self._calls.sync(self._descriptor)
        self._close()
        target = self._folder.blob(digest)
        if not target.parent.is_dir():  # one of 256 folders below `blobs/`
            make_folder(target.parent, self._calls)
        self._calls.rename(self._path, target)
        self._calls.sync_folder(target.parent)

    def abort(self) -> None:
        """Leave nothing behind; nothing happens after `publish`."""
        if self._is_open:
            self._close()
            self._path.unlink(missing_ok=True)

    def _close(self) -> None:
        self._is_open = False
        os.close(self._descriptor)


class DiskIngest:
    """Content of any size on its way to the disk, hashed as it comes."""

    def __init__(
        self,
        draft: Callable[[], Drafts],
        *,
        holds: Callable[[bytes], bool],
        published: Callable[[bytes, int], None],
    ) -> None:
        """Call `published` with digest and size once the content is there to stay."""
        with content_errors():
            self._draft = draft()
        self._holds = holds
        self._published = published
        self._hash = sha256()
        self._size = 0

    def write(self, chunk: bytes) -> None:
        try:
            with content_errors():
                self._draft.write(chunk)
        except BaseException:
            self._draft.abort()
            raise
        self._hash.update(chunk)
        self._size += len(chunk)

    def publish(self) -> tuple[bytes, int]:
        digest = self._hash.digest()
        try:
            if not self._holds(digest):
                with content_errors():
                    self._draft.publish(digest)
                self._published(digest, self._size)
        finally:
            self._draft.abort()
        return digest, self._size

    def abort(self) -> None:
        self._draft.abort()
