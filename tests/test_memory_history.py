"""Histories in memory: live chains, by ref, name or id, and what is kept of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from theater import Actor, ActorRef, Theater, handler
from theater.chain import verify_chain
from theater.errors import ActorNotFoundError, HistoryCutError
from theater.merkle import root_of

ROOT = bytes(16)


class Counter(Actor):
    total: int = 0

    @handler
    async def add(self, amount: int = 1) -> int:
        self.total += amount
        return self.total


@pytest.fixture
async def short(anyio_backend: Any) -> AsyncIterator[Theater]:  # noqa: ARG001  # virtual time
    async with Theater(keep=10) as theater:
        yield theater


async def test_a_chain_is_found_by_ref_name_and_id(theater: Theater) -> None:
    counter = await theater.spawn(Counter(), name="counter")
    await counter.ask(Counter.add)

    chains = [theater.chain(key) for key in (counter, "counter", counter.id)]

    assert {chain.head for chain in chains} == {chains[0].head}
    assert [len(chain) for chain in chains] == [2, 2, 2]


async def test_a_chain_is_live(theater: Theater) -> None:
    counter = await theater.spawn(Counter())
    chain = theater.chain(counter)
    before = chain.head

    await counter.ask(Counter.add)

    assert len(chain) == 2
    assert chain[1].parent == before
    assert chain[1].hash == chain.head
    assert chain[-1] == chain[1]
    assert [event.seq for event in chain] == [0, 1]
    assert chain.committed == 2


async def test_a_chain_links_from_its_first_event(theater: Theater) -> None:
    counter = await theater.spawn(Counter())
    for _ in range(10):
        await counter.ask(Counter.add)

    tip = verify_chain(theater.chain(counter))

    assert tip is not None
    assert tip.head == theater.chain(counter).head


async def test_the_root_has_a_chain_of_its_own(theater: Theater) -> None:
    counter = await theater.spawn(Counter(), name="counter")

    opened, spawned = theater.chain(ROOT)

    assert opened.kind == "theater/opened"
    assert opened.body["origin"] == theater.checkpoint().checkpoint(_key(theater)).origin
    assert spawned.body == {"child": counter.id, "class": "test_memory_history:Counter", "name": "counter"}


def _key(theater: Theater) -> Any:
    return theater._begun().journal.key


async def test_an_ended_actors_chain_stays_readable_by_ref_and_id(theater: Theater) -> None:
    counter = await theater.spawn(Counter(), name="counter")
    actor = counter.id
    await counter.stop()

    assert theater.chain(counter)[-1].kind == "actor/stopped"
    assert theater.chain(actor)[-1].kind == "actor/stopped"
    with pytest.raises(ActorNotFoundError):
        theater.chain("counter")


async def test_an_ended_actors_chain_is_found_by_id_when_nobody_holds_a_ref(theater: Theater) -> None:
    actor = await _come_and_go(theater)

    assert [event.kind for event in theater.chain(actor)] == ["actor/spawned", "actor/stopped"]


async def _come_and_go(theater: Theater) -> bytes:
    counter = await theater.spawn(Counter())
    await counter.stop()
    return counter.id


@pytest.mark.parametrize("actor", ["nobody", bytes(15), b"", b"x" * 16])
async def test_an_actor_that_never_was_has_no_chain(theater: Theater, actor: Any) -> None:
    with pytest.raises(ActorNotFoundError):
        theater.chain(actor)


async def test_a_ref_of_another_theater_has_no_chain_here(theater: Theater) -> None:
    async with Theater() as other:
        foreign: ActorRef[Counter] = await other.spawn(Counter())

        with pytest.raises(ActorNotFoundError, match="another theater"):
            theater.chain(foreign)


async def test_what_is_dropped_is_cut_and_the_rest_keeps_its_seq(short: Theater) -> None:
    counter = await short.spawn(Counter())
    for _ in range(30):
        await counter.ask(Counter.add)
    chain = short.chain(counter)

    assert len(chain) == 31
    assert chain.first == 21
    assert chain[30].body["answer"] == 30
    assert chain[21].body["answer"] == 21
    with pytest.raises(HistoryCutError):
        _ = chain[20]
    with pytest.raises(HistoryCutError):
        _ = chain[0]


async def test_the_state_and_the_root_outlive_the_cut(short: Theater) -> None:
    counter = await short.spawn(Counter())
    seen = [event.data for event in short.chain(ROOT)] + [short.chain(counter)[0].data]
    for _ in range(30):
        await counter.ask(Counter.add)
        seen.append(short.chain(counter)[-1].data)

    checkpoint = short.checkpoint().checkpoint(_key(short))

    assert await counter.ask(Counter.add) == 31
    assert (checkpoint.size, checkpoint.root) == (len(seen), root_of(seen))


async def test_a_theater_in_memory_forgets_all_when_it_is_made_anew() -> None:
    async with Theater() as theater:
        await theater.spawn(Counter(total=5), name="counter")

    async with Theater() as theater:
        assert (await theater.resume()).refs == ()
        counter = await theater.spawn(Counter(), name="counter", resume=True)
        assert await counter.ask(Counter.add) == 1


@pytest.mark.real_clock
async def test_in_a_folder_committed_says_how_many_are_signed(tmp_path: Path) -> None:
    async with Theater(tmp_path / "theater") as theater:
        counter = await theater.spawn(Counter(), name="counter")
        chain = theater.chain(counter)
        assert chain.committed == 1
        for _ in range(10):
            await counter.tell(Counter.add)
        assert chain.committed <= len(chain)

        await theater.settled()

        assert chain.committed == len(chain) == 11
    assert chain.committed == len(chain)
    assert chain[10].body["state"] == {"total": 10}
