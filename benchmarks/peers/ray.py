"""Ray 2.60 on this machine alone: an actor is a process. Nothing is recorded."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import ray

from benchmarks.gauge import Stopwatch
from benchmarks.kinds import Case

MEMBERS = 8  # of the ring: a thousand would be a thousand processes
STORE = 200_000_000  # bytes of shared memory


@ray.remote(num_cpus=0)
class Sink:
    def __init__(self) -> None:
        self.handled = 0

    def take(self, _: int) -> None:
        self.handled += 1

    def count(self) -> int:
        return self.handled


@ray.remote(num_cpus=0)
class Echo:
    def echo(self, number: int) -> int:
        return number


@ray.remote(num_cpus=0)
class Member:
    def follow(self, successor: Any, end: Any) -> None:
        self.successor = successor
        self.end = end

    def hop(self, left: int) -> None:
        if left:
            self.successor.hop.remote(left - 1)
        else:
            self.end.reach.remote()


@ray.remote(num_cpus=0)
class End:
    def __init__(self) -> None:
        self.reached = asyncio.Event()

    async def reach(self) -> None:
        self.reached.set()

    async def wait(self) -> None:
        await self.reached.wait()


@contextmanager
def started() -> Iterator[None]:
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        logging_level=logging.ERROR,
        log_to_driver=False,
        object_store_memory=STORE,
    )
    try:
        yield
    finally:
        ray.shutdown()


def tell(count: int, _: Path) -> float:
    with started():
        sink = Sink.remote()
        ray.get(sink.count.remote())
        with Stopwatch() as watch:
            for number in range(count):
                sink.take.remote(number)
            handled = ray.get(sink.count.remote())
    if handled != count:
        raise ValueError(f"{handled} of {count} messages were handled")
    return watch.rate(count)


def ask(count: int, _: Path, *, outstanding: int) -> float:
    with started():
        echo = Echo.remote()
        ray.get(echo.echo.remote(0))
        waiting: list[Any] = []
        with Stopwatch() as watch:
            for number in range(count):
                waiting.append(echo.echo.remote(number))
                if len(waiting) == outstanding:
                    (done, *_), waiting = ray.wait(waiting, num_returns=1)
                    ray.get(done)
            ray.get(waiting)
    return watch.rate(count)


def ring(hops: int, _: Path) -> float:
    with started():
        end = End.remote()
        members = [Member.remote() for _ in range(MEMBERS)]
        ray.get(
            [
                member.follow.remote(members[(place + 1) % MEMBERS], end)
                for place, member in enumerate(members)
            ]
        )
        with Stopwatch() as watch:
            members[0].hop.remote(hops)
            ray.get(end.wait.remote())
    return watch.rate(hops)


def spawn(count: int, _: Path) -> float:
    with started(), Stopwatch() as watch:
        echoes = [Echo.remote() for _ in range(count)]
        ray.get([echo.echo.remote(0) for echo in echoes])
        for echo in echoes:
            ray.kill(echo)
    return watch.rate(count)


def idle(count: int, _: Path) -> float:
    """The memory of the actors' processes, each with its part of what it shares."""
    with started():
        echoes = [Echo.remote() for _ in range(count)]
        ray.get([echo.echo.remote(0) for echo in echoes])
        sizes = [process_memory(process) for process in Path("/proc").glob("[0-9]*") if is_echo(process)]
    return sum(sizes) / len(sizes)


def is_echo(process: Path) -> bool:
    try:
        return (process / "cmdline").read_bytes().startswith(b"ray::Echo")
    except OSError:  # it ended meanwhile, or is not ours
        return False


def process_memory(process: Path) -> int:
    lines = (process / "smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


CASES: dict[str, Case] = {
    "tell": tell,
    "ask": partial(ask, outstanding=1),
    "ask64": partial(ask, outstanding=64),
    "ring": ring,
    "spawn": spawn,
    "idle": idle,
}
