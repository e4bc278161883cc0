"""Replay of all that an actor can do: each of it agrees, and none of it is done again."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import anyio
import pytest

from theater import (
    Actor,
    ActorFailedError,
    ActorRef,
    Grants,
    History,
    NotAllowedError,
    Reason,
    SetupError,
    Theater,
    effect,
    handler,
    migrate,
)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """The failures of these actors are on purpose."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


class Other(Actor):
    """Whom the actors under test talk to."""

    seen: int = 0

    @handler
    async def see(self, amount: int) -> int:
        self.seen += amount
        return self.seen

    @handler
    async def slow(self) -> None:
        await anyio.sleep(3600)

    @handler
    async def fail(self) -> None:
        raise ValueError("other")

    @handler
    async def count(self, to: int) -> AsyncIterator[int]:
        for number in range(to):
            yield number

    @handler
    async def echo(self) -> None:
        async with self.context.accept() as channel:
            async for value in channel:
                await channel.send(value)

    @handler
    async def rude(self) -> None:
        """Accepts nothing."""


@effect(raises=(LookupError,))
async def outside(amount: int) -> int:
    """Counts its runs: a replay adds none."""
    RUNS.append(amount)
    if amount < 0:
        raise LookupError(amount)
    return amount * 2


RUNS: list[int] = []


class Able(Actor):
    """Does one thing of each kind."""

    other: ActorRef[Other]
    heard: list[Any] = []  # noqa: RUF012  # fresh to each instance

    @handler
    async def send(self) -> None:
        await self.other.tell(Other.see, 1)
        self.other.tell_nowait(Other.see, 2)
        self.heard.append(await self.other.ask(Other.see, 4))
        try:
            await self.other.ask(Other.fail)
        except ActorFailedError as error:
            self.heard.append([str(error), repr(error.__cause__)])

    @handler
    async def act(self) -> None:
        for amount in (1, -1):
            try:
                self.heard.append(await self.context.effect(outside, amount))
            except LookupError as error:
                self.heard.append(repr(error))
        self.heard.append(await self.context.effect(len, "four"))

    @handler
    async def look(self) -> None:
        context = self.context
        self.heard += [
            context.now(),
            context.random.random(),
            context.name,
            [one.name for one in context.children],
        ]
        context.log("seen", how="well")

    @handler
    async def store(self) -> None:
        store, second = self.context.store, await self.context.stores.new()
        ref = await store.store_at_label("x", b"one")
        await second.store(b"two")
        await self.context.stores.grant(second, to=self.other)
        self.heard += [await store.get(ref), await store.list_labels(), await second.calculate_total_size()]

        async def chunks() -> AsyncIterator[bytes]:
            yield b"a" * 10
            yield b"b" * 10

        self.heard.append(await store.exists(await store.put_stream(chunks())))
        async for chunk in store.get_stream(ref):
            self.heard.append(chunk)

    @handler
    async def spawn(self) -> None:
        child = await self.context.spawn(Other(), name="child")
        nameless = await self.context.spawn(Other(seen=1))
        self.context.watch(child, Able.ended)
        self.heard.append([self.context.find(child.name) == child, len(self.context.children)])
        await child.kill()
        await nameless.stop()

    @handler
    async def ended(self, ref: ActorRef[Any], reason: Reason) -> None:
        self.heard.append([ref.name.rpartition("/")[2], reason.value])

    @handler
    async def time(self) -> None:
        once, again = self.context.after(5, Able.rang, "once"), self.context.every(10, Able.rang, "again")
        self._again = again
        self.context.after(7, Able.rang, "never").cancel()
        self.heard.append([once.is_pending, again.is_pending])

    @handler
    async def rang(self, what: str) -> None:
        self.heard.append(what)
        if what == "again":
            self._again.cancel()

    @handler
    async def read(self) -> None:
        async for number in self.other.stream(Other.count, 3):
            self.heard.append(number)
        async with self.other.stream(Other.count, 30) as numbers:
            async for number in numbers:
                self.heard.append(number)
                break

    @handler
    async def talk(self) -> None:
        async with await self.other.open(Other.echo) as channel:
            for value in ("a", {"b": 1}):
                await channel.send(value)
                self.heard.append(await channel.receive())
        try:
            await self.other.open(Other.rude)
        except Exception as error:  # noqa: BLE001  # which one is compared
            self.heard.append(type(error).__name__)

    @handler
    async def keep(self) -> None:
        self._kept = await self.other.open(Other.echo)
        await self._kept.send("kept")

    @handler
    async def use_kept(self) -> None:
        try:
            await self._kept.send("too late")
        except SetupError as error:
            self.heard.append(str(error))

    @handler
    async def give_up(self) -> None:
        with anyio.move_on_after(5) as scope:
            await self.other.ask(Other.slow)
        self.heard.append(scope.cancelled_caught)

    @handler
    async def forward(self, amount: int) -> int:
        return await self.context.forward(self.other, Other.see, amount)

    @handler
    async def forward_late(self) -> int:
        await anyio.sleep(10)
        return await self.context.forward(self.other, Other.see, 1)

    @handler
    async def clock(self) -> None:
        self.heard.append(round(anyio.current_time()))

    async def on_stop(self, reason: Reason) -> None:
        try:
            await self.context.spawn(Other())
        except SetupError as error:
            self.heard.append(f"{reason.value}: {error}")

    @handler
    async def defer(self) -> str:
        self.context.defer()
        return "ignored"

    @handler
    async def answer(self) -> int:
        replies = self.context.deferred
        for reply in replies[:-1]:
            reply.answer("late")
        return len(replies)

    @handler
    async def stash(self) -> None:
        if not self.heard:
            self.context.stash()

    @handler
    async def unstash(self) -> int:
        self.heard.append("open")
        return self.context.unstash()

    @handler
    async def yields(self, to: int) -> AsyncIterator[int]:
        for number in range(to):
            yield await self.other.ask(Other.see, number)
        self.heard.append("all")

    @handler
    async def hosts(self) -> None:
        async with self.context.accept() as channel:
            async for value in channel:
                await channel.send([value, value])
            self.heard.append("over")

    @handler
    async def leave(self) -> None:
        self.context.link(self.other)
        self.context.unlink(self.other)
        self.context.stop()


