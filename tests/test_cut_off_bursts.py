"""Ctrl-C, or `sys.exit` by a signal, in the midst of a burst: each event comes into its own chain."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from theater import Actor, ActorRef, Theater, handler
from theater.chain import verify_chain
from theater.plain import write

BURST = 5


class Adder(Actor):
    total: int = 0

    @handler
    async def add(self, amount: int) -> int:
        self.total += amount
        return self.total


def noted(theater: Theater, ref: ActorRef[Any]) -> list[int]:
    """What the actor was told, as its chain has it."""
    chain = theater.chain(ref)
    verify_chain(chain)
    return [event.body["args"][0] for event in chain if event.kind == "message/handled"]


@pytest.mark.parametrize("on_disk", [False, True])
@pytest.mark.parametrize(
    ("where", "nth", "left"),
    [("clock", 2, 1), ("clock", 3, 2), ("clock", 5, 4), ("write", 0, 5), ("write", 1, 5), ("write", 4, 5)],
)
def test_a_burst_that_is_cut_off_stays_in_its_own_chain(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, where: str, nth: int, left: int, *, on_disk: bool
) -> None:
    """`left`: of how many messages the event was left to be written when it came."""
    ticks = count()
    calls: Iterator[int] = iter(())

    def step(name: str) -> None:
        if name == where and next(calls, None) == nth:
            raise KeyboardInterrupt

    def clock() -> int:
        step("clock")
        return next(ticks)

    def written(body: object) -> bytes:
        step("write")
        return write(body)

    monkeypatch.setattr("theater.recorder.write", written)
    monkeypatch.setattr("theater.bursts.time_ns", clock)  # it tells how time passes, too
    loop = asyncio.new_event_loop()
    try:
        theater = Theater(tmp_path / "theater" if on_disk else None, clock=clock, closing=0.01)
        loop.run_until_complete(theater.__aenter__())
        first = loop.run_until_complete(theater.spawn(Adder()))
        second = loop.run_until_complete(theater.spawn(Adder()))

        async def tell() -> None:
            nonlocal calls
            for number in range(BURST):
                first.tell_nowait(Adder.add, number)
            calls = iter(range(BURST + 1))
            await theater.settled()

        telling = loop.create_task(tell())
        with pytest.raises(KeyboardInterrupt):
            loop.run_until_complete(telling)
        calls = iter(())

        assert loop.run_until_complete(second.ask(Adder.add, 100)) == 100
        assert noted(theater, first) == [*range(left)]
        assert noted(theater, second) == [100]
        loop.run_until_complete(asyncio.wait([telling]))
        loop.run_until_complete(theater.__aexit__(None, None, None))
    finally:
        loop.close()
