"""Parts: a long content is put together as it was, and a small change to it changes few parts."""

from __future__ import annotations

import random
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theater import parts
from theater.codec import Outlined, encode
from theater.content import ContentRef
from theater.errors import CorruptContentError, MalformedError
from theater.parts import MEMBERS, members_of, part, whole


class Blobs(dict[bytes, bytes]):
    """Contents by their SHA-256."""

    def put(self, content: bytes) -> bytes:
        digest = sha256(content).digest()
        self[digest] = content
        return digest

    def size(self) -> int:
        return sum(map(len, self.values()))


@pytest.fixture
def blobs() -> Blobs:
    return Blobs()


def noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


CONTENTS = {
    "noise": noise(3_000_000),
    "text": b"".join(
        b"message %d: the quick brown fox %d jumps\n" % (i, i * 7919 % 1000) for i in range(70_000)
    ),
    "records": b"".join(b"\x82\xa2id\xce" + i.to_bytes(4, "big") + b"\xa4size\x05" for i in range(200_000)),
    "zeros": bytes(3_000_000),
    "one period": b"abcdefg" * 400_000,
    "zeros between noise": noise(100_000) + bytes(200_000) + noise(100_000, seed=2),
}


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
def test_a_long_content_is_put_together_as_it_was(blobs: Blobs, content: bytes) -> None:
    item = part(content, blobs.put)

    assert (item.kind, item.size) == (Outlined.PARTED, len(content))
    assert whole(item, blobs.__getitem__) == content
    assert max(map(len, blobs.values())) <= 32_768


@pytest.mark.parametrize("name", ["noise", "text", "records"])
@pytest.mark.parametrize(("removed", "inserted"), [(0, 1), (1_000, 1_000), (0, 1_000), (5_000, 0)])
@pytest.mark.parametrize("at", [0, 100, 1_500_000, 2_000_000])
def test_a_small_change_anywhere_costs_a_few_parts(
    blobs: Blobs, name: str, removed: int, inserted: int, at: int
) -> None:
    content = CONTENTS[name]
    part(content, blobs.put)
    before = blobs.size()

    changed = content[:at] + noise(inserted, seed=at) + content[at + removed :]
    item = part(changed, blobs.put)

    assert whole(item, blobs.__getitem__) == changed
    assert blobs.size() - before < 100_000


def test_what_is_added_at_the_end_costs_little_more_than_itself(blobs: Blobs) -> None:
    content = noise(1_000_000)
    part(content, blobs.put)
    before = blobs.size()

    part(content + noise(1_000, seed=2), blobs.put)

    assert blobs.size() - before < 60_000


def test_parts_are_about_ten_thousand_bytes(blobs: Blobs) -> None:
    part(CONTENTS["noise"], blobs.put)

    leaves = [len(content) for content in blobs.values() if not is_node(content)]
    assert 7_000 < sum(leaves) / len(leaves) < 13_000


def is_node(content: bytes) -> bool:
    try:
        members_of(content)
    except MalformedError:
        return False
    return True


def test_a_very_long_list_of_parts_is_listed_in_turn(blobs: Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "_LEAST", 16)
    monkeypatch.setattr(parts, "_MOST", 64)
    content = noise(400_000)

    item = part(content, blobs.put)

    below = [members_of(blobs[member.digest]) for member in members_of(blobs[item.digest])]
    assert {member.kind for members in below for member in members} == {Outlined.PARTED}
    assert whole(item, blobs.__getitem__) == content
    assert all(len(members_of(content)) <= 256 for content in blobs.values() if is_node(content))


@settings(max_examples=30)
@given(content=st.binary(max_size=3_000), cut=st.integers(1, 40))
def test_any_content_is_put_together_as_it_was(content: bytes, cut: int) -> None:
    blobs = Blobs()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "_LEAST", cut)
        patch.setattr(parts, "_MOST", 4 * cut)
        patch.setattr(parts, "_PIECE", 64)

        item = part(content, blobs.put)

    assert whole(item, blobs.__getitem__) == content


def test_where_pieces_are_hashed_apart_makes_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    content = noise(300_000)
    at_once = part(content, Blobs().put)

    monkeypatch.setattr(parts, "_PIECE", 33)

    assert part(content, Blobs().put) == at_once


def test_a_content_may_end_where_a_part_does(blobs: Blobs) -> None:
    content = noise(200_000)
    first, *_ = members_of(blobs[part(content, blobs.put).digest])
    leaves = members_of(blobs[first.digest])[:4]
    size = sum(one.size for one in leaves)
    assert {one.kind for one in leaves} == {Outlined.BYTES}

    shorter = part(content[:size], blobs.put)

    assert members_of(blobs[shorter.digest]) == leaves
    assert whole(shorter, blobs.__getitem__) == content[:size]


# -- what is no content in parts -------------------------------------------------------------------------


def node(blobs: Blobs, *members: Outlined, size: int | None = None) -> Outlined:
    total = sum(member.size for member in members) if size is None else size
    return Outlined(Outlined.PARTED, blobs.put(encode(list(members))), total)


def leaf(blobs: Blobs, content: bytes = b"leaf", size: int | None = None) -> Outlined:
    return Outlined(Outlined.BYTES, blobs.put(content), len(content) if size is None else size)


def test_a_part_with_other_bytes_is_corrupt(blobs: Blobs) -> None:
    one = leaf(blobs)
    item = node(blobs, one)
    blobs[one.digest] = b"flea"

    with pytest.raises(CorruptContentError):
        whole(item, blobs.__getitem__)


def test_a_part_of_another_size_is_malformed(blobs: Blobs) -> None:
    with pytest.raises(MalformedError, match="it has 4 bytes"):
        whole(node(blobs, leaf(blobs, size=5)), blobs.__getitem__)


def test_parts_of_another_size_together_are_malformed(blobs: Blobs) -> None:
    with pytest.raises(MalformedError, match="its parts have 4 bytes"):
        whole(node(blobs, leaf(blobs), size=5), blobs.__getitem__)


def test_more_than_can_be_put_together_is_malformed_before_anything_is_read() -> None:
    with pytest.raises(MalformedError, match="at most"):
        whole(Outlined(Outlined.PARTED, bytes(32), (1 << 30) + 1), Blobs().__getitem__)


def test_nodes_without_end_are_malformed(blobs: Blobs) -> None:
    item = leaf(blobs)
    for _ in range(18):
        item = node(blobs, item)

    with pytest.raises(MalformedError):
        whole(item, blobs.__getitem__)


BAD = [
    b"",
    b"\x01",
    b"\x90",
    b"\x91\x01",
    b"\x91",
    encode([ContentRef.of(b"")]),
    encode([Outlined(Outlined.PACKED, bytes(32), 1)]),
    encode([Outlined(Outlined.BYTES, bytes(32), 1)]) + b"\x01",
    encode([Outlined(Outlined.BYTES, bytes(32), 1)] * (MEMBERS + 1)),
    encode([Outlined(Outlined.BYTES, bytes(32), 1)]).replace(b"\x01", b"\xcc\x01"),
    b"\xdc\x00\x01" + encode(Outlined(Outlined.BYTES, bytes(32), 1)),
    b"\x91\xc7\x03\x08\x91\x91\x01",
    encode({"a": Outlined(Outlined.BYTES, bytes(32), 1)}),
]


@pytest.mark.parametrize("content", BAD, ids=repr)
def test_what_is_no_node_is_malformed(content: bytes) -> None:
    with pytest.raises(MalformedError, match="node of parts"):
        members_of(content)
