"""Logs in which every checksum fits and something else does not are refused; stubs are known."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import pytest

from theater.checkpoint import Checkpoint
from theater.codec import prepare
from theater.errors import CorruptJournalError, HistoryCutError
from theater.event import Stub, event_bytes, event_hash
from theater.journal import DiskJournal, Reader
from theater.journal import frames as kinds
from theater.journal.calls import Calls
from theater.journal.folder import FOLDERS
from theater.journal.frames import HEADER_BYTES, Commit, frame, frontier_payload, read_frames
from theater.journal.heading import heading
from theater.journal.marks import Format
from theater.journal.opening import Opened, open_folder
from theater.journal.table import Tabling
from theater.journal.walk import Batch, Place
from theater.keys import SigningKey
from theater.merkle import Frontier

pytestmark = [pytest.mark.anyio, pytest.mark.real_clock]

KEY = SigningKey(bytes(range(32)))
ORIGIN = "theater/0123456789abcdef0123456789abcdef"
ACTOR = bytes(range(16))
Part = tuple[int, bytes]


def event(seq: int, parent: bytes | None = None, *, actor: bytes = ACTOR, time: int = 5) -> bytes:
    return event_bytes(actor, seq, parent, time, "log", prepare({"text": ""}))


EVENT = (kinds.EVENT, event(0))
FIRST = (kinds.FRONTIER, frontier_payload(1, Frontier()))


class Forger:
    """Writes a folder whose log holds any frames, each batch under a right commit unless told otherwise."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in FOLDERS:
            (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / "format").write_text(str(Format(ORIGIN, KEY.public)))
        self.frontier = Frontier()
        self.log = b""

    def batch(
        self,
        parts: Sequence[Part],
        *,
        size: int | None = None,
        root: bytes | None = None,
        key: SigningKey = KEY,
        note: bytes | None = None,
        segment: int = 1,
        start: int | None = None,
    ) -> None:
        for kind, payload in parts:
            if kind == kinds.EVENT:
                self.frontier.append(event_hash(payload))
            elif kind == kinds.STUB:
                self.frontier.append(payload[-32:])
        body = b"".join(frame(*part) for part in parts)
        checkpoint = Checkpoint(
            ORIGIN, self.frontier.size if size is None else size, root or self.frontier.root()
        )
        text = str(checkpoint.sign(key)).encode() if note is None else note
        where = len(self.log) if start is None else start
        self.log += body + frame(kinds.COMMIT, Commit(segment, where, len(body), text).payload())
        (self.folder / "segments" / "00000001").write_bytes(self.log)

    def open(self) -> Opened:
        opened = open_folder(self.folder, key=KEY, origin=ORIGIN, calls=Calls())
        opened.lock.release()
        return opened


@pytest.fixture
def forger(tmp_path: Path) -> Forger:
    return Forger(tmp_path)


def test_a_forged_log_that_is_right_is_opened(forger: Forger) -> None:
    forger.batch([FIRST, EVENT])
    forger.batch([(kinds.EVENT, event(1, event_hash(event(0))))])

    assert forger.open().index.size == 2


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ([EVENT], "frontier first"),
        ([(kinds.FRONTIER, frontier_payload(2, Frontier())), EVENT], "a frontier of"),
        ([(kinds.FRONTIER, frontier_payload(1, Frontier(1, [bytes(32)]))), EVENT], "a frontier of"),
        ([(kinds.FRONTIER, b"short"), EVENT], "frontier frame"),
        ([FIRST, (kinds.EVENT, event(1, bytes(32)))], "event 0 of"),
        ([FIRST, (kinds.EVENT, event(200, bytes(32)))], "event 200"),
        ([FIRST, EVENT, EVENT], "event 1 of"),
        ([FIRST, (kinds.EVENT, bytes(20) + b"\xc1")], "event 0 of"),
        ([FIRST, (kinds.EVENT, bytes(20) + b"\xe0")], "not an event"),
        ([FIRST, (kinds.FILE, bytes(39)), EVENT], "file frame"),
    ],
)
def test_frames_that_do_not_belong_there_are_refused(forger: Forger, parts: list[Part], said: str) -> None:
    forger.batch(parts)
    forger.batch([])

    with pytest.raises(CorruptJournalError, match=said):
        forger.open()


def test_a_commit_over_another_number_of_events_is_refused(forger: Forger) -> None:
    forger.batch([FIRST, EVENT], size=2)

    with pytest.raises(CorruptJournalError, match="segment 1"):
        forger.open()


def test_a_commit_over_another_root_is_refused(forger: Forger) -> None:
    forger.batch([FIRST, EVENT], root=bytes(32))

    with pytest.raises(CorruptJournalError, match="newest checkpoint"):
        forger.open()


def test_a_commit_that_another_key_signed_is_refused(forger: Forger) -> None:
    forger.batch([FIRST, EVENT], key=SigningKey(bytes(32)))

    with pytest.raises(CorruptJournalError, match="newest checkpoint"):
        forger.open()


