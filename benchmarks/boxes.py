"""Bare mailboxes, each with a task that handles what is put in: as fast as Python can be made to go."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

Handle = Callable[[Any], Awaitable[None]]

_STOP = object()


class Box(Protocol):
    def put(self, message: Any, /) -> None: ...

    async def stop(self) -> None: ...


NewBox = Callable[[Handle], Box]


class DequeBox:
    """The barest mailbox: `put` wakes the task, which drains without touching the loop."""

    __slots__ = ("__weakref__", "handle", "loop", "queue", "task", "waiter")

    def __init__(self, handle: Handle) -> None:
        self.handle = handle
        self.loop = asyncio.get_running_loop()
        self.queue: deque[Any] = deque()
        self.waiter: asyncio.Future[None] | None = None
        self.task = self.loop.create_task(self._drain())

    def put(self, message: Any) -> None:
        self.queue.append(message)
        waiter = self.waiter
        if waiter is not None:
            self.waiter = None
            waiter.set_result(None)

    async def stop(self) -> None:
        self.put(_STOP)
        await self.task

    async def _drain(self) -> None:
        queue, handle, new_future = self.queue, self.handle, self.loop.create_future
        while True:
            while queue:
                message = queue.popleft()
                if message is _STOP:
                    return
                await handle(message)
            self.waiter = waiter = new_future()
            await waiter


class QueueBox:
    """What most people write first: a task and an `asyncio.Queue`."""

    def __init__(self, handle: Handle) -> None:
        self.handle = handle
        self.queue: asyncio.Queue[Any] = asyncio.Queue()
        self.put = self.queue.put_nowait
        self.task = asyncio.create_task(self._drain())

    async def stop(self) -> None:
        self.put(_STOP)
        await self.task

    async def _drain(self) -> None:
        while (message := await self.queue.get()) is not _STOP:
            await self.handle(message)


class StreamBox:
    """An anyio memory object stream, and a task in a task group."""

    def __init__(self, handle: Handle, tasks: Any) -> None:
        import anyio  # noqa: PLC0415  # the other boxes are measured where there is none

        self.handle = handle
        self.put_end, self.get_end = anyio.create_memory_object_stream[Any](math.inf)
        self.put = self.put_end.send_nowait
        self.ended = anyio.Event()
        tasks.start_soon(self._drain)

    async def stop(self) -> None:
        self.put_end.close()
        await self.ended.wait()

    async def _drain(self) -> None:
        async with self.get_end:
            async for message in self.get_end:
                await self.handle(message)
        self.ended.set()


@asynccontextmanager
async def boxes(kind: str) -> AsyncIterator[NewBox]:
    """Makes boxes of this kind while it is open."""
    if kind == "anyio":
        import anyio  # noqa: PLC0415  # as above

        async with anyio.create_task_group() as tasks:
            yield lambda handle: StreamBox(handle, tasks)
    else:
        kinds: dict[str, NewBox] = {"deque": DequeBox, "queue": QueueBox}
        yield kinds[kind]


Boxes = Callable[[], AbstractAsyncContextManager[NewBox]]
