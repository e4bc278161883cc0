"""Relays: a message that is passed on and on keeps nothing of those that led to it."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from theater import Actor, ActorRef, Theater, handler
from theater.mailbox import Envelope

HOPS = 500
FEW = 20


class Runner(Actor):
    ends: bool = False

    @handler
    async def run(self, left: int, others: list[ActorRef[Any]]) -> None:
        if left:
            await others[0].tell(Runner.run, left - 1, [*others[1:], others[0]])

    @handler
    async def lead(self, left: int, others: list[ActorRef[Any]]) -> None:
        if left:
            await self.context.forward(others[0], Runner.lead, left - 1, [*others[1:], others[0]])

    @handler
    async def stand(self) -> int:
        """How many messages there are now, besides this one."""
        gc.collect()
        return sum(isinstance(one, Envelope) for one in gc.get_objects()) - 1


@pytest.mark.parametrize("records", [True, False])
@pytest.mark.parametrize("how", ["run", "lead"])
async def test_a_message_passed_on_for_long_keeps_none_of_those_before_it(*, records: bool, how: str) -> None:
    async with Theater(record_messages=records) as theater:
        runners = [await theater.spawn(Runner()) for _ in range(3)]
        before = await runners[0].ask(Runner.stand)
        counts: list[int] = []

        for _ in range(3):
            await runners[0].tell(how, HOPS, runners)
            await theater.settled()
            counts.append(await runners[0].ask(Runner.stand))

    assert max(counts) - before < FEW


@pytest.mark.parametrize("how", ["run", "lead"])
async def test_it_keeps_none_while_it_is_on_its_way(theater: Theater, how: str) -> None:
    class Watcher(Runner):
        most: int = 0

        @handler
        async def run(self, left: int, others: list[ActorRef[Any]]) -> None:
            self.most = max(self.most, await self.stand())
            await super().run(left, others)

        @handler
        async def lead(self, left: int, others: list[ActorRef[Any]]) -> None:
            self.most = max(self.most, await self.stand())
            await super().lead(left, others)

        @handler
        async def told(self) -> int:
            return self.most

    runners = [await theater.spawn(Runner()) for _ in range(9)]
    watcher = await theater.spawn(Watcher())
    before = await runners[0].ask(Runner.stand)

    await runners[0].tell(how, HOPS, [*runners, watcher])
    await theater.settled()

    assert await watcher.ask(Watcher.told) - before < FEW
