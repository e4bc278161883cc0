"""Forwarding: another actor answers whoever asked; giving up, waits and the record follow the message."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from independent_verifier import Verifier
from test_deferring import Waiting, give_up, waiting
from test_durable_messages import SlowJournal
from told import kinds, meanwhile, only, told, triple

from theater import Actor, ActorRef, History, Theater, handler
from theater.errors import ActorFailedError, AskCycleError, MailboxFullError, NotRunningError

__all__ = ["waiting"]  # the fixture

HOUR = 3600.0


class NoRoomError(Exception):
    pass


class Clerk(Actor):
    """Does what he is asked, or sends it on to the next one."""

    next: ActorRef[Clerk] | None = None
    done: list[str] = []  # noqa: RUF012  # given fresh to each instance

    @handler(raises=(NoRoomError,))
    async def file(self, paper: str, copies: list[int], *, how: str = "") -> list[Any]:
        if self.next is not None:
            self.done.append(f"forwarded {paper}")
            copies.append(99)
            return await self.context.forward(self.next)
        match how:
            case "no room":
                raise NoRoomError(paper)
            case "fail":
                raise ValueError(paper)
            case "later":
                self.context.defer()
            case "long":
                await anyio.sleep(HOUR)
        self.done.append(paper)
        return [paper, copies]

    @handler
    async def lend(self, paper: str) -> list[Any]:
        """Another handler than the one that will answer; goes on after it has forwarded."""
        assert self.next is not None
        await self.context.forward(self.next, Clerk.file, paper.upper(), [0])
        self.done.append("went on")
        return ["ignored"]

    @handler
    async def lend_and_fail(self, paper: str) -> list[Any]:
        assert self.next is not None
        await self.context.forward(self.next, "file", paper, [])
        raise ValueError("after all")

    @handler
    async def lend_if_there_is_room(self, paper: str) -> list[Any]:
        assert self.next is not None
        try:
            return await self.context.forward(self.next, Clerk.file, paper, [])
        except (NotRunningError, MailboxFullError, AskCycleError) as error:
            return [type(error).__name__, str(error)]

    @handler
    async def misuse(self, how: str, other: ActorRef[Any]) -> list[Any]:
        match how:
            case "twice":
                await self.context.forward(other, "file", "a", [])
                await self.context.forward(other, "file", "b", [])
            case "defer first":
                self.context.defer()
                await self.context.forward(other, "file", "a", [])
            case "defer then":
                await self.context.forward(other, "file", "a", [])
                self.context.defer()
            case "wrong arguments":
                await self.context.forward(other, "file", "a")
            case "no such handler":
                await self.context.forward(other)
        return []

    @handler
    async def serve(self) -> None:
        for reply in self.context.deferred:
            reply.answer(["late", *reply.message.args])

    @handler
    async def rest(self, seconds: float) -> None:
        await anyio.sleep(seconds)

    @handler
    async def read(self) -> list[str]:
        return self.done

    @handler
    async def order(self, whom: ActorRef[Clerk], paper: str, how: str) -> list[Any]:
        """Ask from inside a handler."""
        try:
            return await whom.ask(Clerk.file, paper, [1], how=how)
        except (NoRoomError, ActorFailedError, NotRunningError, MailboxFullError) as error:
            return [type(error).__name__, str(error)]

    @handler
    async def order_within(self, whom: ActorRef[Clerk], seconds: float) -> None:
        with anyio.move_on_after(seconds):
            self.done.append(str(await whom.ask(Clerk.file, "limited", [], how="later")))

    @handler
    async def lend_to(self, whom: ActorRef[Clerk]) -> list[Any]:
        try:
            return await self.context.forward(whom, Clerk.read)
        except AskCycleError as error:
            return [str(error), str(error.message)]

    @handler
    async def ask_to_lend(self, first: ActorRef[Clerk], then: ActorRef[Clerk]) -> list[Any]:
        return await first.ask(Clerk.lend_to, then)

    @handler
    async def tell(self, whom: ActorRef[Clerk], paper: str) -> None:
        await whom.tell(Clerk.file, paper, [])


def assert_accounts_add_up(theater: Theater) -> None:
    """Every message that was sent is somewhere."""
    now = theater.statistics()
    ended = now.handled + now.failed + now.withdrawn + now.returned + now.dead_letters
    assert now.sent == ended + now.waiting + now.queued + now.stashed + now.at_hand


Office = tuple[ActorRef[Clerk], ActorRef[Clerk], ActorRef[Clerk]]


@pytest.fixture
async def office(theater: Theater) -> Office:
    """Three clerks: what the first or the second is asked, the third does."""
    return await open_office(theater)


async def open_office(theater: Theater, **options: Any) -> Office:
    last = await theater.spawn(Clerk(), name="last", **options)
    middle = await theater.spawn(Clerk(next=last), name="middle")
    return await theater.spawn(Clerk(next=middle), name="first"), middle, last


# -- the answer ------------------------------------------------------------------------------------------


async def test_the_answer_goes_to_the_first_asker(office: Office) -> None:
    first, middle, last = office

    assert await middle.ask(Clerk.file, "tax", [1]) == ["tax", [1]]
    assert await first.ask(Clerk.file, "rent", [2]) == ["rent", [2]]

    assert await first.ask(Clerk.read) == ["forwarded rent"]
    assert await middle.ask(Clerk.read) == ["forwarded tax", "forwarded rent"]
    assert await last.ask(Clerk.read) == ["tax", "rent"]


async def test_an_asker_that_is_an_actor_has_the_answer_too(theater: Theater, office: Office) -> None:
    asker = await theater.spawn(Clerk())

    assert await asker.ask(Clerk.order, office[0], "tax", "") == ["tax", [1]]


async def test_another_message_may_be_sent_in_its_stead_and_the_handler_goes_on(office: Office) -> None:
    _, middle, last = office

    assert await middle.ask(Clerk.lend, "tax") == ["TAX", [0]]

    assert await middle.ask(Clerk.read) == ["went on"]
    assert await last.ask(Clerk.read) == ["TAX"]


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("no room", ["NoRoomError", "tax"]),
        ("fail", ["ActorFailedError", "Clerk 'last' failed in file: ValueError: tax"]),
    ],
)
async def test_errors_go_to_the_first_asker_as_well(
    theater: Theater, office: Office, how: str, expected: list[str]
) -> None:
    asker = await theater.spawn(Clerk())

    assert await asker.ask(Clerk.order, office[0], "tax", how) == expected

    assert [kinds(theater, one).count("actor/failed") for one in office] == [0, 0, how == "fail"]


async def test_a_forwarder_that_fails_later_keeps_nobody_from_the_answer(
    theater: Theater, office: Office
) -> None:
    _, middle, _ = office

    assert await middle.ask(Clerk.lend_and_fail, "tax") == ["tax", []]

    await theater.settled()
    assert theater.statistics().failures == 1
    body = only(theater, middle, "message/handled").body
    assert (body["forwarded"], body["failed"]) == (True, True)


async def test_a_forwarder_that_ends_keeps_nobody_from_the_answer(waiting: Waiting, office: Office) -> None:
    _, middle, last = office
    await last.tell(Clerk.rest, 60)
    await waiting.ask(middle.ask, Clerk.file, "tax", [])

    await middle.kill()
    await last.ask(Clerk.read)
    await anyio.wait_all_tasks_blocked()

    assert waiting.had == [["tax", []]]


async def test_a_tell_can_be_forwarded(theater: Theater, office: Office) -> None:
    first, middle, last = office
    asker = await theater.spawn(Clerk())

    await first.tell(Clerk.file, "tax", [])
    await asker.ask(Clerk.tell, middle, "rent")
    await theater.settled()

    assert sorted(await last.ask(Clerk.read)) == ["rent", "tax"]
    assert [event.body["ask"] for event in told(theater, middle, "message/sent")] == [False, False]


async def test_what_was_forwarded_may_be_deferred(waiting: Waiting, office: Office, theater: Theater) -> None:
    asker = await theater.spawn(Clerk())
    await waiting.ask(asker.ask, Clerk.order, office[0], "tax", "later")

    await office[2].ask(Clerk.serve)
    await anyio.wait_all_tasks_blocked()

    assert waiting.had == [["late", "tax", [1]]]


async def test_an_actor_may_forward_to_itself_and_so_see_to_the_message_later(theater: Theater) -> None:
    class Late(Actor):
        ready: bool = False

        @handler
        async def work(self, seen: int = 0) -> int:
            if not self.ready:
                return await self.context.forward(self.context.ref, Late.work, seen + 1)
            return seen

        @handler
        async def begin(self) -> None:
            self.ready = True

    late = await theater.spawn(Late())
    await late.tell(Late.begin)

    assert await late.ask(Late.work) == 0

    other = await theater.spawn(Late())
    seen: list[int] = []
    async with anyio.create_task_group() as tasks:

        async def ask() -> None:
            seen.append(await other.ask(Late.work))

        tasks.start_soon(ask)
        await anyio.lowlevel.checkpoint()
        await other.tell(Late.begin)
    assert seen[0] > 0


class Wheel(Actor):
    """Sends what it is asked round to itself, and has its answer brought to another actor."""

    @handler
    async def turn(self, rounds: int, how: str) -> str:
        if rounds:
            return await self.context.forward(self.context.ref, Wheel.turn, rounds - 1, how)
        if how == "later":
            return self.context.defer().pending
        await anyio.sleep(HOUR if how == "long" else 0)
        return how

    @handler
    async def drive(self, wheel: ActorRef[Wheel], rounds: int, how: str) -> str:
        with anyio.move_on_after(60):
            return await wheel.ask(Wheel.turn, rounds, how)
        return "gave up"


@pytest.mark.parametrize(("how", "said"), [("now", "now"), ("long", "gave up"), ("later", "gave up")])
async def test_a_message_may_be_forwarded_thousands_of_times(theater: Theater, how: str, said: str) -> None:
    driver = await theater.spawn(Wheel())

    assert await driver.ask(Wheel.drive, await theater.spawn(Wheel()), 3_000, how) == said

    assert theater.statistics().unaccounted == 0
    if how == "later":
        with anyio.move_on_after(1):
            await driver.ask(Wheel.turn, 3_000, how)
        assert await driver.ask(Wheel.turn, 0, "still there") == "still there"


# -- what can go wrong -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ("defer first", "SetupError: misuse was deferred already"),
        ("wrong arguments", r"TypeError: .*file\(\) missing argument 'copies'"),
        ("no such handler", "TypeError: Plain has no handler 'misuse'"),
    ],
)
async def test_what_cannot_be_forwarded_fails_the_handler_that_tries(
    theater: Theater, office: Office, how: str, error: str
) -> None:
    class Plain(Actor):
        @handler
        async def file(self, paper: str, copies: list[int]) -> list[Any]:
            return [paper, copies]

    other = await theater.spawn(Plain())

    with pytest.raises(ActorFailedError, match=error):
        await office[1].ask(Clerk.misuse, how, other)

    assert kinds(theater, other) == []


async def test_a_message_is_forwarded_once(theater: Theater, office: Office) -> None:
    assert await office[1].ask(Clerk.misuse, "twice", office[2]) == ["a", []]
    await theater.settled()

    assert await office[2].ask(Clerk.read) == ["a"]
    body = only(theater, office[1], "actor/failed").body
    assert body["error"] == {"class": "SetupError", "text": "misuse was forwarded already"}


async def test_what_was_forwarded_cannot_be_deferred(theater: Theater, office: Office) -> None:
    assert await office[1].ask(Clerk.misuse, "defer then", office[2]) == ["a", []]
    await theater.settled()

    text = "misuse was forwarded already"
    assert only(theater, office[1], "actor/failed").body["error"] == {"class": "SetupError", "text": text}


async def test_a_stream_is_not_forwarded(theater: Theater, office: Office) -> None:
    class Yielding(Actor):
        @handler
        async def file(self, to: ActorRef[Clerk]) -> AsyncIterator[str]:
            await self.context.forward(to, Clerk.read)
            yield "never"

    yielding = await theater.spawn(Yielding())

    with pytest.raises(ActorFailedError, match="SetupError: file is a stream or a channel"):
        await anext(yielding.stream(Yielding.file, office[2]))

    assert kinds(theater, office[2]) == []


async def test_what_was_forwarded_may_be_stashed_and_handled_later(
    theater: Theater, waiting: Waiting
) -> None:
    class Shy(Actor):
        ready: bool = False

        @handler
        async def read(self) -> list[str]:
            if not self.ready:
                self.context.stash()
            return ["ready"]

        @handler
        async def begin(self) -> None:
            self.ready = True
            self.context.unstash()

    shy, front, asker = await theater.spawn(Shy()), await theater.spawn(Clerk()), await theater.spawn(Clerk())
    await waiting.ask(asker.ask, Clerk.ask_to_lend, front, shy)
    await give_up(front.ask, Clerk.lend_to, shy)
    assert theater.statistics().stashed == 1

    await shy.ask(Shy.begin)
    await anyio.wait_all_tasks_blocked()

    assert waiting.had == [["ready"]]
    assert_accounts_add_up(theater)


@pytest.mark.parametrize("then", ["forward first", "stash first"])
async def test_a_message_is_forwarded_or_stashed(theater: Theater, office: Office, then: str) -> None:
    class Both(Actor):
        @handler
        async def read(self, to: ActorRef[Clerk]) -> list[str]:
            if then == "stash first":
                self.context.stash()
            await self.context.forward(to, Clerk.read)
            self.context.stash()
            return []

    both = await theater.spawn(Both())
    await both.tell(Both.read, office[2])
    await theater.settled()

    mark = "stashed" if then == "stash first" else "forwarded"
    told_of = only(theater, both, "actor/failed").body["error"]
    assert told_of == {"class": "SetupError", "text": f"read was {mark} already"}


async def test_nothing_is_forwarded_to_another_theater(theater: Theater) -> None:
    async with Theater() as elsewhere:
        stranger = await elsewhere.spawn(Clerk())

        class Smuggler(Actor):
            def on_load(self) -> None:
                self._stranger = stranger

            @handler
            async def file(self) -> None:
                await self.context.forward(self._stranger, Clerk.read)

        smuggler = await theater.spawn(Smuggler())
        with pytest.raises(ActorFailedError, match=r"SetupError: .* is an actor of another theater"):
            await smuggler.ask(Smuggler.file)
        assert await stranger.ask(Clerk.read) == []


async def test_an_actor_that_has_ended_gets_nothing_and_the_forwarder_may_answer_itself(
    theater: Theater, office: Office
) -> None:
    _, middle, last = office
    await last.stop()

    assert await middle.ask(Clerk.lend_if_there_is_room, "tax") == ["NotRunningError", "last has ended"]

    refused = only(theater, middle, "message/refused")
    assert (refused.body["ask"], refused.body["error"]["class"]) == (True, "NotRunningError")
    assert_accounts_add_up(theater)


async def test_nothing_is_forwarded_by_a_handler_that_is_cut_off_as_the_theater_closes() -> None:
    class Stubborn(Actor):
        to: ActorRef[Clerk]

        @handler
        async def read(self) -> list[str]:
            try:
                await anyio.sleep(HOUR)
            finally:
                await self.context.forward(self.to)
            return []

    theater = Theater(closing=0)
    await theater.open()
    stubborn = await theater.spawn(Stubborn(to=await theater.spawn(Clerk())))
    await stubborn.tell(Stubborn.read)
    await anyio.wait_all_tasks_blocked()

    await theater.close()

    assert not told(theater, stubborn, "message/sent")


async def test_one_that_ends_with_the_message_in_its_mailbox_hands_it_back_to_the_asker(
    waiting: Waiting, office: Office, theater: Theater
) -> None:
    asker = await theater.spawn(Clerk())
    await office[2].tell(Clerk.rest, HOUR)
    await waiting.ask(asker.ask, Clerk.order, office[0], "tax", "")
    await waiting.ask(office[0].ask, Clerk.file, "rent", [])

    await office[2].kill()
    await anyio.wait_all_tasks_blocked()

    inside, outside = sorted(waiting.had, key=lambda had: isinstance(had, Exception))
    assert inside == ["NotRunningError", "last has ended"]
    assert isinstance(outside, NotRunningError)
    assert outside.message is not None
    assert (outside.message.to, outside.message.args) == (office[2], ("rent", []))
    dead = told(theater, office[2], "message/dead")[0]
    assert only(theater, asker, "message/answered").body["from"] == triple(dead)


async def test_forwarding_waits_for_room(theater: Theater, waiting: Waiting) -> None:
    _, middle, last = await open_office(theater, mailbox=1)
    await last.tell(Clerk.rest, 60)
    await anyio.wait_all_tasks_blocked()
    await last.tell(Clerk.rest, 60)
    await waiting.ask(middle.ask, Clerk.lend_if_there_is_room, "tax")
    assert told(theater, middle, "message/sent") == []

    assert await middle.ask(Clerk.read) == []
    assert anyio.current_time() == 60
    await anyio.sleep(HOUR)

    assert waiting.had == [["tax", []]]


@pytest.mark.parametrize("overflow", ["fail", "drop_newest"])
async def test_a_full_mailbox_that_does_not_wait_tells_somebody(theater: Theater, overflow: str) -> None:
    _, middle, last = await open_office(theater, mailbox=1, overflow=overflow)
    await last.tell(Clerk.rest, 60)
    await anyio.wait_all_tasks_blocked()
    await last.tell(Clerk.rest, 60)

    if overflow == "fail":
        assert (await middle.ask(Clerk.lend_if_there_is_room, "tax"))[0] == "MailboxFullError"
    else:
        with pytest.raises(MailboxFullError, match="the mailbox of last is full"):
            await middle.ask(Clerk.file, "tax", [])


# -- giving up -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("inside", [False, True])
async def test_the_first_askers_giving_up_withdraws_what_was_not_begun(
    theater: Theater, office: Office, *, inside: bool
) -> None:
    first, middle, last = office
    asker = await theater.spawn(Clerk())
    await last.tell(Clerk.rest, 60)

    if inside:
        await give_up(asker.ask, Clerk.order, first, "tax", "")
    else:
        await give_up(first.ask, Clerk.file, "tax", [])
    await anyio.wait_all_tasks_blocked()
    assert theater.statistics().queued == 0

    assert await last.ask(Clerk.read) == []
    for one in (first, middle):
        sent = only(theater, one, "message/sent")
        assert only(theater, one, "message/withdrawn").body == {"message": sent.seq}


async def test_the_first_askers_giving_up_makes_the_last_handler_give_up(theater: Theater) -> None:
    slow, asking = await theater.spawn(Clerk()), await theater.spawn(Clerk())

    class Front(Actor):
        @handler
        async def order(self, to: ActorRef[Clerk], whom: ActorRef[Clerk]) -> list[Any]:
            return await self.context.forward(to, Clerk.order, whom, "tax", "long")

    front = await theater.spawn(Front())

    await give_up(front.ask, Front.order, asking, slow)
    await anyio.wait_all_tasks_blocked()

    assert only(theater, asking, "message/handled").body["abandoned"] is True
    assert "abandoned" not in only(theater, front, "message/handled").body
    sent = only(theater, front, "message/sent")
    assert only(theater, front, "message/withdrawn").body == {"message": sent.seq}


async def test_the_first_askers_giving_up_closes_a_reply_that_the_last_one_owes(
    theater: Theater, office: Office
) -> None:
    asker = await theater.spawn(Clerk())

    await asker.ask(Clerk.order_within, office[0], 10)

    assert only(theater, office[2], "message/answered").body["abandoned"] is True
    assert [len(told(theater, one, "message/withdrawn")) for one in (asker, *office)] == [1, 1, 1, 0]


async def test_giving_up_in_the_moment_of_being_handed_on_loses_no_count(theater: Theater) -> None:
    _, middle, last = await open_office(theater, mailbox=1)
    await last.tell(Clerk.rest, 10)
    await anyio.wait_all_tasks_blocked()
    await last.tell(Clerk.rest, 10)

    await give_up(middle.ask, Clerk.file, "tax", [])
    await theater.settled()

    assert_accounts_add_up(theater)


async def test_the_first_askers_giving_up_reaches_a_forwarder_that_waits_for_room(theater: Theater) -> None:
    _, middle, last = await open_office(theater, mailbox=1)
    await last.tell(Clerk.rest, HOUR)
    await anyio.wait_all_tasks_blocked()
    await last.tell(Clerk.rest, HOUR)

    await give_up(middle.ask, Clerk.file, "tax", [])

    assert await middle.ask(Clerk.read) == ["forwarded tax"]
    assert anyio.current_time() == 10
    assert told(theater, middle, "message/handled")[0].body["abandoned"] is True
    assert only(theater, middle, "message/refused").body["error"]["class"] == "TimeoutError"


async def test_giving_up_adds_nothing_to_the_chain_of_a_forwarder_that_has_ended(
    theater: Theater, office: Office
) -> None:
    _, middle, last = office
    await last.tell(Clerk.rest, 60)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(give_up, middle.ask, Clerk.file, "tax", [])
        await anyio.wait_all_tasks_blocked()
        await middle.stop()

    assert kinds(theater, middle)[-1] == "actor/stopped"
    assert await last.ask(Clerk.read) == []


async def test_what_was_done_is_not_withdrawn_by_an_asker_that_no_longer_waits_for_the_disk(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    journal = SlowJournal()
    monkeypatch.setattr("theater.notary.choice.MemoryJournal", lambda **_: journal)
    async with Theater() as theater:
        _, middle, last = await open_office(theater)
        journal.holds_back = True

        await give_up(middle.ask, Clerk.file, "tax", [])

        assert "message/handled" in kinds(theater, last)
        assert told(theater, middle, "message/withdrawn") == []
        journal.holds_back = False
        journal.commit()


SENDING: list[asyncio.Task[Any]] = []


async def test_what_was_handed_on_stands_if_the_forwarder_is_cancelled_in_that_moment(
    theater: Theater,
) -> None:
    class Meddling(Clerk):
        @handler
        async def meddle(self) -> None:
            SENDING[0].cancel()  # this message has just left its place to the forwarded one
            await anyio.sleep(1)

    class Hesitant(Actor):
        @handler
        async def file(self, to: ActorRef[Clerk]) -> list[Any]:
            forwarding: Coroutine[Any, Any, list[Any]] = self.context.forward(to, Clerk.file, "tax", [])
            SENDING[:] = [asyncio.get_running_loop().create_task(forwarding)]
            with pytest.raises(asyncio.CancelledError):
                await SENDING[0]
            return ["ignored"]

    last, front = await theater.spawn(Meddling(), mailbox=1), await theater.spawn(Hesitant())
    await last.tell(Clerk.rest, 60)
    await anyio.wait_all_tasks_blocked()
    await last.tell(Meddling.meddle)

    assert await front.ask(Hesitant.file, last) == ["tax", []]

    assert told(theater, front, "message/withdrawn") == []
    assert_accounts_add_up(theater)


async def test_nothing_is_forwarded_for_an_asker_that_has_left_already(theater: Theater) -> None:
    last = await theater.spawn(Clerk())

    class Slow(Actor):
        @handler
        async def read(self) -> list[str]:
            await anyio.sleep(60)
            return await self.context.forward(last)

    slow = await theater.spawn(Slow())

    await give_up(slow.ask, Slow.read)
    await theater.settled()

    assert kinds(theater, last) == []
    assert only(theater, slow, "message/handled").body["abandoned"] is True


# -- the graph of waits ----------------------------------------------------------------------------------


async def test_forwarding_to_whoever_waits_for_the_answer_is_refused(
    theater: Theater, office: Office
) -> None:
    first, middle, last = office

    answer = await first.ask(Clerk.ask_to_lend, middle, first)

    assert answer[0] == "waiting would close a circle: first → first"
    refused = only(theater, middle, "message/refused")
    assert refused.body["error"]["class"] == "AskCycleError"
    assert_accounts_add_up(theater)
    assert await last.ask(Clerk.read) == []


async def test_forwarding_to_one_that_waits_for_the_asker_is_refused(theater: Theater) -> None:
    class Node(Actor):
        @handler
        async def ping(self) -> str:
            return "pong"

        @handler
        async def ask_after(self, seconds: float, other: ActorRef[Node]) -> str:
            await anyio.sleep(seconds)
            return await other.ask(Node.ping)

        @handler
        async def hand_on_after(self, seconds: float, to: ActorRef[Node]) -> str:
            await anyio.sleep(seconds)
            try:
                return await self.context.forward(to, Node.ping)
            except AskCycleError as error:
                return str(error)

        @handler
        async def ask_to_hand_on(self, by: ActorRef[Node], seconds: float, to: ActorRef[Node]) -> str:
            return await by.ask(Node.hand_on_after, seconds, to)

    a, b, c = [await theater.spawn(Node(), name=name) for name in "abc"]
    answers: list[str] = []
    async with anyio.create_task_group() as tasks:

        async def ask() -> None:
            answers.append(await a.ask(Node.ask_to_hand_on, b, 10, c))

        tasks.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        meanwhile(tasks, c.ask, Node.ask_after, 5, a)

    assert answers == ["waiting would close a circle: a → c → a"]


async def test_the_wait_moves_with_the_message(waiting: Waiting, theater: Theater) -> None:
    """Whoever forwarded is free of the asker: it may ask it. Whoever has the message is not."""

    class Asking(Clerk):
        @handler
        async def ask_it(self, whom: ActorRef[Clerk]) -> str:
            try:
                return str(await whom.ask(Clerk.read))
            except AskCycleError as error:
                return str(error)

    last = await theater.spawn(Asking(), name="end")
    middle = await theater.spawn(Asking(next=last), name="between")
    asker = await theater.spawn(Clerk(), name="asker")
    await waiting.ask(asker.ask, Clerk.order, middle, "tax", "later")

    assert await last.ask(Asking.ask_it, asker) == "waiting would close a circle: end → asker → end"

    await waiting.ask(middle.ask, Asking.ask_it, asker)
    assert waiting.had == []
    await last.ask(Clerk.serve)
    await anyio.wait_all_tasks_blocked()
    assert waiting.had[0] == ["late", "tax", [1]]
    assert waiting.had[1] == "[]"


# -- the record ------------------------------------------------------------------------------------------


async def test_the_record_of_a_forwarded_message(theater: Theater) -> None:
    last = await theater.spawn(Clerk())
    middle, asker = await theater.spawn(Clerk(next=last)), await theater.spawn(Clerk())
    await asker.ask(Clerk.order, middle, "tax", "")

    asked = only(theater, asker, "message/sent")
    received = only(theater, middle, "message/received")
    assert received.body["from"] == triple(asked)
    sent = only(theater, middle, "message/sent")
    assert sent.body == {
        "to": last.id,
        "ask": True,
        "args": ["tax", [1]],
        "kwargs": {"how": ""},
        "handler": "file",
        "forwards": received.seq,
    }
    body = only(theater, middle, "message/handled").body
    assert {key: body[key] for key in body if key != "state"} == {"message": received.seq, "forwarded": True}
    handled = only(theater, last, "message/handled")
    assert (handled.body["from"], handled.body["ask"]) == (triple(sent), True)
    assert only(theater, asker, "message/answered").body == {
        "answer": ["tax", [1]],
        "from": triple(handled),
        "message": asked.seq,
    }
    assert told(theater, middle, "message/answered") == []


async def test_without_recorded_messages_forwarding_works_too() -> None:
    async with Theater(record_messages=False) as theater:
        first, middle, last = await open_office(theater)

        assert await first.ask(Clerk.file, "tax", [1]) == ["tax", [1]]
        await last.tell(Clerk.rest, 60)
        await give_up(first.ask, Clerk.file, "rent", [])
        assert await last.ask(Clerk.read) == ["tax"]
        assert kinds(theater, middle) == []


@pytest.mark.virtual_clock(seeds=10)
async def test_in_any_order_of_events_each_forwarded_ask_ends_once(theater: Theater) -> None:
    first, middle, last = await open_office(theater, mailbox=1)
    askers = [await theater.spawn(Clerk()) for _ in range(3)]

    async with anyio.create_task_group() as tasks:
        for seconds in (0.5, 1, 1.5):
            for asker in askers:
                meanwhile(tasks, asker.ask, Clerk.order_within, first, seconds)
            meanwhile(tasks, last.ask, Clerk.rest, 0.4)
            meanwhile(tasks, last.ask, Clerk.serve)
    await theater.settled()
    await last.ask(Clerk.serve)

    assert theater.statistics().failures == 0
    assert_accounts_add_up(theater)
    for asker in askers:
        ends = told(theater, asker, "message/answered") + told(theater, asker, "message/withdrawn")
        assert sorted(event.body["message"] for event in ends) == [
            event.seq for event in told(theater, asker, "message/sent")
        ]
    received = [one for one in told(theater, last, "message/received") if one.body["handler"] == "file"]
    owed = sorted(event.body["reply"] for event in told(theater, last, "message/answered"))
    assert owed == [event.seq for event in received]
    withdrawn = {one.body["message"] for one in told(theater, middle, "message/withdrawn")}
    for sent in told(theater, middle, "message/sent"):
        assert sent.seq in withdrawn or triple(sent) in [one.body["from"] for one in received]


# -- durable theaters ------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["", "no room", "fail"])
async def test_the_world_outside_has_the_last_ones_answer_once_it_is_committed(
    waiting: Waiting, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    journal = SlowJournal()
    monkeypatch.setattr("theater.notary.choice.MemoryJournal", lambda **_: journal)
    async with Theater() as theater:
        first, _, last = await open_office(theater)
        journal.holds_back = True

        await waiting.ask(lambda: first.ask(Clerk.file, "tax", [], how=how))
        assert ("message/handled" in kinds(theater, last), waiting.had) == (True, [])

        journal.holds_back = False
        journal.commit()
        await anyio.wait_all_tasks_blocked()
        assert len(waiting.had) == 1


GATES: list[anyio.Event] = []


class Held(Actor):
    """Is busy until the gate opens."""

    done: list[str] = []  # noqa: RUF012  # given fresh to each instance

    @handler
    async def hold(self) -> None:
        await GATES[0].wait()

    @handler
    async def work(self, what: str) -> None:
        self.done.append(what)

    @handler
    async def read(self) -> list[str]:
        return self.done


class Front(Actor):
    held: ActorRef[Held]

    @handler
    async def work(self, what: str) -> None:
        del what
        return await self.context.forward(self.held)

    @handler
    async def ping(self) -> None: ...


@pytest.mark.real_clock
@pytest.mark.parametrize("crashes", [False, True])
async def test_what_was_forwarded_and_not_begun_is_done_once_after_a_close_or_a_crash(
    tmp_path: Path, *, crashes: bool
) -> None:
    GATES[:] = [anyio.Event()]
    folder, image = tmp_path / "theater", tmp_path / "as it was"
    async with Theater(folder, closing=0) as theater:
        asker, (_, middle, _) = await theater.spawn(Clerk()), await open_office(theater)
        assert await asker.ask(Clerk.order, middle, "tax", "") == ["tax", [1]]
        held = await theater.spawn(Held(), name="held")
        front = await theater.spawn(Front(held=held))
        await held.tell(Held.hold)
        await front.tell(Front.work, "once")
        await front.ask(Front.ping)
        shutil.copytree(folder, image)

    GATES[0].set()
    async with Theater(image if crashes else folder) as theater:
        resumed = await theater.resume(classes=[Clerk, Held, Front])
        assert resumed.left == ()
        assert await theater.find("held").ask(Held.read) == ["once"]

    for path in (folder, image):
        report, other = History(path).verify(), Verifier(path)
        assert (report.ok, other.ok) == (True, True), (report.wrong, other.wrong)
