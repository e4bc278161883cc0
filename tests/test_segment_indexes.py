"""Indexes of sealed segments: an opening by them finds what one without them does; no lie goes unnoticed."""

from __future__ import annotations

import errno
import tracemalloc
from array import array
from collections.abc import Callable, Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from random import Random
from threading import Event, Thread
from typing import Any

import anyio
import pytest
from full_segments import fill, small_segments
from journal_contract import Scribe, committed
from journal_disks import KEY, ORIGIN, Scenario, contents_of

from theater.errors import CorruptJournalError, FolderError
from theater.journal import DiskJournal, Reader, loading
from theater.journal.calls import Calls
from theater.journal.folder import Folder
from theater.journal.held import Held
from theater.journal.index import Index
from theater.journal.indexing import Indexing
from theater.journal.loading import load
from theater.journal.marks import Format
from theater.journal.opening import open_folder
from theater.journal.sealed import (
    index_bytes,
    make_index,
    read_index,
    read_index_bytes,
    tabled,
    write_index,
)
from theater.journal.table import Table, Tabling
from theater.journal.walk import Walk
from theater.verify import verify

pytestmark = [pytest.mark.anyio, pytest.mark.real_clock]


@pytest.fixture
async def folder(tmp_path: Path) -> Folder:
    """Several segments with two chains, blobs and files in them, as a crash leaves them, and all indexes."""
    scenario = Scenario(tmp_path / "theater", Calls())
    scenario.stop_after = 6
    await scenario.run()
    reopen(tmp_path / "theater")
    return Folder(tmp_path / "theater")


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sealed segments are not read, however small they are."""
    monkeypatch.setattr(loading, "_SMALL", -1)


def reopen(path: Path) -> Index:
    opened = open_folder(path, key=KEY, origin=ORIGIN, calls=Calls())
    opened.lock.release()
    return opened.index


def what_is_in(index: Index) -> Mapping[str, Any]:
    actors = list(index.actors())
    return {
        "tips": dict(index.tips()),
        "positions": {
            actor: [index.position(actor, seq) for seq in range(index.count(actor))] for actor in actors
        },
        "blobs": len(index.held),
        "files": dict(index.held.files),
        "living": index.living(),
        "rest": (index.size, index.batches, index.note, index.last_time, actors),
    }


def indexes(folder: Folder) -> list[Path]:
    return sorted(folder.indexes.iterdir())


def remove_indexes(folder: Folder) -> None:
    for path in indexes(folder):
        path.unlink()
    folder.indexes.rmdir()


async def test_an_opening_by_indexes_finds_what_one_without_them_does(folder: Folder) -> None:
    with_them = what_is_in(load(folder, ORIGIN).index)
    assert len(indexes(folder)) >= 2
    remove_indexes(folder)

    without = load(folder, ORIGIN)

    assert len(without.made) >= 2
    assert what_is_in(without.index) == with_them


async def test_an_opening_makes_the_indexes_that_are_missing(folder: Folder) -> None:
    kept = contents_of(folder.indexes)
    remove_indexes(folder)

    reopen(folder.path)

    assert contents_of(folder.indexes) == kept
    assert len(kept) == len(folder.numbers()) - 1
    assert load(folder, ORIGIN).made == []


@pytest.mark.usefixtures("unread")
async def test_an_opening_does_not_read_segments_that_have_an_index(folder: Folder) -> None:
    before = what_is_in(load(folder, ORIGIN).index)
    flip(folder.segment(1), at=1000)

    assert what_is_in(load(folder, ORIGIN).index) == before


async def test_sealed_segments_that_are_small_are_read_all_the_same(folder: Folder) -> None:
    flip(folder.segment(1), at=1000)

    with pytest.raises(CorruptJournalError, match="segment 1"):
        reopen(folder.path)


async def test_a_reader_takes_indexes_and_writes_none(folder: Folder) -> None:
    before = contents_of(folder.path)
    reader = Reader(folder.path)
    reader.refresh()
    with_them = what_is_in(reader.index)
    remove_indexes(folder)

    reader = Reader(folder.path)
    reader.refresh()

    assert what_is_in(reader.index) == with_them
    assert not folder.indexes.exists()
    assert with_them["rest"][1] > 3
    assert {name: content for name, content in before.items() if not name.startswith("index/")} == (
        contents_of(folder.path)
    )


def flip(path: Path, *, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def _of_another_folder(folder: Folder) -> None:
    table, check = made(folder, 1)
    other = table.note.replace(ORIGIN.encode(), b"theater/" + b"f" * 32)
    write(folder, replaced(table, note=other), check=check)


def _of_a_prefix(folder: Folder) -> None:
    batches = [batch for batch in Walk(folder, origin=ORIGIN) if batch.place.segment == 1]
    tabling = Tabling(ORIGIN)
    for batch in batches[:-1]:
        tabling.add(batch)
    write(folder, tabling.table(), check=0)


def made(folder: Folder, segment: int) -> tuple[Table, int]:
    found = tabled(folder, segment, origin=ORIGIN)
    assert found is not None
    return found


def replaced(table: Table, **changes: Any) -> Table:
    values = {name: getattr(table, name) for name in Table.__slots__}
    return Table(**(values | changes))


def write(folder: Folder, table: Table, *, check: int) -> None:
    write_index(folder, table, check=check, calls=Calls())


DAMAGES: dict[str, Callable[[Folder], object]] = {
    "missing": lambda folder: folder.index(1).unlink(),
    "empty": lambda folder: folder.index(1).write_bytes(b""),
    "cut short": lambda folder: folder.index(1).write_bytes(folder.index(1).read_bytes()[:-1]),
    "longer": lambda folder: folder.index(1).write_bytes(folder.index(1).read_bytes() + b"\0"),
    "of a newer version": lambda folder: folder.index(1).write_bytes(
        folder.index(1).read_bytes().replace(b"index 1", b"index 2", 1)
    ),
    "of another segment": lambda folder: folder.index(1).write_bytes(folder.index(2).read_bytes()),
    "of another folder": _of_another_folder,
    "of a prefix": _of_a_prefix,
}


@pytest.mark.usefixtures("unread")
@pytest.mark.parametrize("damage", DAMAGES)
async def test_an_index_that_does_not_fit_is_made_anew(folder: Folder, damage: str) -> None:
    before, kept = what_is_in(load(folder, ORIGIN).index), contents_of(folder.indexes)
    DAMAGES[damage](folder)
    assert contents_of(folder.indexes) != kept
    assert read_index(folder, 1, origin=ORIGIN) is None

    assert what_is_in(reopen(folder.path)) == before
    assert contents_of(folder.indexes) == kept


async def test_a_flipped_bit_anywhere_in_an_index_is_noticed(folder: Folder) -> None:
    content = folder.index(1).read_bytes()
    random = Random(7)

    for at in [*range(160), *(random.randrange(len(content)) for _ in range(200))]:
        flipped = bytearray(content)
        flipped[at] ^= 1 << random.randrange(8)

        assert read_index_bytes(bytes(flipped)) is None
    assert read_index_bytes(content) is not None


async def test_an_index_is_the_same_bytes_whoever_makes_it(folder: Folder) -> None:
    content = folder.index(2).read_bytes()
    found = read_index_bytes(content)
    assert found is not None
    folder.index(2).unlink()

    assert make_index(folder, 2, origin=ORIGIN, calls=Calls())

    assert folder.index(2).read_bytes() == content == index_bytes(found[0], check=found[1])


async def test_no_index_is_made_of_a_damaged_segment(folder: Folder) -> None:
    kept = contents_of(folder.indexes)
    flip(folder.segment(1), at=1000)

    assert not make_index(folder, 1, origin=ORIGIN, calls=Calls())
    assert contents_of(folder.indexes) == kept


@pytest.mark.usefixtures("unread")
async def test_the_old_index_of_a_segment_that_was_rewritten_does_not_fit(folder: Folder) -> None:
    content = folder.segment(1).read_bytes()
    folder.segment(1).write_bytes(b"\0" * 9 + content)

    assert read_index(folder, 1, origin=ORIGIN) is None


@pytest.mark.usefixtures("unread")
async def test_where_indexes_contradict_each_other_the_segments_count(folder: Folder) -> None:
    before, kept = what_is_in(load(folder, ORIGIN).index), contents_of(folder.indexes)
    table, check = made(folder, 2)

    for wrong in (
        replaced(table, size=table.size + 1),
        replaced(table, root=bytes(32)),
        replaced(table, firsts=array("Q", [0] * len(table.firsts))),
        replaced(
            table, offsets=table.offsets[1:], counts=array("I", [table.counts[0] - 1, *table.counts[1:]])
        ),
    ):
        write(folder, wrong, check=check)
        assert contents_of(folder.indexes) != kept

        assert what_is_in(reopen(folder.path)) == before
        assert contents_of(folder.indexes) == kept


async def test_a_table_that_does_not_follow_the_one_before_it_is_refused(folder: Folder) -> None:
    first, second = made(folder, 1)[0], made(folder, 2)[0]

    for wrong, said in (
        (first, "a frontier of"),
        (replaced(second, size=second.size + 1), "a frontier of"),
        (replaced(second, root=bytes(32)), "a frontier of"),
        (replaced(second, firsts=array("Q", [0] * len(second.firsts))), "expected event [1-9]"),
    ):
        index = Index(ORIGIN, digest_at=lambda _: b"")
        index.take(first)

        with pytest.raises(CorruptJournalError, match=said):
            index.take(wrong)


@pytest.mark.usefixtures("unread")
async def test_an_index_that_lies_about_a_place_gives_no_wrong_event(folder: Folder) -> None:
    table, check = made(folder, 1)
    offsets = table.offsets[:]
    offsets[0], offsets[1] = offsets[1], offsets[0]
    write(folder, replaced(table, offsets=offsets), check=check)
    reader = Reader(folder.path)
    reader.refresh()
    first = next(reader.index.actors())

    with pytest.raises(CorruptJournalError, match="an index"):
        reader.event(first, 0)


@pytest.mark.usefixtures("unread")
async def test_nothing_is_signed_behind_a_head_that_an_index_lied_about(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "theater")
    await tiny_segments(folder.path)
    forged = bytes(32)
    table, check = made(folder, 1)
    write(folder, replaced(table, heads=forged * len(table.counts)), check=check)
    journal = DiskJournal(folder.path, key=KEY)
    await journal.open()
    size = journal.size
    assert journal.tips()[bytes(15) + b"\1"] == (1, forged)

    with pytest.raises(CorruptJournalError, match="head of"):
        Scribe(journal, 1, seq=1, head=forged).write("on a false past")
    assert journal.size == size
    journal.abandon()


async def test_a_chain_in_many_segments_is_read_from_any_place_and_goes_on(tmp_path: Path) -> None:
    journal = DiskJournal(tmp_path / "theater", key=KEY, origin=ORIGIN, segment_bytes=1)
    await journal.open()
    scribe = Scribe(journal)
    while not Folder(tmp_path / "theater").segment(9).exists():
        for _ in range(scribe.seq % 3 + 1):
            scribe.write()
        await committed(journal)
    await journal.close()
    assert len(indexes(Folder(tmp_path / "theater"))) >= 7

    journal = DiskJournal(tmp_path / "theater", key=KEY, segment_bytes=1)
    await journal.open()

    places = range(len(scribe.events))
    assert [journal.event(scribe.actor, seq) for seq in reversed(places)] == scribe.events[::-1]
    assert [journal.event(scribe.actor, seq) for seq in places] == scribe.events
    scribe.journal = journal
    scribe.write()
    assert [journal.event(scribe.actor, seq) for seq in range(scribe.seq)] == scribe.events
    await journal.close()


async def test_a_segment_is_indexed_while_the_journal_goes_on(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "theater")
    await tiny_segments(folder.path)
    assert [path.name for path in indexes(folder)][:2] == ["00000001", "00000002"]
    kept = contents_of(folder.indexes)
    remove_indexes(folder)

    reopen(folder.path)

    assert contents_of(folder.indexes) == kept


async def test_a_disk_that_takes_no_index_ends_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(path: Path) -> None:
        raise OSError(errno.ENOSPC, "no room", path)

    calls = replace(Calls(), mkdir=lambda path: refuse(path) if path.name == "index" else path.mkdir())
    size = await tiny_segments(tmp_path / "theater", calls=calls)

    assert "no index of segment 1 was kept" in caplog.text
    assert not Folder(tmp_path / "theater").indexes.exists()
    assert reopen(tmp_path / "theater").size == size
    assert len(indexes(Folder(tmp_path / "theater"))) >= 2


def test_indexing_that_is_given_up_leaves_nothing_behind(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "theater")
    anyio.run(tiny_segments, folder.path)
    remove_indexes(folder)
    has_begun, go_on = Event(), Event()

    class Slow(Folder):
        def format(self) -> Format:
            has_begun.set()
            go_on.wait()
            return super().format()

    indexing = Indexing(Slow(folder.path), calls=Calls())
    indexing.submit(1)
    indexing.submit(2)
    has_begun.wait()
    ending = Thread(target=indexing.give_up)
    ending.start()
    while not indexing.has_given_up:
        pass
    go_on.set()
    ending.join()

    assert not folder.indexes.exists()


def test_indexing_says_that_a_segment_is_damaged_and_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = Folder(tmp_path / "theater")
    anyio.run(tiny_segments, folder.path)
    kept = folder.index(2).read_bytes()
    remove_indexes(folder)
    flip(folder.segment(1), at=50)

    indexing = Indexing(folder, calls=Calls())
    indexing.submit(1)
    indexing.submit(2)
    indexing.finish()

    assert "segment 1 has no index, for it is damaged" in caplog.text
    assert contents_of(folder.indexes) == {"00000002": kept}


def test_indexing_says_that_a_segment_cannot_be_read_and_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Folder(tmp_path / "theater")
    anyio.run(tiny_segments, folder.path)
    kept = contents_of(folder.indexes)
    remove_indexes(folder)
    failures = [OSError(errno.EIO, "Input/output error"), FolderError("gone")]
    whole = Folder.format

    def fail(folder: Folder) -> Format:
        if failures:
            raise failures.pop()
        return whole(folder)

    monkeypatch.setattr(Folder, "format", fail)
    indexing = Indexing(folder, calls=Calls())
    for segment in (1, 2, 1, 2):
        indexing.submit(segment)
    indexing.finish()

    assert caplog.text.count("has no index, for it cannot be read") == 2
    assert contents_of(folder.indexes) == kept


async def tiny_segments(path: Path, *, calls: Calls | None = None) -> int:
    """At least three segments, closed: one event of an actor, and many of another; returns how many."""
    journal = DiskJournal(path, key=KEY, origin=ORIGIN, segment_bytes=1, calls=calls)
    await journal.open()
    Scribe(journal, 1).write()
    other = Scribe(journal, 2)
    while not Folder(path).segment(4).exists():  # made ready when the third was begun
        other.write()
        await committed(journal)
    await journal.close()
    return journal.size


async def test_verify_compares_indexes_and_names_one_that_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_segments(monkeypatch)
    folder = await fill(tmp_path / "theater")
    found = tabled(folder, 1, origin=folder.format().origin)
    assert found is not None
    table, check = found
    assert len(indexes(folder)) >= 3
    assert verify(Reader(folder.path)).indexes == len(indexes(folder))
    kept = folder.index(1).read_bytes()

    for wrong, said in (
        (index_bytes(replaced(table, heads=bytes(len(table.heads))), check=check), "something else"),
        (index_bytes(table, check=check ^ 1), "something else"),
        (folder.index(2).read_bytes(), "something else"),
        (kept[:-1], "a damaged one"),
    ):
        folder.index(1).write_bytes(wrong)

        report = verify(Reader(folder.path))

        assert report.wrong is not None
        assert (report.wrong.where, report.wrong.step[:3]) == ("index of segment 1", "11.")
        assert said in report.wrong.found
    folder.index(1).unlink()
    assert verify(Reader(folder.path)).ok


async def test_an_index_of_a_segment_that_still_grows_is_swept(folder: Folder) -> None:
    last = folder.numbers()[-1]
    folder.index(last).write_bytes(b"early")

    reopen(folder.path)

    assert not folder.index(last).exists()


async def test_chains_and_contents_of_sealed_segments_go_on(folder: Folder) -> None:
    journal = DiskJournal(folder.path, key=KEY)
    await journal.open()
    for actor, (events, head) in list(journal.tips().items()):
        assert journal.committed_of(actor) == events
        scribe = Scribe(journal, int.from_bytes(actor, "big"), seq=events, head=head)
        data = scribe.write("more")
        await committed(journal)
        assert journal.event(actor, events) == data
        assert journal.committed_of(actor) == events + 1
        with pytest.raises(ValueError, match="is the next"):
            journal.append(actor, events, data, bytes(32))
    await journal.close()


@pytest.mark.parametrize("between", [0, 3])
async def test_two_contents_whose_digests_begin_alike_are_both_kept(tmp_path: Path, between: int) -> None:
    first = sha256(b"one").digest()
    second = first[:8] + bytes(24)
    journal = DiskJournal(tmp_path / "theater", key=KEY, segment_bytes=1)
    await journal.open()
    scribe = Scribe(journal)
    journal.put(first, b"one", kept=True)
    while len(Folder(tmp_path / "theater").numbers()) <= between:
        scribe.write()
        await committed(journal)
    journal.put(second, b"another", kept=True)
    for _ in range(4):
        scribe.write()
        await committed(journal)
    require_both(journal, first, second)
    await journal.close()

    journal = DiskJournal(tmp_path / "theater", key=KEY, segment_bytes=1)
    await journal.open()
    require_both(journal, first, second)
    journal.forget(first)
    assert (journal.holds(first), journal.holds(second)) == (False, True)
    journal.put(first, b"one", kept=True)
    require_both(journal, first, second)
    journal.forget(second)
    assert (journal.holds(first), journal.holds(second)) == (True, False)
    await journal.close()


def require_both(journal: DiskJournal, first: bytes, second: bytes) -> None:
    assert (journal.read(first), journal.read(second)) == (b"one", b"another")
    assert (journal.size_of(first), journal.size_of(second)) == (3, 7)
    assert journal.read_at(second, 2, 3) == b"oth"
    assert not journal.holds(first[:9] + bytes(23))


def test_a_blob_takes_far_less_than_150_bytes_of_memory() -> None:
    random = Random(1)
    count = 50_000  # behind a growth of the table that finds blobs, where a blob takes the most
    tracemalloc.start()
    held = Held(lambda _: b"")
    for position in range(count):
        held.place(random.randbytes(32), (7 << 32) + position)
    used = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()

    assert len(held) == count
    assert used / count < 120
