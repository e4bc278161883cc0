"""Supervisors that slept: their children are the same, and they are told what they missed."""

from __future__ import annotations

import gc
import shutil
import sys
from pathlib import Path
from typing import Any, ClassVar

import anyio
import pytest
from told import meanwhile, told

from theater import (
    INITIAL,
    ONE_FOR_ALL,
    TRANSIENT,
    Actor,
    ActorFailedError,
    ActorRef,
    Backoff,
    Reason,
    RestartLimit,
    Supervision,
    Theater,
    child,
    handler,
)

HOUR = 3600.0
PAUSES = [2 * HOUR]


class Worker(Actor):
    done: int = 0
    starts: int = 0

    async def on_start(self) -> None:
        self.starts += 1

    @handler
    async def work(self) -> int:
        self.done += 1
        return self.done

    @handler
    async def facts(self) -> tuple[int, int]:
        return self.done, self.starts

    @handler
    async def exit(self) -> None:
        self.context.stop()

    @handler
    async def fail(self) -> None:
        raise ValueError("as told")

    @handler
    async def rest(self) -> None:
        self.context.after(PAUSES[-1], Worker.work)
        await anyio.sleep(HOUR)


class Boss(Actor):
    """Has a and b always, and c when it is told to."""

    supervision: ClassVar[Supervision] = Supervision(
        strategy=ONE_FOR_ALL,
        children=(child(Worker(), name="a"), child(Worker(), name="b", restart=TRANSIENT)),
    )
    news: list[str] = []  # noqa: RUF012  # given fresh to each instance

    @handler
    async def hire(self) -> None:
        await self.context.spawn(Worker(), name="c")

    @handler
    async def watch(self, ref: ActorRef[Any]) -> None:
        self.context.watch(ref, Boss.gone)

    @handler
    async def gone(self, ref: ActorRef[Any], reason: Reason) -> None:
        self.news.append(f"{ref.name} gone: {reason.value}")

    async def on_child_stopped(self, child: ActorRef[Any], reason: Reason) -> None:
        self.news.append(f"{child.name} {reason.value}")

    @handler
    async def all_news(self) -> list[str]:
        return self.news

    @handler
    async def children(self) -> list[str]:
        return [ref.name for ref in self.context.children]

    @handler
    async def wait(self) -> None:
        await anyio.sleep(HOUR)

    @handler
    async def fail(self) -> None:
        raise ValueError("as told")


async def test_children_of_a_resumed_supervisor_are_the_same_and_not_started_twice(tmp_path: Path) -> None:
    async with Theater(tmp_path) as theater:
        boss = await theater.spawn(Boss(), name="boss")
        await boss.ask(Boss.hire)
        before = [theater.find(f"boss/{name}").id for name in "abc"]
        for name in "abc":
            await theater.find(f"boss/{name}").ask(Worker.work)

    async with Theater(tmp_path) as theater:
        boss = await theater.spawn(Boss(), name="boss", resume=True)
        after = [theater.find(f"boss/{name}") for name in "abc"]

        assert [ref.id for ref in after] == before
        assert [await ref.ask(Worker.facts) for ref in after] == [(1, 1)] * 3
        with pytest.raises(ActorFailedError):
            await after[2].ask(Worker.fail)
        await theater.settled()
        assert [await ref.ask(Worker.facts) for ref in after] == [(1, 2)] * 3
        assert theater.statistics().actors == 4


async def test_a_declared_child_that_the_record_lacks_is_started_in_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Theater(tmp_path) as theater:
        boss = await theater.spawn(Boss(), name="boss")
        await boss.ask(Boss.hire)
    more = Supervision(children=(child(Worker(done=7), name="new"), *Boss.supervision.children))
    monkeypatch.setattr(Boss, "supervision", more)
    monkeypatch.setattr(Boss.__dict__["_theater_plan"], "supervision", more)

    async with Theater(tmp_path) as theater:
        await theater.resume()
        boss = theater.find("boss")

        assert await boss.ask(Boss.children) == ["boss/new", "boss/a", "boss/b", "boss/c"]
        assert await theater.find("boss/new").ask(Worker.facts) == (7, 1)