async def stashes(able: ActorRef[Able]) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(able.ask, Able.stash)
        with anyio.move_on_after(1):
            await able.ask(Able.stash)
        assert await able.ask(Able.unstash) == 1


async def streams(able: ActorRef[Able]) -> None:
    assert [item async for item in able.stream(Able.yields, 3)] == [0, 1, 3]
    async with able.stream(Able.yields, 100) as items:
        async for _ in items:
            break
    assert [item async for item in able.stream(Able.yields, 0)] == []


async def talks(able: ActorRef[Able]) -> None:
    async with await able.open(Able.hosts) as channel:
        await channel.send(1)
        assert await channel.receive() == [1, 1]


def asks(*handlers: Any) -> Callable[[ActorRef[Able]], Awaitable[None]]:
    async def ask(able: ActorRef[Able]) -> None:
        for each in handlers:
            await able.ask(each)
        await anyio.sleep(60)

    return ask


async def forwards(able: ActorRef[Able]) -> None:
    assert await able.ask(Able.forward, 5) == 5
    await able.tell(Able.forward, 2)


async def forwards_for_nobody(able: ActorRef[Able]) -> None:
    with anyio.move_on_after(1):
        await able.ask(Able.forward_late)


async def hours_pass(able: ActorRef[Able]) -> None:
    await able.ask(Able.clock)
    await anyio.sleep(7200)
    await able.ask(Able.clock)


async def stops(able: ActorRef[Able]) -> None:
    await able.stop()


SCENES: dict[str, tuple[Callable[[ActorRef[Able]], Awaitable[None]], str]] = {
    "send": (asks(Able.send), "message/answered"),
    "act": (asks(Able.act), "effect/ended"),
    "look": (asks(Able.look), "log"),
    "store": (asks(Able.store, Able.store), "store/grant"),
    "spawn": (asks(Able.spawn), "actor/spawned"),
    "time": (asks(Able.time), "timer/fired"),
    "read": (asks(Able.read), "message/withdrawn"),
    "talk": (asks(Able.talk), "message/received"),
    "keep": (asks(Able.keep, Able.use_kept), "message/sent"),
    "give up": (asks(Able.give_up), "message/withdrawn"),
    "forward": (forwards, "message/sent"),
    "forward for nobody": (forwards_for_nobody, "message/handled"),
    "clock": (hours_pass, "message/handled"),
    "stop": (stops, "actor/stopped"),
    "stash": (stashes, "message/withdrawn"),
    "yield": (streams, "message/answered"),
    "host": (talks, "message/answered"),
    "leave": (asks(Able.leave), "actor/stopped"),
}


