"""Deferring: an actor answers later; the reply outlives restarts, and closes with its asker or its actor."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from independent_verifier import Verifier
from test_durable_messages import SlowJournal
from told import kinds, meanwhile, only, told, triple

from theater import Actor, ActorRef, History, Reason, Reply, Theater, handler
from theater.errors import ActorFailedError, AskCycleError, NotRunningError, SetupError

REPLIES: list[Reply] = []


@pytest.fixture(autouse=True)
def replies() -> list[Reply]:
    """What desks made, in this test alone; outside of their handlers, where they do not belong."""
    REPLIES.clear()
    return REPLIES


class SoldOutError(Exception):
    def __init__(self, what: str) -> None:
        super().__init__(f"no {what}")
        self.what = what


class Desk(Actor):
    """Takes orders, and serves them later."""

    orders: list[str] = []  # noqa: RUF012  # given fresh to each instance
    last_words: bool = False

    @handler(raises=(SoldOutError,))
    async def order(self, what: str, *, then: str = "") -> list[str]:
        self.orders.append(what)
        reply = self.context.defer()
        REPLIES.append(reply)
        match then:
            case "serve":
                assert reply.answer(["at once", what])
            case "fail":
                raise ValueError("tripped")
            case "serve and fail":
                assert reply.answer(["at once", what])
                raise ValueError("tripped")
            case "sold out":
                raise SoldOutError(what)
            case "again":
                assert self.context.defer() is reply
            case "rest":
                await anyio.sleep(60)
                self.orders.append("rested")
        return ["this is", "ignored"]

    @handler
    async def ask_then_order(self, other: ActorRef[Desk], what: str) -> list[str]:
        self.context.defer()
        return await other.ask(Desk.order, what)

    @handler
    async def serve(self, value: Any) -> bool:
        return self.context.deferred[0].answer(value)

    @handler
    async def serve_all(self) -> list[bool]:
        return [reply.answer([*reply.message.args]) for reply in reversed(self.context.deferred)]

    @handler
    async def refuse(self, how: str) -> bool:
        reply = self.context.deferred[0]
        match how:
            case "sold out":
                return reply.fail(SoldOutError(reply.message.args[0]))
            case "undeclared":
                return reply.fail(ValueError("no idea"))
            case "no error":
                return reply.fail("no error")  # type: ignore[arg-type]
        return reply.cancel()

    @handler
    async def touch(self, number: int) -> bool:
        return REPLIES[number].answer(["touched"])

    @handler
    async def open(self) -> list[str]:
        return [f"{one.handler} {one.message.args[0]}" for one in self.context.deferred]

    @handler
    async def all(self) -> list[str]:
        return self.orders

    @handler
    async def fail(self) -> None:
        raise ValueError("as told")

    @handler
    async def rest(self, seconds: float) -> None:
        await anyio.sleep(seconds)

    @handler
    async def end(self) -> None:
        self.context.stop()

    @handler
    async def ask_back(self, customer: ActorRef[Customer]) -> str:
        try:
            return str(await customer.ask(Customer.read))
        except AskCycleError as error:
            return str(error)

    async def on_stop(self, reason: Reason) -> None:
        if self.last_words:
            for reply in self.context.deferred:
                reply.answer(["last words", reason.value])


class Customer(Actor):
    """Orders from inside a handler."""

    had: list[Any] = []  # noqa: RUF012  # given fresh to each instance

    @handler
    async def buy(self, desk: ActorRef[Desk], what: str) -> list[str]:
        try:
            answer = await desk.ask(Desk.order, what)
        except (SoldOutError, ActorFailedError) as error:
            answer = [type(error).__name__, str(error)]
        self.had.append(answer)
        return answer

    @handler
    async def buy_within(self, desk: ActorRef[Desk], what: str, seconds: float) -> None:
        with anyio.move_on_after(seconds):
            self.had.append(await desk.ask(Desk.order, what))

    @handler
    async def note(self, desk: ActorRef[Desk], what: str) -> None:
        await desk.tell(Desk.order, what)

    @handler
    async def touch(self, number: int) -> bool:
        return REPLIES[number].answer(["stolen"])

    @handler
    async def read(self) -> list[Any]:
        return self.had


async def keep(into: list[Any], ask: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
    try:
        into.append(await ask(*args, **kwargs))
    except Exception as error:  # noqa: BLE001  # whatever it is, it is kept
        into.append(error)


class Waiting:
    """Asks that wait meanwhile; their outcomes, when they are over, in that order."""

    def __init__(self, tasks: Any) -> None:
        self._tasks = tasks
        self.had: list[Any] = []

    async def ask(self, ask: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        self._tasks.start_soon(partial(keep, self.had, ask, *args, **kwargs))
        await anyio.wait_all_tasks_blocked()


@pytest.fixture
async def waiting(anyio_backend: object) -> AsyncIterator[Waiting]:
    del anyio_backend
    async with anyio.create_task_group() as tasks:
        yield Waiting(tasks)
        tasks.cancel_scope.cancel()


async def give_up(ask: Any, *args: Any, **kwargs: Any) -> None:
    with pytest.raises(TimeoutError), anyio.fail_after(10):
        await ask(*args, **kwargs)


# -- answering later -------------------------------------------------------------------------------------


async def test_a_deferred_ask_is_answered_by_a_later_message(theater: Theater, waiting: Waiting) -> None:
    desk = await theater.spawn(Desk())
    await waiting.ask(desk.ask, Desk.order, "tea")
    assert waiting.had == []

    assert await desk.ask(Desk.serve, ["one", "tea"])
    await anyio.wait_all_tasks_blocked()

    assert waiting.had == [["one", "tea"]]
    assert await desk.ask(Desk.open) == []


async def test_while_it_owes_answers_the_actor_takes_other_messages_and_serves_in_any_order(
    theater: Theater, waiting: Waiting
) -> None:
    desk = await theater.spawn(Desk())
    for what in ("tea", "milk", "jam"):
        await waiting.ask(desk.ask, Desk.order, what)

    assert await desk.ask(Desk.open) == ["order tea", "order milk", "order jam"]
    assert await desk.ask(Desk.serve_all) == [True, True, True]
    await anyio.wait_all_tasks_blocked()

    assert waiting.had == [["jam"], ["milk"], ["tea"]]


async def test_an_answer_given_while_the_handler_still_runs_is_the_answer(theater: Theater) -> None:
    desk = await theater.spawn(Desk())

    assert await desk.ask(Desk.order, "tea", then="serve") == ["at once", "tea"]
    assert await desk.ask(Desk.open) == []


async def test_deferring_twice_gives_the_same_reply(theater: Theater, waiting: Waiting) -> None:
    desk = await theater.spawn(Desk())

    await waiting.ask(desk.ask, Desk.order, "tea", then="again")

    assert await desk.ask(Desk.open) == ["order tea"]


async def test_an_answer_is_a_copy_of_what_was_given(theater: Theater, waiting: Waiting) -> None:
    desk = await theater.spawn(Desk())
    given = ["tea"]
    await waiting.ask(desk.ask, Desk.order, "tea")

    await desk.ask(Desk.serve, given)
    await anyio.wait_all_tasks_blocked()
    waiting.had[0].append("changed")

    assert given == ["tea"]


async def test_the_message_of_a_reply_is_a_copy_too(theater: Theater, waiting: Waiting) -> None:
    class Lister(Actor):
        @handler
        async def sort(self, items: list[int]) -> list[int]:
            reply = self.context.defer()
            items.clear()
            reply.message.args[0].append("mine")
            return reply.pending

        @handler
        async def message(self) -> list[Any]:
            [reply] = self.context.deferred
            assert reply.message.to == self.context.ref
            return [reply.message.handler, *reply.message.args]

    lister = await theater.spawn(Lister())
    await waiting.ask(lister.ask, Lister.sort, [3, 2])

    assert await lister.ask(Lister.message) == ["sort", [3, 2]]


async def test_an_answer_of_the_wrong_type_is_a_type_error_for_who_gives_it_and_the_reply_stays_open(
    theater: Theater, waiting: Waiting
) -> None:
    desk = await theater.spawn(Desk())
    await waiting.ask(desk.ask, Desk.order, "tea")

    with pytest.raises(ActorFailedError, match=r"TypeError: the answer of Desk.order\(\)"):
        await desk.ask(Desk.serve, "tea")

    assert await desk.ask(Desk.open) == ["order tea"]
    assert waiting.had == []


async def test_an_answer_is_given_once(theater: Theater) -> None:
    desk = await theater.spawn(Desk())
    await desk.ask(Desk.order, "tea", then="serve")

    with pytest.raises(ActorFailedError, match=r"SetupError: the reply of .* to order was given already"):
        await desk.ask(Desk.touch, 0)


async def test_a_reply_belongs_to_the_handlers_of_its_actor(theater: Theater, waiting: Waiting) -> None:
    desk, customer = await theater.spawn(Desk(), name="desk"), await theater.spawn(Customer())
    await waiting.ask(desk.ask, Desk.order, "tea")

    with pytest.raises(SetupError, match="the reply of desk to order is given by a handler of that actor"):
        REPLIES[0].answer(["stolen"])
    with pytest.raises(SetupError, match="the reply of desk to order is given by a handler of that actor"):
        REPLIES[0].cancel()
    with pytest.raises(ActorFailedError, match="SetupError"):
        await customer.ask(Customer.touch, 0)

    assert REPLIES[0].is_open
    assert repr(REPLIES[0]) == "<Reply of 'desk' to order, open>"


async def test_nobody_waits_for_the_answer_to_a_tell(theater: Theater) -> None:
    desk, customer = await theater.spawn(Desk()), await theater.spawn(Customer())
    await desk.tell(Desk.order, "tea")
    await customer.ask(Customer.note, desk, "milk")

    assert await desk.ask(Desk.open) == []
    assert [reply.is_open for reply in REPLIES] == [False, False]
    assert await desk.ask(Desk.touch, 0) is False
    assert "deferred" not in told(theater, desk, "message/handled")[0].body
    assert told(theater, desk, "message/answered") == []


# -- answering by an error -------------------------------------------------------------------------------


async def test_a_declared_error_arrives_as_itself(theater: Theater, waiting: Waiting) -> None:
    desk = await theater.spawn(Desk())
    await waiting.ask(desk.ask, Desk.order, "tea")

    assert await desk.ask(Desk.refuse, "sold out")
    await anyio.wait_all_tasks_blocked()

    [error] = waiting.had
    assert isinstance(error, SoldOutError)
    assert (error.what, str(error)) == ("tea", "no tea")


async def test_any_other_error_arrives_as_the_cause_of_a_failure_and_the_actor_lives(
    theater: Theater, waiting: Waiting
) -> None:
    desk = await theater.spawn(Desk(), name="desk")
    await waiting.ask(desk.ask, Desk.order, "tea")

    assert await desk.ask(Desk.refuse, "undeclared")
    await anyio.wait_all_tasks_blocked()

    [error] = waiting.had
    assert isinstance(error, ActorFailedError)
    assert str(error) == "Desk 'desk' failed in order: ValueError: no idea"
    assert isinstance(error.__cause__, ValueError)
    assert theater.statistics().failures == 0


async def test_a_cancelled_reply_tells_its_asker_so(theater: Theater, waiting: Waiting) -> None:
    desk = await theater.spawn(Desk(), name="desk")
    await waiting.ask(desk.ask, Desk.order, "tea")

    assert await desk.ask(Desk.refuse, "cancel")
    await anyio.wait_all_tasks_blocked()

    [error] = waiting.had
    assert isinstance(error, ActorFailedError)
    assert str(error) == "desk cancelled its reply to order"


async def test_what_is_no_exception_is_no_error(theater: Theater, waiting: Waiting) -> None:
    desk = await theater.spawn(Desk())
    await waiting.ask(desk.ask, Desk.order, "tea")

    with pytest.raises(ActorFailedError, match="TypeError: a reply fails with an exception, not 'no error'"):
        await desk.ask(Desk.refuse, "no error")


@pytest.mark.parametrize(("then", "expected"), [("fail", ActorFailedError), ("sold out", SoldOutError)])
async def test_a_handler_that_defers_and_raises_has_answered_by_that(
    theater: Theater, then: str, expected: type[Exception]
) -> None:
    desk = await theater.spawn(Desk())

    with pytest.raises(expected):
        await desk.ask(Desk.order, "tea", then=then)

    assert await desk.ask(Desk.open) == []
    assert told(theater, desk, "message/answered") == []
    assert "deferred" not in told(theater, desk, "message/handled")[0].body


async def test_a_reply_that_a_declared_error_has_given_is_not_given_again(theater: Theater) -> None:
    desk = await theater.spawn(Desk())
    with pytest.raises(SoldOutError):
        await desk.ask(Desk.order, "tea", then="sold out")

    assert not REPLIES[0].is_open
    with pytest.raises(ActorFailedError, match="was given already"):
        await desk.ask(Desk.touch, 0)


async def test_a_handler_that_answers_and_then_fails_has_answered_and_failed(theater: Theater) -> None:
    desk, customer = await theater.spawn(Desk()), await theater.spawn(Customer())

    assert await desk.ask(Desk.order, "tea", then="serve and fail") == ["at once", "tea"]
    await customer.ask(Customer.read)

    assert theater.statistics().failures == 1
    body = told(theater, desk, "message/handled")[0].body
    assert (body["deferred"], body["failed"]) == (True, True)


# -- the asker gives up ----------------------------------------------------------------------------------


async def test_a_reply_closes_when_its_asker_gives_up(theater: Theater) -> None:
    desk = await theater.spawn(Desk())

    await give_up(desk.ask, Desk.order, "tea")

    assert REPLIES[0].is_open is False
    assert await desk.ask(Desk.open) == []
    assert await desk.ask(Desk.touch, 0) is False


async def test_the_record_says_that_the_asker_gave_up(theater: Theater) -> None:
    desk, customer = await theater.spawn(Desk()), await theater.spawn(Customer())

    await customer.ask(Customer.buy_within, desk, "tea", 10)

    assert kinds(theater, customer)[1:3] == ["message/sent", "message/withdrawn"]
    received = only(theater, desk, "message/received")
    assert only(theater, desk, "message/answered").body == {"abandoned": True, "reply": received.seq}


async def test_an_asker_that_gives_up_after_the_handler_deferred_does_not_disturb_it(
    theater: Theater,
) -> None:
    desk, other = await theater.spawn(Desk()), await theater.spawn(Desk())

    await give_up(desk.ask, Desk.ask_then_order, other, "tea")
    assert await other.ask(Desk.serve, ["tea"])
    await theater.settled()

    assert "abandoned" not in told(theater, desk, "message/handled")[0].body
    left, answered = told(theater, desk, "message/answered")
    assert left.body == {"abandoned": True, "reply": left.body["reply"]}
    assert answered.body["answer"] == ["tea"]


async def test_the_record_says_so_of_an_asker_outside_without_anybody_looking(theater: Theater) -> None:
    desk = await theater.spawn(Desk())

    await give_up(desk.ask, Desk.order, "tea")
    await theater.settled()

    received = only(theater, desk, "message/received")
    assert only(theater, desk, "message/answered").body == {"abandoned": True, "reply": received.seq}


SENDING: list[asyncio.Task[Any]] = []


async def test_one_that_is_cancelled_in_the_moment_in_which_its_message_gets_room_closes_the_reply(
    theater: Theater,
) -> None:
    class Meddling(Desk):
        @handler
        async def meddle(self) -> None:
            SENDING[0].cancel()  # this message has just left its place to the one that is cancelled

    desk = await theater.spawn(Meddling(), mailbox=1)
    await desk.tell(Desk.rest, 60)
    await anyio.wait_all_tasks_blocked()
    await desk.tell(Meddling.meddle)
    SENDING[:] = [asyncio.get_running_loop().create_task(desk.ask(Desk.order, "tea"))]

    with pytest.raises(asyncio.CancelledError):
        await SENDING[0]

    assert await desk.ask(Desk.all) == ["tea"]
    assert await desk.ask(Desk.open) == []


async def test_killing_an_asker_closes_the_reply(theater: Theater) -> None:
    desk, customer = await theater.spawn(Desk()), await theater.spawn(Customer())
    await customer.tell(Customer.buy, desk, "tea")
    await anyio.wait_all_tasks_blocked()
    assert await desk.ask(Desk.open) == ["order tea"]

    await customer.kill()

    assert await desk.ask(Desk.open) == []


async def test_giving_up_travels_through_an_actor_to_the_reply(theater: Theater) -> None:
    desk, customer = await theater.spawn(Desk()), await theater.spawn(Customer())

    await give_up(customer.ask, Customer.buy, desk, "tea")

    assert await desk.ask(Desk.open) == []
    assert only(theater, customer, "message/handled").body["abandoned"] is True


# -- restarts and ends -----------------------------------------------------------------------------------


async def test_replies_outlive_a_restart_of_the_actor(theater: Theater, waiting: Waiting) -> None:
    desk = await theater.spawn(Desk())
    await waiting.ask(desk.ask, Desk.order, "tea")
    with pytest.raises(ActorFailedError):
        await desk.ask(Desk.fail)

    assert await desk.ask(Desk.open) == ["order tea"]
    assert await desk.ask(Desk.serve_all) == [True]
    await anyio.wait_all_tasks_blocked()

    assert waiting.had == [["tea"]]


async def end(how: str, desk: ActorRef[Desk]) -> None:
    match how:
        case "stop":
            await desk.stop()
        case "kill":
            await desk.kill()
        case "itself":
            await desk.tell(Desk.end)
        case "failure":
            for _ in range(4):
                await desk.tell(Desk.fail)
    await anyio.wait_all_tasks_blocked()


@pytest.mark.parametrize("how", ["stop", "kill", "itself", "failure"])
async def test_when_the_actor_ends_all_who_wait_are_told(
    theater: Theater, waiting: Waiting, how: str
) -> None:
    desk, customer = await theater.spawn(Desk(), name="desk"), await theater.spawn(Customer())
    await waiting.ask(desk.ask, Desk.order, "tea")
    await waiting.ask(customer.ask, Customer.buy, desk, "milk")

    await end(how, desk)

    outside, inside = waiting.had
    assert isinstance(outside, ActorFailedError)
    assert str(outside) == "desk ended before it answered order"
    assert inside == ["ActorFailedError", "desk ended before it answered order"]
    assert kinds(theater, desk)[-3:] == ["message/answered", "message/answered", "actor/stopped"]
    assert told(theater, customer, "message/answered")[0].body["from"] == triple(
        told(theater, desk, "message/answered")[1]
    )


async def test_on_stop_may_give_the_answers(theater: Theater, waiting: Waiting) -> None:
    desk = await theater.spawn(Desk(last_words=True))
    await waiting.ask(desk.ask, Desk.order, "tea")

    await desk.stop()
    await anyio.wait_all_tasks_blocked()

    assert waiting.had == [["last words", "normal"]]


async def test_an_actor_killed_in_the_handler_that_deferred_has_failed_its_asker(
    theater: Theater, waiting: Waiting
) -> None:
    desk = await theater.spawn(Desk(), name="desk")
    await waiting.ask(desk.ask, Desk.order, "tea", then="rest")

    await desk.kill()
    await anyio.wait_all_tasks_blocked()

    [error] = waiting.had
    assert str(error) == "desk was killed while it handled order"
    assert told(theater, desk, "message/answered") == []


async def test_a_reply_of_an_actor_that_has_ended_is_closed(theater: Theater, waiting: Waiting) -> None:
    desk = await theater.spawn(Desk())
    await waiting.ask(desk.ask, Desk.order, "tea")

    await desk.kill()

    assert REPLIES[0].is_open is False


async def test_closing_the_theater_tells_those_who_wait_outside(waiting: Waiting) -> None:
    async with Theater(closing=0) as theater:
        desk = await theater.spawn(Desk())
        await waiting.ask(desk.ask, Desk.order, "tea")
    await anyio.wait_all_tasks_blocked()

    [error] = waiting.had
    assert isinstance(error, (ActorFailedError, NotRunningError))


# -- the graph of waits ----------------------------------------------------------------------------------


async def test_a_handler_that_asks_whoever_waits_for_its_actors_reply_is_refused(
    theater: Theater, waiting: Waiting
) -> None:
    desk, customer = await theater.spawn(Desk(), name="desk"), await theater.spawn(Customer(), name="buyer")
    await waiting.ask(customer.ask, Customer.buy, desk, "tea")

    answer = await desk.ask(Desk.ask_back, customer)

    assert answer == "waiting would close a circle: desk → buyer → desk"


async def test_once_the_answer_is_given_the_asker_may_be_asked(theater: Theater, waiting: Waiting) -> None:
    desk, customer = await theater.spawn(Desk()), await theater.spawn(Customer())
    await waiting.ask(customer.ask, Customer.buy, desk, "tea")

    await desk.tell(Desk.serve, ["tea"])

    assert await desk.ask(Desk.ask_back, customer) == "[['tea']]"


# -- the record ------------------------------------------------------------------------------------------


async def test_the_record_of_a_deferred_answer(theater: Theater, waiting: Waiting) -> None:
    desk, customer = await theater.spawn(Desk()), await theater.spawn(Customer())
    await waiting.ask(customer.ask, Customer.buy, desk, "tea")
    await desk.ask(Desk.serve, ["one", "tea"])

    received, serving = told(theater, desk, "message/received")
    sent = only(theater, customer, "message/sent")
    assert received.body["from"] == triple(sent)
    handled = told(theater, desk, "message/handled")
    assert handled[0].body == {
        "message": received.seq,
        "deferred": True,
        "state": {"orders": ["tea"], "last_words": False},
    }
    answered = only(theater, desk, "message/answered")
    assert answered.body == {"answer": ["one", "tea"], "reply": received.seq}
    assert serving.seq < answered.seq < handled[1].seq
    await theater.settled()
    assert only(theater, customer, "message/answered").body == {
        "answer": ["one", "tea"],
        "from": triple(answered),
        "message": sent.seq,
    }


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("sold out", {"error": {"class": "SoldOutError", "text": "no tea", "attributes": {"what": "tea"}}}),
        ("undeclared", {"error": {"class": "ValueError", "text": "no idea"}, "failed": True}),
        (
            "cancel",
            {
                "error": {"class": "ActorFailedError", "text": "desk cancelled its reply to order"},
                "failed": True,
            },
        ),
    ],
)
async def test_the_record_of_a_deferred_error(
    theater: Theater, waiting: Waiting, how: str, expected: dict[str, Any]
) -> None:
    desk, customer = await theater.spawn(Desk(), name="desk"), await theater.spawn(Customer())
    await waiting.ask(customer.ask, Customer.buy, desk, "tea")

    await desk.ask(Desk.refuse, how)
    await theater.settled()

    received = told(theater, desk, "message/received")[0]
    assert only(theater, desk, "message/answered").body == expected | {"reply": received.seq}
    body = only(theater, customer, "message/answered").body
    assert {key: body[key] for key in expected} == expected


async def test_without_recorded_messages_answers_may_be_late_too(waiting: Waiting) -> None:
    async with Theater(record_messages=False) as theater:
        desk = await theater.spawn(Desk())
        await waiting.ask(desk.ask, Desk.order, "tea")
        await desk.ask(Desk.serve, ["tea"])
        await give_up(desk.ask, Desk.order, "milk")

        assert waiting.had == [["tea"]]
        assert kinds(theater, desk) == []


@pytest.mark.virtual_clock(seeds=10)
async def test_in_any_order_of_events_each_deferred_ask_ends_once(theater: Theater) -> None:
    desk = await theater.spawn(Desk(), mailbox=2)
    customers = [await theater.spawn(Customer()) for _ in range(3)]

    async with anyio.create_task_group() as tasks:
        for seconds in (0.5, 1, 1.5):
            for customer in customers:
                meanwhile(tasks, customer.ask, Customer.buy_within, desk, "tea", seconds)
            meanwhile(tasks, desk.ask, Desk.rest, 0.5)
            meanwhile(tasks, desk.ask, Desk.serve_all)
    await theater.settled()

    assert await desk.ask(Desk.open) == []
    received = [
        event.seq for event in told(theater, desk, "message/received") if event.body["handler"] == "order"
    ]
    assert sorted(event.body["reply"] for event in told(theater, desk, "message/answered")) == received
    for customer in customers:
        ends = told(theater, customer, "message/answered") + told(theater, customer, "message/withdrawn")
        refused = told(theater, customer, "message/refused")
        assert len(ends) == len(told(theater, customer, "message/sent"))
        assert len(ends) + len(refused) == 3


# -- durable theaters ------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["serve", "undeclared", "sold out", "cancel"])
async def test_the_world_outside_has_a_late_answer_once_it_is_committed(
    waiting: Waiting, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    journal = SlowJournal()
    monkeypatch.setattr("theater.notary.choice.MemoryJournal", lambda **_: journal)
    async with Theater() as theater:
        desk = await theater.spawn(Desk())
        await waiting.ask(desk.ask, Desk.order, "tea")
        journal.holds_back = True

        await (desk.tell(Desk.serve, ["tea"]) if how == "serve" else desk.tell(Desk.refuse, how))
        await anyio.wait_all_tasks_blocked()
        assert (kinds(theater, desk)[-2], waiting.had) == ("message/answered", [])
        assert REPLIES[0].is_open is False

        journal.holds_back = False
        journal.commit()
        await anyio.wait_all_tasks_blocked()
        assert len(waiting.had) == 1


@pytest.mark.real_clock
async def test_a_folder_with_deferred_answers_verifies_and_its_actors_go_on_owing_nothing(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "theater"
    had: list[Any] = []
    async with anyio.create_task_group() as tasks:
        async with Theater(folder, closing=0) as theater:
            desk, customer = await theater.spawn(Desk(), name="desk"), await theater.spawn(Customer())
            waiting = Waiting(tasks)
            await waiting.ask(customer.ask, Customer.buy, desk, "tea")
            while await desk.ask(Desk.open) == []:
                await anyio.lowlevel.checkpoint()
            await desk.ask(Desk.serve, ["tea"])
            while not waiting.had:
                await anyio.lowlevel.checkpoint()
            await waiting.ask(desk.ask, Desk.order, "never served")
            while await desk.ask(Desk.open) == []:
                await anyio.lowlevel.checkpoint()
        had = waiting.had

    assert had[0] == ["tea"]
    assert isinstance(had[1], NotRunningError)
    report, other = History(folder).verify(), Verifier(folder)
    assert (report.ok, report.closed, other.ok) == (True, True, True), (report.wrong, other.wrong)
    async with Theater(folder) as theater:
        resumed = await theater.resume(classes=[Desk, Customer])
        assert resumed.left == ()
        desk = theater.find("desk")
        assert await desk.ask(Desk.open) == []
        assert await desk.ask(Desk.all) == ["tea", "never served"]
