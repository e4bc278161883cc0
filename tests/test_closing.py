"""Closing a theater, in all its ways: what is still handled, what is cut off, and that nothing is left."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from pathlib import Path
from threading import Thread
from typing import Any

import anyio
import pytest
from told import kinds

from theater import TEMPORARY, Actor, History, Reason, Theater, effect, handler
from theater.errors import ActorFailedError, NotRunningError, SetupError

HOUR = 3600.0
STEPS: list[str] = []


@pytest.fixture(autouse=True)
def steps() -> list[str]:
    """What actors did, in this test alone."""
    STEPS.clear()
    return STEPS


class Worker(Actor):
    """Works in virtual time."""

    @handler
    async def work(self, seconds: float = 0.0) -> str:
        try:
            await anyio.sleep(seconds)
        except asyncio.CancelledError:
            STEPS.append("cut off")
            raise
        STEPS.append("done")
        return "done"

    @handler
    async def cling(self, times: int) -> None:
        for _ in range(times):
            try:
                await anyio.sleep(HOUR)
            except asyncio.CancelledError:
                STEPS.append("swallowed")

    @handler
    async def interrupt(self) -> None:
        raise KeyboardInterrupt

    @handler
    async def leave_a_task(self) -> None:
        asyncio.ensure_future(anyio.sleep(HOUR))  # noqa: RUF006  # that is the test

    @handler
    async def wait_for_the_other(self, name: str) -> None:
        await self.context.spawn(Worker(), name=name)

    async def on_stop(self, reason: Reason) -> None:
        STEPS.append(f"on_stop {reason.value}")


@pytest.fixture
def at_ease(anyio_backend: Any) -> Any:  # noqa: ARG001  # the loop must be there
    """Whether only this task and those of the start are there."""
    before = set[asyncio.Task[Any]]()

    class Ease:
        def begin(self) -> None:
            before.update(asyncio.all_tasks())

        def left(self) -> set[asyncio.Task[Any]]:
            return asyncio.all_tasks() - before

    return Ease()


# -- normally


async def test_a_body_that_ends_normally_lets_queued_messages_be_handled() -> None:
    async with Theater() as theater:
        worker = await theater.spawn(Worker())
        for _ in range(3):
            await worker.tell(Worker.work, 1)

    assert STEPS == ["done"] * 3 + ["on_stop shutdown"]
    assert anyio.current_time() == 3


async def test_what_takes_longer_than_closing_is_cut_off() -> None:
    async with Theater(closing=5.0) as theater:
        worker = await theater.spawn(Worker())
        for _ in range(3):
            await worker.tell(Worker.work, 4)

    assert STEPS == ["done", "cut off"]
    assert 5 <= anyio.current_time() < 5.2


async def test_with_closing_0_everything_is_cut_off_at_once() -> None:
    async with Theater(closing=0) as theater:
        worker = await theater.spawn(Worker())
        await worker.tell(Worker.work, 4)
        await anyio.sleep(1)

    assert STEPS == ["cut off"]
    assert anyio.current_time() < 1.2


@pytest.mark.parametrize("closing", [-1, float("nan"), True])
def test_a_bad_time_to_close_is_refused(closing: Any) -> None:
    with pytest.raises(SetupError, match="closing must be"):
        Theater(closing=closing)


async def test_in_memory_actors_end_with_their_theater_the_last_first() -> None:
    class Named(Actor):
        async def on_stop(self, reason: Reason) -> None:
            STEPS.append(f"{self.context.name} {reason.value}")

    async with Theater() as theater:
        refs = [await theater.spawn(Named(), name=name) for name in ("a", "b", "c")]

    assert STEPS == ["c shutdown", "b shutdown", "a shutdown"]
    assert [theater.chain(ref)[-1].body["reason"] for ref in refs] == ["shutdown"] * 3


async def test_an_actor_that_is_at_work_may_still_ask_others_while_the_theater_closes() -> None:
    class Asker(Actor):
        @handler
        async def ask(self, other: Any) -> None:
            await anyio.sleep(1)
            STEPS.append(await other.ask(Worker.work, 1))

    async with Theater() as theater:
        worker, asker = await theater.spawn(Worker()), await theater.spawn(Asker())
        await asker.tell(Asker.ask, worker)

    assert STEPS == ["done", "done", "on_stop shutdown"]


async def test_timers_do_not_fire_while_the_theater_closes() -> None:
    class Clock(Worker):
        @handler
        async def begin(self) -> None:
            self.context.every(1, Worker.work)

    async with Theater() as theater:
        clock = await theater.spawn(Clock())
        await clock.ask(Clock.begin)
        await clock.tell(Worker.work, 3)

    assert STEPS == ["done", "on_stop shutdown"]


# -- at once


async def test_an_exception_closes_at_once_and_leaves_as_itself() -> None:
    error = ValueError("mine")

    with pytest.raises(ValueError, match="mine") as raised:
        async with Theater() as theater:
            worker = await theater.spawn(Worker())
            await worker.tell(Worker.work, 1)
            await anyio.sleep(0.5)
            raise error

    assert raised.value is error
    assert STEPS == ["cut off"]
    assert anyio.current_time() < 0.7


async def test_a_cancellation_closes_at_once() -> None:
    with anyio.move_on_after(1) as scope:
        async with Theater() as theater:
            worker = await theater.spawn(Worker())
            await worker.ask(Worker.work, HOUR)

    assert scope.cancelled_caught
    assert STEPS == ["cut off"]


async def test_a_cancellation_does_not_cut_closing_short() -> None:
    theater = Theater(closing=HOUR)
    await theater.open()
    worker = await theater.spawn(Worker())
    await worker.tell(Worker.work, 10)

    with anyio.move_on_after(1) as scope:
        await theater.close()

    assert STEPS == ["done", "on_stop shutdown"]
    assert scope.cancel_called
    assert anyio.current_time() == 10


async def test_a_bare_cancel_does_not_cut_closing_short_either() -> None:
    theater = Theater(closing=HOUR)
    await theater.open()
    worker = await theater.spawn(Worker())
    await worker.tell(Worker.work, 10)

    closing = asyncio.ensure_future(theater.close())
    await anyio.sleep(1)
    for _ in range(3):
        closing.cancel()
        await anyio.sleep(0.1)
    with pytest.raises(asyncio.CancelledError):
        await closing

    assert STEPS == ["done", "on_stop shutdown"]


@pytest.mark.parametrize("folder", [False, True])
def test_ctrl_c_closes_at_once(tmp_path: Path, *, folder: bool) -> None:
    async def main() -> None:
        async with Theater(tmp_path / "theater" if folder else None) as theater:
            worker = await theater.spawn(Worker())
            await worker.tell(Worker.work, HOUR)
            await anyio.lowlevel.checkpoint()
            signal.raise_signal(signal.SIGINT)
            await anyio.sleep(HOUR)

    with pytest.raises(KeyboardInterrupt):
        anyio.run(main)

    assert STEPS == ["cut off"]
    if folder:
        assert History(tmp_path / "theater").verify().closed


def test_a_keyboard_interrupt_in_a_handler_ends_the_program_and_is_no_failure(tmp_path: Path) -> None:
    async def main() -> None:
        async with Theater(tmp_path / "theater") as theater:
            worker = await theater.spawn(Worker(), name="worker")
            await worker.tell(Worker.interrupt)
            await anyio.sleep(HOUR)

    with pytest.raises(KeyboardInterrupt):
        anyio.run(main)

    history = History(tmp_path / "theater")
    assert history.verify().ok
    assert history.verify().closed
    assert "actor/failed" not in [event.kind for event in history.chain("worker")]


# -- whoever waits


async def test_who_waits_for_an_answer_is_told_that_the_theater_closed() -> None:
    theater = Theater(closing=1)
    await theater.open()
    worker = await theater.spawn(Worker())
    answer = asyncio.ensure_future(worker.ask(Worker.work, HOUR))
    waiting = asyncio.ensure_future(worker.ask(Worker.work, HOUR))
    ending = asyncio.ensure_future(worker.stop())
    await anyio.sleep(1)

    await theater.close()

    for waiter in (answer, waiting, ending):
        with pytest.raises(NotRunningError, match="the theater is closed"):
            await waiter


async def test_who_waits_for_quiet_is_told_that_the_theater_closed() -> None:
    theater = Theater(closing=0)
    await theater.open()
    worker = await theater.spawn(Worker())
    await worker.tell(Worker.work, HOUR)
    quiet = asyncio.ensure_future(theater.settled())
    await anyio.sleep(1)

    await theater.close()

    with pytest.raises(NotRunningError):
        await quiet


async def test_who_waits_for_a_spawn_is_told_that_the_theater_closed() -> None:
    class Slow(Actor):
        async def on_start(self) -> None:
            await anyio.sleep(HOUR)

    theater = Theater(closing=0)
    await theater.open()
    spawning = asyncio.ensure_future(theater.spawn(Slow()))
    await anyio.sleep(1)

    await theater.close()

    with pytest.raises(NotRunningError):
        await spawning


async def test_after_closing_nothing_runs_any_more() -> None:
    async with Theater() as theater:
        worker = await theater.spawn(Worker(), name="worker")

    for use in (
        lambda: worker.ask(Worker.work),
        lambda: worker.tell(Worker.work),
        lambda: theater.spawn(Worker()),
        worker.stop,
        worker.kill,
        theater.settled,
        theater.resume,
    ):
        with pytest.raises(NotRunningError, match="the theater is closed"):
            await use()
    with pytest.raises(NotRunningError):
        theater.find("worker")
    with pytest.raises(NotRunningError):
        worker.tell_nowait(Worker.work)
    assert theater.statistics().actors == 0
    assert len(theater.chain(worker)) == 3


# -- opening and closing by hand


async def test_a_theater_is_entered_in_one_task_and_left_in_another() -> None:
    theater = Theater()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(theater.open)
    worker = await theater.spawn(Worker())
    assert await worker.ask(Worker.work) == "done"

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(theater.close)

    with pytest.raises(NotRunningError):
        await worker.ask(Worker.work)


async def test_closing_twice_is_closing_once() -> None:
    theater = Theater()
    await theater.open()
    worker = await theater.spawn(Worker())
    await worker.tell(Worker.work, 1)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(theater.close)
        tasks.start_soon(theater.close)
    await theater.close()

    assert STEPS == ["done", "on_stop shutdown"]
    assert [event.kind for event in theater.chain(bytes(16))].count("theater/closed") == 1


async def test_a_handler_cannot_close_its_theater(theater: Theater) -> None:
    class Vandal(Actor):
        @handler(raises=(SetupError,))
        async def close(self) -> None:
            await theater.close()

    vandal = await theater.spawn(Vandal())

    with pytest.raises(SetupError, match="have whoever opened it close it"):
        await vandal.ask(Vandal.close)

    assert await (await theater.spawn(Worker())).ask(Worker.work) == "done"


async def test_closing_what_was_never_opened_does_nothing() -> None:
    await Theater().close()


async def test_a_theater_is_opened_once() -> None:
    theater = Theater()
    async with theater:
        with pytest.raises(SetupError, match="opened once"):
            await theater.open()

    with pytest.raises(SetupError, match="opened once"):
        await theater.open()


async def test_a_theater_that_is_not_open_says_how_to_open_it() -> None:
    with pytest.raises(SetupError, match="async with"):
        await Theater().spawn(Worker())
    with pytest.raises(SetupError, match="async with"):
        Theater().statistics()


async def test_a_theater_whose_opening_failed_can_be_opened_later(tmp_path: Path) -> None:
    place = tmp_path / "theater"
    place.write_text("not a folder")
    theater = Theater(place)
    with pytest.raises(Exception, match="theater"):
        await theater.open()
    place.unlink()

    async with theater:
        await theater.spawn(Worker())


@pytest.mark.parametrize("keep", [0, -1, 1.5, True])
def test_a_bad_keep_is_refused(keep: Any) -> None:
    with pytest.raises(SetupError, match="keep must be"):
        Theater(keep=keep)


@pytest.mark.parametrize("keep_bytes", [0, -1, 1.5, True])
def test_bad_keep_bytes_are_refused(keep_bytes: Any) -> None:
    with pytest.raises(SetupError, match="keep_bytes must be"):
        Theater(keep_bytes=keep_bytes)


def test_its_repr_says_where_it_is(tmp_path: Path) -> None:
    assert repr(Theater()) == "<Theater in memory>"
    assert repr(Theater(tmp_path)) == f"<Theater in {tmp_path}>"


# -- nothing is left


async def test_closing_leaves_no_task(at_ease: Any) -> None:
    at_ease.begin()
    async with Theater(closing=0) as theater:
        workers = [await theater.spawn(Worker()) for _ in range(3)]
        await workers[0].tell(Worker.work, HOUR)
        await workers[1].tell(Worker.leave_a_task)
        await workers[2].tell(Worker.cling, 2)
        await anyio.sleep(1)

    assert at_ease.left() == set()


@pytest.mark.real_clock
async def test_closing_a_folder_leaves_no_task(tmp_path: Path, at_ease: Any) -> None:
    at_ease.begin()
    async with Theater(tmp_path / "theater", closing=0) as theater:
        worker = await theater.spawn(Worker())
        await worker.tell(Worker.work, HOUR)

    assert at_ease.left() == set()


async def test_a_handler_that_swallows_its_cancellation_is_cancelled_again_and_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with Theater(closing=0) as theater:
        worker = await theater.spawn(Worker(), name="worker")
        await worker.tell(Worker.cling, 3)
        await anyio.sleep(1)

    assert STEPS == ["swallowed"] * 3
    assert "Worker 'worker' swallowed its cancellation; it is cancelled again" in caplog.messages
    assert anyio.current_time() < 2


async def test_a_handler_that_never_lets_go_does_not_keep_the_theater_open(
    at_ease: Any, caplog: pytest.LogCaptureFixture
) -> None:
    at_ease.begin()
    async with Theater(closing=0) as theater:
        worker = await theater.spawn(Worker(), name="worker")
        await worker.tell(Worker.cling, 10**9)
        await anyio.sleep(1)

    assert any("never let go" in line for line in caplog.messages)
    assert anyio.current_time() < 10
    await anyio.lowlevel.checkpoint()
    assert at_ease.left() == set()


async def test_a_task_that_a_handler_left_and_that_never_lets_go_is_named(
    at_ease: Any, caplog: pytest.LogCaptureFixture
) -> None:
    class Careless(Actor):
        @handler
        async def leave(self) -> None:
            asyncio.ensure_future(self._cling())  # noqa: RUF006  # that is the test
            await anyio.lowlevel.checkpoint()

        async def _cling(self) -> None:
            while True:
                try:
                    await anyio.sleep(HOUR)
                except asyncio.CancelledError:
                    STEPS.append("swallowed")

    at_ease.begin()
    async with Theater() as theater:
        careless = await theater.spawn(Careless())
        await careless.ask(Careless.leave)

    assert STEPS
    assert any(line.levelno == logging.ERROR for line in caplog.records)
    await anyio.lowlevel.checkpoint()
    assert at_ease.left() == set()


async def test_the_task_factory_that_was_there_is_put_back() -> None:
    loop = asyncio.get_running_loop()
    made: list[str] = []

    def factory(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
        made.append(getattr(coroutine, "__name__", "?"))
        return asyncio.Task(coroutine, loop=loop, **options)

    loop.set_task_factory(factory)
    async with Theater() as first:
        async with Theater() as second:
            await second.spawn(Worker())
        worker = await first.spawn(Worker())
        await worker.ask(Worker.leave_a_task)

    assert loop.get_task_factory() is factory
    assert "sleep" in made


async def test_the_default_task_factory_is_put_back() -> None:
    async with Theater():
        assert asyncio.get_running_loop().get_task_factory() is not None

    assert asyncio.get_running_loop().get_task_factory() is None


async def test_an_actor_that_is_killed_while_the_theater_closes_ends_all_the_same() -> None:
    theater = Theater(closing=10)
    await theater.open()
    worker = await theater.spawn(Worker())
    await worker.tell(Worker.work, HOUR)
    await anyio.sleep(1)
    killing = asyncio.ensure_future(worker.kill())
    await theater.close()

    await killing
    assert theater.chain(worker)[-1].body == {"reason": "killed"}


async def test_what_failed_while_the_theater_closed_is_told() -> None:
    class Failing(Actor):
        @handler
        async def fail(self) -> None:
            await anyio.sleep(1)
            raise ValueError("late")

    theater = Theater()
    await theater.open()
    failing = await theater.spawn(Failing())
    answer = asyncio.ensure_future(failing.ask(Failing.fail))
    await anyio.lowlevel.checkpoint()
    await theater.close()

    with pytest.raises(ActorFailedError, match="late"):
        await answer


async def test_a_fault_of_the_runtime_ends_the_theater_and_everybody_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fault(*_: Any, **__: Any) -> None:
        raise RuntimeError("ours")

    theater = Theater()
    await theater.open()
    worker, other = await theater.spawn(Worker()), await theater.spawn(Worker())
    waiting = asyncio.ensure_future(other.ask(Worker.work, HOUR))
    await anyio.sleep(1)
    monkeypatch.setattr("theater.settling.Told", fault)

    with pytest.raises(RuntimeError, match="ours"):
        await worker.ask(Worker.work)

    with pytest.raises(RuntimeError, match="ours"):
        await waiting
    assert "the theater ends as by a crash" in caplog.messages
    await theater.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # Python says so too
async def test_a_handler_that_ignores_even_the_end_of_its_coroutine_does_not_keep_a_theater_open(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Deaf(Actor):
        @handler
        async def listen(self) -> None:
            for _ in range(10_000):
                with contextlib.suppress(BaseException):
                    await anyio.sleep(3600)

    before = asyncio.all_tasks()
    theater = Theater(closing=0.1)
    await theater.open()
    deaf = await theater.spawn(Deaf())
    await deaf.tell(Deaf.listen)
    await anyio.sleep(0.1)

    with anyio.fail_after(60):
        await theater.close()

    assert asyncio.all_tasks() == before
    assert "ignores even the end of its coroutine" in caplog.text


@effect
async def clean_up() -> None:
    STEPS.append("cleaned up")


AT_WORK: list[asyncio.Event] = []


class Keeper(Actor):
    """Does something when it is cut off, which it does not do when it is not."""

    @handler
    async def keep(self, how: str) -> None:
        await self.context.store.store(b"begun")
        try:
            AT_WORK[0].set()
            await asyncio.sleep(0 if AT_WORK[1:] else HOUR)
        except asyncio.CancelledError:
            await self.last(how)
            raise

    async def last(self, how: str) -> None:
        match how:
            case "store":
                await self.context.store.store(b"cut off")
            case "read":
                await self.context.store.list_labels()
            case "effect":
                await self.context.effect(clean_up)
            case "log":
                self.context.log("cut off")
            case "children":
                STEPS.extend(child.name for child in self.context.children)


@pytest.mark.real_clock
@pytest.mark.parametrize("how", ["store", "read", "effect", "log", "children"])
async def test_what_a_handler_asks_as_it_is_cut_off_is_not_on_record_and_it_runs_again(
    tmp_path: Path, how: str
) -> None:
    AT_WORK[:] = [asyncio.Event()]
    async with Theater(tmp_path / "theater", closing=0) as theater:
        keeper = await theater.spawn(Keeper(), name="keeper")
        await keeper.tell(Keeper.keep, how)
        await AT_WORK[0].wait()
        before = kinds(theater, keeper)
    assert kinds(theater, keeper) == before == ["message/received", "store/new", "store/store"]

    AT_WORK.append(AT_WORK[0])
    async with Theater(tmp_path / "theater") as theater:
        assert (await theater.resume()).left == ()
        await theater.settled()

        ended = ["actor/resumed", "message/retried", "message/handled"]
        assert kinds(theater, theater.find("keeper")) == [*before, *ended]
    assert STEPS == []


async def test_who_cancels_all_tasks_of_the_loop_does_not_cut_a_closing_short(tmp_path: Path) -> None:
    class Slow(Actor):
        @handler
        async def work(self) -> None:
            await anyio.sleep(3600)

    before = asyncio.all_tasks()
    theater = Theater(tmp_path, closing=600)
    await theater.open()
    slow = await theater.spawn(Slow())
    await slow.tell(Slow.work)
    closing = asyncio.create_task(theater.close())
    await anyio.sleep(1)

    for task in asyncio.all_tasks() - before:
        task.cancel()
    with anyio.fail_after(60):
        await theater.close()
    with pytest.raises(asyncio.CancelledError):
        await closing

    assert asyncio.all_tasks() == before
    report = History(tmp_path).verify()
    assert report.ok
    assert report.closed


class Unready(Actor):
    """Does not expect to be cut off."""

    @handler
    async def work(self, how: str) -> None:
        await self.context.store.store(b"begun")
        AT_WORK[0].set()
        try:
            await anyio.sleep(0 if AT_WORK[1:] else HOUR)
        except asyncio.CancelledError:
            match how:
                case "waits on":
                    await asyncio.sleep(HOUR)
                case "fails":
                    raise ValueError("as told") from None
                case "tells itself":
                    await self.context.ref.tell(Unready.work, how)
            raise


@pytest.mark.parametrize("how", ["lets go", "waits on", "fails", "tells itself"])
def test_a_theater_that_nobody_closed_closes_as_asyncio_run_ends(tmp_path: Path, how: str) -> None:
    AT_WORK[:] = [asyncio.Event()]

    async def leave_open() -> None:
        theater = Theater(tmp_path)
        await theater.open()
        await theater.spawn(Unready(), name="at rest", restart=TEMPORARY)
        unready = await theater.spawn(Unready(), name="at work")
        await unready.tell(Unready.work, how)
        await AT_WORK[0].wait()

    async def look() -> list[str]:
        AT_WORK[:] = [asyncio.Event()] * 2
        async with Theater(tmp_path) as theater:
            assert {ref.name for ref in (await theater.resume()).refs} == {"at rest", "at work"}
            await theater.settled()
            return kinds(theater, theater.find("at work"))

    running = Thread(target=asyncio.run, args=[leave_open()], daemon=True)
    running.start()
    running.join(30)

    assert not running.is_alive()
    report = History(tmp_path).verify()
    assert report.ok
    assert report.closed
    begun, ended = ["message/received", "store/new", "store/store"], ["message/retried", "message/handled"]
    assert asyncio.run(look()) == [*begun, "actor/resumed", *ended]


async def test_who_cancels_all_tasks_of_the_loop_closes_the_theater(tmp_path: Path) -> None:
    before = asyncio.all_tasks()
    theater = Theater(tmp_path)
    await theater.open()
    worker = await theater.spawn(Worker())
    await worker.tell(Worker.work, HOUR)
    await anyio.wait_all_tasks_blocked()

    for task in asyncio.all_tasks() - before:
        task.cancel()

    with pytest.raises(NotRunningError):
        await worker.ask(Worker.work)
    await theater.close()
    assert asyncio.all_tasks() == before
    assert STEPS == ["cut off"]
    assert History(tmp_path).verify().closed
