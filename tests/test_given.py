"""What a document says, as values of the shapes that actors declare."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any, Literal, Never, NotRequired, TypedDict
from uuid import UUID

import msgspec
import pytest

from theater import ActorRef, ContentRef
from theater.codec import ActorAddress
from theater.given import Filled, read_given
from theater.shape import Shape
from theater.untyped import MisfitError

NOON = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)
REF = ContentRef.of(b"hello")


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Level(IntEnum):
    LOW = 1


@dataclass(frozen=True)
class Point:
    x: int
    y: float = 0.5
    names: tuple[str, ...] = field(default_factory=tuple)


class Circle(msgspec.Struct, tag=True):
    radius: float


class Square(msgspec.Struct, tag=True):
    side: float


class Options(TypedDict):
    deep: bool
    wide: NotRequired[int]


def find(name: str) -> object:
    if name != "counter":
        raise MisfitError(f"No actor {name!r}")
    return "the counter"


GOOD: list[tuple[Any, Any, Any]] = [
    (int, 3, 3),
    (float, 3, 3),
    (float, 0.5, 0.5),
    (bool, True, True),
    (str, "a", "a"),
    (str, Filled("a"), "a"),
    (int, Filled("3"), 3),
    (float, Filled("3"), 3.0),
    (bool, Filled("true"), True),
    (bytes, "aGVsbG8=", b"hello"),
    (bytearray, "aGVsbG8=", bytearray(b"hello")),
    (dt.datetime, NOON, NOON),
    (dt.datetime, "2026-01-01T12:00:00Z", NOON),
    (dt.date, dt.date(2026, 1, 1), dt.date(2026, 1, 1)),
    (dt.time, "12:00:00", dt.time(12)),
    (dt.timedelta, 1.5, dt.timedelta(seconds=1.5)),
    (dt.timedelta, "PT90S", dt.timedelta(seconds=90)),
    (dt.timedelta, Filled("PT90S"), dt.timedelta(seconds=90)),
    (Decimal, "1.10", Decimal("1.10")),
    (UUID, str(UUID(int=1)), UUID(int=1)),
    (ContentRef, str(REF), REF),
    (ActorRef, "counter", "the counter"),
    (ActorRef | None, Filled("counter"), "the counter"),
    (Colour, "blue", Colour.BLUE),
    (Colour, Filled("blue"), Colour.BLUE),
    (Level, 1, Level.LOW),
    (Level, Filled("1"), Level.LOW),
    (Literal["a", "b"], Filled("b"), "b"),
    (Literal[1, 2], Filled("2"), 2),
    (Annotated[int, msgspec.Meta(ge=0)], 0, 0),
    (list[int], [1, 2], [1, 2]),
    (tuple[int, ...], [1, 2], (1, 2)),
    (tuple[int, str], [1, "a"], (1, "a")),
    (set[str], ["a", "a"], {"a"}),
    (frozenset[Colour], ["red"], frozenset({Colour.RED})),
    (dict[str, int], {"a": 1}, {"a": 1}),
    (dict[int, str], {"1": "a"}, {1: "a"}),
    (dict[Colour, list[int]], {"red": [1]}, {Colour.RED: [1]}),
    (Point, {"x": 1}, Point(1)),
    (Point, {"x": 1, "y": 2, "names": ["a"]}, Point(1, 2, ("a",))),
    (Circle | Square, {"type": "Square", "side": 1.0}, Square(1.0)),
    (Options, {"deep": True}, {"deep": True}),
    (int | None, 3, 3),
    (int | str, Filled("3"), 3),
    (int | str, Filled("three"), "three"),
    (list[int] | str, "a", "a"),
    (Any, {"a": [Filled("x"), 1, NOON]}, {"a": ["x", 1, NOON]}),
]


@pytest.mark.parametrize(("annotation", "given", "value"), GOOD, ids=lambda part: repr(part)[:40])
def test_a_document_can_say_every_kind_of_value(annotation: object, given: object, value: object) -> None:
    read = read_given(Shape.of(annotation).form, given, find)

    assert read == value
    assert type(read) is type(value)


BAD: list[tuple[Any, Any, str]] = [
    (int, "3", "Expected `int`, got `str`"),
    (int, True, "Expected `int`, got `bool`"),
    (int, 2**64, "Expected an `int` from -2**63 to 2**64 - 1, got one of 65 bits"),
    (int, Filled("three"), "Expected `int`, got 'three'"),
    (str, 3, "Expected `str`, got `int`"),
    (bytes, "?", "Expected `bytes` in base64, got other text"),
    (bytes, "é", "Expected `bytes` in base64, got other text"),
    (dt.datetime, 3, "Expected `datetime`, got `int`"),
    (dt.time, NOON, "Expected `time`, got `datetime`"),
    (dt.date, True, "Expected `date`, got `bool`"),
    (dt.date, "tomorrow", "Invalid RFC3339 encoded date"),
    (dt.timedelta, float("inf"), "out of range"),
    (UUID, "1", "Invalid UUID"),
    (ContentRef, "1", "not a content ref: '1'"),
    (ActorRef, "countre", "No actor 'countre'"),
    (ActorRef, 3, "Expected `ActorRef`, as the name of an actor, got `int`"),
    (Colour, "blu", "Invalid enum value 'blu' for `Colour`; did you mean 'blue'?"),
    (Colour, 3, "Expected `Colour`, got `int`"),
    (Level, Filled("x"), "Expected `int`, got 'x'"),
    (Literal["a", "b"], "c", "Expected 'a' | 'b', got 'c'; there are a, b"),
    (Annotated[int, msgspec.Meta(ge=0)], -1, "Expected `int` >= 0"),
    (list[int], 3, "Expected `list`, got `int`"),
    (list[int], [1, "a"], "Expected `int`, got `str` - at `$[1]`"),
    (set[Any], [{}], "Expected values that a `set` can hold, got some that can change"),
    (tuple[int, str], [1], "Expected `tuple` of length 2, got 1"),
    (tuple[int, str], 1, "Expected `tuple`, got `int`"),
    (dict[str, int], {"a": "b"}, "Expected `int`, got `str` - at `$['a']`"),
    (dict[int, int], {"a": 1}, "Expected `int`, got 'a' - at `$[key]`"),
    (dict[str, int], [], "Expected `dict`, got `list`"),
    (Point, {"y": 1}, "`Point` misses its field `x`"),
    (Point, {"x": 1, "z": 1}, "`Point` has no field `z`; there are x, y, names"),
    (Point, {"x": 1, "name": []}, "`Point` has no field `name`; did you mean 'names'?"),
    (Point, [], "Expected `Point`, got `list`"),
    (list[Point], [{"x": "a"}], "Expected `int`, got `str` - at `$[0].x`"),
    (
        Circle | Square,
        {"type": "Line"},
        "Expected `Circle | Square` with one of type = 'Circle', type = 'Square'",
    ),
    (int | list[int], "a", "Expected `int | list`, got `str`"),
    (list[int] | None, ["a"], "Expected `int`, got `str` - at `$[0]`"),
    (Any, dt.date(2026, 1, 1), "Expected a plain value, got `date`"),
    (Any, ActorAddress(bytes(16)), "Expected a value without refs"),
    (Never, 1, "Expected `Never`, got `int`"),
]


@pytest.mark.parametrize(("annotation", "given", "why"), BAD, ids=lambda part: repr(part)[:40])
def test_what_stands_for_no_value_is_named_with_its_place(
    annotation: object, given: object, why: str
) -> None:
    with pytest.raises(MisfitError) as caught:
        read_given(Shape.of(annotation).form, given, find)

    assert why in str(caught.value)
