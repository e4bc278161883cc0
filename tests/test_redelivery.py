"""Redelivery: what lay in mailboxes when the theater ended is handled once, and an ask is still an ask."""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import pytest
from told import kinds, told

from theater import Actor, ActorRef, History, Theater, handler

pytestmark = pytest.mark.real_clock

GATES: dict[str, anyio.Event] = {}
SEEN: list[list[str]] = []
THEATER: list[Theater] = []


@pytest.fixture(autouse=True)
def gates() -> None:
    """Gates of this test alone."""
    GATES.clear()
    SEEN.clear()
    GATES["gate"] = anyio.Event()
    GATES["at the gate"] = anyio.Event()


class Busy(Actor):
    """Stands at a gate while messages come."""

    things: list[str] = []  # noqa: RUF012  # given fresh to each instance

    @handler
    async def stand(self) -> None:
        GATES["at the gate"].set()
        await GATES["gate"].wait()

    @handler
    async def add(self, thing: str) -> int:
        self.things.append(thing)
        return len(self.things)

    @handler
    async def look(self, thing: str) -> None:
        """Notes down what is durable of its own chain as it begins."""
        chain = THEATER[0].chain("busy")
        SEEN.append([thing, *[event.kind for event in list(chain)[: chain.committed]][-1:]])

    @handler
    async def all(self) -> list[str]:
        return self.things


class Asker(Actor):
    busy: ActorRef[Busy]

    @handler
    async def ask(self, thing: str) -> int:
        return await self.busy.ask(Busy.add, thing)

    @handler
    async def tell(self, name: str, *things: str) -> None:
        for thing in things:
            await self.busy.tell(name, thing)


async def crash(folder: Path, before: Callable[[Theater], Awaitable[None]]) -> Path:
    """What is on the disk when a process that did all this is killed."""
    async with Theater(folder, closing=0) as theater:
        await before(theater)
        while any(chain.committed < len(chain) for chain in map(theater.chain, ("busy", "asker"))):
            await anyio.lowlevel.checkpoint()
        shutil.copytree(folder, folder.with_suffix(".image"))
    return folder.with_suffix(".image")


async def ask_at_the_gate(theater: Theater) -> None:
    busy = await theater.spawn(Busy(), name="busy")
    asker = await theater.spawn(Asker(busy=busy), name="asker")
    await busy.tell(Busy.stand)
    await GATES["at the gate"].wait()
    await asker.tell(Asker.ask, "asked")
    while not told(theater, asker, "message/sent"):
        await anyio.lowlevel.checkpoint()


@pytest.mark.parametrize("closes", [True, False])
async def test_the_answer_to_an_ask_of_an_earlier_run_is_recorded(tmp_path: Path, *, closes: bool) -> None:
    if closes:
        async with Theater(tmp_path / "theater", closing=0) as theater:
            await ask_at_the_gate(theater)
        folder = tmp_path / "theater"
    else:
        folder = await crash(tmp_path / "theater", ask_at_the_gate)
    GATES["gate"].set()
    async with Theater(folder) as theater:
        busy = await theater.spawn(Busy(), name="busy", resume=True)
        await theater.settled()

        handled = told(theater, busy, "message/handled")[-1].body
        if closes:
            assert (handled["ask"], handled["answer"]) == (True, 1)
        else:
            assert handled["answer"] == 1
        assert await busy.ask(Busy.all) == ["asked"]
    assert History(folder).verify().ok


async def test_an_asker_cut_off_by_the_close_has_not_taken_its_question_back(tmp_path: Path) -> None:
    async with Theater(tmp_path, closing=0) as theater:
        await ask_at_the_gate(theater)

    kinds_of_asker = [event.kind for event in History(tmp_path).chain("asker")]
    assert kinds_of_asker == ["actor/spawned", "message/received", "message/sent"]


async def look_at_the_gate(theater: Theater) -> None:
    busy = await theater.spawn(Busy(), name="busy")
    asker = await theater.spawn(Asker(busy=busy), name="asker")
    await busy.tell(Busy.stand)
    await GATES["at the gate"].wait()
    await asker.ask(Asker.tell, "look", "a", "b")


async def test_the_message_that_may_have_killed_the_process_is_durably_begun_before_it_runs_again(
    tmp_path: Path,
) -> None:
    folder = await crash(tmp_path / "theater", look_at_the_gate)
    async with Theater(folder) as theater:
        THEATER[:] = [theater]
        busy = await theater.spawn(Busy(), name="busy", resume=True)
        await theater.settled()
        assert SEEN[0] == ["a", "message/received"]
        assert SEEN[1][0] == "b"
        assert kinds(theater, busy) == [
            "actor/resumed", "message/received", "message/handled", "message/handled",
        ]  # fmt: skip
