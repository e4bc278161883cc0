from __future__ import annotations

import random
import sys
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import plain_values

from theater import codec, outlining
from theater.codec import BODY_DEPTH, LIMIT, ActorAddress, Outlined, decode, encode, prepare
from theater.content import ContentRef
from theater.errors import CorruptContentError, MalformedError
from theater.outlining import inline, outline
from theater.parts import whole

DIGEST = bytes(range(32))
FLOAT = "cb3ff8000000000000"


class Blobs(dict[bytes, bytes]):
    """Contents by their SHA-256."""

    def put(self, content: bytes) -> bytes:
        digest = sha256(content).digest()
        self[digest] = content
        return digest


def same(left: Any, right: Any) -> bool:
    """Whether two values are equal and of the same types, all the way down; NaN equals NaN."""
    if type(left) is not type(right):
        return False
    if isinstance(left, (list, tuple)):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, datetime):
        return bool(left == right and left.fold == right.fold and left.utcoffset() == right.utcoffset())
    return repr(left) == repr(right) if isinstance(left, float) else bool(left == right)


@given(st.dictionaries(st.binary(), st.none()))
@example({bytes(256): None, bytes(255): None, b"b": None, b"a": None, b"": None})
def test_keys_that_are_bytes_stand_in_the_order_of_their_encoded_bytes(value: dict[bytes, None]) -> None:
    assert list(decode(encode(value))) == sorted(value, key=encode)


@given(plain_values)
def test_every_plain_value_arrives_as_what_it_was(value: object) -> None:
    assert same(decode(encode(value)), value)


@given(plain_values)
def test_encoding_what_was_decoded_gives_the_same_bytes(value: object) -> None:
    assert encode(decode(encode(value))) == encode(value)


def refused_or_canonical(data: bytes) -> None:
    try:
        value = decode(data)
    except MalformedError:
        return
    assert encode(value) == data


@given(st.binary(max_size=100))
@example(b"")
def test_random_bytes_are_refused_or_canonical(data: bytes) -> None:
    refused_or_canonical(data)


@given(plain_values, st.data())
def test_bytes_with_a_change_are_refused_or_canonical(value: object, draw: st.DataObject) -> None:
    written = encode(value)
    at = draw.draw(st.integers(0, len(written) - 1))
    cut = draw.draw(st.integers(0, 3))
    inserted = draw.draw(st.binary(max_size=3))

    refused_or_canonical(written[:at] + inserted + written[at + cut :])


@given(plain_values, st.data())
def test_bytes_that_are_cut_off_are_refused(value: object, draw: st.DataObject) -> None:
    written = encode(value)
    end = draw.draw(st.integers(0, len(written) - 1))

    with pytest.raises(MalformedError):
        decode(written[:end])


@given(plain_values, st.binary(min_size=1, max_size=3))
def test_bytes_after_the_value_are_refused(value: object, more: bytes) -> None:
    with pytest.raises(MalformedError):
        decode(encode(value) + more)


@given(plain_values, st.data())
def test_the_quick_way_and_the_careful_way_judge_alike(value: object, draw: st.DataObject) -> None:
    written = bytearray(encode([value]))
    at = draw.draw(st.integers(0, len(written) - 1))
    written[at] ^= draw.draw(st.sampled_from([0, 1, 2, 4, 8, 16, 32, 64, 128]))

    def judged(read: Callable[[bytes], object]) -> object:
        try:
            return encode(read(bytes(written)))
        except MalformedError:
            return None

    assert judged(decode) == judged(lambda data: codec._careful(data, 64))


@pytest.mark.parametrize("more", [0, 30])
@pytest.mark.parametrize("text", ["b", "é"])
def test_keys_stand_in_the_order_of_their_bytes_however_many_there_are(text: str, more: int) -> None:
    keys = ["ccc", "aa", text, "a", *(f"{number:04}" for number in range(more))]

    packed = [encode({key: None}) for key in keys]

    assert list(decode(encode(dict.fromkeys(keys)))) == [keys[packed.index(one)] for one in sorted(packed)]


