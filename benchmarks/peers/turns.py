"""Askers that each wait for an answer before they ask again, for peers on asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from benchmarks.gauge import Stopwatch


async def asked(ask: Callable[[int], Awaitable[Any]], count: int, *, outstanding: int) -> float:
    """Answers per second to so many askers."""

    async def in_turn() -> None:
        for number in range(count // outstanding):
            await ask(number)

    with Stopwatch() as watch:
        await asyncio.gather(*(in_turn() for _ in range(outstanding)))
    return watch.rate(count // outstanding * outstanding)
