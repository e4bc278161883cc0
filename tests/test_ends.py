"""Ends: stop, kill, failure and the end of a supervisor; who is told, and what becomes of the mailbox."""

from __future__ import annotations

import asyncio
from typing import Any

import anyio
import pytest
from told import kinds, only, told, triple

from theater import Actor, ActorRef, Backoff, Reason, RestartLimit, Theater, handler
from theater.errors import ActorFailedError, ActorNotFoundError, NotRunningError

HOUR = 3600.0
STEPS: list[str] = []


@pytest.fixture(autouse=True)
def steps() -> list[str]:
    """What actors did, in this test alone."""
    STEPS.clear()
    return STEPS


class Worker(Actor):
    """Works in virtual time, and takes its time to stop."""

    done: int = 0
    stops_within: float = 0.0

    @handler
    async def work(self, seconds: float = 0.0) -> int:
        try:
            await anyio.sleep(seconds)
        except asyncio.CancelledError:
            STEPS.append(f"{self.context.name} cut off")
            raise
        self.done += 1
        return self.done

    @handler
    async def cling(self, times: int) -> None:
        for _ in range(times):
            try:
                await anyio.sleep(HOUR)
            except asyncio.CancelledError:
                STEPS.append("swallowed")

    @handler
    async def finish(self) -> str:
        self.context.stop()
        await anyio.sleep(1)
        return "last words"

    @handler
    async def fail(self) -> None:
        raise ValueError("as told")

    async def on_stop(self, reason: Reason) -> None:
        await anyio.sleep(self.stops_within)
        STEPS.append(f"{self.context.name} {reason.value}")


class Boss(Actor):
    """Supervises, watches, and notes what it is told."""

    news: list[str] = []  # noqa: RUF012  # given fresh to each instance

    @handler
    async def hire(
        self,
        name: str,
        *,
        takes: float = 0.0,
        stop_within: float = 5.0,
        restarts: int = 3,
        rests: float = 0.0,
    ) -> ActorRef[Worker]:
        worker = Worker(stops_within=takes)
        limit = RestartLimit(restarts=restarts)
        backoff = Backoff(first=rests, most=rests) if rests else None
        return await self.context.spawn(
            worker, name=name, stop_within=stop_within, limit=limit, backoff=backoff
        )

    @handler
    async def watch(self, ref: ActorRef[Any]) -> None:
        self.context.watch(ref, Boss.on_end)

    @handler
    async def on_end(self, ref: ActorRef[Any], reason: Reason) -> None:
        self.news.append(f"{ref.name} ended: {reason.value}")

    async def on_child_failed(self, child: ActorRef[Any], error: Exception) -> None:
        assert isinstance(error, ActorFailedError)
        self.news.append(f"{child.name} failed: {error.__cause__}")

    async def on_child_stopped(self, child: ActorRef[Any], reason: Reason) -> None:
        self.news.append(f"{child.name} stopped: {reason.value}")

    @handler
    async def wait(self, seconds: float) -> None:
        await anyio.sleep(seconds)

    @handler
    async def all_news(self) -> list[str]:
        return self.news

    @handler
    async def end(self, ref: ActorRef[Any], how: str) -> str:
        await (ref.stop() if how == "stop" else ref.kill())
        return "ended"


def reason(theater: Theater, ref: ActorRef[Any]) -> str:
    """Why this actor ended, as its last event says."""
    last = theater.chain(ref)[-1]
    assert last.kind == "actor/stopped"
    return str(last.body["reason"])


# -- one actor


async def test_stop_finishes_what_is_queued_before_it(theater: Theater) -> None:
    worker = await theater.spawn(Worker(), name="worker")
    for _ in range(3):
        await worker.tell(Worker.work, 10)

    await worker.stop()

    assert anyio.current_time() == 30
    assert STEPS == ["worker normal"]
    assert reason(theater, worker) == "normal"
    assert kinds(theater, worker) == ["message/handled"] * 4 + ["actor/stopped"]


