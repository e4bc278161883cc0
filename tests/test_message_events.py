"""Message events: one for a simple message, intent before outcome for the rest; chains name each other."""

from __future__ import annotations

import struct
from collections import Counter as Bag
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import anyio
import pytest
from told import kinds, meanwhile, only, told, triple

from theater import Actor, ActorRef, Theater, handler
from theater.codec import ActorAddress, Outlined
from theater.errors import ActorFailedError, AskCycleError, MailboxFullError, NotRunningError
from theater.event import Event
from theater.restart import Reason, RestartLimit


@dataclass
class Secretive:
    """Its name and its fields' names are nobody's business but the program's."""

    some_field: int


class TooPoorError(Exception):
    def __init__(self, missing: int) -> None:
        super().__init__(f"{missing} missing")
        self.missing = missing


class Account(Actor):
    balance: int = 0

    @handler
    async def add(self, amount: int, *, fee: int = 0) -> int:
        self.balance += amount - fee
        return self.balance

    @handler(raises=(TooPoorError,))
    async def take(self, amount: int) -> int:
        self.balance -= 1
        if amount > self.balance:
            raise TooPoorError(amount - self.balance)
        self.balance -= amount
        return self.balance

    @handler
    async def read(self) -> int:
        return self.balance

    @handler
    async def fail(self, text: str) -> None:
        self.balance = -999
        raise ValueError(text)

    @handler
    async def rest(self, seconds: float) -> None:
        await anyio.sleep(seconds)

    @handler
    async def look_at(self, thing: Any) -> Any:
        return thing

    @handler
    async def show(self, secretive: Secretive) -> Secretive:
        return secretive


class Notebook(Actor):
    pages: bytes | list[str] = b""

    @handler
    async def write(self, pages: bytes | list[str]) -> None:
        self.pages = pages


class Teller(Actor):
    """Reaches accounts from inside its handlers."""

    @handler
    async def tell(self, account: ActorRef[Account], amount: int) -> None:
        await account.tell(Account.add, amount, fee=1)

    @handler
    async def tell_and_fail(self, account: ActorRef[Account], amount: int) -> None:
        await account.tell(Account.add, amount)
        raise ValueError("after telling")

    @handler
    async def ask(self, account: ActorRef[Account], amount: int) -> int:
        return await account.ask(Account.add, amount)

    @handler
    async def ask_for_trouble(self, account: ActorRef[Account], what: str) -> str:  # noqa: C901  # a line for each
        """Ask for something that raises, and say what came."""
        try:
            match what:
                case "take":
                    await account.ask(Account.take, 100)
                case "fail":
                    await account.ask(Account.fail, "broken")
                case "rest":
                    await account.ask(Account.rest, 60)
                case "full":
                    account.tell_nowait(Account.add, 1)
                case "limit":
                    with anyio.fail_after(1):
                        await account.tell(Account.add, 1)
                case "self":
                    await self.context.ref.ask(Teller.ping)
                case "stop":
                    await account.stop()
                case "kill":
                    await account.kill()
                case "end":
                    await self.context.ref.stop()
        except Exception as error:  # noqa: BLE001  # whatever it is, it is told
            return type(error).__name__
        return "none"

    @handler
    async def ping(self) -> None:
        pass

    @handler
    async def look_at_the_clock(self) -> str:
        return self.context.now().isoformat()

    @handler
    async def throw_dice(self) -> int:
        return self.context.random.randrange(6)

    @handler
    async def whoami(self) -> str:
        return self.context.name + self.context.ref.name + str(self.context.id)


async def pair(theater: Theater, **options: Any) -> tuple[ActorRef[Account], ActorRef[Teller]]:
    account = await theater.spawn(Account(balance=10), name="account", **options)
    return account, await theater.spawn(Teller(), name="teller")


# -- one event for a simple message ----------------------------------------------------------------------


