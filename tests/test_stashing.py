"""Stash and unstash: messages that an actor sets aside until it can handle them."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from told import kinds, meanwhile, only, told, triple

from theater import INITIAL, Actor, ActorRef, History, Reason, RestartLimit, Theater, handler
from theater.errors import ActorFailedError, MailboxFullError, NotRunningError, SetupError

GATES: dict[str, anyio.Event] = {}


class Shop(Actor):
    """Serves only while it is open; sets everybody else aside."""

    is_open: bool = False
    served: list[Any] = []  # noqa: RUF012  # given fresh to each instance
    knocks: int = 0

    @handler
    async def serve(self, who: Any, *, loudly: bool = False) -> int:
        if not self.is_open:
            self.knocks += 1
            self.context.stash()
            return self.context.stash()
        self.served.append(f"{who}!" if loudly else who)
        return len(self.served)

    @handler
    async def spoil(self, things: list[int]) -> list[int]:
        things.append(0)
        return things if self.is_open else self.context.stash()

    @handler(priority=True)
    async def urgent(self, who: Any) -> None:
        self.served.append(who)

    @handler
    async def open(self) -> int:
        self.is_open = True
        return self.context.unstash()

    @handler
    async def close(self) -> None:
        self.is_open = False

    @handler
    async def read(self) -> list[Any]:
        return self.served

    @handler
    async def count(self) -> int:
        return self.knocks

    @handler
    async def rest(self, seconds: float) -> None:
        await anyio.sleep(seconds)

    @handler
    async def wait_at(self, gate: str) -> None:
        await GATES[gate].wait()

    @handler
    async def stash_and(self, do: str, other: Any = None) -> str:
        if self.is_open:
            return "served"
        self.context.stash()
        match do:
            case "fail":
                raise ValueError("as told")
            case "rest":
                await anyio.sleep(60)
            case "ask":
                await other.ask(Shop.rest, 60)
            case "unstash":
                self.context.unstash()
            case "defer":
                self.context.defer()
        return "not looked at"

    @handler(raises=(MailboxFullError,))
    async def serve_if_room(self, who: Any) -> Any:
        return self.context.stash() if not self.is_open else who

    @handler
    async def fail(self) -> None:
        raise ValueError("as told")

    @handler
    async def defer_and_stash(self) -> str:
        self.context.defer()
        try:
            self.context.stash()
        except SetupError as error:
            return str(error)
        return ""

    @handler
    async def put_back_and_rest(self, seconds: float) -> None:
        self.context.unstash()
        await anyio.sleep(seconds)

    @handler
    async def send_on(self, shop: ActorRef[Shop], do: str) -> str:
        return await self.context.forward(shop, Shop.stash_and, do)

    @handler
    async def visit(self, shop: ActorRef[Shop], who: Any) -> int:
        return await shop.ask(Shop.serve, who)

    @handler
    async def visit_in_vain(self, shop: ActorRef[Shop], who: Any) -> None:
        with anyio.move_on_after(0.001):
            await shop.ask(Shop.serve, who)

    @handler
    async def send(self, shop: ActorRef[Shop], who: Any) -> None:
        await shop.tell(Shop.serve, who)


@pytest.fixture
def stage(tmp_path: Path) -> Callable[..., Theater]:
    """Opens the same folder again and again."""
    GATES["gate"] = anyio.Event()

    def open_again(**options: Any) -> Theater:
        return Theater(tmp_path / "theater", **options)

    return open_again


def balanced(theater: Theater) -> bool:
    return theater.statistics().unaccounted == 0


# -- setting aside ---------------------------------------------------------------------------------------


async def test_what_is_set_aside_comes_back_in_its_order_before_what_waits(theater: Theater) -> None:
    shop = await theater.spawn(Shop())
    for number in range(3):
        await shop.tell(Shop.serve, number)
    await theater.settled()
    assert (theater.statistics().stashed, theater.statistics().queued) == (3, 0)

    shop.tell_nowait(Shop.open)
    shop.tell_nowait(Shop.serve, "later")

    assert await shop.ask(Shop.read) == [0, 1, 2, "later"]
    assert await shop.ask(Shop.count) == 3
    assert theater.statistics().stashed == 0
    assert balanced(theater)


async def test_the_asker_of_a_message_that_is_set_aside_waits_and_is_answered(theater: Theater) -> None:
    shop = await theater.spawn(Shop())
    answers: list[int] = []

    async def ask(who: str) -> None:
        answers.append(await shop.ask(Shop.serve, who, loudly=True))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask, "a")
        tasks.start_soon(ask, "b")
        await anyio.wait_all_tasks_blocked()
        assert answers == []
        assert await shop.ask(Shop.open) == 2

    assert answers == [1, 2]
    assert await shop.ask(Shop.read) == ["a!", "b!"]


async def test_an_actor_waits_for_its_answer_too(theater: Theater) -> None:
    shop, guest = await theater.spawn(Shop(), name="shop"), await theater.spawn(Shop(), name="guest")
    answers: list[int] = []

    async def visit() -> None:
        answers.append(await guest.ask(Shop.visit, shop, "guest"))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(visit)
        await anyio.wait_all_tasks_blocked()
        await shop.ask(Shop.open)

    assert answers == [1]
    sent, answered = only(theater, guest, "message/sent"), only(theater, guest, "message/answered")
    first, second = [e for e in theater.chain(shop) if e.body.get("handler") == "serve"]
    assert first.body["from"] == second.body["from"] == triple(sent)
    assert answered.body == {"answer": 1, "from": triple(second), "message": sent.seq}


async def test_setting_aside_is_how_the_message_was_handled_and_it_is_received_again(
    theater: Theater,
) -> None:
    shop = await theater.spawn(Shop())
    await shop.tell(Shop.serve, "a")
    await theater.settled()

    received, handled = [*theater.chain(shop)][1:]
    assert received.body == {"args": ["a"], "ask": False, "from": None, "handler": "serve"}
    assert handled.body == {
        "message": received.seq,
        "stashed": True,
        "state": {"is_open": False, "served": [], "knocks": 1},
    }

    await shop.ask(Shop.open)
    await theater.settled()
    again = theater.chain(shop)[-1]
    assert again.kind == "message/handled"
    assert {key: again.body[key] for key in received.body} == received.body


async def test_it_comes_back_as_it_was_sent_whatever_its_handler_did_to_its_arguments(
    theater: Theater,
) -> None:
    shop = await theater.spawn(Shop())
    answers: list[list[int]] = []

    async def ask() -> None:
        answers.append(await shop.ask(Shop.spoil, [1]))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        await shop.ask(Shop.open)

    assert answers == [[1, 0]]


async def test_what_cannot_be_handled_yet_is_set_aside_again(theater: Theater) -> None:
    class Strict(Shop):
        @handler
        async def look(self) -> int:
            return self.context.unstash()

    shop = await theater.spawn(Strict())
    await shop.tell(Shop.serve, "a")
    for _ in range(3):
        assert await shop.ask(Strict.look) == 1
        await theater.settled()

    assert await shop.ask(Shop.count) == 4
    assert balanced(theater)


async def test_a_message_that_is_being_set_aside_is_not_put_back_by_its_own_handler(theater: Theater) -> None:
    shop = await theater.spawn(Shop())
    await shop.tell(Shop.stash_and, "unstash")
    await theater.settled()

    assert theater.statistics().stashed == 1


async def test_nothing_set_aside_is_nothing_to_put_back(theater: Theater) -> None:
    shop = await theater.spawn(Shop())

    assert await shop.ask(Shop.open) == 0


# -- bounded ---------------------------------------------------------------------------------------------


async def test_as_many_are_set_aside_as_the_mailbox_has_places(theater: Theater) -> None:
    shop = await theater.spawn(Shop(), mailbox=2)
    for number in range(2):
        await shop.tell(Shop.serve_if_room, number)

    with pytest.raises(MailboxFullError, match="the stash of"):
        await shop.ask(Shop.serve_if_room, 2)

    assert theater.statistics().stashed == 2
    assert balanced(theater)


async def test_senders_wait_for_room_behind_what_was_put_back(theater: Theater) -> None:
    shop = await theater.spawn(Shop(), mailbox=2)
    for number in range(2):
        await shop.tell(Shop.serve, number)
    await theater.settled()
    async with anyio.create_task_group() as tasks:
        meanwhile(tasks, shop.ask, Shop.open)
        await anyio.wait_all_tasks_blocked()
        for number in range(2, 5):
            await shop.tell(Shop.serve, number)

    assert await shop.ask(Shop.read) == [0, 1, 2, 3, 4]


# -- giving up -------------------------------------------------------------------------------------------


async def test_an_asker_that_gives_up_withdraws_what_was_set_aside(theater: Theater) -> None:
    shop, guest = await theater.spawn(Shop()), await theater.spawn(Shop())
    await guest.ask(Shop.visit_in_vain, shop, "guest")
    with anyio.move_on_after(1):
        await shop.ask(Shop.serve, "from outside")

    assert await shop.ask(Shop.open) == 0

    sent = only(theater, guest, "message/sent")
    assert only(theater, guest, "message/withdrawn").body == {"message": sent.seq}
    first, last = told(theater, shop, "message/received")[:2]
    assert last.body["args"] == ["from outside"]
    withdrawn = [event.body for event in told(theater, shop, "message/withdrawn")]
    assert withdrawn == [{"message": first.seq}, {"message": last.seq}]
    assert theater.statistics().withdrawn == 2
    assert balanced(theater)


@pytest.mark.parametrize("do", ["rest", "ask"])
async def test_an_asker_that_gives_up_while_its_message_is_being_set_aside_leaves_nothing_there(
    theater: Theater, do: str
) -> None:
    shop, other = await theater.spawn(Shop()), await theater.spawn(Shop())
    with anyio.move_on_after(1):
        await shop.ask(Shop.stash_and, do, other)
    await theater.settled()

    assert only(theater, shop, "message/handled").body["abandoned"] is True
    assert theater.statistics().stashed == 0
    assert await shop.ask(Shop.open) == 0
    assert balanced(theater)


async def test_an_asker_that_gives_up_after_its_message_was_put_back_withdraws_it(theater: Theater) -> None:
    shop = await theater.spawn(Shop())
    async with anyio.create_task_group() as tasks:
        meanwhile(tasks, shop.ask, Shop.serve, "given up")
        await anyio.wait_all_tasks_blocked()
        shop.tell_nowait(Shop.put_back_and_rest, 60)
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()

    assert await shop.ask(Shop.count) == 1
    assert theater.statistics().withdrawn == 1
    assert balanced(theater)


async def test_an_asker_whose_message_was_forwarded_and_is_being_set_aside_leaves_nothing_there(
    theater: Theater,
) -> None:
    shop, door = await theater.spawn(Shop()), await theater.spawn(Shop())
    with anyio.move_on_after(1):
        await door.ask(Shop.send_on, shop, "rest")
    await theater.settled()

    assert only(theater, shop, "message/handled").body["abandoned"] is True
    assert theater.statistics().stashed == 0
    assert balanced(theater)


# -- failing and ending ----------------------------------------------------------------------------------


async def test_a_handler_that_raises_after_all_sets_nothing_aside(theater: Theater) -> None:
    shop = await theater.spawn(Shop())

    with pytest.raises(ActorFailedError, match="as told"):
        await shop.ask(Shop.stash_and, "fail")

    assert await shop.ask(Shop.open) == 0
    assert theater.statistics().failed == 1
    assert balanced(theater)


@pytest.mark.parametrize("state", ["last_good", "initial"])
async def test_what_is_set_aside_outlives_a_restart(theater: Theater, state: str) -> None:
    options: dict[str, Any] = {"state": INITIAL} if state == "initial" else {}
    shop = await theater.spawn(Shop(), **options)
    answers: list[int] = []

    async def ask() -> None:
        answers.append(await shop.ask(Shop.serve, "a"))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(ActorFailedError):
            await shop.ask(Shop.fail)
        assert await shop.ask(Shop.open) == 1

    assert answers == [1]
    assert await shop.ask(Shop.count) == (0 if state == "initial" else 1)


@pytest.mark.parametrize("how", ["stop", "kill", "fail"])
async def test_at_the_end_of_the_actor_what_is_set_aside_is_dead_and_its_askers_are_told(
    theater: Theater, how: str
) -> None:
    shop = await theater.spawn(Shop(), name="shop", limit=RestartLimit(restarts=0))
    errors: list[NotRunningError] = []

    async def ask() -> None:
        with pytest.raises(NotRunningError, match="shop has ended") as caught:
            await shop.ask(Shop.serve, "asked")
        errors.append(caught.value)

    async with theater.dead_letters() as letters, anyio.create_task_group() as tasks:
        await shop.tell(Shop.serve, "told")
        tasks.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        if how == "fail":
            with pytest.raises(ActorFailedError):
                await shop.ask(Shop.fail)
        else:
            await (shop.stop() if how == "stop" else shop.kill())
    died = [letter async for letter in letters]

    assert [letter.args for letter in died] == [("told",), ("asked",)]
    assert [error.message and error.message.args for error in errors] == [("asked",)]
    assert [event.body["ask"] for event in told(theater, shop, "message/dead")] == [False, True]
    assert theater.statistics().dead_letters == 2
    assert balanced(theater)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_theater_that_closes_tells_the_askers_of_what_is_set_aside() -> None:
    async with anyio.create_task_group() as tasks:
        refused = anyio.Event()

        async def ask(shop: ActorRef[Shop]) -> None:
            with pytest.raises(NotRunningError):
                await shop.ask(Shop.serve, "a")
            refused.set()

        async with Theater() as theater:
            tasks.start_soon(ask, await theater.spawn(Shop()))
            await theater.settled()
            await anyio.wait_all_tasks_blocked()
        with anyio.fail_after(10):
            await refused.wait()


# -- mistakes --------------------------------------------------------------------------------------------


async def test_a_hook_cannot_be_set_aside_but_may_put_back(theater: Theater) -> None:
    class Hooked(Actor):
        tries: bool = False

        async def on_start(self) -> None:
            assert self.context.unstash() == 0
            if self.tries:
                self.context.stash()

    await theater.spawn(Hooked())
    with pytest.raises(ActorFailedError, match=r"Hooked\.on_start is a hook: only messages can be stashed"):
        await theater.spawn(Hooked(tries=True))


async def test_what_a_hook_puts_back_leaves_priority_messages_their_lane(theater: Theater) -> None:
    class Opening(Shop):
        @handler
        async def hire(self) -> ActorRef[Shop]:
            return await self.context.spawn(Shop())

        async def on_child_stopped(self, child: ActorRef[Any], reason: Reason) -> None:  # noqa: ARG002  # a hook
            self.is_open = True
            self.context.unstash()
            await anyio.sleep(60)

    shop = await theater.spawn(Opening())
    child = await shop.ask(Opening.hire)
    await shop.tell(Shop.serve, "put back")
    await theater.settled()
    await child.stop()
    await anyio.wait_all_tasks_blocked()
    shop.tell_nowait(Shop.serve, "ordinary")
    shop.tell_nowait(Shop.urgent, "urgent")

    await theater.settled()
    assert await shop.ask(Shop.read) == ["put back", "urgent", "ordinary"]


async def test_a_stream_cannot_be_set_aside(theater: Theater) -> None:
    class Lines(Actor):
        @handler
        async def lines(self) -> AsyncIterator[int]:
            self.context.stash()
            yield 1

    lines = await theater.spawn(Lines())

    with pytest.raises(ActorFailedError, match=r"Lines\.lines yields: a stream cannot be stashed"):
        await anext(lines.stream(Lines.lines))


async def test_a_message_is_answered_in_one_way_only(theater: Theater) -> None:
    shop = await theater.spawn(Shop())
    await shop.tell(Shop.defer_and_stash)
    with pytest.raises(ActorFailedError, match="SetupError: stash_and was stashed already"):
        await shop.ask(Shop.stash_and, "defer")

    with anyio.move_on_after(1):
        await shop.ask(Shop.defer_and_stash)
    assert theater.statistics().failed == 1
    assert theater.statistics().stashed == 1  # the tell, of which nobody awaits an answer
    assert balanced(theater)


# -- close, crash and resume -----------------------------------------------------------------------------


@pytest.mark.real_clock
@pytest.mark.parametrize("record_messages", [True, False])
async def test_after_a_close_what_was_set_aside_waits_in_front(
    stage: Callable[..., Theater], *, record_messages: bool
) -> None:
    async with stage(record_messages=record_messages, closing=0) as theater:
        shop = await theater.spawn(Shop(), name="shop")
        other = await theater.spawn(Shop(), name="other")
        await shop.tell(Shop.serve, "a")
        await shop.tell(Shop.serve, "a", loudly=True)
        await other.ask(Shop.send, shop, "b")
        await theater.settled()
        await shop.tell(Shop.wait_at, "gate")
        await anyio.wait_all_tasks_blocked()
        await shop.tell(Shop.open)
        await shop.tell(Shop.urgent, "first")

    GATES["gate"].set()
    for _ in range(2):
        async with stage(record_messages=record_messages) as theater:
            await theater.resume()
            await theater.settled()
            shop = theater.find("shop")

            assert await shop.ask(Shop.read) == ["first", "a", "a!", "b"]
            assert theater.statistics().stashed == 0
            assert balanced(theater)


@pytest.mark.real_clock
async def test_after_a_crash_what_was_set_aside_is_neither_lost_nor_doubled(
    stage: Callable[..., Theater], tmp_path: Path
) -> None:
    image = tmp_path / "as it was"
    async with stage(closing=0) as theater:
        shop = await theater.spawn(Shop(), name="shop")
        other = await theater.spawn(Shop(), name="other")
        await shop.tell(Shop.serve, "once")
        await theater.settled()
        await shop.ask(Shop.open)
        await shop.ask(Shop.close)
        await shop.tell(Shop.serve, "a")
        await shop.tell(Shop.serve, "a", loudly=True)
        await other.ask(Shop.send, shop, "b")
        await theater.settled()
        with anyio.move_on_after(0.05):
            await shop.ask(Shop.serve, "withdrawn by the world outside")
        await other.ask(Shop.visit_in_vain, shop, "withdrawn by an actor")
        await theater.settled()
        shutil.copytree(tmp_path / "theater", image)

    for _ in range(2):
        async with Theater(image) as theater:
            await theater.resume()
            shop = theater.find("shop")
            assert await shop.ask(Shop.count) >= 4
            await shop.ask(Shop.open)
            await theater.settled()

            assert await shop.ask(Shop.read) == ["once", "a", "a!", "b"]
    assert History(image).verify().ok


@pytest.mark.real_clock
async def test_a_crash_after_a_close_doubles_nothing_that_was_set_aside(
    stage: Callable[..., Theater], tmp_path: Path
) -> None:
    image = tmp_path / "as it was"
    async with stage() as theater:
        shop = await theater.spawn(Shop(), name="shop")
        await shop.tell(Shop.serve, "a")
    async with stage() as theater:
        shop = await theater.spawn(Shop(), name="shop", resume=True)
        await shop.ask(Shop.open)
        assert await shop.ask(Shop.read) == ["a"]
        shutil.copytree(tmp_path / "theater", image)

    async with Theater(image) as theater:
        shop = await theater.spawn(Shop(), name="shop", resume=True)
        assert await shop.ask(Shop.read) == ["a"]


@pytest.mark.real_clock
async def test_after_a_crash_what_had_been_put_back_waits_in_the_mailbox(
    stage: Callable[..., Theater], tmp_path: Path
) -> None:
    image = tmp_path / "as it was"
    async with stage(closing=0) as theater:
        shop = await theater.spawn(Shop(), name="shop")
        other = await theater.spawn(Shop(), name="other")
        await other.ask(Shop.send, shop, "a")
        await theater.settled()
        async with anyio.create_task_group() as tasks:
            shop.tell_nowait(Shop.open)
            shop.tell_nowait(Shop.wait_at, "gate")
            other.tell_nowait(Shop.send, shop, "b")
            await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()
        await theater._stage.committed()  # type: ignore[union-attr]  # as a crash finds it
        shutil.copytree(tmp_path / "theater", image)
        GATES["gate"].set()

    async with Theater(image) as theater:
        await theater.resume()
        await theater.settled()
        assert await theater.find("shop").ask(Shop.read) == ["a", "b"]


async def test_without_recorded_messages_there_is_nothing_of_it_in_the_record() -> None:
    async with Theater(record_messages=False) as theater:
        shop = await theater.spawn(Shop())
        await shop.tell(Shop.serve, "a")
        with anyio.move_on_after(0.01):
            await shop.ask(Shop.serve, "b")
        await shop.ask(Shop.open)

        assert await shop.ask(Shop.read) == ["a"]
        assert kinds(theater, shop) == []
