"""Frames and marks: their bytes, and that no other bytes pass for them."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theater.errors import FolderError, MalformedError
from theater.journal import frames
from theater.journal.frames import Commit, frame, frontier_payload, read_file, read_frames, read_frontier
from theater.journal.heading import heading, time_of
from theater.journal.marks import Closed, Format
from theater.keys import SigningKey
from theater.merkle import Frontier, leaf_hash

KEY = SigningKey(bytes(range(32)))
ORIGIN = "theater/0123456789abcdef0123456789abcdef"
NOTE = frame(frames.COMMIT, Commit(1, 0, 21, b"note").payload())
BATCH = frame(frames.EVENT, b"an event's bytes") + NOTE

kinds = st.sampled_from([frames.EVENT, frames.STUB, frames.BLOB, frames.FILE, frames.FRONTIER])


def test_the_bytes_of_a_frame_are_these() -> None:
    by_hand = bytes.fromhex("0000000d 45") + b"thirteen byte"

    assert frame(frames.EVENT, b"thirteen byte") == zlib.crc32(by_hand).to_bytes(4, "big") + by_hand
    assert frame(frames.EVENT, b"thirteen byte").hex() == "70488e390000000d45746869727465656e2062797465"


def test_kinds_are_letters() -> None:
    named = [frames.EVENT, frames.STUB, frames.BLOB, frames.FILE, frames.FRONTIER, frames.COMMIT]

    assert bytes(named) == b"ESBFMC"


@given(parts=st.lists(st.tuples(kinds, st.binary(max_size=50))), lead=st.binary(max_size=9))
def test_a_batch_is_read_as_it_was_written(parts: list[tuple[int, bytes]], lead: bytes) -> None:
    segment = lead + b"".join(frame(*part) for part in parts) + NOTE + b"more"

    found = read_frames(memoryview(segment), len(lead))

    assert found is not None
    assert [(kind, segment[start:end]) for kind, start, end in found[:-1]] == parts
    assert found[-1][0] == frames.COMMIT
    assert segment[found[-1][2] :] == b"more"


def test_a_batch_cut_anywhere_is_not_whole() -> None:
    for length in range(len(BATCH)):
        assert read_frames(memoryview(BATCH[:length]), 0) is None
        assert read_frames(memoryview(BATCH[:length] + bytes(100)), 0) is None


def test_a_batch_with_one_flipped_bit_is_not_whole() -> None:
    for bit in range(len(BATCH) * 8):
        flipped = bytearray(BATCH)
        flipped[bit // 8] ^= 1 << bit % 8

        assert read_frames(memoryview(flipped), 0) is None


def test_no_batch_begins_in_zeros_or_behind_the_end() -> None:
    assert read_frames(memoryview(bytes(100)), 0) is None
    assert read_frames(memoryview(BATCH), len(BATCH)) is None


def test_an_unknown_kind_and_a_payload_that_is_too_long_are_no_frames() -> None:
    assert read_frames(memoryview(frame(ord("?"), b"") + NOTE), 0) is None
    assert read_frames(memoryview(frame(frames.BLOB, bytes(frames.PAYLOAD_LIMIT)) + NOTE), 0) is not None
    assert read_frames(memoryview(frame(frames.BLOB, bytes(frames.PAYLOAD_LIMIT + 1)) + NOTE), 0) is None


def test_a_commit_says_where_it_stands() -> None:
    commit = Commit(2, 4096, 70_000, b"origin\n")

    assert commit.payload().hex() == "00000002" + "0000000000001000" + "0000000000011170" + b"origin\n".hex()
    assert Commit.read(commit.payload()) == commit


@pytest.mark.parametrize("length", range(20))
def test_a_commit_that_is_too_short_is_refused(length: int) -> None:
    with pytest.raises(MalformedError):
        Commit.read(Commit(1, 0, 0, b"").payload()[:length])


@given(st.integers(0, 40))
def test_a_frontier_is_read_as_it_was_written(size: int) -> None:
    frontier = Frontier()
    for number in range(size):
        frontier.append(leaf_hash(bytes([number])))

    segment, found = read_frontier(frontier_payload(7, frontier))

    assert segment == 7
    assert (found.size, found.hashes, found.root()) == (size, frontier.hashes, frontier.root())


@pytest.mark.parametrize(
    "payload", [b"", bytes(11), bytes(44), bytes(11) + b"\1", bytes(11) + b"\1" + bytes(31)]
)
def test_a_frontier_of_the_wrong_length_is_refused(payload: bytes) -> None:
    with pytest.raises(MalformedError):
        read_frontier(payload)


def test_a_file_frame_is_digest_and_size() -> None:
    payload = bytes(range(32)) + frames.file_size(1 << 33)

    assert payload[32:].hex() == "0000000200000000"
    assert read_file(payload) == (bytes(range(32)), 1 << 33)
    for other in (payload[:-1], payload + b"x"):
        with pytest.raises(MalformedError):
            read_file(other)


def test_the_text_of_a_format_is_this() -> None:
    lines = f"theater\nformat 1\norigin {ORIGIN}\nkey {KEY.public}\n"

    assert str(Format(ORIGIN, KEY.public)) == f"{lines}crc32 {zlib.crc32(lines.encode()):08x}\n"


def test_the_text_of_a_clean_close_is_this() -> None:
    lines = f"closed\nsegment 3\nlength 1048576\nsize 1234\nroot {'ab' * 32}\n"

    assert str(Closed(3, 1 << 20, 1234, b"\xab" * 32)) == f"{lines}crc32 {zlib.crc32(lines.encode()):08x}\n"


MARKS = [Format(ORIGIN, KEY.public), Closed(1, 0, 0, bytes(32))]


@pytest.mark.parametrize("mark", MARKS)
def test_a_mark_is_read_as_it_was_written(mark: Format | Closed) -> None:
    assert type(mark).parse(str(mark)) == mark


@pytest.mark.parametrize("mark", MARKS)
def test_a_mark_cut_anywhere_or_with_one_flipped_bit_is_refused(mark: Format | Closed) -> None:
    text = str(mark).encode()
    flipped = [bytearray(text) for _ in range(len(text) * 8)]
    for bit, each in enumerate(flipped):
        each[bit // 8] ^= 1 << bit % 8

    for bad in [text[:length] for length in range(len(text))] + flipped:
        with pytest.raises((MalformedError, FolderError)):
            type(mark).parse(bad.decode(errors="replace"))


def _with_sum(lines: str) -> str:
    return f"{lines}crc32 {zlib.crc32(lines.encode()):08x}\n"


def test_a_newer_format_is_named() -> None:
    newer = _with_sum(f"theater\nformat 2\norigin {ORIGIN}\nkey {KEY.public}\nwitness example.org\n")

    with pytest.raises(FolderError, match="format 2"):
        Format.parse(newer)


@pytest.mark.parametrize(
    "lines",
    [
        f"theater\nformat 0\norigin {ORIGIN}\nkey {KEY.public}\n",
        f"theater\nformat 1\norigin theater/1234\nkey {KEY.public}\n",
        f"theater\nformat 1\norigin {ORIGIN}\nkey 12\n",
        f"theater\nformat 1\nkey {KEY.public}\norigin {ORIGIN}\n",
    ],
)
def test_a_format_with_a_right_sum_and_wrong_values_is_refused(lines: str) -> None:
    with pytest.raises(MalformedError):
        Format.parse(_with_sum(lines))


@pytest.mark.parametrize("values", ["1 0 01", "x 0 0", "1 0 99999999999999999999"])
def test_a_mark_of_closing_with_a_right_sum_and_wrong_values_is_refused(values: str) -> None:
    segment, length, size = values.split()
    root = "00" * 32
    lines = f"closed\nsegment {segment}\nlength {length}\nsize {size}\nroot {root}\n"

    with pytest.raises(MalformedError):
        Closed.parse(_with_sum(lines))
    with pytest.raises(MalformedError):
        Closed.parse(_with_sum("closed\nsegment 1\nlength 0\nsize 0\nroot zz\n"))


ACTOR = bytes(range(16))
HEADINGS = {
    0: "00",
    127: "7f",
    128: "cc80",
    256: "cd0100",
    65_536: "ce00010000",
    1 << 32: "cf0000000100000000",
}


@pytest.mark.parametrize("seq", HEADINGS)
@pytest.mark.parametrize("parent", ["c0", "c420" + "ee" * 32])
def test_a_heading_is_read_from_the_first_bytes_of_an_event(seq: int, parent: str) -> None:
    start = bytes.fromhex("9701c410") + ACTOR + bytes.fromhex(HEADINGS[seq] + parent)
    data = start + bytes.fromhex("cf17979cfe362a0000") + b"..."

    assert heading(data) == (ACTOR, seq)
    assert time_of(data) == 1_700_000_000_000_000_000
    for length in range(len(start)):
        with pytest.raises(MalformedError):
            time_of(data[:length])


@pytest.mark.parametrize("start", ["9702c410", "9601c410", "9701c411"])
def test_a_heading_of_something_else_is_refused(start: str) -> None:
    with pytest.raises(MalformedError):
        heading(bytes.fromhex(start) + ACTOR + b"\0")


@pytest.mark.parametrize("rest", ["c0", "ff", "a0", "00c1", "00c41f"])
def test_a_heading_with_wrong_parts_is_refused(rest: str) -> None:
    with pytest.raises(MalformedError):
        time_of(bytes.fromhex("9701c410") + ACTOR + bytes.fromhex(rest) + bytes(50))