async def test_a_simple_tell_is_one_event_with_what_came_and_what_changed(theater: Theater) -> None:
    account, _ = await pair(theater)

    await account.tell(Account.add, 5)
    await theater.settled()

    _, event = theater.chain(account)
    assert event.kind == "message/handled"
    assert event.body == {"args": [5], "ask": False, "from": None, "handler": "add", "state": {"balance": 15}}


async def test_a_simple_ask_is_one_event_with_its_answer_too(theater: Theater) -> None:
    account, _ = await pair(theater)

    await account.ask(Account.add, 5, fee=1)

    assert [event.body for event in theater.chain(account)][1:] == [
        {
            "answer": 14,
            "args": [5],
            "ask": True,
            "from": None,
            "handler": "add",
            "kwargs": {"fee": 1},
            "state": {"balance": 14},
        }
    ]


async def test_state_that_did_not_change_is_not_repeated(theater: Theater) -> None:
    account, _ = await pair(theater)

    await account.ask(Account.read)
    await account.ask(Account.add, 0)

    assert [event.body.get("state") for event in told(theater, account, "message/handled")] == [None, None]
    assert all("state" not in event.body for event in told(theater, account, "message/handled"))


async def test_only_the_fields_of_the_state_stand_in_the_record_all_of_them(theater: Theater) -> None:
    class Two(Actor):
        one: int = 1
        two: int = 2
        _scratch: int = 3

        @handler
        async def change(self) -> None:
            self.one = self._scratch = 11

    two = await theater.spawn(Two())

    await two.ask(Two.change)

    assert only(theater, two, "message/handled").body["state"] == {"one": 11, "two": 2}


async def test_state_of_more_than_4_kib_is_not_repeated_with_each_message_but_said_to_have_changed(
    theater: Theater,
) -> None:
    notebook = await theater.spawn(Notebook())

    await notebook.ask(Notebook.write, ["x" * 1000] * 3)
    await notebook.ask(Notebook.write, ["x" * 1000] * 5)

    small, large = told(theater, notebook, "message/handled")
    assert small.body["state"] == {"pages": ["x" * 1000] * 3}
    assert large.body["state"] is None
    assert "state" in large.body


async def test_what_a_context_knows_without_asking_needs_no_event(theater: Theater) -> None:
    _, teller = await pair(theater)

    await teller.ask(Teller.whoami)

    assert kinds(theater, teller) == ["message/handled"]


# -- intent before, outcome after ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["look_at_the_clock", "throw_dice"])
async def test_a_message_that_asks_its_context_is_recorded_as_received_and_then_as_handled(
    theater: Theater, name: str
) -> None:
    _, teller = await pair(theater)

    answer = await teller.ask(name)

    received, handled = [*theater.chain(teller)][1:]
    assert (received.kind, received.body) == (
        "message/received",
        {"args": [], "ask": True, "from": None, "handler": name},
    )
    assert (handled.kind, handled.body) == ("message/handled", {"answer": answer, "message": received.seq})


async def test_a_received_message_that_changes_the_state_says_so_when_it_is_handled(theater: Theater) -> None:
    class Clock(Actor):
        last: str = ""

        @handler
        async def tick(self) -> None:
            self.last = self.context.now().isoformat()

    clock = await theater.spawn(Clock())

    await clock.tell(Clock.tick)
    await theater.settled()

    handled = only(theater, clock, "message/handled")
    assert handled.body == {
        "message": only(theater, clock, "message/received").seq,
        "state": {"last": "2001-09-09T01:46:40+00:00"},
    }


async def test_a_tell_to_another_actor_is_recorded_as_sent_and_names_whom(theater: Theater) -> None:
    account, teller = await pair(theater)

    await teller.ask(Teller.tell, account, 5)
    await theater.settled()

    assert kinds(theater, teller) == ["message/received", "message/sent", "message/handled"]
    assert only(theater, teller, "message/received").body["args"] == [ActorAddress(account.id), 5]
    assert only(theater, teller, "message/sent").body == {
        "args": [5],
        "ask": False,
        "handler": "add",
        "kwargs": {"fee": 1},
        "to": account.id,
    }


