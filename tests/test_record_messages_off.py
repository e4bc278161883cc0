"""Theaters that do not record messages: stores, effects and lives are, and nothing else."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from told import kinds

from theater import Actor, ActorRef, History, Reason, Theater, handler
from theater.errors import ActorFailedError, AskCycleError, MailboxFullError, SetupError


async def fetch(url: str) -> str:
    return url


GATES: list[anyio.Event] = []
LATE: list[asyncio.Task[None]] = []


class Doer(Actor):
    """Does a bit of everything."""

    done: int = 0

    async def on_start(self) -> None:
        self.done = 100

    @handler
    async def add(self, amount: int) -> int:
        self.done += amount
        return self.done

    @handler
    async def everything(self, other: ActorRef[Any]) -> str:
        self.context.after(1, Doer.add, 1)
        self.context.every(1000, Doer.add, 1).cancel()
        self.context.watch(other, Doer.on_end)
        await other.tell("add", 1)
        await other.ask("add", 1)
        await other.stop()
        return "done"

    @handler
    async def what_is_recorded(self) -> None:
        self.context.log("text")
        await self.context.effect(fetch, "url")
        await self.context.store.store(b"content")
        await self.context.spawn(Doer(), name="child")

    @handler
    async def on_end(self, ref: ActorRef[Any], reason: Reason) -> None:
        assert (ref.name, reason) != ("", Reason.KILLED)
        self.done += 1000

    @handler
    async def tell_and_stand(self, other: ActorRef[Any]) -> None:
        await other.tell("add", 1)
        await self.context.store.store(b"content")
        await GATES[-1].wait()

    @handler
    async def leave_a_task(self, other: ActorRef[Any]) -> None:
        async def late() -> None:
            try:
                await anyio.sleep(10)
            finally:
                with anyio.CancelScope(shield=True), pytest.raises(SetupError):
                    await other.tell("add", 1)

        LATE.append(asyncio.create_task(late()))
        await anyio.sleep(1)

    @handler
    async def context_values(self) -> tuple[datetime, float]:
        return self.context.now(), self.context.random.random()

    @handler
    async def refused(self, other: ActorRef[Any]) -> list[str]:
        found = []
        try:
            await self.context.ref.ask("add", 1)
        except AskCycleError as error:
            found.append(type(error).__name__)
        try:
            for _ in range(3):
                other.tell_nowait("wait")
        except MailboxFullError as error:
            found.append(type(error).__name__)
        return found

    @handler
    async def wait(self) -> None:
        await anyio.sleep(10)

    @handler
    async def fail(self) -> None:
        self.done = -1
        raise ValueError("as told")


@pytest.fixture
async def quiet(anyio_backend: Any) -> AsyncIterator[Theater]:  # noqa: ARG001  # virtual time
    async with Theater(record_messages=False) as theater:
        yield theater


async def test_messages_leave_no_event(quiet: Theater) -> None:
    doer = await quiet.spawn(Doer())

    assert await doer.ask(Doer.add, 1) == 101
    await doer.tell(Doer.add, 1)

    assert await doer.ask(Doer.add, 1) == 103
    assert kinds(quiet, doer) == []


async def test_nor_do_timers_watches_and_what_actors_tell_each_other(quiet: Theater) -> None:
    doer, other = await quiet.spawn(Doer()), await quiet.spawn(Doer())

    assert await doer.ask(Doer.everything, other) == "done"
    await anyio.sleep(2)

    assert await doer.ask(Doer.add, 0) == 1101
    assert kinds(quiet, doer) == []
    assert kinds(quiet, other) == ["actor/stopped"]


async def test_stores_effects_logs_and_lives_do(quiet: Theater) -> None:
    doer = await quiet.spawn(Doer())

    await doer.ask(Doer.what_is_recorded)

    assert kinds(quiet, doer) == [
        "log", "effect/begun", "effect/ended", "store/new", "store/store", "actor/spawned",
    ]  # fmt: skip


async def test_a_failure_is_recorded_and_the_state_is_the_last_good_one(quiet: Theater) -> None:
    doer = await quiet.spawn(Doer())
    await doer.ask(Doer.add, 5)

    with pytest.raises(ActorFailedError):
        await doer.ask(Doer.fail)

    assert kinds(quiet, doer)[:2] == ["actor/failed", "actor/restarted"]
    assert quiet.chain(doer)[2].body["state"] == {"done": 105}


async def test_now_and_random_are_the_same_throughout_a_message(quiet: Theater) -> None:
    doer = await quiet.spawn(Doer())

    first, _ = await doer.ask(Doer.context_values)
    await anyio.sleep(60)
    second, _ = await doer.ask(Doer.context_values)

    assert (second - first).total_seconds() >= 0


async def test_refusals_are_told_all_the_same(quiet: Theater) -> None:
    doer, other = await quiet.spawn(Doer()), await quiet.spawn(Doer(), mailbox=1)

    assert await doer.ask(Doer.refused, other) == ["AskCycleError", "MailboxFullError"]
    assert kinds(quiet, doer) == []


@pytest.mark.real_clock
async def test_a_folder_without_messages_verifies(tmp_path: Path) -> None:
    async with Theater(tmp_path / "theater", record_messages=False) as theater:
        doer = await theater.spawn(Doer(), name="doer")
        await doer.ask(Doer.add, 1)
        await doer.ask(Doer.what_is_recorded)

    history = History(tmp_path / "theater")
    assert history.verify().ok
    assert [event.kind for event in history.chain("doer")][-1] == "actor/snapshot"


@pytest.mark.real_clock
async def test_a_clean_close_keeps_the_state(tmp_path: Path) -> None:
    async with Theater(tmp_path / "theater", record_messages=False) as theater:
        doer = await theater.spawn(Doer(), name="doer")
        await doer.ask(Doer.add, 1)

    async with Theater(tmp_path / "theater") as theater:
        doer = await theater.spawn(Doer(), name="doer", resume=True)
        assert await doer.ask(Doer.add, 0) == 101


@pytest.mark.real_clock
async def test_what_was_begun_with_records_is_done_once_without(tmp_path: Path) -> None:
    folder, image = tmp_path / "theater", tmp_path / "image"
    GATES[:] = [anyio.Event()]
    async with Theater(folder, closing=0) as theater:
        doer, other = await theater.spawn(Doer(), name="doer"), await theater.spawn(Doer(), name="other")
        await doer.tell(Doer.tell_and_stand, other)
        while "store/store" not in kinds(theater, doer):
            await anyio.lowlevel.checkpoint()
        assert await other.ask(Doer.add, 0) == 101
        shutil.copytree(folder, image)
    GATES[-1].set()

    async with Theater(image, record_messages=False) as theater:
        await theater.resume()
        await theater.settled()

        assert await theater.find("other").ask(Doer.add, 0) == 101
        assert kinds(theater, theater.find("doer")).count("store/store") == 1


async def test_what_a_task_tells_behind_its_handler_was_never_sent(quiet: Theater) -> None:
    doer, other = await quiet.spawn(Doer()), await quiet.spawn(Doer())

    await doer.ask(Doer.leave_a_task, other)
    await asyncio.wait(LATE)
    await quiet.settled()

    assert await other.ask(Doer.add, 0) == 100
    assert quiet.statistics().unaccounted == 0
