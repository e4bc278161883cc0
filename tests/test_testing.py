"""Virtual time, seeded orders, deadlocks, and the pytest plugin that brings them to users' tests."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from itertools import pairwise
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from theater.errors import SetupError
from theater.loop import is_virtual
from theater.testing import DeadlockError, VirtualLoop, virtual_backend, virtual_now

HOUR = 3600.0


def run(main: Callable[..., Coroutine[Any, Any, Any]], *args: object, seed: int | None = None) -> Any:
    return anyio.run(main, *args, backend_options=virtual_backend(seed=seed)[1])


async def order_of_four_tasks() -> tuple[int, ...]:
    order: list[int] = []

    async def count(name: int) -> None:
        for _ in range(3):
            order.append(name)
            await checkpoint()

    async with anyio.create_task_group() as tasks:
        for name in range(4):
            tasks.start_soon(count, name)
    return tuple(order)


async def test_an_hour_of_waiting_takes_no_real_time() -> None:
    begun = time.monotonic()

    with pytest.raises(TimeoutError), anyio.fail_after(HOUR):
        await anyio.sleep_forever()

    assert anyio.current_time() == HOUR
    assert time.monotonic() - begun < 1


async def test_timers_run_in_the_order_of_their_moments() -> None:
    moments: list[float] = []

    async def note(after: float) -> None:
        await anyio.sleep(after)
        moments.append(anyio.current_time())

    async with anyio.create_task_group() as tasks:
        for after in (3.5 * HOUR, 0.25, 1e-6, 100 * HOUR):
            tasks.start_soon(note, after)

    assert moments == [1e-6, 0.25, 3.5 * HOUR, 100 * HOUR]


async def test_recorded_time_begins_at_one_billion_and_follows_the_loop() -> None:
    before = virtual_now()

    await anyio.sleep(1.5)

    assert (before, virtual_now()) == (1_000_000_000 * 10**9, 1_000_000_001_500_000_000)


@pytest.mark.real_clock
async def test_recorded_time_is_refused_where_time_is_real() -> None:
    with pytest.raises(SetupError, match="VirtualLoop"):
        virtual_now()


@pytest.mark.real_clock
async def test_the_real_clock_marker_brings_the_machines_clock() -> None:
    assert not isinstance(asyncio.get_running_loop(), VirtualLoop)
    assert abs(asyncio.get_running_loop().time() - time.monotonic()) < 1


@pytest.mark.virtual_clock(seeds=3)
async def test_marked_with_seeds_a_test_runs_once_for_each(request: pytest.FixtureRequest) -> None:
    assert isinstance(asyncio.get_running_loop(), VirtualLoop)
    assert "seed=" in request.node.name


async def test_on_a_machine_that_was_just_started_virtual_time_is_still_told_from_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop = asyncio.get_running_loop()
    monkeypatch.setattr("theater.loop.monotonic", loop.time)

    assert is_virtual(loop)  # or theaters would beat in it: 40 times for each second of the hours that pass


async def test_moments_never_go_back() -> None:
    moments = [0.0]

    for pause in (0.1, 0.2, 1e7, 1e-9):
        await anyio.sleep(pause)
        moments.append(anyio.current_time())

    assert all(earlier < later for earlier, later in pairwise(moments))


def test_the_same_seed_gives_the_same_order() -> None:
    assert run(order_of_four_tasks, seed=7) == run(order_of_four_tasks, seed=7)


def test_different_seeds_give_many_orders() -> None:
    orders = {run(order_of_four_tasks, seed=seed) for seed in range(50)}

    assert len(orders) > 25


def test_without_a_seed_the_order_is_asyncios_own() -> None:
    assert run(order_of_four_tasks) == anyio.run(order_of_four_tasks)


@pytest.mark.parametrize("in_thread", [anyio.to_thread.run_sync, asyncio.to_thread])
async def test_while_a_worker_thread_runs_the_clock_does_not_jump(in_thread: Callable[..., Any]) -> None:
    with anyio.fail_after(HOUR):
        await in_thread(time.sleep, 0.05)

    assert 0 < anyio.current_time() < 60  # a jump would be to the hour


@pytest.mark.parametrize("in_thread", [anyio.to_thread.run_sync, asyncio.to_thread])
async def test_while_a_worker_thread_runs_the_clock_walks_with_real_time(
    in_thread: Callable[..., Any],
) -> None:
    gate, begun = threading.Event(), time.monotonic()
    asyncio.get_running_loop().call_later(0.05, gate.set)  # a clock that stood still would never open it

    await in_thread(gate.wait)

    assert round(anyio.current_time(), 3) >= 0.05
    assert round(time.monotonic() - begun, 3) >= 0.05  # one that jumped would open it at once


def test_closing_waits_for_the_worker_threads_in_real_time() -> None:
    async def leave_a_thread_at_work() -> None:
        asyncio.get_running_loop().run_in_executor(None, time.sleep, 0.1)
        await asyncio.sleep(0)

    for _ in range(3):
        run(leave_a_thread_at_work)


async def test_a_worker_thread_can_wait_for_the_loop() -> None:
    def work() -> None:
        anyio.from_thread.run(anyio.sleep, 0.05)

    await anyio.to_thread.run_sync(work)

    assert 0 < anyio.current_time() < 60  # a jump would be to the hour


def test_a_program_in_which_everything_waits_ends_with_an_error_that_says_where() -> None:
    async def wait_for_ever() -> None:
        await anyio.Event().wait()

    with pytest.raises(DeadlockError, match=r"wait_for_ever \(test_testing.py:\d+\)"):
        run(wait_for_ever)


def test_a_deadlock_of_a_crowd_shows_the_first_ten_and_the_number_of_the_rest() -> None:
    async def crowd() -> None:
        async with anyio.create_task_group() as tasks:
            for _ in range(15):
                tasks.start_soon(anyio.Event().wait)

    with pytest.raises(DeadlockError, match="and 6 more"):
        run(crowd)


async def test_a_silent_thread_of_ones_own_is_given_time_to_speak(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    spoken = loop.create_future()
    all_wait = threading.Event()
    has_company = VirtualLoop._has_company

    def found_silent(self: VirtualLoop) -> bool:
        all_wait.set()
        return has_company(self)

    monkeypatch.setattr(VirtualLoop, "_has_company", found_silent)

    def speak() -> None:
        all_wait.wait()
        loop.call_soon_threadsafe(spoken.set_result, "here")

    thread = threading.Thread(target=speak)
    thread.start()

    assert await spoken == "here"
    thread.join()


def test_a_cancellation_that_is_no_deadlock_stays_one() -> None:
    async def cancelled() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        loop.call_later(1, asyncio.current_task().cancel)  # type: ignore[union-attr]  # we are in one
        await loop.guard(anyio.sleep_forever())

    with pytest.raises(asyncio.CancelledError):
        run(cancelled)


def test_the_parts_of_asyncio_that_virtual_time_relies_on_are_there() -> None:
    loop = VirtualLoop()

    assert list(loop._ready) == []  # type: ignore[attr-defined]
    assert len(loop._selector.get_map()) == 1  # type: ignore[attr-defined]
    loop.close()


# The plugin, in a suite of somebody else's

ACTOR = """
import asyncio, time
from datetime import datetime
import anyio, pytest
from theater import Actor, Theater, handler

