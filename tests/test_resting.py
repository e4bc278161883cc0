"""Actors at rest: who was never written to has no task, and misses nothing by that."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path
from weakref import ref

import anyio
import pytest
from msgspec import Struct
from told import kinds

from theater import Actor, ActorRef, Reason, Theater, handler
from theater.errors import JournalFailedError, NotRunningError
from theater.signals import kill, request_stop

STEPS: list[str] = []


class Quiet(Actor):
    said: int = 0

    @handler
    async def say(self, number: int) -> int:
        self.said = number
        return number


class Mourned(Quiet):
    async def on_stop(self, reason: Reason) -> None:
        STEPS.append(f"{self.context.name} stopped: {reason.value}")


class Parcel(Struct, weakref=True):
    text: str


class Receiver(Actor):
    @handler
    async def take(self, parcel: Parcel) -> None:
        STEPS.append(parcel.text)
        TAKEN.append(ref(parcel))


class Crew(Actor):
    @handler
    async def start(self, count: int) -> list[ActorRef[Quiet]]:
        return [await self.context.spawn(Quiet()) for _ in range(count)]

    async def on_child_stopped(self, child: ActorRef[Actor], reason: Reason) -> None:
        STEPS.append(f"told of {reason.value}: {type(child).__name__}")


TAKEN: list[ref[Parcel]] = []


@pytest.fixture(autouse=True)
def steps() -> None:
    STEPS.clear()
    TAKEN.clear()


async def test_an_actor_has_no_task_until_there_is_something_to_do() -> None:
    async with Theater() as theater:
        before = asyncio.all_tasks()
        quiet = [await theater.spawn(Quiet()) for _ in range(100)]
        await theater.settled()

        assert asyncio.all_tasks() == before
        assert theater.statistics().active == 0
        assert await quiet[7].ask(Quiet.say, 3) == 3
        assert len(asyncio.all_tasks() - before) == 1


async def test_one_that_is_stopped_unwritten_to_ends_on_record_without_a_task() -> None:
    async with Theater() as theater:
        before = asyncio.all_tasks()
        quiet = await theater.spawn(Quiet(), name="quiet")

        await quiet.stop()

        assert kinds(theater, quiet) == ["actor/stopped"]
        assert asyncio.all_tasks() == before
        assert theater.statistics().actors == 0
        assert "ended" in repr(quiet)


async def test_its_on_stop_runs_all_the_same() -> None:
    async with Theater() as theater:
        await (await theater.spawn(Mourned(), name="one")).stop()
        await theater.spawn(Mourned(), name="two")

    assert STEPS == ["one stopped: normal", "two stopped: shutdown"]


async def test_a_message_sent_before_the_stop_is_handled_before_it() -> None:
    async with Theater() as theater:
        quiet = await theater.spawn(Quiet())
        quiet.tell_nowait(Quiet.say, 1)

        await quiet.stop()

        assert kinds(theater, quiet) == ["message/handled", "actor/stopped"]


async def test_its_supervisor_is_told_of_its_end() -> None:
    async with Theater() as theater:
        crew = await theater.spawn(Crew())
        first, second = await crew.ask(Crew.start, 2)
        await first.stop()
        await second.kill()
        await theater.settled()

    assert STEPS == ["told of normal: ActorRef", "told of killed: ActorRef"]


async def test_one_that_is_killed_unwritten_to_ends_as_killed() -> None:
    async with Theater() as theater:
        quiet = await theater.spawn(Quiet())

        await quiet.kill()

        assert theater.chain(quiet)[-1].body["reason"] == "killed"


async def test_a_second_order_to_end_adds_nothing() -> None:
    async with Theater() as theater:
        quiet = await theater.spawn(Quiet())
        cell = quiet._cell
        request_stop(cell, Reason.NORMAL)
        request_stop(cell, Reason.NORMAL)
        kill(cell)

        await quiet.stop()

        assert kinds(theater, quiet) == ["actor/stopped"]


async def test_who_stops_many_in_a_row_lets_others_have_their_turn() -> None:
    async with Theater() as theater:
        quiet = [await theater.spawn(Quiet()) for _ in range(256)]
        turns = 0

        async def look_on() -> None:
            nonlocal turns
            while theater.statistics().actors:
                turns += 1
                await asyncio.sleep(0)

        looking = asyncio.ensure_future(look_on())
        for one in quiet:
            await one.stop()
        await looking

    assert turns >= 3


async def test_an_actor_at_rest_lets_go_of_its_last_message() -> None:
    async with Theater(record_messages=False) as theater:
        receiver = await theater.spawn(Receiver())
        await receiver.ask(Receiver.take, Parcel("here"))
        await theater.settled()
        gc.collect()

        assert STEPS == ["here"]
        assert [taken() for taken in TAKEN] == [None]


async def test_an_end_that_cannot_be_recorded_ends_the_theater(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise JournalFailedError("as told")

    async with Theater() as theater:
        quiet = await theater.spawn(Quiet())
        journal = quiet._cell.theater.journal
        monkeypatch.setattr(journal, "append", fail)
        monkeypatch.setattr(journal, "inlet", None)  # all comes to `append`

        with pytest.raises(NotRunningError):
            await quiet.stop()

        with pytest.raises(NotRunningError):
            await theater.spawn(Quiet())


async def test_no_task_begins_while_the_theater_is_cut_off() -> None:
    async with Theater() as theater:
        quiet = await theater.spawn(Quiet())
        before = asyncio.all_tasks()
        cell = quiet._cell
        cell.theater.is_cutting = True
        cell.put(cell.envelope(Quiet.say, (1,), {}))

        assert asyncio.all_tasks() == before
        cell.theater.is_cutting = False


@pytest.mark.real_clock
async def test_it_sleeps_and_wakes_without_a_task(tmp_path: Path) -> None:
    async with Theater(tmp_path / "theater") as theater:
        await theater.spawn(Quiet(said=4), name="quiet")

    async with Theater(tmp_path / "theater") as theater:
        before = asyncio.all_tasks()
        assert [one.name for one in (await theater.resume()).refs] == ["quiet"]
        assert asyncio.all_tasks() == before
        assert await theater.find("quiet").ask("say", 5) == 5


@pytest.mark.real_clock
async def test_many_that_start_at_once_share_commits(tmp_path: Path) -> None:
    async with Theater(tmp_path / "theater") as theater:
        commits: set[str] = set()

        async def start() -> None:
            await theater.spawn(Quiet())
            commits.add(theater.checkpoint().text)

        async with anyio.create_task_group() as tasks:
            for _ in range(256):
                tasks.start_soon(start)

        assert theater.statistics().committed >= 2 * 256
        assert len(commits) < 64
