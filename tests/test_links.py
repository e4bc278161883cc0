"""Links, watches taken back, and supervisors told who ended a child."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import anyio
import pytest
from told import told

from theater import (
    TEMPORARY,
    Actor,
    ActorFailedError,
    ActorRef,
    Grants,
    Reason,
    RestartLimit,
    Supervision,
    Theater,
    child,
    handler,
)

HOUR = 3600.0


class Friend(Actor):
    """Binds itself to others."""

    news: list[str] = []  # noqa: RUF012  # given fresh to each instance
    friend: ActorRef[Any] | None = None

    @handler
    async def bind(self, other: ActorRef[Any]) -> None:
        self.context.link(other)
        self.friend = other

    @handler
    async def part_from_friend(self) -> None:
        assert self.friend is not None
        self.context.unlink(self.friend)

    @handler
    async def part(self, other: ActorRef[Any]) -> None:
        self.context.unlink(other)

    @handler
    async def watch(self, other: ActorRef[Any]) -> None:
        self.context.watch(other, Friend.gone)

    @handler
    async def watch_twice(self, other: ActorRef[Any]) -> None:
        self.context.watch(other, Friend.gone)
        self.context.watch(other, Friend.away)

    @handler
    async def unwatch(self, other: ActorRef[Any]) -> None:
        self.context.unwatch(other)

    @handler
    async def gone(self, other: ActorRef[Any], reason: Reason) -> None:
        self.news.append(f"{other.name} {reason.value}")

    @handler
    async def away(self, other: ActorRef[Any], reason: Reason) -> None:
        self.news.append(f"{other.name} away: {reason.value}")

    @handler
    async def all_news(self) -> list[str]:
        return self.news

    @handler
    async def wait(self, seconds: float) -> None:
        await anyio.sleep(seconds)

    @handler
    async def cling(self, times: int) -> str:
        for _ in range(times):
            try:
                await anyio.sleep(HOUR)
            except asyncio.CancelledError:
                self.news.append("swallowed")
        return "let go"

    @handler
    async def spoil_and_wait(self) -> None:
        self.news.append("spoilt")
        await anyio.sleep(HOUR)

    @handler
    async def exit(self) -> None:
        self.context.stop()

    @handler
    async def fail(self) -> None:
        raise ValueError("as told")

    @handler
    async def stop_and_kill(self, one: ActorRef[Any], other: ActorRef[Any]) -> None:
        await one.stop()
        await other.kill()


class Parent(Friend):
    """Is told who ended its children."""

    supervision = Supervision(
        children=(
            child(Friend(), name="a"),
            child(Friend(), name="b"),
            child(Friend(), name="t", restart=TEMPORARY),
        )
    )

    async def on_child_stopped_by(
        self, child: ActorRef[Any], reason: Reason, by: ActorRef[Any] | None
    ) -> None:
        self.news.append(f"{child.name} {reason.value} by {by and by.name}")

    async def on_child_stopped(self, child: ActorRef[Any], reason: Reason) -> None:
        self.news.append(f"{child.name} {reason.value}")


async def friends(theater: Theater, **options: Any) -> tuple[ActorRef[Friend], ActorRef[Friend]]:
    """Two that are linked."""
    a = await theater.spawn(Friend(), name="a", **options)
    b = await theater.spawn(Friend(), name="b", **options)
    await a.ask(Friend.bind, b)
    return a, b


def ended(theater: Theater, ref: ActorRef[Any]) -> str | None:
    """Why it ended, or None if it lives."""
    last = theater.chain(ref)[-1]
    return str(last.body["reason"]) if last.kind == "actor/stopped" else None


# -- links


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize(
    ("how", "reason"), [("stop", "shutdown"), ("kill", "killed"), ("exit", "shutdown"), ("fail", "killed")]
)
async def test_when_either_ends_so_does_the_other(
    theater: Theater, how: str, reason: str, order: tuple[int, int]
) -> None:
    both = await friends(theater, limit=RestartLimit(restarts=0))
    first, second = (both[place] for place in order)

    if how in {"stop", "kill"}:
        await getattr(first, how)()
    else:
        await first.tell(how)
    await theater.settled()

    assert ended(theater, second) == reason
    assert theater.statistics().actors == 0


async def test_a_restart_is_no_end_and_the_link_outlives_it(theater: Theater) -> None:
    a, b = await friends(theater)

    for ref in (a, b):
        with pytest.raises(ActorFailedError):
            await ref.ask(Friend.fail)
    await theater.settled()
    assert theater.statistics().actors == 2
    await b.kill()
    await theater.settled()

    assert ended(theater, a) == "killed"


async def test_a_linked_actor_that_is_stopped_finishes_what_is_queued(theater: Theater) -> None:
    a, b = await friends(theater)
    await a.tell(Friend.wait, 10)
    await b.stop()

    await theater.settled()

    assert ended(theater, a) == "shutdown"
    assert anyio.current_time() == 10


async def test_one_linked_to_a_child_that_its_supervisor_stops_finishes_what_is_queued_too(
    theater: Theater,
) -> None:
    parent, friend = await theater.spawn(Parent(), name="parent"), await theater.spawn(Friend(), name="b")
    await friend.ask(Friend.bind, theater.find("parent/a"))
    await friend.tell(Friend.wait, 1)
    await friend.tell(Friend.wait, 1)

    await parent.stop()
    await theater.settled()

    assert ended(theater, friend) == "shutdown"
    assert anyio.current_time() == pytest.approx(2)


async def test_a_declared_child_that_is_being_stopped_ends_with_the_one_it_is_linked_to(
    theater: Theater,
) -> None:
    await theater.spawn(Parent(), name="parent")
    a, friend = theater.find("parent/a"), await theater.spawn(Friend(), name="b")
    await friend.ask(Friend.bind, a)
    await a.tell(Friend.wait, HOUR)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(a.stop)
        await anyio.wait_all_tasks_blocked()
        await friend.kill()

    assert anyio.current_time() < 1
    assert ended(theater, a) == "killed"
    assert not told(theater, a, "actor/restarted")


async def test_linking_to_one_that_has_ended_is_told_at_once(theater: Theater) -> None:
    a, b, c = [await theater.spawn(Friend(), name=name) for name in "abc"]
    await b.kill()
    await c.stop()

    await a.tell(Friend.bind, b)
    other = await theater.spawn(Friend())
    await other.tell(Friend.bind, c)
    await theater.settled()

    assert [ended(theater, ref) for ref in (a, other)] == ["killed", "shutdown"]


@pytest.mark.parametrize("who", [0, 1])
async def test_either_may_undo_the_link(theater: Theater, who: int) -> None:
    both = await friends(theater)

    await both[who].ask(Friend.part, both[1 - who])
    await both[0].kill()
    await theater.settled()

    assert ended(theater, both[1]) is None


async def test_a_ring_of_links_ends_as_one(theater: Theater) -> None:
    ring = [await theater.spawn(Friend(), name=f"f{number}") for number in range(5)]
    for place, ref in enumerate(ring):
        await ref.ask(Friend.bind, ring[(place + 1) % 5])
        await ref.ask(Friend.bind, ring[(place + 1) % 5])

    await ring[2].kill()
    await theater.settled()

    assert [ended(theater, ref) for ref in ring] == ["killed"] * 5


async def test_an_actor_cannot_be_linked_to_itself(theater: Theater) -> None:
    a = await theater.spawn(Friend())

    with pytest.raises(ActorFailedError, match="cannot be linked to itself"):
        await a.ask(Friend.bind, a)


async def test_who_may_not_stop_an_actor_may_not_link_itself_to_it(theater: Theater) -> None:
    a, b = await theater.spawn(Friend(), grants=Grants(stop="c*")), await theater.spawn(Friend(), name="b")

    with pytest.raises(ActorFailedError, match="NotAllowedError"):
        await a.ask(Friend.bind, b)
    await a.kill()
    await theater.settled()

    assert told(theater, a, "message/refused")[0].body["handler"] == "@link"
    assert ended(theater, b) is None


async def test_a_link_stands_in_both_chains(theater: Theater) -> None:
    a, b = await friends(theater)
    await b.ask(Friend.part, a)

    said = {
        ref.name: [(event.body["handler"], event.body["to"]) for event in told(theater, ref, "message/sent")]
        for ref in (a, b)
    }
    assert said == {
        "a": [("@link", b.id), ("@unlinked", b.id)],
        "b": [("@linked", a.id), ("@unlink", a.id)],
    }


async def test_under_a_declared_supervisor_a_linked_child_is_started_again(theater: Theater) -> None:
    parent = await theater.spawn(Parent(), name="parent")
    a, t = theater.find("parent/a"), theater.find("parent/t")
    other = await theater.spawn(Friend(), name="other")
    for ref in (a, t):
        await ref.ask(Friend.bind, other)
    async with anyio.create_task_group() as tasks:

        async def ask() -> None:
            with pytest.raises(ActorFailedError, match="a was killed with other, to which it was linked"):
                await a.ask(Friend.spoil_and_wait)

        tasks.start_soon(ask)
        await anyio.sleep(1)
        await other.kill()

    assert anyio.current_time() == 1
    assert await a.ask(Friend.all_news) == []
    assert len(told(theater, a, "actor/restarted")) == 1
    assert ended(theater, t) == "killed"
    assert await parent.ask(Friend.all_news) == ["parent/t killed"]


async def test_a_linked_child_that_swallows_its_cancellation_is_cut_off_again(theater: Theater) -> None:
    await theater.spawn(Parent(), name="parent")
    a, other = theater.find("parent/a"), await theater.spawn(Friend())
    await a.ask(Friend.bind, other)
    async with anyio.create_task_group() as tasks:

        async def ask() -> None:
            assert await a.ask(Friend.cling, 3) == "let go"

        tasks.start_soon(ask)
        await anyio.sleep(1)
        await other.kill()
    await theater.settled()

    assert anyio.current_time() == 3
    await a.ask(Friend.wait, 5)  # nothing of the cancellation is left
    assert len(told(theater, a, "actor/restarted")) == 1


async def test_a_child_past_its_limit_that_a_link_kills_escalates(theater: Theater) -> None:
    parent = await theater.spawn(Parent(), name="parent")
    a = theater.find("parent/a")
    for number in range(4):
        other = await theater.spawn(Friend(), name=f"o{number}")
        await a.ask(Friend.bind, other)
        await other.kill()
        await theater.settled()

    assert ended(theater, a) == "killed"
    assert told(theater, parent, "actor/failed")[0].body["handler"] == "@escalate"


# -- watches


async def test_a_watch_taken_back_tells_nothing(theater: Theater) -> None:
    a, b = await theater.spawn(Friend()), await theater.spawn(Friend(), name="b")
    other = await theater.spawn(Friend())
    for ref in (a, other):
        await ref.ask(Friend.watch_twice, b)
    await a.ask(Friend.unwatch, b)
    await a.ask(Friend.unwatch, b)

    await b.kill()
    await theater.settled()

    assert await a.ask(Friend.all_news) == []
    assert await other.ask(Friend.all_news) == ["b killed", "b away: killed"]


async def test_a_watch_can_be_made_again(theater: Theater) -> None:
    a, b = await theater.spawn(Friend()), await theater.spawn(Friend(), name="b")
    for message in (Friend.watch, Friend.unwatch, Friend.watch):
        await a.ask(message, b)

    await b.kill()
    await theater.settled()

    assert await a.ask(Friend.all_news) == ["b killed"]


# -- who ended it


async def test_a_supervisor_tells_an_exit_from_a_stop_and_learns_who_asked(theater: Theater) -> None:
    parent = await theater.spawn(Parent(), name="parent")
    other = await theater.spawn(Friend(), name="other")
    refs = [theater.find(f"parent/{name}") for name in "abt"]

    await refs[0].stop()
    await other.ask(Friend.stop_and_kill, refs[1], refs[1])
    await refs[2].ask(Friend.exit)
    await theater.settled()

    assert await parent.ask(Friend.all_news) == [
        "parent/a normal by None",
        "parent/a normal",
        "parent/b normal by other",
        "parent/b normal",
        "parent/t normal",
    ]


# -- asleep and awake again


async def close_and_resume(folder: Path) -> Theater:
    theater = Theater(folder)
    await theater.open()
    left = (await theater.resume()).left
    assert not left
    return theater


async def test_links_and_watches_outlive_the_close(tmp_path: Path) -> None:
    async with Theater(tmp_path) as theater:
        a, b = await friends(theater)
        c, d = await theater.spawn(Friend(), name="c"), await theater.spawn(Friend(), name="d")
        await c.ask(Friend.bind, d)
        await d.ask(Friend.part, c)
        await c.ask(Friend.watch_twice, b)
        await d.ask(Friend.watch, b)
        await d.ask(Friend.unwatch, b)

    theater = await close_and_resume(tmp_path)
    a, b, c, d = (theater.find(name) for name in "abcd")
    await a.kill()
    await d.kill()
    await theater.settled()
    assert ended(theater, b) == "killed"
    assert await c.ask(Friend.all_news) == ["b killed", "b away: killed"]
    await theater.close()

    theater = await close_and_resume(tmp_path)
    assert await theater.find("c").ask(Friend.all_news) == [
        "b killed",
        "b away: killed",
    ]  # told once, not again
    await theater.close()


async def test_a_link_to_one_that_sleeps_on_holds_when_it_wakes(tmp_path: Path) -> None:
    async with Theater(tmp_path) as theater:
        await friends(theater)

    async with Theater(tmp_path) as theater:
        a = await theater.spawn(Friend(), name="a", resume=True)
        await a.kill()
        await theater.settled()
        b = await theater.spawn(Friend(), name="b", resume=True)
        await theater.settled()

        assert ended(theater, b) == "killed"


async def test_a_link_undone_while_the_other_slept_is_undone(tmp_path: Path) -> None:
    async with Theater(tmp_path) as theater:
        await friends(theater)

    async with Theater(tmp_path) as theater:
        a = await theater.spawn(Friend(), name="a", resume=True)
        await a.ask(Friend.part_from_friend)
        b = await theater.spawn(Friend(), name="b", resume=True)
        await a.kill()
        await theater.settled()

        assert ended(theater, b) is None


async def test_a_link_holds_when_the_two_wake_one_after_the_other(tmp_path: Path) -> None:
    async with Theater(tmp_path) as theater:
        await friends(theater)

    async with Theater(tmp_path) as theater:
        a, b = [await theater.spawn(Friend(), name=name, resume=True) for name in "ab"]
        await a.kill()
        await theater.settled()

        assert ended(theater, b) == "killed"
