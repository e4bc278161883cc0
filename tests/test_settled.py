"""Settled: all mailboxes empty, nobody at work, everything committed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import anyio
import pytest

from theater import Actor, ActorRef, History, Theater, handler

DONE: list[str] = []


@pytest.fixture(autouse=True)
def done() -> list[str]:
    """What was done, in this test alone."""
    DONE.clear()
    return DONE


class Worker(Actor):
    @handler
    async def work(self, seconds: float = 0.0) -> None:
        await anyio.sleep(seconds)
        DONE.append("work")

    @handler
    async def pass_on(self, others: "list[ActorRef[Worker]]", seconds: float) -> None:  # noqa: UP037  # not yet made
        if others:
            await others[0].tell(Worker.pass_on, others[1:], seconds)
        await anyio.sleep(seconds)
        DONE.append("passed on")


async def test_a_theater_with_nothing_to_do_is_settled(theater: Theater) -> None:
    await theater.settled()
    await theater.spawn(Worker())
    await theater.settled()

    assert anyio.current_time() < 1


async def test_it_waits_for_all_that_is_queued(theater: Theater) -> None:
    workers = [await theater.spawn(Worker()) for _ in range(3)]
    for worker in workers:
        for _ in range(4):
            await worker.tell(Worker.work, 1)

    await theater.settled()

    assert DONE == ["work"] * 12
    assert anyio.current_time() == 4


async def test_it_waits_for_what_comes_of_it(theater: Theater) -> None:
    workers = [await theater.spawn(Worker()) for _ in range(5)]

    await workers[0].tell(Worker.pass_on, workers[1:], 1)
    await theater.settled()

    assert DONE == ["passed on"] * 5


async def test_several_may_wait(theater: Theater) -> None:
    worker = await theater.spawn(Worker())
    await worker.tell(Worker.work, 1)

    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(theater.settled)

    assert DONE == ["work"]


async def test_who_gives_up_waiting_disturbs_nobody(theater: Theater) -> None:
    worker = await theater.spawn(Worker())
    await worker.tell(Worker.work, 10)

    with anyio.move_on_after(1):
        await theater.settled()
    await theater.settled()

    assert DONE == ["work"]


async def test_an_actor_that_ends_leaves_the_theater_settled(theater: Theater) -> None:
    stopped, killed = await theater.spawn(Worker()), await theater.spawn(Worker())
    await stopped.tell(Worker.work, 1)
    await killed.tell(Worker.work, 3600)
    waiting = asyncio.ensure_future(theater.settled())
    await anyio.sleep(0.5)

    await stopped.stop()
    await killed.kill()
    await waiting

    assert anyio.current_time() < 2
    assert theater.statistics().active == 0


async def test_in_a_folder_it_waits_for_the_commit(durable_theater: Theater, tmp_path: Path) -> None:
    worker = await durable_theater.spawn(Worker(), name="worker")
    for _ in range(100):
        await worker.tell(Worker.work)

    await durable_theater.settled()

    chain = History(tmp_path / "theater").chain("worker")
    assert [event.kind for event in chain].count("message/handled") == 100
    counts = durable_theater.statistics()
    assert counts.committed == counts.events
