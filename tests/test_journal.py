"""Both journals keep the contract; the one in memory is bounded."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from journal_contract import JournalContract, Scribe

from theater.errors import ContentNotFoundError, HistoryCutError, SetupError
from theater.journal import DiskJournal, Journal, MemoryJournal
from theater.keys import SigningKey
from theater.merkle import root_of

pytestmark = [pytest.mark.anyio, pytest.mark.real_clock]


class TestMemoryJournal(JournalContract):
    @pytest.fixture
    async def journal(self) -> AsyncIterator[Journal]:
        journal = MemoryJournal()
        await journal.open()
        yield journal
        await journal.close()


class TestDiskJournal(JournalContract):
    @pytest.fixture
    async def journal(self, tmp_path: Path) -> AsyncIterator[Journal]:
        journal = DiskJournal(tmp_path / "theater")
        await journal.open()
        yield journal
        await journal.close()


def first_of(journal: Journal, scribe: Scribe) -> int:
    """The first event of a chain that is still here; its end if none is."""
    first = journal.first(scribe.actor)
    return scribe.seq if first is None else first


async def test_memory_keeps_the_newest_events_of_all_actors_together() -> None:
    journal = MemoryJournal(keep=10)
    idle, busy, born_late = (Scribe(journal, number) for number in (1, 2, 3))
    idle.write()
    for _ in range(20):
        busy.write()
    born_late.write()

    assert journal.first(busy.actor) == 11
    assert [journal.event(busy.actor, seq) for seq in range(11, 20)] == busy.events[11:]
    assert journal.event(born_late.actor, 0) == born_late.events[0]
    assert (journal.first(idle.actor), journal.committed_of(idle.actor)) == (None, 0)
    for scribe, seq in ((idle, 0), (busy, 0), (busy, 10)):
        with pytest.raises(HistoryCutError, match="keep="):
            journal.event(scribe.actor, seq)


@pytest.mark.parametrize("looks_every", [1, 7, 50, 10_000])
async def test_looking_at_any_time_finds_what_is_kept(looks_every: int) -> None:
    journal = MemoryJournal(keep=40)
    scribes = [Scribe(journal, number) for number in range(3)]
    for number in range(400):
        scribes[number % 3 if number % 5 else 0].write()
        if number % looks_every == 0:
            for scribe in scribes:
                first = first_of(journal, scribe)
                found = [journal.event(scribe.actor, seq) for seq in range(first, scribe.seq)]
                assert found == scribe.events[first:]
    assert sum(scribe.seq - first_of(journal, scribe) for scribe in scribes) == 40


async def test_dropped_events_stay_under_the_root() -> None:
    journal = MemoryJournal(keep=1)
    scribe = Scribe(journal)
    for _ in range(2500):
        scribe.write()

    checkpoint = journal.checkpoint().checkpoint(journal.key)

    assert (checkpoint.size, checkpoint.root) == (2500, root_of(scribe.events))


@pytest.mark.parametrize("keep_bytes", [1, 1_000, 100_000, 1_000_000])
@pytest.mark.parametrize("text", [10, 3_000, 60_000])
async def test_memory_never_keeps_more_bytes_than_it_may(keep_bytes: int, text: int) -> None:
    journal = MemoryJournal(keep=3_000, keep_bytes=keep_bytes)
    scribes = [Scribe(journal, number) for number in range(2)]
    least = keep_bytes
    for number in range(4_000 if text == 10 else 100):
        scribe = scribes[number % 2]
        scribe.write("x" * (text if number % 3 else 20))
        kept = [len(data) for data in journal.kept()]
        assert sum(kept) <= keep_bytes or len(kept) == 1
        if len(kept) < min(number + 1, 3_000):  # some went because of their bytes
            least = min(least, sum(kept))

    assert least >= keep_bytes * 14 // 16 - 2 * max(map(len, scribes[0].events))
    assert journal.kept()[-1] == scribes[1].events[-1]
    for scribe in scribes:
        first = first_of(journal, scribe)
        assert [journal.event(scribe.actor, seq) for seq in range(first, scribe.seq)] == scribe.events[first:]
        if first:
            with pytest.raises(HistoryCutError, match="keep_bytes="):
                journal.event(scribe.actor, first - 1)
    events = [data for pair in zip(scribes[0].events, scribes[1].events, strict=True) for data in pair]
    assert journal.checkpoint().checkpoint(journal.key).root == root_of(events)


async def test_contents_that_left_events_count_and_go_with_them() -> None:
    journal = MemoryJournal(keep_bytes=100_000)
    scribe = Scribe(journal)
    stored = scribe.keep(b"s" * 500_000, kept=True)
    digests: list[bytes] = []
    held: list[bytes] = []
    for number in range(50):
        digests.append(scribe.keep(number.to_bytes(8) * 1_250, kept=False))
        held = [digest for digest in digests if journal.holds(digest)]
        assert 10_000 * len(held) + sum(map(len, journal.kept())) <= 100_000
    assert digests[-9:] == held

    again = scribe.keep((49).to_bytes(8) * 1_250, kept=False)
    assert again == digests[-1]
    assert sum(map(journal.holds, digests)) == 9  # what is there already takes nothing more
    for digest in held:
        journal.put(digest, journal.read(digest), kept=True)
        journal.put(digest, journal.read(digest), kept=True)
    more = [scribe.keep(number.to_bytes(8) * 1_250, kept=False) for number in range(60, 68)]
    assert all(map(journal.holds, (*held, *more, stored)))  # what a store keeps does not count
    journal.forget(more[-1])
    journal.forget(more[-1])
    more[-1] = scribe.keep((67).to_bytes(8) * 1_250, kept=False)
    assert all(map(journal.holds, more))
    for number in range(100, 120):
        scribe.keep(number.to_bytes(8) * 1_250, kept=False)
    assert not any(map(journal.holds, more))
    assert all(map(journal.holds, (*held, stored)))
    assert journal._contents.weight <= 100_000


async def test_a_content_too_large_to_be_kept_stays_with_the_newest_event() -> None:
    journal = MemoryJournal(keep_bytes=1_000)
    scribe = Scribe(journal)
    digest = b""
    for number in range(3):
        digest = scribe.keep(number.to_bytes(8) * 1_250, kept=False)
        assert (len(journal.kept()), journal.holds(digest)) == (1, True)
    scribe.write()

    assert not journal.holds(digest)


async def test_an_outlined_blob_goes_with_the_last_event_that_names_it() -> None:
    journal = MemoryJournal(keep=2)
    scribe = Scribe(journal)
    digest = scribe.keep(b"large argument", kept=False)
    assert scribe.keep(b"large argument", kept=False) == digest
    scribe.write()
    assert journal.read(digest) == b"large argument"

    scribe.write()

    assert not journal.holds(digest)
    with pytest.raises(ContentNotFoundError):
        journal.read(digest)


async def test_a_content_that_a_store_keeps_outlives_the_events_that_name_it() -> None:
    journal = MemoryJournal(keep=2)
    scribe = Scribe(journal)
    told = scribe.keep(b"told, then stored", kept=False)
    journal.put(told, b"told, then stored", kept=True)
    ingest = journal.ingest()
    ingest.write(b"streamed")
    streamed, _ = ingest.publish()
    for _ in range(10):
        scribe.write()

    assert journal.read(told) == b"told, then stored"
    assert journal.read(streamed) == b"streamed"


async def test_a_blob_forgotten_before_its_event_is_dropped_is_no_trouble() -> None:
    journal = MemoryJournal(keep=1)
    scribe = Scribe(journal)
    digest = scribe.keep(b"x", kept=False)
    journal.forget(digest)
    scribe.write()

    assert not journal.holds(digest)


async def test_memory_signs_under_a_name_and_key_of_its_own_or_those_given() -> None:
    key = SigningKey.generate()
    named = MemoryJournal(key=key, origin=f"theater/{'0' * 32}")

    assert named.checkpoint().checkpoint(key.public).origin == f"theater/{'0' * 32}"
    assert MemoryJournal().origin != MemoryJournal().origin
    assert not named.durable


def test_a_journal_that_keeps_nothing_is_refused() -> None:
    with pytest.raises(SetupError, match="keep=0"):
        MemoryJournal(keep=0)
