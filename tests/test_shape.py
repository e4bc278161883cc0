"""What arrives is what was sent, as far as the annotation allows, and nothing is shared that can change."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from functools import cached_property
from types import SimpleNamespace
from typing import (
    Annotated,
    Any,
    Generic,
    Literal,
    NamedTuple,
    NewType,
    NoReturn,
    NotRequired,
    Required,
    Self,
    TypedDict,
    TypeVar,
)
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import datetimes, digests, ints, keys, texts

from theater.codec import ActorAddress, Addressed, decode, encode
from theater.content import ContentRef
from theater.errors import SetupError
from theater.shape import Shape

T = TypeVar("T")


class Ref(Addressed, Generic[T]):
    """Stands for an actor of the theater `home`."""

    def __init__(self, address: ActorAddress, home: str = "here") -> None:
        self._address, self.home = address, home

    @property
    def address(self) -> ActorAddress:
        return self._address

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ref) and (self.address, self.home) == (other.address, other.home)

    def __hash__(self) -> int:
        return hash(self._address)


def world(address: ActorAddress) -> object:
    return Ref[Any](address)


REF = Ref[Any](ActorAddress(b"a" * 16))


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Point:
    x: int
    y: float = 0.0
    tags: list[str] = field(default_factory=list)


@dataclass
class Tree:
    name: str
    children: list[Tree] = field(default_factory=list)


@dataclass
class Letter:
    to: Ref[Any]
    copies: dict[str, Ref[Any]]
    content: ContentRef
    when: datetime | None = None


@dataclass(frozen=True, slots=True)
class Pair(Generic[T]):
    left: T
    right: T


class Circle(msgspec.Struct, tag=True):
    radius: int


class Square(msgspec.Struct, tag=True):
    side: int


class Row(NamedTuple):
    key: str
    value: list[int]


class Options(TypedDict):
    size: int
    name: NotRequired[str]


class Partial(TypedDict, total=False):
    size: Required[int]
    name: str


class Bag(msgspec.Struct):
    size: int = 3
    items: list[int] = []


OtherLetter = Literal["b"]
Meters = NewType("Meters", float)
NOT_TEXT: Any = 1
LEAVES: st.SearchStrategy[Any] = (
    st.none()
    | st.booleans()
    | ints
    | st.floats(allow_nan=False)
    | texts
    | st.binary()
    | datetimes
    | st.uuids()
    | digests.map(ContentRef.of_digest)
    | st.binary(min_size=16, max_size=16).map(ActorAddress).map(Ref)
)
MEMBERS = st.recursive(
    LEAVES, lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3), max_leaves=4
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(keys, inner)
        | st.sets(MEMBERS)
        | st.frozensets(MEMBERS)
    ),
    max_leaves=12,
)
VALUES_BY_ANNOTATION: list[tuple[Any, Any]] = [
    (int, -(2**63)),
    (int, 2**64 - 1),
    (float, 0.5),
    (str, "ünïcode"),
    (bytes, b"\x00"),
    (None, None),
    (int | str | bytes | None, b"x"),
    (list[int], [1, 2]),
    (dict[str, list[int]], {"a": [1]}),
    (tuple[int, str], (1, "a")),
    (tuple[int, ...], (1, 2, 3)),
    (set[str], {"a"}),
    (frozenset[bytes], frozenset({b"a"})),
    (Point, Point(1, 2.0, ["a"])),
    (list[Point] | None, [Point(1)]),
    (Tree, Tree("a", [Tree("b", [Tree("c")])])),
    (Colour, Colour.RED),
    (dict[Colour, int], {Colour.BLUE: 1}),
    (Circle, Circle(1)),
    (Circle | Square | None, Square(2)),
    (Row, Row("a", [1])),
    (Options, {"size": 1}),
    (Pair[int], Pair(1, 2)),
    (Pair[Pair[str]], Pair(Pair("a", "b"), Pair("c", "d"))),
    (set[Pair[int]], {Pair(1, 2), Pair(3, 4)}),
    (dict[tuple[int, int], str], {(1, 2): "a"}),
    (dict[UUID, Point], {uuid4(): Point(1)}),
    (dict[ContentRef, int], {ContentRef.of(b""): 1}),
    (Decimal, Decimal("1.50")),
    (date, date(2026, 1, 2)),
    (timedelta, timedelta(days=-1, microseconds=1)),
    (datetime, datetime(2026, 1, 2, tzinfo=timezone(timedelta(hours=2)))),
    (UUID, uuid4()),
    (bytearray, bytearray(b"a")),
    (ContentRef, ContentRef.of(b"a")),
    (Ref[int], REF),
    (list[Ref[int]], [REF]),
    (Letter, Letter(REF, {"a": REF}, ContentRef.of(b"a"), datetime(2026, 1, 1))),  # noqa: DTZ001  # naive on purpose
    (Literal["a", 1], "a"),
    (Meters, 1.5),
    (Annotated[int, msgspec.Meta(ge=0)], 3),
    (Sequence[int], (1, 2)),
    (Sequence[int], [1, 2]),
    (Mapping[str, int], {"a": 1}),
    (Iterable[int], {1, 2}),
    (Iterable[Point], (Point(1),)),
    (AbstractSet[int], frozenset({1})),
    (Ref, REF),
    (Ref[int] | None, REF),
    (Addressed | None, REF),
    (list, [1, [2]]),
    (dict, {"a": [1], 2: b""}),
    (tuple, (1, [2])),
    (int | float, 1.5),
    (float | int, 1),
    (int | Any, ["a"]),
    (Literal["a"] | OtherLetter | None, "b"),
    (Annotated[int, ["no hash"]], 3),
    (Partial, {"size": 1}),
    (Bag, Bag()),
]


@given(value=VALUES)
def test_plain_values_arrive_as_what_they_were_in_an_untyped_place(value: Any) -> None:
    arrived, plain = Shape.of(object).carry(value, world)

    assert arrived == value
    assert type(arrived) is type(value)
    assert encode(arrived) == encode(value) == encode(plain)


@given(value=VALUES)
def test_what_the_record_brings_back_is_what_arrived(value: Any) -> None:
    shape = Shape.of(Any)
    arrived, plain = shape.carry(value, world)

    restored = shape.restore(decode(encode(plain)), world)

    assert restored == arrived
    assert type(restored) is type(arrived)


@pytest.mark.parametrize(("annotation", "value"), VALUES_BY_ANNOTATION)
def test_a_value_of_the_declared_type_arrives_and_comes_back_from_the_record(
    annotation: Any, value: Any
) -> None:
    shape = Shape.of(annotation)

    arrived, plain = shape.carry(value, world)

    assert arrived == value
    assert type(arrived) is type(value)
    assert shape.restore(decode(encode(plain)), world) == value


@pytest.mark.parametrize(("annotation", "value"), VALUES_BY_ANNOTATION)
def test_the_bytes_of_a_value_name_no_class(annotation: Any, value: Any) -> None:
    _, plain = Shape.of(annotation).carry(value, world)

    assert b"test_shape" not in encode(plain)
    assert b"Point" not in encode(plain)


@pytest.mark.parametrize("annotation", [Any, object, T])
def test_a_place_without_a_type_takes_plain_values_only(annotation: Any) -> None:
    shape = Shape.of(annotation)

    assert shape.carry([1, "a"], world)[0] == [1, "a"]
    with pytest.raises(TypeError, match=r"Expected a plain value, got `Point`: name its class"):
        shape.carry(Point(1), world)


@pytest.mark.parametrize("annotation", [list[Point], object])
def test_sender_and_receiver_share_no_list(annotation: Any) -> None:
    inner = [Point(1)] if annotation is not object else [[1]]
    sent: list[Any] = inner

    arrived, plain = Shape.of(annotation).carry(sent, world)
    sent.append(None)
    arrived[0] = None

    assert len(arrived) == 1
    assert len(plain) == 1
    assert plain[0] is not None


def test_sender_and_receiver_share_no_part_of_a_record() -> None:
    sent = Point(1, tags=["a"])

    arrived, plain = Shape.of(Point).carry(sent, world)
    arrived.tags.append("b")
    sent.tags.append("c")

    assert arrived.tags == ["a", "b"]
    assert plain["tags"] == ["a"]


@pytest.mark.parametrize("value", [None, True, 1, 1.5, "text", b"bytes", (1, 2), frozenset({1})])
def test_what_never_changes_passes_as_it_is(value: object) -> None:
    arrived, plain = Shape.of(object).carry(value, world)

    assert arrived is value
    assert plain is value


def test_an_int_may_stand_for_a_float_and_stays_an_int() -> None:
    arrived, plain = Shape.of(float).carry(3, world)

    assert type(arrived) is int
    assert type(plain) is int


@pytest.mark.parametrize(
    ("annotation", "value", "text"),
    [
        (int, "a", "Expected `int`, got `str`"),
        (int, True, "Expected `int`, got `bool`"),
        (bool, 1, "Expected `bool`, got `int`"),
        (float, "1", "Expected `float`, got `str`"),
        (int, 2**64, r"Expected an `int` from -2\*\*63 to 2\*\*64 - 1, got one of 65 bits"),
        (object, -(2**63) - 1, r"Expected an `int` from -2\*\*63 to 2\*\*64 - 1"),
        (str, "\ud800", "Expected Unicode text, got a lone surrogate at 0"),
        (list[str], ["a", "\ud800"], r"lone surrogate at 0 - at `\$\[1\]`"),
        (list[int], [1, "a"], r"Expected `int`, got `str` - at `\$\[1\]`"),
        (list[int], (1, 2), "Expected `list`, got `tuple`"),
        (tuple[int, str], (1,), "Expected `tuple` of length 2, got 1"),
        (tuple[int, str], (1, 2), r"Expected `str`, got `int` - at `\$\[1\]`"),
        (dict[str, int], {"a": "b"}, r"Expected `int`, got `str` - at `\$\['a'\]`"),
        (dict[str, int], {1: 1}, r"Expected `str`, got `int` - at `\$\[key\]`"),
        (object, {1.5: 1}, r"Expected `str \| bytes \| int \| bool`, got `float` - at `\$\[key\]`"),
        (dict[str, Any], {"a": [Point(1)]}, r"Expected a plain value, got `Point`.* - at `\$\['a'\]\[0\]`"),
        (Point, {"x": 1}, "Expected `Point`, got `dict`"),
        (
            list[Tree],
            [Tree("a", [Tree(NOT_TEXT)])],
            r"Expected `str`, got `int` - at `\$\[0\]\.children\[0\]\.name`",
        ),
        (Options, {"size": 1, "colour": 2}, "Object contains unknown field `colour`"),
        (Options, {"name": "a"}, "Object missing required field `size`"),
        (Colour, "red", "Expected `Colour`, got `str`"),
        (object, Colour.RED, "Expected a plain value, got `Colour`"),
        (Literal["a", 1], True, "Expected 'a' | 1, got True"),
        (int | None, "a", r"Expected `int \| None`, got `str`"),
        (Annotated[int, msgspec.Meta(ge=0)], -1, "Expected `int` >= 0"),
        (Ref[int], b"a" * 16, "Expected `Ref`, got `bytes`"),
        (Ref[int], Ref[int](REF.address, "elsewhere"), "a ref of this theater, got one of another"),
        (object, [Ref[int](REF.address, "elsewhere")], "a ref of this theater, got one of another"),
        (set[Pair[int]], {Pair("a", "b")}, r"Expected `int`, got `str` - at `\$\[\.\.\.\]\.left`"),
        (bytes, bytearray(b"a"), "Expected `bytes`, got `bytearray`"),
        (dict[str, int], [1], "Expected `dict`, got `list`"),
        (tuple[int, int], [1, 2], "Expected `tuple`, got `list`"),
        (dict[Any, int], {1.5: 1}, r"got `float` - at `\$\[key\]`"),
        (object, {2**70: 1}, "Expected an `int` from"),
        (object, {"a": {None: 1}}, r"got `None` - at `\$\['a'\]\[key\]`"),
        (Circle | Square, Point(1), r"Expected `Circle \| Square`, got `Point`"),
        (Decimal, "1", "Expected `Decimal`, got `str`"),
        (datetime, date(2026, 1, 1), "Expected `datetime`, got `date`"),
        (NoReturn, None, "Expected `Never`, got `None`"),
        (Partial, {"name": "a"}, "missing required field `size`"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(annotation: Any, value: Any, text: str) -> None:
    with pytest.raises(TypeError, match=text):
        Shape.of(annotation).carry(value, world)


class Loud(str):
    __slots__ = ()


@dataclass
class Point3(Point):
    z: int = 0


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (Point, Point3(1)),
        (object, Loud("a")),
        (str, Loud("a")),
        (list[Point], [Point3(1)]),
        (object, [Row("a", [])]),
    ],
)
def test_a_subclass_of_the_declared_class_is_refused(annotation: Any, value: Any) -> None:
    with pytest.raises(TypeError, match=r"Expected|subclass"):
        Shape.of(annotation).carry(value, world)


def test_an_attribute_that_is_no_field_of_a_record_is_refused() -> None:
    point: Any = Point(1)
    point.colour = "red"

    with pytest.raises(TypeError, match="unknown field `colour`"):
        Shape.of(Point).carry(point, world)


def test_what_a_cached_property_keeps_is_no_part_of_the_value() -> None:
    @dataclass
    class Word:
        text: str

        @cached_property
        def size(self) -> int:
            return len(self.text)

    word = Word("four")
    assert word.size == 4

    arrived, plain = Shape.of(Word).carry(word, world)

    assert arrived == word
    assert plain == {"text": "four"}


def test_a_record_is_copied_without_running_its_init_or_post_init() -> None:
    @dataclass
    class Once:
        text: str
        made: int = field(init=False, default=0)

        def __post_init__(self) -> None:
            self.made += 1

    arrived, _ = Shape.of(Once).carry(Once("a"), world)

    assert arrived.made == 1


def test_a_field_that_a_record_lacks_gets_its_default() -> None:
    assert Shape.of(Point).restore({"x": 1}, world) == Point(1)
    assert Shape.of(Bag).restore({}, world) == Bag(3, [])
    assert Shape.of(Row | None).restore({"key": "a", "value": []}, world) == Row("a", [])


@pytest.mark.parametrize(
    ("annotation", "plain"),
    [
        (Point, {"x": "a"}),
        (Point, {"y": 1.0}),
        (Point, {"x": 1, "z": 1}),
        (Point, [1]),
        (Colour, "green"),
        (Decimal, "many"),
        (date, "yesterday"),
        (Circle | Square, {"type": "Line"}),
        (Ref[int], b"a" * 16),
        (dict[UUID, int], [[1]]),
        (tuple[int, int], (1,)),
        (int | None, "a"),
        (Decimal, 5),
        (Colour, 5),
        (dict[str, int], [1]),
        (list[int], {1}),
        (NoReturn, None),
    ],
)
def test_a_record_that_does_not_fit_the_class_any_more_is_refused(annotation: Any, plain: Any) -> None:
    with pytest.raises(TypeError):
        Shape.of(annotation).restore(plain, world)


def test_a_value_that_holds_itself_is_refused() -> None:
    circle: list[Any] = []
    circle.append(circle)
    tree = Tree("a")
    tree.children.append(tree)

    with pytest.raises(TypeError, match="at most 60 levels"):
        Shape.of(object).carry(circle, world)
    with pytest.raises(TypeError, match="at most 60 levels"):
        Shape.of(Tree).carry(tree, world)


def test_the_deepest_value_that_is_taken_can_be_packed_in_an_event() -> None:
    value: Any = ()
    for _ in range(59):
        value = [value]
    _, plain = Shape.of(object).carry(value, world)

    encode([[plain]])

    with pytest.raises(TypeError, match="at most 60 levels"):
        Shape.of(object).carry([[value]], world)


def test_a_zone_arrives_as_its_offset_live_as_from_the_record() -> None:
    when = datetime(2026, 7, 1, 12, tzinfo=ZoneInfo("Europe/Paris"))

    arrived, plain = Shape.of(datetime).carry(when, world)

    assert arrived == when
    assert arrived.tzinfo == timezone(timedelta(hours=2))
    assert decode(encode(plain)).tzinfo == arrived.tzinfo


class Opaque:
    pass


class Never(enum.Enum):
    NESTED = (1, 2)


class Kind(msgspec.Struct, tag=True, tag_field="kind"):
    name: str


class OtherCircle(msgspec.Struct, tag="Circle"):
    width: int


@pytest.mark.parametrize(
    ("annotation", "remedy"),
    [
        (Callable[[int], int], "use plain values, a dataclass, or an enum"),
        (Iterator[int], "use plain values"),
        (Opaque, "use plain values, a dataclass, or an enum"),
        (list[Opaque], "use plain values"),
        (Point | Tree, "`msgspec.Struct`s with `tag=True`"),
        (Point | dict[str, int], "keep one of them"),
        (list[int] | list[str], "keep one of them"),
        (str | date, "keep one of them"),
        (Circle | OtherCircle, "tag=True"),
        (Circle | Kind, "tag=True"),
        (5, "values of 5 cannot be carried"),
        (Never, "give them such values"),
        (Literal[Colour.RED], "annotate with the enum itself"),
        (complex, "use plain values"),
    ],
)
def test_a_type_that_cannot_be_carried_is_a_setup_error_with_a_remedy(annotation: Any, remedy: str) -> None:
    with pytest.raises(SetupError, match=remedy):
        Shape.of(annotation)


def test_a_struct_may_still_refuse_what_it_is_made_of() -> None:
    class Even(msgspec.Struct):
        number: int

        def __post_init__(self) -> None:
            if self.number % 2:
                raise ValueError("odd")

    with pytest.raises(TypeError, match="odd"):
        Shape.of(Even).restore({"number": 1}, world)


def test_slots_above_a_dict_are_carried_with_it() -> None:
    @dataclass(slots=True)
    class Low:
        a: int

    @dataclass
    class High(Low):
        b: int

    assert Shape.of(High).carry(High(1, 2), world)[0] == High(1, 2)


def test_an_attrs_class_is_carried_field_by_field() -> None:
    class Drawn:
        __attrs_attrs__ = (SimpleNamespace(name="size"),)  # what attrs leaves on a class, without attrs
        size: int

    drawn = Drawn()
    drawn.size = 3

    arrived, plain = Shape.of(Drawn).carry(drawn, world)

    assert arrived.size == 3
    assert arrived is not drawn
    assert plain == {"size": 3}


def test_a_record_that_is_made_by_its_own_new_is_a_setup_error() -> None:
    @dataclass
    class Number(int):
        unit: str

    with pytest.raises(SetupError, match="send its fields instead"):
        Shape.of(Number)


def test_a_field_that_cannot_be_carried_is_named() -> None:
    @dataclass
    class Holder:
        call: Callable[[], None]

    with pytest.raises(SetupError, match=r"Holder\.call: values of .* cannot be carried"):
        Shape.of(Holder, names=locals())


def test_a_local_record_finds_the_names_around_it() -> None:
    @dataclass
    class Inner:
        x: int

    @dataclass
    class Outer:
        inner: Inner

    assert Shape.of(Outer, names=locals()).carry(Outer(Inner(1)), world)[0] == Outer(Inner(1))
    with pytest.raises(SetupError, match="the name 'Inner' in its annotation is not known"):
        Shape.of(Outer)


@dataclass(frozen=True)
class Named(Pair[str]):
    note: Self | None = None


def test_a_type_parameter_stands_for_what_the_class_says() -> None:
    shape = Shape.of(Named)

    assert shape.carry(Named("a", "b", Named("c", "d")), world)[0] == Named("a", "b", Named("c", "d"))
    with pytest.raises(TypeError, match=r"Expected `str`, got `int` - at `\$\.left`"):
        shape.carry(Named(1, "b"), world)  # type: ignore[arg-type]  # on purpose


def test_an_alias_stands_for_its_value() -> None:
    alias: Any = pytest.importorskip("typing_extensions").TypeAliasType
    of: Any = tuple
    pairs = alias("pairs", of[T, T], type_params=(T,))
    names = alias("names", list[str])

    assert Shape.of(pairs[int]).carry((1, 2), world)[0] == (1, 2)
    assert Shape.of(names).carry(["a"], world)[0] == ["a"]
    with pytest.raises(TypeError, match="Expected `int`, got `str`"):
        Shape.of(pairs[int]).carry((1, "a"), world)


def test_an_alias_that_holds_itself_is_refused() -> None:
    class TypeAliasType:
        """What `type Tree = list[Tree]` makes from Python 3.12 on."""

        __value__: Any

        def __repr__(self) -> str:
            return "Tree"

    tree = TypeAliasType()
    items: Any = list
    tree.__value__ = items[tree]

    with pytest.raises(SetupError, match="Tree holds itself: make it a record class"):
        Shape.of(tree)


def test_a_name_that_a_record_within_a_record_does_not_know_is_told_of_by_itself() -> None:
    @dataclass
    class Inner:
        value: Unheard  # type: ignore[name-defined]  # noqa: F821  # on purpose

    @dataclass
    class Outer:
        inner: Inner

    with pytest.raises(
        SetupError, match=r"^[^:]*Inner\.value: the name 'Unheard' in its annotation is not known"
    ):
        Shape.of(Outer, names={"Inner": Inner})


def test_a_world_that_does_not_know_an_address_refuses_its_ref() -> None:
    def small_world(address: ActorAddress) -> object:
        raise TypeError(f"{address} is not here")

    with pytest.raises(TypeError, match=r"a ref of this theater, got one of another theater - at `\$\[0\]`"):
        Shape.of(list[Ref[int]]).carry([REF], small_world)
