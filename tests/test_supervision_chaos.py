"""Supervision under random failures, stops, kills, links and orders: nothing hangs, nobody is lost."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from random import Random
from typing import Any, ClassVar

import anyio
import pytest

from theater import (
    Actor,
    ActorFailedError,
    ActorRef,
    AskCycleError,
    Backoff,
    Directive,
    MailboxFullError,
    NotRunningError,
    Restart,
    RestartLimit,
    Restore,
    Strategy,
    Supervision,
    Theater,
    child,
    handler,
)
from theater.testing import VirtualLoop, virtual_now

STEPS = 200
MANY = RestartLimit(50, 1e4)
REFUSALS = (ActorFailedError, NotRunningError, AskCycleError, MailboxFullError, TimeoutError)


class Wild(Actor):
    """Does what it is told, and fails now and then when it starts."""

    dice: ClassVar[Random] = Random(0)
    wildness: ClassVar[float] = 0.0
    friends: list[ActorRef[Any]] = []  # noqa: RUF012  # given fresh to each instance
    done: int = 0

    def on_load(self) -> None:
        if self.dice.random() < self.wildness / 2:
            raise RuntimeError("no scratch")

    async def on_start(self) -> None:
        await anyio.sleep(self.dice.choice([0, 0, 0.5]))
        if self.dice.random() < self.wildness:
            raise RuntimeError("no start")
        if self.friends and self.dice.random() < self.wildness:
            await self.dice.choice(self.friends).ask("work", 0.1)

    async def on_stop(self, reason: object) -> None:  # noqa: ARG002  # whatever it is
        await anyio.sleep(self.dice.choice([0, 0, 1, 7]))

    @handler
    async def work(self, seconds: float) -> int:
        await anyio.sleep(seconds)
        self.done += 1
        return self.done

    @handler
    async def fail(self) -> None:
        await anyio.sleep(self.dice.choice([0, 0.1]))
        raise ValueError("as told")

    @handler
    async def cling(self) -> None:
        for _ in range(2):
            try:
                await anyio.sleep(20)
            except asyncio.CancelledError:
                self.done += 1

    @handler
    async def exit(self) -> None:
        self.context.stop()

    @handler
    async def meet(self, other: ActorRef[Any], how: str) -> None:
        self.friends.append(other)
        if how == "link" and other != self.context.ref:
            self.context.link(other)
        elif how == "unlink" and other != self.context.ref:
            self.context.unlink(other)
        elif how in {"stop", "kill"}:
            with anyio.move_on_after(self.dice.choice([0.1, 100])):
                await getattr(other, how)()
        else:
            await other.ask(Wild.work, 0.1)

    @handler
    async def hire(self, name: str) -> None:
        await self.context.spawn(Wild(), name=name, **options(self.dice))


def options(dice: Random) -> dict[str, Any]:
    return {
        "restart": dice.choice(list(Restart)),
        "state": dice.choice(list(Restore)),
        "limit": dice.choice([MANY, RestartLimit(dice.randrange(6), dice.choice([1.0, 10.0, 1e4]))]),
        "stop_within": dice.choice([0.3, 2.0, 10.0]),
        "mailbox": dice.choice([1, 3, 100]),
        "backoff": dice.choice([None, None, Backoff(first=0.1), Backoff(first=5)]),
    }


def supervisor(dice: Random, depth: int) -> Wild:
    """A supervisor with some strategy, and a tree below it."""
    below = [supervisor(dice, depth - 1) if depth and dice.random() < 0.4 else Wild() for _ in range(3)]

    class Boss(Wild):
        supervision = Supervision(
            strategy=dice.choice(list(Strategy)),
            limit=dice.choice([None, MANY, RestartLimit(4, 100.0)]),
            children=tuple(
                child(one, name=f"c{number}", **options(dice)) for number, one in enumerate(below)
            ),
        )

        def decide(self, child: ActorRef[Any], error: Exception) -> Directive | None:
            if self.dice.random() < self.wildness / 4:
                raise KeyError(child.name, str(error))
            return self.dice.choice([None] * 8 + list(Directive))

    return Boss()


async def attempt(act: Any, *args: Any) -> None:
    """Whatever may be refused in this chaos is refused in these words."""
    try:
        with anyio.move_on_after(50):
            await act(*args)
    except REFUSALS:
        return


def living(theater: Theater) -> list[ActorRef[Any]]:
    return [cell.ref for cell in theater._stage.cells.values()] if theater._stage else []


async def wreak_havoc(theater: Theater, dice: Random) -> None:
    async with anyio.create_task_group() as tasks:
        for step in range(STEPS):
            if len(theater._stage.tops) < 4:  # type: ignore[union-attr]  # it is open
                tasks.start_soon(
                    attempt, partial(theater.spawn, supervisor(dice, 2), name=f"top{step}", limit=MANY)
                )
            await anyio.sleep(dice.choice([0, 0, 0.01, 1]))
            refs = living(theater)
            if not refs:
                continue
            one, other = dice.choice(refs), dice.choice(refs)
            act = dice.choice(
                ["fail"] * 30 + ["stop", "kill"] + ["exit", "cling", "work", "meet", "meet", "hire"] * 3
            )
            if act in {"stop", "kill"}:
                tasks.start_soon(attempt, getattr(one, act))
            elif act == "meet":
                how = dice.choice(["link", "unlink", "ask", "stop", "kill"])
                tasks.start_soon(attempt, one.ask, "meet", other, how)
            elif act == "hire":
                tasks.start_soon(attempt, one.ask, "hire", f"h{step}")
            elif act == "work":
                tasks.start_soon(attempt, one.ask, "work", dice.choice([0.0, 0.5, 30.0]))
            else:
                tasks.start_soon(attempt, one.ask, act)


def check_limits(theater: Theater) -> int:
    """No window of any chain holds more restarts than its actor's limit; returns how many there were."""
    events = every_event(theater)
    chains: dict[bytes, list[Any]] = {}
    for event in events:
        chains.setdefault(event.actor, []).append(event)
    restarts = 0
    for chain in chains.values():
        moments = [event.time / 1e9 for event in chain if event.kind == "actor/restarted"]
        restarts += len(moments)
        most, within = chain[0].body["options"].get("limit", [3, 5.0])
        if most == 3 and within == 5.0:
            continue  # its supervisor's may stand in
        for last in moments:
            assert sum(last - within + 1e-6 < moment <= last for moment in moments) <= most
    return restarts