async def test_an_ask_is_recorded_as_sent_and_its_answer_when_it_has_come(theater: Theater) -> None:
    account, teller = await pair(theater)

    await teller.ask(Teller.ask, account, 5)

    assert kinds(theater, teller) == [
        "message/received",
        "message/sent",
        "message/answered",
        "message/handled",
    ]
    sent, handled = only(theater, teller, "message/sent"), only(theater, account, "message/handled")
    assert sent.body == {"args": [5], "ask": True, "handler": "add", "to": account.id}
    assert only(theater, teller, "message/answered").body == {
        "answer": 15,
        "from": triple(handled),
        "message": sent.seq,
    }
    assert handled.body["from"] == triple(sent)


async def test_what_was_sent_before_a_failure_was_sent(theater: Theater) -> None:
    account, teller = await pair(theater)

    with pytest.raises(ActorFailedError):
        await teller.ask(Teller.tell_and_fail, account, 5)

    assert await account.ask(Account.read) == 15
    assert kinds(theater, teller) == [
        "message/received",
        "message/sent",
        "message/handled",
        "actor/failed",
        "actor/restarted",
    ]


async def test_a_message_is_recorded_as_sent_when_it_gets_its_place_not_while_it_waits_for_room(
    theater: Theater,
) -> None:
    account, teller = await pair(theater, mailbox=1)
    await account.tell(Account.rest, 60)
    await anyio.wait_all_tasks_blocked()
    await account.tell(Account.read)

    async with anyio.create_task_group() as tasks:
        meanwhile(tasks, teller.ask, Teller.tell, account, 5)
        await anyio.wait_all_tasks_blocked()
        assert kinds(theater, teller) == ["message/received"]

    assert kinds(theater, teller) == ["message/received", "message/sent", "message/handled"]


async def test_recorded_as_sent_and_not_as_received_is_exactly_what_lies_in_mailboxes(
    theater: Theater,
) -> None:
    account, teller = await pair(theater)
    await account.tell(Account.rest, 60)
    await anyio.wait_all_tasks_blocked()

    for amount in (1, 2, 3):
        await teller.ask(Teller.tell, account, amount)
    waiting = unreceived(theater, account, teller)
    await theater.settled()

    assert [event.body["args"] for event in waiting] == [[1], [2], [3]]
    assert unreceived(theater, account, teller) == []


def unreceived(theater: Theater, *actors: ActorRef[Any]) -> list[Event]:
    events = [event for actor in actors for event in theater.chain(actor)]
    received = [event.body.get("from") for event in events if event.kind.startswith("message/")]
    return [event for event in events if event.kind == "message/sent" and triple(event) not in received]


# -- every outcome ---------------------------------------------------------------------------------------


async def test_a_declared_exception_is_an_answer_with_class_text_attributes_and_state(
    theater: Theater,
) -> None:
    account, teller = await pair(theater)

    assert await teller.ask(Teller.ask_for_trouble, account, "take") == "TooPoorError"

    error = {"attributes": {"missing": 91}, "class": "TooPoorError", "text": "91 missing"}
    handled, answered = only(theater, account, "message/handled"), only(theater, teller, "message/answered")
    assert handled.body["error"] == error
    assert handled.body["state"] == {"balance": 9}
    assert "failed" not in handled.body
    sent = only(theater, teller, "message/sent")
    assert answered.body == {"error": error, "from": triple(handled), "message": sent.seq}


async def test_a_failure_is_said_of_the_message_of_the_actor_and_to_the_asker(theater: Theater) -> None:
    account, teller = await pair(theater)

    assert await teller.ask(Teller.ask_for_trouble, account, "fail") == "ActorFailedError"

    error = {"class": "ValueError", "text": "broken"}
    assert kinds(theater, account) == ["message/handled", "actor/failed", "actor/restarted"]
    handled = only(theater, account, "message/handled")
    assert (handled.body["error"], handled.body["failed"], "state" in handled.body) == (error, True, False)
    assert only(theater, account, "actor/failed").body["error"] == error
    answered = only(theater, teller, "message/answered")
    assert answered.body == {
        "error": error,
        "failed": True,
        "from": triple(handled),
        "message": only(theater, teller, "message/sent").seq,
    }