async def test_a_stopping_actor_takes_no_more_messages(theater: Theater) -> None:
    worker = await theater.spawn(Worker())
    async with anyio.create_task_group() as tasks:
        await worker.tell(Worker.work, 10)
        tasks.start_soon(worker.stop)
        await anyio.sleep(1)

        with pytest.raises(NotRunningError, match="is stopping") as refused:
            await worker.tell(Worker.work, 1)
        assert refused.value.message is not None
        assert refused.value.message.handler == "work"

    with pytest.raises(NotRunningError, match="has ended"):
        await worker.ask(Worker.work)


async def test_an_ended_actor_is_found_no_more_and_its_name_is_free(theater: Theater) -> None:
    worker = await theater.spawn(Worker(), name="worker")
    await worker.stop()

    with pytest.raises(ActorNotFoundError):
        theater.find("worker")
    successor = await theater.spawn(Worker(), name="worker")
    assert successor != worker
    assert successor.id != worker.id
    assert "ended" in repr(worker)


async def test_stopping_or_killing_what_has_ended_does_nothing(theater: Theater) -> None:
    worker = await theater.spawn(Worker())
    await worker.stop()

    await worker.stop()
    await worker.kill()

    assert reason(theater, worker) == "normal"
    assert len(told(theater, worker, "actor/stopped")) == 1


async def test_two_that_stop_one_actor_both_return_when_it_has_ended(theater: Theater) -> None:
    worker = await theater.spawn(Worker())
    await worker.tell(Worker.work, 10)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(worker.stop)
        tasks.start_soon(worker.stop)

    assert reason(theater, worker) == "normal"


async def test_a_stop_that_is_not_waited_for_goes_on(theater: Theater) -> None:
    worker = await theater.spawn(Worker())
    await worker.tell(Worker.work, 10)

    with anyio.move_on_after(1):
        await worker.stop()
    await theater.settled()

    assert reason(theater, worker) == "normal"


async def test_kill_cuts_the_message_at_hand_off(theater: Theater) -> None:
    worker = await theater.spawn(Worker(), name="worker")
    async with anyio.create_task_group() as tasks:

        async def ask() -> None:
            with pytest.raises(ActorFailedError, match="was killed while it handled work"):
                await worker.ask(Worker.work, HOUR)

        tasks.start_soon(ask)
        await anyio.sleep(1)
        await worker.kill()

    assert anyio.current_time() < 2
    assert STEPS == ["worker cut off"]
    assert reason(theater, worker) == "killed"
    cut = told(theater, worker, "message/handled")[-1]
    assert cut.body["failed"] is True
    assert cut.body["error"]["class"] == "Cancelled"


async def test_kill_ends_an_actor_that_has_nothing_to_do(theater: Theater) -> None:
    worker = await theater.spawn(Worker())

    await worker.kill()

    assert reason(theater, worker) == "killed"
    assert STEPS == []


async def test_kill_ends_an_actor_that_has_not_had_its_first_turn(theater: Theater) -> None:
    class Slow(Actor):
        async def on_start(self) -> None:
            await anyio.sleep(HOUR)

    async with anyio.create_task_group() as tasks:

        async def spawn() -> None:
            with pytest.raises(ActorFailedError, match="killed before it had started"):
                await theater.spawn(Slow(), name="slow")

        tasks.start_soon(spawn)
        await anyio.lowlevel.checkpoint()
        await theater.find("slow").kill()

    assert anyio.current_time() < 1


async def test_a_handler_that_swallows_its_cancellation_is_killed_again_and_named(
    theater: Theater, caplog: pytest.LogCaptureFixture
) -> None:
    worker = await theater.spawn(Worker(), name="worker")
    await worker.tell(Worker.cling, 3)
    await anyio.sleep(1)

    await worker.kill()

    assert STEPS == ["swallowed"] * 3
    assert "Worker 'worker' swallowed its cancellation; it is cancelled again" in caplog.messages
    assert reason(theater, worker) == "killed"


class Limpet(Worker):
    """Lets go of nothing, wherever it is at work."""

    where: str = ""

    async def hold_on(self, where: str, errors: type[BaseException] = asyncio.CancelledError) -> None:
        while self.where == where:
            try:
                await anyio.sleep(HOUR)
            except errors as error:
                if isinstance(error, GeneratorExit):
                    return

    @handler
    async def stay(self, how: str) -> None:
        if how == "with a child":
            await self.context.spawn(Worker(), name="child")
        await self.hold_on(self.where, BaseException if how else asyncio.CancelledError)

    async def on_start(self) -> None:
        await self.hold_on("on_start")

    async def on_stop(self, reason: Reason) -> None:
        await self.hold_on("on_stop")
        STEPS.append(f"{self.context.name} {reason.value}")