@pytest.mark.parametrize("name", SCENES)
async def test_all_that_an_actor_does_is_replayed_and_not_done_again(theater: Theater, name: str) -> None:
    scene, kind = SCENES[name]
    RUNS.clear()
    other = await theater.spawn(Other(), name="other")
    able = await theater.spawn(Able(other=other), name="able")
    await scene(able)
    await theater.settled()
    ran, sizes = list(RUNS), [len(theater.chain(ref)) for ref in (able, other)]

    replay = await theater.replay(able, classes=[Able, Other])

    assert kind in {event.kind for event in theater.chain(able)}
    assert replay.ok, str(replay)
    assert replay.head == theater.chain(able).head
    assert (RUNS, [len(theater.chain(ref)) for ref in (able, other)]) == (ran, sizes)


async def test_answers_that_are_owed_are_counted_as_they_were(theater: Theater) -> None:
    other = await theater.spawn(Other())
    able = await theater.spawn(Able(other=other))
    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(able.ask, Able.defer)
        with anyio.move_on_after(1):
            await able.ask(Able.defer)
        await able.tell(Able.defer)
        assert await able.ask(Able.answer) == 3
        assert await able.ask(Able.answer) == 1
        tasks.cancel_scope.cancel()
    assert await able.ask(Able.answer) == 0

    replay = await theater.replay(able)

    assert replay.ok, str(replay)


class Limited(Actor):
    friend: ActorRef[Other]
    asked: list[str] = []  # noqa: RUF012  # fresh to each instance

    @handler
    async def try_all(self) -> None:
        child = await self.context.spawn(Other(), name="child")
        await child.kill()  # one below it, whatever is granted
        for way in (
            self.friend.stop,
            self.friend.kill,
            self._find,
            self._link,
            self._watch,
            self._tell,
            self._run,
        ):
            try:
                await way()
            except NotAllowedError as error:
                self.asked.append(f"{way.__name__} {error}")

    async def _find(self) -> None:
        self.context.find("nobody")

    async def _link(self) -> None:
        self.context.link(self.friend)

    async def _watch(self) -> None:
        self.context.watch(self.friend, Limited.over)

    async def _tell(self) -> None:
        await self.friend.tell(Other.see, 1)

    async def _run(self) -> None:
        await self.context.effect(outside, 1)

    @handler
    async def over(self, ref: ActorRef[Any], reason: Reason) -> None:
        """Nobody comes here."""


async def test_refusals_are_replayed(theater: Theater) -> None:
    grants = Grants(spawn="*", mailbox=2_000, messages_per_second=0)
    friend = await theater.spawn(Other(), name="friend")
    limited = await theater.spawn(Limited(friend=friend), name="limited", grants=grants)
    await limited.ask(Limited.try_all)

    replay = await theater.replay(limited)

    asked = theater.state_at(limited)["asked"]
    assert [text.partition(" ")[0] for text in asked] == [
        "stop",
        "kill",
        "_find",
        "_link",
        "_watch",
        "_tell",
        "_run",
    ]
    assert replay.ok, str(replay)


@pytest.mark.real_clock
async def test_a_replay_begins_where_the_state_was_lifted_to_the_present_version(tmp_path: Path) -> None:
    def version(number: int) -> type[Actor]:
        class Growing(Actor):
            total: int = 0

            @handler
            async def add(self, amount: int) -> int:
                self.total += amount
                return self.total

            @handler
            async def later(self) -> None:
                self.context.after(3600, Growing.add, 1)

        class Grown(Actor):
            version: ClassVar[int] = 2
            count: int = 0

            @migrate(from_version=1)
            @staticmethod
            def rename(state: dict[str, Any]) -> dict[str, Any]:
                return {"count": state["total"]}

            @handler
            async def add(self, amount: int) -> int:
                self.count += 2 * amount
                return self.count

        cls: type[Actor] = Growing if number == 1 else Grown
        vars(cls)["_theater_plan"].class_name = "elsewhere:Growing"
        return cls

    first, second = version(1), version(2)
    async with Theater(tmp_path) as theater:
        ref = await theater.spawn(first(), name="growing")
        await ref.ask("add", 5)
    async with Theater(tmp_path) as theater:
        [ref] = (await theater.resume(classes=[second])).refs
        assert await ref.ask("add", 1) == 7
    history = History(tmp_path)
    [lifted] = [event.seq for event in history.chain("growing") if event.kind == "actor/migrated"]

    replay = history.replay("growing", classes=[second])

    assert replay.ok, str(replay)
    assert replay.removed == lifted
    assert replay.head == history.chain("growing").head
    assert history.replay("growing", classes=[first], until=lifted - 1).ok
    with pytest.raises(SetupError, match="version 2"):
        history.replay("growing", classes=[second], until=lifted - 1)
