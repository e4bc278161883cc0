"""The run queue: actors that have something to do are resumed in their order, and others have their turn."""

from __future__ import annotations

import asyncio
import gc
import socket
import weakref
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from itertools import count
from math import inf
from time import perf_counter
from typing import Any

import anyio
import pytest

from theater import Actor, ActorRef, Theater, handler
from theater import stage as stages
from theater.errors import NotRunningError
from theater.loop import pump
from theater.loop.promise import Promise
from theater.loop.pump import Pump, Waiter
from theater.testing.virtual import virtual_backend

WORD: ContextVar[str] = ContextVar("word", default="none")

heard: list[str] = []
tasks: list[asyncio.Task[Any] | None] = []


class Listener(Actor):
    name: str = ""
    heard: int = 0

    @handler
    async def hear(self) -> None:
        self.heard += 1
        heard.append(self.name)

    @handler
    async def where(self) -> str:
        tasks.append(asyncio.current_task())
        return WORD.get()

    @handler
    async def wait(self, seconds: float) -> bool:
        with anyio.move_on_after(seconds) as scope:
            await anyio.sleep(3600)
        return scope.cancelled_caught

    @handler
    async def end_the_program(self) -> None:
        raise KeyboardInterrupt


class Player(Actor):
    """Throws the ball back, for ever."""

    throws: int = 0

    @handler
    async def catch(self, ball: ActorRef[Player]) -> None:
        self.throws += 1
        await ball.tell(Player.catch, self.context.ref)

    @handler
    async def count(self) -> int:
        return self.throws


class Link(Actor):
    following: ActorRef[Link] | None = None

    @handler
    async def follow(self, following: ActorRef[Link]) -> None:
        self.following = following

    @handler
    async def pass_on(self) -> None:
        heard.append("link")
        if self.following is not None:
            await self.following.tell(Link.pass_on)