def test_bytes_with_many_changes_raise_nothing_but_malformed() -> None:
    chance = random.Random(4)
    seeds = [
        encode(value)
        for value in [{"a": [1, (2, {3})], "é": {UUID(int=5)}}, [ActorAddress(b"i" * 16), 1.5, -9]]
    ]

    for _ in range(20_000):
        changed = bytearray(chance.choice(seeds))
        for _ in range(chance.randint(1, 5)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        refused_or_canonical(bytes(changed))


@pytest.mark.parametrize(
    "written",
    [
        "cc01",  # an int of two bytes that fits one
        "cd00ff",
        "ce0000ffff",
        "cf00000000ffffffff",
        "d0ff",
        "d1ff80",
        "d2ffff8000",
        "d3ffffffff80000000",
        "d07f",  # a positive int in a signed form
        "ca3fc00000",  # a float of 32 bits
        "cb7ff8000000000001",  # another NaN
        "cbfff8000000000000",
        "cb7ff0000000000001",
        "91cb7ff8000000000001",
        "81a161cbfff8000000000000",
        "d90161",  # text with a long header
        "da000161",
        "db0000000161",
        "c5000161",  # bytes with a long header
        "c60000000161",
        "dc000101",  # an array with a long header
        "dd0000000101",
        "de0001a16101",  # a map with a long header
        "df00000001a16101",
        "82a16201a16101",  # keys out of order
        "82a2616101a16201",
        "82a2c3a901a27a7a02",
        "82a16101a16102",  # a key twice
        "82c30101" + "02",  # True and 1, one key in Python
        "81" + FLOAT + "01",  # keys of other kinds
        "81c001",
        "819001",
        "818001",
        "81d4019001",
        "81d805" + "00" * 16 + "01",
        "a1ff",  # not UTF-8
        "a3eda080",  # a surrogate in UTF-8
        "c1",  # never used
        "d40090",  # no extension of ours
        "d40990",
        "d47f90",
        "d48090",
        "d6ff00000000",  # MessagePack's own timestamp
        "d7ff0000000000000000",
        "c70cff" + "00" * 12,
        "c70cff" + "ff" * 12,
        "c7010190",  # an extension with a long header
        "c800010190",
        "c9000000010190",
        "d40101",  # a tuple that is no array
        "d40180",
        "d501" + "9101"[:4] + "00",  # more after the tuple
        "c70001",  # an empty payload
        "d501cc01",
        "d601dc000001"[:12],
        "d602920201",  # a set out of order
        "c703029201" + "01",  # a member twice
        "c704029201c3",  # True and 1, one member in Python
        "c70b029201cb3ff0000000000000",  # 1 and 1.0
        "c713" + "02" + "92" + "cb0000000000000000" + "cb8000000000000000",  # 0.0 and -0.0
        "d5029190",  # a set that holds a list
        "d5029180",
        "c70804" + "00" * 8,  # datetimes: too short, bad fold, year 10000, offset of a day
        "c70904" + "00" * 8 + "02",
        "c70904" + "7fffffffffffffff" + "00",
        "c70904" + "8000000000000000" + "00",
        "c71104" + "00" * 9 + "000000141dd76000",
        "c71104" + "00" * 9 + "7fffffffffffffff",
        "c70f05" + "00" * 15,  # wrong sizes
        "c71f06" + "00" * 31,
        "c70f07" + "00" * 15,
        "d40890",
        "d40800",
        "c72608" + "9302c420" + "00" * 32 + "01",
        "c72508" + "9300c420" + "00" * 32 + "ff",
        "c72608" + "9300d920" + "61" * 32 + "01",
        "c74008" + "93" + "00" * 63,
    ],
)
def test_each_form_that_is_not_the_canonical_one_is_refused(written: str) -> None:
    with pytest.raises(MalformedError):
        decode(bytes.fromhex(written))
    with pytest.raises(MalformedError):
        decode(b"\x91" + bytes.fromhex(written))
    with pytest.raises(MalformedError):  # and inside a tuple
        payload = b"\x91" + bytes.fromhex(written)
        decode(encode((0,)).replace(b"\xd5\x01\x91\x00", b"\xc7" + bytes([len(payload)]) + b"\x01" + payload))


@pytest.mark.parametrize("wrong", [None, "text", bytearray(b"\x01"), memoryview(b"\x01"), 1], ids=repr)
def test_only_bytes_are_decoded(wrong: Any) -> None:
    with pytest.raises(MalformedError):
        decode(wrong)


def test_more_bytes_than_the_limit_are_refused() -> None:
    assert decode(encode("x" * 98), limit=100) == "x" * 98
    with pytest.raises(MalformedError, match="101 bytes, at most 100"):
        decode(encode("x" * 99), limit=100)


@pytest.mark.parametrize("header", [b"\x91", b"\x81\xa1a", b"\xd4\x01", b"\xd4\x02", b"\xdd\0\0\0\1"])
@pytest.mark.parametrize("depth", [65, 1000, 5000, 200_000])
def test_deep_nesting_is_refused_without_falling_off_the_stack(header: bytes, depth: int) -> None:
    with pytest.raises(MalformedError):
        decode(header * depth + b"\x01")


def test_tuples_nested_a_thousand_deep_are_refused() -> None:
    written = b"\x90"
    for _ in range(1000):
        length = len(written) + 1
        written = b"\xc9" + length.to_bytes(4, "big") + b"\x01\x91" + written

    with pytest.raises(MalformedError):
        decode(written)


def test_a_nearly_full_stack_raises_malformed_too() -> None:
    written = encode({"é": [[[[[[[[[[(1,)]]]]]]]]]]})

    def fall(left: int) -> Any:
        return fall(left - 1) if left else decode(written)

    outcomes = set()
    for spare in range(10, 80):
        try:
            outcomes.add(type(fall(sys.getrecursionlimit() - depth_of_stack() - spare)))
        except MalformedError:
            outcomes.add(MalformedError)
        except RecursionError:  # decode itself had no room to begin
            outcomes.add(RecursionError)
    assert outcomes >= {dict, MalformedError}


def depth_of_stack() -> int:
    frame, depth = sys._getframe(), 0
    while frame.f_back is not None:
        frame, depth = frame.f_back, depth + 1
    return depth


@pytest.mark.parametrize(
    "written",
    [
        "ddffffffff",  # four billion items
        "dfffffffff",
        "dbffffffff",
        "c6ffffffff",
        "c9ffffffff01",
        "dd03ffffff" * 64,
        "dd00ffffff" * 800,
        "dc03ff" * 60,
        "dc0fff" * 1300,
        "c9000000ff01" + "ddffffff00" * 51,
    ],
)
def test_declared_lengths_take_no_memory(written: str) -> None:
    data = bytes.fromhex(written)
    tracemalloc.start()
    try:
        with pytest.raises(MalformedError):
            decode(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 3_000_000


@pytest.mark.parametrize("item", [b"\x90", b"\x80", b"\xd4\x01\x90", b"\xd4\x02\x90", b"\xa2\xc3\xa9"])
def test_memory_stays_within_about_150_times_the_input(item: bytes) -> None:
    data = b"\xdd\x00\x01\x00\x00" + item * 65_536
    tracemalloc.start()
    try:
        decode(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 160 * len(data)


def test_the_error_of_a_large_input_is_small() -> None:
    with pytest.raises(MalformedError) as raised:
        decode(b"\xc1" * 1_000_000)

    assert len(str(raised.value)) < 500
    assert raised.value.expected == "canonical MessagePack value"


def test_threads_encode_and_decode_side_by_side() -> None:
    values = [{"name": f"{i}", "items": (i, {i}), "ref": ContentRef.of(bytes([i]))} for i in range(50)]
    wrong: list[object] = []

    def work() -> None:
        wrong.extend(value for _ in range(20) for value in values if decode(encode(value)) != value)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []


# Large values leave the event


@pytest.fixture
def blobs() -> Blobs:
    return Blobs()


def containers_of(content: bytes) -> Iterator[object]:
    yield {"args": [content]}
    yield {"args": [[{"deep": (content, {content}, frozenset({content}))}]]}
    yield [content]
    yield content


@pytest.mark.parametrize("body", list(containers_of(b"x" * 1025)), ids=lambda body: type(body).__name__)
def test_bytes_over_1024_leave_the_event_wherever_they_are_and_come_back(blobs: Blobs, body: object) -> None:
    small = outline(body, blobs.put)

    assert list(blobs.values()) == [b"x" * 1025]
    assert b"x" * 100 not in encode(small)
    assert inline(small, blobs.__getitem__) == body


def test_bytes_stand_under_their_own_hash() -> None:
    content = b"x" * 1025

    assert outline([content], Blobs().put) == [Outlined(Outlined.BYTES, sha256(content).digest(), 1025)]


def test_1024_bytes_stay(blobs: Blobs) -> None:
    body = {"args": [b"x" * 1024, b"y" * 1024]}

    assert outline(body, blobs.put) == body
    assert blobs == {}


def test_a_small_body_is_given_back_as_it_is(blobs: Blobs) -> None:
    body = {"args": [1]}

    assert outline(body, blobs.put) is body


def test_a_body_that_is_outlined_stays_as_it_was(blobs: Blobs) -> None:
    body = {"args": [b"x" * 2000], "text": "x" * 40_000}

    outline(body, blobs.put)

    assert body == {"args": [b"x" * 2000], "text": "x" * 40_000}


@pytest.mark.parametrize(
    "part", ["x" * 32_766, list(range(20_000)), {"k": "v" * 33_000}, ("t" * 33_000,)], ids=type
)
def test_a_part_that_packs_to_over_32_kib_leaves_the_event_and_the_rest_stays(
    blobs: Blobs, part: object
) -> None:
    small = outline({"answer": part, "handler": "read"}, blobs.put)

    assert small["handler"] == "read"
    assert (small["answer"].kind, small["answer"].size) == (Outlined.PARTED, len(encode(part)))
    assert whole(small["answer"], blobs.__getitem__) == encode(part)
    assert inline(small, blobs.__getitem__) == {"answer": part, "handler": "read"}


def test_a_part_of_exactly_32_kib_stays(blobs: Blobs) -> None:
    body = {"answer": "x" * (32 * 1024 - 3)}

    assert len(encode(body["answer"])) == 32 * 1024
    assert outline(body, blobs.put) == body


def test_a_body_that_is_one_large_value_leaves_as_one(blobs: Blobs) -> None:
    text = "x" * 40_000

    small = outline(text, blobs.put)

    assert type(small) is Outlined
    assert inline(small, blobs.__getitem__) == text


def test_parts_that_are_too_large_together_leave_largest_first_until_the_event_has_room(blobs: Blobs) -> None:
    body = {"answer": "a" * 20_000, "args": ["b" * 30_000], "handler": "x", "kwargs": {"c": "c" * 25_000}}

    small = outline(body, blobs.put)

    assert [key for key in small if type(small[key]) is Outlined] == ["args"]
    assert inline(small, blobs.__getitem__) == body


def test_very_many_small_parts_are_left_alone(blobs: Blobs) -> None:
    body = ["x" * 100] * 1000

    assert outline(body, blobs.put) == body
    assert blobs == {}


def test_bytes_within_a_part_that_leaves_are_blobs_of_their_own(blobs: Blobs) -> None:
    content = b"x" * 5000
    body = {"args": [content, ["y" * 40_000]]}

    small = outline(body, blobs.put)

    assert content in blobs.values()
    assert len(blobs) == 2
    assert inline(small, blobs.__getitem__) == body


def test_a_value_of_full_depth_may_leave_and_come_back(blobs: Blobs) -> None:
    value: object = "x" * 40_000
    for _ in range(64):
        value = [value]
    body = {"args": [value]}

    assert inline(outline(body, blobs.put), blobs.__getitem__) == body


def test_a_body_that_cannot_be_packed_is_refused_before_anything_is_put(blobs: Blobs) -> None:
    with pytest.raises(TypeError, match=r"body\.args\[1\]"):
        outline({"args": [b"x" * 2000, object()]}, blobs.put)

    assert blobs == {}


def test_a_part_larger_than_decode_takes_is_refused(blobs: Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outlining, "LIMIT", 40_000)
    monkeypatch.setattr(outlining, "TOTAL", 60_000)

    with pytest.raises(TypeError, match="beside its long bytes values, at most 40000"):
        outline({"answer": ["x" * 50_000, b"x" * 2_000]}, blobs.put)
    with pytest.raises(TypeError, match="a part of 70005 bytes, at most 60000"):
        outline({"answer": "x" * 70_000}, blobs.put)


def test_a_part_over_32_kib_that_holds_bytes_which_left_is_kept_whole(blobs: Blobs) -> None:
    body = {"answer": [b"x" * 2_000, "y" * 40_000], "args": []}

    small = outline(body, blobs.put)

    packed = encode([Outlined(Outlined.BYTES, sha256(b"x" * 2_000).digest(), 2_000), "y" * 40_000])
    assert small["answer"] == Outlined(Outlined.PACKED, sha256(packed).digest(), len(packed))
    assert inline(small, blobs.__getitem__) == body


def test_a_state_over_32_kib_leaves_with_all_that_is_in_it(blobs: Blobs) -> None:
    body = {"args": [b"x" * 2_000], "state": {"picture": bytes(100_000), "name": "n"}}

    small = outline(body, blobs.put)

    assert (small["state"].kind, small["state"].size) == (Outlined.PARTED, len(encode(body["state"])))
    assert whole(small["state"], blobs.__getitem__) == encode(body["state"])
    assert small["args"] == [Outlined(Outlined.BYTES, sha256(b"x" * 2_000).digest(), 2_000)]
    assert inline(small, blobs.__getitem__) == body


def test_bytes_in_a_smaller_state_leave_as_they_do_elsewhere(blobs: Blobs) -> None:
    body = {"state": {"picture": bytes(20_000), "name": "n"}}

    small = outline(body, blobs.put)

    assert small["state"]["picture"].kind == Outlined.BYTES
    assert inline(small, blobs.__getitem__) == body


@pytest.mark.parametrize("kind", [Outlined.PACKED, Outlined.PARTED])
def test_a_packed_value_within_a_part_is_malformed(blobs: Blobs, kind: int) -> None:
    inner = Outlined(kind, blobs.put(b"\x01"), 1)

    with pytest.raises(MalformedError, match="only as a whole part"):
        inline({"args": [[inner]]}, blobs.__getitem__)


def test_content_that_does_not_hash_to_its_name_is_corrupt() -> None:
    small = outline([b"x" * 2000], Blobs().put)

    with pytest.raises(CorruptContentError):
        inline(small, lambda _: b"y" * 2000)


def test_content_of_another_size_than_the_event_says_is_malformed(blobs: Blobs) -> None:
    digest = blobs.put(b"x" * 2000)

    with pytest.raises(MalformedError, match="2000 bytes"):
        inline([Outlined(Outlined.BYTES, digest, 2001)], blobs.__getitem__)


def test_a_packed_value_that_is_not_canonical_is_malformed(blobs: Blobs) -> None:
    digest = blobs.put(b"\xcc\x01")

    with pytest.raises(MalformedError):
        inline({"args": Outlined(Outlined.PACKED, digest, 2)}, blobs.__getitem__)


def test_a_packed_value_stands_only_as_a_whole_part(blobs: Blobs) -> None:
    inner = Outlined(Outlined.PACKED, blobs.put(b"\x01"), 1)
    packed = encode([inner])

    for body in (
        {"args": [inner]},
        [{inner}],
        {"a": Outlined(Outlined.PACKED, blobs.put(packed), len(packed))},
    ):
        with pytest.raises(MalformedError, match="whole part"):
            inline(body, blobs.__getitem__)


@given(plain_values.filter(lambda value: b"\x08" not in encode(value)))
def test_inline_undoes_outline(value: object) -> None:
    blobs = Blobs()
    body = {"args": [value, b"x" * 3000], "text": "y" * 40_000}

    assert same(inline(outline(body, blobs.put), blobs.__getitem__), body)


def test_the_room_for_bodies_is_wider_than_that_for_values() -> None:
    value: object = 1
    for _ in range(BODY_DEPTH):
        value = [value]

    assert decode(encode(value, depth=BODY_DEPTH), depth=BODY_DEPTH) == value
    with pytest.raises(MalformedError):
        decode(encode(value, depth=BODY_DEPTH))


def test_what_decode_takes_by_default_is_64_mib() -> None:
    assert LIMIT == 64 * 1024 * 1024
    assert prepare(b"") == b""