async def test_a_declared_child_that_ended_for_good_is_not_started_by_resuming(tmp_path: Path) -> None:
    async with Theater(tmp_path) as theater:
        boss = await theater.spawn(Boss(), name="boss")
        await theater.find("boss/b").ask(Worker.exit)
        await theater.find("boss/a").kill()

    async with Theater(tmp_path) as theater:
        boss = await theater.spawn(Boss(), name="boss", resume=True)
        await theater.settled()

        assert await boss.ask(Boss.children) == []
        assert sorted(await boss.ask(Boss.all_news)) == ["boss/a killed", "boss/b normal"]


async def test_only_what_the_record_lacks_is_started_by_resuming_not_who_ended_for_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Theater(tmp_path) as theater:
        await theater.spawn(Boss(), name="boss")
        await theater.find("boss/b").ask(Worker.exit)
    more = Supervision(children=(*Boss.supervision.children, child(Worker(), name="new")))
    monkeypatch.setattr(Boss, "supervision", more)
    monkeypatch.setattr(Boss.__dict__["_theater_plan"], "supervision", more)

    async with Theater(tmp_path) as theater:
        await theater.resume()

        assert await theater.find("boss").ask(Boss.children) == ["boss/a", "boss/new"]


async def test_a_supervisor_started_again_leaves_a_declared_child_asleep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = RestartLimit(restarts=9, within=HOUR)
    async with Theater(tmp_path / "first", closing=0) as theater:
        await theater.spawn(Boss(), name="boss", limit=late)
        await theater.find("boss/a").tell(Worker.rest)
        await anyio.sleep(1)
        shutil.copytree(tmp_path / "first", tmp_path / "copy")

    monkeypatch.setattr(sys.modules[__name__], "PAUSES", [HOUR])  # so its code is not what is recorded
    async with Theater(tmp_path / "copy") as theater:
        assert [one.name for one in (await theater.resume()).left] == ["boss/a"]
        boss = theater.find("boss")
        with pytest.raises(ActorFailedError):
            await boss.ask(Boss.fail)

        assert await boss.ask(Boss.children) == ["boss/b"]
        assert len(told(theater, boss, "actor/failed")) == 1


async def test_a_watch_on_one_that_sleeps_tells_of_its_end_when_it_has_woken(tmp_path: Path) -> None:
    async with Theater(tmp_path) as theater:
        boss, other = await theater.spawn(Boss(), name="boss"), await theater.spawn(Worker(), name="other")
        await boss.ask(Boss.watch, other)

    async with Theater(tmp_path) as theater:
        boss = await theater.spawn(Boss(), name="boss", resume=True)
        gc.collect()
        other = await theater.spawn(Worker(), name="other", resume=True)
        await other.stop()
        await theater.settled()

        assert await boss.ask(Boss.all_news) == ["other gone: normal"]


async def test_without_recorded_messages_ends_of_before_are_not_told_again(tmp_path: Path) -> None:
    async with Theater(tmp_path, record_messages=False) as theater:
        boss = await theater.spawn(Boss(), name="boss")
        await theater.find("boss/b").kill()
        await theater.settled()

    async with Theater(tmp_path, record_messages=False) as theater:
        boss = await theater.spawn(Boss(), name="boss", resume=True)
        await theater.settled()

        assert await boss.ask(Boss.all_news) == ["boss/b killed"]


async def test_another_class_is_not_told_of_ends_for_which_the_old_one_had_no_hook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = Boss.__dict__["_theater_plan"]
    with monkeypatch.context() as old:
        old.delitem(plan.hooks, "on_child_stopped")
        old.setattr(plan, "source_digest", bytes(len(plan.source_digest)))
        async with Theater(tmp_path) as theater:
            await theater.spawn(Boss(), name="boss")
            await theater.find("boss/b").kill()

    async with Theater(tmp_path) as theater:
        boss = await theater.spawn(Boss(), name="boss", resume=True)
        await theater.settled()

        assert await boss.ask(Boss.all_news) == []