async def test_a_message_cut_off_by_a_kill_is_handled_with_an_error(theater: Theater) -> None:
    account, teller = await pair(theater)

    async with anyio.create_task_group() as tasks:
        meanwhile(tasks, teller.ask, Teller.ask_for_trouble, account, "rest")
        await anyio.wait_all_tasks_blocked()
        await account.kill()

    handled = only(theater, account, "message/handled")
    assert (handled.body["error"]["class"], handled.body["failed"]) == ("Cancelled", True)
    assert kinds(theater, account) == ["message/handled", "actor/stopped"]
    assert only(theater, teller, "message/answered").body["from"] == triple(handled)


async def test_messages_that_nobody_will_handle_are_dead_and_their_askers_are_told(theater: Theater) -> None:
    account, teller = await pair(theater)
    await account.tell(Account.rest, 60)
    await anyio.wait_all_tasks_blocked()
    await account.tell(Account.add, 1, fee=2)

    async with anyio.create_task_group() as tasks:
        meanwhile(tasks, teller.ask, Teller.ask_for_trouble, account, "take")
        await anyio.wait_all_tasks_blocked()
        await account.kill()

    first, second = told(theater, account, "message/dead")
    sent = only(theater, teller, "message/sent")
    assert first.body == {"args": [1], "ask": False, "from": None, "handler": "add", "kwargs": {"fee": 2}}
    assert second.body == {"args": [100], "ask": True, "from": triple(sent), "handler": "take"}
    assert only(theater, teller, "message/answered").body == {
        "error": {"class": "NotRunningError", "text": "account has ended"},
        "from": triple(second),
        "message": sent.seq,
    }
    assert theater.statistics().dead_letters == 2


@pytest.mark.parametrize(
    ("what", "error"),
    [("full", MailboxFullError), ("limit", TimeoutError), ("self", AskCycleError), ("end", AskCycleError)],
)
async def test_a_message_that_was_not_delivered_is_refused_on_record(
    theater: Theater, what: str, error: type[Exception]
) -> None:
    account, teller = await pair(theater, mailbox=1)
    await account.tell(Account.rest, 60)
    await anyio.wait_all_tasks_blocked()
    await account.tell(Account.read)

    assert await teller.ask(Teller.ask_for_trouble, account, what) == error.__name__

    refused = only(theater, teller, "message/refused")
    assert kinds(theater, teller) == ["message/received", "message/refused", "message/handled"]
    assert {"args", "ask", "handler", "to", "error"} <= set(refused.body)
    if what != "limit":
        assert refused.body["error"]["class"] == error.__name__
    assert refused.body["to"] == (account.id if what in {"full", "limit"} else teller.id)


async def test_a_message_to_one_that_has_ended_is_refused_on_record(theater: Theater) -> None:
    account, teller = await pair(theater)
    await account.stop()

    assert await teller.ask(Teller.ask_for_trouble, account, "take") == NotRunningError.__name__

    assert only(theater, teller, "message/refused").body == {
        "args": [100],
        "ask": True,
        "error": {"class": "NotRunningError", "text": "account has ended"},
        "handler": "take",
        "to": account.id,
    }


async def test_a_message_refused_for_what_it_holds_leaves_no_trace_but_in_the_handlers_outcome(
    theater: Theater,
) -> None:
    class Clumsy(Actor):
        @handler
        async def send(self, account: ActorRef[Account]) -> None:
            await account.tell("look_at", object())

    account, _ = await pair(theater)
    clumsy = await theater.spawn(Clumsy())

    with pytest.raises(ActorFailedError, match="TypeError"):
        await clumsy.ask(Clumsy.send, account)

    assert kinds(theater, account) == []
    assert kinds(theater, clumsy)[0] == "message/handled"


