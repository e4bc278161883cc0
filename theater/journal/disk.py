"""The journal in a folder: everything in one log, signed and synced in batches."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from secrets import token_hex
from typing import TypeVar

from anyio import to_thread

from theater.checkpoint import Checkpoint, Note
from theater.errors import JournalFailedError, SetupError
from theater.journal.ahead import Ahead
from theater.journal.blobs import DiskIngest
from theater.journal.calls import Calls, content_errors, failure
from theater.journal.commits import BATCH_BYTES, Commits
from theater.journal.frames import BLOB_LIMIT
from theater.journal.handing import Handover, KeySource
from theater.journal.heading import time_of
from theater.journal.index import Index
from theater.journal.intake import Intake
from theater.journal.log import SEGMENT_BYTES, Writes
from theater.journal.lookup import Lookup
from theater.journal.opening import Opened
from theater.journal.places import Places
from theater.journal.protocol import Inlet
from theater.journal.reading import OpenSegments
from theater.journal.shelving import Shelving
from theater.journal.taking import take_folder
from theater.journal.unnamed import Unnamed
from theater.keys import VerifyKey
from theater.loop import Future, running_loop, until_done

T = TypeVar("T")


class DiskJournal:
    """A folder, held by this process from `open` to `close`."""

    durable = True
    inlet: Inlet | None = None
    _commits: Commits  # from `open` on, as all below
    _log: Writes
    _index: Index  # as it was at the opening
    _places: Places
    _shelving: Shelving
    _lookup: Lookup
    _segments: OpenSegments
    _unnamed: Unnamed
    _opened: Opened
    _intake: Intake

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        key: KeySource | None = None,
        origin: str | None = None,
        calls: Calls | None = None,
        segment_bytes: int = SEGMENT_BYTES,
        notary: Callable[[str], tuple[Opened, Writes]] | None = None,
    ) -> None:
        """Name the folder; `origin` is for a new one, and a `key` that is given is not kept in it.

        A `notary` opens it by its origin, signs and writes instead of this process, which has no key then.
        """
        self.full = False
        self.cut: Path | None = None  # where the bytes of a torn batch are kept that opening cut
        self.on_failure: Callable[[BaseException], None] | None = None
        self.on_room: Callable[[], None] | None = None
        self._origin = origin or f"theater/{token_hex(16)}"
        self._take: Callable[[str], tuple[Opened, Writes]] = notary or (
            lambda origin: take_folder(
                folder, key=key, calls=calls, segment_bytes=segment_bytes, origin=origin
            )
        )
        self._is_open = False

    async def open(self) -> None:
        loop = running_loop()
        if loop is None:
            raise SetupError("a journal lives in an asyncio event loop: open it from a coroutine of one")
        self._opened, self._log = opened, _ = await to_thread.run_sync(self._take, self._origin)
        self._index = opened.index
        self._unnamed = Unnamed(opened.index.held)
        self._commits = commits = Commits(
            self._log, opened, loop=loop, on_failure=self._tell_failure, on_full=self._tell_full
        )
        self._places = places = Places(opened.folder, opened.index, segment=opened.place.segment)
        self._shelving = Shelving(places, self._log, loop=loop)
        self._segments = files = OpenSegments(opened.folder)
        self._lookup = Lookup(opened.folder, places, commits, read_at=files.read_at)
        self._intake = Intake(
            commits,
            places=places,
            lookup=self._lookup,
            unnamed=self._unnamed,
            size=opened.index.size,
            log=self._log,
        )
        self.inlet = commits.inlet
        self.cut = opened.cut
        self._is_open = True

    async def close(self) -> None:
        if not self._is_open:
            return
        while self.failed is None and (flushed := self.flushed()) is not None:
            await until_done(flushed)
            flushed.exception()  # was told to all who waited; here it only ends the journal
        self._is_open = False
        self._commits.end()
        self._log.unwatch()
        await to_thread.run_sync(self._end)

    @property
    def origin(self) -> str:
        return self._index.origin

    @property
    def key(self) -> VerifyKey:
        return self._commits.signer.public

    @property
    def last_time(self) -> int:
        newest = self._intake.newest
        return self._index.last_time if newest is None else time_of(newest)

    @property
    def size(self) -> int:
        return self._intake.size

    @property
    def committed(self) -> int:
        return self._commits.committed

    @property
    def failed(self) -> BaseException | None:
        return self._commits.failed

    def append(self, actor: bytes, seq: int, data: bytes, leaf: bytes, blobs: Sequence[bytes] = ()) -> None:
        commits = self._commits
        commits.absorb()
        if commits.has_ended:
            raise commits.refusal()
        try:
            self._intake.append(actor, seq, data, leaf, blobs)
            commits.have_grown()
        except Exception:
            raise  # before anything was changed, or told by the journal itself
        except BaseException as error:  # ctrl-C: half of the event may be there
            commits.fail(error)
            raise

    def ahead(self, content: bytes) -> Ahead | None:
        if len(content) <= BLOB_LIMIT or self._commits.has_ended:
            return None
        try:
            return Ahead(self._log.draft(len(content)), content, put=self._put_file)
        except OSError:  # `put` will meet it, too, and say so of a content that has a name
            return None

    def put(self, digest: bytes, content: bytes, *, kept: bool) -> None:
        del kept  # a folder keeps all contents
        if len(content) > BLOB_LIMIT:
            self._put_file(digest, content)
        else:
            self._intake.put(digest, content)

    async def prepare_key(self, new: KeySource | None) -> Handover:
        prepare = partial(self._opened.keys.prepare, new, current=self.key, origin=self.origin)
        return await to_thread.run_sync(prepare)

    def hand_over(self, handover: Handover) -> None:
        self._commits.hand_over(handover)

    def holds(self, digest: bytes) -> bool:
        return self._lookup.holds(digest)

    def size_of(self, digest: bytes) -> int | None:
        return self._lookup.size_of(digest)

    def read(self, digest: bytes) -> bytes:
        return self._lookup.read(digest)

    def read_at(self, digest: bytes, offset: int, length: int) -> bytes:
        return self._lookup.read_at(digest, offset, length)

    def forget(self, digest: bytes) -> None:
        self._index.held.forget(digest)

    def ingest(self) -> DiskIngest:
        return DiskIngest(lambda: self._log.draft(0), holds=self.holds, published=self._unnamed.publish)

    def then(self, future: Future[T], result: T) -> None:
        self._commits.then(future, result)

    def flushed(self) -> Future[None] | None:
        return self._commits.flushed()

    def event(self, actor: bytes, seq: int) -> bytes:
        self._intake.absorb()
        return self._lookup.event(actor, seq)

    def since(self, actor: bytes, seq: int) -> Iterator[bytes]:
        return self._lookup.since(None if seq < 0 else self.position(actor, seq))

    def position(self, actor: bytes, seq: int) -> int:
        self._intake.absorb()
        return self._lookup.position(actor, seq)

    def first(self, actor: bytes) -> int:
        del actor
        return 0

    def committed_of(self, actor: bytes) -> int:
        return self._places.committed(actor, self._commits.committed_to)

    def tips(self) -> Mapping[bytes, tuple[int, bytes]]:
        return self._index.tips()

    def living(self) -> Sequence[bytes]:
        return self._index.living()

    def checkpoint(self) -> Note:
        return self._commits.note

    def abandon(self) -> None:
        """Let go of the folder as a crash does: what is not committed is lost, and nothing is tidied up."""
        if self._is_open:
            self._is_open = False
            self._commits.end()
            self._log.unwatch()
            self._commits.stop()
            self._let_go()

    def _end(self) -> None:
        self._commits.stop()
        try:
            if self._commits.failed is None:
                checkpoint = Checkpoint.parse(self._commits.note.text)
                self._log.finish(size=checkpoint.size, root=checkpoint.root)
        except OSError as error:
            raise failure("all is committed, but the folder could not be closed", error) from error
        finally:
            self._let_go()

    def _let_go(self) -> None:
        self._shelving.has_ended = True
        self._commits.drop()
        self._segments.close()
        self._log.close()
        self._opened.lock.release()

    def _put_file(self, digest: bytes, content: bytes, ahead: Ahead | None = None) -> None:
        """Leave a large content to the writer, with its room reserved."""
        commits = self._commits
        if commits.has_ended:
            raise commits.refusal()
        if self.holds(digest):
            return
        with content_errors():
            draft = ahead or self._log.draft(len(content))
        if ahead is not None:
            ahead.is_used = True
        batch = commits.forming
        batch.files.append((draft, digest, content))
        batch.file_bytes += len(content)
        if batch.weight >= BATCH_BYTES:
            commits.await_last()
        self._unnamed.publish(digest, len(content))
        commits.weigh()
        if not commits.is_busy:
            commits.wake()

    def _tell_failure(self, error: JournalFailedError) -> None:
        if self.on_failure is not None:
            self.on_failure(error)

    def _tell_full(self, full: bool) -> None:  # noqa: FBT001  # it is what changed
        self.full = full
        if not full and self.on_room is not None:
            self.on_room()
