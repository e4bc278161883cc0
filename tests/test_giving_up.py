"""Giving up: what was not begun is withdrawn, what was begun gives up in turn."""

from __future__ import annotations

import asyncio
from typing import Any

import anyio
import pytest
from told import kinds, meanwhile, only, told, triple

from theater import Actor, ActorRef, Theater, handler
from theater.errors import ActorFailedError

HOUR = 3600.0


class Worker(Actor):
    """Works for as long as it is told to, in virtual time."""

    done: list[str] = []  # noqa: RUF012  # given fresh to each instance

    @handler
    async def work(self, name: str, seconds: float) -> str:
        await anyio.sleep(seconds)
        self.done.append(name)
        return name

    @handler
    async def report(self) -> list[str]:
        return self.done


class Passer(Actor):
    """Asks somebody else, and does with what comes back what its name says."""

    log: list[str] = []  # noqa: RUF012  # given fresh to each instance

    @handler
    async def let_through(self, worker: ActorRef[Worker], seconds: float) -> str:
        return await worker.ask(Worker.work, "passed on", seconds)

    @handler
    async def let_through_twice(
        self, passer: ActorRef[Passer], worker: ActorRef[Worker], seconds: float
    ) -> str:
        return await passer.ask(Passer.let_through, worker, seconds)

    @handler
    async def in_a_group(self, workers: list[ActorRef[Worker]], seconds: float) -> None:
        async with anyio.create_task_group() as tasks:
            for worker in workers:
                meanwhile(tasks, worker.ask, Worker.work, "in a group", seconds)

    @handler
    async def catch(self, worker: ActorRef[Worker], seconds: float) -> str:
        try:
            await worker.ask(Worker.work, "caught", seconds)
        except TimeoutError:
            self.log.append("caught")
            return await worker.ask(Worker.work, "after all", 1)
        return "in time"

    @handler
    async def turn_into_a_failure(self, worker: ActorRef[Worker], seconds: float) -> None:
        try:
            await worker.ask(Worker.work, "failing", seconds)
        except TimeoutError as error:
            raise ValueError("too late") from error

    @handler
    async def change_and_let_through(self, worker: ActorRef[Worker], seconds: float) -> None:
        self.log.append("changed")
        await worker.ask(Worker.work, "passed on", seconds)

    @handler
    async def limit(self, worker: ActorRef[Worker], seconds: float, limit: float) -> str:
        with anyio.move_on_after(limit):
            return await worker.ask(Worker.work, "limited", seconds)
        return "too late"

    @handler
    async def fail_within(self, worker: ActorRef[Worker], seconds: float, limit: float) -> None:
        with anyio.fail_after(limit):
            await worker.ask(Worker.work, "limited", seconds)

    @handler
    async def ask_and_rest(self, worker: ActorRef[Worker], seconds: float) -> None:
        await worker.ask(Worker.work, "asked", 1)
        await anyio.sleep(seconds)
        self.log.append("rested")

    @handler
    async def read(self) -> list[str]:
        return self.log


async def give_up(ask: Any, *args: Any, after: float = 10) -> None:
    """Ask, and give up after so many seconds."""
    with pytest.raises(TimeoutError), anyio.fail_after(after):
        await ask(*args)


# -- a time limit is a cancel scope ----------------------------------------------------------------------


async def test_an_answer_within_the_time_limit_is_just_an_answer(theater: Theater) -> None:
    worker = await theater.spawn(Worker())

    with anyio.fail_after(10):
        assert await worker.ask(Worker.work, "a", 9) == "a"


async def test_beyond_the_time_limit_the_asker_gets_a_timeout_at_once(theater: Theater) -> None:
    worker = await theater.spawn(Worker())

    await give_up(worker.ask, Worker.work, "a", HOUR)

    assert anyio.current_time() == 10


@pytest.mark.parametrize(
    "wait_for", [asyncio.wait_for, lambda asking, limit: asyncio.wait_for(asking, timeout=limit)]
)
async def test_time_limits_of_asyncio_do_as_well(theater: Theater, wait_for: Any) -> None:
    worker = await theater.spawn(Worker())
    await worker.tell(Worker.work, "first", 60)

    with pytest.raises(TimeoutError):
        await wait_for(worker.ask(Worker.work, "second", 1), 10)

    assert await worker.ask(Worker.report) == ["first"]


