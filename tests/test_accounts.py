"""Accounts: every message that was sent is somewhere, whatever fails, ends, overflows or gives up."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import count
from random import Random
from typing import Any

import anyio
import pytest
from anyio.abc import TaskGroup

from theater import (
    TEMPORARY,
    Actor,
    ActorRef,
    Overflow,
    Reply,
    RestartLimit,
    Statistics,
    Theater,
    TheaterError,
    handler,
)

HOOKS = {"on_start", "on_stop"}


class RefusedError(Exception):
    """An answer."""


class Clerk(Actor):
    """Does all that can happen to a message."""

    mood: int = 0

    def on_load(self) -> None:
        self._owed: list[Reply] = []

    async def on_start(self) -> None:
        self.context.every(7, Clerk.tick)

    @handler(raises=(RefusedError,))
    async def work(self, seconds: float, how: str) -> int:
        if how == "stash":
            return self.context.stash()
        if how == "defer":
            self._owed.append(self.context.defer())
        await anyio.sleep(seconds)
        if how == "fail":
            raise ValueError
        if how == "refuse":
            raise RefusedError
        return self.mood

    @handler(priority=True)
    async def hurry(self, what: str) -> int:
        self.mood += 1
        if what == "unstash":
            self.context.unstash()
        for owed in self._owed:
            owed.answer(self.mood)
        self._owed = []
        if what == "stop":
            self.context.stop()
        return self.mood

    @handler
    async def pass_on(self, to: ActorRef[Clerk], seconds: float, how: str, way: str) -> None:
        TALLY["sent"] += 1
        try:
            if way == "ask":
                await to.ask(Clerk.work, seconds, how)
            elif way == "tell":
                await to.tell(Clerk.work, seconds, how)
            else:
                to.tell_nowait(Clerk.work, seconds, how)
        except (TheaterError, RefusedError):
            self.mood -= 1

    @handler
    async def lines(self, upto: int) -> AsyncIterator[int]:
        for number in range(upto):
            yield number
            await anyio.sleep(1)

    @handler
    async def tick(self) -> None:
        self.mood = 0


TALLY = {"sent": 0}


class Driver:
    """Does random things to a crew from outside, each in a task of its own."""

    tasks: TaskGroup

    def __init__(self, theater: Theater, seed: int) -> None:
        self.theater = theater
        self.random = Random(seed)
        self.crew: list[ActorRef[Clerk]] = []
        self.everybody: list[ActorRef[Clerk]] = []
        self.names = count()

    async def hire(self) -> None:
        options: dict[str, Any] = {"restart": TEMPORARY} if self.random.random() < 0.1 else {}
        clerk = await self.theater.spawn(
            Clerk(),
            name=f"clerk-{next(self.names)}",
            mailbox=self.random.choice([1, 2, 4]),
            overflow=self.random.choice(list(Overflow)),
            limit=RestartLimit(restarts=3, within=5),
            **options,
        )
        self.crew.append(clerk)
        self.everybody.append(clerk)

    async def step(self) -> None:
        do = self.random.choices(
            [self.send, self.end, self.hire, self.wait, self.read], weights=[30, 1, 1, 10, 2]
        )[0]
        await do()

    async def send(self) -> None:
        to, other = self.random.choices(self.crew, k=2)
        seconds, patience = self.random.choice([0, 0.5, 3]), self.random.choice([0.1, 2, 1000])
        how = self.random.choice(["", "", "fail", "refuse", "stash", "defer"])
        way = self.random.choice(["ask", "tell", "tell_nowait"])
        what = self.random.choice(["", "unstash", "unstash", "stop"] if self.random.random() < 0.1 else [""])
        message: tuple[Any, ...] = self.random.choice([
            (Clerk.work, seconds, how),
            (Clerk.pass_on, other, seconds, how, self.random.choice(["ask", "tell", "tell_nowait"])),
            (Clerk.hurry, what or self.random.choice(["", "unstash"])),
        ])  # fmt: skip
        self.tasks.start_soon(self._send, to, way, message, patience)

    async def _send(self, to: Any, way: str, message: tuple[Any, ...], patience: float) -> None:
        TALLY["sent"] += 1
        try:
            with anyio.move_on_after(patience):
                if way == "tell_nowait":
                    to.tell_nowait(*message)
                else:
                    await getattr(to, way)(*message)
        except (TheaterError, RefusedError):
            return

    async def read(self) -> None:
        self.tasks.start_soon(self._read, self.random.choice(self.crew), self.random.randrange(4))

    async def _read(self, clerk: ActorRef[Clerk], most: int) -> None:
        TALLY["sent"] += 1
        try:
            with anyio.move_on_after(50):
                async with clerk.stream(Clerk.lines, 3) as stream:
                    for _ in range(most):
                        await anext(stream, None)
        except TheaterError:
            return

    async def end(self) -> None:
        if len(self.crew) > 1:
            clerk = self.random.choice(self.crew)
            self.crew.remove(clerk)
            self.tasks.start_soon(clerk.stop if self.random.random() < 0.5 else clerk.kill)

    async def wait(self) -> None:
        await anyio.sleep(self.random.choice([0, 0.01, 1, 5]))


def recorded(theater: Theater, crew: list[ActorRef[Clerk]]) -> dict[str, int]:
    """The same accounts, from the record alone."""
    found: dict[str, int] = dict.fromkeys(("handled", "failed", "dead_letters", "fired"), 0)
    for clerk in crew:
        chain = theater.chain(clerk)
        for event in chain:
            found["dead_letters"] += event.kind == "message/dead"
            found["fired"] += event.kind == "timer/fired"
            if event.kind != "message/handled" or event.body.get("stashed"):
                continue
            name = event.body.get("handler") or chain[event.body["message"]].body["handler"]
            if name not in HOOKS:
                found["failed" if event.body.get("failed") else "handled"] += 1
    return found


def check(counts: Statistics) -> None:
    assert counts.unaccounted == 0, counts
    assert min(counts.sent, counts.handled, counts.at_hand, counts.stashed, counts.waiting) >= 0, counts


@pytest.mark.virtual_clock(seeds=2)
@pytest.mark.parametrize("seed", range(20))
async def test_every_message_that_was_sent_is_somewhere(theater: Theater, seed: int) -> None:
    TALLY["sent"] = 0
    read = 0
    driver = Driver(theater, seed)
    async with theater.dead_letters() as letters:
        async with anyio.create_task_group() as driver.tasks:
            for _ in range(4):
                await driver.hire()
            for _ in range(150):
                await driver.step()
                check(theater.statistics())
            await anyio.sleep(500)
            check(theater.statistics())
            driver.tasks.cancel_scope.cancel()
        check(theater.statistics())
        for clerk in driver.everybody:
            await clerk.kill()
        while theater.statistics().dead_letters - letters.missed > read:
            await anext(letters)
            read += 1

    counts, told = theater.statistics(), recorded(theater, driver.everybody)
    check(counts)
    assert counts.queued == counts.waiting == counts.stashed == counts.at_hand == 0
    assert counts.sent == TALLY["sent"] + told["fired"]
    assert (counts.handled, counts.failed, counts.dead_letters) == (
        told["handled"],
        told["failed"],
        told["dead_letters"],
    )
    assert min(counts.handled, counts.failed, counts.withdrawn, counts.returned, counts.dead_letters) > 0
