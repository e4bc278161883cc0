"""Streams and channels of actors that are started again together: whoever read or talked is told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest

from theater import (
    ONE_FOR_ALL,
    Actor,
    ActorFailedError,
    ActorRef,
    Supervision,
    Theater,
    handler,
)

CLOSED: list[str] = []


class Producer(Actor):
    @handler
    async def count(self) -> AsyncIterator[int]:
        try:
            number = 0
            while True:
                yield number
                number += 1
        finally:
            CLOSED.append("count")

    @handler
    async def listen(self) -> None:
        async for _ in self.context.accept():
            pass

    @handler
    async def fail(self) -> None:
        raise ValueError("failed")


class Family(Actor):
    supervision = Supervision(ONE_FOR_ALL)

    @handler
    async def raise_two(self) -> tuple[ActorRef[Any], ActorRef[Any]]:
        return await self.context.spawn(Producer(), stop_within=1.0), await self.context.spawn(Producer())


async def test_a_stream_of_an_actor_that_is_restarted_for_its_sibling_ends_with_an_error(
    theater: Theater,
) -> None:
    CLOSED.clear()
    family = await theater.spawn(Family())
    one, other = await family.ask(Family.raise_two)
    stream = one.stream(Producer.count)
    await anext(stream)

    await other.tell(Producer.fail)

    with pytest.raises(ActorFailedError):
        async for _ in stream:
            await anyio.sleep(1)
    assert CLOSED == ["count"]
    async with one.stream(Producer.count) as again:
        assert await anext(again) == 0


async def test_a_conversation_with_one_that_is_restarted_for_its_sibling_ends_with_an_error(
    theater: Theater,
) -> None:
    family = await theater.spawn(Family())
    one, other = await family.ask(Family.raise_two)
    channel = await one.open(Producer.listen)

    await other.tell(Producer.fail)

    with pytest.raises(ActorFailedError):
        await channel.receive()
    async with await one.open(Producer.listen) as again:
        assert again.is_open
