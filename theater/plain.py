"""Plain values: what crosses an actor's boundary, and the one form each has in MessagePack.

None, bool, int, float, text, bytes, list and map are MessagePack's own, written thus:
    int     the shortest form; -2^63 to 2^64-1
    float   always 64 bits (cb); every NaN is cb 7ff8000000000000; 0.0 and -0.0 are two values
    text    UTF-8 without surrogates; bytes are `bin`; both with the shortest header
    map     keys are text, bytes, int or bool, in the order of their encoded bytes
The rest are extensions; `payload` is all that stands in one, and each value has exactly one:
    1 tuple        the members as a packed array
    2 set          the members as a packed array, in the order of their encoded bytes, none twice
    3 frozenset    as a set
    4 datetime     9 bytes if naive, 17 if aware, integers big-endian and signed:
                   8 wall clock, microseconds since 1970-01-01T00:00:00; 1 fold, 0 or 1; 8 utc offset,
                   microseconds
    5 UUID         16 bytes
    6 ContentRef   32 bytes, the SHA-256
    7 ActorAddress 16 bytes, the actor's id
    8 Outlined     the packed array [kind, digest, size]: kind 0 for bytes, 1 for a packed value, 2 for one
                   in parts; digest 32 bytes, the SHA-256 of the content kept elsewhere; size in bytes
A zone arrives as its utc offset: its name and rules stay behind.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from struct import Struct
from typing import Any, TypeAlias
from uuid import UUID

from msgpack import ExtType
from msgspec import Raw
from msgspec.msgpack import Encoder, Ext

from theater.content import ContentRef
from theater.errors import MalformedError

DEPTH = 64  # containers one within another
TUPLE, SET, FROZENSET, DATETIME, UUID_, CONTENT_REF, ADDRESS, OUTLINED = range(1, 9)
NAIVE, AWARE = Struct(">qB"), Struct(">qBq")
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - a wall clock has no zone
MICROSECOND = timedelta(microseconds=1)

_TEXT, _BYTES, _INTS = {str}, {bytes}, {int}
_KEYS = frozenset({str, bytes, int, bool})
_LEAST, _MOST = -(2**63), 2**64 - 1
_ID_BYTES, _DIGEST_BYTES = 16, 32
TOO_LARGE = ValueError, RecursionError
_MANY = 64  # members of a map, such as the sizes of all contents by their digests
_SHOWN = 200  # characters of a place in an error


@dataclass(frozen=True, slots=True)
class ActorAddress:
    """Names one actor of one theater."""

    id: bytes  # 16 bytes; all zero for the root

    def __post_init__(self) -> None:
        if type(self.id) is not bytes or len(self.id) != _ID_BYTES:
            raise MalformedError("actor address", self.id, why="16 bytes")


class Addressed(ABC):
    """Anything that stands for an actor: it packs as its address."""

    __slots__ = ()

    @property
    @abstractmethod
    def address(self) -> ActorAddress:
        """The actor it stands for."""


@dataclass(frozen=True, slots=True)
class Outlined:
    """Stands in an event for a value whose bytes are kept as a blob."""

    kind: int  # BYTES, PACKED or PARTED
    digest: bytes  # 32 bytes, the SHA-256 of the blob
    size: int  # bytes of the blob; of what is in parts, of all of them

    BYTES = 0
    PACKED = 1
    PARTED = 2

    def __post_init__(self) -> None:
        if type(self.kind) is not int or not self.BYTES <= self.kind <= self.PARTED:
            raise MalformedError("kind of outlined value", self.kind, why="0 to 2")
        if type(self.digest) is not bytes or len(self.digest) != _DIGEST_BYTES:
            raise MalformedError("SHA-256 digest", self.digest, why="32 bytes")
        if type(self.size) is not int or not 0 <= self.size < 2**63:
            raise MalformedError("size in bytes", self.size)


def encode(value: object, *, name: str = "value", depth: int = DEPTH) -> bytes:
    """Give the canonical bytes of a plain value.

    Raises:
        TypeError: it cannot be packed; the text names the place, beginning with `name`.
    """
    return pack(prepare(value, name=name, depth=depth))


def prepare(value: object, *, name: str = "value", depth: int = DEPTH) -> object:
    """Turn a plain value into a tree that `pack` takes: isolated, sorted, extensions in place.

    Raises:
        TypeError: it cannot be packed; the text names the place, beginning with `name`.
    """
    try:
        return form(value, depth)
    except _UnfitError as unfit:
        place = _place(value, depth)
        raise TypeError(f"{name}{place[:_SHOWN]}{'…' * (len(place) > _SHOWN)}: {unfit}") from None
    except RecursionError:
        raise TypeError(f"{name}: nested too deep to be packed from here") from None


def pack(prepared: object) -> bytes:
    """Write a prepared tree; half the work of `msgpack`, and the same bytes.

    Raises:
        TypeError: longer than MessagePack can say (4 GiB).
    """
    try:
        return write(prepared)
    except TOO_LARGE as error:
        raise unwritable(error) from None


def unwritable(error: Exception) -> TypeError:
    """What `pack` raises for this error of `write`."""
    return TypeError(f"too large to be packed: {error}")


_Step: TypeAlias = Callable[[Any, int], object] | None  # None: the value as it is


class _UnfitError(TypeError):
    """Says why a value cannot be packed, not yet where it stands."""


def form(value: object, room: int) -> object:
    """Do the work of `prepare`, with room for so many containers one within another."""
    step = _find(type(value), _rest)
    return value if step is None else step(value, room)


def extension(value: object, room: int) -> object:
    """What the packer of `msgpack` takes in the place of a value that it does not know."""
    found = form(value, room)
    return ExtType(found.code, found.data) if type(found) is Ext else found


def _int(value: int, _: int) -> int:
    if _LEAST <= value <= _MOST:
        return value
    raise _UnfitError("an int of more than 64 bits")


def _float(value: float, _: int) -> float:
    return value if value == value else _NAN  # noqa: PLR0124 - only NaN differs from itself


def _text(value: str, _: int) -> str:
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise _UnfitError("text with a lone surrogate") from None
    return value


def _list(value: list[object], room: int) -> list[object]:
    if not room:
        raise _UnfitError("nested too deep, or a circle")
    room -= 1  # `form` stands here in full: a call for each item would cost a third more
    return [item if (step := _find(type(item), _rest)) is None else step(item, room) for item in value]


def _map(value: dict[Any, object], room: int) -> dict[Any, object]:
    if not room:
        raise _UnfitError("nested too deep, or a circle")
    kinds = set(map(type, value))
    if kinds == _BYTES or (kinds == _TEXT and "".join(value).isascii()):
        keys = sorted(sorted(value), key=len)  # the header is the length, so the shorter comes first
    elif kinds <= _KEYS:
        keys = sorted(value, key=lambda key: pack(form(key, 0)))
    else:
        found = sorted(kind.__qualname__ for kind in kinds - _KEYS)
        raise _UnfitError(f"a key that is neither text, bytes, int nor bool: {', '.join(found)}")
    room -= 1
    if len(keys) > _MANY and _are_ints(value.values()):
        return dict(zip(keys, map(value.__getitem__, keys), strict=True))  # half the time
    return {
        key: item if (step := _find(type(item := value[key]), _rest)) is None else step(item, room)
        for key in keys
    }


def _are_ints(values: Collection[Any]) -> bool:
    """Whether all stand in the form as they are."""
    return set(map(type, values)) == _INTS and _LEAST <= min(values) <= max(values) <= _MOST


def _tuple(value: tuple[object, ...], room: int) -> Ext:
    return Ext(TUPLE, pack(_list(value, room)))  # type: ignore[arg-type]  # only walked


def _set(value: set[object] | frozenset[object], room: int) -> Ext:
    members = sorted(map(pack, _list(value, room)))  # type: ignore[arg-type]  # only walked
    if len(set(members)) != len(members):
        raise _UnfitError("two members of a set that pack to the same bytes")
    code = SET if type(value) is set else FROZENSET
    return Ext(code, write([Raw(member) for member in members]))


def _datetime(value: datetime, _: int) -> Ext:
    wall = (value.replace(tzinfo=None) - EPOCH) // MICROSECOND
    if value.tzinfo is None:
        return Ext(DATETIME, NAIVE.pack(wall, value.fold))
    offset = value.utcoffset()
    if offset is None:
        raise _UnfitError("a datetime whose zone has no utc offset")
    return Ext(DATETIME, AWARE.pack(wall, value.fold, offset // MICROSECOND))


def _other(value: object, _: int) -> Ext:
    if isinstance(value, Addressed):
        return Ext(ADDRESS, value.address.id)
    kind = type(value)
    raise _UnfitError(f"{kind.__module__}.{kind.__qualname__} is no plain value")


def _place(value: object, room: int) -> str:
    """Name the first part that cannot be packed, as it would be written in Python."""
    for step, part in _parts(value) if room else ():
        try:
            form(part, room - 1)
        except _UnfitError:
            return step + _place(part, room - 1)
    return ""


def _parts(value: Any) -> list[tuple[str, object]]:
    kind = type(value)
    if kind is dict:
        return [(_key_step(key), part) for key, part in value.items()]
    if kind in (list, tuple):
        return [(f"[{index}]", part) for index, part in enumerate(value)]
    return [("{…}", part) for part in value] if kind in (set, frozenset) else []


def _key_step(key: object) -> str:
    return f".{key}" if type(key) is str and key.isidentifier() else f"[{key!r}]"


_NAN = float("nan")
write = Encoder().encode  # what `pack` does, for whoever takes `TOO_LARGE` as it does: a call is 50 ns
_FORMS: dict[type, _Step] = {
    type(None): None,
    bool: None,
    bytes: None,
    int: _int,
    float: _float,
    str: _text,
    list: _list,
    dict: _map,
    tuple: _tuple,
    set: _set,
    frozenset: _set,
    datetime: _datetime,
    UUID: lambda value, _: Ext(UUID_, value.bytes),
    ContentRef: lambda value, _: Ext(CONTENT_REF, value.digest),
    ActorAddress: lambda value, _: Ext(ADDRESS, value.id),
    Outlined: lambda value, _: Ext(OUTLINED, pack([value.kind, value.digest, value.size])),
}
_find = _FORMS.get
_rest: _Step = _other