@pytest.mark.parametrize("how", ["", "ignores its end, too", "with a child"])
async def test_a_handler_that_never_lets_go_ends_all_the_same(theater: Theater, how: str) -> None:
    limpet = await theater.spawn(Limpet(), name="limpet")
    async with anyio.create_task_group() as tasks:

        async def ask() -> None:
            with pytest.raises(ActorFailedError, match="limpet was killed while it handled stay"):
                await limpet.ask(Limpet.stay, how)

        tasks.start_soon(ask)
        await anyio.sleep(1)
        with anyio.fail_after(60):
            await limpet.kill()

    assert reason(theater, limpet) == "killed"
    await theater.settled()
    counts = theater.statistics()
    assert (counts.actors, counts.active, counts.failed, counts.unaccounted) == (0, 0, 1, 0)


async def test_an_actor_whose_hooks_never_let_go_ends_all_the_same(theater: Theater) -> None:
    stuck = await theater.spawn(Limpet(where="on_stop"))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stuck.stop)

        async def spawn() -> None:
            with pytest.raises(ActorFailedError, match="limpet was killed before it had started"):
                await theater.spawn(Limpet(where="on_start"), name="limpet")

        tasks.start_soon(spawn)
        await anyio.sleep(1)
        with anyio.fail_after(60):
            await theater.find("limpet").kill()
            await stuck.kill()

    assert reason(theater, stuck) == "killed"
    assert (theater.statistics().actors, theater.statistics().active) == (0, 0)


async def test_kill_overtakes_a_stop_that_takes_too_long(theater: Theater) -> None:
    worker = await theater.spawn(Worker(stops_within=HOUR))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(worker.stop)
        await anyio.sleep(1)
        await worker.kill()

    assert reason(theater, worker) == "killed"
    assert STEPS == []


@pytest.mark.parametrize("instant", ["at rest", "just woken", "between two lives"])
async def test_a_stranger_who_cancels_the_task_of_an_actor_kills_it(theater: Theater, instant: str) -> None:
    boss = await theater.spawn(Boss(), name="boss")
    worker = await boss.ask(Boss.hire, "worker", rests=1e9)
    before = asyncio.all_tasks()
    await worker.ask(Worker.work)
    await theater.settled()
    [task] = asyncio.all_tasks() - before
    if instant == "just woken":
        await worker.tell(Worker.work)
    if instant == "between two lives":
        await worker.tell(Worker.fail)
        await anyio.sleep(1)

    task.cancel()

    with pytest.raises(NotRunningError):
        await worker.ask(Worker.work)
    assert (await boss.ask(Boss.all_news))[-1] == "boss/worker stopped: killed"
    assert reason(theater, worker) == "killed"
    assert task.cancelled()
    with anyio.fail_after(1):
        await theater.settled()
    assert await boss.ask(Boss.hire, "worker") != worker


async def test_context_stop_ends_the_actor_after_the_message_at_hand(theater: Theater) -> None:
    worker = await theater.spawn(Worker(), name="worker")
    last = asyncio.ensure_future(worker.ask(Worker.finish))
    await anyio.lowlevel.checkpoint()
    late = asyncio.ensure_future(worker.ask(Worker.work))

    assert await last == "last words"
    with pytest.raises(NotRunningError):
        await late
    assert reason(theater, worker) == "normal"
    assert STEPS == ["worker normal"]