# -- not begun: withdrawn --------------------------------------------------------------------------------


async def test_a_message_that_was_not_begun_is_withdrawn(theater: Theater) -> None:
    worker = await theater.spawn(Worker())
    await worker.tell(Worker.work, "first", 60)

    await give_up(worker.ask, Worker.work, "withdrawn", 1)

    assert theater.statistics().queued == 0
    assert await worker.ask(Worker.report) == ["first"]


async def test_the_place_of_a_withdrawn_message_is_free_for_whoever_waits_for_room(theater: Theater) -> None:
    worker = await theater.spawn(Worker(), mailbox=1)
    await worker.tell(Worker.work, "first", 60)
    await anyio.wait_all_tasks_blocked()
    moments: list[float] = []

    async def tell() -> None:
        await worker.tell(Worker.work, "let in", 0)
        moments.append(anyio.current_time())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(give_up, worker.ask, Worker.work, "withdrawn", 1)
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(tell)

    assert moments == [10]
    assert await worker.ask(Worker.report) == ["first", "let in"]


async def test_the_messages_around_a_withdrawn_one_keep_their_order(theater: Theater) -> None:
    worker = await theater.spawn(Worker())
    await worker.tell(Worker.work, "first", 60)

    async with anyio.create_task_group() as tasks:
        meanwhile(tasks, worker.ask, Worker.work, "a", 0)
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(give_up, worker.ask, Worker.work, "withdrawn", 0)
        await anyio.wait_all_tasks_blocked()
        meanwhile(tasks, worker.ask, Worker.work, "b", 0)

    assert await worker.ask(Worker.report) == ["first", "a", "b"]


async def test_an_ask_that_gives_up_waiting_for_room_leaves_the_line(theater: Theater) -> None:
    worker = await theater.spawn(Worker(), mailbox=1)
    await worker.tell(Worker.work, "first", 60)
    await anyio.wait_all_tasks_blocked()
    await worker.tell(Worker.work, "second", 60)

    await give_up(worker.ask, Worker.work, "never in", 1)
    await give_up(worker.tell, Worker.work, "never in", 1)

    assert await worker.ask(Worker.report) == ["first", "second"]


# -- begun: what its handler waits for gives up in turn --------------------------------------------------


async def test_a_handler_that_waits_for_nobody_is_not_disturbed_when_its_asker_gives_up(
    theater: Theater,
) -> None:
    worker = await theater.spawn(Worker())

    await give_up(worker.ask, Worker.work, "finished", 60)

    assert await worker.ask(Worker.report) == ["finished"]
    assert theater.statistics().failures == 0


async def test_a_handler_that_has_its_answers_already_is_not_disturbed_either(theater: Theater) -> None:
    worker, passer = await theater.spawn(Worker()), await theater.spawn(Passer())

    await give_up(passer.ask, Passer.ask_and_rest, worker, 60)

    assert await passer.ask(Passer.read) == ["rested"]
    assert "abandoned" not in told(theater, passer, "message/handled")[0].body


async def test_when_an_asker_gives_up_the_ask_of_its_handler_gives_up_too(theater: Theater) -> None:
    worker, passer = await theater.spawn(Worker()), await theater.spawn(Passer())
    await worker.tell(Worker.work, "first", 60)

    await give_up(passer.ask, Passer.let_through, worker, HOUR)

    assert await passer.ask(Passer.read) == []
    assert anyio.current_time() == 10
    assert await worker.ask(Worker.report) == ["first"]


async def test_giving_up_travels_through_two_actors_and_withdraws_the_last_message(theater: Theater) -> None:
    worker, first, second = (
        await theater.spawn(Worker()),
        await theater.spawn(Passer()),
        await theater.spawn(Passer()),
    )
    await worker.tell(Worker.work, "first", 60)

    await give_up(first.ask, Passer.let_through_twice, second, worker, HOUR)
    await anyio.wait_all_tasks_blocked()

    for passer in (first, second):
        assert only(theater, passer, "message/handled").body["abandoned"] is True
    assert theater.statistics().queued == 0
    assert await worker.ask(Worker.report) == ["first"]


