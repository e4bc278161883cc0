"""Effects and crashes: what had ended is not done again, and what nobody knows of is told as that."""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from crashes import Crashes

from theater import Actor, ActorRef, EffectInDoubtError, Event, History, Retry, Theater, effect, handler

pytestmark = pytest.mark.real_clock

CALLS: list[Any] = []
GATES: dict[str, anyio.Event] = {}


@pytest.fixture(autouse=True)
def calls() -> list[Any]:
    """What effects were called with, in this test alone."""
    CALLS.clear()
    GATES.clear()
    return CALLS


async def at_the_gate(call: Any) -> None:
    CALLS.append(call)
    if "gate" in GATES:
        GATES["reached"].set()
        await GATES["gate"].wait()


async def fetch(url: str) -> str:
    await at_the_gate(url)
    return url.upper()


@effect(idempotent=True, key="key")
async def pay(amount: int, *, key: str = "") -> int:
    await at_the_gate((amount, key))
    return amount


@effect(key="key", retry=Retry(times=1, first=0.05, on=(TimeoutError,)))
async def call_late(number: int, *, key: str = "") -> int:
    if not CALLS:
        CALLS.append((number, key))
        raise TimeoutError("late")
    await at_the_gate((number, key))
    return number


class Doer(Actor):
    """Does something between two other things, and keeps what came of it."""

    found: list[Any] = []  # noqa: RUF012  # given fresh to each instance

    async def _do(self, function: Any, argument: Any) -> None:
        self.found.append(await self.context.effect(count))
        try:
            self.found.append(await self.context.effect(function, argument))
        except EffectInDoubtError as error:
            self.found.append(str(error))

    @handler
    async def fetch(self, url: str) -> None:
        await self._do(fetch, url)

    @handler
    async def pay(self, amount: int) -> None:
        await self._do(pay, amount)

    @handler
    async def call_late(self, number: int) -> None:
        await self._do(call_late, number)

    @handler
    async def all(self) -> list[Any]:
        return self.found


async def count() -> int:
    return len(CALLS)


async def crash_in(folder: Path, send: Callable[[ActorRef[Doer]], Awaitable[None]]) -> Path:
    """The folder as a process leaves it that is killed while the effect runs."""
    async with Theater(folder) as theater:
        doer = await theater.spawn(Doer(), name="doer")
        GATES.update(reached=anyio.Event(), gate=anyio.Event())
        await send(doer)
        await GATES["reached"].wait()
        image = shutil.copytree(folder, folder.with_suffix(".image"))
        GATES["gate"].set()
    GATES.clear()
    return image


async def found_after(folder: Path) -> list[Any]:
    """Let the actor go on; what it has found then."""
    async with Theater(folder) as theater:
        resumed = await theater.resume()
        assert not resumed.left
        found: list[Any] = await resumed.refs[0].ask("all")
        return found


def told(folder: Path, kind: str) -> list[Event]:
    return [event for event in History(folder).chain("doer") if event.kind == kind]


async def test_an_effect_in_doubt_is_not_run_again_and_its_handler_is_told(tmp_path: Path) -> None:
    folder = await crash_in(tmp_path / "theater", lambda doer: doer.tell(Doer.fetch, "url"))

    found = await found_after(folder)

    assert CALLS == ["url"]
    assert found[0] == 0  # what had ended is answered from the record: now it would be 1
    assert "test_effects_after_a_crash:fetch ran: nobody knows" in found[1]
    assert [event.body["effect"] for event in told(folder, "effect/begun")].count(
        "test_effects_after_a_crash:fetch"
    ) == 1
    assert await found_after(folder) == found
    assert History(folder).verify().ok


async def test_an_idempotent_effect_in_doubt_is_run_again_under_the_same_key(tmp_path: Path) -> None:
    folder = await crash_in(tmp_path / "theater", lambda doer: doer.tell(Doer.pay, 5))

    found = await found_after(folder)

    [first, again] = CALLS
    begun = told(folder, "effect/begun")
    assert found == [0, 5]
    assert first == again == (5, f"{begun[1].actor.hex()}-{begun[1].seq}")
    assert len(begun) == 2


async def test_a_second_attempt_may_be_in_doubt_too(tmp_path: Path) -> None:
    folder = await crash_in(tmp_path / "theater", lambda doer: doer.tell(Doer.call_late, 7))

    found = await found_after(folder)

    assert len(CALLS) == 2
    assert CALLS[0] == CALLS[1]  # under one key
    assert "call_late ran: nobody knows" in found[1]


async def test_a_wait_for_another_attempt_goes_on_after_the_crash(quick_path: Path) -> None:
    async with Theater(quick_path / "whole") as theater:
        doer = await theater.spawn(Doer(), name="doer")
        await doer.ask(Doer.call_late, 7)
    crashes = Crashes(quick_path / "whole")
    waits = next(count for count, event in enumerate(crashes.events(), start=1) if "again" in event.body)
    CALLS[1:] = []  # what was done behind the crash
    image = crashes.after(waits, quick_path / "image")

    found = await found_after(image)

    first, again = (event for event in told(image, "effect/begun") if "late" in event.body["effect"])
    assert found == [0, 7]
    assert again.body["retries"] == first.seq
    assert [(7, f"{first.actor.hex()}-{first.seq}")] * 2 == CALLS
