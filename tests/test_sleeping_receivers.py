"""Messages of actors to actors that sleep: recorded as sent, and waiting until these wake."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from told import kinds, meanwhile, only, told

from theater import Actor, ActorFailedError, ActorRef, History, SetupError, Theater, handler

pytestmark = pytest.mark.real_clock

Stage = Callable[[], Theater]


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """Opens the same folder again and again."""
    return lambda: Theater(tmp_path / "theater", closing=0)


class Sleepy(Actor):
    """Keeps what it hears."""

    heard: list[Any] = []  # noqa: RUF012  # given fresh to each instance

    @handler
    async def hear(self, word: Any) -> int:
        self.heard.append(word)
        return len(self.heard)

    @handler(priority=True)
    async def hear_first(self, word: Any) -> None:
        self.heard.append(word)

    @handler
    async def all(self) -> list[Any]:
        return self.heard

    @handler
    async def echo(self, caller: ActorRef[Caller]) -> int:
        return await caller.ask(Caller.number)

    @handler
    async def words(self) -> AsyncIterator[Any]:
        for word in self.heard:
            yield word


class Caller(Actor):
    """Talks to one that sleeps."""

    friend: ActorRef[Sleepy]

    @handler
    async def number(self) -> int:
        return 1

    @handler
    async def tell(self, *words: Any) -> None:
        for word in words:
            await self.friend.tell(Sleepy.hear, word)

    @handler
    async def tell_first(self, word: Any) -> None:
        await self.friend.tell(Sleepy.hear_first, word)

    @handler
    async def ask(self, word: Any) -> int:
        return await self.friend.ask(Sleepy.hear, word)

    @handler
    async def ask_in_vain(self, word: Any) -> None:
        with anyio.move_on_after(0.001):
            await self.friend.ask(Sleepy.hear, word)

    @handler
    async def ask_by_name(self, name: str, word: Any) -> Any:
        return await self.friend.ask(name, word)

    @handler
    async def ask_echo(self) -> int:
        return await self.friend.ask(Sleepy.echo, self.context.ref)

    @handler
    async def read(self) -> None:
        async for _ in self.friend.stream(Sleepy.words):
            pass

    @handler
    async def forward(self, word: Any) -> int:
        return await self.context.forward(self.friend, Sleepy.hear, word)


async def prepared(stage: Stage, *, mailbox: int = 1024) -> None:
    async with stage() as theater:
        sleepy = await theater.spawn(Sleepy(), name="sleepy", mailbox=mailbox)
        await theater.spawn(Caller(friend=sleepy), name="caller")


async def caller_of(theater: Theater) -> ActorRef[Caller]:
    """The caller alone is awake."""
    return await theater.spawn(Caller.__new__(Caller), name="caller", resume=True)


async def test_what_is_told_to_a_sleeper_is_recorded_and_handled_when_it_wakes(stage: Stage) -> None:
    await prepared(stage)
    async with stage() as theater:
        caller = await caller_of(theater)
        await caller.ask(Caller.tell, "a", "b")
        await caller.ask(Caller.tell_first, "urgent")
        assert len(told(theater, caller, "message/sent")) == 3
        assert theater.statistics().queued == 3

        await theater.resume()
        await theater.settled()

        assert await theater.find("sleepy").ask(Sleepy.all) == ["urgent", "a", "b"]
        assert theater.statistics().unaccounted == 0


async def test_who_asks_a_sleeper_waits_until_it_has_answered(stage: Stage) -> None:
    await prepared(stage)
    async with stage() as theater, anyio.create_task_group() as tasks:
        caller = await caller_of(theater)
        meanwhile(tasks, caller.ask, Caller.ask, "a")
        while not told(theater, caller, "message/sent"):
            await anyio.lowlevel.checkpoint()
        await theater.resume()
        await theater.settled()

        answered = only(theater, caller, "message/answered").body
        assert answered["answer"] == 1
        handled = only(theater, theater.find("sleepy"), "message/handled")
        assert answered["from"] == [handled.actor, handled.seq, handled.hash]


async def test_a_question_taken_back_while_its_receiver_slept_is_never_handled(stage: Stage) -> None:
    await prepared(stage)
    async with stage() as theater:
        caller = await caller_of(theater)
        await caller.ask(Caller.ask_in_vain, "never")
        assert kinds(theater, caller)[-2:] == ["message/withdrawn", "message/handled"]
        await theater.resume()
        await theater.settled()

        assert await theater.find("sleepy").ask(Sleepy.all) == []


@pytest.mark.parametrize("crashes", [False, True])
async def test_what_waits_for_a_sleeper_waits_over_closes_and_crashes(
    stage: Stage, tmp_path: Path, *, crashes: bool
) -> None:
    await prepared(stage)
    async with stage() as theater:
        caller = await caller_of(theater)
        await caller.ask(Caller.tell, "first")
        if crashes:
            await theater.settled()
            shutil.copytree(tmp_path / "theater", tmp_path / "image")
    if crashes:
        shutil.rmtree(tmp_path / "theater")
        (tmp_path / "image").rename(tmp_path / "theater")
    async with stage() as theater:
        pass  # nobody wakes
    async with stage() as theater:
        await (await caller_of(theater)).ask(Caller.tell, "second")
    for _ in range(2):
        async with stage() as theater:
            await theater.resume()
            await theater.settled()
            assert await theater.find("sleepy").ask(Sleepy.all) == ["first", "second"]
    assert History(tmp_path / "theater").verify().ok


async def test_a_full_mailbox_of_a_sleeper_makes_its_senders_wait(stage: Stage) -> None:
    await prepared(stage, mailbox=2)
    async with stage() as theater:
        caller = await caller_of(theater)
        await caller.tell(Caller.tell, *range(5))
        while theater.statistics().waiting < 1:
            await anyio.lowlevel.checkpoint()
        assert theater.statistics().queued == 2
        await theater.resume()
        await theater.settled()

        assert await theater.find("sleepy").ask(Sleepy.all) == [0, 1, 2, 3, 4]
        assert theater.statistics().unaccounted == 0


async def test_a_message_may_be_forwarded_to_a_sleeper(stage: Stage) -> None:
    await prepared(stage)
    async with stage() as theater:
        caller = await caller_of(theater)
        answers = []

        async def ask() -> None:
            answers.append(await caller.ask(Caller.forward, "a"))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            while not told(theater, caller, "message/sent"):
                await anyio.lowlevel.checkpoint()
            await theater.resume()

        assert answers == [1]


async def test_two_who_would_wait_for_each_other_are_told_so_though_one_slept(stage: Stage) -> None:
    await prepared(stage)
    async with stage() as theater:
        caller = await caller_of(theater)
        await caller.tell(Caller.ask_echo)
        while not told(theater, caller, "message/sent"):
            await anyio.lowlevel.checkpoint()
        await theater.resume()
        await theater.settled()

        sleepy = theater.find("sleepy")
        assert only(theater, sleepy, "message/refused").body["error"]["class"] == "AskCycleError"


async def test_a_sleeper_of_a_class_that_is_not_known_takes_messages_by_name(stage: Stage) -> None:
    class Local(Sleepy):
        pass

    async with stage() as theater:
        sleepy = await theater.spawn(Local(), name="sleepy")
        await theater.spawn(Caller(friend=sleepy), name="caller")
    async with stage() as theater:
        resumed = await theater.resume()
        assert [left.name for left in resumed.left] == ["sleepy"]
        caller = theater.find("caller")
        await caller.tell(Caller.ask_by_name, "hear", ["a", 1])
        while not told(theater, caller, "message/sent"):
            await anyio.lowlevel.checkpoint()
        await theater.resume(classes=[Local])
        await theater.settled()

        assert await theater.find("sleepy").ask(Sleepy.all) == [["a", 1]]
        assert only(theater, caller, "message/answered").body["answer"] == 1


async def test_a_message_that_does_not_fit_keeps_its_receiver_asleep(stage: Stage) -> None:
    class Local(Sleepy):
        pass

    async with stage() as theater:
        sleepy = await theater.spawn(Local(), name="sleepy")
        await theater.spawn(Caller(friend=sleepy), name="caller")
    async with stage() as theater:
        await theater.resume()
        caller = theater.find("caller")
        await caller.tell(Caller.ask_by_name, "shout", "a")
        while not told(theater, caller, "message/sent"):
            await anyio.lowlevel.checkpoint()
        [left] = (await theater.resume(classes=[Local])).left
        assert "'shout', which is no handler of it" in left.why
        with pytest.raises(SetupError, match="no handler of it"):
            await theater.spawn(Local(), name="sleepy", resume=True)
        assert theater.statistics().queued == 1


async def test_a_sleeper_yields_no_stream(stage: Stage) -> None:
    await prepared(stage)
    async with stage() as theater:
        caller = await caller_of(theater)
        with pytest.raises(ActorFailedError, match="sleepy is asleep in the record: resume it first"):
            await caller.ask(Caller.read)
        assert told(theater, caller, "message/refused")