async def test_giving_up_travels_through_a_task_group_inside_a_handler(theater: Theater) -> None:
    workers, passer = [await theater.spawn(Worker()) for _ in range(3)], await theater.spawn(Passer())
    for worker in workers:
        await worker.tell(Worker.work, "first", 60)

    await give_up(passer.ask, Passer.in_a_group, workers, HOUR)

    assert await passer.ask(Passer.read) == []
    assert told(theater, passer, "message/handled")[0].body["abandoned"] is True
    assert [await worker.ask(Worker.report) for worker in workers] == [["first"]] * 3
    assert theater.statistics().failures == 0


async def test_giving_up_reaches_an_ask_that_still_waits_for_room(theater: Theater) -> None:
    worker, passer = await theater.spawn(Worker(), mailbox=1), await theater.spawn(Passer())
    await worker.tell(Worker.work, "first", 60)
    await anyio.wait_all_tasks_blocked()
    await worker.tell(Worker.work, "second", 60)

    await give_up(passer.ask, Passer.let_through, worker, HOUR)

    assert await passer.ask(Passer.read) == []
    assert anyio.current_time() == 10
    assert told(theater, passer, "message/handled")[0].body["abandoned"] is True
    assert await worker.ask(Worker.report) == ["first", "second"]


async def test_a_message_that_ends_by_giving_up_is_abandoned_and_its_actor_has_not_failed(
    theater: Theater,
) -> None:
    worker, passer = await theater.spawn(Worker()), await theater.spawn(Passer())

    await give_up(passer.ask, Passer.let_through, worker, HOUR)
    await anyio.wait_all_tasks_blocked()

    assert kinds(theater, passer) == [
        "message/received",
        "message/sent",
        "message/withdrawn",
        "message/handled",
    ]
    assert (theater.statistics().failures, theater.statistics().restarts) == (0, 0)


async def test_an_abandoned_handler_keeps_what_it_changed_before(theater: Theater) -> None:
    worker, passer = await theater.spawn(Worker()), await theater.spawn(Passer())

    await give_up(passer.ask, Passer.change_and_let_through, worker, HOUR)

    assert await passer.ask(Passer.read) == ["changed"]
    assert told(theater, passer, "message/handled")[0].body["state"] == {"log": ["changed"]}


async def test_a_handler_may_catch_the_news_that_its_asker_gave_up_and_go_on(theater: Theater) -> None:
    worker, passer = await theater.spawn(Worker()), await theater.spawn(Passer())

    await give_up(passer.ask, Passer.catch, worker, 60)

    assert await passer.ask(Passer.read) == ["caught"]
    assert await worker.ask(Worker.report) == ["caught", "after all"]


async def test_a_handler_that_makes_another_error_of_the_news_has_failed(theater: Theater) -> None:
    worker, passer = await theater.spawn(Worker()), await theater.spawn(Passer())

    await give_up(passer.ask, Passer.turn_into_a_failure, worker, HOUR)
    await anyio.wait_all_tasks_blocked()

    assert theater.statistics().failures == 1
    assert told(theater, passer, "actor/failed")[0].body["error"] == {
        "class": "ValueError",
        "text": "too late",
    }


async def test_a_time_limit_of_the_handlers_own_withdraws_only_its_own_question(theater: Theater) -> None:
    worker, passer = await theater.spawn(Worker()), await theater.spawn(Passer())
    await worker.tell(Worker.work, "first", 60)

    assert await passer.ask(Passer.limit, worker, 1, 5) == "too late"

    assert await worker.ask(Worker.report) == ["first"]
    assert kinds(theater, passer).count("message/withdrawn") == 1


async def test_a_time_limit_of_the_handlers_own_that_it_lets_escape_is_a_failure(theater: Theater) -> None:
    worker, passer = await theater.spawn(Worker()), await theater.spawn(Passer())

    with pytest.raises(ActorFailedError, match="TimeoutError"):
        await passer.ask(Passer.fail_within, worker, HOUR, 5)


async def test_a_message_begun_after_its_asker_gave_up_elsewhere_is_another_message(theater: Theater) -> None:
    worker, passer = await theater.spawn(Worker()), await theater.spawn(Passer())
    await give_up(passer.ask, Passer.let_through, worker, 60)

    assert await passer.ask(Passer.let_through, worker, 1) == "passed on"


