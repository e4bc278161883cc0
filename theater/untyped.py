"""Untyped places: what they may hold, checked and copied."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime, timezone
from types import NoneType
from typing import Any, TypeAlias, cast
from uuid import UUID

from theater.content import ContentRef
from theater.plain import ActorAddress, Addressed

World: TypeAlias = Callable[[ActorAddress], object]
"""Turns the address of an actor into the ref that an actor uses; TypeError for one of another theater."""

SCALARS: frozenset[type] = frozenset({NoneType, bool, int, float, str, bytes})
"""Types whose values pass as they are; ints have 64 bits, texts no lone surrogates."""

KEYS: frozenset[type] = frozenset({str, bytes, int, bool})
"""Types a map key may have."""

DEEPEST = 60  # levels of one value: the codec takes 64, some of which its place in an event needs
NEAR = (1 << 30) - 1  # ints of less are one digit, which Python compares in one step
NUMBERS = frozenset({int, bool, float, NoneType})  # and nothing: what packs to 9 bytes at most
_FEW, _SHORT = 16, 64  # with them a `message/handled` is short in any case
SURE_BITS = 63  # an int of so many fits without a closer look
_SHOWN = 200  # characters of a place in an error
_LEAST, _MOST = -(2**63), 2**64 - 1
_UNBOUNDED = frozenset({NoneType, bool, float, bytes})  # scalars without anything to check


class MisfitError(TypeError):
    """A value does not fit its place; `path` leads to it, outermost step first."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why
        self.path: list[str] = []

    def within(self, step: str) -> MisfitError:
        """The same misfit, seen from one level further out."""
        self.path.insert(0, step)
        return self

    def __str__(self) -> str:
        place = "".join(self.path)
        shown = place if len(place) <= _SHOWN else f"{place[:_SHOWN]}…"
        return f"{self.why} - at `${shown}`" if place else self.why


def expected(name: str, value: object) -> MisfitError:
    """A misfit in msgspec's words."""
    return MisfitError(f"Expected `{name}`, got `{name_of(type(value))}`")


def name_of(kind: type) -> str:
    """How errors call a type: `None`, `int`, `Order`."""
    return "None" if kind is NoneType else kind.__qualname__.rpartition("<locals>.")[2]


def are_brief(kinds: Collection[frozenset[type]], characters: int) -> bool:
    """Say whether these are few numbers, or nothing, under names of so many characters in all."""
    return len(kinds) <= _FEW and characters <= _SHORT and all(these <= NUMBERS for these in kinds)


def passes(value: Any, kinds: frozenset[type]) -> bool:
    """Say whether this is a scalar of one of these kinds that needs no closer look."""
    kind = type(value)
    if kind is int:
        return int in kinds and value.bit_length() <= SURE_BITS
    if kind is str:
        return str in kinds and value.isascii()
    if kind is float:
        return float in kinds and value == value  # noqa: PLR0124  # NaN has many forms, one of them canonical
    return kind in kinds


def check_scalar(value: object) -> None:
    """Refuse ints of more than 64 bits and texts that are no Unicode.

    Raises:
        MisfitError: the value is one of these.
    """
    if type(value) is int and not _LEAST <= value <= _MOST:
        raise MisfitError(f"Expected an `int` from -2**63 to 2**64 - 1, got one of {value.bit_length()} bits")
    if type(value) is str and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise MisfitError(f"Expected Unicode text, got a lone surrogate at {error.start}") from None


def are_good_scalars(values: Collection[object]) -> bool:
    """Say whether all are scalars that pass as they are; mostly in C."""
    kinds = set(map(type, values))
    if kinds <= _UNBOUNDED:
        return True
    if kinds == {int}:
        ints = cast("Collection[int]", values)
        return min(ints) >= _LEAST and max(ints) <= _MOST
    if not kinds <= SCALARS:
        return False
    try:
        for value in values:
            check_scalar(value)
    except MisfitError:
        return False  # found again, with its place, by the walk over each
    return True


def check_keys(keys: Collection[object]) -> None:
    """Refuse what may not be the keys of a map.

    Raises:
        MisfitError: one is no text, bytes, int or bool, or not a good one.
    """
    if KEYS.issuperset(map(type, keys)) and are_good_scalars(keys):
        return
    for key in keys:  # pragma: no branch  # one of them is bad, so this raises
        if type(key) not in KEYS:
            raise expected("str | bytes | int | bool", key).within("[key]")
        check_scalar(key)


def deeper(room: int) -> int:
    """The room that is left one level further in.

    Raises:
        MisfitError: none is left.
    """
    if room <= 0:
        raise MisfitError(f"Expected at most {DEEPEST} levels, got more, or a value that holds itself")
    return room - 1


