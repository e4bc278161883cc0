"""Migrating: what an earlier version of a class left in the record goes on with the present one."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import anyio
import pytest
from told import kinds

from theater import (
    INITIAL,
    Actor,
    ActorRef,
    History,
    SetupError,
    Snapshots,
    Theater,
    compact,
    handler,
    migrate,
)

pytestmark = pytest.mark.real_clock

NAME = "tests:Counter"
GATES: dict[str, anyio.Event] = {}


class First(Actor):
    """A counter as it was first."""

    sum: int = 0

    @handler
    async def add(self, amount: int) -> int:
        self.sum += amount
        return self.sum

    @handler
    async def wait(self) -> None:
        self.context.log("begun")
        await GATES["gate"].wait()

    @handler
    async def fail(self) -> None:
        raise ValueError("as told")


class Second(Actor):
    """Calls its sum a total."""

    version: ClassVar[int] = 2
    total: int = 0

    @migrate(from_version=1)
    @staticmethod
    def rename(state: dict[str, Any]) -> dict[str, Any]:
        state["total"] = state.pop("sum")
        return state

    @handler
    async def add(self, amount: int) -> int:
        self.total += amount
        return self.total

    @handler
    async def fail(self) -> None:
        raise ValueError("as told")

    @handler
    async def wait(self) -> None:
        self.context.log("begun")


class Third(Second):
    """Counts in tenths."""

    version: ClassVar[int] = 3
    tenths: int = 0
    total: int = 0

    @staticmethod
    @migrate(from_version=2)
    def divide(state: dict[str, Any]) -> dict[str, Any]:
        return {"tenths": 10 * state["total"], "total": 0}

    @handler
    async def add(self, amount: int) -> int:
        self.tenths += 10 * amount
        return self.tenths


def named(*classes: type[Actor]) -> None:
    """Let all of them be versions of one class: their code was changed in its place."""
    for cls in classes:
        vars(cls)["_theater_plan"].class_name = NAME


named(First, Second, Third)


@pytest.fixture
def stage(tmp_path: Path) -> Callable[..., Theater]:
    """Opens the same folder again and again."""

    def open_again(**options: Any) -> Theater:
        return Theater(tmp_path / "theater", **options)

    return open_again


async def counted(theater: Theater, cls: type[Any], name: str = "counter") -> ActorRef[Any]:
    resumed = await theater.resume(classes=[cls])
    assert resumed.left == ()
    return theater.find(name)


async def test_a_state_is_lifted_and_the_record_says_so(stage: Callable[..., Theater]) -> None:
    async with stage() as theater:
        first = await theater.spawn(First(), name="counter")
        await first.ask(First.add, 4)

    async with stage() as theater:
        second = await counted(theater, Second)
        assert await second.ask("add", 1) == 5
        event = next(event for event in theater.chain(second) if event.kind == "actor/migrated")
        assert event.body == {"from": 1, "to": 2, "state": {"total": 4}}
        assert kinds(theater, second)[-3:] == ["actor/resumed", "actor/migrated", "message/handled"]

    async with stage() as theater:
        second = await counted(theater, Second)
        assert await second.ask("add", 1) == 6
        assert kinds(theater, second).count("actor/migrated") == 1
    assert History(theater._folder or "").verify().ok


async def test_migrations_of_several_versions_run_one_after_the_other(stage: Callable[..., Theater]) -> None:
    async with stage() as theater:
        await (await theater.spawn(First(), name="counter")).ask(First.add, 4)

    async with stage() as theater:
        third = await counted(theater, Third)
        assert await third.ask("add", 1) == 50


async def test_a_later_version_begins_where_the_record_left_it(stage: Callable[..., Theater]) -> None:
    async with stage() as theater:
        await (await theater.spawn(First(), name="counter")).ask(First.add, 4)
        await theater.spawn(Second(total=7), name="young")
    async with stage() as theater:
        await counted(theater, Second)
    async with stage() as theater:
        third = await counted(theater, Third)
        assert await third.ask("add", 0) == 40
        assert await theater.find("young").ask("add", 0) == 70


@pytest.mark.parametrize("is_compacted", [False, True])
async def test_a_snapshot_says_of_which_version_it_is(
    stage: Callable[..., Theater], *, is_compacted: bool
) -> None:
    async with stage() as theater:
        await (await theater.spawn(First(), name="counter")).ask(First.add, 4)
    async with stage(snapshots=Snapshots(events=5)) as theater:
        second = await counted(theater, Second)
        for _ in range(100):
            await second.ask("add", 1)
    assert theater._folder is not None
    if is_compacted:
        assert compact(theater._folder).events > 0

    async with stage() as theater:
        second = await counted(theater, Second)
        assert await second.ask("add", 1) == 105
    async with stage() as theater:
        third = await counted(theater, Third)
        assert await third.ask("add", 0) == 1_050


async def test_an_initial_state_is_lifted_too(stage: Callable[..., Theater]) -> None:
    async with stage() as theater:
        await (await theater.spawn(First(sum=3), name="counter", state=INITIAL)).ask(First.add, 4)

    async with stage() as theater:
        second = await counted(theater, Second)
        assert await second.ask("add", 1) == 8
        with pytest.raises(Exception, match="as told"):
            await second.ask("fail")
        assert await second.ask("add", 1) == 4


async def test_a_large_state_is_lifted(stage: Callable[..., Theater]) -> None:
    class Long(Actor):
        texts: list[str] = []  # noqa: RUF012  # given fresh to each instance

        @handler
        async def size(self) -> int:
            return sum(map(len, self.texts))

    class Longer(Long):
        version: ClassVar[int] = 2

        @migrate(from_version=1)
        @staticmethod
        def double(state: dict[str, Any]) -> dict[str, Any]:
            return {"texts": state["texts"] * 2}

    named(Long, Longer)
    async with stage() as theater:
        await theater.spawn(Long(texts=["x" * 1_000] * 100), name="counter")
    for _ in range(2):
        async with stage() as theater:
            assert await (await counted(theater, Longer)).ask("size") == 200_000


async def test_the_present_version_is_forked_from_a_moment_of_an_earlier_one(
    stage: Callable[..., Theater],
) -> None:
    async with stage() as theater:
        first = await theater.spawn(First(), name="counter")
        for _ in range(3):
            await first.ask(First.add, 4)
        at = len(theater.chain(first)) - 2
    async with stage() as theater:
        second = await counted(theater, Second)
        await second.ask("add", 100)
        fork = await theater.fork("counter", at=at, name="fork")
        assert await fork.ask("add", 0) == 8
        assert theater.chain("fork")[0].body["version"] == 2


# -- who stays asleep ------------------------------------------------------------------------------------


async def left_alone(stage: Callable[..., Theater], cls: type[Actor]) -> str:
    """Why the counter of the first version does not go on with this class; its chain stays as it was."""
    async with stage() as theater:
        first = await theater.spawn(First(), name="counter", resume=True)
        await first.ask(First.add, 4)
    named(cls)
    async with stage() as theater:
        before = len(theater.chain("counter"))
        [left] = (await theater.resume(classes=[cls])).left
        assert left.name == "counter"
        assert len(theater.chain("counter")) == before
    async with stage() as theater:
        assert await (await counted(theater, First)).ask(First.add, 0) == 4
    return left.why


async def test_without_a_migration_an_actor_stays_asleep(stage: Callable[..., Theater]) -> None:
    class Bare(Actor):
        version: ClassVar[int] = 2
        sum: int = 0

    assert "of version 1, and" in await left_alone(stage, Bare)


async def test_a_gap_between_migrations_leaves_an_actor_asleep(stage: Callable[..., Theater]) -> None:
    class Fourth(Third):
        version: ClassVar[int] = 5

    assert "has no @migrate(from_version=3)" in await left_alone(stage, Fourth)


async def test_a_migration_that_raises_leaves_an_actor_asleep(stage: Callable[..., Theater]) -> None:
    class Broken(Second):
        @migrate(from_version=1)
        @staticmethod
        def rename(state: dict[str, Any]) -> dict[str, Any]:
            return {"total": state["missing"]}

    assert "from version 1 failed: KeyError" in await left_alone(stage, Broken)


async def test_a_migration_that_returns_no_map_leaves_an_actor_asleep(stage: Callable[..., Theater]) -> None:
    class Broken(Second):
        @migrate(from_version=1)
        @staticmethod
        def rename(state: dict[str, Any]) -> dict[str, Any]:
            del state
            return None  # type: ignore[return-value]  # on purpose

    assert "returned no map" in await left_alone(stage, Broken)


async def test_a_migration_to_a_state_that_does_not_fit_leaves_an_actor_asleep(
    stage: Callable[..., Theater],
) -> None:
    class Broken(Second):
        @migrate(from_version=1)
        @staticmethod
        def rename(state: dict[str, Any]) -> dict[str, Any]:
            return {"total": "many"} | state

    assert "the recorded state has a field 'sum'" in await left_alone(stage, Broken)


async def test_an_older_class_does_not_take_up_a_newer_state(stage: Callable[..., Theater]) -> None:
    async with stage() as theater:
        await theater.spawn(Second(), name="counter")
    async with stage() as theater:
        [left] = (await theater.resume(classes=[First])).left
        assert left.why == "its state is of version 2, and this First of 1"


async def test_an_actor_that_was_cut_off_in_a_handler_is_left_to_the_version_that_began_it(
    stage: Callable[..., Theater], tmp_path: Path
) -> None:
    GATES["gate"] = anyio.Event()
    image = tmp_path / "as it was"
    async with stage() as theater:
        first = await theater.spawn(First(), name="counter")
        await first.tell(First.wait)
        while "log" not in kinds(theater, first):
            await anyio.lowlevel.checkpoint()
        await theater._running().committed()
        shutil.copytree(tmp_path / "theater", image)
        GATES["gate"].set()
    async with Theater(image) as theater:
        [left] = (await theater.resume(classes=[Second])).left
        assert left.why == "it was cut off in a handler of version 1: let that version finish it"
    async with Theater(image) as theater:
        await counted(theater, First)
        await theater.settled()
    async with Theater(image) as theater:
        await counted(theater, Second)


async def test_a_state_that_is_to_be_made_again_is_left_to_the_version_that_made_it(
    stage: Callable[..., Theater], tmp_path: Path
) -> None:
    class Long(Actor):
        text: str = ""

        @handler
        async def say(self, text: str) -> None:
            self.text = text

    class Longer(Long):
        version: ClassVar[int] = 2

        @migrate(from_version=1)
        @staticmethod
        def keep(state: dict[str, Any]) -> dict[str, Any]:
            return state

    named(Long, Longer)
    async with stage() as theater:
        long = await theater.spawn(Long(), name="counter")
        await long.ask(Long.say, "x" * 10_000)
        shutil.copytree(tmp_path / "theater", tmp_path / "as it was")
    async with Theater(tmp_path / "as it was") as theater:
        [left] = (await theater.resume(classes=[Longer], changed_code=True)).left
        assert "only version 1 of its class can make it" in left.why


# -- what is no version ----------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [0, True, "2", 1.0])
def test_a_version_is_a_whole_number_from_1(bad: Any) -> None:
    with pytest.raises(SetupError, match="version must be a whole number"):
        type("Bad", (Actor,), {"version": bad})
    with pytest.raises(SetupError, match="from_version must be a whole number"):
        migrate(from_version=bad)


def test_a_migration_is_a_static_method() -> None:
    with pytest.raises(SetupError, match="must be a @staticmethod"):

        class Bad(Actor):
            version: ClassVar[int] = 2

            @migrate(from_version=1)  # type: ignore[type-var]  # on purpose
            def rename(self, state: dict[str, Any]) -> dict[str, Any]:
                return state


def test_there_is_one_migration_from_each_version() -> None:
    def keep(state: dict[str, Any]) -> dict[str, Any]:
        return state

    def same(state: dict[str, Any]) -> dict[str, Any]:
        return state

    mark = migrate(from_version=1)
    steps = {"one": staticmethod(mark(keep)), "other": staticmethod(mark(same))}
    with pytest.raises(SetupError, match="two migrations from version 1"):
        type("Bad", (Actor,), {"version": 2, **steps})


def test_nothing_is_to_migrate_from_the_present_version() -> None:
    with pytest.raises(SetupError, match="is of version 2: nothing is to migrate from 2"):

        class Bad(Second):
            @migrate(from_version=2)
            @staticmethod
            def keep(state: dict[str, Any]) -> dict[str, Any]:
                return state


def test_a_version_is_no_field() -> None:
    assert Second(total=1).version == 2
    with pytest.raises(TypeError, match="unexpected argument 'version'"):
        Second(version=3)  # type: ignore[call-arg]  # on purpose
