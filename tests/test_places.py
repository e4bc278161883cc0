"""Places: what a running journal holds of its events in memory is bounded, and all of them are found."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import anyio
import pytest
from full_segments import small_segments
from journal_contract import Scribe, committed
from journal_disks import KEY, ORIGIN
from test_notary import Near

from theater import Actor, History, Theater, handler
from theater.codec import prepare
from theater.errors import CorruptJournalError, HistoryCutError
from theater.event import event_bytes, event_hash
from theater.journal import DiskJournal, indexing, places
from theater.journal.calls import Calls
from theater.journal.folder import Folder
from theater.journal.index import Index
from theater.journal.indexing import Indexing
from theater.journal.log import Log
from theater.journal.opening import Opened
from theater.journal.places import Places
from theater.journal.sealed import tabled
from theater.journal.table import Table
from theater.notary.scrutiny import Scrutiny
from theater.notary.session import Session

pytestmark = [pytest.mark.anyio, pytest.mark.real_clock]

ROUNDS = 30


class Crew:
    """Writes to chains of which some go on, some rest, and some have ended."""

    def __init__(self, journal: DiskJournal) -> None:
        self.journal = journal
        self.busy = [Scribe(journal, number) for number in range(1, 6)]
        self.resting = [Scribe(journal, number) for number in range(10, 15)]
        self.ended: list[Scribe] = []
        self.before = 0  # segments that were sealed at the opening
        self.log: list[tuple[Scribe, int]] = []  # chain and seq of each event, in their order

    async def play(self, rounds: int = ROUNDS, *, until: int | None = None) -> None:
        """Each round in a batch, and each batch in a segment, more or less; then wait for the handing over.

        That of all sealed segments, or of `until` so many.
        """
        for number in range(rounds):
            for scribe in self.busy:
                for _ in range(number % 3 + 1):
                    self.write(scribe)
            if number % 7 == 0:
                for scribe in self.resting:
                    self.write(scribe)
            short = Scribe(self.journal, 1000 + len(self.ended))
            self.write(short)
            end(short)
            self.log.append((short, 1))
            self.ended.append(short)
            await committed(self.journal)
        await handed_over(self.journal, before=self.before, sealed=until)

    async def go_on(self, path: Path) -> None:
        self.journal = DiskJournal(path, key=KEY, segment_bytes=1)
        await self.journal.open()
        self.before = (self.journal._commits.committed_to >> 32) - 1
        for scribe in self.all:
            scribe.journal = self.journal

    @property
    def all(self) -> list[Scribe]:
        return [*self.busy, *self.resting, *self.ended]

    def require_all(self) -> None:
        """Each event is found, from wherever one looks, and in the order in which it was written."""
        journal = self.journal
        for scribe in Random(1).sample(self.all, len(self.all)):
            for seqs in (range(scribe.seq), reversed(range(scribe.seq))):
                assert all(journal.event(scribe.actor, seq) == scribe.events[seq] for seq in seqs)
            assert journal.committed_of(scribe.actor) == scribe.seq
            with pytest.raises(HistoryCutError):
                journal.event(scribe.actor, scribe.seq)
        positions = [journal.position(scribe.actor, seq) for scribe, seq in self.log]
        assert positions == sorted(set(positions))
        assert journal.committed_of(bytes(16)) == journal.committed_of(b"short") == 0
        for scribe, seq in self.log[:: len(self.log) // 9]:
            behind = [other.events[n] for other, n in self.log]
            at = self.log.index((scribe, seq))
            assert list(journal.since(scribe.actor, seq)) == behind[at + 1 :]

    def write(self, scribe: Scribe) -> None:
        self.log.append((scribe, scribe.seq))
        scribe.write()


def end(scribe: Scribe) -> None:
    """Append the end of an actor."""
    moment = 1_700_000_000_000_000_000 + scribe.seq
    body = prepare({"reason": "normal"})
    data = event_bytes(scribe.actor, scribe.seq, scribe.head, moment, "actor/stopped", body)
    scribe.head = event_hash(data)
    scribe.journal.append(scribe.actor, scribe.seq, data, scribe.head)
    scribe.seq += 1
    scribe.events.append(data)


async def handed_over(journal: DiskJournal, *, before: int = 0, sealed: int | None = None) -> None:
    """Wait until the positions of all sealed segments are, those before the opening apart."""
    if sealed is None:
        sealed = (journal._commits.committed_to >> 32) - 1 - before
    while journal._places.sealed < sealed or not journal._shelving.is_at_rest:
        await anyio.lowlevel.checkpoint()


async def test_positions_leave_memory_when_their_segment_has_its_index(tmp_path: Path) -> None:
    journal = DiskJournal(tmp_path / "theater", key=KEY, origin=ORIGIN, segment_bytes=1)
    await journal.open()
    crew = Crew(journal)

    await crew.play()

    held = journal._places
    assert held.sealed > ROUNDS // 4
    newest = sum(journal.position(scribe.actor, seq) >> 32 > held.sealed for scribe, seq in crew.log)
    assert len(held) == newest < len(crew.log) / 3
    assert held.chains <= len(crew.busy) + len(crew.resting) + newest  # none of those that ended before
    crew.require_all()
    await journal.close()


async def test_after_an_opening_all_goes_on_and_is_handed_over_as_well(tmp_path: Path) -> None:
    journal = DiskJournal(tmp_path / "theater", key=KEY, origin=ORIGIN, segment_bytes=1)
    await journal.open()
    crew = Crew(journal)
    await crew.play()
    await journal.close()

    for _ in range(2):
        await crew.go_on(tmp_path / "theater")
        journal = crew.journal
        found, tips = journal._index, dict(journal.tips())
        crew.require_all()
        early = offsets_in(found)
        for _ in range(ROUNDS):
            crew.write(crew.busy[1])
            await committed(journal)
        await handed_over(journal, before=crew.before)
        assert journal._places.sealed
        assert offsets_in(found) < early / 3
        crew.require_all()
        assert dict(journal.tips()) == tips
        await journal.close()


async def test_chains_are_found_while_they_are_being_handed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "_AT_ONCE", 1)
    steps = 0
    hand_over = Places.hand_over

    def looking(self: Places, table: Table) -> Iterator[None]:
        nonlocal steps
        for _ in hand_over(self, table):
            steps += 1
            for scribe in crew.all:
                for seq in (0, scribe.seq // 2, scribe.seq - 1):
                    assert journal.event(scribe.actor, seq) == scribe.events[seq]
                assert self.count(scribe.actor) == scribe.seq
            yield

    monkeypatch.setattr(Places, "hand_over", looking)
    journal = DiskJournal(tmp_path / "theater", key=KEY, origin=ORIGIN, segment_bytes=1)
    await journal.open()
    crew = Crew(journal)

    await crew.play()

    assert steps > ROUNDS
    crew.require_all()
    await journal.close()


@pytest.mark.parametrize("damage", ["gone", "another", "short", "gone later"])
async def test_events_are_found_without_the_indexes_that_their_positions_were_left_to(
    tmp_path: Path, damage: str
) -> None:
    folder = Folder(tmp_path / "theater")
    journal = DiskJournal(folder.path, key=KEY, origin=ORIGIN, segment_bytes=1)
    await journal.open()
    crew = Crew(journal)
    await crew.play(10)
    if damage == "gone later":
        crew.require_all()

    paths = sorted(folder.indexes.iterdir())
    for path, other in zip(paths, [*paths[1:], paths[0]], strict=True):
        if damage == "another":
            path.write_bytes(b"theater index 1\n" + other.read_bytes()[16:])
        elif damage == "short":
            path.write_bytes(path.read_bytes()[:-80])
        else:
            path.unlink()

    crew.require_all()
    await journal.close()


async def test_an_event_is_not_found_where_index_and_segment_are_damaged(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "theater")
    journal = DiskJournal(folder.path, key=KEY, origin=ORIGIN, segment_bytes=1)
    await journal.open()
    crew = Crew(journal)
    await crew.play(6)
    folder.index(1).unlink()
    content = bytearray(folder.segment(1).read_bytes())
    content[-200] ^= 1
    folder.segment(1).write_bytes(content)

    with pytest.raises(CorruptJournalError, match="segment 1"):
        journal.event(crew.busy[0].actor, 0)
    await journal.close()


async def test_behind_a_segment_that_cannot_be_indexed_all_stays_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(folder: Folder, segment: int, **options: Any) -> tuple[Table, int] | None:
        return None if segment == 3 else tabled(folder, segment, **options)

    monkeypatch.setattr(indexing, "tabled", damaged)
    journal = DiskJournal(tmp_path / "theater", key=KEY, origin=ORIGIN, segment_bytes=1)
    await journal.open()
    crew = Crew(journal)

    await crew.play(8, until=2)

    assert journal._places.sealed == 2
    crew.require_all()
    await journal.close()


async def test_a_notary_and_its_theater_hand_positions_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for rule in ("_take_word", "_take_time"):
        monkeypatch.setattr(Scrutiny, rule, lambda *_: None)
    sessions: list[Session] = []
    begin = Session.__init__

    def noted(self: Session, opened: Opened, log: Log) -> None:
        begin(self, opened, log)
        sessions.append(self)

    monkeypatch.setattr(Session, "__init__", noted)
    near = Near(tmp_path / "theater", segment_bytes=1)
    journal = near.journal()
    await journal.open()
    crew = Crew(journal)

    await crew.play(until=ROUNDS // 4)

    (session,) = sessions
    assert session._places.sealed >= ROUNDS // 4
    assert len(session._places) < len(crew.log) * 3 // 4
    for scribe, seq in crew.log:
        assert session._places.position(scribe.actor, seq) == journal.position(scribe.actor, seq)
    crew.require_all()
    await journal.close()
    near.join()


async def test_an_id_that_stands_across_two_others_is_not_taken_for_one(tmp_path: Path) -> None:
    journal = DiskJournal(tmp_path / "theater", key=KEY, origin=ORIGIN, segment_bytes=1)
    await journal.open()
    across = bytes(8) + bytes(range(1, 9))
    first, second = Scribe(journal), Scribe(journal)
    first.actor, second.actor = bytes(range(16, 24)) + across[:8], across[8:] + bytes(range(24, 32))
    for scribe in (first, second):
        scribe.write()
        end(scribe)
    await committed(journal)
    while not journal._places.sealed:
        Scribe(journal, 5 + journal.size).write()
        await committed(journal)
    await handed_over(journal)

    assert journal.committed_of(across) == 0
    assert journal.committed_of(first.actor) == journal.committed_of(second.actor) == 2
    with pytest.raises(ValueError, match="where 2 is the next"):
        journal.append(first.actor, 7, b"", bytes(32))
    await journal.close()


async def test_indexing_does_not_rest_while_another_segment_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Folder(tmp_path / "theater")
    journal = DiskJournal(folder.path, key=KEY, origin=ORIGIN, segment_bytes=1)
    await journal.open()
    await Crew(journal).play(10)
    await journal.close()
    monkeypatch.setattr(indexing, "_SLICE", 0)
    making = Indexing(folder, calls=Calls())
    rests: list[float] = []
    rested: list[int] = []
    making.on_made = lambda _: rested.append(len(rests))

    def rest(seconds: float) -> None:
        rests.append(seconds)
        making._segments.put(None)

    monkeypatch.setattr(making._hurry, "wait", rest)
    for segment in (1, 2, 3):
        making._segments.put(segment)
    making._run()

    assert rested[:2] == [0, 0]
    assert rested[2] > 0


class Child(Actor):
    @handler
    async def work(self, text: str) -> str:
        return text


class Boss(Actor):
    count: int = 0

    @handler
    async def employ(self) -> bytes:
        self.count += 1
        ref = await self.context.spawn(Child())
        await ref.ask(Child.work, "x" * 500)
        await ref.stop()
        return ref.id


async def test_a_theater_that_starts_and_ends_actors_keeps_none_of_their_chains_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_segments(monkeypatch)
    async with Theater(tmp_path / "theater") as theater:
        boss = await theater.spawn(Boss(), name="boss")
        ids = [await boss.ask(Boss.employ) for _ in range(150)]
        assert theater._stage is not None
        journal = theater._stage.journal
        assert isinstance(journal, DiskJournal)
        await handed_over(journal)

        assert journal._places.sealed >= 3
        assert journal._places.chains < 75
        assert len(journal._places) < journal.size / 2
        for id in ids[::20]:
            kinds = [event.kind for event in theater.chain(id)]
            assert kinds == ["actor/spawned", "message/handled", "actor/stopped"]
        chain = theater.chain("boss")
        assert [event.seq for event in chain] == list(range(len(chain)))

    assert History(tmp_path / "theater").verify().ok
    async with Theater(tmp_path / "theater") as theater:
        boss = await theater.spawn(Boss(), name="boss", resume=True)
        assert len(await boss.ask(Boss.employ)) == len(ids[0])


def offsets_in(index: Index) -> int:
    return sum(len(table.offsets) for table in index._tables)
