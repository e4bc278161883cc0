"""Lives: how actors start, fail, are started again, and what they keep of it."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import anyio
import pytest
from told import kinds, only, told, triple

from theater import INITIAL, LAST_GOOD, TEMPORARY, Actor, ActorRef, Reason, RestartLimit, Theater, handler
from theater.errors import ActorFailedError, NameTakenError, NotRunningError, SetupError

STEPS: list[str] = []


@pytest.fixture(autouse=True)
def steps() -> list[str]:
    """What actors did, in this test alone."""
    STEPS.clear()
    return STEPS


class Box(Actor):
    """Fails when it is told to."""

    things: list[int] = []  # noqa: RUF012  # given fresh to each instance
    made: int = 0

    def __post_init__(self) -> None:
        STEPS.append("post_init")
        self.made += 1

    @handler
    async def add(self, thing: int) -> list[int]:
        self.things.append(thing)
        return self.things

    @handler
    async def fill(self, count: int) -> None:
        self.things = [0] * count

    @handler
    async def add_and_fail(self, thing: int) -> None:
        self.things.append(thing)
        raise ValueError(f"{thing} was one too many")

    @handler
    async def add_and_answer_what_does_not_pack(self, thing: int) -> Any:
        self.things.append(thing)
        return object()

    @handler
    async def all(self) -> tuple[list[int], int]:
        return self.things, self.made


class Careful(Actor):
    """Notes its hooks."""

    fails_in: str = ""
    starts: int = 0

    def on_load(self) -> None:
        STEPS.append("on_load")
        self._scratch = "made"
        if self.fails_in == "on_load":
            raise RuntimeError("no scratch")

    async def on_start(self) -> None:
        STEPS.append("on_start")
        self.starts += 1
        if self.fails_in == "on_start":
            raise RuntimeError("no start")

    async def on_stop(self, reason: Reason) -> None:
        STEPS.append(f"on_stop {reason.value}")
        if self.fails_in == "on_stop":
            raise RuntimeError("no stop")

    @handler
    async def fail(self, then_in: str = "") -> None:
        self.fails_in = then_in
        raise ValueError("as told")

    @handler
    async def fail_from_now_on(self, where: str) -> None:
        self.fails_in = where

    @handler
    async def scratch(self) -> str:
        return self._scratch

    @handler
    async def started(self) -> int:
        return self.starts


class Boss(Actor):
    """Has children, and is told of them."""

    news: list[str] = []  # noqa: RUF012  # given fresh to each instance

    @handler
    async def hire(self, child: str, *, limit: int = 3) -> ActorRef[Any]:
        worker = Box() if child == "box" else Careful()
        return await self.context.spawn(worker, name=child, limit=RestartLimit(restarts=limit))

    @handler
    async def watch(self, ref: ActorRef[Any]) -> None:
        self.context.watch(ref, Boss.gone)

    @handler
    async def gone(self, ref: ActorRef[Any], reason: Reason) -> None:
        self.news.append(f"{ref.name} {reason.value}")

    @handler
    async def all_news(self) -> list[str]:
        return self.news

    @handler
    async def fail(self) -> None:
        raise ValueError("as told")


async def fail(ref: ActorRef[Any], *args: Any) -> None:
    with pytest.raises(ActorFailedError):
        await ref.ask("fail", *args)


# -- starting


async def test_spawn_works_on_its_own_copy(theater: Theater) -> None:
    mine = Box(things=[1])
    box = await theater.spawn(mine)

    mine.things.append(2)
    await box.ask(Box.add, 3)

    assert await box.ask(Box.all) == ([1, 3], 1)
    assert mine.things == [1, 2]


async def test_post_init_runs_where_the_value_is_made_and_never_again(theater: Theater) -> None:
    box = await theater.spawn(Box())

    with pytest.raises(ActorFailedError):
        await box.ask(Box.add_and_fail, 1)

    assert await box.ask(Box.all) == ([], 1)
    assert STEPS == ["post_init"]


async def test_two_actors_can_be_made_of_one_value(theater: Theater) -> None:
    value = Box()
    first, second = await theater.spawn(value), await theater.spawn(value)

    await first.ask(Box.add, 1)

    assert await second.ask(Box.all) == ([], 1)
    assert first.id != second.id


async def test_spawn_returns_after_on_load_and_on_start(theater: Theater) -> None:
    careful = await theater.spawn(Careful())

    assert STEPS == ["on_load", "on_start"]
    assert await careful.ask(Careful.scratch) == "made"


async def test_on_start_is_recorded_like_a_message_and_on_load_is_not(theater: Theater) -> None:
    careful = await theater.spawn(Careful())

    started = only(theater, careful, "message/handled")
    assert started.body["handler"] == "on_start"
    assert started.body["state"]["starts"] == 1
    assert kinds(theater, careful) == ["message/handled"]


async def test_the_first_event_tells_all_that_the_actor_began_with(theater: Theater) -> None:
    boss = await theater.spawn(Boss(), name="boss")
    box = await boss.ask(Boss.hire, "box", limit=7)

    born = theater.chain(box)[0]
    intent = told(theater, boss, "actor/spawned")[1]

    assert born.kind == "actor/spawned"
    assert born.body["class"] == "test_lives:Box"
    assert born.body["name"] == box.name == "boss/box"
    assert born.body["options"] == {"limit": [7, 5.0]}
    assert born.body["state"] == {"things": [], "made": 1}
    assert born.body["supervisor"] == triple(intent)
    assert len(born.body["source"]) == len(born.body["key"]) == 32
    assert intent.body == {"child": box.id, "class": "test_lives:Box", "name": "boss/box"}


async def test_an_actor_whose_on_start_fails_is_not_spawned_and_its_name_is_free(theater: Theater) -> None:
    with pytest.raises(ActorFailedError, match="no start"):
        await theater.spawn(Careful(fails_in="on_start"), name="careful")

    careful = await theater.spawn(Careful(), name="careful")
    assert await careful.ask(Careful.started) == 1


async def test_a_failing_on_start_is_not_tried_again_and_its_end_is_on_record(theater: Theater) -> None:
    with pytest.raises(ActorFailedError):
        await theater.spawn(Careful(fails_in="on_start"), name="careful")

    born = [event for event in theater.chain(bytes(16)) if event.kind == "actor/spawned"]
    events = list(theater.chain(born[0].body["child"]))
    assert [event.kind for event in events[1:]] == [
        "message/handled", "actor/failed", "message/handled", "actor/stopped",
    ]  # fmt: skip
    assert events[-1].body["reason"] == "failed"
    assert STEPS == ["on_load", "on_start", "on_stop failed"]


async def test_an_actor_whose_on_load_fails_is_not_spawned_and_its_name_is_free(theater: Theater) -> None:
    with pytest.raises(ActorFailedError, match="no scratch"):
        await theater.spawn(Careful(fails_in="on_load"), name="careful")

    assert STEPS == ["on_load"]
    assert theater.statistics().actors == 0
    await theater.spawn(Careful(), name="careful")


async def test_a_supervisor_learns_from_spawn_that_its_child_did_not_start(theater: Theater) -> None:
    class Parent(Actor):
        @handler
        async def try_to_spawn(self) -> str:
            try:
                await self.context.spawn(Careful(fails_in="on_start"), name="child")
            except ActorFailedError as error:
                return str(error.__cause__)
            return "spawned"

    parent = await theater.spawn(Parent())

    assert await parent.ask(Parent.try_to_spawn) == "no start"
    assert await parent.ask(Parent.try_to_spawn) == "no start"


async def test_an_actor_without_a_name_has_one_that_nobody_asks_for(theater: Theater) -> None:
    first, second = await theater.spawn(Box()), await theater.spawn(Box())

    assert first.name.startswith("box-")
    assert first.name != second.name
    assert theater.find(first.name) == first


async def test_the_context_is_not_there_in_on_load(theater: Theater) -> None:
    class Early(Actor):
        def on_load(self) -> None:
            self.context.log("too early")

    with pytest.raises(ActorFailedError, match="outside a hook or handler"):
        await theater.spawn(Early())


async def test_a_spawner_that_gives_up_leaves_the_actor_to_itself(theater: Theater) -> None:
    gate = anyio.Event()

    class Slow(Actor):
        async def on_start(self) -> None:
            await gate.wait()

        @handler
        async def here(self) -> str:
            return "here"

    with pytest.raises(TimeoutError), anyio.fail_after(5):
        await theater.spawn(Slow(), name="slow")
    gate.set()

    assert await theater.find("slow").ask("here") == "here"


@pytest.mark.parametrize(
    "options", [{"name": "a/b"}, {"mailbox": 0}, {"stop_within": 0}, {"restart": "always"}]
)
async def test_bad_options_are_refused_before_anything_is_recorded(
    theater: Theater, options: dict[str, Any]
) -> None:
    before = theater.statistics().events

    with pytest.raises(SetupError):
        await theater.spawn(Box(), **options)

    assert theater.statistics().events == before


@pytest.mark.parametrize(
    "numbers", [{"restarts": -1}, {"restarts": 1.5}, {"within": 0}, {"within": float("nan")}]
)
def test_a_restart_limit_has_a_whole_number_and_a_time(numbers: dict[str, Any]) -> None:
    with pytest.raises(SetupError, match="must be"):
        RestartLimit(**numbers)


@pytest.mark.parametrize("name", [5, "", "a/b", ".", "..", "x" * 256, "\ud800"])
async def test_a_name_is_one_segment_of_a_path(theater: Theater, name: Any) -> None:
    with pytest.raises(SetupError, match="a name"):
        await theater.spawn(Box(), name=name)


@pytest.mark.parametrize("actor", [Box, "box", None])
async def test_only_an_actor_can_be_spawned(theater: Theater, actor: Any) -> None:
    with pytest.raises(SetupError, match="spawn takes an actor"):
        await theater.spawn(actor)


# -- starting again


async def test_a_failed_actor_goes_on_with_its_last_good_state(theater: Theater) -> None:
    box = await theater.spawn(Box(), state=LAST_GOOD)
    await box.ask(Box.add, 1)

    with pytest.raises(ActorFailedError, match="2 was one too many"):
        await box.ask(Box.add_and_fail, 2)

    assert await box.ask(Box.add, 3) == [1, 3]
    assert kinds(theater, box) == [
        "message/handled", "message/handled", "actor/failed", "actor/restarted", "message/handled",
    ]  # fmt: skip


async def test_with_initial_it_goes_on_as_it_was_spawned(theater: Theater) -> None:
    box = await theater.spawn(Box(things=[0]), state=INITIAL)
    await box.ask(Box.add, 1)

    with pytest.raises(ActorFailedError):
        await box.ask(Box.add_and_fail, 2)

    assert await box.ask(Box.add, 3) == [0, 3]
    assert only(theater, box, "actor/restarted").body == {"restarts": 1, "state": {"things": [0], "made": 1}}


async def test_a_message_whose_answer_does_not_pack_leaves_no_trace_in_the_state(theater: Theater) -> None:
    box = await theater.spawn(Box())

    with pytest.raises(ActorFailedError, match="TypeError"):
        await box.ask(Box.add_and_answer_what_does_not_pack, 1)

    assert await box.ask(Box.all) == ([], 1)


async def test_a_state_that_does_not_pack_is_a_failure_and_is_given_up(theater: Theater) -> None:
    class Odd(Actor):
        thing: Any = None

        @handler
        async def spoil(self) -> None:
            self.thing = object()

        @handler
        async def add_an_attribute(self) -> None:
            self.stranger = 1

        @handler
        async def get(self) -> Any:
            return self.thing

    odd = await theater.spawn(Odd())

    with pytest.raises(ActorFailedError, match="field 'thing'"):
        await odd.ask(Odd.spoil)
    with pytest.raises(ActorFailedError, match="'stranger' that is no field"):
        await odd.ask(Odd.add_an_attribute)
    assert await odd.ask(Odd.get) is None


async def test_a_restart_keeps_id_name_and_refs(theater: Theater) -> None:
    careful = await theater.spawn(Careful(), name="careful")
    before = careful.id

    await fail(careful)

    assert theater.find("careful") == careful
    assert careful.id == before
    assert await careful.ask(Careful.scratch) == "made"
    with pytest.raises(NameTakenError):
        await theater.spawn(Careful(), name="careful")


async def test_a_restart_keeps_the_mailbox_and_does_not_try_the_failed_message_again(
    theater: Theater,
) -> None:
    box = await theater.spawn(Box())
    await box.tell(Box.add, 1)
    await box.tell(Box.add_and_fail, 2)
    await box.tell(Box.add, 3)

    assert await box.ask(Box.all) == ([1, 3], 1)


async def test_on_load_and_on_start_run_in_each_life_before_the_next_message(theater: Theater) -> None:
    careful = await theater.spawn(Careful())

    await fail(careful)

    assert await careful.ask(Careful.started) == 2
    assert STEPS == ["on_load", "on_start", "on_load", "on_start"]


async def test_an_on_start_that_fails_after_a_restart_counts_as_a_failure(theater: Theater) -> None:
    careful = await theater.spawn(Careful(), name="careful")
    await careful.ask(Careful.fail_from_now_on, "on_start")

    await fail(careful)
    await theater.settled()

    assert STEPS.count("on_start") == 4  # spawned, and three restarts
    assert theater.chain(careful)[-1].body == {"reason": "failed"}


async def test_an_on_load_that_fails_after_a_restart_counts_as_a_failure(theater: Theater) -> None:
    boss = await theater.spawn(Boss())
    careful = await boss.ask(Boss.hire, "careful")
    await careful.ask(Careful.fail_from_now_on, "on_load")

    await fail(careful)
    await theater.settled()

    assert STEPS.count("on_load") == 4
    assert [event.body["handler"] for event in told(theater, careful, "actor/failed")] == [
        "fail", "on_load", "on_load", "on_load",
    ]  # fmt: skip
    told_above = {"class": "RuntimeError", "text": "no scratch"}
    assert theater.chain(careful)[-1].body == {"reason": "failed", "escalates": told_above}
    assert theater.statistics().failures == 5  # the last is its supervisor's


async def test_past_its_limit_an_actor_ends_and_its_watchers_are_told(theater: Theater) -> None:
    boss = await theater.spawn(Boss())
    careful = await theater.spawn(Careful(), name="careful", limit=RestartLimit(restarts=1))
    await boss.ask(Boss.watch, careful)

    await fail(careful)
    await fail(careful)
    await theater.settled()

    assert await boss.ask(Boss.all_news) == ["careful failed"]
    with pytest.raises(NotRunningError):
        await careful.ask(Careful.started)
    assert STEPS[-1] == "on_stop failed"
    await theater.spawn(Careful(), name="careful")


async def test_failures_that_are_far_enough_apart_never_pass_the_limit(theater: Theater) -> None:
    careful = await theater.spawn(Careful(), limit=RestartLimit(restarts=1, within=60))

    for _ in range(5):
        await fail(careful)
        await anyio.sleep(61)

    assert await careful.ask(Careful.started) == 6


async def test_a_temporary_actor_is_never_started_again(theater: Theater) -> None:
    careful = await theater.spawn(Careful(), restart=TEMPORARY)

    await fail(careful)
    await theater.settled()

    assert theater.chain(careful)[-1].body == {"reason": "failed"}
    assert STEPS == ["on_load", "on_start", "on_stop failed"]


async def test_on_stop_of_a_failed_actor_sees_its_last_good_state(theater: Theater) -> None:
    seen: list[Any] = []

    class Closing(Box):
        async def on_stop(self, reason: Reason) -> None:
            seen.append((reason, list(self.things)))

    box = await theater.spawn(Closing(), restart=TEMPORARY)
    await box.ask(Box.add, 1)

    with pytest.raises(ActorFailedError):
        await box.ask(Box.add_and_fail, 2)
    await theater.settled()

    assert seen == [(Reason.FAILED, [1])]


async def test_a_failing_on_stop_does_not_keep_the_actor_from_ending(theater: Theater) -> None:
    careful = await theater.spawn(Careful(fails_in="on_stop"), name="careful")

    await careful.stop()

    assert kinds(theater, careful)[-3:] == ["message/handled", "actor/failed", "actor/stopped"]
    assert theater.chain(careful)[-1].body == {"reason": "normal"}
    assert "on_load" not in STEPS[1:]


async def test_the_children_of_a_restarted_actor_are_stopped_first(theater: Theater) -> None:
    boss = await theater.spawn(Boss(), name="boss")
    careful = await boss.ask(Boss.hire, "careful")

    await fail(boss)
    await theater.settled()

    assert STEPS[-1] == "on_stop shutdown"
    ended = theater.chain(careful)[-1]
    again = only(theater, boss, "actor/restarted")
    assert ended.body == {"reason": "shutdown"}
    assert ended.time <= again.time
    await boss.ask(Boss.hire, "careful")


async def test_a_failing_actor_does_not_disturb_its_siblings(theater: Theater) -> None:
    boss = await theater.spawn(Boss())
    careful, box = await boss.ask(Boss.hire, "careful"), await boss.ask(Boss.hire, "box")
    await box.ask(Box.add, 1)

    await fail(careful)
    await theater.settled()

    assert await box.ask(Box.all) == ([1], 1)
    assert not told(theater, box, "actor/restarted")


async def test_what_a_failed_handler_told_and_stored_stands(theater: Theater) -> None:
    class Doer(Actor):
        @handler
        async def do(self, box: ActorRef[Box]) -> None:
            await box.tell(Box.add, 1)
            await self.context.store.store_at_label("kept", b"bytes")
            raise ValueError("late")

        @handler
        async def labels(self) -> list[str]:
            return await self.context.store.list_labels()

    box, doer = await theater.spawn(Box()), await theater.spawn(Doer())

    with pytest.raises(ActorFailedError):
        await doer.ask(Doer.do, box)

    assert await doer.ask(Doer.labels) == ["kept"]
    assert await box.ask(Box.all) == ([1], 1)


async def test_a_failure_is_logged_with_its_traceback(
    theater: Theater, caplog: pytest.LogCaptureFixture
) -> None:
    box = await theater.spawn(Box(), name="box")

    with pytest.raises(ActorFailedError):
        await box.ask(Box.add_and_fail, 1)

    [line] = [line for line in caplog.records if line.levelno == logging.ERROR]
    assert line.getMessage() == "Box 'box' failed in add_and_fail"
    assert line.exc_info is not None
    assert isinstance(line.exc_info[1], ValueError)


async def test_a_supervisor_that_is_stopping_starts_no_children(theater: Theater) -> None:
    class Late(Actor):
        async def on_stop(self, reason: Reason) -> None:
            try:
                await self.context.spawn(Box())
            except SetupError as error:
                STEPS.append(f"{reason.value}: {error}")

    late = await theater.spawn(Late(), name="late")

    await late.stop()

    assert STEPS[-1] == "normal: late is stopping and starts no more children"


class Leaving(Actor):
    """Raises what closes coroutines, here and where it waits."""

    stops_badly: bool = False

    @handler
    async def leave(self) -> None:
        raise GeneratorExit("by itself")

    @handler
    async def wait_for_it(self) -> None:
        future = asyncio.get_running_loop().create_future()
        future.set_exception(GeneratorExit("from a future"))
        await future

    @handler
    async def stop_badly(self) -> None:
        self.stops_badly = True

    async def on_start(self) -> None:
        STEPS.append("on_start")

    async def on_stop(self, reason: Reason) -> None:
        STEPS.append(f"on_stop {reason.value}")
        if self.stops_badly:
            raise GeneratorExit("at the end")


@pytest.mark.parametrize("how", ["leave", "wait_for_it"])
async def test_a_generator_exit_is_a_failure_like_others(theater: Theater, how: str) -> None:
    leaving = await theater.spawn(Leaving(), limit=RestartLimit(restarts=2))

    for _ in range(2):
        with pytest.raises(ActorFailedError, match="GeneratorExit"):
            await leaving.ask(how)
    await leaving.ask(Leaving.stop_badly)
    assert STEPS == ["on_start"] * 3
    await leaving.stop()

    assert STEPS[3:] == ["on_stop normal"]
    assert theater.chain(leaving)[-1].body == {"reason": "normal"}
    assert theater.statistics().active == 0


async def test_a_generator_exit_past_the_limit_ends_the_actor(theater: Theater) -> None:
    leaving = await theater.spawn(Leaving(), limit=RestartLimit(restarts=0))

    with pytest.raises(ActorFailedError):
        await leaving.ask(Leaving.wait_for_it)
    await theater.settled()

    assert theater.chain(leaving)[-1].body == {"reason": "failed"}


async def test_an_actor_that_is_killed_while_it_leaves_is_killed(theater: Theater) -> None:
    class Clinging(Actor):
        @handler
        async def work(self) -> None:
            try:
                await anyio.sleep(3600)
            finally:
                raise GeneratorExit

    clinging = await theater.spawn(Clinging())
    await clinging.tell(Clinging.work)
    await anyio.sleep(1)

    await clinging.kill()

    assert theater.chain(clinging)[-1].body == {"reason": "killed"}


async def test_an_actor_that_is_killed_while_its_start_leaves_is_killed_and_its_spawner_told(
    theater: Theater,
) -> None:
    class Clinging(Actor):
        async def on_start(self) -> None:
            try:
                await anyio.sleep(3600)
            finally:
                raise GeneratorExit

    async with anyio.create_task_group() as tasks:

        async def spawn() -> None:
            with pytest.raises(ActorFailedError, match="killed before it had started"):
                await theater.spawn(Clinging(), name="clinging")

        tasks.start_soon(spawn)
        await anyio.sleep(1)
        await theater.find("clinging").kill()


async def test_a_restart_records_a_large_state_once_and_only_if_the_record_lacks_it(theater: Theater) -> None:
    box = await theater.spawn(Box(), limit=RestartLimit(restarts=9))
    await box.ask(Box.fill, 5_000)

    for _ in range(2):
        with pytest.raises(ActorFailedError):
            await box.ask(Box.add_and_fail, 1)
        await theater.settled()

    assert ["state" in event.body for event in told(theater, box, "actor/restarted")] == [True, False]
