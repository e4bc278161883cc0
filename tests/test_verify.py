"""Verifying: everything that can be wrong in a folder is shown, and the first of it is named."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from handmade import KEY, NEXT_KEY, ORIGIN, ROOT, Handmade, actor_id, small_journal, triple
from hypothesis import given
from hypothesis import strategies as st
from independent_verifier import Verifier

from theater.checkpoint import Checkpoint
from theater.codec import encode, prepare
from theater.content import ContentRef
from theater.errors import FolderError, MalformedError
from theater.event import Event, Stub, event_bytes
from theater.history import History
from theater.journal import DiskJournal
from theater.journal.frames import BLOB, EVENT, FILE, FRONTIER, STUB, file_size, frame, frontier_payload
from theater.journal.reader import Reader
from theater.keys import SigningKey
from theater.merkle import Frontier
from theater.plain import ActorAddress, Outlined
from theater.verify import Finding, Removal, Report, verify
from theater.verify.quick import read_outlined, read_quick

COUNTER, TELLER = actor_id(1), actor_id(2)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "theater"


@pytest.fixture
def journal(path: Path) -> Handmade:
    """An open journal of one batch: a counter was spawned."""
    journal = Handmade(path)
    journal.spawn(COUNTER, "counter")
    journal.commit()
    return journal


def report(path: Path, *, signatures: bool = False, kept: Checkpoint | None = None) -> Report:
    """What `verify` says; the other verifier must say the same of `ok` and `closed`."""
    found = verify(Reader(path), signatures=signatures, kept=kept)
    other = Verifier(path)
    if kept is None:
        assert (other.ok, other.closed and other.ok) == (found.ok, found.closed and found.ok), other.wrong
    return found


def wrong(path: Path, *, signatures: bool = False) -> str:
    """The first thing that is wrong, in words."""
    finding = report(path, signatures=signatures).wrong
    assert finding is not None
    return str(finding)


@contextmanager
def flipped(file: Path, bit: int) -> Iterator[None]:
    """One bit the other way for a while. Written in place: a file that is cut and written anew is flushed."""
    with file.open("r+b", buffering=0) as log:
        byte = os.pread(log.fileno(), 1, bit // 8)
        os.pwrite(log.fileno(), bytes([byte[0] ^ 1 << bit % 8]), bit // 8)
        yield
        os.pwrite(log.fileno(), byte, bit // 8)


def shown(path: Path) -> tuple[bool, bool, bool]:
    """Whether `ok`, `tail` and `closed` say that a finished journal is whole."""
    try:
        found = History(path).verify()
    except FolderError:
        return False, False, False
    return found.ok, not found.tail, found.closed


# -- a whole journal ----------------------------------------------------------------------------------------


def test_a_whole_journal_verifies(path: Path) -> None:
    journal = small_journal(path)

    found = report(path)

    assert found == Report(
        wrong=None,
        events=11,
        stubs=0,
        removals=(),
        actors=3,
        contents=2,
        checkpoints=4,
        signatures=1,
        keys=(KEY.public,),
        checkpoint=journal.checkpoint(),
        tail=0,
        closed=True,
    )
    assert found.ok
    assert report(path, signatures=True).signatures == 4


def test_a_report_is_one_line_that_a_person_reads(path: Path, journal: Handmade) -> None:
    assert str(report(path)) == (
        "verified: 3 events of 2 actors, 0 contents, 1 checkpoint (1 signature); not closed"
    )
    journal.close()
    assert str(report(path)).endswith("2 checkpoints (1 signature); closed cleanly")
    journal.file_of(1).write_bytes(journal.log + b"torn")
    assert str(report(path)) == (
        "WRONG closed: expected segment 1, 1137 bytes, 4 events, "
        f"root {journal.tree.root().hex()}, found segment 1, 1141 bytes, 4 events, "
        f"root {journal.tree.root().hex()}; before it: 4 events of 2 actors, 0 contents, "
        "2 checkpoints (1 signature); 4 bytes after the last commit"
    )


def test_a_report_names_the_step_that_failed(path: Path, journal: Handmade) -> None:
    def step() -> str:
        finding = report(path).wrong
        assert finding is not None
        return finding.step

    journal.close()
    whole = journal.file_of(1).read_bytes()
    journal.file_of(1).write_bytes(whole + b"torn")
    assert step().startswith("10. ")
    journal.file_of(1).write_bytes(whole[:300] + bytes([whole[300] ^ 1]) + whole[301:])
    assert step().startswith("7. ")


def test_a_report_is_asked_and_not_taken_for_true(journal: Handmade) -> None:
    with pytest.raises(TypeError, match="ok"):
        bool(report(journal.path))


def test_a_journal_of_no_batch_yet_verifies(path: Path) -> None:
    Handmade(path)

    found = report(path)

    assert (found.ok, found.events, found.checkpoint, found.tail, found.closed) == (True, 0, None, 0, False)


@pytest.mark.anyio
@pytest.mark.real_clock
async def test_a_journal_closed_before_anything_happened_verifies(path: Path) -> None:
    journal = DiskJournal(path, key=KEY, origin=ORIGIN)
    await journal.open()
    await journal.close()

    found = report(path)

    assert (found.ok, found.closed, found.events) == (True, True, 0)


def test_zeros_after_the_last_commit_are_room_and_no_tail(path: Path, journal: Handmade) -> None:
    journal.file_of(1).write_bytes(journal.log + bytes(1000))
    journal.file_of(2).write_bytes(bytes(1000))

    assert (report(path).ok, report(path).tail) == (True, 0)


def test_contents_alone_can_be_committed_and_the_folders_key_signs_them(path: Path) -> None:
    journal = Handmade(path, opened=False)
    journal.blob(b"hello")
    journal.commit()

    assert (report(path).ok, report(path).keys) == (True, (KEY.public,))


def test_an_actor_without_a_supervisor_is_held_to_the_folders_key(path: Path) -> None:
    journal = Handmade(path, opened=False)
    journal.event(COUNTER, "actor/spawned", {"key": NEXT_KEY.public.data, "supervisor": None})
    journal.commit()

    assert str(verify(Reader(path)).wrong).startswith("key in event 0")


def test_of_one_actor_its_events_are_read_and_all_are_counted_in_the_roots(path: Path) -> None:
    journal = small_journal(path)

    found = verify(Reader(path), actor=COUNTER)

    assert (found.ok, found.events, found.actors, found.closed) == (True, 7, 2, True)
    assert found.checkpoint == journal.checkpoint()


# -- flipped bits -------------------------------------------------------------------------------------------


def test_every_flipped_bit_of_a_finished_journal_is_shown(path: Path, request: pytest.FixtureRequest) -> None:
    at_least = int(request.config.getoption("--flip-bytes") or 0)
    small_journal(path, at_least=at_least)
    files = [file for file in sorted(path.rglob("*")) if file.is_file()]
    assert shown(path) == (True, True, True)

    for file in files:
        for bit in range(file.stat().st_size * 8):
            with flipped(file, bit):
                assert not all(shown(path)), f"bit {bit} of {file.name}"


def test_the_two_verifiers_agree_on_flipped_bits(path: Path) -> None:
    small_journal(path)

    for file in [file for file in sorted(path.rglob("*")) if file.is_file()]:
        for byte in range(file.stat().st_size):
            with flipped(file, byte * 8 + byte % 8):
                assert Verifier(path).ok == shown(path)[0], f"byte {byte} of {file.name}"


def test_every_flipped_bit_of_the_last_batch_after_a_crash_is_shown(path: Path, journal: Handmade) -> None:
    start = len(journal.log)
    journal.event(COUNTER, "log", {"text": "hello"})
    journal.commit()

    for bit in range(start * 8, len(journal.log) * 8):
        with flipped(journal.file_of(1), bit):
            assert verify(Reader(path)).tail, f"bit {bit}"


# -- what is missing, added, or elsewhere -------------------------------------------------------------------


def test_a_journal_cut_anywhere_after_its_close_is_shown(path: Path) -> None:
    journal = small_journal(path)
    log = journal.file_of(2).read_bytes()

    for length in reversed(range(len(log))):
        os.truncate(journal.file_of(2), length)
        assert not report(path).ok, f"cut after {length} bytes"


def test_a_torn_batch_is_a_tail_and_what_came_before_verifies(path: Path, journal: Handmade) -> None:
    whole = bytes(journal.log)
    journal.event(COUNTER, "log", {"text": "hello"})
    journal.commit()

    for length in range(len(whole) + 1, len(journal.log)):
        journal.file_of(1).write_bytes(journal.log[:length])
        found = report(path)
        torn = journal.log[len(whole) : length].rstrip(b"\0")
        assert (found.ok, found.tail, found.events) == (True, len(torn), 3)


def test_a_removed_batch_after_a_crash_is_shown_by_a_checkpoint_kept_elsewhere(
    path: Path, journal: Handmade
) -> None:
    whole = bytes(journal.log)
    journal.event(COUNTER, "log", {"text": "hello"})
    journal.commit()
    kept = journal.checkpoint()
    assert report(path, kept=kept).ok

    journal.file_of(1).write_bytes(whole)

    assert report(path).ok
    assert str(report(path, kept=kept).wrong) == "kept checkpoint: expected 4 events, found 3 events"


def test_a_rewritten_journal_is_shown_by_a_checkpoint_kept_elsewhere(path: Path, journal: Handmade) -> None:
    kept = journal.checkpoint()
    again = Handmade(path.with_name("again"))
    again.spawn(COUNTER, "counter", state={"total": 1_000_000})
    again.commit()
    again.event(COUNTER, "log", {"text": "more"})
    again.commit()

    assert report(again.path).ok
    assert str(report(again.path, kept=kept).wrong).startswith("kept checkpoint")
    odd = Checkpoint(kept.origin, 2, kept.root)
    assert str(report(again.path, kept=odd).wrong).endswith("found no checkpoint of that size")


def test_a_kept_checkpoint_of_nothing_binds_nothing(path: Path, journal: Handmade) -> None:
    kept = Checkpoint(journal.origin, 0, Frontier().root())

    assert report(path, kept=kept).ok


def test_a_bad_batch_with_a_whole_one_after_it_is_damage(path: Path, journal: Handmade) -> None:
    journal.event(COUNTER, "log", {"text": "hello"})
    journal.commit()
    journal.log[100] ^= 1
    journal.write()

    assert wrong(path).startswith(
        "batch (segment 1, byte 0): expected whole, found not; a whole batch follows"
    )


def test_a_missing_segment_is_damage(path: Path) -> None:
    journal = small_journal(path)
    journal.file_of(1).rename(journal.file_of(3))

    assert "segment 1" in wrong(path)


def test_swapped_frames_are_shown(path: Path, journal: Handmade) -> None:
    first = journal.event(COUNTER, "log", {"text": "first"})
    second = journal.event(COUNTER, "log", {"text": "second"})
    frames = [frame(EVENT, first.data), frame(EVENT, second.data)]
    assert bytes(journal.batch) == b"".join(frames)

    journal.batch[:] = b"".join(reversed(frames))
    journal.commit()

    assert wrong(path).startswith("counter event 2: seq (segment 1, byte 792): expected 1, found 2")


def test_swapped_events_of_two_actors_are_shown_by_the_root(path: Path, journal: Handmade) -> None:
    journal.spawn(TELLER, "teller")
    journal.commit()
    events = [journal.event(actor, "log", {"text": "hello"}) for actor in (COUNTER, TELLER)]
    journal.time += 10
    late = event_bytes(TELLER, 2, events[1].hash, journal.time, "log", prepare({"text": "late"}))
    early = event_bytes(COUNTER, 2, events[0].hash, journal.time, "log", prepare({"text": "early"}))
    journal.raw_event(late)
    journal.raw_event(early)
    journal.batch[:] = journal.batch.replace(
        frame(EVENT, late) + frame(EVENT, early), frame(EVENT, early) + frame(EVENT, late)
    )
    journal.commit()

    assert wrong(path).startswith("checkpoint (segment 1, byte ")


def test_events_of_another_run_are_shown(path: Path, journal: Handmade) -> None:
    other = Handmade(path.with_name("other"), origin="theater/" + "f" * 32)
    other.spawn(COUNTER, "counter", state={"total": 5})
    alien = other.event(COUNTER, "log", {"text": "from elsewhere"})

    journal.raw_event(alien.data)
    journal.commit()

    assert wrong(path).startswith("counter event 1: parent")


def test_a_journal_under_another_name_is_shown(path: Path, journal: Handmade) -> None:
    journal.origin = "theater/" + "f" * 32
    journal.mark()

    assert "origin" in wrong(path)


# -- events -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "other"),
    [
        (b"\xa4text", b"\xd9\x04text"),  # a longer header
        (b"\xa4text\xa5hello", b"\xa4text\xa5hello\xa4text\xa5hello"),  # a key twice, one pair more than said
        (b"\x82\xa1a\x01\xa1b\x02", b"\x82\xa1b\x02\xa1a\x01"),  # keys out of order
        (b"\xa5hello", b"\xa5hell\xff"),  # no UTF-8
    ],
)
def test_bytes_that_are_not_canonical_are_shown_though_signed(
    path: Path, journal: Handmade, form: bytes, other: bytes
) -> None:
    body = {"text": "hello", "fields": {"a": 1, "b": 2}}
    tip = journal.chains[COUNTER].tip
    data = event_bytes(COUNTER, tip.size, tip.head, journal.time, "log", prepare(body))
    assert form in data

    journal.raw_event(data.replace(form, other))
    journal.commit()

    assert "segment 1, byte 792: expected canonical MessagePack value, found other bytes: " in wrong(path)


def test_an_event_of_another_version_is_shown(path: Path, journal: Handmade) -> None:
    tip = journal.chains[COUNTER].tip
    data = event_bytes(COUNTER, tip.size, tip.head, journal.time, "log", prepare({"text": "hello"}))

    journal.raw_event(b"\x97\x02" + data[2:])
    journal.commit()

    assert "version 2" in wrong(path)


@pytest.mark.parametrize(
    ("other", "finding"),
    [
        ({"seq": 2}, "counter event 2: seq (segment 1, byte 792): expected 1, found 2"),
        ({"parent": bytes(32)}, "counter event 1: parent"),
        (
            {"time": 5},
            "counter event 1: time (segment 1, byte 792): expected 1700000000000000003 or later, found 5",
        ),
    ],
)
def test_an_event_that_does_not_follow_is_shown(
    path: Path, journal: Handmade, other: dict[str, object], finding: str
) -> None:
    journal.loose_event(COUNTER, "log", {"text": "hello"}, **other)
    journal.commit()

    assert wrong(path).startswith(finding)


def test_a_chain_begins_with_a_birth(path: Path, journal: Handmade) -> None:
    journal.event(TELLER, "log", {"text": "from nowhere"})
    journal.commit()

    found = verify(Reader(path))

    assert str(found.wrong).startswith(f"{TELLER.hex()} event 0: kind")
    assert str(found.wrong).endswith("expected actor/spawned, found log")


def test_the_seq_of_events_that_are_only_counted_is_looked_at_too(path: Path, journal: Handmade) -> None:
    journal.loose_event(COUNTER, "log", {"text": "hello"}, seq=5)
    journal.commit()

    found = verify(Reader(path), actor=TELLER)

    assert str(found.wrong).startswith(f"{COUNTER.hex()} event 5: seq")


@pytest.mark.parametrize("part", ["message/handled", "message/received", "message/answered", "message/dead"])
def test_a_sender_that_does_not_exist_is_shown(path: Path, journal: Handmade, part: str) -> None:
    journal.event(COUNTER, part, {"from": [COUNTER, 1, bytes(32)]})  # itself: not there before it
    journal.commit()

    assert wrong(path).startswith(f"counter event 1: from {COUNTER.hex()}/1")
    assert wrong(path).endswith("found no such event")


def test_a_sender_of_another_hash_is_shown(path: Path, journal: Handmade) -> None:
    journal.event(COUNTER, "message/handled", {"from": [ROOT, 0, bytes(32)]})
    journal.commit()

    assert f"from {ROOT.hex()}/0" in wrong(path)
    assert wrong(path).endswith(f"found {journal.chains[ROOT][0].hash.hex()}")


@pytest.mark.parametrize(
    "sender",
    [
        [],
        [ROOT, 0],
        "me",
        [ROOT, -1, bytes(32)],
        [ROOT, "0", bytes(32)],
        [ROOT, 2**63, b""],
        [5, 0, None],
        [ROOT, 9, b""],
    ],
)
def test_a_sender_that_is_no_name_of_an_event_is_shown(path: Path, journal: Handmade, sender: object) -> None:
    journal.event(COUNTER, "message/handled", {"from": sender})
    journal.commit()

    assert str(verify(Reader(path)).wrong).startswith("counter event 1: from")


def test_a_supervisor_that_does_not_know_of_its_child_is_shown(path: Path, journal: Handmade) -> None:
    born = journal.chains[COUNTER][0]
    journal.event(
        TELLER, "actor/spawned", {**born.body, "name": "teller", "supervisor": [COUNTER, 0, bytes(32)]}
    )
    journal.commit()

    assert wrong(path).startswith(f"teller event 0: supervisor {COUNTER.hex()}/0")


def test_a_fork_whose_parent_did_not_come_so_far_is_shown(path: Path, journal: Handmade) -> None:
    parent = journal.chains[COUNTER][0]
    born = {**parent.body, "name": "fork", "fork": triple(parent)}
    journal.event(actor_id(7), "actor/spawned", born)
    journal.commit()
    assert verify(Reader(path)).ok
    journal.event(actor_id(8), "actor/spawned", {**born, "fork": [COUNTER, 1, bytes(32)]})
    journal.commit()

    assert wrong(path).startswith(f"fork event 0: fork {COUNTER.hex()}/1")


# -- contents -----------------------------------------------------------------------------------------------


def test_a_content_with_a_flipped_bit_is_shown_under_its_name(path: Path, journal: Handmade) -> None:
    digest = journal.blob(b"hello")
    journal.batch[-1] ^= 1
    journal.batch[:] = frame(BLOB, bytes(journal.batch[9:]))
    journal.commit()

    assert wrong(path).startswith(
        f"content sha256:{digest.hex()} (segment 1, byte 792): expected these bytes"
    )


def test_a_large_content_that_is_gone_or_changed_is_shown(path: Path, journal: Handmade) -> None:
    digest = journal.file(b"hello")
    journal.file(b"hello")
    journal.commit()
    file = path / "blobs" / digest.hex()[:2] / digest.hex()
    assert report(path).contents == 1

    file.write_bytes(b"jello")
    assert f"content sha256:{digest.hex()}" in wrong(path)
    file.unlink()
    assert wrong(path).endswith("expected its file, found none")


def test_a_large_content_of_another_size_than_said_is_shown(path: Path, journal: Handmade) -> None:
    digest = journal.file(b"hello")
    journal.batch[:] = frame(FILE, digest + file_size(6))
    journal.commit()

    assert wrong(path).endswith("expected 6 bytes, found 5 bytes")


@pytest.mark.parametrize("kind", ["store/store", "store/put_stream", "store/label"])
def test_what_a_store_keeps_is_there(path: Path, journal: Handmade, kind: str) -> None:
    ref = ContentRef.of(b"hello")
    journal.event(COUNTER, kind, {"ref": ref, "error": {"class": "DiskFullError", "text": ""}})
    journal.event(COUNTER, "store/exists", {"ref": ref})
    journal.commit()
    assert report(path).ok
    journal.event(COUNTER, kind, {"ref": ref, "size": 5})
    journal.commit()

    found = verify(Reader(path))

    assert str(found.wrong).startswith(f"content {ref}")
    assert str(found.wrong).endswith("expected 5 bytes, found nothing")


def test_what_a_store_keeps_is_of_the_size_it_says(path: Path, journal: Handmade) -> None:
    journal.blob(b"hello")
    careful = {"fields": {"é": 1}}  # keys that are not ASCII are not read the quick way
    journal.event(COUNTER, "store/store", {"ref": ContentRef.of(b"hello"), "size": 5, **careful})
    journal.commit()
    assert verify(Reader(path)).ok
    journal.event(COUNTER, "store/store", {"ref": ContentRef.of(b"hello"), "size": 6, **careful})
    journal.commit()

    assert str(verify(Reader(path)).wrong).endswith("expected 6 bytes, found 5 bytes")


@pytest.mark.parametrize("kind", ["actor/snapshot", "actor/spawned"])
def test_what_a_fork_or_a_snapshot_says_that_stores_hold_is_there(
    path: Path, journal: Handmade, kind: str
) -> None:
    shot = {"contents": {ContentRef.of(b"hello").digest: 5}, "labels": {}, "readers": []}
    stores = {"default": None, "stores": {"id": shot}}
    journal.event(COUNTER, kind, {"stores": {"stores": None}})
    journal.blob(b"hello")
    journal.event(COUNTER, kind, {"stores": stores})
    journal.commit()
    assert report(path).ok
    shot["contents"] = {ContentRef.of(b"jello").digest: 5}
    journal.event(COUNTER, kind, {"stores": stores})
    journal.commit()

    assert str(verify(Reader(path)).wrong).endswith("expected 5 bytes, found nothing")


@pytest.mark.parametrize("size", [5, 6])
@pytest.mark.parametrize("holder", [list, tuple])  # a tuple is read the careful way
def test_a_value_that_left_an_event_is_there(
    path: Path, journal: Handmade, holder: Callable[[list[object]], object], size: int
) -> None:
    outlined = Outlined(Outlined.BYTES, ContentRef.of(b"hello").digest, size)
    journal.blob(b"hello")
    args = holder([{"deep": outlined, "else": ContentRef.of(b"")}])
    journal.event(COUNTER, "message/handled", {"args": [args], "from": None})
    journal.commit()

    assert verify(Reader(path)).ok == (size == 5)


@pytest.mark.parametrize("holder", [list, tuple, frozenset])
@pytest.mark.parametrize("is_large", [False, True])
@pytest.mark.parametrize("is_there", [False, True])
def test_what_a_value_that_left_its_event_holds_in_turn_is_there(
    path: Path, journal: Handmade, holder: Callable[[list[object]], object], *, is_large: bool, is_there: bool
) -> None:
    value = encode([holder([Outlined(Outlined.BYTES, ContentRef.of(b"hello").digest, 5)]), "and so on"])
    if is_there:
        journal.blob(b"hello")
    digest = (journal.file if is_large else journal.blob)(value)
    journal.event(
        COUNTER,
        "message/handled",
        {"args": [Outlined(Outlined.PACKED, digest, len(value))], "from": None},
    )
    journal.commit()

    assert report(path).ok is is_there


def nodes(journal: Handmade, *, said: int = 0, missing: bytes = b"", depth: int = 2) -> Outlined:
    """A value in parts, with a node below a node; its size, and what is not there, may be wrong."""
    for content in (b"hello", b"world"):
        if content != missing:
            journal.blob(content)
    members = [Outlined(Outlined.BYTES, ContentRef.of(content).digest, 5) for content in (b"hello", b"world")]
    for _ in range(depth):
        node = encode(members)
        size = sum(member.size for member in members)
        members = [Outlined(Outlined.PARTED, ContentRef.of(node).digest, size)]
        if node != missing:
            journal.blob(node)
    return Outlined(Outlined.PARTED, members[0].digest, members[0].size + said)


def judged(path: Path, journal: Handmade, state: Outlined) -> str:
    """What is wrong with a journal of an event with this state; the other verifier must agree."""
    journal.event(COUNTER, "actor/snapshot", {"state": state})
    journal.event(COUNTER, "actor/snapshot", {"state": state})
    journal.commit()
    report = verify(Reader(path))
    assert Verifier(path).ok == report.ok
    return str(report.wrong)


def test_a_value_in_parts_is_there_with_all_of_them(path: Path, journal: Handmade) -> None:
    assert judged(path, journal, nodes(journal)) == "None"


def test_a_value_in_parts_of_which_one_is_missing_is_shown(path: Path, journal: Handmade) -> None:
    assert judged(path, journal, nodes(journal, missing=b"world")).endswith("expected 5 bytes, found nothing")


def test_a_value_in_parts_of_another_size_is_shown(path: Path, journal: Handmade) -> None:
    expected = "expected parts of 11 bytes, found 10 bytes"

    assert judged(path, journal, nodes(journal, said=1)).endswith(expected)


def test_a_value_in_parts_whose_node_is_missing_is_shown(path: Path, journal: Handmade) -> None:
    contents = (ContentRef.of(b"hello"), ContentRef.of(b"world"))
    state = nodes(journal, missing=encode([Outlined(Outlined.BYTES, ref.digest, 5) for ref in contents]))

    assert judged(path, journal, state).endswith("expected a node of parts, found nothing")


@pytest.mark.parametrize("content", [b"hello", encode([Outlined(Outlined.PACKED, bytes(32), 5)])])
def test_a_value_in_parts_whose_node_is_none_is_shown(path: Path, journal: Handmade, content: bytes) -> None:
    state = Outlined(Outlined.PARTED, journal.blob(content), 5)

    assert judged(path, journal, state).endswith("expected a node of parts, found another content")


def test_nodes_one_below_another_without_end_are_shown(path: Path, journal: Handmade) -> None:
    state = nodes(journal, depth=20)
    journal.event(COUNTER, "actor/snapshot", {"state": state})
    journal.commit()

    assert "at most 16 nodes" in str(verify(Reader(path)).wrong)


def test_a_value_of_a_label_only_names_what_is_kept(path: Path, journal: Handmade) -> None:
    journal.event(COUNTER, "store/label", {"label": "x", "ref": ContentRef.of(b"hello")})
    journal.commit()

    assert str(verify(Reader(path)).wrong).endswith("expected to be kept, found nothing")


# -- roots and signatures -----------------------------------------------------------------------------------


def test_a_signed_root_that_is_not_the_journals_is_shown(path: Path, journal: Handmade) -> None:
    journal.event(COUNTER, "log", {"text": "hello"})
    journal.commit(checkpoint=Checkpoint(journal.origin, 4, bytes(32)))

    assert wrong(path).startswith("checkpoint (segment 1, byte ")
    assert "found theater/000102030405060708090a0b0c0d0e0f 4 AAAA" in wrong(path)


def test_a_signed_size_that_is_not_the_journals_is_shown(path: Path, journal: Handmade) -> None:
    journal.event(COUNTER, "log", {"text": "hello"})
    journal.commit(checkpoint=Checkpoint(journal.origin, 5, journal.tree.root()))

    assert wrong(path).startswith("checkpoint (segment 1, byte ")


def test_a_commit_by_another_key_is_shown(path: Path, journal: Handmade) -> None:
    journal.event(COUNTER, "log", {"text": "hello"})
    journal.commit(NEXT_KEY)

    assert wrong(path).startswith("signed note (segment 1, byte ")
    assert wrong(path).endswith(f"expected a signature by {journal.origin} {KEY.public}, found none")


def test_signature_lines_may_stand_in_any_order(path: Path, journal: Handmade) -> None:
    journal.event(COUNTER, "log", {"text": "hello"})
    journal.commit(NEXT_KEY, KEY)

    assert report(path).ok


def test_an_older_forged_signature_is_shown_when_all_are_verified(path: Path, journal: Handmade) -> None:
    journal.event(COUNTER, "log", {"text": "hello"})
    forged = journal.checkpoint().sign(KEY)
    signature = forged.signatures[0]
    note = str(forged).replace(
        str(signature), str(type(signature)(signature.name, signature.key_id, bytes(64)))
    )
    journal.commit_note(note)
    assert str(verify(Reader(path)).wrong).startswith("signature by")
    journal.event(COUNTER, "log", {"text": "again"})
    journal.commit()

    assert verify(Reader(path)).ok
    assert wrong(path, signatures=True).startswith(f"signature by {KEY.public}")


def test_a_frontier_that_is_not_the_journals_is_shown(path: Path, journal: Handmade) -> None:
    journal.next_segment()
    journal.batch[:] = frame(FRONTIER, frontier_payload(2, Frontier(1, [bytes(32)])))
    journal.event(COUNTER, "log", {"text": "hello"})
    journal.commit()

    assert wrong(path).startswith("frontier (segment 2, byte 0): expected segment 2, 3 events")


def test_a_segment_that_begins_without_a_frontier_is_shown(path: Path, journal: Handmade) -> None:
    journal.next_segment()
    journal.batch.clear()
    journal.event(COUNTER, "log", {"text": "hello"})
    journal.commit()

    assert wrong(path) == "segment (segment 2, byte 0): expected a frontier first, found none"


def test_an_opening_or_birth_under_another_key_or_name_is_shown(path: Path, journal: Handmade) -> None:
    birth, opening = journal.chains[COUNTER][0].body, journal.chains[ROOT][0].body
    log = bytes(journal.log)

    def after(actor: bytes, kind: str, body: dict[str, object]) -> str:
        journal.log[:] = log
        tree, chain = Frontier(3, journal.tree.hashes), journal.chains.pop(actor, None)
        if chain is not None:
            journal.chains[actor] = chain
            journal.loose_event(actor, kind, body)
        else:
            journal.event(actor, kind, body)
            del journal.chains[actor]
        journal.commit()
        journal.tree = tree
        return str(verify(Reader(path)).wrong)

    assert after(TELLER, "actor/spawned", {**birth, "key": bytes(32)}).startswith("key in event 0")
    assert after(TELLER, "actor/spawned", {**birth, "key": None}).endswith("found None")
    assert after(ROOT, "theater/opened", {**opening, "key": bytes(32)}).startswith("key in event 2")
    assert after(ROOT, "theater/opened", {**opening, "origin": "theater/x"}).startswith("origin")


# -- keys ---------------------------------------------------------------------------------------------------


def rotate(journal: Handmade, *signers: SigningKey) -> None:
    keys = {"old": journal.key.public.data, "new": NEXT_KEY.public.data}
    journal.event(ROOT, "theater/key", keys)
    journal.key = NEXT_KEY
    journal.commit(*signers)
    journal.mark()


def test_a_key_hands_over_to_the_next_under_both_signatures(path: Path, journal: Handmade) -> None:
    rotate(journal, KEY, NEXT_KEY)
    journal.spawn(TELLER, "teller")
    journal.commit()

    found = report(path)

    assert (found.ok, found.keys, found.signatures) == (True, (KEY.public, NEXT_KEY.public), 2)
    assert report(path, signatures=True).signatures == 4


@pytest.mark.parametrize("signer", [KEY, NEXT_KEY])
def test_a_handing_over_that_one_key_did_not_sign_is_shown(
    path: Path, journal: Handmade, signer: SigningKey
) -> None:
    rotate(journal, signer)

    assert wrong(path).startswith("signed note (segment 1, byte ")


def test_the_old_key_signs_nothing_after_it_handed_over(path: Path, journal: Handmade) -> None:
    rotate(journal, KEY, NEXT_KEY)
    journal.event(COUNTER, "log", {"text": "hello"})
    journal.commit(KEY)

    assert wrong(path).startswith("signed note (segment 1, byte ")


def test_only_the_key_that_signs_can_hand_over(path: Path, journal: Handmade) -> None:
    journal.event(ROOT, "theater/key", {"old": NEXT_KEY.public.data, "new": NEXT_KEY.public.data})
    journal.commit(KEY, NEXT_KEY)

    assert str(verify(Reader(path)).wrong).startswith("key in event 2")


def test_the_folder_names_a_key_that_signed(path: Path, journal: Handmade) -> None:
    journal.key = NEXT_KEY
    journal.mark()

    assert str(verify(Reader(path)).wrong).startswith("format: key")


# -- removed events -----------------------------------------------------------------------------------------


def removal(**other: object) -> dict[str, object]:
    return {"actor": COUNTER, "first": 1, "last": 2, "reason": "erasure", **other}


def test_a_journal_verifies_through_the_stubs_of_removed_events(path: Path, journal: Handmade) -> None:
    for text in ("one", "two"):
        journal.removed(COUNTER, "log", {"text": text})
    journal.event(COUNTER, "log", {"text": "three"})
    journal.removed(TELLER, "actor/spawned", {"name": "teller"})
    journal.event(ROOT, "theater/removed", removal())
    last = journal.event(ROOT, "theater/removed", removal(actor=TELLER, first=0, last=0))
    journal.commit()

    found = report(path)

    assert (found.ok, found.stubs, found.events) == (True, 3, 9)
    assert found.removals == (
        Removal(2, COUNTER, 1, 2, "erasure"),
        Removal(last.seq, TELLER, 0, 0, "erasure"),
    )
    assert "3 stubs of removed events" in str(found)
    assert verify(Reader(path), actor=COUNTER).stubs == 2


def test_a_stub_that_no_event_explains_is_shown(path: Path, journal: Handmade) -> None:
    for text in ("one", "two", "three"):
        journal.removed(COUNTER, "log", {"text": text})
    journal.event(ROOT, "theater/removed", removal())
    journal.commit()

    assert wrong(path) == f"stub {COUNTER.hex()}/3: expected a removal event, found none"


def test_a_stub_that_does_not_follow_or_is_none_is_shown(path: Path, journal: Handmade) -> None:
    log = bytes(journal.log)
    journal.frame(STUB, Stub(COUNTER, 5, bytes(32)).data)
    journal.tree.append(bytes(32))
    journal.commit()
    assert wrong(path).startswith("counter event 5: seq")

    journal.log[:] = log
    journal.frame(STUB, b"\x90")
    journal.commit()
    assert "expected stub, found other bytes" in wrong(path)


@pytest.mark.parametrize("other", [{"actor": None}, {"first": "1"}, {"last": None}, {"reason": 5}])
def test_a_removal_says_whose_events_which_and_why(
    path: Path, journal: Handmade, other: dict[str, object]
) -> None:
    journal.event(ROOT, "theater/removed", removal(**other))
    journal.commit()

    assert "expected removal, found other bytes" in str(verify(Reader(path)).wrong)


# -- marks --------------------------------------------------------------------------------------------------


def test_a_close_that_says_something_else_is_shown(path: Path, journal: Handmade) -> None:
    journal.close()
    (path / "closed").write_text((path / "closed").read_text().replace("size 4", "size 5"))
    assert not report(path).ok

    journal.event(COUNTER, "log", {"text": "hello"})
    journal.commit()
    assert not report(path).ok


def test_a_missing_mark_of_the_close_is_shown_in_closed(path: Path, journal: Handmade) -> None:
    journal.close()
    (path / "closed").unlink()

    assert (report(path).ok, report(path).closed) == (True, False)


def test_a_mark_made_while_we_looked_says_nothing_of_what_we_saw(
    path: Path, journal: Handmade, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.close()
    marks = iter([Reader(path).closed, None])
    monkeypatch.setattr(Reader, "closed", property(lambda _: next(marks)))

    found = verify(Reader(path))

    assert (found.ok, found.closed) == (True, False)


def test_a_damaged_mark_of_the_folder_is_a_finding_too(journal: Handmade) -> None:
    mark = journal.path / "format"
    mark.write_text(mark.read_text().replace("origin", "0rigin"))

    found = History(journal.path).verify()

    assert isinstance(found.wrong, Finding)
    assert (found.ok, found.events, found.closed) == (False, 0, False)


# -- the quick way ------------------------------------------------------------------------------------------

plain_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text()
    | st.binary()
    | st.just(ContentRef.of(b""))
    | st.just(ActorAddress(COUNTER))
    | st.just(Outlined(0, bytes(32), 5)),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text() | st.integers(-5, 5), inner) | st.lists(inner).map(tuple)
    ),
    max_leaves=12,
)


@given(body=st.dictionaries(st.text(), plain_values), seq=st.integers(0, 2**63 - 1))
def test_the_quick_way_reads_what_the_careful_way_reads(body: dict[str, object], seq: int) -> None:
    data = event_bytes(COUNTER, seq, bytes(32) if seq else None, 5, "log", prepare(body))

    row, event = read_quick(data), Event.read(data)

    if row is not None:
        assert (row.actor, row.seq, row.parent, row.time, row.kind) == (
            event.actor,
            event.seq,
            event.parent,
            event.time,
            event.kind,
        )


@given(body=st.dictionaries(st.text(), plain_values, max_size=4), data=st.data())
def test_the_quick_way_takes_nothing_that_the_careful_way_refuses(
    body: dict[str, object], data: st.DataObject
) -> None:
    whole = event_bytes(COUNTER, 1, bytes(32), 5, "log", prepare(body))
    place = data.draw(st.integers(0, len(whole) - 1))
    changed = whole[:place] + data.draw(st.binary(min_size=1, max_size=3)) + whole[place + 1 :]

    row = read_quick(changed)

    follows = row is not None and (len(row.actor), len(row.parent or b"")) == (16, 32) and 0 < row.seq < 2**63
    if follows:  # as `Chains` sees, by comparing with the event before it
        Event.read(changed)


@pytest.mark.parametrize(
    "value",
    [
        [float("nan")],
        {"b": 1, "a": 2}.items(),
        (1, 2),
        {1, 2},
        [[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]],
        [{"ä": 1}],
        {5: 6},
        "x" * 65_000,
    ],
)
def test_the_quick_way_leaves_to_the_careful_way_what_it_cannot_tell(value: object) -> None:
    body = {"text": list(value) if isinstance(value, type({}.items())) else value}
    data = event_bytes(COUNTER, 1, bytes(32), 5, "log", prepare(body))

    Event.read(data)
    assert value == "x" * 65_000 or isinstance(value, type({}.items())) or read_quick(data) is None


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\x92\x00\xc4\x20",
        b"\x93\x03\xc4\x20" + bytes(32) + b"\x05",  # a kind that is none
        b"\x93\x00\xc4\x20" + bytes(31),
        b"\x93\x00\xc4\x20" + bytes(32) + b"\xcc\x05",  # 5 in two bytes
        b"\x93\x00\xc4\x20" + bytes(32) + b"\x05\x05",
        b"\x93\x00\xc4\x20" + bytes(32) + b"\xff",  # a size of -1
        b"\x93\x00\xc4\x20" + bytes(32) + b"\xa1x",
    ],
)
def test_an_outlined_value_in_another_form_is_left_to_the_careful_way(payload: bytes) -> None:
    assert read_outlined(payload) is None
    assert read_outlined(b"\x93\x00\xc4\x20" + bytes(32) + b"\x05") == Outlined(0, bytes(32), 5)


def test_the_quick_way_reads_the_events_of_most_journals() -> None:
    handled = {
        "answer": 1,
        "args": [1, "two", [3.0, None], {"four": [5]}],
        "ask": True,
        "from": [TELLER, 2, bytes(32)],
        "handler": "add",
        "state": {"total": 1},
    }
    stored = {"ref": ContentRef.of(b""), "size": 0, "store": "x"}

    for kind, body in (("message/handled", handled), ("store/store", stored)):
        assert read_quick(event_bytes(COUNTER, 1, bytes(32), 5, kind, prepare(body))) is not None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x97\x01",
        b"\x91" * 60_000,
        bytes(65_536),
        encode([1, COUNTER, 0, None, 5, "no/such", {}]),
        encode([1, COUNTER, 0, None, -5, "log", {}]),
        encode([2, COUNTER, 0, None, 5, "log", {}]),
        encode([1, COUNTER, 0, None, 5, "log", {}, 8]),
    ],
)
def test_what_is_no_event_is_not_read_the_quick_way(data: bytes) -> None:
    assert read_quick(data) is None
    with pytest.raises(MalformedError):
        Event.read(data)
