"""Stored content of any size on its way out of a store: in constant memory, and verified before that."""

from __future__ import annotations

from collections.abc import Generator
from hashlib import sha256
from typing import Self

from anyio import ClosedResourceError, EndOfStream, ResourceGuard, to_thread
from anyio.abc import ByteReceiveStream

from theater.content import ContentRef
from theater.errors import ContentNotFoundError, CorruptContentError
from theater.journal.protocol import Journal
from theater.store.requests import GetStream
from theater.store.supervisor import StoreSupervisor

BLOCK = 1_048_576  # bytes per thread hop


class ContentStream(ByteReceiveStream):
    """Stored content as an anyio byte stream, also read by `async for`.

    All of it is verified before the first byte is handed out, so it is read twice: at once if the stream is
    awaited, else with the first read. It is hashed again on its way out, and the last block is held back
    until the hash is right: a copy that rots meanwhile ends in `CorruptContentError`.
    """

    def __init__(self, supervisor: StoreSupervisor, request: GetStream) -> None:
        self._supervisor = supervisor
        self._request = request
        self._blocks: _Blocks | None = None  # once verified
        self._block = b""
        self._given = 0  # bytes of the block
        self._is_closed = False
        self._guard = ResourceGuard("reading from")

    def __await__(self) -> Generator[object, None, Self]:
        return self._opened().__await__()

    async def receive(self, max_bytes: int = BLOCK) -> bytes:
        """The next bytes, at most `max_bytes`.

        Raises:
            EndOfStream: there are no more.
            StoreNotFoundError, ContentNotFoundError, CorruptContentError: as `Store.get`.
        """
        await self._opened()
        with self._guard:
            if self._given == len(self._block):
                self._block, self._given = await self._next_block(), 0
        chunk = self._block[self._given : self._given + max_bytes]
        self._given += len(chunk)
        return chunk

    async def aclose(self) -> None:
        """Read no more; the rest is not looked at."""
        self._is_closed = True
        self._block, self._given = b"", 0

    async def _opened(self) -> Self:
        if self._is_closed:
            raise ClosedResourceError
        if self._blocks is None:
            with self._guard:
                size = await self._supervisor.preview(self._request)
                await self._verify(size)
                await self._supervisor.ask(self._request)
                self._blocks = self._begin(size)
        return self

    async def _verify(self, size: int) -> None:
        blocks = self._begin(size)
        while blocks.left:
            await self._read(blocks)

    async def _next_block(self) -> bytes:
        if self._blocks is None or not self._blocks.left:
            raise EndOfStream
        try:
            return await self._read(self._blocks)
        except BaseException:
            await self.aclose()  # a thread that was given up on may have moved on
            raise

    async def _read(self, blocks: _Blocks) -> bytes:
        try:
            return await to_thread.run_sync(blocks.read)
        except (CorruptContentError, OSError) as error:
            self._supervisor.fail(self._request, error)
            raise

    def _begin(self, size: int) -> _Blocks:
        return _Blocks(self._supervisor.owner.journal, self._request.ref, size)


class _Blocks:
    """Kept bytes from the first to the last, hashed on the way."""

    def __init__(self, journal: Journal, ref: ContentRef, size: int) -> None:
        self.left = size  # bytes
        self._offset = 0
        self._journal = journal
        self._ref = ref
        self._hash = sha256()

    def read(self) -> bytes:
        """The next block; called in worker threads, one after another.

        Raises:
            CorruptContentError: with this block the bytes are all there and wrong, or they end too soon.
        """
        block = self._bytes()
        self._hash.update(block)
        self._offset += len(block)
        self.left -= len(block)
        if not self.left or not block:
            found = self._hash.hexdigest()
            if found != self._ref.hash:
                raise CorruptContentError(f"kept copy of {self._ref}", expected=self._ref.hash, found=found)
        return block

    def _bytes(self) -> bytes:
        try:
            return self._journal.read_at(self._ref.digest, self._offset, min(BLOCK, self.left))
        except ContentNotFoundError as error:
            raise CorruptContentError(
                f"kept copy of {self._ref}", expected=self._ref.hash, found="nothing"
            ) from error
