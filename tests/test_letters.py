"""Letters: what lies in a mailbox when a theater ends is there again, whichever way it ended."""

from __future__ import annotations

import shutil
from pathlib import Path

import anyio
import pytest
from told import kinds

from theater import Actor, ActorRef, Theater, handler

pytestmark = pytest.mark.real_clock

GATES: dict[str, anyio.Event] = {}


class Slow(Actor):
    """Handles nothing while its gate is shut."""

    done: list[str] = []  # noqa: RUF012  # given fresh to each instance

    @handler
    async def do(self, what: str) -> None:
        await GATES["slow"].wait()
        self.done = [*self.done, what]

    @handler
    async def all(self) -> list[str]:
        return self.done


class Clerk(Actor):
    """Sends what it is told to send."""

    @handler
    async def send(self, slow: ActorRef[Slow], *what: str) -> None:
        for one in what:
            await slow.tell(Slow.do, one)


async def leave_letters(folder: Path) -> None:
    """One message at hand, one more from outside, two from an actor; then a clean close."""
    GATES["slow"] = anyio.Event()
    async with Theater(folder, closing=0.05) as theater:
        slow = await theater.spawn(Slow(), name="slow")
        clerk = await theater.spawn(Clerk(), name="clerk")
        await slow.tell(Slow.do, "at hand")
        await slow.tell(Slow.do, "from outside")
        await clerk.ask(Clerk.send, slow, "from an actor", "and another")


async def handled(folder: Path) -> list[str]:
    GATES["slow"].set()
    async with Theater(folder) as theater:
        slow = await theater.spawn(Slow(), name="slow", resume=True)
        return await slow.ask(Slow.all)


ALL = ["at hand", "from outside", "from an actor", "and another"]


async def test_letters_left_at_a_clean_close_are_handled_in_their_order(tmp_path: Path) -> None:
    await leave_letters(tmp_path / "theater")

    assert await handled(tmp_path / "theater") == ALL


async def test_letters_are_handled_once_over_several_closings(tmp_path: Path) -> None:
    await leave_letters(tmp_path / "theater")
    await handled(tmp_path / "theater")

    assert await handled(tmp_path / "theater") == ALL


async def test_letters_outlive_a_crash_after_the_actor_was_resumed(tmp_path: Path) -> None:
    folder, crashed = tmp_path / "theater", tmp_path / "crashed"
    await leave_letters(folder)
    GATES["slow"] = anyio.Event()  # shut again: nothing of them is handled before the crash
    async with Theater(folder, closing=0.05) as theater:
        slow = await theater.spawn(Slow(), name="slow", resume=True)
        shutil.copytree(folder, crashed)  # as the disk would look if the power went now
        assert kinds(theater, slow)[-1] == "actor/resumed"

    found = await handled(crashed)

    assert sorted(found) == sorted(ALL)
    assert found[:2] == ALL[:2]
