"""Content of any size on its way into a store, in constant memory.

Bytes move a block at a time in worker threads, so the actor's other requests and all other actors go on.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterable
from pathlib import Path
from threading import Lock
from typing import BinaryIO, Self

from anyio import CancelScope, to_thread

from theater.content import ContentRef
from theater.errors import MalformedError
from theater.grants import Grants
from theater.journal.protocol import Ingest, Journal
from theater.store.permission import too_much
from theater.store.requests import KeepFile, Keeping, copied
from theater.store.supervisor import StoreSupervisor

BLOCK = 1_048_576  # bytes per thread hop; a stream of at most this size is put like any other content

_PATH_BYTES = 4_096


async def take_in(supervisor: StoreSupervisor, request: Keeping, source: AsyncIterable[bytes]) -> ContentRef:
    """Keep all bytes of `source`; the request is decided when the last of them is durable."""
    if isinstance(request, KeepFile) and supervisor.owner.prompter is not None:
        return await supervisor.ask(request)  # it was read once, and may be another file by now
    await supervisor.preview(request)
    intake = _Intake(supervisor.owner.journal, supervisor.owner.grants)
    try:
        async for chunk in source:
            await intake.take(copied(chunk))
        content = await intake.finish()
    except Exception as error:
        supervisor.fail(request, error)
        raise
    finally:
        await intake.close()
    if intake.published is None:
        return await supervisor.ask(request, content)
    return await supervisor.ask(request.named(*intake.published))


class _Intake:
    """Holds the first block back, for short content needs no file; what is longer goes in as it comes."""

    def __init__(self, journal: Journal, grants: Grants | None) -> None:
        self.published: tuple[bytes, int] | None = None  # digest and size of content over one block
        self._journal = journal
        self._grants = grants
        self._chunks: list[bytes] = []
        self._held = 0  # bytes in `_chunks`
        self._taken = 0  # bytes in all
        self._is_long = False
        self._ingest: Ingest | None = None  # for threads only, under the lock
        self._lock = Lock()  # who gives up leaves a thread running: closing waits for it here
        self._is_closed = False

    async def take(self, chunk: bytes) -> None:
        self._chunks.append(chunk)
        self._held += len(chunk)
        self._taken += len(chunk)
        why = None if self._grants is None else too_much(self._grants, self._taken)
        if why is not None:  # before the rest fills the disk: so much cannot be among what is kept already
            raise why
        if self._held > BLOCK:
            self._is_long = True
            await to_thread.run_sync(self._write, self._all())

    async def finish(self) -> bytes:
        """All of the content if it is short; else nothing, and `published` names it."""
        if not self._is_long:
            return self._all()
        await to_thread.run_sync(self._publish, self._all())
        return b""

    async def close(self) -> None:
        """Leave nothing behind of content that did not arrive."""
        if self._is_long and self.published is None:
            with CancelScope(shield=True):  # or a request that is given up would leave its bytes behind
                await to_thread.run_sync(self._abort)

    def _all(self) -> bytes:
        content = b"".join(self._chunks)
        self._chunks, self._held = [], 0
        return content

    def _write(self, content: bytes) -> None:
        with self._lock:
            if not self._is_closed:
                self._open().write(content)

    def _publish(self, content: bytes) -> None:
        with self._lock:
            if not self._is_closed:
                self._open().write(content)
                self.published = self._open().publish()

    def _abort(self) -> None:
        with self._lock:
            self._is_closed = True
            if self._ingest is not None:
                self._ingest.abort()

    def _open(self) -> Ingest:
        if self._ingest is None:
            self._ingest = self._journal.ingest()
        return self._ingest


class FileBlocks:
    """The bytes of a file, a block at a time."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._file: BinaryIO | None = None  # for threads only, under the lock
        self._lock = Lock()
        self._is_closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        with CancelScope(shield=True):
            await to_thread.run_sync(self._close)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        block = await to_thread.run_sync(self._read)
        if not block:
            raise StopAsyncIteration
        return block

    def _read(self) -> bytes:
        with self._lock:
            if self._is_closed:
                return b""
            if self._file is None:
                self._file = self._path.open("rb")
            return self._file.read(BLOCK)

    def _close(self) -> None:
        with self._lock:
            self._is_closed = True
            if self._file is not None:
                self._file.close()


def checked_path(path: str | os.PathLike[str]) -> str:
    """The path as it can stand in an event.

    Raises:
        TypeError: not a path.
        MalformedError: over 4,096 bytes, more than a system opens.
    """
    raw = os.fsencode(path)
    if len(raw) > _PATH_BYTES:
        raise MalformedError("path", path, why=f"at most {_PATH_BYTES:,} bytes")
    return raw.decode(errors="backslashreplace")