@pytest.mark.parametrize("what", ["stop", "kill"])
async def test_ending_another_actor_is_an_intent_and_an_outcome_too(theater: Theater, what: str) -> None:
    account, teller = await pair(theater)

    assert await teller.ask(Teller.ask_for_trouble, account, what) == "none"

    sent, answered = only(theater, teller, "message/sent"), only(theater, teller, "message/answered")
    assert (sent.body["handler"], sent.body["to"]) == (f"@{what}", account.id)
    assert (answered.body["message"], answered.body["answer"]) == (sent.seq, None)


async def test_hooks_are_recorded_like_messages(theater: Theater) -> None:
    class Hooked(Actor):
        lives: int = 0

        async def on_start(self) -> None:
            self.lives += 1

        async def on_stop(self, reason: Reason) -> None:
            self.lives += 10 if reason is Reason.NORMAL else 100

    hooked = await theater.spawn(Hooked())
    await hooked.stop()

    start, stop = told(theater, hooked, "message/handled")
    assert start.body == {
        "args": [],
        "ask": False,
        "from": None,
        "handler": "on_start",
        "state": {"lives": 1},
    }
    assert (stop.body["handler"], stop.body["args"], stop.body["state"]) == (
        "on_stop",
        ["normal"],
        {"lives": 11},
    )


# -- what stands in an event -----------------------------------------------------------------------------


async def test_bytes_over_1_kib_stand_in_the_event_as_their_hash(theater: Theater) -> None:
    account, _ = await pair(theater)
    short, long = b"s" * 1024, b"l" * 1025

    await account.ask(Account.look_at, [short, long])

    body = only(theater, account, "message/handled").body
    outlined = Outlined(0, sha256(long).digest(), 1025)
    assert body["args"] == [[short, outlined]]
    assert body["answer"] == [short, outlined]


async def test_other_parts_over_32_kib_stand_in_the_event_as_their_hash(theater: Theater) -> None:
    account, _ = await pair(theater)
    text = "x" * 40_000

    assert await account.ask(Account.look_at, text) == text

    event = only(theater, account, "message/handled")
    assert len(event.data) < 1024
    assert isinstance(event.body["answer"], Outlined)


async def test_the_bytes_of_an_event_hold_no_name_of_a_class_that_was_sent(theater: Theater) -> None:
    account, _ = await pair(theater)

    await account.ask(Account.show, Secretive(some_field=5))

    event = only(theater, account, "message/handled")
    assert event.body["args"] == [{"some_field": 5}]
    assert b"Secretive" not in event.data
    assert __name__.encode() not in event.data


async def test_without_recorded_messages_there_are_none() -> None:
    async with Theater(record_messages=False) as theater:
        account, teller = await pair(theater)
        await teller.ask(Teller.ask, account, 5)
        await teller.ask(Teller.tell, account, 5)
        await teller.ask(Teller.look_at_the_clock)
        for what in ("take", "self", "kill", "full"):
            await teller.ask(Teller.ask_for_trouble, account, what)

        assert kinds(theater, teller) == []
        assert kinds(theater, account) == ["actor/stopped"]


# -- chains are woven into each other --------------------------------------------------------------------


@pytest.mark.virtual_clock(seeds=10)
async def test_in_any_order_each_message_has_one_beginning_and_one_end_and_all_names_agree(
    theater: Theater,
) -> None:
    account, teller = await pair(theater, mailbox=2, limit=RestartLimit(restarts=100))
    others = [await theater.spawn(Teller(), name=f"teller-{number}") for number in range(4)]

    async with anyio.create_task_group() as tasks:
        for number, each in enumerate([teller, *others]):
            for what in ("take", "fail", "full", "limit", "self"):
                meanwhile(tasks, each.ask, Teller.ask_for_trouble, account, what)
            meanwhile(tasks, each.ask, Teller.tell, account, number)
            meanwhile(tasks, each.ask, Teller.ask, account, number)
            tasks.start_soon(limited, each, account)
        await anyio.sleep(0.01)
    await account.kill()

    actors = {actor.id: [*theater.chain(actor)] for actor in (account, teller, *others)}
    events = {(event.actor, event.seq): event for chain in actors.values() for event in chain}
    assert all(names_agree(event, events) for event in events.values())
    sent = {place: event.body["ask"] for place, event in events.items() if event.kind == "message/sent"}
    received = [tuple(event.body["from"][:2]) for event in events.values() if is_from_an_actor(event)]
    answered, withdrawn = ends(events, "message/answered"), ends(events, "message/withdrawn")
    assert max(Bag(received).values()) == max(Bag(answered + withdrawn).values()) == 1
    assert {place for place, is_ask in sent.items() if is_ask} == {*answered, *withdrawn}
    assert {*sent} == {*received, *withdrawn}


