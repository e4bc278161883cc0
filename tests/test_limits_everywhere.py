"""Limits, wherever an actor's code runs: no declared child, late answer, stash or stream gets around them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from told import kinds, only, told

from theater import (
    ALL,
    Actor,
    ActorFailedError,
    ActorRef,
    Grants,
    NotAllowedError,
    Reply,
    Supervision,
    Theater,
    child,
    handler,
)

HERE = __name__


def act(text: str) -> str:
    return text


class Worker(Actor):
    """Does one thing that has to be granted, in all ways there are."""

    count: int = 0

    def on_load(self) -> None:
        self._owed: list[Reply] = []

    @handler(raises=(NotAllowedError,))
    async def act(self) -> str:
        return await self.context.effect(act, "now")

    @handler(raises=(NotAllowedError,))
    async def act_later(self) -> str:
        self._owed.append(self.context.defer())
        return self._owed[-1].pending

    @handler
    async def settle(self) -> None:
        try:
            self._owed[0].answer(await self.context.effect(act, "late"))
        except NotAllowedError as error:
            self._owed[0].fail(error)

    @handler(raises=(NotAllowedError,))
    async def act_second(self) -> str:
        self.count += 1
        if self.count == 1:
            self.context.stash()
            return "later"
        return await self.context.effect(act, "second")

    @handler
    async def take_up(self) -> None:
        self.context.unstash()

    @handler(raises=(NotAllowedError,))
    async def acts(self) -> AsyncIterator[str]:
        yield "first"
        yield await self.context.effect(act, "in a stream")

    @handler(raises=(NotAllowedError,))
    async def read(self, other: ActorRef[Worker]) -> list[str]:
        return [one async for one in other.stream(Worker.acts)]

    @handler
    async def granted(self) -> str:
        return repr(self.context.grants)


class Boss(Actor):
    """Always has a worker, and says that it may do everything."""

    supervision = Supervision(children=(child(Worker(), name="worker", grants=Grants.all()),))

    @handler
    async def fail(self) -> None:
        raise RuntimeError("on purpose")


async def test_a_declared_child_has_no_more_than_its_supervisor_in_any_life(theater: Theater) -> None:
    narrow = Grants(spawn=f"{HERE}:Worker", mailbox=1024)
    boss = await theater.spawn(Boss(), name="boss", grants=narrow)

    for _ in range(2):
        worker = theater.find("boss/worker")
        assert await worker.ask("granted") == repr(narrow)
        with pytest.raises(NotAllowedError):
            await worker.ask("act")
        with pytest.raises(ActorFailedError):
            await boss.ask(Boss.fail)
        await theater.settled()


async def test_a_supervisor_that_may_not_spawn_its_declared_child_does_not_start(theater: Theater) -> None:
    with pytest.raises(ActorFailedError, match=f"was not granted spawn of {HERE}:Worker"):
        await theater.spawn(Boss(), name="boss", grants=Grants.none())

    assert theater.statistics().actors == 0


async def test_an_answer_given_later_needs_the_same_grants(theater: Theater) -> None:
    worker = await theater.spawn(Worker(), grants=Grants.none())

    async def settle() -> None:
        await worker.tell(Worker.settle)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(settle)
        with pytest.raises(NotAllowedError):
            await worker.ask(Worker.act_later)


async def test_a_message_taken_up_again_needs_the_same_grants(theater: Theater) -> None:
    worker = await theater.spawn(Worker(), grants=Grants.none())
    await worker.tell(Worker.act_second)
    await worker.ask(Worker.take_up)
    await theater.settled()

    assert [event.body["handler"] for event in told(theater, worker, "message/refused")] == ["@effect"]


async def test_what_a_stream_yields_needs_the_same_grants(theater: Theater) -> None:
    worker = await theater.spawn(Worker(), grants=Grants.none())
    items: list[str] = []

    with pytest.raises(NotAllowedError):
        async for item in worker.stream(Worker.acts):
            items.append(item)  # noqa: PERF401  # what came before the error counts

    assert items == ["first"]


async def test_opening_a_stream_is_sending_a_message(theater: Theater) -> None:
    worker = await theater.spawn(Worker())
    reader = await theater.spawn(Worker(), grants=Grants(messages_per_second=1))
    nobody = await theater.spawn(Worker(), grants=Grants.none())

    assert await reader.ask(Worker.read, worker) == ["first", "in a stream"]
    with pytest.raises(NotAllowedError):
        await nobody.ask(Worker.read, worker)


@pytest.mark.parametrize("limited", ["opener", "accepter"])
async def test_what_is_sent_over_a_channel_counts_as_messages(theater: Theater, limited: str) -> None:
    class Caller(Actor):
        @handler
        async def converse(self) -> None:
            channel = self.context.accept()
            async for value in channel:
                await channel.send(value)

        @handler(raises=(NotAllowedError,))
        async def call(self, other: ActorRef[Any], count: int) -> list[int]:
            async with await other.open(Caller.converse) as channel:
                echoes = []
                for number in range(count):
                    await channel.send(number)
                    echoes.append(await channel.receive())
                return echoes

    few = {limited: Grants(messages_per_second=3)}
    opener = await theater.spawn(Caller(), grants=few.get("opener"))
    accepter = await theater.spawn(Caller(), grants=few.get("accepter"))

    assert await opener.ask(Caller.call, accepter, 2) == [0, 1]
    await anyio.sleep(2)
    with pytest.raises(NotAllowedError if limited == "opener" else ActorFailedError, match="may send 3 mess"):
        await opener.ask(Caller.call, accepter, 4)

    refused = only(theater, opener if limited == "opener" else accepter, "message/refused").body
    assert (refused["handler"], refused["args"]) == ("@channel", [2 if limited == "opener" else 3])


async def test_a_limited_actor_s_value_for_the_world_outside_is_refused_on_record(theater: Theater) -> None:
    class Host(Actor):
        @handler(raises=(NotAllowedError,))
        async def greet(self) -> None:
            await self.context.accept().send("hello")

    host = await theater.spawn(Host(), grants=Grants.none())

    async with await host.open(Host.greet) as channel:
        with pytest.raises(NotAllowedError):
            await channel.receive()

    assert only(theater, host, "message/refused").body["to"] == bytes(16)


async def test_a_theater_at_hand_while_an_actor_is_loaded_finds_no_more(theater: Theater) -> None:
    class Early(Actor):
        def on_load(self) -> None:
            with pytest.raises(NotAllowedError):
                theater.find("worker")
            self._tried = True

        @handler
        async def tried(self) -> bool:
            return self._tried

    await theater.spawn(Worker(), name="worker")
    early = await theater.spawn(Early(), grants=Grants.none())

    assert await early.ask(Early.tried)
    assert kinds(theater, early) == ["message/handled"]


async def test_refused_messages_are_counted_as_handed_back(theater: Theater) -> None:
    class Teller(Actor):
        @handler(raises=(NotAllowedError,))
        async def go(self, to: ActorRef[Any]) -> None:
            await to.tell("act")

    worker = await theater.spawn(Worker())
    teller = await theater.spawn(Teller(), grants=Grants(spawn=ALL))

    with pytest.raises(NotAllowedError):
        await teller.ask(Teller.go, worker)

    counts = theater.statistics()
    assert (counts.sent, counts.handled, counts.returned) == (2, 1, 1)
