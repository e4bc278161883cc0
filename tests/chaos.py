"""Chaos: a tree of actors to whom everything happens at random, and what must be true of it afterwards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any, ClassVar, cast

import anyio

from theater import (
    ONE_FOR_ALL,
    REST_FOR_ONE,
    Actor,
    ActorFailedError,
    ActorRef,
    ChainView,
    DeliveryError,
    Event,
    NotRunningError,
    Overflow,
    Reason,
    Reply,
    RestartLimit,
    Supervision,
    Theater,
    child,
    handler,
)
from theater.options import SpawnOptions

LIMIT = RestartLimit(restarts=4, within=2.0)
BRANCHES = 10  # children of each supervisor: 1 + 10 + 100 + 889 actors
PLAYERS = 1_000
STEPS = 10_000
DRIVERS = 20  # who act on the tree at the same time
MAILBOX = 8
ENDS = {"fail", "finish", "stop", "kill"}  # what takes those below along


def kept(overflow: str) -> SpawnOptions:
    """How players are kept."""
    return {"limit": LIMIT, "stop_within": 1.0, "mailbox": MAILBOX, "overflow": Overflow(overflow)}


class TroubleError(Exception):
    """What a player fails with."""


class RefusalError(Exception):
    """What a player answers with."""


EXPECTED: tuple[type[Exception], ...] = (ActorFailedError, DeliveryError, RefusalError)
ALSO_LATE: tuple[type[Exception], ...] = (*EXPECTED, TimeoutError)


class Player(Actor):
    """Does what it is told, which often goes wrong; supervises others of its kind."""

    done: int = 0
    told: int = 0  # of ends and failures of others

    def on_load(self) -> None:
        self._replies: list[Reply] = []

    @handler
    async def work(self, amount: int) -> int:
        self.done += amount
        return self.done

    @handler(priority=True)
    async def hurry(self) -> None:
        self.done += 1

    @handler
    async def fail(self) -> None:
        self.done += 1_000_000  # must be gone after the restart
        raise TroubleError("as told")

    @handler(raises=(RefusalError,))
    async def refuse(self) -> None:
        raise RefusalError("as told")

    @handler
    async def dawdle(self, seconds: float) -> None:
        await anyio.sleep(seconds)

    @handler(cancellable=True)
    async def dawdle_until_nobody_cares(self, seconds: float) -> None:
        self.done += 1_000_000  # must be gone when it is cancelled
        await anyio.sleep(seconds)
        self.done -= 1_000_000

    @handler
    async def pass_on(self, to: ActorRef[Player], depth: int) -> int:
        if not depth:
            return await to.ask(Player.work, 1)
        try:
            return await to.ask(Player.pass_on, self.context.ref, depth - 1)
        except (ActorFailedError, DeliveryError):
            return -1

    @handler
    async def hand_over(self, to: ActorRef[Player]) -> int:
        answer: int = await self.context.forward(to, Player.work, 1)
        return answer

    @handler
    async def owe(self) -> int:
        reply = self.context.defer()
        self._replies.append(reply)
        return cast("int", reply.pending)

    @handler
    async def pay(self) -> None:
        while self._replies:
            self._replies.pop().answer(self.done)

    @handler
    async def set_aside(self) -> None:
        if self.context.random.random() < 0.7:
            self.context.stash()
        else:
            self.context.unstash()

    @handler
    async def flood(self, to: ActorRef[Player], messages: int) -> int:
        sent = 0
        for _ in range(messages):
            try:
                to.tell_nowait(Player.work, 1)
            except DeliveryError:
                break
            sent += 1
        return sent

    @handler
    async def grow(self, kind: int, overflow: str) -> ActorRef[Player]:
        return await self.context.spawn(KINDS[kind](), **kept(overflow))

    @handler
    async def look_at(self, other: ActorRef[Player]) -> None:
        self.context.watch(other, Player.saw)

    @handler
    async def bind(self, other: ActorRef[Player]) -> None:
        self.context.link(other)

    @handler
    async def saw(self, _other: ActorRef[Any], _reason: Reason) -> None:
        self.told += 1

    @handler
    async def wake_up(self, seconds: float) -> None:
        self.context.after(seconds, Player.work, 1)

    @handler
    async def finish(self) -> None:
        self.context.stop()

    async def on_child_failed(self, child: ActorRef[Any], error: Exception) -> None:  # noqa: ARG002
        self.told += 1

    async def on_child_stopped(self, child: ActorRef[Any], reason: Reason) -> None:  # noqa: ARG002
        self.told += 1


class Team(Player):
    supervision = Supervision(strategy=ONE_FOR_ALL, limit=LIMIT)


class Line(Player):
    supervision = Supervision(strategy=REST_FOR_ONE, limit=LIMIT)


class Careful(Player):
    supervision = Supervision(limit=LIMIT, children=(child(Player(), name="helper", **kept("wait")),))


KINDS = (Player, Player, Player, Player, Team, Line, Careful)


@dataclass
class Chaos:
    """The world outside: it acts on the tree and remembers what came of it."""

    theater: Theater
    random: Random
    alive: list[ActorRef[Player]] = field(default_factory=list)  # as far as we have been told
    chains: dict[bytes, ChainView] = field(default_factory=dict)  # of all that ever were
    came_of: Counter[str] = field(default_factory=Counter)
    steps: Iterator[int] = field(default_factory=lambda: iter(range(STEPS)))

    acts: ClassVar[dict[str, float]] = {  # how often each is drawn
        "work": 30, "fail": 12, "refuse": 4, "dawdle": 8, "pass_on": 12, "flood": 8,
        "give_up": 12, "look_at": 4, "wake_up": 4, "finish": 1, "stop": 1, "kill": 1, "hurry": 8,
        "hand_over": 6, "owe": 4, "pay": 3, "bind": 0.3, "leave": 6, "set_aside": 4,
    }  # fmt: skip

    async def build(self) -> None:
        """A tree of `PLAYERS` actors, `BRANCHES` under each supervisor."""
        await self.begin()
        for ref in self.alive:  # grows while it is read: breadth first
            for _ in range(min(BRANCHES, PLAYERS - len(self.alive))):
                await self.grow(ref)

    async def begin(self) -> None:
        self.meet(await self.theater.spawn(Player(), **kept("wait")))

    async def grow(self, above: ActorRef[Player]) -> None:
        kind, overflow = self.random.randrange(len(KINDS)), self.random.choice(list(Overflow))
        self.meet(await above.ask(Player.grow, kind, overflow.value))

    def meet(self, ref: ActorRef[Player]) -> None:
        self.alive.append(ref)
        self.chains[ref.id] = self.theater.chain(ref)

    async def happen(self) -> None:
        """All steps, by `DRIVERS` at the same time."""
        async with anyio.create_task_group() as drivers:
            for _ in range(DRIVERS):
                drivers.start_soon(self.drive)

    async def drive(self) -> None:
        names, weights = list(self.acts), list(self.acts.values())
        for _ in self.steps:
            act = self.random.choices(names, weights)[0]
            ref = self.one() if act not in ENDS or self.random.random() < 0.01 else self.lowly()
            try:
                await getattr(self, f"_{act}")(ref)
                came = "done"
            except ALSO_LATE as error:
                came = type(error).__name__
            self.came_of[f"{act}: {came}"] += 1
            if came == "NotRunningError":
                await self.replace(ref)

    def one(self) -> ActorRef[Player]:
        return self.random.choice(self.alive)

    def lowly(self) -> ActorRef[Player]:
        """One that probably stands low in the tree, so that its end does not take the whole of it along."""
        return self.random.choice(self.alive[-(1 + len(self.alive) // 2) :])

    async def replace(self, ended: ActorRef[Player]) -> None:
        """Others are started for those that have ended, wherever something of the tree is left."""
        self.forget(ended)
        while len(self.alive) < PLAYERS:
            if not self.alive:
                await self.begin()
            above = self.one()
            try:
                await self.grow(above)
            except NotRunningError:
                self.forget(above)
            except EXPECTED as error:
                self.came_of[f"replace: {type(error).__name__}"] += 1
                return

    def forget(self, ended: ActorRef[Player]) -> None:
        """It took all along that stood below."""
        gone, below = ended.name, f"{ended.name}/"
        self.alive = [
            one
            for one in self.alive
            if not (name := one.name).startswith(below) and (name != gone or one != ended)
        ]

    async def _work(self, ref: ActorRef[Player]) -> None:
        await ref.tell(Player.work, 1)

    async def _fail(self, ref: ActorRef[Player]) -> None:
        await ref.ask(Player.fail)

    async def _refuse(self, ref: ActorRef[Player]) -> None:
        await ref.ask(Player.refuse)

    async def _dawdle(self, ref: ActorRef[Player]) -> None:
        await ref.tell(Player.dawdle, self.random.random())

    async def _pass_on(self, ref: ActorRef[Player]) -> None:
        await ref.ask(Player.pass_on, self.one(), self.random.randrange(4))

    async def _flood(self, ref: ActorRef[Player]) -> None:
        await ref.ask(Player.flood, self.one(), 2 * MAILBOX)

    async def _give_up(self, ref: ActorRef[Player]) -> None:
        with anyio.fail_after(self.random.random() / 10):
            await (self._dawdle_and_wait if self.random.random() < 0.5 else self._pass_on)(ref)

    async def _dawdle_and_wait(self, ref: ActorRef[Player]) -> None:
        await ref.ask(Player.dawdle, self.random.random() / 5)

    async def _leave(self, ref: ActorRef[Player]) -> None:
        with anyio.fail_after(self.random.random() / 10):
            await ref.ask(Player.dawdle_until_nobody_cares, self.random.random() / 5)

    async def _hurry(self, ref: ActorRef[Player]) -> None:
        await ref.tell(Player.hurry)

    async def _hand_over(self, ref: ActorRef[Player]) -> None:
        await ref.ask(Player.hand_over, self.one())

    async def _owe(self, ref: ActorRef[Player]) -> None:
        with anyio.fail_after(self.random.random()):
            await ref.ask(Player.owe)

    async def _set_aside(self, ref: ActorRef[Player]) -> None:
        with anyio.fail_after(self.random.random() / 10):
            await ref.ask(Player.set_aside)

    async def _pay(self, ref: ActorRef[Player]) -> None:
        await ref.tell(Player.pay)

    async def _bind(self, ref: ActorRef[Player]) -> None:
        await ref.tell(Player.bind, self.lowly())

    async def _look_at(self, ref: ActorRef[Player]) -> None:
        await ref.tell(Player.look_at, self.one())

    async def _wake_up(self, ref: ActorRef[Player]) -> None:
        await ref.tell(Player.wake_up, self.random.random())

    async def _finish(self, ref: ActorRef[Player]) -> None:
        await ref.tell(Player.finish)

    async def _stop(self, ref: ActorRef[Player]) -> None:
        await ref.stop()

    async def _kill(self, ref: ActorRef[Player]) -> None:
        await ref.kill()


def most_restarts(chain: Iterable[Event], *, within: float) -> int:
    """The most failures in any `within` seconds after which the actor was started again."""
    moments: list[int] = []
    failed = 0
    for event in chain:
        if event.kind == "actor/failed":
            failed = event.time
        elif event.kind == "actor/restarted" and failed:
            moments.append(failed)
            failed = 0
    window = int(within * 1e9)
    return max((sum(0 <= later - first < window for later in moments) for first in moments), default=0)
