from __future__ import annotations

import struct
import sys
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from enum import IntEnum
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgpack
import msgspec
import pytest
from hypothesis import given
from strategies import plain_values, shared_values

import theater
from theater.codec import ActorAddress, Addressed, Outlined, decode, encode, pack, prepare
from theater.content import ContentRef
from theater.errors import MalformedError

DIGEST = bytes(range(32))
ID = bytes(range(16))
PLUS_ONE = timezone(timedelta(hours=1))

# written by hand from the MessagePack specification and the table in theater/plain.py; these never change
GOLDEN: list[tuple[Any, str]] = [
    (None, "c0"),
    (False, "c2"),
    (True, "c3"),
    (0, "00"),
    (127, "7f"),
    (128, "cc80"),
    (255, "ccff"),
    (256, "cd0100"),
    (65_535, "cdffff"),
    (65_536, "ce00010000"),
    (2**32 - 1, "ceffffffff"),
    (2**32, "cf0000000100000000"),
    (2**64 - 1, "cfffffffffffffffff"),
    (-1, "ff"),
    (-32, "e0"),
    (-33, "d0df"),
    (-128, "d080"),
    (-129, "d1ff7f"),
    (-32_768, "d18000"),
    (-32_769, "d2ffff7fff"),
    (-(2**31), "d280000000"),
    (-(2**31) - 1, "d3ffffffff7fffffff"),
    (-(2**63), "d38000000000000000"),
    (0.0, "cb0000000000000000"),
    (-0.0, "cb8000000000000000"),
    (1.0, "cb3ff0000000000000"),
    (float("inf"), "cb7ff0000000000000"),
    (float("-inf"), "cbfff0000000000000"),
    (float("nan"), "cb7ff8000000000000"),
    ("", "a0"),
    ("é", "a2c3a9"),
    ("x" * 31, "bf" + "78" * 31),
    ("x" * 32, "d920" + "78" * 32),
    ("x" * 256, "da0100" + "78" * 256),
    ("x" * 65_536, "db00010000" + "78" * 65_536),
    (b"", "c400"),
    (b"x" * 256, "c50100" + "78" * 256),
    (b"x" * 65_536, "c600010000" + "78" * 65_536),
    ([], "90"),
    ([1, [2]], "92019102"),
    ([0] * 16, "dc0010" + "00" * 16),
    ({}, "80"),
    ({"b": 1, "a": 2, "aa": 3}, "83a16102a16201a2616103"),
    ({True: 0, 300: 0, -1: 0, "a": 0, b"a": 0, False: 0, 5: 0}, "870500a16100c200c300c4016100cd012c00ff00"),
    ({"é": 1, "zz": 2, "z": 3}, "83a17a03a27a7a02a2c3a901"),
    ((), "d40190"),
    ((1, "a"), "d60192" + "01a161"),
    (set(), "d40290"),
    ({2, 1, "a"}, "c7050293" + "0102a161"),
    (frozenset({1}), "d5039101"),
    ({(2,), (1,)}, "c70902" + "92" + "d5019101" + "d5019102"),
    (datetime(1970, 1, 1), "c70904" + "0000000000000000" + "00"),  # noqa: DTZ001
    (datetime(1969, 12, 31, 23, 59, 59, 999_999, fold=1), "c70904" + "ff" * 8 + "01"),  # noqa: DTZ001
    (datetime(1970, 1, 1, 1, tzinfo=PLUS_ONE), "c71104" + "00000000d693a400" + "00" + "00000000d693a400"),
    (datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), "c71104" + "00000000000f4240" + "00" + "00" * 8),
    (UUID("00010203-0405-0607-0809-0a0b0c0d0e0f"), "d805" + ID.hex()),
    (ContentRef.of_digest(DIGEST), "c72006" + DIGEST.hex()),
    (ActorAddress(ID), "d807" + ID.hex()),
    (Outlined(0, DIGEST, 2000), "c72708" + "93" + "00" + "c420" + DIGEST.hex() + "cd07d0"),
    (Outlined(1, DIGEST, 40_000), "c72708" + "93" + "01" + "c420" + DIGEST.hex() + "cd9c40"),
    (Outlined(2, DIGEST, 40_000), "c72708" + "93" + "02" + "c420" + DIGEST.hex() + "cd9c40"),
]


class Ref(Addressed):
    @property
    def address(self) -> ActorAddress:
        return ActorAddress(ID)


class Text(str):
    __slots__ = ()


class Number(IntEnum):
    ONE = 1


