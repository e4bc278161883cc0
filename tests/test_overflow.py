"""Overflow: what a full mailbox does with one more message, from outside and from actors."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import anyio
import pytest
from told import kinds, only, told, triple

from theater import Actor, ActorRef, History, Message, Overflow, Reason, Theater, handler
from theater.errors import MailboxFullError, SetupError
from theater.options import Options


class Desk(Actor):
    """Works while it is told to; keeps what it hears."""

    heard: list[Any] = []  # noqa: RUF012  # given fresh to each instance

    @handler
    async def rest(self, seconds: float) -> None:
        await anyio.sleep(seconds)

    @handler
    async def hear(self, thing: Any) -> int:
        self.heard.append(thing)
        return len(self.heard)

    @handler(priority=True)
    async def urgent(self, thing: Any) -> None:
        self.heard.append(thing)

    @handler
    async def read(self) -> list[Any]:
        return self.heard

    @handler
    async def ring_in(self, seconds: float) -> None:
        self.context.after(seconds, Desk.hear, "rang")

    @handler
    async def ring_every(self, seconds: float) -> None:
        self.context.every(seconds, Desk.hear, "rang")

    @handler
    async def watch(self, other: ActorRef[Any]) -> None:
        self.context.watch(other, Desk.ended)

    @handler
    async def ended(self, other: ActorRef[Any], reason: Reason) -> None:
        self.heard.append(f"{other.name} {reason.value}")


class Writer(Actor):
    """Sends to a desk from inside a handler, and says what came of it."""

    @handler
    async def send(self, desk: ActorRef[Desk], how: str, thing: str) -> str:
        try:
            if how == "tell":
                await desk.tell(Desk.hear, thing)
            elif how == "tell_nowait":
                desk.tell_nowait(Desk.hear, thing)
            else:
                return f"answered {await desk.ask(Desk.hear, thing)}"
        except MailboxFullError as error:
            return f"full: {error.message and error.message.args[0]}"
        return "sent"


async def busy(theater: Theater, overflow: Any, *, mailbox: int = 2, seconds: float = 60) -> ActorRef[Desk]:
    """A desk that works for so many seconds, its mailbox full."""
    desk = await theater.spawn(Desk(), name="desk", mailbox=mailbox, overflow=overflow)
    await desk.tell(Desk.rest, seconds)
    await anyio.wait_all_tasks_blocked()
    for number in range(mailbox):
        desk.tell_nowait(Desk.hear, number)
    return desk


Sender = Callable[[ActorRef[Desk], str], Any]


async def outside(how: str, desk: ActorRef[Desk], thing: str) -> str:
    """As `Writer.send`, from outside."""
    return await Writer.send(Writer(), desk, how, thing)


async def sender(theater: Theater, where: str) -> Callable[[ActorRef[Desk], str, str], Any]:
    if where == "outside":
        return lambda desk, how, thing: outside(how, desk, thing)
    writer = await theater.spawn(Writer(), name="writer")
    return partial(writer.ask, Writer.send)


FROM = pytest.mark.parametrize("where", ["outside", "an actor"])
HOW = pytest.mark.parametrize("how", ["tell", "tell_nowait", "ask"])


# -- wait ------------------------------------------------------------------------------------------------


async def test_a_mailbox_waits_unless_told_otherwise(theater: Theater) -> None:
    desk = await busy(theater, "wait")
    await desk.tell(Desk.hear, "waited")

    assert anyio.current_time() == 60
    assert await desk.ask(Desk.read) == [0, 1, "waited"]
    assert Options().overflow is Overflow.WAIT


# -- fail ------------------------------------------------------------------------------------------------


@FROM
@HOW
async def test_fail_hands_the_message_back_at_once(theater: Theater, where: str, how: str) -> None:
    desk = await busy(theater, Overflow.FAIL)
    send = await sender(theater, where)

    assert await send(desk, how, "one too many") == "full: one too many"

    assert anyio.current_time() == 0
    await theater.settled()
    assert await desk.ask(Desk.read) == [0, 1]
    assert theater.statistics().dead_letters == theater.statistics().dropped == 0


async def test_fail_is_a_refusal_on_record(theater: Theater) -> None:
    desk = await busy(theater, "fail")
    writer = await theater.spawn(Writer(), name="writer")

    await writer.ask(Writer.send, desk, "tell", "one too many")

    refused = only(theater, writer, "message/refused")
    assert refused.body["error"] == {"class": "MailboxFullError", "text": "the mailbox of desk is full"}
    assert told(theater, desk, "message/dead") == []


async def test_the_message_of_a_mailbox_that_fails_can_be_sent_again(theater: Theater) -> None:
    desk = await busy(theater, "fail")
    with pytest.raises(MailboxFullError) as caught:
        await desk.tell(Desk.hear, "again")
    message: Any = caught.value.message
    assert message == Message(to=desk, handler="hear", args=("again",), kwargs={})
    await theater.settled()

    await message.to.tell(message.handler, *message.args)

    assert await desk.ask(Desk.read) == [0, 1, "again"]


# -- drop ------------------------------------------------------------------------------------------------


@FROM
@HOW
async def test_drop_newest_loses_the_message_that_comes(theater: Theater, where: str, how: str) -> None:
    desk = await busy(theater, Overflow.DROP_NEWEST)
    send = await sender(theater, where)

    came = await send(desk, how, "newest")

    assert came == ("full: newest" if how == "ask" else "sent")
    assert anyio.current_time() == 0
    await theater.settled()
    assert await desk.ask(Desk.read) == [0, 1]
    assert (theater.statistics().dropped, theater.statistics().dead_letters) == (1, 1)


@FROM
@HOW
async def test_drop_oldest_loses_the_message_that_waited_longest(
    theater: Theater, where: str, how: str
) -> None:
    desk = await busy(theater, Overflow.DROP_OLDEST)
    send = await sender(theater, where)

    came = await send(desk, how, "newest")

    assert came == ("answered 2" if how == "ask" else "sent")
    await theater.settled()
    assert await desk.ask(Desk.read) == [1, "newest"]
    assert (theater.statistics().dropped, theater.statistics().dead_letters) == (1, 1)


@FROM
async def test_the_asker_of_an_older_message_that_is_dropped_is_told(theater: Theater, where: str) -> None:
    desk = await busy(theater, "drop_oldest", mailbox=1)
    send = await sender(theater, where)
    answers: list[str] = []

    async def ask() -> None:
        answers.append(await send(desk, "ask", "asked"))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        assert answers == []
        await desk.tell(Desk.hear, "newest")

    assert answers == ["full: asked"]
    assert anyio.current_time() < 1


@pytest.mark.parametrize("overflow", ["drop_newest", "drop_oldest"])
async def test_many_drops_keep_the_order_of_what_stays(theater: Theater, overflow: str) -> None:
    desk = await busy(theater, overflow, mailbox=3)
    for number in range(3, 10):
        await desk.tell(Desk.hear, number)
    await theater.settled()

    assert await desk.ask(Desk.read) == ([0, 1, 2] if overflow == "drop_newest" else [7, 8, 9])
    assert theater.statistics().dropped == 7


@pytest.mark.parametrize(("overflow", "lost"), [("drop_newest", "asked"), ("drop_oldest", 0)])
async def test_a_drop_is_a_dead_message_that_says_why(theater: Theater, overflow: str, lost: Any) -> None:
    desk = await busy(theater, overflow, mailbox=1)
    writer = await theater.spawn(Writer(), name="writer")

    await writer.ask(Writer.send, desk, "ask", "asked")

    dead = only(theater, desk, "message/dead")
    sent = only(theater, writer, "message/sent")
    is_newest = overflow == "drop_newest"
    assert dead.body == {
        "args": [lost],
        "ask": is_newest,
        "from": triple(sent) if is_newest else None,
        "handler": "hear",
        "why": overflow,
    }
    if is_newest:
        assert only(theater, writer, "message/answered").body == {
            "error": {"class": "MailboxFullError", "text": "the mailbox of desk is full"},
            "from": triple(dead),
            "message": sent.seq,
        }


@pytest.mark.parametrize("overflow", list(Overflow))
async def test_what_the_runtime_promised_is_neither_dropped_nor_kept_out(
    theater: Theater, overflow: Overflow
) -> None:
    other = await theater.spawn(Desk(), name="other")
    desk = await theater.spawn(Desk(), mailbox=1, overflow=overflow)
    await desk.ask(Desk.watch, other)
    await desk.ask(Desk.ring_in, 1)
    await desk.tell(Desk.rest, 60)
    await anyio.sleep(2)
    await other.stop()

    if overflow is not Overflow.WAIT:
        for _ in range(3):
            if overflow is Overflow.FAIL:
                with pytest.raises(MailboxFullError):
                    await desk.tell(Desk.hear, "one too many")
            else:
                await desk.tell(Desk.hear, "one too many")
    await theater.settled()

    assert await desk.ask(Desk.read) == ["rang", "other normal"]


async def test_a_timer_still_rings_after_drops(theater: Theater) -> None:
    desk = await theater.spawn(Desk(), mailbox=1, overflow="drop_oldest")
    await desk.ask(Desk.ring_every, 10)
    await desk.tell(Desk.rest, 25)
    await anyio.sleep(12)
    for number in range(3):
        await desk.tell(Desk.hear, number)

    await anyio.sleep(30)

    assert await desk.ask(Desk.read) == ["rang"] * 3


@pytest.mark.real_clock
async def test_the_outside_asker_of_a_dropped_message_is_told_once_that_is_durable(tmp_path: Any) -> None:
    folder = tmp_path / "theater"
    async with Theater(folder, closing=0) as theater:
        desk = await busy(theater, "drop_newest")
        with pytest.raises(MailboxFullError):
            await desk.ask(Desk.hear, "newest")

        dead = only(theater, desk, "message/dead")
        assert theater.chain(desk).committed > dead.seq
    assert History(folder).verify().ok


@pytest.mark.real_clock
async def test_what_was_dropped_does_not_come_back_and_the_policy_does(tmp_path: Any) -> None:
    folder = tmp_path / "theater"
    async with Theater(folder, closing=0) as theater:
        desk = await busy(theater, "drop_oldest")
        writer = await theater.spawn(Writer(), name="writer")
        for thing in ("a", "b", "c"):
            await writer.ask(Writer.send, desk, "tell", thing)

    class Rested(Desk):
        @handler
        async def rest(self, seconds: float) -> None:
            pass

    async with Theater(folder) as theater:
        again = await theater.spawn(Rested(), name="desk", resume=True)
        assert await again.ask(Desk.read) == ["b", "c"]
        for number in range(5):
            again.tell_nowait(Desk.hear, number)
        assert theater.statistics().dropped == 3


async def test_a_mailbox_that_is_not_recorded_drops_all_the_same() -> None:
    async with Theater(record_messages=False) as theater:
        desk = await busy(theater, "drop_newest", seconds=0.01)
        await desk.tell(Desk.hear, "newest")
        await theater.settled()

        assert await desk.ask(Desk.read) == [0, 1]
        assert theater.statistics().dropped == 1
        assert kinds(theater, desk) == []


# -- options ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("overflow", ["drop", "", None, 1, "WAIT"])
async def test_an_overflow_that_is_none_is_a_mistake(theater: Theater, overflow: Any) -> None:
    with pytest.raises(SetupError, match="overflow must be one of wait, fail, drop_newest, drop_oldest"):
        await theater.spawn(Desk(), overflow=overflow)


@pytest.mark.parametrize("overflow", list(Overflow))
def test_an_overflow_in_the_record_is_read_as_it_was_written(overflow: Overflow) -> None:
    options = Options(overflow=overflow)

    assert Options.from_plain(options.to_plain()) == options == Options(overflow=overflow.value)
    assert options.to_plain() == ({} if overflow is Overflow.WAIT else {"overflow": overflow.value})
