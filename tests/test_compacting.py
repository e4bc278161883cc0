"""Compacting a folder: what nobody needs goes, what stays verifies, and no crash leaves it half done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from handmade import KEY, ROOT, Handmade, actor_id, triple
from independent_verifier import Verifier
from journal_disks import FailingDisk, contents_of

from theater import (
    Actor,
    ActorNotFoundError,
    Compacted,
    CorruptJournalError,
    DiskFullError,
    Event,
    FolderInUseError,
    History,
    HistoryCutError,
    SetupError,
    Snapshots,
    Theater,
    compact,
    handler,
)
from theater.compacting import carry_out
from theater.content import ContentRef
from theater.culling import Limits
from theater.journal.calls import Calls
from theater.journal.folder import Folder
from theater.journal.loading import Loaded, load
from theater.journal.log import Log
from theater.journal.opening import open_folder
from theater.journal.reader import Reader
from theater.plain import Outlined
from theater.store.fold import fold_of
from theater.weighing import Weighing

ANN, BOB = actor_id(1), actor_id(2)
TELL = {"ask": False, "args": [], "handler": "add"}
MINUTE = 60 * 10**9  # nanoseconds
LONG = "a long line " * 50
FULL: dict[str, Any] = {"full": True, "state": {}}


class Clerk(Actor):
    """Writes papers, and keeps one of them."""

    at_hand: bytes = b""

    @handler
    async def write(self, number: int) -> int:
        self.at_hand = bytes([number]) * 3000
        if number == 1:
            await self.context.store.store_at_label("kept", self.at_hand)
        return number


class Office(Actor):
    """Hires a clerk for each job."""

    jobs: int = 0

    @handler
    async def work(self, papers: int) -> int:
        self.jobs += 1
        clerk = await self.context.spawn(Clerk(), name=f"clerk-{self.jobs}")
        for number in range(papers):
            await clerk.ask(Clerk.write, number)
        await clerk.stop()
        return self.jobs


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "theater"


async def worked(path: Path, *, jobs: int = 2) -> None:
    """A folder with an office that is asleep, and clerks that have ended."""
    async with Theater(path) as theater:
        office = await theater.spawn(Office(), name="office", resume=True)
        for _ in range(jobs):
            await office.ask(Office.work, 6)


def require_verified(path: Path) -> None:
    report = History(path).verify(signatures=True)
    other = Verifier(path)

    assert report.ok, report
    assert other.ok, other.wrong
    assert report.closed == other.closed


def handmade(path: Path, *, segments: int = 3) -> Handmade:
    """Two actors tell each other things, over some segments; one keeps a large content and ends."""
    journal = Handmade(path)
    for name in ("tmp", "cut"):
        (path / name).mkdir()
    journal.spawn(ANN, "ann")
    journal.spawn(BOB, "bob")
    journal.commit()
    sent: list[Event] = []
    for number in range(segments):
        journal.next_segment()
        journal.time += MINUTE
        large = bytes([number]) * 2000
        journal.event(ANN, "log", {"text": LONG, "fields": Outlined(0, journal.blob(large), 2000)})
        for each in sent[-1:]:  # it arrives in the next segment
            journal.event(BOB, "message/handled", {**TELL, "from": triple(each), "answer": LONG})
        sent.append(journal.event(ANN, "message/sent", {**TELL, "to": BOB}))
        journal.commit()
    journal.event(BOB, "message/handled", {**TELL, "from": triple(sent[-1]), "answer": LONG})
    journal.event(BOB, "actor/snapshot", FULL)
    journal.file(b"large and named by one event" * 100)
    journal.event(ANN, "log", {"text": Outlined(0, journal.file(b"x" * 5000), 5000), "fields": LONG})
    journal.event(ANN, "actor/stopped", {"reason": "normal"})
    journal.commit()
    return journal


def log_of(path: Path) -> bytes:
    """All bytes of all segments."""
    return b"".join(file.read_bytes() for file in sorted(path.glob("segments/*")))


# -- what goes, and what stays -------------------------------------------------------------------------------


async def test_a_compacted_folder_verifies_and_is_smaller(path: Path) -> None:
    await worked(path)

    done = compact(path)

    assert done.after < done.before * 0.8
    assert done.after == len(log_of(path))
    assert {each.name for each in done.removed} == {"office/clerk-1", "office/clerk-2"}
    assert History(path).verify().stubs == done.events
    require_verified(path)


async def test_whoever_lives_goes_on(path: Path) -> None:
    await worked(path)
    compact(path)

    async with Theater(path) as theater:
        office = await theater.spawn(Office(), name="office", resume=True)
        assert await office.ask(Office.work, 6) == 3

    require_verified(path)
    assert compact(path).events
    require_verified(path)


async def test_a_close_stays_a_close(path: Path) -> None:
    await worked(path)
    compact(path)

    async with Theater(path) as theater:
        assert theater._running().was_closed


async def test_it_says_when_and_why_events_were_removed(path: Path) -> None:
    await worked(path)
    done = compact(path, reason="as the contract says")
    history = History(path)
    first = done.removed[0]

    told = [event for event in history.chain(ROOT) if event.kind == "theater/removed"]

    assert len(told) == len(done.removed)
    assert told[0].body == {
        "actor": first.actor, "first": first.first, "last": first.last, "reason": "as the contract says",
    }  # fmt: skip
    with pytest.raises(HistoryCutError, match=r"was removed, and only its hash is left: a `theater/removed`"):
        history.chain(first.actor)[first.first]
    assert [removal.reason for removal in history.verify().removals] == ["as the contract says"] * len(told)


async def test_what_stores_hold_stays_and_what_only_removed_events_named_goes(path: Path) -> None:
    await worked(path, jobs=1)
    before = fold_of(History(path).chain("office/clerk-1")).snapshot()

    done = compact(path)

    reader = Reader(path)
    reader.refresh()
    assert fold_of(History(path).chain("office/clerk-1")).snapshot() == before
    assert reader.read(ContentRef.of(b"\1" * 3000).digest) == b"\1" * 3000
    assert done.contents == 5
    assert b"\2" * 3000 not in log_of(path)


class Archive(Actor):
    """Keeps many things."""

    @handler
    async def keep(self, first: int) -> None:
        for number in range(first, first + 50):
            await self.context.store.store(b"thing %d" % number)


async def test_what_many_stores_hold_stays_when_only_a_snapshot_tells_of_it(path: Path) -> None:
    async with Theater(path, snapshots=Snapshots(events=200)) as theater:
        archive = await theater.spawn(Archive(), name="archive")
        for first in range(0, 1200, 50):
            await archive.ask(Archive.keep, first)
    snapshots = [event for event in History(path).chain("archive") if event.kind == "actor/snapshot"]
    assert isinstance(snapshots[-1].body["stores"], Outlined)  # it is too long for an event

    assert compact(path).events > 900
    held = compact(path, erase=()).contents  # by now the events that kept them are gone

    reader = Reader(path)
    reader.refresh()
    assert held == 0
    assert all(reader.size_of(ContentRef.of(b"thing %d" % number).digest) for number in range(1200))
    require_verified(path)


async def test_a_second_time_nothing_is_left_to_do(path: Path) -> None:
    await worked(path)
    compact(path)
    before = contents_of(path)

    done = compact(path)

    assert (done.events, done.contents, done.removed) == (0, 0, ())
    assert contents_of(path) == before


async def test_a_dry_run_changes_nothing_and_says_the_same(path: Path) -> None:
    await worked(path)
    before = contents_of(path)

    dry = compact(path, dry_run=True)

    assert contents_of(path) == before
    done = compact(path)
    assert (dry.events, dry.contents, dry.before, dry.removed) == (
        done.events, done.contents, done.before, done.removed,
    )  # fmt: skip
    assert dry.after == pytest.approx(done.after, rel=0.1)
    assert str(dry).startswith(
        f"would remove {done.events:,} events of 2 actors and {done.contents:,} contents"
    )
    assert str(done).startswith(f"removed {done.events:,} events")


async def test_no_theater_may_run(path: Path) -> None:
    await worked(path)

    async with Theater(path):
        with pytest.raises(FolderInUseError):
            compact(path)
        assert compact(path, dry_run=True).events


async def test_whoever_looks_on_goes_on_looking(path: Path) -> None:
    await worked(path)
    history = History(path)
    first = history.chain("office")[0]
    assert history.prove(first)

    done = compact(path)
    await worked(path, jobs=1)

    assert [event.seq for event in history.chain("office")] == list(range(len(history.chain("office"))))
    chain = history.chain(done.removed[0].actor)
    assert len(list(chain)) == len(chain) - sum(
        1 + each.last - each.first for each in done.removed if each.actor == chain.actor
    )
    assert history.prove(history.chain("office")[-1]).event.seq == len(history.chain("office")) - 1
    assert history.verify().ok


async def test_whoever_looks_at_a_chain_meanwhile_finds_what_is_left_of_it(path: Path) -> None:
    await worked(path)
    history = History(path)
    office = history.chain("office")
    before = [event.data for event in office]

    gone = compact(path).removed[0]
    chain = history.chain(gone.actor)
    history = History(path)
    clerk = history.chain(gone.actor)
    compact(path, erase=[gone.actor])

    assert [event.data for event in office] == before
    with pytest.raises(HistoryCutError, match="was removed"):
        chain[gone.first]
    assert clerk[-1].kind == "actor/stopped"


async def test_whoever_only_proves_goes_on_when_a_folder_was_compacted(path: Path) -> None:
    await worked(path)
    history = History(path)
    before = history.checkpoint()

    compact(path)
    await worked(path, jobs=1)

    newest = History(path).chain("office")[-1]
    assert history.checkpoint() != before
    assert history.checkpoint() == History(path).checkpoint()
    assert history.event(newest.hash.hex()) == newest
    assert history.prove(newest).event == newest


def test_a_folder_that_is_compacted_while_it_is_read_is_read_anew(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handmade(path)

    def read_slowly(folder: Folder, origin: str) -> Loaded:
        loaded = load(folder, origin)
        monkeypatch.undo()
        compact(path, key=KEY)
        return loaded

    monkeypatch.setattr("theater.journal.reader.load", read_slowly)
    history = History(path)

    assert list(history.chain(BOB)) == list(History(path).chain(BOB))
    assert history.prove(history.chain(BOB)[-1])


async def test_what_was_removed_is_told_at_the_very_end_of_a_segment(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await worked(path)
    last = path / "segments" / "00000001"
    defaults = Log.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "segment_bytes", last.stat().st_size + 1)  # full with what is told

    compact(path)

    require_verified(path)
    await worked(path, jobs=1)
    require_verified(path)


def test_a_folder_that_does_not_verify_is_left_as_it_is(path: Path) -> None:
    journal = handmade(path)
    log = journal.file_of(2)
    log.write_bytes(log.read_bytes().replace(b"a long line", b"a wrong one", 1))
    before = contents_of(path)

    with pytest.raises(CorruptJournalError, match="nothing was removed"):
        compact(path, key=KEY)

    assert contents_of(path) == before


def test_a_crashed_folder_is_compacted_and_messages_are_still_on_their_way(path: Path) -> None:
    journal = handmade(path)
    sent = journal.event(BOB, "message/sent", {**TELL, "to": BOB})
    journal.event(BOB, "actor/snapshot", FULL)
    journal.commit()
    journal.log += b"torn"
    journal.write()

    compact(path, key=KEY)

    history = History(path)
    assert history.chain(BOB)[sent.seq] == sent
    assert len(list(history.chain(BOB))) == 3
    require_verified(path)


def test_files_of_contents_go_with_their_events(path: Path) -> None:
    handmade(path)

    done = compact(path, key=KEY)

    assert done.contents == 5
    assert not list(path.glob("blobs/*/*"))
    require_verified(path)


def test_what_is_young_stays(path: Path) -> None:
    journal = handmade(path, segments=6)
    chain = list(History(path).chain(ANN))

    done = compact(path, key=KEY, older_than=150, now=journal.time / 1e9)

    young = [event for event in chain if event.time > journal.time - 150 * 10**9]
    assert len(young) == 8
    assert list(History(path).chain(ANN)) == [chain[0], *young]
    assert History(path).verify().stubs == done.events > 5
    require_verified(path)


def test_so_much_goes_that_the_rest_fits(path: Path) -> None:
    handmade(path, segments=12)
    whole = compact(path, key=KEY, dry_run=True)

    done = compact(path, key=KEY, keep_bytes=(whole.before + whole.after) // 2)

    assert 0 < done.events < whole.events
    assert done.after == pytest.approx((whole.before + whole.after) // 2, rel=0.1)
    assert compact(path, key=KEY, keep_bytes=whole.before).events == 0


@pytest.mark.parametrize("reason", ["", "x" * 1025])
def test_a_reason_is_a_short_text(path: Path, reason: str) -> None:
    handmade(path)

    with pytest.raises(SetupError, match="1 to 1024 bytes"):
        compact(path, key=KEY, reason=reason)


# -- erasing -------------------------------------------------------------------------------------------------


async def test_of_an_erased_actor_nothing_is_left_but_that_it_ended(path: Path) -> None:
    await worked(path)

    done = compact(path, erase=["office/clerk-1"], reason="erased on request")

    history = History(path)
    gone = done.removed[0].actor
    assert [event.kind for event in history.chain(gone)] == ["actor/stopped"]
    assert {each.name for each in done.removed} == {"office/clerk-1"}
    assert b"\1" * 3000 in log_of(path)  # the other clerk keeps the same
    assert gone.hex() in {actor.name for actor in history.actors()}
    require_verified(path)
    async with Theater(path) as theater:
        assert [ref.name for ref in (await theater.resume()).refs] == ["office"]


def test_what_only_an_erased_actor_kept_goes(path: Path) -> None:
    journal = handmade(path)
    ref = ContentRef.of_digest(journal.blob(b"kept by one store"))
    journal.event(BOB, "store/new", {"store": "s"})
    journal.event(BOB, "store/store", {"store": "s", "ref": ref, "size": 17})
    journal.event(BOB, "actor/stopped", {"reason": "normal"})
    journal.commit()
    compact(path, key=KEY)
    assert b"kept by one store" in journal.file_of(4).read_bytes()

    compact(path, key=KEY, erase=[BOB])

    assert b"kept by one store" not in journal.file_of(4).read_bytes()
    require_verified(path)


def test_only_who_has_ended_can_be_erased(path: Path) -> None:
    handmade(path)
    before = contents_of(path)

    with pytest.raises(SetupError, match="has not ended"):
        compact(path, key=KEY, erase=["bob"])
    with pytest.raises(ActorNotFoundError):
        compact(path, key=KEY, erase=["nobody"])
    with pytest.raises(ActorNotFoundError):
        compact(path, key=KEY, erase=[actor_id(9)])

    assert contents_of(path) == before


# -- crashes -------------------------------------------------------------------------------------------------


def carried_out(path: Path, calls: Calls) -> None:
    """Compact on a disk of one's own."""
    weighed = Weighing(Reader(path), limits=Limits(), erase=())
    opened = open_folder(path, key=KEY, origin="", calls=Calls())
    try:
        carry_out(opened, weighed, reason="compacted", now=0, calls=calls)
    finally:
        opened.lock.release()