async def test_messages_that_nobody_will_handle_are_answered_and_recorded(theater: Theater) -> None:
    boss, worker = await theater.spawn(Boss()), await theater.spawn(Worker(), name="worker")

    class Asker(Actor):
        @handler
        async def ask(self) -> str:
            try:
                await worker.ask(Worker.work, 2.0)
            except NotRunningError as error:
                return str(error)
            return "answered"

    asker = await theater.spawn(Asker())
    async with anyio.create_task_group() as tasks:

        async def ask() -> None:
            assert await asker.ask(Asker.ask) == "worker has ended"

        await worker.tell(Worker.work, HOUR)
        await anyio.sleep(1)
        await worker.tell(Worker.work, 1.0)
        tasks.start_soon(ask)
        await anyio.sleep(1)
        await worker.kill()

    dead = told(theater, worker, "message/dead")
    sent = only(theater, asker, "message/sent")
    assert [event.body["args"] for event in dead] == [[1.0], [2.0]]
    assert dead[1].body["from"] == triple(sent)
    assert only(theater, asker, "message/answered").body["from"] == triple(dead[1])
    assert theater.statistics().dead_letters == 2
    assert await boss.ask(Boss.all_news) == []


async def test_who_waits_for_room_is_told_when_the_actor_stops(theater: Theater) -> None:
    worker = await theater.spawn(Worker(), mailbox=1)
    await worker.tell(Worker.work, 10)
    await anyio.sleep(1)
    await worker.tell(Worker.work, 10)
    async with anyio.create_task_group() as tasks:

        async def tell() -> None:
            with pytest.raises(NotRunningError):
                await worker.tell(Worker.work, 10)

        tasks.start_soon(tell)
        await anyio.sleep(1)
        tasks.start_soon(worker.stop)

    assert len(told(theater, worker, "message/dead")) == 0


async def test_stop_and_kill_of_another_actor_are_recorded_like_asks(theater: Theater) -> None:
    boss = await theater.spawn(Boss())
    first, second = await theater.spawn(Worker()), await theater.spawn(Worker())

    await boss.ask(Boss.end, first, "stop")
    await boss.ask(Boss.end, second, "kill")

    sent = told(theater, boss, "message/sent")
    assert [(event.body["handler"], event.body["to"]) for event in sent] == [
        ("@stop", first.id),
        ("@kill", second.id),
    ]
    answers = told(theater, boss, "message/answered")
    assert [event.body["message"] for event in answers] == [event.seq for event in sent]
    assert [reason(theater, ref) for ref in (first, second)] == ["normal", "killed"]


# -- supervisors and children


async def test_children_are_stopped_from_the_last_to_the_first_and_before_their_supervisor(
    theater: Theater,
) -> None:
    boss = await theater.spawn(Boss(), name="boss")
    children = [await boss.ask(Boss.hire, name, takes=2.0) for name in ("a", "b", "c")]

    await boss.stop()

    assert STEPS == ["boss/c shutdown", "boss/b shutdown", "boss/a shutdown"]
    assert anyio.current_time() == 6
    assert {reason(theater, child) for child in children} == {"shutdown"}


async def test_a_child_that_does_not_stop_within_its_time_is_killed(theater: Theater) -> None:
    boss = await theater.spawn(Boss(), name="boss")
    slow = await boss.ask(Boss.hire, "slow", takes=HOUR, stop_within=3.0)
    quick = await boss.ask(Boss.hire, "quick", takes=1.0)

    await boss.stop()

    assert anyio.current_time() == 4
    assert [reason(theater, ref) for ref in (slow, quick, boss)] == ["killed", "shutdown", "normal"]


async def test_children_finish_what_is_queued_when_their_supervisor_stops(theater: Theater) -> None:
    boss = await theater.spawn(Boss(), name="boss")
    worker = await boss.ask(Boss.hire, "worker")
    for _ in range(3):
        await worker.tell(Worker.work, 1)

    await boss.stop()

    assert told(theater, worker, "message/handled")[2].body["state"]["done"] == 3


async def test_a_killed_supervisor_gives_its_children_their_time_and_is_not_taken_for_stubborn(
    theater: Theater, caplog: pytest.LogCaptureFixture
) -> None:
    boss = await theater.spawn(Boss(), name="boss")
    worker = await boss.ask(Boss.hire, "worker", takes=4.0)

    await boss.kill()

    assert anyio.current_time() == 4
    assert [reason(theater, ref) for ref in (worker, boss)] == ["shutdown", "killed"]
    assert caplog.messages == []


