"""Refs: they name one actor for good, travel in messages, and are used where their theater lives."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Callable
from copy import copy, deepcopy
from typing import Any, Protocol

import anyio
import anyio.from_thread
import anyio.to_thread
import pytest
from anyio.lowlevel import checkpoint

from theater import Actor, ActorRef, Theater, handler
from theater.errors import ActorFailedError, NotRunningError, SetupError


@dataclasses.dataclass
class Parcel:
    to: ActorRef[Any]


class Adds(Protocol):
    async def add(self, amount: int) -> int: ...


class Counter(Actor):
    total: int = 0

    @handler
    async def add(self, amount: int) -> int:
        self.total += amount
        return self.total

    @handler
    async def rest(self, seconds: float) -> int:
        await anyio.sleep(seconds)
        self.total += 1
        return self.total

    @handler
    async def fail(self) -> None:
        raise ValueError

    @handler
    async def cling(self) -> None:
        while True:
            try:
                await anyio.sleep(60)
            except asyncio.CancelledError:
                return


class Holder(Actor):
    """Keeps a ref in its state."""

    kept: ActorRef[Counter] | None = None
    anything: Any = None

    @handler
    async def keep(self, ref: ActorRef[Counter]) -> None:
        self.kept = ref

    @handler
    async def keep_anything(self, thing: Any) -> None:
        self.anything = thing

    @handler
    async def add(self, amount: int) -> int:
        assert self.kept is not None
        return await self.kept.ask(Counter.add, amount)

    @handler
    async def add_through(self, adder: ActorRef[Adds], amount: int) -> int:
        return await adder.ask(Adds.add, amount)

    @handler
    async def give(self) -> ActorRef[Counter]:
        assert self.kept is not None
        return self.kept

    @handler
    async def fail(self) -> None:
        raise ValueError

    @handler
    async def work(self, other: ActorRef[Counter]) -> str:
        """Waits a while, and then sends on."""
        await anyio.sleep(1)
        try:
            return str(await other.ask(Counter.add, 1))
        except NotRunningError as error:
            return str(error)


# -- naming one actor ------------------------------------------------------------------------------------


async def test_a_ref_has_the_id_and_the_name_of_its_actor(theater: Theater) -> None:
    first, second = (
        await theater.spawn(Counter(), name="first"),
        await theater.spawn(Counter(), name="second"),
    )

    assert (first.name, second.name) == ("first", "second")
    assert (len(first.id), first.id == second.id) == (16, False)


async def test_refs_are_equal_if_they_name_the_same_actor(theater: Theater) -> None:
    counter, other = await theater.spawn(Counter(), name="counter"), await theater.spawn(Counter())

    again = theater.find("counter")

    assert counter == again
    assert hash(counter) == hash(again)
    assert {counter: "found"}[again] == "found"
    assert counter not in (other, "counter", counter.id, None)


async def test_a_ref_shows_class_name_and_state_of_its_actor(theater: Theater) -> None:
    shown: list[str] = []

    class Late(Counter):
        async def on_start(self) -> None:
            shown.append(repr(self.context.ref))

        async def on_stop(self, reason: object) -> None:
            shown.append(f"{self.context.ref!r} {reason}")

    late = await theater.spawn(Late(), name="late")
    shown.append(repr(late))
    await late.stop()
    shown.append(repr(late))

    assert shown == [
        "<ActorRef Late 'late' running>",
        "<ActorRef Late 'late' running>",
        "<ActorRef Late 'late' stopping> Reason.NORMAL",
        "<ActorRef Late 'late' ended>",
    ]


async def test_a_ref_survives_a_restart_of_its_actor(theater: Theater) -> None:
    counter = await theater.spawn(Counter(total=5), name="counter")
    before = counter.id

    with pytest.raises(ActorFailedError):
        await counter.ask(Counter.fail)

    assert await counter.ask(Counter.add, 1) == 6
    assert counter.id == before == theater.find("counter").id


# -- travelling ------------------------------------------------------------------------------------------


async def test_a_ref_travels_in_messages_and_answers_and_is_of_use_where_it_arrives(theater: Theater) -> None:
    counter, holder = await theater.spawn(Counter()), await theater.spawn(Holder())

    await holder.ask(Holder.keep, counter)

    assert await holder.ask(Holder.add, 2) == 2
    assert await holder.ask(Holder.give) == counter
    assert await (await holder.ask(Holder.give)).ask(Counter.add, 2) == 4


async def test_a_ref_in_the_state_is_there_again_after_a_restart(theater: Theater) -> None:
    counter, holder = await theater.spawn(Counter()), await theater.spawn(Holder())
    await holder.ask(Holder.keep, counter)

    with pytest.raises(ActorFailedError):
        await holder.ask(Holder.fail)

    assert await holder.ask(Holder.add, 2) == 2


async def test_a_ref_can_be_given_to_an_actor_before_it_is_spawned(theater: Theater) -> None:
    counter = await theater.spawn(Counter())

    holder = await theater.spawn(Holder(kept=counter, anything={"refs": [counter]}))

    assert await holder.ask(Holder.add, 2) == 2


async def test_a_ref_of_a_class_is_a_ref_of_each_protocol_that_it_fits(theater: Theater) -> None:
    counter, holder = await theater.spawn(Counter()), await theater.spawn(Holder())

    assert await holder.ask(Holder.add_through, counter, 2) == 2


@pytest.mark.parametrize(
    "send",
    [
        lambda holder, foreign: holder.ask(Holder.keep, foreign),
        lambda holder, foreign: holder.tell(Holder.keep_anything, foreign),
        lambda holder, foreign: holder.tell(Holder.keep_anything, [{"deep": (foreign,)}]),
    ],
)
async def test_a_ref_of_another_theater_is_refused_as_an_argument(
    theater: Theater, send: Callable[[ActorRef[Any], ActorRef[Any]], Any]
) -> None:
    holder = await theater.spawn(Holder())
    async with Theater() as elsewhere:
        foreign = await elsewhere.spawn(Counter())

        with pytest.raises(TypeError, match=r"Holder\.keep\w*\(\) argument '(ref|thing)': .*another theater"):
            await send(holder, foreign)
        with pytest.raises(TypeError, match="another theater"):
            await theater.spawn(Holder(kept=foreign))

    assert theater.statistics().handled == 0


async def test_an_actor_may_ask_an_actor_of_another_theater_as_the_world_outside_does(
    theater: Theater,
) -> None:
    async with Theater() as elsewhere:
        foreign = await elsewhere.spawn(Counter())

        class Traveller(Actor):
            @handler
            async def go(self) -> int:
                foreign.tell_nowait(Counter.add, 1)
                await foreign.tell(Counter.add, 1)
                return await foreign.ask(Counter.add, 1)

        traveller = await theater.spawn(Traveller())

        assert await traveller.ask(Traveller.go) == 3
        assert [event.body.get("from") for event in elsewhere.chain(foreign)][1:] == [None, None, None]


async def test_a_copy_of_a_ref_is_that_ref(theater: Theater) -> None:
    counter = await theater.spawn(Counter())

    assert deepcopy({"refs": [counter]}) == {"refs": [counter]}
    assert copy(counter) == counter
    assert dataclasses.asdict(Parcel(to=counter)) == {"to": counter}


# -- where it may be used --------------------------------------------------------------------------------


@pytest.mark.real_clock
@pytest.mark.parametrize(
    "use",
    [
        lambda counter: counter.tell_nowait(Counter.add, 1),
        lambda counter: anyio.run(counter.tell, Counter.add, 1),
        lambda counter: anyio.run(counter.ask, Counter.add, 1),
        lambda counter: anyio.run(counter.stop),
        lambda counter: anyio.run(counter.kill),
    ],
    ids=["tell_nowait", "tell", "ask", "stop", "kill"],
)
async def test_used_from_another_thread_a_ref_says_how_to_come_back(
    use: Callable[[ActorRef[Counter]], Any],
) -> None:
    async with Theater() as theater:
        counter = await theater.spawn(Counter())

        with pytest.raises(SetupError, match=r"anyio\.from_thread\.run"):
            await anyio.to_thread.run_sync(use, counter)

        assert await counter.ask(Counter.add, 0) == 0


@pytest.mark.real_clock
async def test_from_a_thread_the_way_back_that_the_error_names_works() -> None:
    async with Theater() as theater:
        counter = await theater.spawn(Counter())

        def work() -> int:
            answer: int = anyio.from_thread.run(lambda: counter.ask(Counter.add, 2))
            return answer

        assert await anyio.to_thread.run_sync(work) == 2


@pytest.mark.real_clock
async def test_a_theater_is_used_from_its_own_thread_only() -> None:
    async with Theater() as theater:
        uses: list[Callable[[], Any]] = [
            lambda: theater.find("nobody"),
            lambda: anyio.run(theater.spawn, Counter()),
        ]
        for use in uses:
            with pytest.raises(SetupError, match=r"anyio\.from_thread\.run"):
                await anyio.to_thread.run_sync(use)


async def test_after_the_end_of_its_actor_a_ref_says_so_and_hands_the_message_back(theater: Theater) -> None:
    counter = await theater.spawn(Counter(), name="counter")
    await counter.stop()

    for send in (counter.tell, counter.ask):
        with pytest.raises(NotRunningError, match=r"^counter has ended$") as caught:
            await send(Counter.add, 1)
        message: Any = caught.value.message
        assert (message.to, message.handler, message.args) == (counter, "add", (1,))
    with pytest.raises(NotRunningError, match=r"^counter has ended$"):
        counter.tell_nowait(Counter.add, 1)


async def test_while_its_actor_stops_a_ref_says_so(theater: Theater) -> None:
    counter = await theater.spawn(Counter(), name="counter")
    await counter.tell(Counter.rest, 10)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(counter.stop)
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(NotRunningError, match=r"^counter is stopping$"):
            await counter.ask(Counter.add, 1)


async def test_an_actor_is_told_too_that_another_has_ended(theater: Theater) -> None:
    counter, holder = await theater.spawn(Counter(), name="counter"), await theater.spawn(Holder())
    await counter.stop()

    assert await holder.ask(Holder.work, counter) == "counter has ended"


async def test_stop_and_kill_return_when_the_actor_has_ended_also_a_second_time(theater: Theater) -> None:
    stopped, killed = await theater.spawn(Counter()), await theater.spawn(Counter())
    await stopped.tell(Counter.rest, 10)
    await killed.tell(Counter.rest, 10)
    await anyio.wait_all_tasks_blocked()

    await killed.kill()
    assert anyio.current_time() == 0
    await stopped.stop()
    assert anyio.current_time() == 10
    for end in (stopped.stop, stopped.kill, killed.stop, killed.kill):
        await end()

    assert "ended" in repr(stopped)
    assert "ended" in repr(killed)


@pytest.mark.virtual_clock(seeds=20)
async def test_whatever_comes_first_an_actor_that_just_began_ends(theater: Theater) -> None:
    async def spawn_and_end() -> None:
        counter = await theater.spawn(Counter())
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(counter.stop)
            tasks.start_soon(counter.kill)

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(spawn_and_end)

    assert theater.statistics().actors == 0


async def test_any_number_may_wait_for_one_end(theater: Theater) -> None:
    counter = await theater.spawn(Counter())
    await counter.tell(Counter.rest, 10)

    async with anyio.create_task_group() as tasks:
        for end in (counter.stop, counter.stop, counter.stop):
            tasks.start_soon(end)

    assert "ended" in repr(counter)


async def test_one_that_gives_up_waiting_for_a_stop_has_still_asked_for_it(theater: Theater) -> None:
    counter = await theater.spawn(Counter())
    await counter.tell(Counter.rest, 10)

    with anyio.move_on_after(1):
        await counter.stop()
    await anyio.sleep(20)

    assert "ended" in repr(counter)


async def test_two_that_kill_one_actor_at_once_are_not_taken_for_a_kill_that_was_swallowed(
    theater: Theater, caplog: pytest.LogCaptureFixture
) -> None:
    counter = await theater.spawn(Counter())
    await counter.tell(Counter.rest, 3600)
    await anyio.wait_all_tasks_blocked()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(counter.kill)
        tasks.start_soon(counter.kill)

    assert not caplog.records


async def test_a_handler_that_swallows_a_kill_is_ended_all_the_same(
    theater: Theater, caplog: pytest.LogCaptureFixture
) -> None:
    counter = await theater.spawn(Counter(), name="counter")
    await counter.tell(Counter.cling)
    await anyio.wait_all_tasks_blocked()

    await counter.kill()

    assert "ended" in repr(counter)
    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] in (
        [],
        ["Counter 'counter' swallowed its cancellation; it is cancelled again"],
    )


# -- after and during closing ----------------------------------------------------------------------------


async def test_after_closing_a_ref_says_that_the_theater_is_closed() -> None:
    async with Theater() as theater:
        counter, cut = await theater.spawn(Counter()), await theater.spawn(Counter())
        await cut.tell(Counter.rest, 3600)

    for ref in (counter, cut):
        for send in (ref.tell, ref.ask):
            with pytest.raises(NotRunningError, match="the theater is closed"):
                await send(Counter.add, 1)
        for end in (ref.stop, ref.kill):
            with pytest.raises(NotRunningError, match="the theater is closed"):
                await end()
        with pytest.raises(NotRunningError, match="the theater is closed"):
            ref.tell_nowait(Counter.add, 1)


async def test_after_a_body_that_raised_a_ref_says_that_the_theater_is_closed() -> None:
    counters: list[ActorRef[Counter]] = []
    with pytest.raises(ZeroDivisionError):
        async with Theater() as theater:
            counters.append(await theater.spawn(Counter()))
            raise ZeroDivisionError

    for send in (counters[0].tell, counters[0].ask):
        with pytest.raises(NotRunningError, match="the theater is closed"):
            await send(Counter.add, 1)


async def test_while_closing_what_comes_from_outside_is_refused() -> None:
    errors: list[NotRunningError] = []
    theater = Theater()
    await theater.open()
    counter, idle = await theater.spawn(Counter()), await theater.spawn(Counter())
    await counter.tell(Counter.rest, 3)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(theater.close)
        await anyio.sleep(1)
        for ref in (counter, idle):
            for send in (ref.tell, ref.ask):
                with pytest.raises(NotRunningError, match="the theater is closed") as caught:
                    await send(Counter.add, 1)
                errors.append(caught.value)

    assert anyio.current_time() == 3
    assert [getattr(error.message, "args", None) for error in errors] == [(1,)] * 4


async def test_while_closing_actors_still_reach_each_other() -> None:
    answers: list[str] = []

    async def ask(holder: ActorRef[Holder], counter: ActorRef[Counter]) -> None:
        answers.append(await holder.ask(Holder.work, counter))

    async with anyio.create_task_group() as tasks, Theater() as theater:
        counter, holder = await theater.spawn(Counter()), await theater.spawn(Holder())
        tasks.start_soon(ask, holder, counter)
        await anyio.wait_all_tasks_blocked()

    assert answers == ["1"]


async def tell_of_closing(what: Callable[[], Any], told: list[str]) -> None:
    """Wait for something that never comes, until somebody says why."""
    with pytest.raises(NotRunningError) as caught:
        await what()
    told.append(str(caught.value))


async def test_whoever_waits_when_the_theater_closes_for_good_is_told() -> None:
    told: list[str] = []

    async with anyio.create_task_group() as tasks:
        async with Theater(closing=2) as theater:
            counter = await theater.spawn(Counter(), name="counter", mailbox=1)
            waits: list[Callable[[], Any]] = [
                lambda: counter.ask(Counter.rest, 3600),  # at hand
                lambda: counter.ask(Counter.add, 1),  # queued
                lambda: counter.ask(Counter.add, 2),  # waits for room
                lambda: counter.tell(Counter.add, 3),
                theater.settled,
            ]
            for what in waits:
                tasks.start_soon(tell_of_closing, what, told)
                await anyio.wait_all_tasks_blocked()
        assert anyio.current_time() == pytest.approx(2, abs=0.5)

    assert sorted(told) == ["counter is stopping"] * 2 + ["the theater is closed"] * 3


async def test_whoever_waits_for_a_start_or_an_end_when_the_theater_closes_is_told() -> None:
    class Slow(Actor):
        async def on_start(self) -> None:
            await anyio.sleep(3600)

    async def spawn() -> None:
        await theater.spawn(Slow())

    theater, told = Theater(), list[str]()

    async with anyio.create_task_group() as tasks:
        with pytest.raises(ZeroDivisionError):
            async with theater:
                counter = await theater.spawn(Counter())
                await counter.tell(Counter.rest, 3600)
                tasks.start_soon(tell_of_closing, counter.stop, told)
                tasks.start_soon(tell_of_closing, spawn, told)
                await anyio.wait_all_tasks_blocked()
                tasks.start_soon(tell_of_closing, spawn, told)
                await checkpoint()  # it is spawned, and has not begun
                raise ZeroDivisionError

    assert told == ["the theater is closed"] * 3
    assert theater.statistics().active == 0
