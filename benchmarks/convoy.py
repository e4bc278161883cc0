"""The same ring and puts on bare mailboxes and a bare writer thread, where nobody hands the lock over."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from time import perf_counter

from benchmarks.boxes import DequeBox
from benchmarks.busy import ALONE, PUTTERS, TOKENS, Beside, Round
from benchmarks.contents import contents
from benchmarks.gauge import MEMBERS
from benchmarks.kinds import Case

Waiting = list[tuple[bytes, asyncio.Future[None]]]


class Writer:
    """Writes and syncs in a thread, a batch at a time: what came in during the last one."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT)
        self._loop = asyncio.get_running_loop()
        self._batches: SimpleQueue[Waiting | None] = SimpleQueue()
        self._waiting: Waiting = []
        self._is_writing = False
        self._thread = Thread(target=self._run)
        self._thread.start()

    def put(self, content: bytes) -> asyncio.Future[None]:
        written = self._loop.create_future()
        self._waiting.append((sha256(content).digest() + content, written))
        if not self._is_writing:
            self._is_writing = True
            self._loop.call_soon(self._flush)
        return written

    def close(self) -> None:
        self._batches.put(None)
        self._thread.join()
        os.close(self._file)

    def _flush(self) -> None:
        self._batches.put(self._waiting)
        self._waiting = []

    def _run(self) -> None:
        while (batch := self._batches.get()) is not None:
            os.writev(self._file, [content for content, _ in batch])
            os.fdatasync(self._file)
            self._loop.call_soon_threadsafe(self._written, batch)

    def _written(self, batch: Sequence[tuple[bytes, asyncio.Future[None]]]) -> None:
        for _, written in batch:
            written.set_result(None)
        self._is_writing = bool(self._waiting)
        if self._waiting:
            self._flush()


async def scene(count: int, folder: Path) -> Beside:
    going, writer = Round(), Writer(folder / "log")
    boxes: list[DequeBox] = []

    def member(successor: int) -> DequeBox:
        async def handle(token: int) -> None:
            going.hops += 1
            if going.turns:
                boxes[successor].put(token)

        return DequeBox(handle)

    async def put_in_turn(number: int) -> None:
        each = count // PUTTERS
        for content in contents(number * each, each):
            begun = perf_counter()
            await writer.put(content)
            going.took.append(perf_counter() - begun)

    boxes.extend(member((place + 1) % MEMBERS) for place in range(MEMBERS))
    await asyncio.sleep(0)
    for token, box in enumerate(boxes[:: MEMBERS // TOKENS]):
        box.put(token)
    alone = await going.rate(asyncio.sleep(ALONE))
    beside = await going.rate(asyncio.gather(*(put_in_turn(number) for number in range(PUTTERS))))
    going.turns = False
    for box in boxes:
        await box.stop()
    writer.close()
    return Beside(sorted(going.took), 100 * beside / alone)


async def slowest(count: int, folder: Path) -> float:
    return (await scene(count, folder)).p99


async def hops(count: int, folder: Path) -> float:
    return (await scene(count, folder)).hops


CASES: dict[str, Case] = {"busy": slowest, "busyhops": hops}
