"""Slow handlers: one that blocks the loop is named, one that only waits is not."""

from __future__ import annotations

import time
from pathlib import Path

import anyio
import pytest

from theater import Actor, Theater, handler

pytestmark = pytest.mark.real_clock


class Worker(Actor):
    @handler
    async def block(self, seconds: float) -> None:
        time.sleep(seconds)  # noqa: ASYNC251  # that is the test

    @handler
    async def wait(self, seconds: float) -> None:
        await anyio.sleep(seconds)

    @handler
    async def wait_and_block(self, seconds: float) -> None:
        await anyio.sleep(0.15)
        time.sleep(seconds)  # noqa: ASYNC251  # that is the test


@pytest.mark.parametrize("folder", [False, True])
async def test_a_handler_that_blocks_the_loop_is_named(
    caplog: pytest.LogCaptureFixture, tmp_path: Path, *, folder: bool
) -> None:
    async with Theater(tmp_path / "theater" if folder else None) as theater:
        worker = await theater.spawn(Worker(), name="worker")
        await worker.ask(Worker.block, 0.15)

    [line] = caplog.messages
    assert line.startswith("Worker.block of 'worker' blocked the event loop for 1")
    assert line.endswith(" ms")


async def test_a_handler_that_blocks_after_it_waited_is_named(caplog: pytest.LogCaptureFixture) -> None:
    async with Theater() as theater:
        worker = await theater.spawn(Worker(), name="worker")
        await worker.ask(Worker.wait_and_block, 0.15)

    assert ["Worker.wait_and_block of 'worker'" in line for line in caplog.messages] == [True]


async def test_a_handler_that_only_waits_is_not_named(caplog: pytest.LogCaptureFixture) -> None:
    async with Theater() as theater:
        worker = await theater.spawn(Worker())
        await worker.ask(Worker.wait, 0.25)

    assert caplog.messages == []


async def test_a_handler_that_is_quick_is_not_named(caplog: pytest.LogCaptureFixture) -> None:
    async with Theater() as theater:
        worker = await theater.spawn(Worker())
        for _ in range(20):
            await worker.ask(Worker.block, 0.01)

    assert caplog.messages == []


async def test_an_actor_at_rest_is_not_named(caplog: pytest.LogCaptureFixture) -> None:
    async with Theater() as theater:
        worker = await theater.spawn(Worker())
        await worker.ask(Worker.wait, 0.0)
        time.sleep(0.15)  # noqa: ASYNC251  # the program outside blocks, no actor does
        await worker.ask(Worker.wait, 0.0)

    assert caplog.messages == []
