"""autogen-core 0.7, single-threaded runtime: one queue for all agents. Nothing is recorded."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from autogen_core import (
    AgentId,
    MessageContext,
    RoutedAgent,
    SingleThreadedAgentRuntime,
    TopicId,
    TypeSubscription,
    message_handler,
)

from benchmarks.gauge import MEMBERS, Stopwatch, used_memory
from benchmarks.kinds import Case
from benchmarks.peers.turns import asked


@dataclass
class Number:
    value: int


class Sink(RoutedAgent):
    def __init__(self, expected: int, done: asyncio.Future[None]) -> None:
        super().__init__("sink")
        self.left = expected
        self.done = done

    @message_handler
    async def take(self, message: Number, ctx: MessageContext) -> None:  # noqa: ARG002  # read by their names
        self.left -= 1
        if not self.left:
            self.done.set_result(None)


class Echo(RoutedAgent):
    def __init__(self) -> None:
        super().__init__("echo")

    @message_handler
    async def echo(self, message: Number, ctx: MessageContext) -> Number:  # noqa: ARG002  # as above
        return message


class Member(RoutedAgent):
    def __init__(self, done: asyncio.Future[None]) -> None:
        super().__init__("member")
        self.done = done

    @message_handler
    async def hop(self, message: Number, ctx: MessageContext) -> None:  # noqa: ARG002  # as above
        if message.value:
            successor = str((int(self.id.key) + 1) % MEMBERS)
            await self.publish_message(Number(message.value - 1), TopicId("member", successor))
        else:
            self.done.set_result(None)


@asynccontextmanager
async def started() -> AsyncIterator[SingleThreadedAgentRuntime]:
    logging.disable()  # it logs every message
    runtime = SingleThreadedAgentRuntime()
    runtime.start()
    yield runtime
    await runtime.stop()


async def tell(count: int, _: Path) -> float:
    """A message to nobody in particular, with one subscriber: its `send_message` is an ask."""
    done = asyncio.get_running_loop().create_future()
    async with started() as runtime:
        await Sink.register(runtime, "sink", lambda: Sink(count, done))
        await runtime.add_subscription(TypeSubscription("topic", "sink"))
        with Stopwatch() as watch:
            for number in range(count):
                await runtime.publish_message(Number(number), TopicId("topic", "default"))
            await done
    return watch.rate(count)


async def ask(count: int, _: Path, *, outstanding: int) -> float:
    async with started() as runtime:
        await Echo.register(runtime, "echo", Echo)
        echo = AgentId("echo", "default")
        return await asked(
            lambda number: runtime.send_message(Number(number), echo), count, outstanding=outstanding
        )


async def ring(hops: int, _: Path) -> float:
    done = asyncio.get_running_loop().create_future()
    async with started() as runtime:
        await Member.register(runtime, "member", lambda: Member(done))
        await runtime.add_subscription(TypeSubscription("member", "member"))
        for place in range(MEMBERS):
            await runtime.try_get_underlying_agent_instance(AgentId("member", str(place)))
        with Stopwatch() as watch:
            await runtime.publish_message(Number(hops), TopicId("member", "0"))
            await done
    return watch.rate(hops)


async def spawn(count: int, _: Path) -> float:
    """An agent can be made and not be stopped: this is half of the work."""
    async with started() as runtime:
        await Echo.register(runtime, "echo", Echo)
        with Stopwatch() as watch:
            await make(runtime, count)
    return watch.rate(count)


async def idle(count: int, _: Path) -> float:
    async with started() as runtime:
        await Echo.register(runtime, "echo", Echo)
        before = used_memory()
        await make(runtime, count)
        return (used_memory() - before) / count


async def make(runtime: SingleThreadedAgentRuntime, count: int) -> None:
    for number in range(count):
        await runtime.try_get_underlying_agent_instance(AgentId("echo", str(number)))


CASES: dict[str, Case] = {
    "tell": tell,
    "ask": partial(ask, outstanding=1),
    "ask64": partial(ask, outstanding=64),
    "ring": ring,
    "spawn": spawn,
    "idle": idle,
    "idle100k": idle,
}
