"""Outlining: what is too large for an event leaves it, and is put back.

A value too large to stand in an event is kept as a blob under its own hash, or as many if it is long
(`theater.parts`), and leaves an `Outlined` in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from theater.codec import BODY_DEPTH, LIMIT, Outlined, decode, encode, pack
from theater.errors import MalformedError
from theater.parts import TOTAL, Get, Put, content_of, part, whole

_LONG_BYTES = 1024  # a longer bytes value leaves the event
_LARGE_PART = 32 * 1024  # so does a part of a body that packs to more
_BODY_ROOM = 48 * 1024  # what all parts of a body together may take of an event's 65,535 bytes
_SMALL = frozenset({type(None), bool, int, float, str})  # of these none is outlined by itself
_CONTAINERS = frozenset({list, tuple, set, frozenset})
_REF_BYTES = 1 + 1 + 34 + 9  # an outlined value, without the header of its extension


def outline(body: Any, put: Put, *, prepared: Any = None) -> Any:
    """Replace what is too large for an event by `Outlined`; `put` keeps the bytes and gives their SHA-256.

    The body may come `prepared`, too: to sort a hundred thousand keys again would take as long as the rest.

    First a `state` that packs to over 32 KiB; then every bytes value over 1,024 bytes, wherever it is; then
    each part (a member of the map or list `body`) that still packs to over 32 KiB; then, largest first, as
    many more over 1,024 bytes as bring the whole to 48 KiB. A body that packs to 1,024 bytes has nothing to
    replace.

    Raises:
        TypeError: the body cannot be packed, or a part packs to more than can be read again.
    """
    parts: Any = body if type(body) in (dict, list) else [body]
    room = BODY_DEPTH - (parts is body)
    if prepared is not None and parts is body:
        packed = {key: pack(prepared[key]) for key, _ in _members(parts)}
    else:
        packed = {key: encode(part, name=f"body.{key}", depth=room) for key, part in _members(parts)}
    if sum(map(len, packed.values())) <= _LONG_BYTES:
        return body
    small: Any = parts.copy()
    holding = set()  # bytes that have left it already
    for key, size in [(key, len(one)) for key, one in packed.items()]:
        if size <= _LONG_BYTES or (key == "state" and size > _LARGE_PART):
            continue  # a copy of a thousand messages that wait costs 2 ms
        left: list[bytes] = []
        swapped = _swap(parts[key], partial(_as_bytes, put=put, left=left))
        if left:
            holding.add(key)
            small[key], packed[key] = swapped, encode(swapped, depth=room)
    for key in _too_large({key: len(one) for key, one in packed.items()}):
        small[key] = _as_packed(packed[key], put, in_parts=key not in holding)
    return small if parts is body else small[0]


def _members(parts: Any) -> Iterable[tuple[Any, Any]]:
    return parts.items() if type(parts) is dict else enumerate(parts)


def _too_large(sizes: dict[Any, int]) -> list[Any]:
    """Choose the parts that leave the event; sizes in bytes."""
    chosen = []
    total = sum(sizes.values())
    for key, size in sorted(sizes.items(), key=lambda item: -item[1]):
        if size <= _LARGE_PART and (total <= _BODY_ROOM or size <= _LONG_BYTES):
            break
        chosen.append(key)
        total -= size - _REF_BYTES
    return chosen


def _as_bytes(item: object, put: Put, left: list[bytes]) -> object:
    if type(item) is bytes and len(item) > _LONG_BYTES:
        left.append(item)
        return Outlined(Outlined.BYTES, put(item), len(item))
    return item


def _as_packed(packed: bytes, put: Put, *, in_parts: bool) -> Outlined:
    most = TOTAL if in_parts else LIMIT
    if len(packed) > most:
        beside = "" if in_parts else " beside its long bytes values"
        raise TypeError(f"a part of {len(packed)} bytes{beside}, at most {most}")
    if in_parts and len(packed) > _LARGE_PART:
        return part(packed, put)
    return Outlined(Outlined.PACKED, put(packed), len(packed))


def inline(body: Any, get: Get) -> Any:
    """Undo `outline`, for a whole body or one part; `get` gives the content of a SHA-256.

    Raises:
        CorruptContentError: what `get` gave does not hash to its name.
        MalformedError: the content is not of the size or form that the event says.
    """

    def blob(item: object) -> object:
        if type(item) is not Outlined:
            return item
        if item.kind != Outlined.BYTES:
            raise MalformedError("body", item, why="a packed value stands only as a whole part")
        return _content(item, get)

    def member(item: object) -> object:
        return _swap(unpacked(item, get) if type(item) is Outlined else item, blob)

    if type(body) is dict:
        return {key: member(item) for key, item in body.items()}
    return [member(item) for item in body] if type(body) is list else member(body)


def unpacked(item: Outlined, get: Get) -> object:
    """What an outlined value stands for, without those that stand in it; one of bytes, as it is.

    Raises:
        CorruptContentError, MalformedError: as `inline`.
    """
    if item.kind == Outlined.PARTED:
        return decode(whole(item, get), limit=TOTAL, depth=BODY_DEPTH)
    return decode(_content(item, get), depth=BODY_DEPTH) if item.kind == Outlined.PACKED else item


def _content(item: Outlined, get: Get) -> bytes:
    content = content_of(item, get)
    if len(content) != item.size:
        raise MalformedError("size of an outlined value", item.size, why=f"it has {len(content)} bytes")
    return content


def _swap(value: Any, step: Callable[[Any], object]) -> Any:
    """Copy a value with `step` applied to all that is neither a container nor of `_SMALL`."""
    kind = type(value)
    if kind is dict:  # without a call for what is small it takes half the time
        return {key: item if type(item) in _SMALL else _swap(item, step) for key, item in value.items()}
    if kind in _CONTAINERS:
        return kind([item if type(item) in _SMALL else _swap(item, step) for item in value])
    return step(value)