async def limited(teller: ActorRef[Teller], account: ActorRef[Account]) -> None:
    with anyio.move_on_after(0.001):
        await teller.ask(Teller.ask_for_trouble, account, "rest")


def is_from_an_actor(event: Event) -> bool:
    return "handler" in event.body and event.body.get("from") is not None


def ends(events: dict[tuple[bytes, int], Event], kind: str) -> list[tuple[bytes, int]]:
    """The places of the messages of which an event of this kind tells the end."""
    return [(event.actor, event.body["message"]) for event in events.values() if event.kind == kind]


def names_agree(event: Event, events: dict[tuple[bytes, int], Event]) -> bool:
    """Whether the event of another chain that this one names exists, has that hash, and tells the same."""
    named = event.body.get("from")
    if named is None:
        return True
    other = events[named[0], named[1]]
    if other.hash != named[2]:
        return False
    if event.kind == "message/answered":
        alike = all(event.body.get(key) == other.body.get(key) for key in ("answer", "error"))
        return other.kind == "message/dead" or (other.kind == "message/handled" and alike)
    told_alike = ("args", "ask", "handler", "kwargs")
    return (other.kind, other.body["to"]) == ("message/sent", event.actor) and all(
        event.body.get(key) == other.body.get(key) for key in told_alike
    )


class Meter(Actor):
    """Its fields do not stand in the order in which they are packed."""

    temperature: float = 0.0
    unit: str = "K"
    ünit: str = ""  # noqa: PLC2401
    n: int = 0

    @handler
    async def take(self, value: float) -> float:
        self.temperature = value
        self.n += 1
        return value

    @handler
    async def tell_on(self, other: ActorRef[Meter], value: float) -> float:
        await other.tell(Meter.take, value)
        self.n += 1
        return value


@pytest.mark.parametrize("bits", ["7ff8000000000000", "fff8000000000000", "7ff0000000000001"])
async def test_any_not_a_number_is_recorded_as_the_canonical_one(bits: str) -> None:
    (value,) = struct.unpack(">d", bytes.fromhex(bits))
    async with Theater() as theater:
        first, second = await theater.spawn(Meter()), await theater.spawn(Meter())
        await first.tell(Meter.take, value)
        await first.ask(Meter.take, value)
        await first.ask(Meter.tell_on, second, value)
        await second.ask(Meter.take, 1.5)

        told = [*theater.chain(first), *theater.chain(second)]  # which only canonical bytes can be

    # Looked for whole, nine bytes: a hash or a key may hold fewer of them by chance.
    canonical, given = (b"\xcb" + bytes.fromhex(nan) for nan in ("7ff8000000000000", bits))
    packed = [event.data.count(canonical) for event in told]
    assert sum(packed) == 2 + 3 + 4 + 2  # arguments, answers, states, what was sent: all that there are
    assert given == canonical or not any(given in event.data for event in told)


async def test_a_state_is_packed_in_canonical_order_whatever_the_order_of_its_fields() -> None:
    async with Theater() as theater:
        meter = await theater.spawn(Meter())
        await meter.ask(Meter.take, 2.5)
        await meter.ask(Meter.tell_on, meter, 0.5)

        states = [event.body["state"] for event in theater.chain(meter) if "state" in event.body]

    assert [list(state) for state in states] == [["n", "unit", "ünit", "temperature"]] * 4
