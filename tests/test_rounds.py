"""Rounds: several children started again together, in order, whatever they are at and whoever interferes."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

import anyio
import pytest
from told import meanwhile, only, told

from theater import (
    INITIAL,
    ONE_FOR_ALL,
    ONE_FOR_ONE,
    REST_FOR_ONE,
    TEMPORARY,
    TRANSIENT,
    Actor,
    ActorFailedError,
    ActorRef,
    AskCycleError,
    Backoff,
    Directive,
    Reason,
    RestartLimit,
    Strategy,
    Supervision,
    Theater,
    child,
    handler,
)

HOUR = 3600.0
STEPS: list[str] = []


@pytest.fixture(autouse=True)
def steps() -> list[str]:
    """What actors did, in this test alone."""
    STEPS.clear()
    return STEPS


class Worker(Actor):
    """Counts its lives, works in virtual time, and can be told to fail there and then."""

    lives: int = 0
    done: int = 0
    starts_for: float = 0.0
    asks: ActorRef[Any] | None = None  # whom it asks when it starts

    async def on_start(self) -> None:
        self.lives += 1
        await anyio.sleep(self.starts_for)
        STEPS.append(f"{self.short} starts")
        if self.asks is not None and self.lives > 1:
            await self.asks.ask("work")

    async def on_stop(self, reason: Reason) -> None:
        STEPS.append(f"{self.short} {reason.value}")

    @property
    def short(self) -> str:
        return self.context.name.rpartition("/")[2]

    @handler
    async def work(self, seconds: float = 0.0) -> int:
        try:
            await anyio.sleep(seconds)
        except asyncio.CancelledError:
            STEPS.append(f"{self.short} cut off")
            raise
        self.done += 1
        return self.done

    @handler
    async def cling(self, times: int) -> str:
        for _ in range(times):
            try:
                await anyio.sleep(HOUR)
            except asyncio.CancelledError:
                STEPS.append(f"{self.short} swallowed")
        return "let go"

    @handler
    async def ask_to_work(self, other: ActorRef[Any], seconds: float = 0.0) -> int:
        if seconds:
            await anyio.sleep(seconds)
        answer: int = await other.ask("work")
        return answer

    @handler
    async def end(self, other: ActorRef[Any]) -> None:
        await other.stop()

    @handler
    async def will_ask(self, other: ActorRef[Any]) -> None:
        self.asks = other

    @handler
    async def hire(self, name: str) -> ActorRef[Any]:
        return await self.context.spawn(Worker(), name=name)

    @handler
    async def facts(self) -> tuple[int, int]:
        return self.lives, self.done

    @handler
    async def fail(self) -> None:
        raise ValueError("as told")

    @handler
    async def exit(self) -> None:
        self.context.stop()


class Boss(Worker):
    """Has a, b and c; its subclasses say how."""

    @handler
    async def ask_any(self, other: ActorRef[Any], message: str, seconds: float) -> Any:
        return await other.ask(message, seconds)


def of(strategy: Strategy, *, limit: RestartLimit | None = None, **kept: Any) -> Boss:
    """A supervisor of a, b and c; `kept` are options of one child, by name, or of all."""
    options = {name: kept.pop(name, {}) for name in "abc"}
    workers = {name: said.pop("actor", Worker()) for name, said in options.items()}
    specs = [child(workers[name], name=name, **{**kept, **said}) for name, said in options.items()]

    class Crew(Boss):
        supervision = Supervision(strategy=strategy, limit=limit, children=tuple(specs))

    return Crew()


async def crew(theater: Theater, boss: Boss) -> tuple[ActorRef[Any], ...]:
    """The supervisor, and its three children."""
    ref = await theater.spawn(boss, name="boss")
    STEPS.clear()
    return ref, *(theater.find(f"boss/{name}") for name in "abc")


async def fail(ref: ActorRef[Any]) -> None:
    with pytest.raises(ActorFailedError):
        await ref.ask(Worker.fail)


async def facts(*refs: ActorRef[Any]) -> list[tuple[int, int]]:
    """The lives and the work of each."""
    return [await ref.ask(Worker.facts) for ref in refs]


def ended(theater: Theater, ref: ActorRef[Any]) -> str:
    last = theater.chain(ref)[-1]
    assert last.kind == "actor/stopped"
    return str(last.body["reason"])


# -- who, and in which order


@pytest.mark.parametrize(
    ("strategy", "lives", "starts"),
    [
        (ONE_FOR_ONE, [1, 2, 1], ["b"]),
        (ONE_FOR_ALL, [2, 2, 2], ["a", "b", "c"]),
        (REST_FOR_ONE, [1, 2, 2], ["b", "c"]),
    ],
)
async def test_the_strategy_says_who_is_started_again_and_they_are_in_order(
    theater: Theater, strategy: Strategy, lives: list[int], starts: list[str]
) -> None:
    _, *all_three = await crew(theater, of(strategy))

    await fail(all_three[1])
    await theater.settled()

    assert [f"{name} starts" for name in starts] == STEPS
    assert [life for life, _ in await facts(*all_three)] == lives


async def test_a_restart_together_keeps_id_name_mailbox_refs_and_last_good_state(theater: Theater) -> None:
    _, a, b, c = await crew(theater, of(ONE_FOR_ALL))
    ids = [ref.id for ref in (a, b, c)]
    for ref in (a, c):
        await ref.ask(Worker.work)
        await ref.tell(Worker.work, 1.0)  # at hand when b fails
        await ref.tell(Worker.work)  # queued then
    await anyio.lowlevel.checkpoint()

    await fail(b)
    await theater.settled()

    assert await facts(a, b, c) == [(2, 3), (2, 0), (2, 3)]
    assert [theater.find(f"boss/{name}").id for name in "abc"] == ids
    again = {"restarts": 1, "round": [1, b.id]}
    assert all(only(theater, ref, "actor/restarted").body == again for ref in (a, b, c))
    assert theater.statistics().restarts == 3


async def test_with_initial_a_sibling_goes_on_as_it_was_spawned(theater: Theater) -> None:
    _, a, b, c = await crew(theater, of(ONE_FOR_ALL, c={"state": INITIAL}))
    for ref in (a, c):
        await ref.ask(Worker.work)

    await fail(b)
    await theater.settled()

    assert await facts(a, c) == [(2, 1), (1, 0)]


async def test_temporary_siblings_end_and_are_not_started_again(theater: Theater) -> None:
    boss, a, b, c = await crew(theater, of(ONE_FOR_ALL, b={"restart": TEMPORARY}, c={"restart": TRANSIENT}))

    await fail(a)
    await theater.settled()

    assert STEPS == ["b shutdown", "a starts", "c starts"]
    assert ended(theater, b) == "shutdown"
    assert [life for life, _ in await facts(a, c, boss)] == [2, 2, 1]


async def test_children_spawned_by_a_handler_take_part_in_the_order_of_their_start(theater: Theater) -> None:
    boss, _, b, c = await crew(theater, of(REST_FOR_ONE))
    late = await boss.ask(Worker.hire, "d")
    STEPS.clear()

    await fail(c)
    await theater.settled()
    await fail(b)
    await theater.settled()

    assert [f"{name} starts" for name in ("c", "d", "b", "c", "d")] == STEPS
    assert await facts(late) == [(3, 0)]


async def test_children_of_a_sibling_are_stopped_before_it_is_started_again(theater: Theater) -> None:
    _, a, _, c = await crew(theater, of(ONE_FOR_ALL))
    below = await c.ask(Worker.hire, "below")
    STEPS.clear()

    await fail(a)
    await theater.settled()

    assert STEPS == ["below shutdown", "a starts", "b starts", "c starts"]
    assert ended(theater, below) == "shutdown"


async def test_each_starts_only_when_the_one_before_it_has_started(theater: Theater) -> None:
    _, a, _, c = await crew(
        theater,
        of(ONE_FOR_ALL, a={"actor": Worker(starts_for=5)}),
    )

    await fail(c)
    await theater.settled()

    assert STEPS == ["a starts", "b starts", "c starts"]
    assert anyio.current_time() == 10
    assert await facts(a) == [(2, 0)]


# -- what siblings are at


async def test_a_sibling_finishes_its_message_within_its_time_else_it_is_cut_off(theater: Theater) -> None:
    _, a, b, c = await crew(theater, of(ONE_FOR_ALL, a={"stop_within": 20}, c={"stop_within": 3}))
    async with anyio.create_task_group() as tasks:
        meanwhile(tasks, a.ask, Worker.work, 10)

        async def long() -> None:
            with pytest.raises(ActorFailedError, match="boss/c was started again with its siblings while it"):
                await c.ask(Worker.work, HOUR)

        tasks.start_soon(long)
        await anyio.sleep(1)
        await fail(b)

    assert anyio.current_time() == 10
    await theater.settled()
    assert STEPS == ["c cut off", "a starts", "b starts", "c starts"]
    assert await facts(a, c) == [(2, 1), (2, 0)]
    cut = told(theater, c, "message/handled")[1].body
    assert (cut["failed"], cut["error"]["class"]) == (True, "Cancelled")
    assert not told(theater, c, "actor/failed")


async def test_a_sibling_that_never_lets_go_ends_and_the_others_go_on(theater: Theater) -> None:
    _, a, b, c = await crew(theater, of(ONE_FOR_ALL, stop_within=2))
    await a.tell(Worker.cling, 10**6)
    await anyio.sleep(1)

    await fail(b)
    with anyio.fail_after(120):
        await theater.settled()

    assert told(theater, a, "actor/stopped")[0].body == {"reason": "killed"}
    assert await facts(b, c) == [(2, 0), (2, 0)]


async def test_a_sibling_that_swallows_its_cancellation_is_cut_off_again(theater: Theater) -> None:
    _, a, b, _ = await crew(theater, of(ONE_FOR_ALL, stop_within=2))
    async with anyio.create_task_group() as tasks:

        async def clings() -> None:
            assert await a.ask(Worker.cling, 3) == "let go"

        tasks.start_soon(clings)
        await anyio.sleep(1)
        await fail(b)

    assert STEPS == ["a swallowed"] * 3
    await theater.settled()
    assert await facts(a) == [(2, 0)]
    await a.ask(Worker.work, 1)  # nothing of the cancellation is left
    assert a._cell.task is not None
    assert a._cell.task.cancelling() == 0


async def test_a_sibling_that_waits_for_the_failed_one_does_not_hold_it_up(theater: Theater) -> None:
    _, a, b, _ = await crew(theater, of(ONE_FOR_ALL))
    await b.tell(Worker.work, 1)
    await b.tell(Worker.fail)

    with pytest.raises(ActorFailedError, match="was started again with its siblings"):
        await a.ask(Worker.ask_to_work, b)
    await theater.settled()

    assert anyio.current_time() == 1
    assert [life for life, _ in await facts(a, b)] == [2, 2]


async def test_a_sibling_that_asks_one_that_waits_for_it_is_refused(theater: Theater) -> None:
    _, a, b, c = await crew(theater, of(ONE_FOR_ALL))
    refused = []
    async with anyio.create_task_group() as tasks:
        for other in (b, c):

            async def ask(other: ActorRef[Any] = other) -> None:
                with pytest.raises(ActorFailedError) as failed:
                    await a.ask(Worker.ask_to_work, other, 1.0)
                refused.append(failed.value.__cause__)

            tasks.start_soon(ask)
            await anyio.lowlevel.checkpoint()
            await fail(b)
            await anyio.sleep(3)

    assert [type(error) for error in refused] == [AskCycleError, AskCycleError]
    assert [life for life, _ in await facts(a, b, c)] == [3, 3, 3]


async def test_a_sibling_that_asks_the_supervisor_is_answered(theater: Theater) -> None:
    boss, a, b, _ = await crew(theater, of(ONE_FOR_ALL))
    async with anyio.create_task_group() as tasks:

        async def ask() -> None:
            assert await a.ask(Worker.ask_to_work, boss, 1.0) == 1

        tasks.start_soon(ask)
        await anyio.lowlevel.checkpoint()
        await fail(b)

    assert await facts(a) == [(2, 0)]


async def test_a_supervisor_that_waits_for_a_child_in_the_round_is_answered(theater: Theater) -> None:
    boss, a, b, c = await crew(theater, of(ONE_FOR_ALL))
    await a.tell(Worker.work, 2)
    async with anyio.create_task_group() as tasks:

        async def ask() -> None:
            assert await boss.ask(Boss.ask_any, c, "work", 0.0) == 2

        await c.tell(Worker.work, 4)
        tasks.start_soon(ask)
        await anyio.lowlevel.checkpoint()
        await fail(b)

    assert anyio.current_time() == 4
    assert await facts(a, b, c) == [(2, 1), (2, 0), (2, 2)]


async def test_supervisor_and_sibling_that_wait_for_each_other_across_the_round(theater: Theater) -> None:
    """The supervisor waits for the failed one, a sibling for the supervisor: its time runs out."""
    boss, a, b, _ = await crew(theater, of(ONE_FOR_ALL))
    await b.tell(Worker.work, 1)
    await b.tell(Worker.fail)
    async with anyio.create_task_group() as tasks:

        async def asks_b() -> None:
            assert await boss.ask(Boss.ask_any, b, "work", 0.0) == 2

        async def asks_boss() -> None:
            with pytest.raises(ActorFailedError, match="was started again"):
                await a.ask(Worker.ask_to_work, boss)

        tasks.start_soon(asks_b)
        await anyio.lowlevel.checkpoint()
        tasks.start_soon(asks_boss)

    assert anyio.current_time() == 1
    await theater.settled()
    assert [life for life, _ in await facts(a, b)] == [2, 2]


async def test_a_sibling_that_stops_the_failed_one_does_not_hold_it_up(theater: Theater) -> None:
    _, a, b, c = await crew(theater, of(ONE_FOR_ALL))
    await b.tell(Worker.work, 1)
    await b.tell(Worker.fail)
    await a.tell(Worker.end, b)

    await theater.settled()

    assert anyio.current_time() == 1
    assert ended(theater, b) == "normal"
    assert [life for life, _ in await facts(a, c)] == [1, 1]  # b was ending already: nobody else takes part


async def test_an_on_start_that_asks_a_sibling_still_to_start_is_refused(theater: Theater) -> None:
    boss, a, b, c = await crew(theater, of(ONE_FOR_ALL, limit=RestartLimit(restarts=2, within=60)))
    await a.ask(Worker.will_ask, c)

    await fail(b)
    await theater.settled()

    causes = {event.body["error"]["class"] for event in told(theater, a, "actor/failed")}
    assert causes == {"AskCycleError"}
    assert only(theater, boss, "actor/failed").body["handler"] == "@escalate"


async def test_an_on_start_that_asks_a_sibling_that_has_started_is_answered(theater: Theater) -> None:
    _, a, b, c = await crew(theater, of(ONE_FOR_ALL))
    await c.ask(Worker.will_ask, a)

    await fail(b)
    await theater.settled()

    assert await facts(a, c) == [(2, 1), (2, 0)]


# -- failures in the middle


async def test_a_start_that_fails_once_is_tried_again_with_all(theater: Theater) -> None:
    class Second(Worker):
        """Fails in its second life only: on_load counts what the state forgets."""

        loads: ClassVar[int] = 0

        def on_load(self) -> None:
            Second.loads += 1

        async def on_start(self) -> None:
            STEPS.append(f"{self.short} starts")
            if Second.loads == 2:
                raise RuntimeError("no start")

    _, *all_three = await crew(theater, of(ONE_FOR_ALL, b={"actor": Second()}))

    await fail(all_three[2])
    await theater.settled()

    assert [f"{name} starts" for name in "ababc"] == STEPS
    assert [len(told(theater, ref, "actor/restarted")) for ref in all_three] == [2, 2, 1]


async def test_siblings_that_fail_before_they_halt_are_part_of_the_same_round(theater: Theater) -> None:
    boss, *all_three = await crew(theater, of(ONE_FOR_ALL, limit=RestartLimit(restarts=1, within=HOUR)))

    for ref in all_three:
        await ref.tell(Worker.fail)
    await theater.settled()

    assert [len(told(theater, ref, "actor/failed")) for ref in all_three] == [1, 1, 1]
    assert [life for life, _ in await facts(*all_three, boss)] == [2, 2, 2, 1]


async def test_who_has_started_already_and_fails_takes_the_others_along_once_more(theater: Theater) -> None:
    _, a, b, c = await crew(theater, of(ONE_FOR_ALL, c={"actor": Worker(starts_for=10)}))
    await fail(b)
    await anyio.sleep(1)  # a and b have started, c is starting

    await fail(a)
    await theater.settled()

    assert STEPS == ["a starts", "b starts", "a starts", "b starts", "c starts"]
    assert [life for life, _ in await facts(a, b)] == [3, 3]
    # c was cut off in its second start, and its state with it
    assert len(told(theater, c, "actor/restarted")) == 2


async def test_a_round_past_the_limit_fails_the_supervisor_and_leaves_nobody_halted(theater: Theater) -> None:
    boss, a, b, c = await crew(theater, of(ONE_FOR_ALL, limit=RestartLimit(restarts=1, within=HOUR)))
    for ref in (a, b):
        await fail(ref)
        await theater.settled()

    assert [ended(theater, ref) for ref in (a, b, c)] == ["shutdown", "failed", "shutdown"]
    assert await facts(*(theater.find(f"boss/{name}") for name in "abc")) == [(1, 0)] * 3
    assert len(told(theater, boss, "actor/restarted")) == 1


# -- interference


async def in_the_middle(theater: Theater) -> tuple[ActorRef[Any], ...]:
    """a and c stand in a round that b began and whose start is an hour away."""
    late = {"backoff": Backoff(first=HOUR, most=HOUR)}
    found = await crew(theater, of(ONE_FOR_ALL, b=late))
    await fail(found[2])
    await anyio.sleep(0.01)
    return found


@pytest.mark.parametrize("name", ["a", "b", "c"])
async def test_a_stop_of_any_member_hurries_the_round(theater: Theater, name: str) -> None:
    _, *all_three = await in_the_middle(theater)
    ref = theater.find(f"boss/{name}")
    await ref.tell(Worker.work)

    await ref.stop()
    await theater.settled()

    assert anyio.current_time() < 1
    assert ended(theater, ref) == "normal"
    assert theater.statistics().dead_letters == 0
    assert {life for life, _ in await facts(*(one for one in all_three if one != ref))} == {2}


@pytest.mark.parametrize("name", ["a", "b", "c"])
async def test_a_kill_of_any_member_leaves_the_round_to_the_others(theater: Theater, name: str) -> None:
    _, *all_three = await in_the_middle(theater)
    ref = theater.find(f"boss/{name}")

    await ref.kill()
    assert anyio.current_time() < 1
    await theater.settled()

    assert ended(theater, ref) == "killed"
    assert {life for life, _ in await facts(*(one for one in all_three if one != ref))} == {2}


async def test_a_member_that_is_being_stopped_is_let_go_when_the_round_begins_again(theater: Theater) -> None:
    _, a, b, c = await crew(theater, of(ONE_FOR_ALL, a={"actor": Worker(starts_for=1)}))
    await fail(b)
    await anyio.sleep(0.5)  # a is starting, b and c wait for it
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(c.stop)
        await anyio.lowlevel.checkpoint()
        await a.tell(Worker.fail)

    await theater.settled()
    assert ended(theater, c) == "normal"
    assert [life for life, _ in await facts(a, b)] == [3, 2]


@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_the_end_of_the_supervisor_ends_the_round(theater: Theater, how: str) -> None:
    boss, *all_three = await in_the_middle(theater)
    await all_three[0].tell(Worker.work)

    await getattr(boss, how)()

    assert anyio.current_time() < 1
    assert [ended(theater, ref) for ref in all_three] == ["shutdown"] * 3
    assert theater.statistics().dead_letters == 0


async def test_a_failing_supervisor_ends_the_round_and_starts_its_children_anew(theater: Theater) -> None:
    boss, *all_three = await in_the_middle(theater)

    await fail(boss)
    await theater.settled()

    assert anyio.current_time() < 1
    assert [ended(theater, ref) for ref in all_three] == ["shutdown"] * 3
    assert await facts(*(theater.find(f"boss/{name}") for name in "abc")) == [(1, 0)] * 3


@pytest.mark.parametrize("folder", [False, True])
async def test_closing_in_the_middle_of_a_round_leaves_no_task(tmp_path: Any, *, folder: bool) -> None:
    before = asyncio.all_tasks()
    async with Theater(tmp_path / "folder" if folder else None) as theater:
        await in_the_middle(theater)

    assert asyncio.all_tasks() == before
    assert anyio.current_time() < 1


async def test_leaving_a_theater_at_once_in_the_middle_of_a_round_leaves_no_task() -> None:
    before = asyncio.all_tasks()
    with pytest.raises(KeyError):
        async with Theater() as theater:
            await in_the_middle(theater)
            raise KeyError

    assert asyncio.all_tasks() == before


async def test_a_fault_of_the_round_itself_ends_the_theater_loudly(monkeypatch: pytest.MonkeyPatch) -> None:
    async def faulty(*_: object) -> None:
        raise ZeroDivisionError("a fault of the runtime")

    async with Theater() as theater:
        found = await crew(theater, of(ONE_FOR_ALL))
        monkeypatch.setattr("theater.rounds._halt", faulty)
        with pytest.raises((ActorFailedError, ZeroDivisionError)):
            await found[2].ask(Worker.fail)
        with pytest.raises(ZeroDivisionError):
            await found[1].ask(Worker.work)


async def test_a_stopping_sibling_is_left_to_end(theater: Theater) -> None:
    _, a, b, c = await crew(theater, of(ONE_FOR_ALL))
    await a.tell(Worker.work, 2)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(a.stop)
        await anyio.lowlevel.checkpoint()
        await fail(b)

    assert ended(theater, a) == "normal"
    assert [life for life, _ in await facts(b, c)] == [2, 2]


async def test_a_permanent_child_that_stops_itself_takes_the_others_along(theater: Theater) -> None:
    _, *all_three = await crew(theater, of(ONE_FOR_ALL))

    await all_three[1].ask(Worker.exit)
    await theater.settled()

    assert [life for life, _ in await facts(*all_three)] == [2, 2, 2]
    assert not [step for step in STEPS if "normal" in step]


# -- the order, in the corners


async def test_nobody_starts_before_the_children_of_the_failed_one_have_stopped(theater: Theater) -> None:
    _, a, b, _ = await crew(theater, of(ONE_FOR_ALL))
    await (await b.ask(Worker.hire, "kid")).tell(Worker.work, 2)
    STEPS.clear()

    await fail(b)
    await theater.settled()

    assert STEPS == ["kid shutdown", "a starts", "b starts", "c starts"]
    assert await facts(a) == [(2, 0)]


async def test_one_that_waits_to_start_again_by_itself_does_so_in_the_round(theater: Theater) -> None:
    late = {"backoff": Backoff(first=HOUR, most=HOUR)}
    _, _, b, c = await crew(theater, of(REST_FOR_ONE, c=late))
    await fail(c)
    await anyio.sleep(0.01)

    await fail(b)
    await theater.settled()

    assert anyio.current_time() < 1
    assert STEPS == ["b starts", "c starts"]


async def test_a_sibling_that_waits_for_one_that_has_halted_is_cut_off_at_once(theater: Theater) -> None:
    _, a, b, c = await crew(theater, of(ONE_FOR_ALL))
    await c.tell(Worker.work, 1)
    await b.tell(Worker.ask_to_work, c)

    await fail(a)
    await theater.settled()

    assert anyio.current_time() < 1.1
    outcomes = [event.body for event in told(theater, b, "message/handled")]
    assert [body["error"]["class"] for body in outcomes if "error" in body] == ["Cancelled"]


FAULTS: list[bool] = []


class Fragile(Worker):
    """Says of each of its incarnations whether it is to fail."""

    def on_load(self) -> None:
        if FAULTS and FAULTS.pop(0):
            raise RuntimeError("not loaded")

    @handler
    async def exit_late(self, before: float, after: float) -> None:
        await anyio.sleep(before)
        self.context.stop()
        await anyio.sleep(after)


async def test_one_that_cannot_be_loaded_with_the_others_has_failed_and_is_tried_again(
    theater: Theater,
) -> None:
    _, a, b, c = await crew(theater, of(ONE_FOR_ALL, c={"actor": Fragile()}))
    FAULTS[:] = [True, False]

    await fail(b)
    await theater.settled()

    assert [life for life, _ in await facts(a, b, c)] == [3, 3, 2]
    assert only(theater, c, "actor/failed").body["handler"] == "on_load"


async def test_one_that_ends_itself_too_slowly_is_killed_and_the_others_start(theater: Theater) -> None:
    slow = {"actor": Fragile(), "restart": TRANSIENT}
    _, a, b, c = await crew(theater, of(ONE_FOR_ALL, c=slow))
    await c.tell(Fragile.exit_late, 1, HOUR)

    await fail(a)
    await theater.settled()

    assert anyio.current_time() < 7
    assert ended(theater, c) == "killed"
    assert [life for life, _ in await facts(a, b)] == [2, 2]


class Firm(Boss):
    """Has its own say: c is to end, all others start again."""

    supervision = Supervision(
        strategy=REST_FOR_ONE,
        children=(
            child(Worker(), name="a"),
            child(Worker(), name="b", backoff=Backoff(first=HOUR, most=HOUR)),
        ),
    )

    def decide(self, child: ActorRef[Any], error: Exception) -> Directive:  # noqa: ARG002  # a hook
        return Directive.STOP if child.name == "boss/c" else Directive.RESTART


async def test_a_say_of_the_supervisor_counts_for_one_that_fails_while_it_is_to_halt(
    theater: Theater,
) -> None:
    boss = await theater.spawn(Firm(), name="boss")
    c = await boss.ask(Boss.hire, "c")
    a = theater.find("boss/a")
    await c.tell(Worker.ask_to_work, a, 1)  # which is refused then, for a waits for c

    await fail(a)
    await theater.settled()

    assert ended(theater, c) == "failed"


async def test_one_that_fails_while_it_is_to_halt_starts_with_the_others_and_not_later(
    theater: Theater,
) -> None:
    await theater.spawn(Firm(), name="boss")
    a, b = theater.find("boss/a"), theater.find("boss/b")
    await b.tell(Worker.ask_to_work, a, 1)

    await fail(a)
    await theater.settled()

    assert anyio.current_time() < 2
    assert len(told(theater, b, "actor/failed")) == 1
    assert [life for life, _ in await facts(a, b)] == [2, 2]


async def test_a_stopping_child_that_ends_itself_is_not_started_again(theater: Theater) -> None:
    _, a, _, _ = await crew(theater, of(ONE_FOR_ALL))
    await a.tell(Worker.work, 1)
    await a.tell(Worker.exit)

    await a.stop()

    assert ended(theater, a) == "normal"
    assert not told(theater, a, "actor/restarted")