def require_safe(path: Path, sent: list[Event]) -> None:
    """It opens, verifies, and no message is there without what tells that it arrived."""
    open_folder(path, key=KEY, origin="", calls=Calls()).lock.release()
    require_verified(path)
    there = [event for event in sent if event in list(History(path).chain(ANN))]
    arrived = {event.body["from"][1] for event in History(path).chain(BOB) if "from" in event.body}
    assert {event.seq for event in there} <= arrived


@pytest.mark.parametrize(("error", "each"), [(5, 1), (28, 5)], ids=["EIO", "ENOSPC"])
def test_wherever_the_disk_fails_the_folder_opens_verifies_and_is_compacted_the_next_time(
    tmp_path: Path, error: int, each: int
) -> None:
    count = FailingDisk()
    handmade(tmp_path / "whole")
    carried_out(tmp_path / "whole", count.calls)
    clean = contents_of(tmp_path / "whole")
    for nth in range(1, count.count + 1, each):
        path = tmp_path / str(nth)
        handmade(path)
        sent = [event for event in History(path).chain(ANN) if event.kind == "message/sent"]

        with pytest.raises(OSError, match=r"error|space"):
            carried_out(path, FailingDisk(nth, error=error, for_ever=True).calls)

        require_safe(path, sent)
        compact(path, key=KEY)
        require_safe(path, sent)
        after = contents_of(path)
        assert {name for name in after if name.startswith("blobs")} == set()
        assert sum(map(len, after.values())) < sum(map(len, clean.values())) + 3000