async def test_what_was_not_told_before_a_crash_is_told_after_it_and_once(tmp_path: Path) -> None:
    first, second, third = (tmp_path / name for name in ("first", "second", "third"))
    async with Theater(first, closing=0) as theater:
        boss = await theater.spawn(Boss(), name="boss")
        other = await theater.spawn(Worker(), name="other")
        early = await theater.spawn(Worker(), name="early")
        for ref in (other, early):
            await boss.ask(Boss.watch, ref)
        await early.stop()
        await theater.settled()
        await boss.tell(Boss.wait)
        await theater.find("boss/b").kill()
        await other.stop()
        shutil.copytree(first, second)

    async with Theater(second) as theater:
        await theater.resume()
        await theater.settled()
        news = ["early gone: normal", "boss/b killed", "other gone: normal"]
        assert await theater.find("boss").ask(Boss.all_news) == news
        shutil.copytree(second, third)

    for folder in (second, third):
        async with Theater(folder) as theater:
            await theater.resume()
            await theater.settled()
            assert await theater.find("boss").ask(Boss.all_news) == news


async def test_news_that_lay_in_the_mailbox_at_the_close_is_told_once(tmp_path: Path) -> None:
    async with Theater(tmp_path, closing=0) as theater:
        boss = await theater.spawn(Boss(), name="boss")
        other = await theater.spawn(Worker(), name="other")
        await boss.ask(Boss.watch, other)
        await boss.tell(Boss.wait)
        await anyio.sleep(1)
        await theater.find("boss/b").kill()
        await other.stop()

    async with Theater(tmp_path, closing=0) as theater:
        await theater.resume()
        async with anyio.create_task_group() as tasks:
            meanwhile(tasks, anyio.sleep, 2 * HOUR)  # the message at hand comes first, once more
        assert sorted(await theater.find("boss").ask(Boss.all_news)) == [
            "boss/b killed",
            "other gone: normal",
        ]


async def test_an_actor_that_had_failed_and_was_cut_off_starts_its_next_life_when_it_wakes(
    tmp_path: Path,
) -> None:
    late = {"backoff": Backoff(first=HOUR, most=HOUR), "limit": RestartLimit(restarts=1, within=9 * HOUR)}
    async with Theater(tmp_path / "first", closing=0) as theater:
        for state in ({}, {"state": INITIAL}):
            ref = await theater.spawn(Worker(), name=f"w{len(state)}", **late, **state)  # type: ignore[arg-type]  # too clever for it
            await ref.ask(Worker.work)
            with pytest.raises(ActorFailedError):
                await ref.ask(Worker.fail)
        shutil.copytree(tmp_path / "first", tmp_path / "copy")

    async with Theater(tmp_path / "copy") as theater:
        await theater.resume()
        await theater.settled()

        refs = [theater.find(name) for name in ("w0", "w1")]
        assert [await ref.ask(Worker.facts) for ref in refs] == [(1, 2), (0, 1)]
        assert [len(told(theater, ref, "actor/restarted")) for ref in refs] == [1, 1]


FAULTS: list[bool] = []


class Fragile(Worker):
    """Says of each of its incarnations whether it is to fail."""

    def on_load(self) -> None:
        if FAULTS and FAULTS.pop(0):
            raise RuntimeError("not loaded")


async def test_one_whose_next_life_cannot_be_loaded_when_it_wakes_has_failed_once_more(
    tmp_path: Path,
) -> None:
    late = {"backoff": Backoff(first=HOUR, most=HOUR), "limit": RestartLimit(restarts=9, within=9 * HOUR)}
    async with Theater(tmp_path / "first", closing=0) as theater:
        ref = await theater.spawn(Fragile(), name="w", **late)  # type: ignore[arg-type]  # too clever for it
        with pytest.raises(ActorFailedError):
            await ref.ask(Worker.fail)
        shutil.copytree(tmp_path / "first", tmp_path / "copy")

    FAULTS[:] = [False, True, False]
    async with Theater(tmp_path / "copy") as theater:
        await theater.resume()

        ref = theater.find("w")
        assert await ref.ask(Worker.facts) == (0, 2)
        assert [event.body["handler"] for event in told(theater, ref, "actor/failed")] == ["fail", "on_load"]