class Slow(Actor):
    @handler
    async def work(self) -> None:
        await anyio.sleep(7200)

    @handler
    async def now(self) -> datetime:
        return self.context.now()
"""


@pytest.fixture
def suite(pytester: pytest.Pytester) -> Callable[..., pytest.RunResult]:
    """Run a test file of a user who has set up nothing."""

    def run_suite(source: str, *options: str, before: str = ACTOR) -> pytest.RunResult:
        pytester.makepyfile(before + source)
        return pytester.runpytest_subprocess("-W", "error", *options)

    return run_suite


def test_an_async_test_with_the_theater_fixture_needs_no_marker(
    suite: Callable[..., pytest.RunResult],
) -> None:
    result = suite("""
async def test_an_asker_gives_up_after_an_hour(theater: Theater) -> None:
    begun = time.monotonic()
    slow = await theater.spawn(Slow())
    with pytest.raises(TimeoutError), anyio.fail_after(3600):
        await slow.ask(Slow.work)
    assert time.monotonic() - begun < 5

async def test_events_bear_virtual_times(theater: Theater) -> None:
    slow = await theater.spawn(Slow())
    await slow.ask(Slow.now)
    await anyio.sleep(60)
    await slow.ask(Slow.now)
    first, second = [event.time for event in theater.chain(slow) if event.kind == "message/handled"]
    assert 10**18 <= first and second - first == 60 * 10**9