def pack_ref(value: Addressed, world: World) -> ActorAddress:
    """The address of a ref of this world; equal refs lead to the same actor of the same theater.

    Raises:
        MisfitError: the ref is of another theater.
    """
    address = value.address
    try:
        is_known = world(address) == value
    except TypeError:  # as a world says that an address is none of its own
        is_known = False
    if not is_known:
        raise MisfitError("Expected a ref of this theater, got one of another theater")
    return address


def fixed_offset(value: datetime) -> datetime:
    """The same moment as the record keeps it: with a fixed offset from UTC in place of a zone."""
    zone = value.tzinfo
    if zone is None or zone is timezone.utc:  # noqa: UP017  # the object, whatever its name
        return value
    offset = value.utcoffset()
    return value.replace(tzinfo=None if offset is None else timezone(offset))


def pack_plain(value: object, world: World, room: int = DEEPEST) -> object:
    """Copy a plain value, refs as addresses; no part of the copy can be changed through `value`.

    Raises:
        MisfitError: it is not a plain value, or holds something that is none.
    """
    kind = type(value)
    if kind in SCALARS:
        check_scalar(value)
        return value
    packer = _PACKERS.get(kind)
    if packer is not None:
        return packer(value, world, room)
    if isinstance(value, Addressed):
        return pack_ref(value, world)
    raise MisfitError(f"Expected a plain value, got `{name_of(kind)}`{_remedy(kind)}")


def build_plain(plain: object, world: World) -> object:
    """Undo `pack_plain`; lists, dicts and sets are new ones."""
    builder = _BUILDERS.get(type(plain))
    return plain if builder is None else builder(plain, world)


def _remedy(kind: type) -> str:
    base = next((base for base in kind.__mro__ if base in SCALARS or base in _PACKERS), None)
    if base is not None:
        return f", a subclass of `{name_of(base)}`"
    return ": name its class in an annotation, or send plain values"


def _pack_list(value: list[object], world: World, room: int) -> list[object]:
    return list(value) if are_good_scalars(value) else _pack_each(value, world, room)


def _pack_tuple(value: tuple[object, ...], world: World, room: int) -> tuple[object, ...]:
    return value if are_good_scalars(value) else tuple(_pack_each(value, world, room))


def _pack_set(value: set[object], world: World, room: int) -> set[object]:
    return set(value) if are_good_scalars(value) else set(_pack_each(value, world, room))


def _pack_frozenset(value: frozenset[object], world: World, room: int) -> frozenset[object]:
    return value if are_good_scalars(value) else frozenset(_pack_each(value, world, room))


def _pack_each(values: Collection[object], world: World, room: int) -> list[object]:
    room = deeper(room)
    ordered = isinstance(values, (list, tuple))
    copies = []
    for index, item in enumerate(values):
        try:
            copies.append(pack_plain(item, world, room))
        except MisfitError as misfit:
            raise misfit.within(f"[{index}]" if ordered else "[...]") from None
    return copies


def _pack_dict(value: dict[object, object], world: World, room: int) -> dict[object, object]:
    room = deeper(room)
    check_keys(value)
    if are_good_scalars(value.values()):
        return dict(value)
    copy = {}
    for key, item in value.items():
        try:
            copy[key] = pack_plain(item, world, room)
        except MisfitError as misfit:
            raise misfit.within(f"[{key!r}]") from None
    return copy


def _all_scalars(values: Collection[object]) -> bool:
    return SCALARS.issuperset(map(type, values))


def _build_list(plain: list[object], world: World) -> list[object]:
    return list(plain) if _all_scalars(plain) else [build_plain(item, world) for item in plain]


def _build_tuple(plain: tuple[object, ...], world: World) -> tuple[object, ...]:
    return plain if _all_scalars(plain) else tuple([build_plain(item, world) for item in plain])


def _build_set(plain: set[object], world: World) -> set[object]:
    return set(plain) if _all_scalars(plain) else {build_plain(item, world) for item in plain}


def _build_frozenset(plain: frozenset[object], world: World) -> frozenset[object]:
    return plain if _all_scalars(plain) else frozenset([build_plain(item, world) for item in plain])


def _build_dict(plain: dict[object, object], world: World) -> dict[object, object]:
    if _all_scalars(plain.values()):
        return dict(plain)
    return {key: build_plain(item, world) for key, item in plain.items()}


def _as_it_is(value: object, _world: World, _room: int) -> object:
    return value


_PACKERS: dict[type, Callable[..., object]] = {
    list: _pack_list,
    tuple: _pack_tuple,
    set: _pack_set,
    frozenset: _pack_frozenset,
    dict: _pack_dict,
    datetime: lambda value, _world, _room: fixed_offset(value),
    UUID: _as_it_is,
    ContentRef: _as_it_is,
    ActorAddress: _as_it_is,
}
_BUILDERS: dict[type, Callable[..., object]] = {
    list: _build_list,
    tuple: _build_tuple,
    set: _build_set,
    frozenset: _build_frozenset,
    dict: _build_dict,
    ActorAddress: lambda plain, world: world(plain),
}