def test_a_full_disk_is_said(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    handmade(path)
    disk = FailingDisk(1, error=28, for_ever=True)
    monkeypatch.setattr("theater.compacting.Calls", lambda: disk.calls)

    with pytest.raises(DiskFullError, match="could not be compacted"):
        compact(path, key=KEY)


def test_what_goes_is_told_durably_before_anything_goes_and_each_segment_is_synced_first(path: Path) -> None:
    handmade(path)
    steps: list[str] = []
    names: dict[int, str] = {}
    real = Calls()

    def noted(name: str) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            found = getattr(real, name)(*arguments)
            if name == "open":
                names[found] = arguments[0].name
            if name in ("sync", "rename", "unlink") and "index" not in str(arguments[-1]):
                first = arguments[0]
                steps.append(f"{name} {names[first] if name == 'sync' else first.name}")
            return found

        return call

    carried_out(path, Calls(**{each.name: noted(each.name) for each in fields(Calls)}))

    renamed = [step for step in steps if step.startswith("rename")]
    anew = [f"rename 0000000{number}" for number in (2, 3, 4)]
    assert "sync 00000004" in steps[: steps.index(renamed[0])]
    assert renamed == [*anew, *anew, "rename closed"]  # first without the events, then without the contents
    for at, step in enumerate(steps):
        if step.startswith("rename"):
            assert steps[at - 1] == step.replace("rename", "sync")
    gone = [at for at, step in enumerate(steps) if step.startswith("unlink")]
    assert len(gone) == 2
    assert min(gone) > max(at for at, step in enumerate(steps) if step == "rename 00000004")


def test_a_folder_that_was_opened_meanwhile_is_not_touched(path: Path) -> None:
    journal = handmade(path)
    weighed = Weighing(Reader(path), limits=Limits(), erase=())
    journal.event(BOB, "log", {"text": "I am back"})
    journal.commit()
    before = log_of(path)
    opened = open_folder(path, key=KEY, origin="", calls=Calls())

    with pytest.raises(FolderInUseError, match="meanwhile"):
        carry_out(opened, weighed, reason="compacted", now=0, calls=Calls())

    opened.lock.release()
    assert log_of(path) == before


def test_a_stub_that_nobody_told_of_is_found(path: Path) -> None:
    handmade(path)
    done: Compacted = compact(path, key=KEY)
    history = History(path)
    kept = next(event for event in history.chain(ANN) if event.seq == 0)
    log = path / "segments" / "00000001"
    from theater.journal.rewriting import Cut, rewrite  # noqa: PLC0415

    cut = Cut(lambda actor, seq: (actor, seq) == (ANN, kept.seq), lambda _: False)
    log.write_bytes(rewrite(log.read_bytes(), cut, segment=1))

    wrong = History(path).verify().wrong

    assert done.events
    assert wrong is not None
    assert wrong.step.startswith("9.")