""")

    result.assert_outcomes(passed=2)


def test_a_durable_theater_keeps_its_folder_in_real_time(suite: Callable[..., pytest.RunResult]) -> None:
    result = suite("""
async def test_a_folder(durable_theater: Theater, tmp_path) -> None:
    slow = await durable_theater.spawn(Slow())
    await slow.ask(Slow.now)
    assert any(tmp_path.iterdir())
    assert abs(durable_theater.chain(slow)[0].time - time.time_ns()) < 60 * 10**9
""")

    result.assert_outcomes(passed=1)


def test_a_marked_class_runs_in_the_nearest_clock(suite: Callable[..., pytest.RunResult]) -> None:
    result = suite(
        """
import asyncio, pytest
from theater.testing import VirtualLoop

@pytest.mark.virtual_clock
class TestClocks:
    async def test_virtual(self):
        assert isinstance(asyncio.get_running_loop(), VirtualLoop)

    @pytest.mark.real_clock
    async def test_real(self):
        assert not isinstance(asyncio.get_running_loop(), VirtualLoop)

    def test_sync(self):
        pass
""",
        before="",
    )

    result.assert_outcomes(passed=3)


def test_a_deadlocked_test_fails_where_it_waits_and_its_fixtures_close(
    suite: Callable[..., pytest.RunResult],
) -> None:
    result = suite("""
@pytest.fixture
async def careful(theater):
    yield
    print("closed after", await (await theater.spawn(Slow())).ask(Slow.now) is not None)

async def test_of_a_deadlock(careful) -> None:
    await anyio.Event().wait()
""")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*await anyio.Event().wait()", "*DeadlockError: every task waits*"])
    result.stdout.fnmatch_lines(["closed after True"])


def test_other_async_tests_are_left_to_anyio(suite: Callable[..., pytest.RunResult]) -> None:
    result = suite(
        """
import asyncio, pytest

@pytest.fixture(scope="module")
def anyio_backend():
    return "asyncio"

@pytest.fixture(scope="module")
async def of_the_module(anyio_backend):
    return asyncio.get_running_loop()

@pytest.mark.anyio
async def test_anyio(of_the_module):
    assert of_the_module is asyncio.get_running_loop()
    assert type(asyncio.get_running_loop()).__module__ == "asyncio.unix_events"

def test_sync():
    pass
""",
        before="",
    )

    result.assert_outcomes(passed=2)


def test_an_async_fixture_of_a_module_follows_each_tests_clock(
    suite: Callable[..., pytest.RunResult],
) -> None:
    result = suite("""
from theater.testing import VirtualLoop

@pytest.fixture(scope="module")
async def loop(anyio_backend):
    return asyncio.get_running_loop()

async def test_virtual(loop, theater):
    assert loop is asyncio.get_running_loop() and isinstance(loop, VirtualLoop)

@pytest.mark.real_clock
async def test_real(loop):
    assert not isinstance(asyncio.get_running_loop(), VirtualLoop)
""")

    result.assert_outcomes(passed=2)


def test_an_explicit_backend_wins_over_the_fixtures_choice(suite: Callable[..., pytest.RunResult]) -> None:
    result = suite("""
from theater.testing import VirtualLoop

@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_mine(theater):
    assert not isinstance(asyncio.get_running_loop(), VirtualLoop)
""")

    result.assert_outcomes(passed=1)


def test_the_markers_are_listed_with_their_options(suite: Callable[..., pytest.RunResult]) -> None:
    result = suite("", "--markers", before="")

    result.stdout.fnmatch_lines(["@pytest.mark.virtual_clock(*seed*", "@pytest.mark.real_clock*"])
