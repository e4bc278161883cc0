"""Puts of small contents, many at once: who waits is answered together, and what is recorded is the same."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from journal_contract import Scribe
from journal_disks import KEY, ORIGIN
from msgspec.msgpack import Ext

from theater import Actor, Theater, handler
from theater.codec import encode
from theater.content import ContentRef
from theater.journal import DiskJournal
from theater.journal.commits import Commits
from theater.journal.held import Held
from theater.loop import Future
from theater.loop.promise import give_results
from theater.loop.pump import Pump
from theater.plain import CONTENT_REF, write
from theater.store.requests import Keep, Kept

ASKERS = 300
REF = ContentRef.of(b"content")


class Keeper(Actor):
    @handler
    async def keep(self) -> int:
        store = self.context.store
        await store.store(b"first")  # from now on its supervisor rests

        async def put_in_turn(asker: int) -> None:
            for number in range(4):
                await store.store(b"%d %d" % (asker, number))

        await asyncio.gather(*(put_in_turn(asker) for asker in range(ASKERS)))
        return len(await store.list_all_content())


@pytest.mark.anyio
@pytest.mark.real_clock
async def test_all_who_were_answered_together_share_the_next_batch_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed: list[int] = []
    seal = Commits.seal

    def note(self: Commits) -> None:
        sealed.append(len(self.forming.waiters))
        seal(self)

    monkeypatch.setattr(Commits, "seal", note)
    async with Theater(tmp_path / "theater") as theater:
        keeper = await theater.spawn(Keeper())

        assert await keeper.ask(Keeper.keep) == 4 * ASKERS + 1

    assert sealed.count(ASKERS) == 4


@pytest.mark.anyio
@pytest.mark.real_clock
async def test_contents_whose_events_wait_in_the_inlet_fill_the_journal_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("theater.journal.commits.FULL_BYTES", 4 << 20)
    monkeypatch.setattr(Scribe, "by_inlet", True)
    journal = DiskJournal(tmp_path / "theater", key=KEY, origin=ORIGIN)
    await journal.open()
    scribe = Scribe(journal)
    scribe.write("first")
    assert journal.inlet is not None
    assert journal.inlet.most > 40

    for number in range(8):
        content = bytes([number]) * (1 << 20)
        journal.put(sha256(content).digest(), content, kept=True)
        scribe.write()

    assert journal.full
    await journal.close()


def test_a_content_is_noted_as_new_only_if_none_could_be_meant_by_its_bits() -> None:
    known, alike, filed = bytes(32), bytes(31) + b"\1", bytes([7]) * 32
    held = Held({5: known}.__getitem__)
    held.files[filed] = 3

    assert held.take_new(known, 5)
    assert not held.take_new(known, 9)
    assert not held.take_new(alike, 9)
    assert not held.take_new(filed, 9)
    held.place(alike, 9)
    assert not held.take_new(alike, 11)
    assert [held.candidate(known), held.candidate(alike)] == [5, 9]


@pytest.mark.parametrize("size", [0, 1_024, 70_000])
def test_what_a_quick_put_records_is_what_the_request_says(size: int) -> None:
    store = "5" * 32

    quick = write(Kept(Ext(CONTENT_REF, REF.digest), size, store))

    assert quick == encode(Keep(store, ref=REF, size=size).body())


@pytest.mark.parametrize("one_by_one", [False, True])
def test_results_reach_all_who_wait_but_those_who_left(*, one_by_one: bool) -> None:
    async def main() -> list[object]:
        loop = asyncio.get_running_loop()
        pump = Pump(loop, one_by_one=one_by_one)
        make: list[Callable[[], Future[Any]]] = [pump.promise, loop.create_future]
        futures = [one() for one in make * 3]
        tasks = [asyncio.ensure_future(_told(future)) for future in futures]
        late = pump.promise()
        await asyncio.sleep(0)
        tasks[0].cancel()
        tasks[1].cancel()

        give_results([(future, number) for number, future in enumerate([*futures, late])])

        return [*await asyncio.gather(*tasks, return_exceptions=True), await late]

    left, also_left, *told = asyncio.run(main())

    assert isinstance(left, asyncio.CancelledError)
    assert isinstance(also_left, asyncio.CancelledError)
    assert told == [2, 3, 4, 5, 6]


async def _told(future: Future[Any]) -> Any:
    return await future