def test_a_commit_whose_note_is_none_is_refused(forger: Forger) -> None:
    forger.batch([FIRST, EVENT], note=f"{ORIGIN}\n1\n".encode())

    with pytest.raises(CorruptJournalError, match="newest checkpoint"):
        forger.open()


def test_a_frontier_that_the_commit_before_it_does_not_lead_to_is_refused(forger: Forger) -> None:
    forger.batch([FIRST, EVENT])
    other = Frontier(1, [bytes(32)])
    forger.batch([(kinds.FRONTIER, frontier_payload(1, other)), (kinds.EVENT, event(1, bytes(32)))])

    with pytest.raises(CorruptJournalError, match="a frontier of"):
        forger.open()


@pytest.mark.parametrize("elsewhere", [{"segment": 2}, {"start": 1}])
def test_a_commit_that_belongs_elsewhere_ends_no_batch(forger: Forger, elsewhere: dict[str, int]) -> None:
    forger.batch([FIRST, EVENT], segment=elsewhere.get("segment", 1), start=elsewhere.get("start"))

    opened = forger.open()

    assert opened.index.size == 0
    assert opened.cut is not None


def test_a_commit_too_short_to_say_where_it_belongs_ends_no_batch(forger: Forger) -> None:
    body = frame(*FIRST)
    (forger.folder / "segments" / "00000001").write_bytes(body + frame(kinds.COMMIT, b"short"))

    assert forger.open().index.size == 0


@pytest.mark.parametrize("tail", [b"C" + ORIGIN.encode() + b"\n", bytes(28) + b"C" + ORIGIN.encode() + b"\n"])
def test_an_origin_in_torn_bytes_is_no_commit(forger: Forger, tail: bytes) -> None:
    forger.batch([FIRST, EVENT])
    with (forger.folder / "segments" / "00000001").open("ab") as file:
        file.write(b"\1torn" + tail + bytes(100) + tail)

    assert forger.open().index.size == 1


def test_a_short_commit_frame_in_torn_bytes_is_no_commit(forger: Forger) -> None:
    forger.batch([FIRST, EVENT])
    with (forger.folder / "segments" / "00000001").open("ab") as file:
        file.write(b"\1torn" + frame(kinds.COMMIT, b"too short") + bytes(11) + ORIGIN.encode() + b"\n")

    assert forger.open().index.size == 1


async def test_a_stub_keeps_its_place_in_chain_and_tree(forger: Forger) -> None:
    removed, last = event(0), event(1, event_hash(event(0)), time=70)
    stub = Stub(ACTOR, 0, event_hash(removed)).data
    other = Stub(bytes(16), 0, sha256(b"gone").digest()).data
    forger.batch([FIRST, (kinds.STUB, stub), (kinds.EVENT, last), (kinds.STUB, other)])

    reader = Reader(forger.folder)
    reader.refresh()
    journal = DiskJournal(forger.folder, key=KEY)
    await journal.open()

    assert journal.size == 3
    assert journal.last_time == 70
    assert journal.tips() == {ACTOR: (2, event_hash(last)), bytes(16): (1, sha256(b"gone").digest())}
    assert (reader.head(ACTOR), reader.head(bytes(16))) == (event_hash(last), sha256(b"gone").digest())
    assert journal.event(ACTOR, 1) == last
    assert journal.living() == [ACTOR]  # what goes on keeps its last event
    for look in (journal.event, reader.event):
        with pytest.raises(HistoryCutError, match="removed"):
            look(ACTOR, 0)
    await journal.close()


@pytest.mark.parametrize("last", [2**7, 0xCF, 2**8, 2**16, 2**32])
def test_an_event_is_placed_by_its_number_however_wide_that_is(last: int) -> None:
    head, seqs = bytes(32), range(last - 3, last + 3)
    parts = [(kinds.EVENT, event(seq, head)) for seq in seqs]

    tabling = tabling_of(parts)

    first, offsets = tabling.rows[ACTOR]
    chunk = b"".join([frame(*part) for part in parts])
    assert (first, len(offsets), tabling.size) == (seqs[0], 6, 6)
    assert [heading(chunk[offset + HEADER_BYTES :]) for offset in offsets] == [(ACTOR, seq) for seq in seqs]
    for wrong in (parts[:2] + parts[3:], [*parts, parts[-1]], parts[::-1]):
        with pytest.raises(CorruptJournalError, match="expected event"):
            tabling_of(wrong)


def tabling_of(parts: Sequence[Part]) -> Tabling:
    """What one batch with these frames makes of a log that had nothing."""
    commit = Commit(1, 0, 0, f"{ORIGIN}\n{len(parts)}\n".encode())
    chunk = b"".join([frame(*part) for part in [*parts, (kinds.COMMIT, commit.payload())]])
    found = read_frames(memoryview(chunk), 0)
    assert found is not None
    tabling = Tabling(ORIGIN, size=0)
    tabling.add(Batch(Place(1, 1), len(chunk), chunk, 0, found, commit))
    return tabling
