"""Every kind of request, with the process dying after each event: its handler ends as if it had not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from crashes import Crashes

from theater import Actor, ActorRef, Channel, ChannelClosedError, Grants, History, Reason, Theater, handler
from theater.errors import (
    ActorFailedError,
    ActorNotFoundError,
    ContentNotFoundError,
    NameTakenError,
    NotAllowedError,
    NotRunningError,
)

pytestmark = pytest.mark.real_clock


class BrokeError(Exception):
    """A declared answer."""


class Helper(Actor):
    heard: list[Any] = []  # noqa: RUF012  # given fresh to each instance
    opened: bool = False

    @handler
    async def hear(self, word: Any) -> int:
        self.heard.append(word)
        return len(self.heard)

    @handler
    async def all(self) -> list[Any]:
        return self.heard

    @handler(raises=(BrokeError,))
    async def refuse(self) -> None:
        raise BrokeError("no money")

    @handler
    async def fail(self) -> None:
        raise ValueError("as told")

    @handler
    async def rest(self) -> None:
        self.context.now()
        await anyio.sleep(0.02)

    @handler
    async def keep(self) -> str:
        try:
            await self.context.store.store(b"mine")
        except NotAllowedError:
            return "not allowed"
        return "kept"

    @handler
    async def wait_until_open(self, word: str) -> str:
        if not self.opened:
            return self.context.stash()
        return word

    @handler
    async def open(self) -> None:
        self.opened = True
        self.context.unstash()

    @handler
    async def words(self) -> AsyncIterator[str]:
        for word in ("a", "b"):
            self.context.now()
            yield word

    @handler
    async def talk(self) -> None:
        channel = self.context.accept()
        async for word in channel:
            await channel.send(f"{word}!")


class Asker(Actor):
    """Does all that a context offers, and notes down what came of it."""

    helper: ActorRef[Helper]
    told: list[Any] = []  # noqa: RUF012  # given fresh to each instance

    def note(self, *what: Any) -> None:
        self.told.extend(what)

    @handler
    async def messages(self) -> None:
        self.helper.tell_nowait(Helper.hear, "nowait")
        await self.helper.tell("hear", word="by name")
        try:
            await self.helper.ask(Helper.refuse)
        except BrokeError as error:
            self.note(str(error))
        try:
            await self.helper.ask(Helper.fail)
        except ActorFailedError:
            self.note("failed")

        async def ask(word: str) -> None:
            self.note(await self.helper.ask(Helper.hear, word))

        async with anyio.create_task_group() as tasks:
            for word in "xyz":
                tasks.start_soon(ask, word)
        with anyio.move_on_after(0.005):
            await self.helper.ask(Helper.rest)
        self.note("gave up", await self.helper.ask(Helper.hear, "last"))

    @handler
    async def stashes(self) -> None:
        async with anyio.create_task_group() as tasks:

            async def ask(word: str) -> None:
                self.note(await self.helper.ask(Helper.wait_until_open, word))

            tasks.start_soon(ask, "p")
            await self.helper.tell(Helper.open)
        self.note(await self.helper.ask(Helper.wait_until_open, "q"))

    @handler
    async def family(self) -> None:
        a = await self.context.spawn(Helper(), name="a")
        b = await self.context.spawn(Helper(), name="b")
        try:
            await self.context.spawn(Helper(), name="a")
        except NameTakenError:
            self.note("taken")
        self.note([ref.name for ref in self.context.children])
        self.context.watch(a, Asker.ended)
        self.context.link(b)
        self.context.unlink(b)
        self.note(self.context.find("asker/a").name)
        try:
            self.context.find("nobody")
        except ActorNotFoundError:
            self.note("nobody")
        await a.stop()
        await b.kill()
        self.note([ref.name for ref in self.context.children])
        try:
            await a.ask(Helper.all)
        except NotRunningError:
            self.note("ended")

    @handler
    async def ended(self, ref: ActorRef[Any], reason: Reason) -> None:
        self.note(f"{ref.name} {reason.value}")

    @handler
    async def things(self) -> None:
        store = self.context.store
        ref = await store.store_at_label("label", b"one")
        await store.replace_content_at_label("label", b"two")
        newest = await store.get_by_label("label")
        assert newest is not None
        self.note(await store.get(newest), await store.exists(ref), await store.list_labels())
        other = await self.context.stores.new()
        try:
            await other.get(ref)
        except ContentNotFoundError:
            self.note("not there")
        await store.remove_label("label")
        self.note(await store.get_by_label("label"), await store.calculate_total_size())
        timer = self.context.after(3600, Asker.ring)
        timer.cancel()
        self.context.after(0.001, Asker.ring)
        self.context.log("a line", number=1)
        self.note(self.context.random.randrange(1_000_000), self.context.now().isoformat())

    @handler
    async def files(self) -> None:
        self.note((await self.context.store.put_file(__file__)).hash)
        poor = await self.context.spawn(Helper(), name="poor", grants=Grants(stores=[]))
        self.note(await poor.ask(Helper.keep))
        self.context.log("goes on")

    @handler
    async def ring(self) -> None:
        self.note("rang")

    @handler
    async def reads(self) -> None:
        try:
            async for word in self.helper.stream(Helper.words):
                self.note(word)
        except NotRunningError:
            self.note("cut")

    @handler
    async def talks(self) -> None:
        try:
            channel = await self.helper.open(Helper.talk)
        except NotRunningError:
            self.note("cut")
            return
        await self.talk_on(channel)

    async def talk_on(self, channel: Channel) -> None:
        try:
            async with channel:
                for word in ("c", "d"):
                    await channel.send(word)
                    self.note(await channel.receive())
        except (NotRunningError, ChannelClosedError):
            self.note("cut")

    @handler
    async def all(self) -> list[Any]:
        return self.told


async def begin(theater: Theater, what: str) -> None:
    helper = await theater.spawn(Helper(), name="helper")
    asker = await theater.spawn(Asker(helper=helper), name="asker")
    await asker.tell(what)
    await until_quiet(theater, what)


async def until_quiet(theater: Theater, what: str) -> None:
    await theater.settled()
    asker = theater.find("asker")
    last = {"things": "rang", "family": "asker/a normal"}.get(what)
    while last and last not in await asker.ask(Asker.all):
        await anyio.lowlevel.checkpoint()
    await theater.settled()


async def facts(theater: Theater) -> tuple[list[Any], list[Any]]:
    heard = await theater.find("helper").ask(Helper.all)
    return await theater.find("asker").ask(Asker.all), sorted(map(str, heard))


def begun(crashes: Crashes, what: str) -> int:
    """How many events there are when the message is received."""
    return 1 + next(at for at, one in enumerate(crashes.events()) if one.body.get("handler") == what)


@pytest.mark.parametrize("what", ["messages", "stashes", "family", "things", "files"])
async def test_a_handler_ends_as_if_its_process_had_not_died(quick_path: Path, what: str) -> None:
    async with Theater(quick_path / what) as theater:
        await begin(theater, what)
        expected = await facts(theater)
    crashes = Crashes(quick_path / what)
    for count in crashes.moments(begun(crashes, what)):
        path = crashes.after(count, quick_path / f"{what} {count}")
        async with Theater(path) as theater:
            assert (await theater.resume()).left == (), f"after {count} events"
            await until_quiet(theater, what)
            assert await facts(theater) == expected, f"after {count} events"
            assert theater.statistics().unaccounted == 0
        assert History(path).verify().ok


@pytest.mark.parametrize(
    ("what", "whole"), [("reads", ["a", "b"]), ("talks", ["c!", "d!"])], ids=["reads", "talks"]
)
async def test_what_was_read_stays_read_and_then_the_reader_is_told_of_the_cut(
    quick_path: Path, what: str, whole: list[str]
) -> None:
    async with Theater(quick_path / what) as theater:
        await begin(theater, what)
        assert (await facts(theater))[0] == whole
    crashes = Crashes(quick_path / what)
    seen = set()
    for count in crashes.moments(begun(crashes, what)):
        path = crashes.after(count, quick_path / f"{what} {count}")
        async with Theater(path) as theater:
            assert (await theater.resume()).left == (), f"after {count} events"
            await theater.settled()
            found, _ = await facts(theater)
            assert found in ([*whole[:1], "cut"], ["cut"], [*whole, "cut"], whole), f"after {count} events"
            seen.add(tuple(found))
            await theater.find("helper").ask(Helper.hear, "goes on")
        assert History(path).verify().ok
    assert len(seen) >= 3
