"""The cases of opening a folder: how long a long journal takes, and the memory that what it holds takes."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from anyio import to_process

from benchmarks.gauge import Stopwatch
from benchmarks.kinds import Case
from theater.codec import prepare
from theater.event import event_bytes, event_hash
from theater.journal import DiskJournal

EACH = 10  # events of an actor, of which the last is its end
BATCH = 2_000  # events
BIRTH = {"class": "m:C", "key": bytes(32), "name": "n", "options": {}, "source": None, "state": {"total": 0}}
HANDLED = {
    "answer": None,
    "args": ["x" * 60, 5],
    "ask": True,
    "from": None,
    "handler": "add",
    "state": {"n": 1},
}


class Chains:
    """Appends whole lives of actors to a journal, a thousand actors at a time."""

    def __init__(self, journal: DiskJournal) -> None:
        self._journal = journal
        self._heads: dict[bytes, bytes] = {}
        self._bodies = {
            "actor/spawned": prepare(BIRTH | {"supervisor": [bytes(16), 0, bytes(32)]}),
            "message/handled": prepare(HANDLED),
            "actor/stopped": prepare({"reason": "normal"}),
        }

    async def append(self, count: int, *, content: bool) -> None:
        for number, (actor, seq) in enumerate(places(count)):
            if content:
                self._put(number.to_bytes(4, "big") * 25)
            kind = {0: "actor/spawned", EACH - 1: "actor/stopped"}.get(seq, "message/handled")
            data = event_bytes(actor, seq, self._heads.get(actor), number, kind, self._bodies[kind])
            self._heads[actor] = event_hash(data)
            self._journal.append(actor, seq, data, self._heads[actor])
            if number % BATCH == 0 and (flushed := self._journal.flushed()) is not None:
                await flushed

    def _put(self, content: bytes) -> None:
        self._journal.put(sha256(content).digest(), content, kept=True)


def places(count: int) -> Iterator[tuple[bytes, int]]:
    for first in range(0, count // EACH, 1_000):
        for seq in range(EACH):
            for number in range(first, min(first + 1_000, count // EACH)):
                yield sha256(number.to_bytes(8, "big")).digest()[:16], seq


def make(count: int, folder: Path, content: bool) -> None:  # noqa: FBT001  # `to_process` takes no keywords
    """Called in a process of its own, so that the one that is measured begins with an empty memory."""

    async def fill() -> None:
        journal = DiskJournal(folder)
        await journal.open()
        await Chains(journal).append(count, content=content)
        await journal.close()

    asyncio.run(fill())


async def open_it(count: int, folder: Path) -> float:
    """Milliseconds."""
    await to_process.run_sync(make, count, folder / "theater", False)
    journal = DiskJournal(folder / "theater")
    with Stopwatch() as watch:
        await journal.open()
    if journal.size != count:
        raise ValueError(f"{journal.size} events of {count}")
    await journal.close()
    return 1_000 * watch.seconds


async def hold(count: int, folder: Path) -> float:
    """Bytes that Python holds for each content and its event, once a folder with all of them was opened."""
    await to_process.run_sync(make, count, folder / "theater", True)
    journal = DiskJournal(folder / "theater")
    tracemalloc.start()
    await journal.open()
    gc.collect()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    await journal.close()
    return held / count


CASES: dict[str, Case] = {"open": open_it, "blob": hold}
