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
        inlet = second._cell.theater.journal.inlet
        assert inlet is not None
        assert inlet.line is None  # messages are handled in bursts again
        loop.run_until_complete(asyncio.wait([telling]))
        loop.run_until_complete(theater.__aexit__(None, None, None))
    finally:
        loop.close()


class Times(list[int]):
    """Ctrl-C comes when the first of them is noted, and before that of which it is the time."""

    def append(self, time: int) -> None:
        super().append(time)
        if time == 1:
            raise KeyboardInterrupt


def test_a_burst_that_is_cut_off_leaves_no_time_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = count()
    monkeypatch.setattr("theater.bursts.time_ns", clock := lambda: next(ticks))
    with asyncio.Runner() as runner:
        theater = Theater(clock=clock, closing=0.01)
        runner.run(theater.open())
        first, second = [runner.run(theater.spawn(Adder())) for _ in range(2)]
        inlet = first._cell.theater.journal.inlet
        assert inlet is not None
        inlet.times = Times()

        async def tell(ref: ActorRef[Adder]) -> None:
            nonlocal ticks
            for number in range(2):
                ref.tell_nowait(Adder.add, number)
            ticks = count(start)
            await theater.settled()

        start = 0
        telling = runner.get_loop().create_task(tell(first))
        with pytest.raises(KeyboardInterrupt):
            runner.get_loop().run_until_complete(telling)
        start = 1_000
        runner.run(tell(second))

        handled = [event for event in theater.chain(second) if event.kind == "message/handled"]
        assert [event.time for event in handled] == [1_001, 1_002]
        telling.cancel()
        runner.run(theater.close())
