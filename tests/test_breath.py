"""A busy loop lets the writer thread have the interpreter; an idle one is left alone."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace

import pytest

from theater.journal.breath import Breath

pytestmark = [pytest.mark.anyio, pytest.mark.real_clock]


async def pauses(monkeypatch: pytest.MonkeyPatch, *, is_busy: bool) -> int:
    """How often a loop hands the interpreter over in a while in which a batch is at the disk."""
    slept: list[float] = []
    monkeypatch.setattr("theater.journal.breath.time.sleep", slept.append)
    until = time.perf_counter() + 0.05
    looked: list[bool] = []

    def is_needed() -> bool:
        looked.append(time.perf_counter() < until)
        return looked[-1]

    breathing = Breath(asyncio.get_running_loop(), is_needed=is_needed)
    breathing.begin()
    breathing.begin()
    while not looked or looked[-1]:  # noqa: ASYNC110 - being busy is the point
        await asyncio.sleep(0 if is_busy else 0.01)
    assert looked.count(False) == 1
    return len(slept)


async def test_a_busy_loop_hands_the_interpreter_over(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await pauses(monkeypatch, is_busy=True) > 1


async def test_an_idle_loop_only_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await pauses(monkeypatch, is_busy=False) < 3


async def test_it_begins_again_when_it_is_needed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(2):
        assert await pauses(monkeypatch, is_busy=True) > 1


@pytest.mark.parametrize(("worked", "is_busy"), [(0.002, False), (0.003, True)])
async def test_it_knows_whether_the_loop_was_busy_since_it_was_looked_at(
    monkeypatch: pytest.MonkeyPatch,
    worked: float,
    is_busy: bool,  # noqa: FBT001
) -> None:
    thread_time, perf_counter = iter([1.0, 1.0, 1.0 + worked]), iter([5.0, 5.0, 5.01])
    clocks = SimpleNamespace(thread_time=thread_time.__next__, perf_counter=perf_counter.__next__)
    monkeypatch.setattr("theater.journal.breath.time", clocks)
    breath = Breath(asyncio.get_running_loop(), is_needed=lambda: False)
    breath.begin()

    assert breath.begin() is is_busy