async def test_a_kill_reaches_through_a_supervisor_that_waits_for_its_children(theater: Theater) -> None:
    boss = await theater.spawn(Boss(), name="boss")
    worker = await boss.ask(Boss.hire, "worker", stop_within=HOUR)
    await worker.tell(Worker.cling, 3)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(boss.stop)
        await anyio.sleep(1)
        await boss.kill()

    assert STEPS == ["swallowed"] * 3
    assert [reason(theater, ref) for ref in (worker, boss)] == ["killed", "killed"]


async def test_a_stranger_who_cancels_a_supervisor_that_waits_for_its_children_kills_all_of_them(
    theater: Theater,
) -> None:
    before = asyncio.all_tasks()
    boss = await theater.spawn(Boss(), name="boss")
    await boss.ask(Boss.all_news)
    [task] = asyncio.all_tasks() - before
    worker = await boss.ask(Boss.hire, "worker", stop_within=HOUR)
    await worker.tell(Worker.cling, 1)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(boss.stop)
        await anyio.sleep(1)
        task.cancel()

    assert anyio.current_time() < 10
    assert [reason(theater, ref) for ref in (worker, boss)] == ["killed", "killed"]


async def test_a_whole_tree_ends_from_its_leaves(theater: Theater) -> None:
    class Branch(Actor):
        @handler
        async def grow(self, depth: int) -> None:
            if depth:
                below = await self.context.spawn(Branch(), name="x")
                await below.ask(Branch.grow, depth - 1)

        async def on_stop(self, reason: Reason) -> None:
            STEPS.append(f"{self.context.name} {reason.value}")

    root = await theater.spawn(Branch(), name="x")
    await root.ask(Branch.grow, 3)

    await root.stop()

    assert STEPS == ["x/x/x/x shutdown", "x/x/x shutdown", "x/x shutdown", "x normal"]
    assert theater.statistics().actors == 0


async def test_a_supervisor_is_told_of_each_failure_and_of_the_end(theater: Theater) -> None:
    boss = await theater.spawn(Boss(), name="boss")
    worker = await boss.ask(Boss.hire, "worker", restarts=1)

    for _ in range(2):
        with pytest.raises(ActorFailedError):
            await worker.ask(Worker.fail)
    await theater.settled()

    assert await boss.ask(Boss.all_news) == [
        "boss/worker failed: as told",
        "boss/worker failed: as told",
        "boss/worker stopped: failed",
    ]
    news = [
        event
        for event in told(theater, boss, "message/handled")
        if "on_child" in event.body.get("handler", "")
    ]
    assert len(news) == 3
    failed = told(theater, worker, "actor/failed")[0].seq
    assert news[0].body["args"][1] == {"class": "ValueError", "text": "as told", "seq": failed}


async def test_a_supervisor_is_told_past_a_full_mailbox(theater: Theater) -> None:
    boss = await theater.spawn(Boss(), name="boss", mailbox=1)
    worker = await boss.ask(Boss.hire, "worker")
    await boss.tell(Boss.wait, 10)
    await anyio.sleep(1)
    await boss.tell(Boss.wait, 10)

    await worker.stop()
    await anyio.sleep(10)

    handled = [event.body.get("handler") for event in told(theater, boss, "message/handled")]
    assert handled[-2:] == ["wait", "on_child_stopped"]


# -- watching


@pytest.mark.parametrize(
    ("how", "reason"), [("stop", "normal"), ("kill", "killed"), ("fail", "failed"), ("finish", "normal")]
)
async def test_a_watcher_is_told_once_with_the_reason(theater: Theater, how: str, reason: str) -> None:
    boss = await theater.spawn(Boss())
    worker = await theater.spawn(Worker(), name="worker", limit=RestartLimit(restarts=0))
    await boss.ask(Boss.watch, worker)

    if how in {"stop", "kill"}:
        await (worker.stop() if how == "stop" else worker.kill())
    else:
        await worker.tell(how)
    await theater.settled()

    assert await boss.ask(Boss.all_news) == [f"worker ended: {reason}"]


