"""What a handler waits for when its process dies, and what it hears of that when it runs again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from crashes import Crashes

from theater import (
    Actor,
    ActorFailedError,
    ActorRef,
    ChannelClosedError,
    ContentRef,
    History,
    NotRunningError,
    Theater,
    handler,
)

pytestmark = pytest.mark.real_clock


class Other(Actor):
    other: ActorRef[Any] | None = None
    heard: list[int] = []  # noqa: RUF012  # given fresh to each instance

    @handler
    async def count(self) -> AsyncIterator[int]:
        for number in range(3):
            yield number

    @handler
    async def talk(self) -> None:
        channel = self.context.accept()
        async for value in channel:
            await channel.send(value + 1)

    @handler
    async def hand_on(self, number: int) -> int:
        assert self.other is not None
        self.context.log("hands on")
        return await self.context.forward(self.other, Other.double, number)

    @handler
    async def double(self, number: int) -> int:
        self.context.log("doubles")
        return 2 * number

    @handler
    async def hear(self, number: int) -> None:
        self.heard.append(number)


class One(Actor):
    other: ActorRef[Other]
    told: list[Any] = []  # noqa: RUF012  # given fresh to each instance

    @handler
    async def read(self) -> None:
        try:
            async with self.other.stream(Other.count) as numbers:
                async for number in numbers:
                    self.told.append(number)
                    await self.other.tell(Other.hear, number)
        except NotRunningError:
            self.told.append("ended")
            await self.other.tell(Other.hear, -1)

    @handler
    async def talk(self) -> None:
        try:
            async with await self.other.open(Other.talk) as channel:
                for number in range(3):
                    await channel.send(number)
                    self.told.append(await channel.receive())
        except (ChannelClosedError, NotRunningError):
            self.told.append("ended")
            await self.other.tell(Other.hear, -1)

    @handler
    async def ask_round_a_corner(self) -> None:
        self.told.append(await self.other.ask(Other.hand_on, 21))

    @handler
    async def stash_it(self) -> None:
        if self.told:
            return
        self.context.stash()

    @handler
    async def unstash_all(self) -> None:
        self.told.append(self.context.unstash())
        await self.other.tell(Other.hear, self.told[-1])
        await self.other.ask(Other.double, 1)

    @handler
    async def owe(self) -> int:
        return self.context.defer().pending

    @handler
    async def pay_all(self) -> None:
        owed = self.context.deferred
        await self.other.tell(Other.hear, len(owed))
        for reply in owed:
            await self.other.ask(Other.double, 1)
            reply.answer(1)


async def run(folder: Path, handlers: list[str], *, answers: int = 0) -> None:
    async with Theater(folder) as theater:
        last = await theater.spawn(Other(), name="last")
        other = await theater.spawn(Other(other=last), name="other")
        one = await theater.spawn(One(other=other), name="one")
        asks = [asyncio.ensure_future(one.ask(One.owe)) for _ in range(answers)]
        await asyncio.sleep(0)
        await theater.settled()
        for name in handlers:
            await one.tell(name)
        await theater.settled()
        for each in asks:
            assert await each == 1


def check(folder: Path, at: str) -> dict[str, Any]:
    """All is true of the record, and all of it comes of the code again; the state of the one."""
    history = History(folder)
    assert history.verify().ok, at
    for name in ("one", "other", "last"):
        replay = history.replay(name)
        assert replay.ok, f"{at}: {replay}"
    assert [event.kind for event in history.chain("one")][-1] != "message/received"
    return history.state_at("one")


@pytest.mark.parametrize(
    ("handlers", "answers"),
    [
        (["read"], 0),
        (["talk"], 0),
        (["ask_round_a_corner"], 0),
        (["stash_it", "stash_it", "unstash_all"], 0),
        (["pay_all"], 2),
    ],
)
async def test_wherever_it_is_cut_off_a_handler_comes_to_its_end_and_its_record_can_be_replayed(
    quick_path: Path, handlers: list[str], answers: int
) -> None:
    root = quick_path / handlers[-1]
    root.mkdir()
    await run(root / "whole", handlers, answers=answers)
    crashes = Crashes(root / "whole")
    events = crashes.events()
    begun = 1 + next(count for count, event in enumerate(events) if event.body.get("handler") == handlers[-1])
    for count in range(begun, len(crashes) - 1):
        at = f"after {count} events"
        folder = crashes.after(count, root / str(count))
        async with Theater(folder) as theater:
            assert (await theater.resume()).left == (), at
            async with asyncio.timeout(5):
                await theater.settled()
            assert theater.statistics().unaccounted == 0, at
        check(folder, at)


class Keeper(Actor):
    """Keeps something with each item of a stream."""

    @handler
    async def keep(self) -> AsyncIterator[int]:
        await self.context.store.store_at_label("kept", b"content")
        yield 1

    @handler
    async def kept(self) -> bytes:
        ref = await self.context.store.get_by_label("kept")
        return b"" if ref is None else await self.context.store.get(ref)


async def test_what_a_stream_kept_stays_though_it_is_not_begun_again_after_a_crash(quick_path: Path) -> None:
    root = quick_path / "keep"
    root.mkdir()
    async with Theater(root / "whole") as theater:
        keeper = await theater.spawn(Keeper(), name="keeper")
        async with keeper.stream(Keeper.keep) as items:
            assert [item async for item in items] == [1]
    crashes = Crashes(root / "whole")
    kinds = [event.kind for event in crashes.events()]
    folder = crashes.after(kinds.index("store/store_at_label") + 1, root / "cut")

    async with Theater(folder) as theater:
        [keeper] = (await theater.resume()).refs
        assert await keeper.ask(Keeper.kept) == b"content"
    assert History(folder).replay("keeper").ok


class Asker(Actor):
    """Asks somebody who sends the question back."""

    other: ActorRef[Any] | None = None
    told: str = ""

    @handler
    async def ask_back(self) -> None:
        assert self.other is not None
        try:
            await self.other.ask(Asker.send_back, self.context.ref)
        except ActorFailedError as error:
            self.told = str(error)

    @handler
    async def send_back(self, to: ActorRef[Any]) -> str:
        self.context.log("sends back")
        return await self.context.forward(to, Asker.answer)

    @handler
    async def answer(self) -> str:
        return self.told


async def test_a_question_that_comes_back_after_a_crash_is_refused_as_before(quick_path: Path) -> None:
    root = quick_path / "back"
    root.mkdir()
    async with Theater(root / "whole") as theater:
        other = await theater.spawn(Asker(), name="other")
        asker = await theater.spawn(Asker(other=other), name="asker")
        await asker.tell(Asker.ask_back)
        await theater.settled()
        assert "would close a circle" in await asker.ask(Asker.answer)
    crashes = Crashes(root / "whole")
    kinds = [event.kind for event in crashes.events()]
    for count in range(kinds.index("message/received") + 1, len(crashes) - 3):
        folder = crashes.after(count, root / str(count))
        async with Theater(folder) as theater:
            assert not (await theater.resume()).left
            async with asyncio.timeout(5):
                await theater.settled()
            assert "would close a circle" in await theater.find("asker").ask(Asker.answer), count
            assert theater.statistics().unaccounted == 0
        for name in ("asker", "other"):
            replay = History(folder).replay(name)
            assert replay.ok, f"{count}: {replay}"


KEPT = [b"content"]


class Busy(Actor):
    """Asks for several things at a time."""

    told: list[Any] = []  # noqa: RUF012  # given fresh to each instance

    @handler
    async def do_both(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep())
            tasks.create_task(self._wait())

    async def _keep(self) -> None:
        ref = await self.context.store.store_at_label("kept", KEPT[-1])
        self.told.append(len(await self.context.store.get(ref)))

    async def _wait(self) -> None:
        self.context.after(3600, Busy.do_both)
        self.told.append(await self.context.store.list_labels())


async def busy(root: Path) -> tuple[Crashes, int]:
    """All that a busy actor has done, and how many events stood there when its timer was set."""
    async with Theater(root / "whole") as theater:
        await (await theater.spawn(Busy(), name="busy")).ask(Busy.do_both)
    crashes = Crashes(root / "whole")
    kinds = [event.kind for event in crashes.events()]
    assert kinds.index("timer/set") < kinds.index("store/store_at_label")  # which was asked for before
    return crashes, kinds.index("timer/set") + 1


async def test_what_one_task_asks_may_be_missing_where_others_asked_later(quick_path: Path) -> None:
    root = quick_path / "busy"
    root.mkdir()
    crashes, timer_set = await busy(root)
    for count in range(timer_set - 1, len(crashes) - 1):
        folder = crashes.after(count, root / str(count))
        async with Theater(folder) as theater:
            assert (await theater.resume()).left == (), count
            async with asyncio.timeout(5):
                await theater.settled()
            told = sorted(map(str, theater.state_at("busy")["told"]))
            assert told in (["7", "['kept']"], ["7", "[]"]), count  # which came first, nobody knows
            assert theater.statistics().unaccounted == 0
        assert History(folder).replay("busy").ok


async def test_tasks_that_ask_for_something_else_are_still_told_apart(
    quick_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = quick_path / "changed"
    root.mkdir()
    crashes, _ = await busy(root)
    events = crashes.events()
    kept = next(place for place, one in enumerate(events) if one.kind == "store/store_at_label")
    folder = crashes.after(kept + 1, root / "cut")
    monkeypatch.setattr("test_cut_off_asks.KEPT", [b"something else"])
    async with Theater(folder) as theater:
        [left] = (await theater.resume()).left
    assert (left.name, left.seq) == ("busy", events[kept].seq)
    assert left.expected.startswith("store/store_at_label")
    assert str(ContentRef.of(b"something else").hash) in left.found
    assert len(History(folder).chain("busy")) == events[kept].seq + 1


class Parent(Actor):
    born: list[str] = []  # noqa: RUF012  # given fresh to each instance

    @handler
    async def found(self) -> None:
        for name in ("quick", "slow", "stillborn"):
            try:
                await self.context.spawn(Kid(way=name), name=name)
                self.born.append(name)
            except ActorFailedError:
                self.born.append(f"no {name}")


class Kid(Actor):
    way: str = ""

    async def on_start(self) -> None:
        self.context.log("starts")
        if self.way == "stillborn":
            raise ValueError(self.way)


async def test_wherever_it_is_cut_off_a_handler_that_spawns_has_each_child_once(quick_path: Path) -> None:
    root = quick_path / "spawn"
    root.mkdir()
    async with Theater(root / "whole") as theater:
        parent = await theater.spawn(Parent(), name="parent")
        await parent.ask(Parent.found)
    crashes = Crashes(root / "whole")
    events = crashes.events()
    begun = 1 + next(count for count, event in enumerate(events) if event.body.get("handler") == "found")
    for count in crashes.moments(begun):
        folder = crashes.after(count, root / str(count))
        async with Theater(folder) as theater:
            assert (await theater.resume()).left == (), count
            async with asyncio.timeout(5):
                await theater.settled()
            assert theater.state_at("parent")["born"] == ["quick", "slow", "no stillborn"], count
        history = History(folder)
        assert history.verify().ok, count
        for one in history.actors():
            replay = history.replay(one.id)
            assert replay.ok, f"after {count} events: {replay}"
