"""casty 0.30: virtual actors on a runtime in Rust; messages are serialised. Nothing is recorded."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from casty import ActorSystem, Askable, Context, actor

from benchmarks.gauge import MEMBERS, Stopwatch, used_memory
from benchmarks.kinds import Case
from benchmarks.peers.turns import asked


@dataclass(frozen=True)
class Number:
    value: int


@dataclass(frozen=True)
class Question(Askable[int]):
    value: int = 0


class World:
    """What actors reach outside: they are made by key, without arguments."""

    expected: int
    done: asyncio.Future[None]
    members: list[Any]


@actor(initial=0)
async def sink(ctx: Context[int, Number]) -> None:
    handled = 0
    async for _ in ctx.inbox:
        handled += 1
        if handled == World.expected:
            World.done.set_result(None)


@actor(initial=0)
async def echo(ctx: Context[int, Question]) -> None:
    async for question in ctx.inbox:
        question.reply_to.tell(question.value)


@actor(initial=0)
async def member(ctx: Context[int, Number]) -> None:
    successor = World.members[(int(ctx.key) + 1) % MEMBERS]
    async for left in ctx.inbox:
        if left.value:
            successor.tell(Number(left.value - 1))
        else:
            World.done.set_result(None)


async def tell(count: int, _: Path) -> float:
    World.expected, World.done = count, asyncio.get_running_loop().create_future()
    async with ActorSystem() as system:
        ref = system.ref(sink, "sink")
        with Stopwatch() as watch:
            for number in range(count):
                ref.tell(Number(number))
            await World.done
    return watch.rate(count)


async def ask(count: int, _: Path, *, outstanding: int) -> float:
    async with ActorSystem() as system:
        ref = system.ref(echo, "echo")
        return await asked(lambda number: ref.ask(Question(number)), count, outstanding=outstanding)


async def ring(hops: int, _: Path) -> float:
    loop = asyncio.get_running_loop()
    async with ActorSystem() as system:
        World.members = [system.ref(member, str(place)) for place in range(MEMBERS)]
        for turns in (MEMBERS, hops):  # the first time round makes the actors
            World.done = loop.create_future()
            with Stopwatch() as watch:
                World.members[0].tell(Number(turns))
                await World.done
    return watch.rate(hops)


async def spawn(count: int, _: Path) -> float:
    async with ActorSystem() as system:
        with Stopwatch() as watch:
            refs = [system.ref(echo, str(number)) for number in range(count)]
            await asyncio.gather(*(ref.ask(Question(1)) for ref in refs))  # which makes them
            await asyncio.gather(*(system.release(echo, str(number)) for number in range(count)))
    return watch.rate(count)


async def idle(count: int, _: Path) -> float:
    async with ActorSystem() as system:
        before = used_memory()
        refs = [system.ref(echo, str(number)) for number in range(count)]
        await asyncio.gather(*(ref.ask(Question(1)) for ref in refs))
        return (used_memory() - before) / len(refs)


CASES: dict[str, Case] = {
    "tell": tell,
    "ask": partial(ask, outstanding=1),
    "ask64": partial(ask, outstanding=64),
    "ring": ring,
    "spawn": spawn,
    "idle": idle,
    "idle100k": idle,
}
