"""A failing actor beside a healthy one: what its failures cost those who ask another."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter

from benchmarks.kinds import Case
from benchmarks.messaging import Echo, theater
from theater import Actor, ActorRef, RestartLimit, handler

FAILURES = 1_000
PAUSE = 0.001  # seconds between two failures


class Broken(Actor):
    failures: int = 0

    @handler
    async def fail(self) -> None:
        raise ValueError("as told")


async def beside(count: int, folder: Path, *, system: str) -> float:
    """The median time of an ask while another actor fails 1,000 times, in % of the median alone."""
    quiet = logging.getLogger("theater")
    quiet.addHandler(logging.NullHandler())
    quiet.propagate = False  # what a program does with a thousand tracebacks is its own affair
    async with theater(system, folder) as stage:
        echo = await stage.spawn(Echo())
        broken = await stage.spawn(Broken(), limit=RestartLimit(restarts=2 * FAILURES, within=3600.0))
        await asks(echo, until=lambda done: done == count // 10)  # warm
        alone = await asks(echo, until=lambda done: done == count)
        failing = asyncio.create_task(fail(broken))
        together = await asks(echo, until=lambda _: failing.done())
        await failing
        failures = stage.statistics().failures
    if failures != FAILURES:
        raise ValueError(f"{failures} of {FAILURES} failures happened")
    return 100 * median(together) / median(alone)


async def fail(broken: ActorRef[Broken]) -> None:
    for _ in range(FAILURES):
        await broken.tell(Broken.fail)
        await asyncio.sleep(PAUSE)
    await broken.stop()


async def asks(echo: ActorRef[Echo], *, until: Callable[[int], bool]) -> list[float]:
    """The seconds that each ask took, one after another."""
    took: list[float] = []
    while not until(len(took)):
        begun = perf_counter()
        await echo.ask(Echo.echo, 1)
        took.append(perf_counter() - begun)
    return took


def cases(system: str) -> dict[str, Case]:
    return {"failing": partial(beside, system=system)}