class Vague(tzinfo):
    def utcoffset(self, _: datetime | None) -> timedelta | None:
        return None

    def dst(self, _: datetime | None) -> timedelta | None:
        return None

    def tzname(self, _: datetime | None) -> str | None:
        return None


def circle() -> list[object]:
    inner: list[object] = []
    inner.append(inner)
    return inner


def nested(depth: int, wrap: Callable[[object], object] = lambda inner: [inner]) -> object:
    value: object = 1
    for _ in range(depth):
        value = wrap(value)
    return value


@pytest.mark.parametrize(
    ("value", "expected"), GOLDEN, ids=[f"{text[:20]}-{i}" for i, (_, text) in enumerate(GOLDEN)]
)
def test_each_value_has_the_bytes_that_were_written_down_for_it(value: object, expected: str) -> None:
    assert encode(value).hex() == expected


@pytest.mark.parametrize(
    ("value", "written"), GOLDEN, ids=[f"{text[:20]}-{i}" for i, (_, text) in enumerate(GOLDEN)]
)
def test_the_bytes_that_were_written_down_read_as_the_value(value: object, written: str) -> None:
    found = decode(bytes.fromhex(written))

    assert type(found) is type(value)
    assert found == value or found != found  # noqa: PLR0124 - NaN


@given(shared_values)
def test_msgpack_and_msgspec_write_the_same_bytes_where_they_know_the_value(value: object) -> None:
    prepared = prepare(value)

    assert encode(value) == msgpack.packb(prepared) == msgspec.msgpack.encode(prepared)


@given(plain_values)
def test_encode_is_pack_after_prepare(value: object) -> None:
    assert encode(value) == pack(prepare(value))


def test_every_nan_is_the_one_nan() -> None:
    strange = struct.unpack(">d", bytes.fromhex("fff80000deadbeef"))[0]

    assert encode([strange, -float("nan")]).hex() == "92" + "cb7ff8000000000000" * 2


def test_the_order_in_which_a_map_or_set_was_filled_leaves_no_trace() -> None:
    names = [f"{'x' * (i % 7)}{i}" for i in range(100)]

    assert encode(dict.fromkeys(names)) == encode(dict.fromkeys(reversed(names)))
    assert encode(set(names)) == encode(set(names[50:]) | set(names[:50]))


@pytest.mark.parametrize("value", [None, True, 7, 1.5, "text", b"bytes"])
def test_a_scalar_is_prepared_by_leaving_it_alone(value: object) -> None:
    assert prepare(value) is value


def test_a_prepared_value_no_longer_follows_the_original() -> None:
    original = {"items": [1, {"deep": [2]}]}

    prepared = prepare(original)
    original["items"].clear()

    assert decode(pack(prepared)) == {"items": [1, {"deep": [2]}]}


def test_a_ref_packs_as_its_address() -> None:
    assert decode(encode([Ref()])) == [ActorAddress(ID)]


@pytest.mark.parametrize(
    "value",
    [
        object(),
        Text("a"),
        Number.ONE,
        OrderedDict(a=1),
        bytearray(b"a"),
        memoryview(b"a"),
        1 + 2j,
        range(3),
        int,
        timedelta(1),
        datetime(2026, 1, 1).date(),  # noqa: DTZ001
        msgpack.ExtType(1, b"\x90"),
        msgpack.Timestamp(1),
    ],
    ids=lambda value: type(value).__name__,
)
def test_only_the_very_types_of_plain_values_are_packed(value: object) -> None:
    with pytest.raises(TypeError, match=type(value).__qualname__):
        encode(value)


@pytest.mark.parametrize("value", [2**64, -(2**63) - 1])
def test_an_int_of_more_than_64_bits_is_refused(value: int) -> None:
    with pytest.raises(TypeError, match="64 bits"):
        encode(value)
    with pytest.raises(TypeError, match="64 bits"):
        encode({value: 1})


def test_text_with_a_lone_surrogate_is_refused() -> None:
    with pytest.raises(TypeError, match="surrogate"):
        encode("\ud800")
    with pytest.raises(TypeError, match="surrogate"):
        encode({"\udfff": 1})


@pytest.mark.parametrize("key", [None, 1.0, (1,), Text("a"), Number.ONE, UUID(int=1)], ids=repr)
def test_a_map_key_is_text_bytes_int_or_bool_and_nothing_else(key: object) -> None:
    with pytest.raises(TypeError, match="neither text, bytes, int nor bool"):
        encode({key: 1})


