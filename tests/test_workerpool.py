"""The pool of workers: turns, crashes, replacements, bounds."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from actors import WorkerPool
from theater import Actor, ActorFailedError, ActorRef, NotRunningError, Theater, handler


class Worker(Actor):
    done: int = 0

    @handler
    async def work(self) -> int:
        self.done += 1
        return self.done

    @handler
    async def crash(self) -> None:
        raise RuntimeError("dropped it")

    @handler
    async def sleep(self) -> None:
        await anyio.sleep(3600)


class Workers(WorkerPool[Worker]):
    def hire(self) -> Worker:
        return Worker()

    @handler
    async def fail(self) -> None:
        raise RuntimeError("the pool itself")


async def take(pool: ActorRef[Workers], count: int) -> list[ActorRef[Worker]]:
    return [await pool.ask(Workers.worker) for _ in range(count)]


async def test_workers_take_turns(theater: Theater) -> None:
    pool = await theater.spawn(Workers(size=3))

    refs = await take(pool, 6)

    assert refs[:3] == refs[3:]
    assert len(set(refs)) == 3


async def test_a_worker_that_crashed_works_again_with_the_state_it_had(theater: Theater) -> None:
    pool = await theater.spawn(Workers(size=1))
    (worker,) = await take(pool, 1)
    await worker.ask(Worker.work)

    with pytest.raises(ActorFailedError, match="dropped it"):
        await worker.ask(Worker.crash)

    assert await take(pool, 1) == [worker]
    assert await worker.ask(Worker.work) == 2


async def test_a_worker_that_ended_for_good_is_replaced(theater: Theater) -> None:
    pool = await theater.spawn(Workers(size=2))
    before = await take(pool, 2)

    await before[0].kill()

    after = await take(pool, 2)
    assert len(set(after)) == 2
    assert before[0] not in after
    with pytest.raises(NotRunningError):
        await before[0].ask(Worker.work)


async def test_a_worker_that_crashes_past_its_limit_is_replaced(theater: Theater) -> None:
    pool = await theater.spawn(Workers(size=1))
    (worker,) = await take(pool, 1)

    for _ in range(4):
        with pytest.raises(ActorFailedError):
            await worker.ask(Worker.crash)
    await theater.settled()

    (other,) = await take(pool, 1)
    assert other != worker
    assert await other.ask(Worker.work) == 1


async def test_who_sends_more_than_there_is_room_for_waits(theater: Theater) -> None:
    pool = await theater.spawn(Workers(size=1, room=2))
    (worker,) = await take(pool, 1)
    await worker.tell(Worker.sleep)
    await anyio.sleep(0.1)
    for _ in range(2):
        await worker.tell(Worker.work)

    with pytest.raises(TimeoutError), anyio.fail_after(60):
        await worker.tell(Worker.work)


async def test_a_pool_without_workers_does_not_start(theater: Theater) -> None:
    with pytest.raises(ActorFailedError, match="at least 1 worker"):
        await theater.spawn(Workers(size=0))


async def test_the_workers_end_with_their_pool(theater: Theater) -> None:
    pool = await theater.spawn(Workers(size=3))

    await pool.stop()

    assert theater.statistics().actors == 0


async def test_a_pool_that_failed_has_as_many_new_workers(theater: Theater) -> None:
    pool = await theater.spawn(Workers(size=2))
    before = await take(pool, 2)

    with pytest.raises(ActorFailedError, match="the pool itself"):
        await pool.ask(Workers.fail)

    after = await take(pool, 2)
    assert len(set(after)) == 2
    assert not set(before) & set(after)
    assert theater.statistics().actors == 3


@pytest.mark.real_clock
async def test_the_workers_outlive_their_theater(tmp_path: Path) -> None:
    async with Theater(tmp_path / "folder") as theater:
        pool = await theater.spawn(Workers(size=2), name="pool")
        for worker in await take(pool, 2):
            await worker.ask(Worker.work)

    async with Theater(tmp_path / "folder") as theater:
        pool = await theater.spawn(Workers(size=2), name="pool", resume=True)

        assert [await worker.ask(Worker.work) for worker in await take(pool, 2)] == [2, 2]
        assert theater.statistics().actors == 3
