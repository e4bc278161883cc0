"""The quick way to see that an event's bytes are canonical: most events are plain, and C looks at those.

What is read and written again the same has every number, text and header in its one form. What that cannot
show is looked at here: the order of keys, NaN, values that are not plain. The quick way accepts only what
`Event.read` accepts; where it cannot tell, `Event.read` judges. It is about twice as fast.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec
from msgspec.msgpack import Decoder, Encoder, Ext

from theater.errors import MalformedError
from theater.event import EVENT_LIMIT, KINDS, VERSION
from theater.plain import ADDRESS, CONTENT_REF, OUTLINED, UUID_, Outlined

_DEPTH = 16  # lists and maps one within another
_FLOAT = 0xCB
_SCALARS = frozenset({type(None), bool, int, float, str, bytes})
_FIXED = {UUID_: 16, CONTENT_REF: 32, ADDRESS: 16}  # extensions with one form for each value: bytes they hold
_LATEST = 2**63 - 1


class Row(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """An event's parts; its actor, seq and parent are compared with its chain by whoever reads it."""

    version: int
    actor: bytes
    seq: int
    parent: bytes | None
    time: int
    kind: str
    body: dict[str, Any]  # extensions stand in it unread


_decode = Decoder(Row).decode
_decode_outlined = Decoder(tuple[int, bytes, int]).decode
_encode = Encoder().encode


def read_quick(data: bytes) -> Row | None:
    """Read an event; None unless its version, time, kind and body are surely canonical."""
    if len(data) > EVENT_LIMIT or (_FLOAT in data and (b"\xcb\x7f" in data or b"\xcb\xff" in data)):
        return None
    try:
        row = _decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if row.kind not in KINDS or row.version != VERSION or not 0 <= row.time <= _LATEST:
        return None
    body = row.body
    shape = (*body, *map(type, body.values()))
    places = _places_in(shape)
    if places is None:
        return None
    for place in places:
        if not _is_plain(body[place], _DEPTH):
            return None
    return row if _encode(row) == data else None


@lru_cache(maxsize=1024)  # bodies have few shapes
def _places_in(shape: tuple[Any, ...]) -> tuple[str, ...] | None:
    """The keys whose values must be looked into, of a body's keys and then types; None if out of order."""
    keys, kinds = shape[: len(shape) // 2], shape[len(shape) // 2 :]
    if not _is_ordered(keys):
        return None
    return tuple(key for key, kind in zip(keys, kinds, strict=True) if kind not in _SCALARS)


@lru_cache(maxsize=1024)
def _is_ordered(keys: tuple[Any, ...]) -> bool:
    """Whether all keys are ASCII text in the order of their encoded bytes: by length first."""
    if set(map(type, keys)) - {str} or not "".join(keys).isascii():
        return False
    return list(keys) == sorted(sorted(keys), key=len)


def read_outlined(payload: bytes) -> Outlined | None:
    """Read the payload of an outlined value, `[kind, digest, size]`; None unless it is in its one form."""
    if payload[:1] != b"\x93" or payload[2:4] != b"\xc4\x20":
        return None
    try:
        kind, digest, size = _decode_outlined(payload)
        outlined = Outlined(kind, digest, size)
    except (msgspec.MsgspecError, MalformedError):
        return None
    return outlined if _encode([kind, digest, size]) == payload else None


def _is_fixed(extension: Ext) -> bool:
    """Whether an extension is one of those that have one form, and in it."""
    payload = bytes(extension.data)
    if extension.code == OUTLINED:
        return read_outlined(payload) is not None
    return _FIXED.get(extension.code) == len(payload)


def _is_plain(value: Any, room: int) -> bool:
    """Whether a value holds nothing but lists, ordered maps, scalars and extensions of one form."""
    kind = type(value)
    if kind is list:
        parts = value
    elif kind is dict and _is_ordered(tuple(value)):
        parts = value.values()
    else:
        return kind in _SCALARS or (kind is Ext and _is_fixed(value))
    if _SCALARS.issuperset(map(type, parts)):
        return True
    return room > 0 and all(_is_plain(part, room - 1) for part in parts)