def every_event(theater: Theater) -> list[Any]:
    """All chains but the root's, of the living and the ended."""
    events, actors = [], [bytes(16)]
    for actor in actors:
        chain = list(theater.chain(actor))
        events.extend(chain if actor != bytes(16) else [])
        actors.extend(event.body["child"] for event in chain if "child" in event.body)
    return events


@pytest.mark.parametrize("seed", range(12))
def test_nothing_hangs_and_nobody_is_lost(seed: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, logger="theater")
    restarts = anyio.run(
        partial(chaos, seed), backend_options={"loop_factory": partial(VirtualLoop, seed=seed)}
    )
    assert restarts


async def chaos(seed: int) -> int:
    dice = Wild.dice = Random(seed)
    Wild.wildness = dice.choice([0.0, 0.1, 0.3])
    before = asyncio.all_tasks()
    async with Theater(clock=virtual_now, entropy=dice.randbytes, keep=10**6) as theater:
        with anyio.fail_after(100_000):
            await wreak_havoc(theater, dice)
            Wild.wildness = 0.0
            await theater.settled()
            for ref in living(theater):
                await attempt(ref.ask, "work", 0.0)
            await theater.settled()
        assert not theater._stage.chores  # type: ignore[union-attr]  # it is open
        restarts = check_limits(theater)
        with anyio.fail_after(100_000):
            for ref in living(theater):
                await ref.stop()
        assert theater.statistics().actors == 0
        last = {event.actor: event.kind for event in every_event(theater)}
        assert set(last.values()) == {"actor/stopped"}
    assert asyncio.all_tasks() == before
    return restarts