async def test_a_child_that_is_watched_is_told_of_in_both_ways(theater: Theater) -> None:
    boss = await theater.spawn(Boss(), name="boss")
    worker = await boss.ask(Boss.hire, "worker")
    await boss.ask(Boss.watch, worker)

    await worker.stop()
    await theater.settled()

    assert sorted(await boss.ask(Boss.all_news)) == [
        "boss/worker ended: normal",
        "boss/worker stopped: normal",
    ]


async def test_watching_an_actor_that_has_ended_tells_at_once(theater: Theater) -> None:
    boss, worker = await theater.spawn(Boss()), await theater.spawn(Worker(), name="worker")
    await worker.kill()

    await boss.ask(Boss.watch, worker)
    await theater.settled()

    assert await boss.ask(Boss.all_news) == ["worker ended: killed"]


async def test_a_restart_is_no_end_to_a_watcher(theater: Theater) -> None:
    boss, worker = await theater.spawn(Boss()), await theater.spawn(Worker())
    await boss.ask(Boss.watch, worker)

    with pytest.raises(ActorFailedError):
        await worker.ask(Worker.fail)
    await theater.settled()

    assert await boss.ask(Boss.all_news) == []


async def test_a_watcher_that_has_ended_is_left_in_peace(theater: Theater) -> None:
    boss, worker = await theater.spawn(Boss()), await theater.spawn(Worker())
    await boss.ask(Boss.watch, worker)
    await boss.stop()

    await worker.stop()

    assert reason(theater, worker) == "normal"
    assert theater.statistics().dead_letters == 0


async def test_a_watch_goes_past_a_full_mailbox_and_is_recorded(theater: Theater) -> None:
    boss, worker = await theater.spawn(Boss(), mailbox=1), await theater.spawn(Worker(), name="worker")
    await boss.ask(Boss.watch, worker)
    await boss.tell(Boss.wait, 10)
    await anyio.sleep(1)
    await boss.tell(Boss.wait, 10)

    await worker.stop()
    await theater.settled()

    assert only(theater, boss, "message/sent").body == {
        "args": ["on_end"], "ask": False, "handler": "@watch", "to": worker.id,
    }  # fmt: skip
    assert await boss.ask(Boss.all_news) == ["worker ended: normal"]


async def test_a_watch_needs_a_handler(theater: Theater) -> None:
    class Odd(Actor):
        @handler
        async def watch(self, ref: ActorRef[Any]) -> None:
            self.context.watch(ref, Boss.on_end)

    odd, worker = await theater.spawn(Odd()), await theater.spawn(Worker())

    with pytest.raises(ActorFailedError, match="has no handler 'on_end'"):
        await odd.ask(Odd.watch, worker)


@pytest.mark.parametrize("error", [asyncio.CancelledError, GeneratorExit, BaseException])
async def test_an_on_load_that_raises_what_is_no_exception_leaves_nothing_behind(
    theater: Theater, error: type[BaseException]
) -> None:
    class Odd(Actor):
        times: int = 0

        def on_load(self) -> None:
            if self.times != 1:
                raise error("odd")

        @handler
        async def fail(self) -> None:
            raise ValueError("once")

        @handler
        async def break_in_load(self) -> None:
            self.times = 2

    with pytest.raises(ActorFailedError, match=r"failed in on_load: .*odd"):
        await theater.spawn(Odd(), name="odd")
    odd = await theater.spawn(Odd(times=1), name="odd")
    await odd.tell(Odd.break_in_load)
    with pytest.raises(ActorFailedError, match="once"):
        await odd.ask(Odd.fail)
    await theater.settled()

    assert theater.statistics().actors == 0
    assert reason(theater, odd) == "failed"


async def test_a_handler_that_could_not_take_the_news_is_refused_when_the_watch_begins(
    theater: Theater,
) -> None:
    class Careless(Actor):
        @handler
        async def watch(self, other: ActorRef[Any]) -> str:
            try:
                self.context.watch(other, Careless.ended)
            except TypeError as error:
                return str(error)
            return "watching"

        @handler
        async def ended(self, other: ActorRef[Any], reason: Any) -> None:
            """`Any` takes plain values, and a Reason is none."""

    careless, other = await theater.spawn(Careless()), await theater.spawn(Careless())

    assert "argument 'reason'" in await careless.ask(Careless.watch, other)
    await other.stop()
    assert theater.statistics().actors == 1
