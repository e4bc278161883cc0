"""What plain Python can reach: a deque and one waiting future per task; nothing is checked or recorded."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.gauge import Stopwatch, used_memory
from benchmarks.harness import Case

MEMBERS = 1_000  # of the ring

_STOP = object()


class Box:
    """The barest mailbox: `put` wakes the task, which drains without touching the loop."""

    __slots__ = ("__weakref__", "handle", "loop", "queue", "task", "waiter")

    def __init__(self, handle: Callable[[Any], Awaitable[None]]) -> None:
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


async def _echo(message: tuple[int, asyncio.Future[int]]) -> None:
    number, answer = message
    answer.set_result(number)


async def tell(count: int, _: Path) -> float:
    done = asyncio.get_running_loop().create_future()
    handled = 0

    async def handle(_: int) -> None:
        nonlocal handled
        handled += 1
        if handled == count:
            done.set_result(None)

    box = Box(handle)
    with Stopwatch() as watch:
        for number in range(count):
            box.put(number)
        await done
    await box.stop()
    return watch.rate(count)


async def ask(count: int, _: Path, *, outstanding: int) -> float:
    box = Box(_echo)
    new_future = asyncio.get_running_loop().create_future

    async def ask_in_turn() -> None:
        for number in range(count // outstanding):
            answer = new_future()
            box.put((number, answer))
            await answer

    with Stopwatch() as watch:
        await asyncio.gather(*(ask_in_turn() for _ in range(outstanding)))
    await box.stop()
    return watch.rate(count)


async def ring(hops: int, _: Path) -> float:
    done = asyncio.get_running_loop().create_future()
    boxes: list[Box] = []

    def member(successor: int) -> Box:
        async def handle(left: int) -> None:
            if left:
                boxes[successor].put(left - 1)
            else:
                done.set_result(None)

        return Box(handle)

    boxes.extend(member((place + 1) % MEMBERS) for place in range(MEMBERS))
    await asyncio.sleep(0)
    with Stopwatch() as watch:
        boxes[0].put(hops)
        await done
    for box in boxes:
        await box.stop()
    return watch.rate(hops)


async def spawn(count: int, _: Path) -> float:
    with Stopwatch() as watch:
        boxes = [Box(_echo) for _ in range(count)]
        for box in boxes:
            await box.stop()
    return watch.rate(count)


async def idle(count: int, _: Path) -> float:
    before = used_memory()
    boxes = [Box(_echo) for _ in range(count)]
    await asyncio.sleep(0)
    size = (used_memory() - before) / len(boxes)
    for box in boxes:
        await box.stop()
    return size


CASES: dict[str, Case] = {
    "tell": tell,
    "ask": partial(ask, outstanding=1),
    "ask64": partial(ask, outstanding=64),
    "ring": ring,
    "spawn": spawn,
    "idle": idle,
}
