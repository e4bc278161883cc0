"""Statistics: what a theater counts."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import anyio
import pytest

from theater import Actor, Theater, handler
from theater.errors import ActorFailedError


class Worker(Actor):
    @handler
    async def work(self, seconds: float = 0.0) -> None:
        await anyio.sleep(seconds)

    @handler
    async def fail(self) -> None:
        raise ValueError("as told")


async def test_a_new_theater_has_one_event_and_nothing_else(theater: Theater) -> None:
    counts = theater.statistics()

    assert (counts.actors, counts.active, counts.queued, counts.handled) == (0, 0, 0, 0)
    assert (counts.failures, counts.restarts, counts.dead_letters) == (0, 0, 0)
    assert counts.events == counts.committed == 1


async def test_a_hook_at_hand_is_no_message_at_hand(theater: Theater) -> None:
    class Slow(Worker):
        async def on_start(self) -> None:
            await anyio.sleep(1)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(theater.spawn, Slow())
        await anyio.wait_all_tasks_blocked()

        assert theater.statistics().at_hand == 0
        assert theater.statistics().unaccounted == 0


async def test_actors_are_counted_while_they_live(theater: Theater) -> None:
    workers = [await theater.spawn(Worker()) for _ in range(3)]
    assert theater.statistics().actors == 3

    await workers[0].stop()
    await workers[1].kill()

    assert theater.statistics().actors == 1


async def test_who_is_at_work_and_what_is_queued_is_counted(theater: Theater) -> None:
    busy, idle = await theater.spawn(Worker()), await theater.spawn(Worker())
    await idle.ask(Worker.work)
    for _ in range(3):
        await busy.tell(Worker.work, 10)
    await anyio.sleep(1)

    counts = theater.statistics()

    assert (counts.active, counts.queued) == (1, 2)
    await theater.settled()
    assert (theater.statistics().active, theater.statistics().queued) == (0, 0)


async def test_messages_failures_and_restarts_are_counted(theater: Theater) -> None:
    worker = await theater.spawn(Worker())
    for _ in range(4):
        await worker.ask(Worker.work)
    for _ in range(2):
        with pytest.raises(ActorFailedError):
            await worker.ask(Worker.fail)

    counts = theater.statistics()

    assert (counts.handled, counts.failures, counts.restarts) == (4, 2, 2)


async def test_messages_that_nobody_handled_are_counted(theater: Theater) -> None:
    worker = await theater.spawn(Worker())
    for _ in range(5):
        await worker.tell(Worker.work, 10)
    await anyio.sleep(1)

    await worker.kill()

    assert theater.statistics().dead_letters == 4


async def test_statistics_are_of_one_moment(theater: Theater) -> None:
    counts = theater.statistics()
    await theater.spawn(Worker())

    assert counts.actors == 0
    with pytest.raises(FrozenInstanceError):
        counts.actors = 1  # type: ignore[misc]  # that is the test
