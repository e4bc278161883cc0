"""Mailboxes: bounded lines in which room is given in turn, and a lane that no full mailbox blocks."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from told import meanwhile, only

from theater import Actor, ActorRef, Theater, handler
from theater.errors import ActorFailedError, DeliveryError, MailboxFullError, NotRunningError, SetupError
from theater.mailbox import Message
from theater.restart import Reason


class Desk(Actor):
    """Works while it is told to; keeps what it hears."""

    heard: list[Any] = []  # noqa: RUF012  # given fresh to each instance

    @handler
    async def rest(self, seconds: float) -> None:
        await anyio.sleep(seconds)

    @handler
    async def hear(self, thing: Any, *, twice: bool = False) -> None:
        self.heard += [thing, thing] if twice else [thing]

    @handler
    async def read(self) -> list[Any]:
        return self.heard

    @handler
    async def fail(self) -> None:
        raise ValueError


class Writer(Actor):
    """Sends to a desk from inside a handler."""

    @handler
    async def tell(self, desk: ActorRef[Desk], thing: str) -> float:
        await desk.tell(Desk.hear, thing)
        return anyio.current_time()

    @handler
    async def tell_nowait(self, desk: ActorRef[Desk], thing: str) -> str:
        try:
            desk.tell_nowait(Desk.hear, thing)
        except MailboxFullError as error:
            return str(error)
        return "told"

    @handler
    async def stop(self, desk: ActorRef[Desk]) -> float:
        await desk.stop()
        return anyio.current_time()


async def busy(theater: Theater, *, mailbox: int = 1, seconds: float = 60) -> ActorRef[Desk]:
    """A desk that works for so many seconds, its mailbox empty."""
    desk = await theater.spawn(Desk(), name="desk", mailbox=mailbox)
    await desk.tell(Desk.rest, seconds)
    await anyio.wait_all_tasks_blocked()
    return desk


def bounced(desk: ActorRef[Desk], *args: Any, **kwargs: Any) -> MailboxFullError:
    """The error of a `tell_nowait` to a full mailbox."""
    with pytest.raises(MailboxFullError) as caught:
        desk.tell_nowait(Desk.hear, *args, **kwargs)
    return caught.value


# -- bounded ---------------------------------------------------------------------------------------------


async def test_a_mailbox_takes_1024_messages_unless_told_otherwise(theater: Theater) -> None:
    desk = await busy(theater, mailbox=1024)
    default = await theater.spawn(Desk())
    await default.tell(Desk.rest, 60)
    await anyio.wait_all_tasks_blocked()

    for each in (desk, default):
        for number in range(1024):
            each.tell_nowait(Desk.hear, number)
        bounced(each, 1024)

    assert theater.statistics().queued == 2048


@pytest.mark.parametrize("mailbox", [0, -1, 1.5, True, "2", None])
async def test_a_mailbox_without_a_whole_number_of_places_is_a_mistake(
    theater: Theater, mailbox: Any
) -> None:
    with pytest.raises(SetupError, match="mailbox"):
        await theater.spawn(Desk(), mailbox=mailbox)


async def test_the_message_at_hand_takes_no_place(theater: Theater) -> None:
    desk = await busy(theater)

    desk.tell_nowait(Desk.hear, "in the only place")

    bounced(desk, "beyond")


async def test_tell_waits_for_room(theater: Theater) -> None:
    desk = await busy(theater)
    desk.tell_nowait(Desk.hear, "first")

    await desk.tell(Desk.hear, "second")

    assert anyio.current_time() == 60
    assert await desk.ask(Desk.read) == ["first", "second"]


async def test_an_actors_tell_waits_for_room_too(theater: Theater) -> None:
    desk, writer = await busy(theater), await theater.spawn(Writer())
    desk.tell_nowait(Desk.hear, "first")

    assert await writer.ask(Writer.tell, desk, "second") == 60

    assert await desk.ask(Desk.read) == ["first", "second"]


async def test_an_ask_waits_for_room_and_then_for_its_answer(theater: Theater) -> None:
    desk = await busy(theater)
    desk.tell_nowait(Desk.hear, "first")

    assert await desk.ask(Desk.read) == ["first"]


@pytest.mark.virtual_clock(seeds=5)
async def test_room_is_given_in_the_order_in_which_it_was_asked_for(theater: Theater) -> None:
    desk, writer = await busy(theater), await theater.spawn(Writer())
    desk.tell_nowait(Desk.hear, "first")

    async with anyio.create_task_group() as tasks:
        for number in range(9):
            if number % 3:
                meanwhile(tasks, desk.tell, Desk.hear, number)
            else:
                meanwhile(tasks, (await theater.spawn(Writer())).ask, Writer.tell, desk, str(number))
            await anyio.wait_all_tasks_blocked()
        meanwhile(tasks, writer.ask, Writer.tell, desk, "last")

    heard = await desk.ask(Desk.read)
    assert heard == ["first", "0", 1, 2, "3", 4, 5, "6", 7, 8, "last"]


async def test_nobody_is_let_in_before_those_who_wait_already(theater: Theater) -> None:
    desk = await busy(theater, seconds=1)
    desk.tell_nowait(Desk.rest, 1)

    async with anyio.create_task_group() as tasks:
        meanwhile(tasks, desk.tell, Desk.hear, "waited")
        await anyio.wait_all_tasks_blocked()
        await anyio.sleep(1)
        bounced(desk, "pushed in")
        await desk.tell(Desk.hear, "came later")

    assert await desk.ask(Desk.read) == ["waited", "came later"]


async def test_one_who_gives_up_leaves_the_line_and_the_next_moves_up(theater: Theater) -> None:
    desk = await busy(theater)
    desk.tell_nowait(Desk.hear, "first")

    async with anyio.create_task_group() as tasks:
        with anyio.move_on_after(1):
            await desk.tell(Desk.hear, "given up")
        meanwhile(tasks, desk.tell, Desk.hear, "second")

    assert await desk.ask(Desk.read) == ["first", "second"]


# -- tell_nowait -----------------------------------------------------------------------------------------


async def test_tell_nowait_gives_a_message_its_place_at_once(theater: Theater) -> None:
    desk = await theater.spawn(Desk())

    desk.tell_nowait(Desk.hear, "a", twice=True)
    desk.tell_nowait("hear", "b")

    assert await desk.ask(Desk.read) == ["a", "a", "b"]


async def test_a_full_mailbox_hands_the_message_back(theater: Theater) -> None:
    desk = await busy(theater)
    desk.tell_nowait(Desk.hear, "first")

    error = bounced(desk, ["a", "b"], twice=True)

    assert isinstance(error, DeliveryError)
    assert str(error) == "the mailbox of desk is full"
    assert error.message == Message(to=desk, handler="hear", args=(["a", "b"],), kwargs={"twice": True})


async def test_a_message_that_was_handed_back_can_be_sent_again(theater: Theater) -> None:
    desk = await busy(theater)
    desk.tell_nowait(Desk.hear, "first")
    message: Any = bounced(desk, ["a", "b"], twice=True).message

    await message.to.tell(message.handler, *message.args, **message.kwargs)

    assert await desk.ask(Desk.read) == ["first", ["a", "b"], ["a", "b"]]


async def test_an_actors_tell_nowait_is_refused_like_anybodys(theater: Theater) -> None:
    desk, writer = await busy(theater), await theater.spawn(Writer())

    assert await writer.ask(Writer.tell_nowait, desk, "a") == "told"
    assert await writer.ask(Writer.tell_nowait, desk, "b") == "the mailbox of desk is full"

    assert await desk.ask(Desk.read) == ["a"]


# -- the lane of control ---------------------------------------------------------------------------------


async def test_a_full_mailbox_blocks_no_kill(theater: Theater) -> None:
    desk = await busy(theater)
    desk.tell_nowait(Desk.hear, "first")

    await desk.kill()

    assert anyio.current_time() == 0
    assert only(theater, desk, "actor/stopped").body == {"reason": "killed"}


async def test_a_full_mailbox_blocks_no_stop_which_finishes_what_is_queued(theater: Theater) -> None:
    desk, writer = await busy(theater), await theater.spawn(Writer())
    desk.tell_nowait(Desk.hear, "first")

    assert await writer.ask(Writer.stop, desk) == 60

    handled = [event.body["handler"] for event in theater.chain(desk) if event.kind == "message/handled"]
    assert handled == ["rest", "hear"]
    assert only(theater, desk, "actor/stopped").body == {"reason": "normal"}


async def test_news_of_a_child_overtake_what_waits_in_a_full_mailbox(theater: Theater) -> None:
    class Parent(Actor):
        news: list[str] = []  # noqa: RUF012  # given fresh to each instance

        async def on_start(self) -> None:
            await self.context.spawn(Desk(), name="child")

        async def on_child_failed(self, child: ActorRef[Any], error: Exception) -> None:
            self.news.append(f"{child.name} failed: {type(error).__name__}")

        async def on_child_stopped(self, child: ActorRef[Any], reason: Reason) -> None:
            self.news.append(f"{child.name} {reason.value}")

        @handler
        async def rest(self, seconds: float) -> None:
            await anyio.sleep(seconds)

        @handler
        async def note(self, text: str) -> list[str]:
            self.news.append(text)
            return self.news

    parent = await theater.spawn(Parent(), name="parent", mailbox=1)
    child = theater.find("parent/child")
    await parent.tell(Parent.rest, 60)
    await anyio.wait_all_tasks_blocked()
    await parent.tell(Parent.note, "queued")

    with pytest.raises(ActorFailedError):
        await child.ask(Desk.fail)
    await child.kill()

    news = await parent.ask(Parent.note, "last")
    assert news == ["parent/child failed: ActorFailedError", "parent/child killed", "queued", "last"]


async def test_a_stop_hands_their_messages_back_to_those_who_wait_for_room(theater: Theater) -> None:
    desk = await busy(theater)
    desk.tell_nowait(Desk.hear, "first")
    errors: list[NotRunningError] = []

    async def tell() -> None:
        with pytest.raises(NotRunningError) as caught:
            await desk.tell(Desk.hear, "waits for room")
        errors.append(caught.value)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(tell)
        await anyio.wait_all_tasks_blocked()
        await desk.stop()

    [error] = errors
    assert str(error) == "desk is stopping"
    assert error.message == Message(to=desk, handler="hear", args=("waits for room",), kwargs={})


async def test_a_kill_hands_their_messages_back_to_those_who_asked(theater: Theater) -> None:
    desk = await busy(theater)
    errors: list[NotRunningError] = []

    async def ask() -> None:
        with pytest.raises(NotRunningError) as caught:
            await desk.ask(Desk.hear, "queued")
        errors.append(caught.value)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)  # takes the only place
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(ask)  # waits for room
        await anyio.wait_all_tasks_blocked()
        await desk.kill()

    assert len(errors) == 2
    assert all(
        error.message == Message(to=desk, handler="hear", args=("queued",), kwargs={}) for error in errors
    )


async def test_whoever_is_asked_while_it_is_killed_answers_with_a_failure(theater: Theater) -> None:
    desk = await theater.spawn(Desk(), name="desk")

    async def ask() -> None:
        with pytest.raises(ActorFailedError, match="desk was killed while it handled rest"):
            await desk.ask(Desk.rest, 60)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        await desk.kill()
