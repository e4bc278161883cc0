"""Resuming: closing is not an end; the same actors go on in their own chains."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from told import kinds, told

from theater import INITIAL, Actor, ActorRef, History, Reason, RestartLimit, Theater, handler
from theater.errors import (
    ActorFailedError,
    ActorNotFoundError,
    NameTakenError,
    NotRunningError,
    SetupError,
)

pytestmark = pytest.mark.real_clock

STEPS: list[str] = []
GATES: dict[str, anyio.Event] = {}


@pytest.fixture(autouse=True)
def steps() -> list[str]:
    """What actors did, in this test alone."""
    STEPS.clear()
    GATES.clear()
    return STEPS


@pytest.fixture
def stage(tmp_path: Path) -> Callable[..., Theater]:
    """Opens the same folder again and again."""

    def open_again(**options: Any) -> Theater:
        return Theater(tmp_path / "theater", **options)

    return open_again


class Keeper(Actor):
    """Keeps things in its state and in its store."""

    things: list[Any] = []  # noqa: RUF012  # given fresh to each instance
    friend: ActorRef[Any] | None = None
    breaks: bool = False

    def __post_init__(self) -> None:
        STEPS.append("post_init")

    def on_load(self) -> None:
        self._scratch = len(self.things)
        STEPS.append("on_load")
        if self.breaks and "healed" not in STEPS:
            raise RuntimeError("no scratch")

    async def on_start(self) -> None:
        STEPS.append("on_start")

    async def on_stop(self, reason: Reason) -> None:
        STEPS.append(f"on_stop {reason.value}")

    @handler
    async def add(self, thing: Any) -> int:
        self.things.append(thing)
        return len(self.things)

    @handler
    async def all(self) -> list[Any]:
        return self.things

    @handler
    async def scratch(self) -> int:
        return self._scratch

    @handler
    async def shelve(self, label: str, content: bytes) -> str:
        return str(await self.context.store.store_at_label(label, content))

    @handler
    async def shelved(self, label: str) -> bytes | None:
        ref = await self.context.store.get_by_label(label)
        return None if ref is None else await self.context.store.get(ref)

    @handler
    async def befriend(self, friend: ActorRef[Any]) -> None:
        self.friend = friend

    @handler
    async def tell_friend(self, thing: Any) -> None:
        assert self.friend is not None
        await self.friend.tell(Keeper.add, thing)

    @handler
    async def ask_friend(self) -> list[Any]:
        assert self.friend is not None
        answer: list[Any] = await self.friend.ask(Keeper.all)
        return answer

    @handler
    async def watch_friend(self) -> None:
        assert self.friend is not None
        self.context.watch(self.friend, Keeper.friend_ended)

    @handler
    async def friend_ended(self, ref: ActorRef[Any], reason: Reason) -> None:
        self.things.append(f"{ref.name} {reason.value}")

    @handler
    async def hire(self, name: str) -> ActorRef[Any]:
        return await self.context.spawn(Keeper(), name=name)

    @handler
    async def children(self) -> list[str]:
        return [child.name for child in self.context.children]

    @handler
    async def ring_after(self, seconds: float) -> None:
        self.context.after(seconds, Keeper.add, "rang")

    @handler
    async def ring_every(self, seconds: float) -> None:
        self.context.every(seconds, Keeper.add, "rang")

    @handler
    async def ring_never(self) -> None:
        self.context.after(3600, Keeper.add, "rang").cancel()

    @handler
    async def ask_friend_in_vain(self) -> None:
        assert self.friend is not None
        with anyio.move_on_after(0.001):
            await self.friend.ask(Keeper.add, "withdrawn")

    @handler
    async def wait_at(self, gate: str) -> None:
        await GATES[gate].wait()

    @handler
    async def log_and_wait_at(self, gate: str) -> None:
        self.context.log("begun")
        await GATES[gate].wait()

    @handler
    async def break_on_load(self) -> None:
        self.breaks = True

    @handler
    async def fail(self) -> None:
        raise ValueError("as told")


class Impostor(Actor):
    """Another class under a name that is taken."""


async def test_a_closed_actor_goes_on_as_the_same_actor(stage: Callable[..., Theater]) -> None:
    async with stage() as theater:
        keeper = await theater.spawn(Keeper(), name="keeper")
        await keeper.ask(Keeper.add, 1)
        events = len(theater.chain(keeper))

    async with stage() as theater:
        again = await theater.spawn(Keeper(), name="keeper", resume=True)

        assert again.id == keeper.id
        assert again.name == "keeper"
        assert await again.ask(Keeper.add, 2) == 2
        assert [event.kind for event in theater.chain(again)][events:] == ["actor/resumed", "message/handled"]


async def test_closing_a_folder_is_no_end_and_resuming_is_no_start(stage: Callable[..., Theater]) -> None:
    async with stage() as theater:
        await theater.spawn(Keeper(), name="keeper")
    async with stage() as theater:
        await theater.resume()

    assert STEPS == ["post_init", "on_load", "on_start", "on_load"]


class Halting(Actor):
    """Waits for ever in the hook that is named."""

    where: str
    lives: int = 0

    async def halt(self, where: str) -> None:
        if self.where == where and "halted" in GATES:
            GATES["halted"].set()
            await anyio.sleep_forever()

    async def on_start(self) -> None:
        self.lives += 1
        await self.halt(f"on_start {self.lives}")

    async def on_stop(self, reason: Reason) -> None:
        await self.halt(f"on_stop {reason.value}")

    async def on_child_stopped(self, child: ActorRef[Any], reason: Reason) -> None:
        STEPS.append(f"{child.name} {reason.value}")
        await self.halt(f"on_child_stopped {STEPS.count(STEPS[-1])}")

    @handler
    async def lose_a_child(self) -> None:
        await (await self.context.spawn(Keeper(), name="child")).kill()

    @handler
    async def fail(self) -> None:
        raise ValueError("as told")

    @handler
    async def stop(self) -> None:
        self.context.stop()


@pytest.mark.parametrize(
    ("where", "how"),
    [("on_stop normal", "stop"), ("on_start 2", "fail"), ("on_child_stopped 1", "lose_a_child")],
)
async def test_an_actor_whose_hook_was_cut_off_by_the_close_wakes_again(
    stage: Callable[..., Theater], where: str, how: str
) -> None:
    GATES["halted"] = anyio.Event()
    async with stage(closing=0) as theater:
        halting = await theater.spawn(Halting(where=where), name="halting")
        await halting.tell(how)
        await GATES["halted"].wait()

    del GATES["halted"]
    async with stage() as theater:
        resumed = await theater.resume()
        assert ([ref.name for ref in resumed.refs], resumed.left) == (["halting"], ())
        await theater.settled()

    assert STEPS.count("halting/child killed") == (2 if how == "lose_a_child" else 0)


async def test_resume_wakes_everybody_and_names_them(stage: Callable[..., Theater]) -> None:
    async with stage() as theater:
        for name in ("a", "b"):
            await theater.spawn(Keeper(), name=name)
        nameless = await theater.spawn(Keeper())

    async with stage() as theater:
        resumed = await theater.resume()

        assert [ref.name for ref in resumed.refs] == ["a", "b", nameless.name]
        assert resumed.left == ()
        assert theater.find("a") == resumed.refs[0]


async def test_resume_skips_what_runs(stage: Callable[..., Theater]) -> None:
    async with stage() as theater:
        await theater.spawn(Keeper(), name="keeper")
    async with stage() as theater:
        await theater.spawn(Keeper(), name="new")
        first = await theater.resume()
        second = await theater.resume()

    assert [ref.name for ref in first.refs] == ["keeper"]
    assert second.refs == second.left == ()


async def test_with_resume_what_runs_here_is_found_and_what_never_was_is_spawned(
    stage: Callable[..., Theater],
) -> None:
    async with stage() as theater:
        keeper = await theater.spawn(Keeper(things=[1]), name="keeper", resume=True)
        again = await theater.spawn(Keeper(things=[2]), name="keeper", resume=True)
        nameless = await theater.spawn(Keeper(things=[3]), resume=True)

        assert again == keeper
        assert await again.ask(Keeper.all) == [1]
        assert await nameless.ask(Keeper.all) == [3]


@pytest.mark.parametrize("size", [10, 5_000, 100_000])
async def test_states_of_any_size_come_back(stage: Callable[..., Theater], size: int) -> None:
    async with stage() as theater:
        keeper = await theater.spawn(Keeper(), name="keeper")
        await keeper.ask(Keeper.add, "x" * size)
        await keeper.ask(Keeper.add, b"y" * size)

    for _ in range(2):
        async with stage() as theater:
            keeper = await theater.spawn(Keeper(), name="keeper", resume=True)
            assert await keeper.ask(Keeper.all) == ["x" * size, b"y" * size]
            assert await keeper.ask(Keeper.scratch) == 2


async def test_a_large_state_is_written_at_close_and_only_if_it_changed(
    stage: Callable[..., Theater],
) -> None:
    async with stage() as theater:
        keeper = await theater.spawn(Keeper(), name="keeper")
        await keeper.ask(Keeper.add, "x" * 5_000)
    async with stage() as theater:
        keeper = await theater.spawn(Keeper(), name="keeper", resume=True)
        await keeper.ask(Keeper.all)
    async with stage() as theater:
        assert [event.kind for event in theater.chain("keeper")].count("actor/snapshot") == 1


async def test_contents_and_labels_come_back(stage: Callable[..., Theater]) -> None:
    large = bytes(2 << 20)
    async with stage() as theater:
        keeper = await theater.spawn(Keeper(), name="keeper")
        await keeper.ask(Keeper.shelve, "small", b"content")
        await keeper.ask(Keeper.shelve, "large", large)

    async with stage() as theater:
        keeper = await theater.spawn(Keeper(), name="keeper", resume=True)

        assert await keeper.ask(Keeper.shelved, "small") == b"content"
        assert await keeper.ask(Keeper.shelved, "large") == large
        assert await keeper.ask(Keeper.shelved, "never") is None


async def test_options_come_back(stage: Callable[..., Theater]) -> None:
    async with stage() as theater:
        await theater.spawn(
            Keeper(things=[0]), name="keeper", state=INITIAL, limit=RestartLimit(restarts=1, within=60)
        )
        await theater.find("keeper").ask(Keeper.add, 0.5)

    async with stage() as theater:
        keeper = await theater.spawn(Keeper(), name="keeper", resume=True)
        await keeper.ask(Keeper.add, 1)
        with pytest.raises(ActorFailedError):
            await keeper.ask(Keeper.fail)
        assert await keeper.ask(Keeper.all) == [0]
        with pytest.raises(ActorFailedError):
            await keeper.ask(Keeper.fail)
        await theater.settled()

        assert theater.chain(keeper)[-1].body == {"reason": "failed"}


async def test_children_come_back_under_their_supervisor_in_their_order(
    stage: Callable[..., Theater],
) -> None:
    async with stage() as theater:
        top = await theater.spawn(Keeper(), name="top")
        for name in ("b", "a"):
            child = await top.ask(Keeper.hire, name)
            await child.ask(Keeper.hire, "leaf")

    async with stage() as theater:
        resumed = await theater.resume()
        top = theater.find("top")

        assert [ref.name for ref in resumed.refs] == ["top", "top/b", "top/a", "top/b/leaf", "top/a/leaf"]
        assert await top.ask(Keeper.children) == ["top/b", "top/a"]
        await top.stop()
        assert theater.statistics().actors == 0


async def test_resuming_one_actor_wakes_all_below_it_and_nobody_else(stage: Callable[..., Theater]) -> None:
    async with stage() as theater:
        top = await theater.spawn(Keeper(), name="top")
        await theater.spawn(Keeper(), name="other")
        await top.ask(Keeper.hire, "child")

    async with stage() as theater:
        await theater.spawn(Keeper(), name="top", resume=True)

        assert theater.find("top/child").name == "top/child"
        with pytest.raises(ActorNotFoundError, match="asleep in the record"):
            theater.find("other")


async def test_a_timer_goes_on_and_an_overdue_one_rings_at_once(stage: Callable[..., Theater]) -> None:
    async with stage() as theater:
        keeper = await theater.spawn(Keeper(), name="keeper")
        await keeper.ask(Keeper.ring_after, 5)
        await keeper.ask(Keeper.ring_every, 3600)

    async with stage(clock=lambda: time.time_ns() + 6 * 10**9) as theater:  # six seconds later
        keeper = await theater.spawn(Keeper(), name="keeper", resume=True)
        now = asyncio.get_running_loop().time()
        pending = keeper._cell.timers or {}
        assert all(timer._moment <= now for timer in pending.values() if timer.delay == 5)
        while not told(theater, keeper, "timer/fired"):
            await anyio.lowlevel.checkpoint()
        await theater.settled()

        assert await keeper.ask(Keeper.all) == ["rang"]
        timers = list(keeper._cell.timers.values())  # type: ignore[union-attr]
        assert [round(timer.delay) for timer in timers] == [3600]
        assert 3590 < timers[0]._moment - asyncio.get_running_loop().time() <= 3600


async def test_a_timer_that_rang_does_not_ring_again(stage: Callable[..., Theater]) -> None:
    async with stage() as theater:
        keeper = await theater.spawn(Keeper(), name="keeper")
        await keeper.ask(Keeper.ring_after, 0.001)
        while await keeper.ask(Keeper.all) == []:
            await anyio.lowlevel.checkpoint()

    async with stage() as theater:
        keeper = await theater.spawn(Keeper(), name="keeper", resume=True)
        await theater.settled()
        assert await keeper.ask(Keeper.all) == ["rang"]


async def test_undelivered_messages_lie_in_the_mailbox_again(stage: Callable[..., Theater]) -> None:
    GATES["gate"] = anyio.Event()
    async with stage(closing=0) as theater:
        busy = await theater.spawn(Keeper(), name="busy")
        other = await theater.spawn(Keeper(friend=busy), name="other")
        await busy.tell(Keeper.wait_at, "gate")
        await busy.tell(Keeper.add, "from outside")
        await other.ask(Keeper.tell_friend, "from another")

    GATES["gate"].set()
    async with stage() as theater:
        await theater.resume()
        await theater.settled()

        assert sorted(await theater.find("busy").ask(Keeper.all)) == ["from another", "from outside"]

    async with stage() as theater:
        busy = await theater.spawn(Keeper(), name="busy", resume=True)
        assert len(await busy.ask(Keeper.all)) == 2


async def test_messages_of_the_world_outside_keep_their_order(stage: Callable[..., Theater]) -> None:
    GATES["gate"] = anyio.Event()
    async with stage(closing=0) as theater:
        busy = await theater.spawn(Keeper(), name="busy")
        await busy.tell(Keeper.wait_at, "gate")
        for number in range(10):
            await busy.tell(Keeper.add, number)

    GATES["gate"].set()
    async with stage() as theater:
        busy = await theater.spawn(Keeper(), name="busy", resume=True)
        assert await busy.ask(Keeper.all) == list(range(10))


async def test_refs_in_a_state_are_refs_again(stage: Callable[..., Theater]) -> None:
    async with stage() as theater:
        friend = await theater.spawn(Keeper(things=["friendly"]), name="zz")
        keeper = await theater.spawn(Keeper(), name="aa")
        await keeper.ask(Keeper.befriend, friend)

    async with stage() as theater:
        await theater.resume()
        assert await theater.find("aa").ask(Keeper.ask_friend) == ["friendly"]


async def test_a_ref_to_a_sleeper_is_good_once_the_sleeper_is_awake(stage: Callable[..., Theater]) -> None:
    async with stage() as theater:
        friend = await theater.spawn(Keeper(things=["friendly"]), name="friend")
        keeper = await theater.spawn(Keeper(), name="keeper")
        await keeper.ask(Keeper.befriend, friend)

    async with stage() as theater:
        keeper = await theater.spawn(Keeper(), name="keeper", resume=True)
        [ref] = [one.ref for one in theater._stage.past.values()]  # type: ignore[union-attr]
        with pytest.raises(NotRunningError, match="friend is asleep in the record: resume it first"):
            await ref.ask(Keeper.all)
        friend = await theater.spawn(Keeper(), name="friend", resume=True)

        assert friend == ref
        assert await keeper.ask(Keeper.ask_friend) == ["friendly"]
        await keeper.ask(Keeper.tell_friend, "more")
        assert await friend.ask(Keeper.all) == ["friendly", "more"]


async def test_a_ref_to_an_actor_that_ended_long_ago_says_so(stage: Callable[..., Theater]) -> None:
    async with stage() as theater:
        friend = await theater.spawn(Keeper(), name="friend")
        keeper = await theater.spawn(Keeper(friend=friend), name="keeper")
        await friend.kill()

    async with stage() as theater:
        keeper = await theater.spawn(Keeper(), name="keeper", resume=True)
        with pytest.raises(ActorFailedError, match="has ended"):
            await keeper.ask(Keeper.ask_friend)
        await keeper.ask(Keeper.watch_friend)
        await theater.settled()

        assert await keeper.ask(Keeper.all) == ["friend killed"]


async def test_a_watch_holds_over_a_close(stage: Callable[..., Theater]) -> None:
    async with stage() as theater:
        friend = await theater.spawn(Keeper(), name="friend")
        keeper = await theater.spawn(Keeper(friend=friend), name="keeper")
        await keeper.ask(Keeper.watch_friend)

    async with stage() as theater:
        await theater.resume()
        await theater.find("friend").stop()
        await theater.settled()
        assert await theater.find("keeper").ask(Keeper.all) == ["friend normal"]

    async with stage() as theater:
        keeper = await theater.spawn(Keeper(), name="keeper", resume=True)
        await theater.settled()
        assert await keeper.ask(Keeper.all) == ["friend normal"]


async def test_a_sleeping_name_is_taken_and_the_error_says_why(stage: Callable[..., Theater]) -> None:
    async with stage() as theater:
        await theater.spawn(Keeper(), name="keeper")
    async with stage() as theater:
        with pytest.raises(NameTakenError, match="asleep in the record; spawn it with resume=True"):
            await theater.spawn(Keeper(), name="keeper")


@pytest.mark.parametrize("how", ["stop", "kill", "fail"])
async def test_the_name_of_an_actor_that_ended_is_free(stage: Callable[..., Theater], how: str) -> None:
    async with stage() as theater:
        keeper = await theater.spawn(Keeper(), name="keeper", limit=RestartLimit(restarts=0))
        if how == "fail":
            with pytest.raises(ActorFailedError):
                await keeper.ask(Keeper.fail)
            await theater.settled()
        else:
            await (keeper.stop() if how == "stop" else keeper.kill())

    async with stage() as theater:
        assert (await theater.resume()).refs == ()
        successor = await theater.spawn(Keeper(), name="keeper", resume=True)
        assert successor.id != keeper.id
        assert kinds(theater, successor) == ["message/handled"]


async def test_a_class_that_is_not_imported_is_left_alone_and_named(stage: Callable[..., Theater]) -> None:
    class Local(Keeper):
        pass

    async with stage() as theater:
        local = await theater.spawn(Local(), name="local")
        await local.ask(Keeper.hire, "child")
        await theater.spawn(Keeper(), name="keeper")

    async with stage() as theater:
        resumed = await theater.resume()

        assert [ref.name for ref in resumed.refs] == ["keeper"]
        local_left, child_left = resumed.left
        assert (local_left.name, child_left.name) == ("local", "local/child")
        assert "is not imported" in local_left.why
        assert "its supervisor is asleep" in child_left.why
        assert "actor/resumed" not in [event.kind for event in theater.chain("local")]

        given = await theater.resume(classes=[Local])
        assert [ref.name for ref in given.refs] == ["local", "local/child"]


async def test_an_actor_of_another_class_is_refused(stage: Callable[..., Theater]) -> None:
    async with stage() as theater:
        await theater.spawn(Keeper(), name="keeper")
        with pytest.raises(SetupError, match="alive here as Keeper"):
            await theater.spawn(Impostor(), name="keeper", resume=True)

    async with stage() as theater:
        with pytest.raises(SetupError, match="cannot go on: the recorded state has a field"):
            await theater.spawn(Impostor(), name="keeper", resume=True)
        keeper = await theater.spawn(Keeper(), name="keeper", resume=True)
        assert await keeper.ask(Keeper.all) == []


async def test_an_on_load_that_fails_leaves_the_actor_asleep_and_the_rest_awake(
    stage: Callable[..., Theater],
) -> None:
    async with stage() as theater:
        broken = await theater.spawn(Keeper(), name="broken")
        await broken.ask(Keeper.hire, "child")
        await broken.ask(Keeper.break_on_load)
        await theater.spawn(Keeper(), name="whole")

    async with stage() as theater:
        resumed = await theater.resume()

        assert [ref.name for ref in resumed.refs] == ["whole"]
        assert [left.name for left in resumed.left] == ["broken", "broken/child"]
        assert "no scratch" in resumed.left[0].why
        with pytest.raises(SetupError, match="no scratch"):
            await theater.spawn(Keeper(), name="broken", resume=True)

    STEPS.append("healed")
    async with stage() as theater:
        assert len((await theater.resume()).refs) == 3


async def test_a_handler_that_had_asked_and_was_cut_off_is_run_again(stage: Callable[..., Theater]) -> None:
    GATES["gate"] = anyio.Event()
    async with stage(closing=0) as theater:
        keeper = await theater.spawn(Keeper(), name="keeper")
        await keeper.tell(Keeper.log_and_wait_at, "gate")
        while not told(theater, keeper, "log"):
            await anyio.lowlevel.checkpoint()

    GATES["gate"].set()
    async with stage() as theater:
        assert (await theater.resume()).left == ()
        await theater.settled()
        assert kinds(theater, theater.find("keeper"))[1:] == [
            "message/received", "log", "actor/resumed", "message/retried", "message/handled",
        ]  # fmt: skip


async def test_without_recorded_messages_state_and_mailbox_come_back_from_the_close(
    stage: Callable[..., Theater],
) -> None:
    GATES["gate"] = anyio.Event()
    async with stage(closing=0, record_messages=False) as theater:
        busy = await theater.spawn(Keeper(), name="busy")
        other = await theater.spawn(Keeper(friend=busy), name="other")
        await busy.ask(Keeper.add, "before")
        await busy.ask(Keeper.shelve, "label", b"content")
        await busy.tell(Keeper.wait_at, "gate")
        await busy.tell(Keeper.add, "from outside")
        await other.ask(Keeper.tell_friend, "from another")

    GATES["gate"].set()
    async with stage(record_messages=False) as theater:
        await theater.resume()
        await theater.settled()
        busy = theater.find("busy")

        assert await busy.ask(Keeper.all) == ["before", "from outside", "from another"]
        assert await busy.ask(Keeper.shelved, "label") == b"content"


async def test_a_resumed_folder_verifies(stage: Callable[..., Theater], tmp_path: Path) -> None:
    for _ in range(3):
        async with stage() as theater:
            keeper = await theater.spawn(Keeper(), name="keeper", resume=True)
            await keeper.ask(Keeper.add, 1)
            await keeper.ask(Keeper.shelve, "label", b"content")

    report = History(tmp_path / "theater").verify(signatures=True)
    assert report.ok
    assert report.closed


async def test_a_message_for_a_handler_that_is_no_more_leaves_its_actor_asleep(
    stage: Callable[..., Theater],
) -> None:
    class Local(Keeper):
        @handler
        async def old(self) -> None:
            pass

    GATES["gate"] = anyio.Event()
    async with stage(closing=0) as theater:
        local = await theater.spawn(Local(), name="local")
        await local.tell(Keeper.wait_at, "gate")
        await local.tell(Local.old)

    async with stage() as theater:
        with pytest.raises(SetupError, match="has no handler 'old', for which a message waits"):
            await theater.spawn(Keeper(), name="local", resume=True)
        assert theater.chain("local")[-1].kind == "actor/snapshot"
        GATES["gate"].set()
        await theater.spawn(Local(), name="local", resume=True)


async def test_a_class_may_have_another_name_by_now(stage: Callable[..., Theater]) -> None:
    class Renamed(Keeper):
        pass

    async with stage() as theater:
        await theater.spawn(Keeper(things=[1]), name="keeper")
    async with stage() as theater:
        keeper = await theater.spawn(Renamed(), name="keeper", resume=True)
        assert await keeper.ask(Keeper.all) == [1]


async def test_a_cancelled_timer_stays_cancelled(stage: Callable[..., Theater]) -> None:
    async with stage() as theater:
        keeper = await theater.spawn(Keeper(), name="keeper")
        await keeper.ask(Keeper.ring_never)

    async with stage() as theater:
        keeper = await theater.spawn(Keeper(), name="keeper", resume=True)
        assert not keeper._cell.timers


async def test_a_withdrawn_message_is_not_delivered(stage: Callable[..., Theater]) -> None:
    GATES["gate"] = anyio.Event()
    async with stage(closing=0) as theater:
        busy = await theater.spawn(Keeper(), name="busy")
        other = await theater.spawn(Keeper(friend=busy), name="other")
        await busy.tell(Keeper.wait_at, "gate")
        await other.ask(Keeper.ask_friend_in_vain)
        await other.ask(Keeper.tell_friend, "told")

    GATES["gate"].set()
    async with stage() as theater:
        await theater.resume()
        assert await theater.find("busy").ask(Keeper.all) == ["told"]


async def test_what_was_set_and_queued_survives_a_second_close(stage: Callable[..., Theater]) -> None:
    GATES["gate"] = anyio.Event()
    async with stage(closing=0) as theater:
        busy = await theater.spawn(Keeper(), name="busy")
        other = await theater.spawn(Keeper(friend=busy), name="other")
        await other.ask(Keeper.ring_every, 3600)
        await busy.tell(Keeper.wait_at, "gate")
        await busy.tell(Keeper.add, "from outside")
        await other.ask(Keeper.tell_friend, "from another")
    async with stage(closing=0) as theater:
        await theater.resume()

    GATES["gate"].set()
    async with stage() as theater:
        await theater.resume()
        assert sorted(await theater.find("busy").ask(Keeper.all)) == ["from another", "from outside"]
        assert len(theater.find("other")._cell.timers or ()) == 1


async def test_a_watch_holds_while_the_watched_sleeps_longer(stage: Callable[..., Theater]) -> None:
    async with stage() as theater:
        friend = await theater.spawn(Keeper(), name="friend")
        keeper = await theater.spawn(Keeper(friend=friend), name="keeper")
        await keeper.ask(Keeper.watch_friend)

    async with stage() as theater:
        keeper = await theater.spawn(Keeper(), name="keeper", resume=True)
        friend = await theater.spawn(Keeper(), name="friend", resume=True)
        await friend.stop()
        await theater.settled()

        assert await keeper.ask(Keeper.all) == ["friend normal"]


async def test_messages_that_died_with_their_actor_do_not_come_back(stage: Callable[..., Theater]) -> None:
    GATES["gate"] = anyio.Event()
    async with stage(closing=0) as theater:
        busy = await theater.spawn(Keeper(), name="busy")
        other = await theater.spawn(Keeper(friend=busy), name="other")
        await busy.tell(Keeper.wait_at, "gate")
        await other.ask(Keeper.tell_friend, "told")
        await busy.kill()

    async with stage() as theater:
        assert [ref.name for ref in (await theater.resume()).refs] == ["other"]
        successor = await theater.spawn(Keeper(), name="busy")
        assert await successor.ask(Keeper.all) == []


async def test_a_crash_forgets_nothing_that_was_settled(
    stage: Callable[..., Theater], tmp_path: Path
) -> None:
    GATES["gate"] = anyio.Event()
    image = tmp_path / "as it was"
    async with stage(closing=0) as theater:
        busy = await theater.spawn(Keeper(), name="busy")
        other = await theater.spawn(Keeper(friend=busy), name="other")
        await busy.ask(Keeper.add, "before")
        await other.ask(Keeper.ring_every, 3600)
        await busy.tell(Keeper.wait_at, "gate")
        await busy.tell(Keeper.add, "from outside")
        await other.ask(Keeper.tell_friend, "from another")
        await other.ask(Keeper.ask_friend_in_vain)
        shutil.copytree(tmp_path / "theater", image)

    GATES["gate"].set()
    async with Theater(image) as theater:
        await theater.resume()
        assert await theater.find("busy").ask(Keeper.all) == ["before", "from another"]
        assert len(theater.find("other")._cell.timers or ()) == 1
    assert History(image).verify().ok
