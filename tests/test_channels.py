"""Channels: opened with consent, both ways, never too far ahead, and over when either side ends."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from functools import partial
from typing import Any, ClassVar

import anyio
import pytest
from told import kinds, meanwhile, only, told, triple

from theater import (
    TEMPORARY,
    Actor,
    ActorFailedError,
    ActorRef,
    AskCycleError,
    Channel,
    ChannelClosedError,
    ContentRef,
    MailboxFullError,
    NotRunningError,
    RefusedError,
    SetupError,
    Theater,
    handler,
)

HOUR = 3600.0
HEARD: list[Any] = []


@pytest.fixture(autouse=True)
def _clean() -> None:
    HEARD.clear()


class Host(Actor):
    """Talks as the name of the handler says."""

    done: int = 0

    @handler
    async def echo(self) -> None:
        channel = self.context.accept()
        async for value in channel:
            await channel.send(value)
        self.done += 1

    @handler
    async def hear(self, seconds: float = 0.0) -> None:
        channel = self.context.accept()
        await anyio.sleep(seconds)
        async for value in channel:
            HEARD.append(value)  # noqa: PERF401  # as soon as it came
        self.done += 1

    @handler
    async def say(self, count: int) -> None:
        channel = self.context.accept()
        for number in range(count):
            await channel.send(number)
            HEARD.append(number)
        self.done += 1

    @handler
    async def say_and_close(self, seconds: float) -> None:
        channel = self.context.accept()
        await channel.send("last word")
        channel.close()
        await anyio.sleep(seconds)

    @handler
    async def expect(self) -> None:
        channel = self.context.accept()
        while True:
            HEARD.append(await channel.receive())

    @handler
    async def refuse(self, seconds: float = 0.0) -> str:
        await anyio.sleep(seconds)
        return "no"

    @handler(raises=(KeyError,))
    async def fail(self, when: str, error: str) -> None:
        if when == "after":
            channel = self.context.accept()
            await channel.send("one")
        raise {"declared": KeyError, "not declared": ValueError}[error]("broken")

    @handler
    async def twice(self) -> None:
        self.context.accept()
        self.context.accept()

    @handler
    async def ask_back(self, other: ActorRef[Any]) -> None:
        channel = self.context.accept()
        await other.ask(Guest.ping)
        await channel.send("asked")

    @handler
    async def hear_later(self) -> None:
        if not self.done:
            self.context.stash()
            return
        async for value in self.context.accept():
            HEARD.append(value)  # noqa: PERF401  # as above

    @handler
    async def hear_and_stash(self) -> None:
        self.context.accept()
        self.context.stash()

    @handler
    async def hear_and_defer(self) -> None:
        self.context.defer()

    @handler
    async def ready(self) -> None:
        self.done += 1
        self.context.unstash()

    @handler
    async def book(self) -> int:
        return self.done


class Guest(Actor):
    """Opens channels, and does with them what the name of the handler says."""

    @handler
    async def talk(self, host: ActorRef[Host], values: list[Any]) -> list[Any]:
        channel = await host.open(Host.echo)
        heard = []
        for value in values:
            await channel.send(value)
            heard.append(await channel.receive())
        return heard

    @handler
    async def keep(self, host: ActorRef[Host]) -> None:
        self._channel = await host.open(Host.hear)  # scratch: longer than the handler
        await self._channel.send("kept")

    @handler
    async def use_kept(self) -> None:
        await self._channel.send("too late")

    @handler
    async def open(self, host: ActorRef[Host], name: str, *args: Any) -> str:
        async with await host.open(name, *args) as channel:
            return str([value async for value in channel])

    @handler
    async def stay(self, host: ActorRef[Host], name: str) -> None:
        channel = await host.open(name)
        await channel.send("staying")
        await anyio.sleep(HOUR)

    @handler
    async def fail(self, host: ActorRef[Host]) -> None:
        channel = await host.open(Host.hear)
        await channel.send("failing")
        raise ValueError("guest failed")

    @handler
    async def both_listen(self, host: ActorRef[Host]) -> str:
        channel = await host.open(Host.echo)
        try:
            return str(await channel.receive())
        except (AskCycleError, ChannelClosedError, ActorFailedError) as error:
            return f"{type(error).__name__}: {error}"

    @handler
    async def ask_too(self, host: ActorRef[Host]) -> str:
        channel = await host.open(Host.echo)
        await channel.send(1)
        await channel.receive()
        try:
            return str(await host.ask(Host.book))
        except AskCycleError as error:
            return str(error)

    @handler
    async def listen_and_speak(self, host: ActorRef[Host]) -> list[Any]:
        channel = await host.open(Host.echo)
        heard: list[Any] = []

        async def listen() -> None:
            heard.extend([await channel.receive() for _ in range(40)])

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listen)
            await anyio.sleep(1)
            for number in range(40):
                await channel.send(number)
        return heard

    @handler
    async def ping(self) -> str:
        return "pong"


# -- conversing ------------------------------------------------------------------------------------------


async def test_what_is_sent_on_one_end_is_received_on_the_other_in_order(theater: Theater) -> None:
    host = await theater.spawn(Host())
    values = [1, "two", b"three", [4, {"five": (6, {7})}], None, ContentRef.of(b"8"), host]

    async with await host.open(Host.echo) as channel:
        for value in values:
            await channel.send(value)
        assert [await channel.receive() for _ in values] == values

    assert await host.ask(Host.book) == 1


async def test_two_actors_converse(theater: Theater) -> None:
    host, guest = await theater.spawn(Host()), await theater.spawn(Guest())

    assert await guest.ask(Guest.talk, host, [1, 2, 3]) == [1, 2, 3]
    assert await host.ask(Host.book) == 1


async def test_a_channel_is_opened_by_name_too(theater: Theater) -> None:
    host = await theater.spawn(Host())
    channel = await host.open("say", count=3)

    assert [value async for value in channel] == [0, 1, 2]


async def test_the_two_ends_share_nothing(theater: Theater) -> None:
    host = await theater.spawn(Host())
    value = [1]

    async with await host.open(Host.hear) as channel:
        await channel.send(value)
        value.append(2)
        await anyio.wait_all_tasks_blocked()

    assert HEARD == [[1]]


async def test_what_cannot_be_packed_is_refused_where_it_is_sent(theater: Theater) -> None:
    host = await theater.spawn(Host())

    async with await host.open(Host.hear) as channel:
        with pytest.raises(TypeError, match=r"a value for the channel of Host.hear\(\)"):
            await channel.send(object())
        await channel.send("all is well")
        await anyio.wait_all_tasks_blocked()

    assert HEARD == ["all is well"]


# -- consent ---------------------------------------------------------------------------------------------


async def test_a_handler_that_does_not_accept_refuses(theater: Theater) -> None:
    host, guest = await theater.spawn(Host()), await theater.spawn(Guest())

    with pytest.raises(RefusedError, match="ended refuse without accepting") as caught:
        await host.open(Host.refuse, 1)
    with pytest.raises(ActorFailedError, match="RefusedError"):
        await guest.ask(Guest.open, host, "refuse")

    message = caught.value.message
    assert message is not None
    assert (message.to, message.handler, message.args) == (host, "refuse", (1,))
    assert theater.statistics().failures == 1


@pytest.mark.parametrize(("error", "kind"), [("declared", KeyError), ("not declared", ActorFailedError)])
async def test_a_handler_that_raises_before_it_accepts_refuses_with_its_error(
    theater: Theater, error: str, kind: type[Exception]
) -> None:
    host = await theater.spawn(Host())

    with pytest.raises(kind, match="broken"):
        await host.open(Host.fail, "before", error)


async def test_a_message_that_opens_nothing_cannot_be_accepted(theater: Theater) -> None:
    host = await theater.spawn(Host())

    with pytest.raises(ActorFailedError, match=r"echo opens no channel: that is done by `await ref.open"):
        await host.ask(Host.echo)


async def test_a_channel_is_accepted_once(theater: Theater) -> None:
    host = await theater.spawn(Host())
    channel = await host.open(Host.twice)

    with pytest.raises(ActorFailedError, match="was accepted already"):
        await channel.receive()


async def test_an_opener_that_gives_up_before_it_is_accepted_withdraws_its_message(theater: Theater) -> None:
    host = await theater.spawn(Host())
    await host.tell(Host.refuse, HOUR)

    with anyio.move_on_after(5):
        await host.open(Host.hear)

    assert theater.statistics().queued == 0
    assert await host.ask(Host.book) == 0


async def test_an_opener_that_gives_up_in_the_moment_of_acceptance_leaves_nobody_waiting(
    theater: Theater,
) -> None:
    host = await theater.spawn(Host())

    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as tasks:
            meanwhile(tasks, host.open, Host.expect)
            await anyio.wait_all_tasks_blocked()
            scope.cancel()

    assert await host.ask(Host.book) == 0


OPENING: list[asyncio.Task[Any]] = []


async def test_one_that_is_cancelled_in_the_moment_of_acceptance_is_not_waited_for(theater: Theater) -> None:
    class Meddling(Host):
        @handler
        async def meddle(self) -> None:
            channel = self.context.accept()
            OPENING[0].cancel()
            await channel.receive()

    host = await theater.spawn(Meddling())
    OPENING[:] = [asyncio.get_running_loop().create_task(host.open("meddle"))]

    with pytest.raises(asyncio.CancelledError):
        await OPENING[0]

    with anyio.fail_after(1):
        assert await host.ask(Host.book) == 0


async def test_a_channel_can_be_accepted_later_by_setting_its_message_aside(theater: Theater) -> None:
    host = await theater.spawn(Host())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(open_and_say, host, Host.hear_later)
        await anyio.wait_all_tasks_blocked()
        assert await host.ask(Host.book) == 0
        await host.tell(Host.ready)
    await host.ask(Host.book)

    assert HEARD == ["said"]


async def test_an_opener_that_gives_up_withdraws_its_message_from_the_stash(theater: Theater) -> None:
    host = await theater.spawn(Host())

    with anyio.move_on_after(5):
        await host.open(Host.hear_later)
    await host.tell(Host.ready)
    await theater.settled()

    assert HEARD == []
    assert theater.statistics().withdrawn == 1


async def open_and_say(host: ActorRef[Host], name: Any) -> None:
    async with await host.open(name) as channel:
        await channel.send("said")


@pytest.mark.parametrize(
    ("name", "why"),
    [("hear_and_stash", "has accepted its channel"), ("hear_and_defer", "nothing to defer")],
)
async def test_the_message_of_a_channel_is_not_answered_otherwise(
    theater: Theater, name: str, why: str
) -> None:
    host = await theater.spawn(Host())

    with pytest.raises(ActorFailedError, match=why):
        await (await host.open(name)).receive()


async def test_opening_keeps_to_a_full_mailbox(theater: Theater) -> None:
    host = await theater.spawn(Host(), mailbox=1, overflow="fail")
    await host.tell(Host.refuse, HOUR)
    await anyio.wait_all_tasks_blocked()
    await host.tell(Host.refuse)

    with pytest.raises(MailboxFullError):
        await host.open(Host.hear)


async def test_a_stream_cannot_be_opened_nor_an_unknown_handler(theater: Theater) -> None:
    host = await theater.spawn(Host())

    with pytest.raises(TypeError, match="has no handler 'unknown'"):
        await host.open("unknown")
    with pytest.raises(TypeError, match="argument 'seconds'"):
        await host.open(Host.hear, "long")  # type: ignore[call-overload]  # on purpose


# -- back-pressure ---------------------------------------------------------------------------------------


async def test_at_most_sixteen_values_lie_unread_on_each_way(theater: Theater) -> None:
    host = await theater.spawn(Host())

    async with await host.open(Host.say, 100) as channel:
        await anyio.wait_all_tasks_blocked()
        assert len(HEARD) == 16
        assert [await channel.receive(), await channel.receive()] == [0, 1]
        await anyio.wait_all_tasks_blocked()
        assert len(HEARD) == 18
    HEARD.clear()

    sent = []
    async with await host.open(Host.hear, 60) as channel:
        with anyio.move_on_after(5):
            for number in range(100):
                await channel.send(number)
                sent.append(number)
        assert sent == list(range(16))
        await channel.send("after all")  # giving up one value closes nothing
        await anyio.sleep(60)

    assert [*range(16), "after all"] == HEARD


# -- closing ---------------------------------------------------------------------------------------------


async def test_the_other_side_reads_what_was_sent_and_then_the_end(theater: Theater) -> None:
    host = await theater.spawn(Host())
    channel = await host.open(Host.hear, 10)
    for number in range(3):
        await channel.send(number)

    channel.close()
    await host.ask(Host.book)

    assert HEARD == [0, 1, 2]
    assert not channel.is_open
    for use in (channel.receive, lambda: channel.send(1)):
        with pytest.raises(ChannelClosedError, match="is closed"):
            await use()
    channel.close()  # once more does nothing


async def test_sending_to_a_side_that_closed_is_refused_and_what_it_sent_can_still_be_read(
    theater: Theater,
) -> None:
    host = await theater.spawn(Host())
    channel = await host.open(Host.say_and_close, HOUR)
    await anyio.wait_all_tasks_blocked()

    with pytest.raises(ChannelClosedError, match="closed by the other side"):
        await channel.send(1)

    assert await channel.receive() == "last word"
    with pytest.raises(ChannelClosedError, match="closed by the other side"):
        await channel.receive()
    assert anyio.current_time() == 0


async def test_a_sender_that_waits_for_room_is_told_when_the_other_side_closes(theater: Theater) -> None:
    host = await theater.spawn(Host())
    channel = await host.open(Host.say, 100)
    await anyio.wait_all_tasks_blocked()

    channel.close()
    await host.ask(Host.book)

    assert len(HEARD) == 16
    assert told(theater, host, "message/handled")[0].body["abandoned"] is True
    assert theater.statistics().failures == 0


async def test_a_handler_that_expects_more_is_abandoned_not_failed(theater: Theater) -> None:
    host = await theater.spawn(Host())
    channel = await host.open(Host.expect)
    await channel.send(1)

    channel.close()
    await host.ask(Host.book)

    assert HEARD == [1]
    assert theater.statistics().failures == 0


async def test_the_end_of_the_accepting_handler_closes_the_channel(theater: Theater) -> None:
    host = await theater.spawn(Host())
    channel = await host.open(Host.say, 3)

    assert [value async for value in channel] == [0, 1, 2]
    with pytest.raises(ChannelClosedError):
        await channel.receive()


async def test_the_end_of_the_opening_handler_closes_the_channel(theater: Theater) -> None:
    host, guest = await theater.spawn(Host()), await theater.spawn(Guest())

    await guest.ask(Guest.keep, host)

    assert await host.ask(Host.book) == 1
    assert HEARD == ["kept"]
    with pytest.raises(ActorFailedError, match="it ended with the handler that held it"):
        await guest.ask(Guest.use_kept)


@pytest.mark.parametrize(("error", "kind"), [("declared", KeyError), ("not declared", ActorFailedError)])
async def test_the_error_of_the_accepting_handler_comes_after_what_it_sent(
    theater: Theater, error: str, kind: type[Exception]
) -> None:
    host = await theater.spawn(Host())
    channel = await host.open(Host.fail, "after", error)

    assert await channel.receive() == "one"
    for _ in range(2):
        with pytest.raises(kind, match="broken"):
            await channel.receive()


async def test_the_error_of_the_accepting_handler_is_an_answer_in_the_chain_of_the_opener(
    theater: Theater,
) -> None:
    host, guest = await theater.spawn(Host()), await theater.spawn(Guest())

    with pytest.raises(ActorFailedError, match="broken"):
        await guest.ask(Guest.open, host, "fail", "after", "not declared")

    assert told(theater, guest, "message/answered")[-1].body["error"]["class"] == "ValueError"


async def test_one_whose_asker_gives_up_waits_no_longer_for_its_channel_to_be_accepted(
    theater: Theater,
) -> None:
    host, guest = await theater.spawn(Host()), await theater.spawn(Guest())
    await host.tell(Host.refuse, HOUR)

    with anyio.move_on_after(1):
        await guest.ask(Guest.open, host, "echo")
    await anyio.wait_all_tasks_blocked()

    assert only(theater, guest, "message/handled").body["abandoned"] is True
    assert theater.statistics().queued == 0


async def test_a_failing_opener_ends_the_conversation(theater: Theater) -> None:
    host, guest = await theater.spawn(Host()), await theater.spawn(Guest())

    with pytest.raises(ActorFailedError, match="guest failed"):
        await guest.ask(Guest.fail, host)

    assert await host.ask(Host.book) == 1
    assert HEARD == ["failing"]


async def test_killing_the_one_that_accepted_tells_the_opener(theater: Theater) -> None:
    host = await theater.spawn(Host())
    channel = await host.open(Host.say, 100)
    await anyio.wait_all_tasks_blocked()

    await host.kill()

    for number in range(16):
        assert await channel.receive() == number
    with pytest.raises(ActorFailedError, match="was killed while it handled say"):
        await channel.receive()


@pytest.mark.parametrize("name", ["hear", "expect"])
async def test_killing_the_opener_ends_the_conversation(theater: Theater, name: str) -> None:
    host, guest = await theater.spawn(Host()), await theater.spawn(Guest())
    await guest.tell(Guest.stay, host, name)
    await anyio.wait_all_tasks_blocked()

    await guest.kill()

    assert await host.ask(Host.book) == (name == "hear")
    assert HEARD == ["staying"]
    assert theater.statistics().failures == 0


async def test_giving_up_on_an_opener_ends_the_conversation(theater: Theater) -> None:
    host, guest = await theater.spawn(Host()), await theater.spawn(Guest())

    with anyio.move_on_after(10):
        await guest.ask(Guest.open, host, "hear", HOUR)

    assert await guest.ask(Guest.ping) == "pong"
    assert anyio.current_time() == 10
    assert told(theater, guest, "message/handled")[0].body["abandoned"] is True


async def test_a_channel_that_is_dropped_is_closed(theater: Theater) -> None:
    host = await theater.spawn(Host())
    channel = await host.open(Host.hear)
    await channel.send(1)

    del channel
    gc.collect()

    assert await host.ask(Host.book) == 1


async def test_who_has_dropped_a_channel_may_ask_the_other_at_once(theater: Theater) -> None:
    class Hasty(Actor):
        @handler
        async def call(self, host: ActorRef[Host]) -> int:
            channel = await host.open(Host.hear)
            await channel.send(1)
            await anyio.sleep(1)
            del channel
            return await host.ask(Host.book)

    host, hasty = await theater.spawn(Host()), await theater.spawn(Hasty())

    assert await hasty.ask(Hasty.call, host) == 1


async def test_stopping_the_one_that_accepted_waits_for_the_conversation(theater: Theater) -> None:
    host = await theater.spawn(Host())

    async with anyio.create_task_group() as tasks, await host.open(Host.echo) as channel:
        meanwhile(tasks, host.stop)
        await anyio.wait_all_tasks_blocked()
        await channel.send("still here")
        assert await channel.receive() == "still here"

    with pytest.raises(NotRunningError):
        await host.open(Host.echo)


async def test_closing_the_theater_ends_conversations_with_the_world_outside() -> None:
    async with Theater() as theater:
        host = await theater.spawn(Host())
        channel = await host.open(Host.hear)
        await channel.send("before")
        began = anyio.current_time()

    assert anyio.current_time() == began
    assert HEARD == ["before"]
    with pytest.raises(NotRunningError, match="the theater is closed"):
        await channel.receive()


async def test_who_waits_on_a_channel_when_the_theater_closes_is_told() -> None:
    errors: list[Exception] = []

    async def wait(channel: Channel) -> None:
        try:
            await channel.receive()
        except NotRunningError as error:
            errors.append(error)

    async with anyio.create_task_group() as tasks, Theater(closing=1) as theater:
        host = await theater.spawn(Host())
        tasks.start_soon(wait, await host.open(Host.hear, HOUR))
        await anyio.wait_all_tasks_blocked()

    assert len(errors) == 1


# -- strangers -------------------------------------------------------------------------------------------


class Thief(Actor):
    loot: ClassVar[Channel | None] = None

    @handler
    async def steal(self) -> list[str]:
        assert Thief.loot is not None
        told: list[str] = []
        for use in (Thief.loot.receive, partial(Thief.loot.send, 1)):
            try:
                await use()
            except SetupError as error:
                told.append(str(error))
        return told


async def test_strangers_cannot_use_a_channel(theater: Theater) -> None:
    host, thief = await theater.spawn(Host()), await theater.spawn(Thief())
    Thief.loot = channel = await host.open(Host.echo)
    await channel.send("mine")

    told = await thief.ask(Thief.steal)

    assert len(told) == 2
    assert all("only by the two who opened and accepted it" in text for text in told)
    assert await channel.receive() == "mine"
    channel.close()


# -- the wait graph --------------------------------------------------------------------------------------


async def test_two_that_both_wait_for_the_other_to_speak_are_told_at_once(theater: Theater) -> None:
    host, guest = await theater.spawn(Host(), name="h"), await theater.spawn(Guest(), name="g")

    answer = await guest.ask(Guest.both_listen, host)

    assert "AskCycleError" in answer
    assert "h → g → h" in answer or "g → h → g" in answer
    assert await guest.ask(Guest.ping) == "pong"
    assert await host.ask(Host.book) in (0, 1)


async def test_nothing_is_sent_to_open_what_could_never_be_accepted(theater: Theater) -> None:
    guest = await theater.spawn(Guest(), restart=TEMPORARY)

    with pytest.raises(ActorFailedError, match="AskCycleError"):
        await guest.ask("open", guest, "ping")

    assert only(theater, guest, "message/refused").body["error"]["class"] == "AskCycleError"
    assert not told(theater, guest, "message/sent")


async def test_an_opener_cannot_ask_the_one_that_talks_with_it(theater: Theater) -> None:
    host, guest = await theater.spawn(Host(), name="h"), await theater.spawn(Guest(), name="g")

    assert await guest.ask(Guest.ask_too, host) == "waiting would close a circle: g → h → g"


async def test_one_that_accepted_cannot_ask_an_opener_that_waits_for_it(theater: Theater) -> None:
    host, guest = await theater.spawn(Host(), name="h"), await theater.spawn(Guest(), name="g")

    with pytest.raises(ActorFailedError, match="AskCycleError"):
        await guest.ask(Guest.open, host, "ask_back", guest)


async def test_a_handler_may_listen_in_one_task_and_speak_in_another(theater: Theater) -> None:
    host, guest = await theater.spawn(Host()), await theater.spawn(Guest())

    assert await guest.ask(Guest.listen_and_speak, host) == list(range(40))


# -- the record ------------------------------------------------------------------------------------------


async def test_both_chains_hold_the_conversation_and_name_each_other(theater: Theater) -> None:
    host, guest = await theater.spawn(Host()), await theater.spawn(Guest())

    await guest.ask(Guest.talk, host, [1])
    await host.ask(Host.book)

    asked, said, left = told(theater, guest, "message/sent")
    began, heard, end = told(theater, host, "message/received")
    accepted, came = only(theater, host, "message/answered"), only(theater, guest, "message/answered")
    [answered] = told(theater, host, "message/sent")
    assert (asked.body["opens"], began.body["opens"], began.body["from"]) == (True, True, triple(asked))
    assert accepted.body == {"accepted": True, "reply": began.seq}
    assert came.body == {"accepted": True, "from": triple(accepted), "message": asked.seq}
    ours = {"ask": False, "args": [1], "channel": asked.seq, "handler": "@channel"}
    theirs = ours | {"channel": began.seq}
    assert said.body == ours | {"to": host.id}
    assert heard.body == theirs | {"from": triple(said)}
    assert answered.body == theirs | {"to": guest.id}
    assert told(theater, guest, "message/received")[-1].body == ours | {"from": triple(answered)}
    assert left.body == {"ask": False, "args": [], "channel": asked.seq, "handler": "@close", "to": host.id}
    assert end.body == {
        "ask": False, "args": [], "channel": began.seq, "handler": "@close", "from": triple(left),
    }  # fmt: skip


async def test_a_refused_channel_is_an_answered_message_on_record(theater: Theater) -> None:
    host, guest = await theater.spawn(Host()), await theater.spawn(Guest())

    with pytest.raises(ActorFailedError):
        await guest.ask(Guest.open, host, "refuse")

    handled = only(theater, host, "message/handled")
    assert only(theater, guest, "message/answered").body == {
        "answer": "no", "from": triple(handled), "message": only(theater, guest, "message/sent").seq,
    }  # fmt: skip


async def test_without_records_of_messages_conversations_are_not_recorded() -> None:
    async with Theater(record_messages=False) as theater:
        host, guest = await theater.spawn(Host()), await theater.spawn(Guest())

        assert await guest.ask(Guest.talk, host, [1, 2]) == [1, 2]
        assert (kinds(theater, host), kinds(theater, guest)) == ([], [])


# -- any order -------------------------------------------------------------------------------------------


@pytest.mark.virtual_clock(seeds=20)
async def test_in_any_order_of_events_conversations_leave_nothing_behind(theater: Theater) -> None:
    host = await theater.spawn(Host())
    guests = [await theater.spawn(Guest()) for _ in range(3)]

    async with anyio.create_task_group() as tasks:
        for limit in (0.5, 1.5):
            tasks.start_soon(talk_within, host, limit)
        for number, guest in enumerate(guests):
            meanwhile(tasks, guest.ask, Guest.talk, host, [number] * 20)
    await guests[0].stop()
    await theater.settled()

    assert await host.ask(Host.book) >= 3
    assert (theater.statistics().failures, theater.statistics().unaccounted) == (0, 0)
    assert host._cell.waits in (None, set())
    assert not host._cell.theater.held


async def talk_within(host: ActorRef[Host], limit: float) -> None:
    with anyio.move_on_after(limit):
        async with await host.open(Host.echo) as channel:
            while True:
                await channel.send("again")
                await channel.receive()
                await anyio.sleep(0.2)


async def test_messages_that_open_streams_and_channels_are_counted_like_others(theater: Theater) -> None:
    host, guest = await theater.spawn(Host()), await theater.spawn(Guest())
    await guest.ask(Guest.talk, host, [1])
    with contextlib.suppress(RefusedError):
        await host.open(Host.refuse)
    await theater.settled()

    now = theater.statistics()

    assert (now.sent, now.handled, now.unaccounted) == (3, 3, 0)


async def test_a_channel_tells_how_it_stands(theater: Theater) -> None:
    host = await theater.spawn(Host(), name="h")

    async with await host.open(Host.hear) as channel:
        assert repr(channel) == "<Channel Host.hear of 'h' open>"

    assert repr(channel) == "<Channel Host.hear of 'h' closed>"
