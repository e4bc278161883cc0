"""The canonical codec: plain values to bytes, and back only if the bytes are the one way to write the value.

MessagePack (https://msgpack.org) leaves a writer choices: long and short integers, any order of keys. Here
there are none: `decode` takes bytes `b` only if `encode(decode(b)) == b`. How each value is written stands in
`theater/plain.py`, extensions included.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta, timezone
from functools import lru_cache
from typing import Any
from uuid import UUID

from msgpack import ExtType, OutOfData, Packer, Unpacker, unpackb

from theater import plain
from theater.content import ContentRef
from theater.errors import MalformedError
from theater.plain import DEPTH, ActorAddress, Addressed, Outlined, encode, pack, prepare

__all__ = [
    "BODY_DEPTH",
    "DEPTH",
    "LIMIT",
    "ActorAddress",
    "Addressed",
    "Outlined",
    "decode",
    "encode",
    "pack",
    "prepare",
]

LIMIT = 64 * 1024 * 1024  # bytes that `decode` takes
BODY_DEPTH = DEPTH + 16  # an event wraps a value of full depth in its body, its state, its array

_QUICK = 4096  # bytes; what is longer takes the careful way
_HEADERS = (*range(0x80, 0xA0), *range(0xC7, 0xCA), *range(0xD4, 0xD9), *range(0xDC, 0xE0))
_NO_HEADERS = bytes(set(range(256)) - set(_HEADERS))  # bytes that begin no array, map or extension
_FLOAT = 0xCB
_EXPECTED = "canonical MessagePack value"


class _CarefulError(Exception):
    """The quick way cannot judge these bytes."""


def decode(data: bytes, *, limit: int = LIMIT, depth: int = DEPTH) -> Any:
    """Read the value of canonical bytes, at most `limit` of them, at most `depth` containers deep.

    Declared lengths are believed only as far as there are bytes to fill them: memory stays within about 150
    times the input.

    Raises:
        MalformedError: the bytes are anything else.
    """
    if type(data) is not bytes:
        raise MalformedError(_EXPECTED, data, why="not bytes")
    if len(data) > limit:
        raise _malformed(data, f"{len(data)} bytes, at most {limit}")
    try:
        if len(data) <= _QUICK and len(data.translate(None, _NO_HEADERS)) <= depth:
            return _quick(data)
        return _careful(data, depth)
    except _CarefulError:
        return _careful(data, depth)


def _malformed(data: bytes, why: str) -> MalformedError:
    return MalformedError(_EXPECTED, data[:64], why=why)


def _quick(data: bytes) -> Any:
    """Read a small value without a look at each part: C reads, C writes again, the bytes must be the same.

    What C does not see: the order of keys (`_in_order`), NaN and depth (not here), and our extensions, which
    write themselves again. Sets and tuples, keys that are not ASCII and NaN take the careful way.
    """
    if _FLOAT in data and (b"\xcb\x7f" in data or b"\xcb\xff" in data):
        raise _CarefulError
    try:
        value = unpackb(data, object_hook=_in_order, ext_hook=_leaf, strict_map_key=False, timestamp=1)
        again = Packer(strict_types=True, default=_leaf_form, buf_size=1024).pack(value)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise _malformed(data, str(error)) from None
    if again != data:
        raise _malformed(data, "there is a shorter or another canonical form") from None
    return value


def _in_order(value: dict[Any, object]) -> dict[Any, object]:
    if _is_ordered(tuple(value)):
        return value
    raise _CarefulError


@lru_cache(maxsize=256)  # bodies have few shapes; text equals nothing but the same text, so a hit is sound
def _is_ordered(keys: tuple[Any, ...]) -> bool:
    """Whether all keys are ASCII text and in the order of their encoded bytes."""
    if set(map(type, keys)) - {str} or not "".join(keys).isascii():
        return False
    return list(keys) == sorted(sorted(keys), key=len)


def _leaf_form(value: object) -> object:
    return plain.extension(value, 0)


def _careful(data: bytes, depth: int) -> Any:
    """Read any value: the promise of `decode`, word for word."""
    try:
        value = _value(_tree(data), depth)
        again = encode(value, depth=depth)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise _malformed(data, str(error)) from None
    if again != data:
        raise _malformed(data, "there is a shorter or another canonical form") from None
    return value


def _tree(data: bytes) -> Any:
    """Read MessagePack with its extensions unread."""
    unpacker = Unpacker(None, max_buffer_size=max(len(data), 1))
    unpacker.feed(data)
    try:
        unpacker.skip()  # makes nothing: proves each declared length before memory is taken for it
    except OutOfData:
        raise ValueError("cut off") from None
    return unpackb(data, ext_hook=ExtType, strict_map_key=False, timestamp=1)


def _value(tree: Any, room: int) -> Any:
    """Turn what C read into values. Recursion is here and not in C, whose stack would overflow."""
    kind = type(tree)
    if kind is not list and kind is not dict and kind is not ExtType:
        return tree
    if kind is ExtType and tree.code not in _CONTAINERS:
        return _leaf(tree.code, tree.data)
    if room <= 0:
        raise ValueError("nested too deep")
    if kind is list:
        return [_value(item, room - 1) for item in tree]
    if kind is dict:
        return {key: _value(item, room - 1) for key, item in tree.items()}
    members = _tree(tree.data)
    if type(members) is not list:
        raise ValueError("a tuple or set that holds no array")
    return _CONTAINERS[tree.code](_value(item, room - 1) for item in members)


_CONTAINERS: dict[int, Callable[[Any], object]] = {
    plain.TUPLE: tuple,
    plain.SET: set,
    plain.FROZENSET: frozenset,
}


def _leaf(code: int, payload: bytes) -> object:
    """Read an extension that holds no other values."""
    read = _LEAVES.get(code)
    if read is not None:
        return read(payload)
    if code in _CONTAINERS:
        raise _CarefulError
    raise ValueError(f"unknown extension {code}")


def _datetime(payload: bytes) -> object:
    if len(payload) == plain.NAIVE.size:
        wall, fold = plain.NAIVE.unpack(payload)
        zone = None
    elif len(payload) == plain.AWARE.size:
        wall, fold, offset = plain.AWARE.unpack(payload)
        zone = timezone(timedelta(microseconds=offset))
    else:
        raise ValueError("a datetime of neither 9 nor 17 bytes")
    return (plain.EPOCH + timedelta(microseconds=wall)).replace(tzinfo=zone, fold=fold)


def _outlined(payload: bytes) -> Outlined:
    if len(payload) > _OUTLINED_BYTES:
        raise ValueError("an outlined value of too many bytes")
    kind, digest, size = unpackb(payload)
    return Outlined(kind, digest, size)


_OUTLINED_BYTES = 1 + 1 + 34 + 9
_LEAVES: dict[int, Callable[[bytes], object]] = {
    plain.DATETIME: _datetime,
    plain.UUID_: lambda payload: UUID(bytes=payload),
    plain.CONTENT_REF: ContentRef.of_digest,
    plain.ADDRESS: ActorAddress,
    plain.OUTLINED: _outlined,
}
