"""What lasts: what a chat that grows leaves on the disk, and how soon an actor with a long past is back."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from time import perf_counter

from benchmarks.kinds import Case
from theater import Actor, Theater, handler

TURN = 512  # bytes that are said, and as many that are answered: the state grows by 1 KiB a turn
BURST = 1_000  # messages between two commits


class Chat(Actor):
    """Remembers all that was said."""

    said: list[str] = []  # given fresh to each instance

    @handler
    async def say(self, text: str) -> str:
        answer = text[::-1]
        self.said += [text, answer]
        return answer


class Counter(Actor):
    total: int = 0

    @handler
    async def add(self, amount: int) -> None:
        self.total += amount


async def chat(count: int, folder: Path) -> float:
    """What the folder of a chat takes after so many turns, in % of its state."""
    dice = random.Random(1)  # noqa: S311  # what is said need not be a secret
    async with Theater(folder / "theater") as theater:
        ref = await theater.spawn(Chat(), name="chat")
        for _ in range(count):
            await ref.ask(Chat.say, dice.randbytes(TURN // 2).hex())
    log = sum(len(path.read_bytes().rstrip(b"\0")) for path in (folder / "theater" / "segments").iterdir())
    files = sum(path.stat().st_size for path in (folder / "theater" / "blobs").rglob("*") if path.is_file())
    return 100 * (log + files) / (2 * TURN * count)


async def back(count: int, folder: Path) -> float:
    """The milliseconds from a crash until an actor with so many events is there again."""
    async with Theater(folder / "theater") as theater:
        ref = await theater.spawn(Counter(), name="counter")
        for done in range(0, count, BURST):
            for _ in range(min(BURST, count - done)):
                await ref.tell(Counter.add, 1)
            await theater.settled()
        shutil.copytree(folder / "theater", folder / "crashed")
    begun = perf_counter()
    async with Theater(folder / "crashed") as theater:
        ref = await theater.spawn(Counter(), name="counter", resume=True)
        took = perf_counter() - begun
        if len(theater.chain(ref)) < count:
            raise ValueError("events are missing")
    return 1_000 * took


CASES: dict[str, Case] = {"chat": chat, "back": back}
