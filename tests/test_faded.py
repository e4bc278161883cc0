"""Ended actors are there as long as somebody holds a ref of them, and no longer."""

from __future__ import annotations

import gc

from theater import Actor, ActorRef, Theater, handler
from theater.journal.memory import MemoryJournal


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


async def test_the_journal_in_memory_forgets_chains_of_which_nothing_is_left() -> None:
    async with Theater(keep=1_000) as theater:
        held = await theater.spawn(Passing())
        await held.stop()
        journal = held._cell.theater.journal
        assert isinstance(journal, MemoryJournal)
        for _ in range(6_000):
            passing = await theater.spawn(Passing())
            await passing.stop()
            del passing
        gc.collect()
        for _ in range(2_000):
            await (await theater.spawn(Passing())).stop()

        assert journal.size > 16_000
        assert len(journal._ends) < 4_500
        assert journal.committed_of(held.id) == journal.first(held.id) == held._cell.events == 2
