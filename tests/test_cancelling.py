"""Cancelling: a handler so marked ends when its asker gives up, and its actor is as it was before."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from independent_verifier import Verifier
from test_deferring import give_up
from told import kinds, only, told

from theater import Actor, ActorRef, History, Theater, handler
from theater.errors import SetupError
from theater.loop import Cancelled

HOUR = 3600.0


class TooLateError(Exception):
    pass


class Worker(Actor):
    """Can be cancelled while it works."""

    jobs: list[str] = []  # noqa: RUF012  # given fresh to each instance
    money: int = 100
    log: tuple[str, ...] = ()

    def on_load(self) -> None:
        self._ended: list[str] = []

    @handler(cancellable=True, raises=(TooLateError,))
    async def work(self, job: str, how: str = "", other: ActorRef[Any] | None = None) -> str:
        self.jobs.append(job)
        self.money -= 10
        try:
            if how == "ask":
                assert other is not None
                await other.ask(Worker.work, job)
            elif how == "tell":
                assert other is not None
                await other.tell(Worker.note, job)
                await anyio.sleep(HOUR)
            elif how == "defer":
                self.context.defer()
                await anyio.sleep(60)
            elif how == "group":
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(anyio.sleep, HOUR)
                    tasks.start_soon(anyio.sleep, HOUR)
            else:
                await anyio.sleep(HOUR)
        except Cancelled as error:
            self._ended.append(job)
            match how:
                case "swallow":
                    return "all the same"
                case "swallow and wait":
                    await anyio.sleep(60)
                    return "after a while"
                case "answer":
                    raise TooLateError from error
                case "fail":
                    raise ValueError("in the end") from error
            raise
        return job

    @handler(cancellable=True)
    async def shelve(self) -> None:
        self.money -= 10
        self.context.stash()
        await anyio.sleep(HOUR)

    @handler(cancellable=True)
    async def spill(self) -> None:
        self.money -= 10
        try:
            await anyio.sleep(HOUR)
        except Cancelled as error:
            raise BaseExceptionGroup("both", [error, ValueError("in the end")]) from None

    @handler
    async def plain(self) -> None:
        self.money -= 10
        await anyio.sleep(60)

    @handler
    async def note(self, job: str) -> None:
        self.jobs.append(job)

    @handler
    async def state(self) -> list[Any]:
        return [self.jobs, self.money, self.log]

    @handler
    async def ended(self) -> list[str]:
        return self._ended

    @handler
    async def order(self, other: ActorRef[Worker], job: str) -> str:
        return await other.ask(Worker.work, job)

    @handler
    async def send_on(self, other: ActorRef[Worker], job: str) -> str:
        return await self.context.forward(other, Worker.work, job)


UNTOUCHED = [[], 100, ()]


@pytest.mark.parametrize("how", ["", "swallow", "answer", "group"])
async def test_an_asker_that_gives_up_cancels_the_handler_and_the_state_is_as_before(
    theater: Theater, how: str
) -> None:
    worker = await theater.spawn(Worker())

    await give_up(worker.ask, Worker.work, "tea", how)

    assert await worker.ask(Worker.state) == UNTOUCHED
    assert anyio.current_time() == 10
    assert await worker.ask(Worker.ended) == ["tea"]
    assert told(theater, worker, "message/handled")[0].body == {
        "args": ["tea", how],
        "ask": True,
        "from": None,
        "handler": "work",
        "cancelled": True,
    }
    assert (theater.statistics().failures, theater.statistics().restarts) == (0, 0)


async def test_one_that_was_about_to_be_set_aside_is_cancelled_too(theater: Theater) -> None:
    worker = await theater.spawn(Worker())

    await give_up(worker.ask, Worker.shelve)

    assert await worker.ask(Worker.state) == UNTOUCHED
    assert anyio.current_time() == 10
    assert told(theater, worker, "message/handled")[0].body == {"message": 1, "cancelled": True}
    assert (theater.statistics().stashed, theater.statistics().unaccounted) == (0, 0)


async def test_one_that_swallows_its_cancellation_and_goes_on_is_undone_when_it_returns(
    theater: Theater,
) -> None:
    worker = await theater.spawn(Worker())

    await give_up(worker.ask, Worker.work, "tea", "swallow and wait")

    assert await worker.ask(Worker.state) == UNTOUCHED
    assert anyio.current_time() == 70


async def test_one_that_makes_another_error_of_its_cancellation_has_failed(theater: Theater) -> None:
    worker = await theater.spawn(Worker())

    await give_up(worker.ask, Worker.work, "tea", "fail")

    assert await worker.ask(Worker.state) == UNTOUCHED
    assert only(theater, worker, "actor/failed").body["error"] == {
        "class": "ValueError",
        "text": "in the end",
    }
    assert theater.statistics().restarts == 1


async def test_one_that_fails_beside_its_cancellation_has_failed(theater: Theater) -> None:
    worker = await theater.spawn(Worker())

    await give_up(worker.ask, Worker.spill)

    assert await worker.ask(Worker.state) == UNTOUCHED
    assert only(theater, worker, "actor/failed").body["error"]["class"] == "BaseExceptionGroup"


async def test_its_actor_goes_on_with_its_task_as_it_was(theater: Theater) -> None:
    worker = await theater.spawn(Worker())

    for _ in range(5):
        await give_up(worker.ask, Worker.work, "tea")
    with anyio.fail_after(HOUR + 1):
        assert await worker.ask(Worker.work, "milk") == "milk"

    assert await worker.ask(Worker.state) == [["milk"], 90, ()]
    task = worker._cell.task
    assert task is not None
    assert task.cancelling() == 0


async def test_a_handler_that_is_not_marked_is_not_disturbed(theater: Theater) -> None:
    worker = await theater.spawn(Worker())

    await give_up(worker.ask, Worker.plain)

    assert await worker.ask(Worker.state) == [[], 90, ()]


async def test_an_asker_in_time_cancels_nothing(theater: Theater) -> None:
    worker = await theater.spawn(Worker())

    assert await worker.ask(Worker.work, "tea") == "tea"

    assert "cancelled" not in told(theater, worker, "message/handled")[0].body


async def test_a_tell_is_cancelled_by_nobody(theater: Theater) -> None:
    worker = await theater.spawn(Worker())

    await worker.tell(Worker.work, "tea")
    await theater.settled()

    assert await worker.ask(Worker.state) == [["tea"], 90, ()]


async def test_cancelling_travels_to_what_the_handler_asks(theater: Theater) -> None:
    worker, other = await theater.spawn(Worker()), await theater.spawn(Worker())

    await give_up(worker.ask, Worker.work, "tea", "ask", other)

    assert [await one.ask(Worker.state) for one in (worker, other)] == [UNTOUCHED] * 2
    assert anyio.current_time() == 10
    assert kinds(theater, worker)[:4] == [
        "message/received",
        "message/sent",
        "message/withdrawn",
        "message/handled",
    ]
    received = told(theater, worker, "message/received")[0]
    assert told(theater, worker, "message/handled")[0].body == {"message": received.seq, "cancelled": True}


async def test_giving_up_travels_through_others_to_one_that_can_be_cancelled(theater: Theater) -> None:
    worker, asker, front = [await theater.spawn(Worker()) for _ in range(3)]

    await give_up(asker.ask, Worker.order, worker, "tea")
    await give_up(front.ask, Worker.send_on, worker, "milk")
    await anyio.wait_all_tasks_blocked()

    assert await worker.ask(Worker.state) == UNTOUCHED
    assert [one.body.get("cancelled") for one in told(theater, worker, "message/handled")[:2]] == [True, True]


async def test_what_it_told_before_stands(theater: Theater) -> None:
    worker, other = await theater.spawn(Worker()), await theater.spawn(Worker())

    await give_up(worker.ask, Worker.work, "tea", "tell", other)

    assert await worker.ask(Worker.state) == UNTOUCHED
    assert await other.ask(Worker.state) == [["tea"], 100, ()]


async def test_one_that_has_deferred_is_not_cancelled(theater: Theater) -> None:
    worker = await theater.spawn(Worker())

    await give_up(worker.ask, Worker.work, "tea", "defer")

    assert await worker.ask(Worker.state) == [["tea"], 90, ()]


async def test_a_kill_goes_before_a_cancellation(theater: Theater) -> None:
    worker = await theater.spawn(Worker())

    await give_up(worker.ask, Worker.work, "tea", "swallow and wait")
    await worker.kill()

    assert only(theater, worker, "message/handled").body["failed"] is True
    assert only(theater, worker, "actor/stopped").body == {"reason": "killed"}


async def test_closing_goes_before_a_cancellation() -> None:
    async with Theater(closing=0) as theater:
        worker = await theater.spawn(Worker())
        await give_up(worker.ask, Worker.work, "tea", "swallow and wait")

    assert worker._cell.task is None or worker._cell.task.done()


async def test_an_override_is_marked_as_what_it_overrides(theater: Theater) -> None:
    class Careful(Worker):
        @handler
        async def work(self, job: str, how: str = "", other: ActorRef[Any] | None = None) -> str:
            return await super().work(job, how, other)

    careful = await theater.spawn(Careful())

    await give_up(careful.ask, Worker.work, "tea")

    assert await careful.ask(Worker.state) == UNTOUCHED


def test_a_stream_is_not_cancellable() -> None:
    with pytest.raises(SetupError, match=r"lines\(\) is a stream, which ends at its `yield`: leave out"):

        class Reader(Actor):
            @handler(cancellable=True)
            async def lines(self) -> AsyncIterator[str]:
                yield "a"


async def test_without_recorded_messages_it_is_cancelled_too() -> None:
    async with Theater(record_messages=False) as theater:
        worker = await theater.spawn(Worker())

        await give_up(worker.ask, Worker.work, "tea")

        assert await worker.ask(Worker.state) == UNTOUCHED


@pytest.mark.virtual_clock(seeds=10)
async def test_in_any_order_of_events_a_job_is_done_whole_or_not_at_all(theater: Theater) -> None:
    class Till(Actor):
        money: int = 0
        sold: int = 0

        @handler(cancellable=True)
        async def sell(self) -> None:
            self.money += 3
            await anyio.sleep(1)
            self.sold += 1

        @handler
        async def both(self) -> tuple[int, int]:
            return self.money, self.sold

    till = await theater.spawn(Till())

    async def buy(within: float) -> None:
        with anyio.move_on_after(within):
            await till.ask(Till.sell)

    async with anyio.create_task_group() as tasks:
        for within in (0.5, 1, 1.5, 2, 2.5, 3, 4):
            tasks.start_soon(buy, within)
    await theater.settled()

    money, sold = await till.ask(Till.both)
    assert money == 3 * sold
    cancelled = [event for event in told(theater, till, "message/handled") if "cancelled" in event.body]
    now = theater.statistics()
    assert sold + len(cancelled) + now.withdrawn == 7
    assert (now.sent, now.failures) == (now.handled + now.withdrawn, 0)


@pytest.mark.real_clock
async def test_a_folder_with_cancelled_messages_verifies_and_resumes(tmp_path: Path) -> None:
    folder = tmp_path / "theater"
    begun = threading.Event()

    class Busy(Actor):
        done: int = 0

        @handler(cancellable=True)
        async def work(self) -> None:
            self.done += 1
            self.context.log("begun")
            begun.set()
            await anyio.sleep(HOUR)

        @handler
        async def count(self) -> int:
            return self.done

    async with Theater(folder) as theater:
        busy = await theater.spawn(Busy(), name="busy")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(busy.ask, "work")
            while not begun.is_set():
                await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()
        assert await busy.ask(Busy.count) == 0

    report, other = History(folder).verify(), Verifier(folder)
    assert (report.ok, report.closed, other.ok) == (True, True, True), (report.wrong, other.wrong)
    async with Theater(folder) as theater:
        assert (await theater.resume(classes=[Busy])).left == ()
        assert await theater.find("busy").ask(Busy.count) == 0