@pytest.fixture(autouse=True)
def nothing_heard() -> None:
    heard.clear()
    tasks.clear()


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow this machine is, only the count ends a slice of the pump, or of an actor."""
    monkeypatch.setattr(pump, "_SLICE", inf)
    monkeypatch.setattr(stages, "_SLICE", inf)


async def listeners(theater: Theater, many: int) -> list[ActorRef[Listener]]:
    """Actors that have their tasks, and rest."""
    refs = [await theater.spawn(Listener(name=f"{number}")) for number in range(many)]
    for ref in refs:
        await ref.ask(Listener.hear)
    await theater.settled()
    heard.clear()
    return refs


async def chain(theater: Theater, length: int) -> ActorRef[Link]:
    """The first of a line of actors, each of which tells the next."""
    first = await theater.spawn(Link())
    for _ in range(length - 1):
        before = await theater.spawn(Link())
        await before.ask(Link.follow, first)
        first = before
    await first.ask(Link.pass_on)
    await theater.settled()
    heard.clear()
    return first


def task_of(ref: ActorRef[Any]) -> asyncio.Task[None]:
    task = ref._cell.task
    assert task is not None
    return task


async def turn() -> None:
    """One turn of the loop."""
    await asyncio.sleep(0)


@pytest.mark.real_clock
@pytest.mark.usefixtures("still")
async def test_a_message_goes_through_many_resting_actors_in_one_turn_of_the_loop() -> None:
    async with Theater(record_messages=False) as theater:
        first = await chain(theater, 50)

        await first.tell(Link.pass_on)
        assert heard == []  # not within the sender's own step
        await turn()

        assert len(heard) == 50


@pytest.mark.real_clock
@pytest.mark.usefixtures("still")
async def test_others_have_their_turn_after_64_actors() -> None:
    async with Theater(record_messages=False) as theater:
        first = await chain(theater, 150)

        await first.tell(Link.pass_on)
        told = []
        for _ in range(3):
            await turn()
            told.append(len(heard))

        assert told == [64, 128, 150]


@pytest.mark.real_clock
async def test_others_have_their_turn_after_a_quarter_of_a_millisecond(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with Theater(record_messages=False) as theater:
        first = await chain(theater, 20)
        clock = count(perf_counter(), 0.000_1)  # 0.1 ms for each
        monkeypatch.setattr(pump, "perf_counter", lambda: next(clock))

        await first.tell(Link.pass_on)
        told = []
        for _ in range(3):
            await turn()
            told.append(len(heard))

        assert told == [3, 6, 9]


@pytest.mark.real_clock
async def test_actors_that_never_rest_do_not_keep_files_from_being_read() -> None:
    here, there = socket.socketpair()
    async with Theater(record_messages=False) as theater:
        with here, there:
            left, right = [await theater.spawn(Player()) for _ in range(2)]
            await left.tell(Player.catch, right)
            here.setblocking(False)
            there.send(b"news")

            assert await asyncio.get_running_loop().sock_recv(here, 4) == b"news"
            there.setblocking(False)
            loop = asyncio.get_running_loop()
            reading = asyncio.create_task(loop.sock_recv(here, 4))
            await turn()
            there.send(b"more")

            assert await reading == b"more"
            assert await left.ask(Player.count) > 0
            await left.kill()


@pytest.mark.real_clock
async def test_who_is_woken_first_goes_on_first() -> None:
    async with Theater(record_messages=False) as theater:
        refs = await listeners(theater, 10)

        for number in (3, 1, 4, 9, 2, 6):
            await refs[number].tell(Listener.hear)
        await theater.settled()

        assert heard == ["3", "1", "4", "9", "2", "6"]


async def turns_during(work: Awaitable[Any]) -> int:
    """How often the loop turns until `work` is done."""
    turns = 0
    task = asyncio.ensure_future(work)
    while not task.done():
        await turn()
        turns += 1
    await task
    return turns


@pytest.mark.real_clock
@pytest.mark.usefixtures("still")
async def test_questions_and_their_answers_take_no_turn_of_the_loop_each() -> None:
    async with Theater(record_messages=False) as theater:
        (ref,) = await listeners(theater, 1)

        async def ask(times: int) -> None:
            for _ in range(times):
                await ref.ask(Listener.hear)

        assert await turns_during(ask(20)) <= 3
        assert 10 <= await turns_during(ask(320)) <= 13  # others have theirs: 640 steps, 64 in a row


def order_on_a_virtual_loop(seed: int | None) -> list[str]:
    async def main() -> None:
        async with Theater(record_messages=False) as theater:
            refs = await listeners(theater, 6)
            for ref in refs:
                await ref.tell(Listener.hear)
            await theater.settled()

    heard.clear()
    anyio.run(main, backend_options=virtual_backend(seed=seed)[1])
    return [*heard]


def test_a_seeded_loop_tries_other_orders_of_woken_actors() -> None:
    orders = {tuple(order_on_a_virtual_loop(seed)) for seed in range(20)}

    assert len(orders) > 10
    assert all(sorted(order) == ["0", "1", "2", "3", "4", "5"] for order in orders)
    assert order_on_a_virtual_loop(7) == order_on_a_virtual_loop(7)
    assert order_on_a_virtual_loop(None) == ["0", "1", "2", "3", "4", "5"]


@pytest.mark.real_clock
async def test_a_woken_actor_runs_in_its_own_task_and_context() -> None:
    async with Theater(record_messages=False) as theater:
        (ref,) = await listeners(theater, 1)
        WORD.set("of the waker")

        assert await ref.ask(Listener.where) == "none"
        assert tasks == [task_of(ref)]


@pytest.mark.real_clock
@pytest.mark.parametrize("is_told", [False, True], ids=["resting", "just woken"])
async def test_a_foreign_cancellation_ends_the_task_of_an_actor_in_one_step(*, is_told: bool) -> None:
    async with Theater(record_messages=False) as theater:
        (ref,) = await listeners(theater, 1)
        task = task_of(ref)
        if is_told:
            await ref.tell(Listener.hear)

        task.cancel()
        task.cancel()
        await ref.tell(Listener.hear)
        await asyncio.wait([task])

        assert task.cancelled()
        assert heard == []
        await asyncio.wait_for(theater.settled(), 10)  # it was counted out, and once


@pytest.mark.parametrize("is_told", [False, True], ids=["resting", "just woken"])
@pytest.mark.parametrize(
    "clock", [pytest.param("real", marks=pytest.mark.real_clock), "virtual"], ids=lambda clock: clock
)
async def test_a_kill_of_one_that_rests_ends_it_unheard(clock: str, *, is_told: bool) -> None:
    del clock
    async with Theater(record_messages=False) as theater:
        (ref,) = await listeners(theater, 1)
        if is_told:
            await ref.tell(Listener.hear)

        await ref.kill()

        assert heard == []
        assert theater.statistics().active == 0
        with pytest.raises(NotRunningError):
            await ref.tell(Listener.hear)


@pytest.mark.filterwarnings("ignore:.*was never awaited")
def test_what_ends_the_program_leaves_the_others_their_turn() -> None:
    async def main() -> None:
        theater = Theater(record_messages=False)
        await theater.open()
        refs = await listeners(theater, 4)
        await refs[0].tell(Listener.hear)
        await refs[1].tell(Listener.end_the_program)
        await refs[2].tell(Listener.hear)
        await refs[3].tell(Listener.hear)
        await asyncio.sleep(3600)

    loop = asyncio.new_event_loop()
    try:
        task = loop.create_task(main())
        with pytest.raises(KeyboardInterrupt):
            loop.run_until_complete(task)
        assert heard == ["0"]
        loop.run_until_complete(turn())

        assert heard == ["0", "2", "3"]
    finally:
        left = asyncio.all_tasks(loop)
        for each in left:
            each.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.close()


@pytest.mark.real_clock
async def test_tools_that_look_at_tasks_see_resting_actors_as_any_others() -> None:
    async with Theater(record_messages=False) as theater:
        (ref,) = await listeners(theater, 1)
        task = task_of(ref)

        assert task in asyncio.all_tasks()
        assert "wait_for=<theater.loop.pump.Waiter" in repr(task)
        assert [frame.f_code.co_name for frame in task.get_stack()] == ["live"]
        await ref.tell(Listener.hear)
        await anyio.wait_all_tasks_blocked()  # looks at what each task waits for

        assert heard == ["0"]


@pytest.mark.real_clock
async def test_scopes_within_handlers_and_around_asks_cut_off_what_they_hold() -> None:
    async with Theater(record_messages=False) as theater:
        (ref,) = await listeners(theater, 1)

        assert await ref.ask(Listener.wait, 0.001)
        with anyio.move_on_after(0.001) as scope:
            await ref.ask(Listener.wait, 3600)
        assert scope.cancelled_caught
        await ref.kill()


async def talk() -> int:
    async with Theater() as theater:
        refs = await listeners(theater, 8)
        first = await chain(theater, 100)
        await first.tell(Link.pass_on)
        for ref in refs:
            await ref.tell(Listener.hear)
        await theater.settled()
        await refs[0].kill()
        await refs[1].stop()
        return len(heard)


def test_it_works_in_asyncios_debug_mode() -> None:
    assert asyncio.run(talk(), debug=True) == 108


def test_it_works_on_uvloop() -> None:
    uvloop = pytest.importorskip("uvloop", reason="uvloop is an extra")

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(talk()) == 108


def test_asyncios_own_tasks_in_python_wait_for_it_too() -> None:
    """Debuggers and profilers put these in the place of those in C."""

    async def main() -> list[str]:
        loop = asyncio.get_running_loop()
        waiter, steps = Waiter(queue := Pump(loop, one_by_one=False), loop), []

        async def rest() -> None:
            for _ in range(3):
                await waiter
                steps.append("woken")

        task = asyncio.tasks._PyTask(rest(), loop=loop)  # type: ignore[attr-defined]
        for _ in range(2):
            await turn()
            queue.resume_soon(waiter)
            queue.resume_soon(waiter)  # is woken once
            await turn()
        task.cancel()
        await asyncio.wait([task])
        steps.append(f"cancelled: {task.cancelled()}")
        return steps

    assert asyncio.run(main()) == ["woken", "woken", "cancelled: True"]


@pytest.mark.parametrize("make_task", [asyncio.Task, asyncio.tasks._PyTask])  # type: ignore[attr-defined]
def test_a_promise_is_a_future_to_all_who_wait_for_it(make_task: Any) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        queue = Pump(loop, one_by_one=False)
        told: list[object] = []

        async def wait_for(promise: Promise) -> None:
            try:
                told.append(await promise)
            except (ValueError, asyncio.CancelledError) as error:
                told.append(type(error))

        ends: list[Callable[[Promise], object]] = [
            lambda promise: promise.set_result(7),
            lambda promise: promise.set_exception(ValueError()),
            lambda promise: promise.cancel(),
        ]
        for end in ends:
            promise = queue.promise()
            tasks = [make_task(wait_for(promise), loop=loop) for _ in range(2)]
            promise.add_done_callback(lambda _: told.append("called back"))
            await turn()
            end(promise)
            await asyncio.wait([*tasks, promise])
            await turn()
        task = make_task(wait_for(promise := queue.promise()), loop=loop)
        await turn()
        task.cancel()
        await asyncio.wait([task])
        assert promise.cancelled()

        assert sorted(map(str, told[:3])) == ["7", "7", "called back"]
        assert sorted(map(str, told[3:6])) == [f"{ValueError}"] * 2 + ["called back"]
        assert sorted(map(str, told[6:])) == [f"{asyncio.CancelledError}"] * 3 + ["called back"]

    asyncio.run(main())


@pytest.mark.real_clock
async def test_nothing_stays_of_actors_that_rested_and_ended() -> None:
    async with Theater(record_messages=False) as theater:
        refs = await listeners(theater, 2)
        gone, stage = weakref.ref(task_of(refs[0])), refs[0]._cell.theater
        await refs[0].stop()
        await refs[1].kill()
        refs.clear()
        await turn()
        gc.collect()

        assert gone() is None
        waiters = [each for each in gc.get_objects() if isinstance(each, Waiter)]
        assert [each for each in waiters if each._pump is stage.pump] == [stage.resting]
