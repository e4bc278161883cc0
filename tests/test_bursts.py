"""Bursts: messages in a row whose handlers cannot wait, as those around them may see them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from time import perf_counter
from typing import Any

import pytest

from theater import PERMANENT, Actor, ActorRef, Reason, Supervision, Theater, child, handler, signals
from theater.loop import pause
from theater.recorder import HANDLED

pytestmark = [pytest.mark.anyio, pytest.mark.real_clock]

MILLISECOND = 1_000_000  # nanoseconds


class Hours:
    """A clock that stands still, but for what handlers are said to take."""

    def __init__(self) -> None:
        self.passed = 0  # nanoseconds
        self.clock: Callable[[], int] = lambda: 10**18 + self.passed


hours = Hours()


@pytest.fixture(autouse=True)
def passing(monkeypatch: pytest.MonkeyPatch) -> None:
    hours.passed, begun = 0, perf_counter()

    def seconds() -> float:
        return begun + hours.passed / 10**9

    monkeypatch.setattr("theater.bursts.time_ns", hours.clock)
    for module in ("bursts", "draining", "stage", "loop.pump"):
        monkeypatch.setattr(f"theater.{module}.perf_counter", seconds)


class Worker(Actor):
    total: int = 0

    @handler
    async def add(self, amount: int) -> int:
        self.total += amount
        return self.total

    @handler
    async def take(self, milliseconds: int) -> None:
        hours.passed += milliseconds * MILLISECOND

    @handler
    async def take_and_fail(self, milliseconds: int) -> None:
        hours.passed += milliseconds * MILLISECOND
        raise ValueError(milliseconds)

    @handler
    async def take_and_say(self, milliseconds: int) -> None:
        self.context.log("once")
        hours.passed += milliseconds * MILLISECOND

    @handler
    async def end(self) -> None:
        self.context.stop()

    @handler
    async def have_added(self, other: ActorRef[Worker], amount: int) -> int:
        return await other.ask(Worker.add, amount)


async def seen(ref: ActorRef[Any], messages: int) -> list[int]:
    """How many were handled each time that others had their turn."""
    cell, found = ref._cell, [0]
    while cell.handled < messages:
        await pause()
        found.append(cell.handled)
    return sorted({*found})


@pytest.fixture
async def theater() -> AsyncIterator[Theater]:
    async with Theater(clock=hours.clock) as theater:
        yield theater


async def test_256_messages_later_others_have_their_turn(theater: Theater) -> None:
    ref = await theater.spawn(Worker())
    for number in range(600):
        ref.tell_nowait(Worker.add, number)

    assert await seen(ref, 600) == [0, 256, 512, 600]


@pytest.mark.parametrize("records", [True, False])
@pytest.mark.parametrize("name", ["take", "take_and_say"])
async def test_a_millisecond_later_others_have_their_turn(name: str, *, records: bool) -> None:
    async with Theater(clock=hours.clock, record_messages=records) as theater:
        ref = await theater.spawn(Worker())
        for _ in range(4):
            ref.tell_nowait(name, 2)

        assert await seen(ref, 4) == [0, 1, 2, 3, 4]


async def test_a_millisecond_later_others_have_their_turn_whatever_the_clock_of_events_says() -> None:
    async with Theater(clock=lambda: 7) as theater:
        ref = await theater.spawn(Worker())
        for _ in range(4):
            ref.tell_nowait(Worker.take, 2)

        assert await seen(ref, 4) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("records", [True, False])
@pytest.mark.parametrize("name", ["take", "take_and_fail", "take_and_say"])
async def test_one_in_a_row_that_blocks_the_loop_is_named(
    caplog: pytest.LogCaptureFixture, name: str, *, records: bool
) -> None:
    async with Theater(clock=hours.clock, record_messages=records) as theater:
        ref = await theater.spawn(Worker(), name="worker")
        ref.tell_nowait(Worker.add, 1)
        ref.tell_nowait(name, 150)
        await ref.ask(Worker.add, 1)

    lines = [line for line in caplog.messages if "blocked" in line]
    assert lines == [f"Worker.{name} of 'worker' blocked the event loop for 150 ms"]


async def test_what_lies_behind_the_message_that_ends_its_actor_is_not_handled(theater: Theater) -> None:
    ref = await theater.spawn(Worker())
    for number in range(3):
        ref.tell_nowait(Worker.add, number)
    ref.tell_nowait(Worker.end)
    for number in range(2):
        ref.tell_nowait(Worker.add, number)
    await theater.settled()

    assert (theater.statistics().handled, theater.statistics().dead_letters) == (4, 2)
    assert theater.statistics().unaccounted == 0


class Crew(Actor):
    supervision = Supervision(children=(child(Worker(), name="own", restart=PERMANENT),))


async def test_what_lies_behind_the_message_that_ends_a_life_comes_into_the_next(theater: Theater) -> None:
    await theater.spawn(Crew(), name="crew")
    own: ActorRef[Any] = theater.find("crew/own")
    for name, *args in (("add", 1), ("end",), ("add", 1), ("add", 1)):
        own.tell_nowait(name, *args)
    await theater.settled()

    kinds = [event.kind for event in theater.chain(own)][1:]
    assert kinds.index("actor/restarted") == kinds.index("message/received") + 2
    assert kinds[-2:] == [HANDLED, HANDLED]


async def test_one_that_asks_in_the_midst_of_a_burst_knows_which_event_answers(theater: Theater) -> None:
    ref, asker = [await theater.spawn(Worker()) for _ in range(2)]
    asker.tell_nowait(Worker.have_added, ref, 5)
    for number in range(2):
        ref.tell_nowait(Worker.add, number)
    await theater.settled()

    [asked] = [event for event in theater.chain(ref) if event.body.get("ask")]
    [told] = [event for event in theater.chain(asker) if event.kind == "message/answered"]
    [sent] = [event for event in theater.chain(asker) if event.kind == "message/sent"]
    assert asked.body["from"] == [asker.id, sent.seq, sent.hash]
    assert told.body["from"] == [ref.id, asked.seq, asked.hash]


class Mourner(Actor):
    mourned: int = 0

    async def on_child_stopped(self, child: ActorRef[Any], reason: Reason) -> None:
        del child, reason
        self.mourned += 1


async def test_256_hooks_later_others_have_their_turn(theater: Theater) -> None:
    ref = await theater.spawn(Mourner())
    cell, found = ref._cell, [0]
    for _ in range(300):
        told = [ref.address, Reason.NORMAL.value]
        signals.signal(
            cell, signals.hook_envelope(cell, "on_child_stopped", (ref, Reason.NORMAL), plain=told)
        )
    while cell.signals:
        await pause()
        assert cell.actor is not None
        found.append(cell.actor.__dict__["mourned"])

    assert sorted({*found}) == [0, 256, 300]
