"""Ended actors are there as long as somebody holds a ref of them, and no longer."""

from __future__ import annotations

import gc

import pytest

from theater import Actor, ActorNotFoundError, ActorRef, Theater, handler


class Passing(Actor):
    @handler
    async def hello(self) -> None: ...


class Friend(Actor):
    friend: ActorRef[Passing] | None = None

    @handler
    async def meet(self, friend: ActorRef[Passing]) -> None:
        self.friend = friend

    @handler
    async def who(self) -> ActorRef[Passing] | None:
        return self.friend


async def test_a_ref_of_one_that_has_ended_still_travels() -> None:
    async with Theater() as theater:
        friend, passing = await theater.spawn(Friend()), await theater.spawn(Passing())
        await passing.stop()
        await friend.ask(Friend.meet, passing)

        assert await friend.ask(Friend.who) == passing


async def test_one_that_nobody_holds_is_gone() -> None:
    async with Theater(record_messages=False) as theater:
        passing = await theater.spawn(Passing())
        faded, id = passing._cell.theater.past, passing.id
        await passing.stop()
        assert faded.get(id) is not None
        assert len(faded.values()) == 1

        del passing
        gc.collect()
        assert faded.get(id) is None
        assert faded.values() == []
        assert faded.pop(id) is None


async def test_what_is_kept_of_them_does_not_grow_with_how_many_there_were() -> None:
    async with Theater(record_messages=False) as theater:
        kept = await theater.spawn(Passing())
        faded = kept._cell.theater.past
        await kept.stop()
        for _ in range(3_000):
            await (await theater.spawn(Passing())).stop()

        assert len(faded) < 2_000
        assert faded.get(kept.id) is kept._cell


async def test_of_a_chain_whose_events_fell_out_its_end_is_known_to_who_holds_a_ref() -> None:
    async with Theater(keep=100) as theater:
        held = await theater.spawn(Passing())
        await held.stop()
        passing = await theater.spawn(Passing())
        id = passing.id
        await passing.stop()
        del passing
        for _ in range(200):
            await (await theater.spawn(Passing())).stop()

        chain = theater.chain(held)
        assert (chain.first, chain.committed, chain.tip.size) == (2, 2, 2)
        gc.collect()
        with pytest.raises(ActorNotFoundError):
            theater.chain(id)
