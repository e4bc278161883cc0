"""The pool of workers: turns, crashes, replacements, bounds."""

from __future__ import annotations

from math import inf, nan
from pathlib import Path

import anyio
import pytest

from actors import WorkerPool, with_worker
from theater import Actor, ActorFailedError, ActorRef, NotRunningError, Theater, handler


class Worker(Actor):
    done: int = 0

    @handler
    async def work(self) -> int:
        self.done += 1
        return self.done

    @handler
    async def leave(self) -> None:
        self.context.stop()

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


@pytest.mark.parametrize("lives", [0, 3, 10])
async def test_a_worker_that_has_used_up_its_lives_is_replaced_and_the_others_stay(
    theater: Theater, lives: int
) -> None:
    pool = await theater.spawn(Workers(size=2, lives=lives))
    worker, other = await take(pool, 2)
    await other.ask(Worker.work)

    for _ in range(lives + 1):
        with pytest.raises(ActorFailedError):
            await worker.ask(Worker.crash)
    await theater.settled()

    new, same = await take(pool, 2)
    assert (new != worker, same) == (True, other)
    assert [await new.ask(Worker.work), await same.ask(Worker.work)] == [1, 2]
    assert theater.statistics().restarts == lives


async def test_a_worker_that_ended_itself_is_replaced(theater: Theater) -> None:
    pool = await theater.spawn(Workers(size=1))
    (worker,) = await take(pool, 1)

    await worker.ask(Worker.leave)
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


@pytest.mark.parametrize("patience", [0.0, inf, nan])
async def test_a_pool_with_patience_for_no_time_that_there_is_does_not_start(
    theater: Theater, patience: float
) -> None:
    with pytest.raises(ActorFailedError, match="has patience for"):
        await theater.spawn(Workers(patience=patience))


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


async def test_a_key_always_goes_to_the_same_worker_and_keys_go_to_all(theater: Theater) -> None:
    pool = await theater.spawn(Workers(size=3))

    homes = {key: await pool.ask(Workers.worker_for, str(key)) for key in range(30)}

    assert {key: await pool.ask(Workers.worker_for, str(key)) for key in range(30)} == homes
    assert len(set(homes.values())) == 3


async def test_when_a_worker_is_replaced_only_its_own_keys_move(theater: Theater) -> None:
    pool = await theater.spawn(Workers(size=3))
    before = {key: await pool.ask(Workers.worker_for, str(key)) for key in range(30)}

    await before[0].kill()

    after = {key: await pool.ask(Workers.worker_for, str(key)) for key in range(30)}
    assert {key for key in before if before[key] != after[key]} == {
        key for key in before if before[key] == before[0]
    }


async def test_the_one_with_the_fewest_at_work_is_next(theater: Theater) -> None:
    pool = await theater.spawn(Workers(size=3))
    leases = [await pool.ask(Workers.take) for _ in range(3)]
    assert len({lease.worker for lease in leases}) == 3

    await pool.ask(Workers.give_back, leases[1].number)
    await pool.ask(Workers.give_back, leases[1].number)

    assert (await pool.ask(Workers.take)).worker == leases[1].worker


async def test_a_worker_that_is_busy_is_passed_by(theater: Theater) -> None:
    pool = await theater.spawn(Workers(size=2))
    done: list[int] = []

    async def work() -> None:
        done.append(await with_worker(pool, lambda worker: worker.ask(Worker.work)))

    async with anyio.create_task_group() as group:
        group.start_soon(with_worker, pool, lambda worker: worker.ask(Worker.sleep))
        await anyio.sleep(1)
        for _ in range(5):
            await work()
        group.cancel_scope.cancel()

    assert done == [1, 2, 3, 4, 5]


async def test_a_worker_is_given_back_also_after_an_error_and_a_cancellation(theater: Theater) -> None:
    pool = await theater.spawn(Workers(size=2))

    with pytest.raises(ActorFailedError):
        await with_worker(pool, lambda worker: worker.ask(Worker.crash))
    with anyio.move_on_after(1):
        await with_worker(pool, lambda worker: worker.ask(Worker.sleep))
    await theater.settled()

    states = [event.body["state"] for event in theater.chain(pool) if "state" in event.body]
    assert states[-1]["leases"] == {}


async def test_a_worker_that_nobody_gives_back_is_free_after_a_while(theater: Theater) -> None:
    pool = await theater.spawn(Workers(size=2, patience=60))
    lost = await pool.ask(Workers.take)
    for _ in range(3):
        other = await pool.ask(Workers.take)
        assert other.worker != lost.worker
        await pool.ask(Workers.give_back, other.number)

    await anyio.sleep(60)

    assert {(await pool.ask(Workers.take)).worker for _ in range(2)} >= {lost.worker}


async def test_leases_of_a_worker_that_ended_are_over(theater: Theater) -> None:
    pool = await theater.spawn(Workers(size=2))
    lost = await pool.ask(Workers.take)
    kept = await pool.ask(Workers.take)

    await lost.worker.kill()

    new = await pool.ask(Workers.take)
    assert new.worker not in (lost.worker, kept.worker)


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
