"""tapio 0.18: typed behaviours in the manner of Pekko, messages checked by pydantic. Nothing is recorded."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

from tapio import ActorSystem, Behavior, Behaviors, MailboxConfig, Message
from tapio.actor import ActorRef

from benchmarks.gauge import MEMBERS, Stopwatch, used_memory
from benchmarks.kinds import Case
from benchmarks.peers.turns import asked

UNBOUNDED = MailboxConfig(capacity=None)


class Number(Message):
    value: int


class Question(Message):
    value: int
    reply_to: ActorRef[Number]


async def echo(question: Question) -> Behavior[Question]:
    question.reply_to.tell(Number(value=question.value))
    return Behaviors.same()


async def stop(_: Number) -> Behavior[Number]:
    return Behaviors.stopped()


async def tell(count: int, _: Path) -> float:
    done = asyncio.get_running_loop().create_future()
    handled = 0

    async def take(_: Number) -> Behavior[Number]:
        nonlocal handled
        handled += 1
        if handled == count:
            done.set_result(None)
        return Behaviors.same()

    async with ActorSystem("benchmark") as system:
        ref = system.spawn_anonymous(Behaviors.receive_message(take), mailbox=UNBOUNDED)
        await asyncio.sleep(0)
        with Stopwatch() as watch:
            for number in range(count):
                ref.tell(Number(value=number))
            await done
    return watch.rate(count)


async def ask(count: int, _: Path, *, outstanding: int) -> float:
    async with ActorSystem("benchmark") as system:
        ref = system.spawn_anonymous(Behaviors.receive_message(echo))

        async def answer(number: int) -> Any:
            return await ref.ask(lambda asker: Question(value=number, reply_to=asker), expect=Number)

        return await asked(answer, count, outstanding=outstanding)


async def ring(hops: int, _: Path) -> float:
    done = asyncio.get_running_loop().create_future()
    members: list[Any] = []

    def member(successor: int) -> Any:
        async def hop(left: Number) -> Behavior[Number]:
            if left.value:
                members[successor].tell(Number(value=left.value - 1))
            else:
                done.set_result(None)
            return Behaviors.same()

        return Behaviors.receive_message(hop)

    async with ActorSystem("benchmark") as system:
        members.extend(system.spawn_anonymous(member((place + 1) % MEMBERS)) for place in range(MEMBERS))
        await asyncio.sleep(0)
        with Stopwatch() as watch:
            members[0].tell(Number(value=hops))
            await done
    return watch.rate(hops)


async def spawn(count: int, _: Path) -> float:
    """An actor stops by what its handler returns; the last has ended when the system has."""
    with Stopwatch() as watch:
        async with ActorSystem("benchmark") as system:
            for ref in [system.spawn_anonymous(Behaviors.receive_message(stop)) for _ in range(count)]:
                ref.tell(Number(value=0))
    return watch.rate(count)


async def idle(count: int, _: Path) -> float:
    async with ActorSystem("benchmark") as system:
        before = used_memory()
        refs = [system.spawn_anonymous(Behaviors.receive_message(echo)) for _ in range(count)]
        await asyncio.sleep(0.1)
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