def test_a_set_of_two_nans_is_refused_because_it_would_arrive_as_another() -> None:
    with pytest.raises(TypeError, match="same bytes"):
        encode({float("nan"), -float("nan")})


@pytest.mark.parametrize(
    "wrap",
    [
        lambda inner: [inner],
        lambda inner: {"k": inner},
        lambda inner: (inner,),
        lambda inner: frozenset({inner}),
    ],
    ids=["list", "map", "tuple", "frozenset"],
)
def test_64_containers_may_stand_one_within_another_and_no_more(wrap: Callable[[object], object]) -> None:
    deepest = nested(64, wrap)

    assert decode(encode(deepest)) == deepest
    with pytest.raises(TypeError, match="too deep"):
        encode(wrap(deepest))


def test_a_circle_is_refused() -> None:
    with pytest.raises(TypeError, match="circle"):
        encode({"a": circle()})


def test_a_stack_that_is_nearly_full_is_a_type_error_too() -> None:
    value = nested(60)

    def fall(left: int) -> bytes:
        return fall(left - 1) if left else encode(value)

    here = len_of_stack()
    with pytest.raises(TypeError, match="nested too deep"):
        fall(sys.getrecursionlimit() - here - 40)


def len_of_stack() -> int:
    frame, depth = sys._getframe(), 0
    while frame.f_back is not None:
        frame, depth = frame.f_back, depth + 1
    return depth


def test_a_tree_deeper_than_the_packer_can_go_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="too large"):
        pack(nested(50_000))


def test_only_who_reads_takes_the_extensions_of_msgpack() -> None:
    """To the writer they are tuples, and it would write them as arrays without a word."""
    modules = Path(theater.__file__).parent.rglob("*.py")
    takers = {path.stem for path in modules if "ExtType" in path.read_text()}

    assert takers == {"codec", "parts", "plain"}


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ({"args": [1, {"x": object()}]}, "body.args[1].x: builtins.object"),
        ({"a b": (1, object())}, r"body['a b'][1]: builtins.object"),
        ({7: {(object(),)}}, "body[7]{…}[0]: builtins.object"),
        ([[1.0, {None: 1}]], "body[0][1]: a key"),
        ([1, {float("nan"), -float("nan")}], "body[1]: two members"),
        (object(), "body: builtins.object"),
    ],
)
def test_the_error_names_the_place(value: object, place: str) -> None:
    with pytest.raises(TypeError) as raised:
        encode(value, name="body")

    assert str(raised.value).startswith(place)


def test_the_error_stays_short_however_long_the_place_is() -> None:
    with pytest.raises(TypeError) as raised:
        encode({"k" * 10_000: object()})

    assert len(str(raised.value)) < 300


def test_a_datetime_of_a_zone_arrives_with_its_offset_and_instant() -> None:
    for fold in (0, 1):  # the hour that comes twice
        local = datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Paris"), fold=fold)

        found = decode(encode(local))

        assert found.utcoffset() == local.utcoffset()
        assert found.astimezone(UTC) == local.astimezone(UTC)
        assert (found.replace(tzinfo=None), found.fold) == (local.replace(tzinfo=None), fold)


def test_an_offset_of_seconds_and_microseconds_survives() -> None:
    odd = datetime(1900, 1, 1, tzinfo=timezone(timedelta(hours=-3, seconds=7, microseconds=9)))

    assert decode(encode(odd)) == odd
    assert decode(encode(odd)).utcoffset() == odd.utcoffset()


def test_a_datetime_whose_zone_knows_no_offset_is_refused() -> None:
    with pytest.raises(TypeError, match="utc offset"):
        encode(datetime(2026, 1, 1, tzinfo=Vague()))


@pytest.mark.parametrize("wrong", [b"", b"x" * 15, b"x" * 17, "x" * 16, bytearray(16)], ids=repr)
def test_an_actor_address_is_16_bytes(wrong: Any) -> None:
    with pytest.raises(MalformedError):
        ActorAddress(wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        (3, DIGEST, 1),
        (-1, DIGEST, 1),
        (True, DIGEST, 1),
        (0, b"", 1),
        (0, "x" * 32, 1),
        (0, DIGEST, -1),
        (0, DIGEST, 2**63),
        (0, DIGEST, 1.0),
    ],
    ids=repr,
)
def test_an_outlined_value_has_a_known_kind_a_digest_and_a_size(wrong: tuple[Any, Any, Any]) -> None:
    with pytest.raises(MalformedError):
        Outlined(*wrong)