async def test_killing_an_asker_makes_those_whom_it_asked_give_up(theater: Theater) -> None:
    worker, first, second = (
        await theater.spawn(Worker()),
        await theater.spawn(Passer()),
        await theater.spawn(Passer()),
    )
    await first.tell(Passer.let_through_twice, second, worker, HOUR)
    await anyio.wait_all_tasks_blocked()

    await first.kill()

    assert await second.ask(Passer.read) == []
    assert told(theater, second, "message/handled")[0].body["abandoned"] is True


async def test_the_record_says_that_a_question_was_withdrawn_and_which(theater: Theater) -> None:
    worker, passer = await theater.spawn(Worker()), await theater.spawn(Passer())
    await worker.tell(Worker.work, "first", 60)

    await passer.ask(Passer.limit, worker, 1, 5)

    sent = only(theater, passer, "message/sent")
    assert only(theater, passer, "message/withdrawn").body == {"message": sent.seq}
    await theater.settled()
    assert triple(sent) not in [event.body["from"] for event in told(theater, worker, "message/handled")]


SENDING: list[asyncio.Task[None]] = []


class Cancelled(Actor):
    """Sends from a task that somebody cancels."""

    @handler
    async def send(self, how: str, worker: ActorRef[Any]) -> str:
        SENDING[:] = [
            asyncio.get_running_loop().create_task(getattr(worker, how)(Worker.work, "cancelled", 0))
        ]
        try:
            await SENDING[0]
        except asyncio.CancelledError:
            return "cancelled"
        return "sent"


class Meddler(Worker):
    @handler
    async def meddle(self, seconds: float) -> None:
        SENDING[0].cancel()  # this message has just left its place to the one that is cancelled
        if seconds:
            await anyio.sleep(seconds)


async def meddled(
    theater: Theater, how: str, *, seconds: float
) -> tuple[ActorRef[Meddler], ActorRef[Cancelled]]:
    """A sender that is cancelled in the moment in which its message gets room."""
    worker, sender = await theater.spawn(Meddler(), mailbox=1), await theater.spawn(Cancelled())
    await worker.tell(Worker.work, "first", 60)
    await anyio.wait_all_tasks_blocked()
    await worker.tell(Meddler.meddle, seconds)
    assert await sender.ask(Cancelled.send, how, worker) == "cancelled"
    return worker, sender


@pytest.mark.parametrize("how", ["tell", "ask"])
async def test_one_that_is_cancelled_in_the_moment_in_which_it_gets_room_takes_its_message_back(
    theater: Theater, how: str
) -> None:
    worker, sender = await meddled(theater, how, seconds=1)

    assert await worker.ask(Worker.report) == ["first"]
    sent = only(theater, sender, "message/sent")
    assert only(theater, sender, "message/withdrawn").body == {"message": sent.seq}


@pytest.mark.parametrize(("how", "withdrawn"), [("tell", 0), ("ask", 1)])
async def test_what_was_begun_in_that_moment_stands_and_only_an_asker_has_something_to_give_up(
    theater: Theater, how: str, withdrawn: int
) -> None:
    worker, sender = await meddled(theater, how, seconds=0)

    assert await worker.ask(Worker.report) == ["first", "cancelled"]
    assert len(told(theater, sender, "message/withdrawn")) == withdrawn


@pytest.mark.virtual_clock(seeds=10)
async def test_in_any_order_of_events_an_asker_that_gave_up_is_rid_of_its_question(theater: Theater) -> None:
    worker, first, second = (
        await theater.spawn(Worker()),
        await theater.spawn(Passer()),
        await theater.spawn(Passer()),
    )

    async with anyio.create_task_group() as tasks:
        for limit in (0.5, 1, 1.5, 2, 2.5, 3):
            tasks.start_soon(quietly, first.ask, Passer.let_through_twice, second, worker, 1, limit)
            tasks.start_soon(quietly, second.ask, Passer.let_through, worker, 1, limit)
    await theater.settled()

    assert theater.statistics().failures == 0
    for actor in (first, second):
        sent = {event.seq for event in told(theater, actor, "message/sent")}
        ends = [
            event.body["message"]
            for kind in ("message/answered", "message/withdrawn")
            for event in told(theater, actor, kind)
        ]
        assert sorted(ends) == sorted(sent)


async def quietly(ask: Any, *args: Any) -> None:
    """Ask, and give up after as many seconds as the last argument says."""
    *rest, limit = args
    with anyio.move_on_after(limit):
        await ask(*rest)
