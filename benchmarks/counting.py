"""Takes one count for the guard, in a process of its own: `python -m benchmarks.counting`."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from benchmarks.counter import InstructionCounter
from benchmarks.gauge import clocks
from benchmarks.kept import Cost
from benchmarks.one import find, measure

ROUNDS = 20_000  # of the yardstick
TIMES = 4  # where memory happens to lie makes a single one 4 % dearer


class Step:
    """A piece of what actors do: a call, a dictionary, a tuple, bytes, an await."""

    def __init__(self) -> None:
        self.seen: dict[int, tuple[int, bytes]] = {}

    async def take(self, number: int) -> int:
        self.seen[number & 255] = (number, number.to_bytes(8))
        return len(self.seen)


async def yardstick() -> None:
    step = Step()
    for number in range(ROUNDS):
        await step.take(number)


def one_step(now: Callable[[], float]) -> float:
    """What a step of the yardstick costs."""
    begun = now()
    asyncio.run(yardstick())
    return (now() - begun) / ROUNDS


def clock(kind: str) -> Callable[[], float]:
    """Instructions, or nanoseconds of the processor."""
    return InstructionCounter() if kind == "instructions" else lambda: float(time.process_time_ns())


def count(module: str, argument: str, work: str, how_many: int, kind: str) -> Cost:
    now = clock(kind)
    clocks.append(now)
    stick = min(one_step(now) for _ in range(TIMES))
    with tempfile.TemporaryDirectory(prefix="theater-guard-") as folder:
        rate = measure(find(module, argument, work), how_many, Path(folder), uvloop=False)
    return Cost(each=round(1 / rate), yardstick=round(stick))


if __name__ == "__main__":
    module, argument, work, how_many, kind = sys.argv[1:]
    print(json.dumps(asdict(count(module, argument, work, int(how_many), kind))))
