"""Limits after a resume: an actor goes on with what it was granted at first, and what is left of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from theater import ALL, Actor, ActorRef, ContentRef, Grants, NotAllowedError, Theater, handler

pytestmark = pytest.mark.real_clock

FIRED: dict[str, anyio.Event] = {}


@pytest.fixture
def stage(tmp_path: Path) -> Callable[[], Theater]:
    """Opens the same folder again and again."""
    return lambda: Theater(tmp_path / "theater")


def act(text: str) -> str:
    return text


class Worker(Actor):
    """Does what it may."""

    refused: int = 0

    @handler(raises=(NotAllowedError,))
    async def act(self, text: str) -> str:
        return await self.context.effect(act, text)

    @handler(raises=(NotAllowedError,))
    async def keep(self, content: bytes) -> ContentRef:
        return await self.context.store.store(content)

    @handler(raises=(NotAllowedError,))
    async def hire(self, name: str) -> ActorRef[Any]:
        return await self.context.spawn(Worker(), name=name, grants=Grants.all())

    @handler
    async def act_later(self, seconds: float) -> None:
        self.context.after(seconds, Worker.try_it)

    @handler
    async def try_it(self) -> None:
        try:
            await self.context.effect(act, "later")
        except NotAllowedError:
            self.refused += 1
        FIRED["try_it"].set()

    @handler
    async def count(self) -> int:
        return self.refused

    @handler
    async def granted(self) -> str:
        return repr(self.context.grants)


NARROW = Grants(stores="own", bytes_stored=10, spawn=ALL, mailbox=ALL)


async def test_a_resumed_actor_has_the_grants_that_it_was_spawned_with(stage: Callable[[], Theater]) -> None:
    async with stage() as theater:
        worker = await theater.spawn(Worker(), name="worker", grants=NARROW)
        await worker.ask(Worker.hire, "child")

    async with stage() as theater:
        worker = await theater.spawn(Worker(), name="worker", resume=True, grants=Grants.all())

        for one in (worker, theater.find("worker/child")):
            assert await one.ask("granted") == repr(NARROW)
            with pytest.raises(NotAllowedError):
                await one.ask("act", "x")
        grandchild = await worker.ask(Worker.hire, "another")
        assert await grandchild.ask("granted") == repr(NARROW)


async def test_what_was_stored_before_still_counts_after_a_resume(stage: Callable[[], Theater]) -> None:
    async with stage() as theater:
        worker = await theater.spawn(Worker(), name="worker", grants=NARROW)
        await worker.ask(Worker.keep, b"1234567")

    async with stage() as theater:
        await theater.resume()
        worker = theater.find("worker")

        with pytest.raises(NotAllowedError, match="11 bytes; granted: 10"):
            await worker.ask("keep", b"abcd")
        await worker.ask("keep", b"1234567")
        await worker.ask("keep", b"abc")


async def test_what_was_asked_before_a_close_is_refused_after_it(stage: Callable[[], Theater]) -> None:
    FIRED["try_it"] = anyio.Event()
    async with stage() as theater:
        worker = await theater.spawn(Worker(), name="worker", grants=Grants.none())
        await worker.ask(Worker.act_later, 0.3)

    async with stage() as theater:
        await theater.resume()
        with anyio.fail_after(10):
            await FIRED["try_it"].wait()

        assert await theater.find("worker").ask("count") == 1


async def test_grants_too_long_for_their_event_are_read_back_whole(stage: Callable[[], Theater]) -> None:
    many = Grants(effects=[f"some.module.with.a.name:function_{number}" for number in range(2_000)])
    async with stage() as theater:
        await theater.spawn(Worker(), name="worker", grants=many)

    async with stage() as theater:
        await theater.resume()
        worker = theater.find("worker")

        assert await worker.ask("granted") == repr(many)
        with pytest.raises(NotAllowedError):
            await worker.ask("act", "x")
