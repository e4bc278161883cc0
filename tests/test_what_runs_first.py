"""What runs before what: one test for each row of the table in `docs/explanation/mailboxes.md`."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import anyio
import pytest
from told import meanwhile

from theater import Actor, ActorRef, Reason, Theater, handler
from theater.errors import ActorFailedError, NotRunningError

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "explanation" / "mailboxes.md"


class Desk(Actor):
    """Notes in which order things come to it."""

    came: list[Any] = []  # noqa: RUF012  # given fresh to each instance
    ready: bool = True

    async def on_child_stopped(self, child: ActorRef[Any], reason: Reason) -> None:
        self.came.append(f"{child.name.rpartition('/')[2]} {reason.value}")

    @handler
    async def rest(self, seconds: float) -> None:
        await anyio.sleep(seconds)

    @handler
    async def hear(self, thing: Any) -> None:
        if self.ready:
            self.came.append(thing)
        else:
            self.context.stash()

    @handler(priority=True)
    async def urgent(self, thing: Any) -> None:
        self.came.append(thing)

    @handler
    async def get_ready(self) -> None:
        self.ready = True
        self.context.unstash()

    @handler
    async def hire(self) -> ActorRef[Desk]:
        return await self.context.spawn(Desk(), name="child")

    @handler
    async def remind(self, seconds: float) -> None:
        self.context.after(seconds, Desk.hear, "rang")

    @handler
    async def alarm(self, seconds: float) -> None:
        self.context.after(seconds, Desk.urgent, "rang loudly")

    @handler
    async def watch(self, other: ActorRef[Any]) -> None:
        self.context.watch(other, Desk.other_ended)

    @handler
    async def other_ended(self, other: ActorRef[Any], reason: Reason) -> None:
        self.came.append(f"{other.name} {reason.value}")

    @handler
    async def stop_after(self, seconds: float) -> None:
        self.context.stop()
        await anyio.sleep(seconds)

    @handler
    async def fail_after(self, seconds: float) -> None:
        await anyio.sleep(seconds)
        raise ValueError

    @handler
    async def all(self) -> list[Any]:
        return self.came


async def busy(theater: Theater, desk: Desk | None = None, **options: Any) -> ActorRef[Desk]:
    """A desk that works for a minute."""
    ref = await theater.spawn(desk or Desk(), name="desk", **options)
    await ref.tell(Desk.rest, 60)
    await anyio.wait_all_tasks_blocked()
    return ref


def heard(theater: Theater, desk: ActorRef[Desk]) -> list[Any]:
    """What was handled, as the record tells."""
    chain = [event.body for event in theater.chain(desk) if event.kind == "message/handled"]
    return [body["args"][0] for body in chain if body.get("handler") in {"hear", "urgent"}]


# -- the rows of the table -------------------------------------------------------------------------------


async def test_a_kill_interrupts_the_message_at_hand(theater: Theater) -> None:
    desk = await busy(theater)
    await desk.tell(Desk.hear, "never")

    await desk.kill()

    assert anyio.current_time() < 1
    assert heard(theater, desk) == []


async def test_the_message_at_hand_ends_before_all_else_begins(theater: Theater) -> None:
    desk = await busy(theater)

    await desk.ask(Desk.urgent, "first")

    assert anyio.current_time() == 60


async def test_the_control_lane_passes_every_message(theater: Theater) -> None:
    desk = await theater.spawn(Desk())
    child = await desk.ask(Desk.hire)
    await desk.tell(Desk.rest, 60)
    await anyio.wait_all_tasks_blocked()
    await desk.tell(Desk.hear, "ordinary")
    await desk.tell(Desk.urgent, "urgent")

    await child.stop()

    assert await desk.ask(Desk.all) == ["child normal", "urgent", "ordinary"]


async def test_the_hooks_of_a_new_life_pass_every_message(theater: Theater) -> None:
    class Starting(Desk):
        async def on_start(self) -> None:
            self.came.append("started")

    desk = await theater.spawn(Starting())
    async with anyio.create_task_group() as tasks:
        meanwhile(tasks, _fails, desk)
        await anyio.wait_all_tasks_blocked()
        await desk.tell(Desk.urgent, "urgent")

    assert await desk.ask(Desk.all) == ["started", "started", "urgent"]


async def _fails(desk: ActorRef[Any]) -> None:
    with pytest.raises(ActorFailedError):
        await desk.ask(Desk.fail_after, 1)


async def test_what_was_unstashed_passes_all_that_waits(theater: Theater) -> None:
    desk = await theater.spawn(Desk(ready=False))
    for number in range(2):
        await desk.tell(Desk.hear, number)
    await theater.settled()

    desk.tell_nowait(Desk.get_ready)
    desk.tell_nowait(Desk.hear, "ordinary")
    await anyio.wait_all_tasks_blocked()
    assert await desk.ask(Desk.all) == [0, 1, "ordinary"]


async def test_what_was_unstashed_passes_priority_messages_too(theater: Theater) -> None:
    class Slow(Desk):
        @handler
        async def get_ready(self) -> None:
            await anyio.sleep(60)
            await super().get_ready()

    desk = await theater.spawn(Slow(ready=False))
    await desk.tell(Desk.hear, "was stashed")
    await theater.settled()
    await desk.tell(Desk.get_ready)
    await anyio.wait_all_tasks_blocked()

    await desk.tell(Desk.urgent, "urgent")

    assert await desk.ask(Desk.all) == ["was stashed", "urgent"]


async def test_priority_messages_pass_ordinary_ones_and_each_lane_keeps_its_order(theater: Theater) -> None:
    desk = await busy(theater)
    for number in range(2):
        await desk.tell(Desk.hear, f"ordinary {number}")
        await desk.tell(Desk.urgent, f"urgent {number}")

    assert await desk.ask(Desk.all) == ["urgent 0", "urgent 1", "ordinary 0", "ordinary 1"]


async def test_a_timer_that_fires_and_news_of_an_end_take_their_place_behind_what_waits(
    theater: Theater,
) -> None:
    other = await theater.spawn(Desk(), name="other")
    desk = await theater.spawn(Desk(), mailbox=1)
    await desk.ask(Desk.watch, other)
    await desk.ask(Desk.remind, 1)
    await desk.ask(Desk.alarm, 2)
    await desk.tell(Desk.rest, 60)
    await anyio.sleep(0.5)
    await desk.tell(Desk.hear, "before")
    await anyio.sleep(2)
    await other.stop()

    assert await desk.ask(Desk.all) == ["rang loudly", "before", "rang", "other normal"]


async def test_who_waits_for_room_comes_behind_what_waits_in_the_mailbox(theater: Theater) -> None:
    desk = await busy(theater, mailbox=1)
    desk.tell_nowait(Desk.hear, "in its place")

    async with anyio.create_task_group() as tasks:
        for number in range(2):
            meanwhile(tasks, desk.tell, Desk.hear, number)
            await anyio.wait_all_tasks_blocked()

    assert await desk.ask(Desk.all) == ["in its place", 0, 1]


async def test_what_is_stashed_waits_for_unstash_and_for_nothing_else(theater: Theater) -> None:
    desk = await theater.spawn(Desk(ready=False))
    await desk.tell(Desk.hear, "stashed")
    await anyio.sleep(3600)

    assert await desk.ask(Desk.all) == []
    assert theater.statistics().stashed == 1


async def test_ones_own_stop_takes_effect_after_the_message_at_hand_and_before_all_that_waits(
    theater: Theater,
) -> None:
    desk = await theater.spawn(Desk(), name="desk")
    async with anyio.create_task_group() as tasks:
        meanwhile(tasks, desk.tell, Desk.rest, 1)
        meanwhile(tasks, desk.tell, Desk.stop_after, 60)
        await anyio.wait_all_tasks_blocked()
        meanwhile(tasks, desk.tell, Desk.hear, "never")
        await anyio.sleep(2)  # past the first, into the second
    await desk.stop()

    assert anyio.current_time() == 61
    assert heard(theater, desk) == []
    assert theater.statistics().dead_letters == 1


async def test_a_stop_comes_behind_all_that_waits_and_lets_no_more_in(theater: Theater) -> None:
    desk = await busy(theater)
    await desk.tell(Desk.hear, "ordinary")
    async with anyio.create_task_group() as tasks:
        meanwhile(tasks, desk.stop)
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(NotRunningError):
            await desk.tell(Desk.urgent, "too late")

    assert heard(theater, desk) == ["ordinary"]


# -- and the table ---------------------------------------------------------------------------------------


def test_each_row_of_the_table_names_its_test_and_each_test_has_its_row() -> None:
    tree = ast.parse(Path(__file__).read_text())
    tests = [one.name for one in tree.body if isinstance(one, ast.AsyncFunctionDef)]
    tests = [name for name in tests if name.startswith("test_")]
    table = [line for line in PAGE.read_text().splitlines() if re.match(r"\| \d+ \|", line)]

    named = [re.findall(r'tests/test_what_runs_first\.py "(\w+)"', line) for line in table]

    assert [names[0] for names in named if len(names) == 1] == tests
    assert len(named) == len(tests)
