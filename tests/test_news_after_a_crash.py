"""News that was on its way when the process died: told again, once, and decided by as it would have been."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import anyio
import pytest
from crashes import Crashes
from told import told

from theater import (
    ONE_FOR_ALL,
    TRANSIENT,
    Actor,
    ActorFailedError,
    ActorRef,
    History,
    Reason,
    RestartLimit,
    Supervision,
    Theater,
    child,
    handler,
)

pytestmark = pytest.mark.real_clock

OFTEN = RestartLimit(restarts=100, within=3600)


class Worker(Actor):
    starts: int = 0
    done: int = 0

    async def on_start(self) -> None:
        self.starts += 1
        self.context.now()

    @handler
    async def work(self) -> int:
        self.done += 1
        return self.done

    @handler
    async def facts(self) -> tuple[int, int]:
        return self.starts, self.done

    @handler
    async def fail(self) -> None:
        raise ValueError("as told")


class Boss(Actor):
    """Notes down all it is told of its children."""

    supervision: ClassVar[Supervision] = Supervision(
        children=(child(Worker(), name="a", limit=RestartLimit(restarts=2, within=3600)),)
    )
    news: list[str] = []  # noqa: RUF012  # given fresh to each instance
    starts: int = 0

    async def on_start(self) -> None:
        self.starts += 1

    async def on_child_failed(self, child: ActorRef[Any], error: Exception) -> None:
        self.news.append(f"{child.name} failed: {error}")

    async def on_child_stopped(self, child: ActorRef[Any], reason: Reason) -> None:
        self.news.append(f"{child.name} stopped: {reason}")

    async def on_child_stopped_by(
        self, child: ActorRef[Any], reason: Reason, by: ActorRef[Any] | None
    ) -> None:
        self.news.append(f"{child.name} stopped by {by and by.name}: {reason}")

    @handler
    async def hire(self, name: str) -> None:
        self.context.now()
        await self.context.spawn(Worker(), name=name, limit=RestartLimit(restarts=0))

    @handler
    async def all_news(self) -> list[str]:
        return self.news

    @handler
    async def facts(self) -> tuple[int, list[str]]:
        return self.starts, [ref.name for ref in self.context.children]


async def fail(ref: ActorRef[Any]) -> None:
    with pytest.raises(ActorFailedError):
        await ref.ask("fail")


async def end_of(folder: Path) -> tuple[Any, ...]:
    """How all stands when everything has settled."""
    async with Theater(folder) as theater:
        assert (await theater.resume()).left == ()
        await theater.settled()
        boss = theater.find("boss")
        alive = sorted(cell.name for cell in theater._running().cells.values())
        return await boss.ask(Boss.all_news), await boss.ask(Boss.facts), alive


@pytest.mark.parametrize("how", ["stop", "kill", "fail"])
async def test_a_supervisor_hears_once_of_each_failure_and_end_wherever_the_process_dies(
    quick_path: Path, how: str
) -> None:
    folder = quick_path / how
    async with Theater(folder) as theater:
        boss = await theater.spawn(Boss(), name="boss", limit=OFTEN)
        await boss.ask(Boss.hire, "b")
        b = theater.find("boss/b")
        await (fail(b) if how == "fail" else b.stop() if how == "stop" else b.kill())
        await theater.settled()
        news = [line for line in await boss.ask(Boss.all_news) if "boss/b" in line]
    crashes = Crashes(folder)
    events = crashes.events()
    ended = next(at for at, one in enumerate(events) if one.kind == "actor/stopped")
    failed = next((at for at, one in enumerate(events) if one.kind == "actor/failed"), ended)
    assert len(news) == {"stop": 2, "kill": 2, "fail": 2}[how]
    for count in crashes.moments(failed + 1):
        heard, _, alive = await end_of(crashes.after(count, quick_path / f"{how} {count}"))
        assert [line for line in heard if "boss/b" in line] == news, f"after {count} events"
        assert "boss/b" not in alive


async def test_restarts_of_before_a_crash_count_and_escalate_once(quick_path: Path) -> None:
    """a may start again twice; its third failure takes the boss with it, whose crash starts all anew."""
    folder = quick_path / "escalates"
    async with Theater(folder) as theater:
        boss = await theater.spawn(Boss(), name="boss", limit=OFTEN)
        for _ in range(3):
            await fail(theater.find("boss/a"))
        await theater.settled()
        expected = await boss.ask(Boss.facts)
        assert expected == (2, ["boss/a"])
        restarts = told(theater, boss, "actor/restarted")
    assert len(restarts) == 1
    crashes = Crashes(folder)
    events = crashes.events()
    first = next(at for at, one in enumerate(events) if one.kind == "actor/failed")
    for count in crashes.moments(first + 1):
        failures = sum(one.kind == "actor/failed" and one.body["handler"] == "fail" for one in events[:count])
        path = crashes.after(count, quick_path / f"escalates {count}")
        async with Theater(path) as theater:
            assert (await theater.resume()).left == ()
            await theater.settled()
            for _ in range(3 - failures):
                await fail(theater.find("boss/a"))
            await theater.settled()
            boss = theater.find("boss")
            assert await boss.ask(Boss.facts) == expected, f"after {count} events"
            assert len(told(theater, boss, "actor/restarted")) == 1, f"after {count} events"
        assert History(path).verify().ok


class Group(Actor):
    supervision: ClassVar[Supervision] = Supervision(
        strategy=ONE_FOR_ALL,
        children=tuple(child(Worker(), name=name, restart=TRANSIENT, limit=OFTEN) for name in "abc"),
    )


async def test_all_start_again_together_wherever_the_process_dies(quick_path: Path) -> None:
    folder = quick_path / "group"
    async with Theater(folder) as theater:
        await theater.spawn(Group(), name="group")
        await fail(theater.find("group/b"))
        await theater.settled()
        crew = [theater.find(f"group/{name}") for name in "abc"]
        assert [await one.ask(Worker.facts) for one in crew] == [(2, 0)] * 3
    crashes = Crashes(folder)
    failed = next(at for at, one in enumerate(crashes.events()) if one.kind == "actor/failed")
    for count in crashes.moments(failed + 1):
        async with Theater(crashes.after(count, quick_path / f"group {count}")) as theater:
            assert (await theater.resume()).left == ()
            await theater.settled()
            crew = [theater.find(f"group/{name}") for name in "abc"]
            starts = [(await one.ask(Worker.facts))[0] for one in crew]
            assert min(starts) >= 2, f"after {count} events"
            assert len(told(theater, crew[1], "actor/restarted")) == 1


async def test_a_crew_starts_whole_wherever_the_process_dies(quick_path: Path) -> None:
    """Declared children and `on_start` of each: all there, each started once."""
    folder = quick_path / "start"
    async with Theater(folder) as theater:
        await theater.spawn(Group(), name="group")
    crashes = Crashes(folder)
    born = next(at for at, one in enumerate(crashes.events()) if one.body.get("class", "").endswith("Group"))
    for count in crashes.moments(born + 2):
        async with Theater(crashes.after(count, quick_path / f"start {count}")) as theater:
            assert (await theater.resume()).left == ()
            await theater.settled()
            crew = [theater.find(f"group/{name}") for name in "abc"]
            assert [await one.ask(Worker.facts) for one in crew] == [(1, 0)] * 3, f"after {count} events"


async def test_an_on_stop_that_was_cut_off_runs_to_its_end_and_so_does_its_actor(quick_path: Path) -> None:
    class Leaving(Actor):
        steps: int = 0

        async def on_stop(self, reason: Reason) -> None:
            self.context.log(reason.value)
            self.steps += 1
            await self.context.store.store(b"last words")
            await anyio.lowlevel.checkpoint()

    folder = quick_path / "leaving"
    async with Theater(folder) as theater:
        leaving = await theater.spawn(Leaving(), name="leaving")
        await leaving.stop()
    crashes = Crashes(folder)
    begun = next(at for at, one in enumerate(crashes.events()) if one.kind == "message/received")
    for count in range(begun + 1, len(crashes) - 2):
        async with Theater(crashes.after(count, quick_path / f"leaving {count}")) as theater:
            await theater.resume(classes=[Leaving])
            await theater.settled()
            chain = theater.chain(leaving.id)
            assert chain[-1].body == {"reason": "normal"}, f"after {count} events"
            assert sum(event.kind == "message/handled" for event in chain) == 1
            assert theater.statistics().actors == 0


class Quitter(Actor):
    fails: bool = False

    @handler
    async def quit(self) -> str:
        self.context.stop()
        if self.fails:
            raise ValueError("as told")
        return "bye"

    async def on_stop(self, reason: Reason) -> None:
        self.context.log(reason.value)


class Office(Actor):
    supervision: ClassVar[Supervision] = Supervision(children=(child(Quitter(), name="q", limit=OFTEN),))


@pytest.mark.parametrize("fails", [False, True])
async def test_who_was_to_end_itself_does_so_wherever_the_process_dies(
    quick_path: Path, *, fails: bool
) -> None:
    folder = quick_path / f"quit {fails}"
    async with Theater(folder) as theater:
        quitter = await theater.spawn(Quitter(fails=fails), name="quitter")
        await quitter.tell(Quitter.quit)
        await theater.settled()
        reason = theater.chain(quitter)[-1].body
        assert reason == {"reason": "normal"}
    crashes = Crashes(folder)
    handled = next(at for at, one in enumerate(crashes.events()) if one.kind == "message/handled")
    for count in crashes.moments(handled + 1):
        async with Theater(crashes.after(count, quick_path / f"quit {fails} {count}")) as theater:
            assert (await theater.resume()).left == ()
            await theater.settled()
            assert theater.chain(quitter.id)[-1].body == reason, f"after {count} events"


async def test_who_was_to_end_itself_under_a_supervisor_starts_again(quick_path: Path) -> None:
    folder = quick_path / "office"
    async with Theater(folder) as theater:
        await theater.spawn(Office(), name="office")
        assert await theater.find("office/q").ask(Quitter.quit) == "bye"
        await theater.settled()
        assert len(told(theater, theater.find("office/q"), "actor/restarted")) == 1
    crashes = Crashes(folder)
    events = crashes.events()
    handled = next(at for at, one in enumerate(events) if "stops" in one.body)
    for count in crashes.moments(handled + 1):
        async with Theater(crashes.after(count, quick_path / f"office {count}")) as theater:
            assert (await theater.resume()).left == ()
            await theater.settled()
            assert len(told(theater, theater.find("office/q"), "actor/restarted")) == 1
