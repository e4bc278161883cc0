"""Parts: a long content kept as many short ones, so that two that are nearly alike share nearly all of them.

A content is cut where its own bytes say so: where a hash of the last 18 bytes has one of some values. So a
change moves no cut but those beside it, whatever is inserted before. The parts are listed in nodes, canonical
arrays of outlined values; a long list is cut in the same way, by the digests in it, and its nodes are listed
again, until one node is left. Where to cut is for the writer to choose: a reader only puts together.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import Any

from msgpack import ExtType, unpackb

from theater.errors import CorruptContentError, MalformedError
from theater.plain import OUTLINED, Outlined, encode

MEMBERS = 1_024  # of a node, at most
TOTAL = 1 << 30  # bytes that a reader puts together
DEEPEST = 16  # nodes one below another, at most; 8 to the 16th parts are more than there can be

_LEAST, _MOST = 2_048, 32_768  # bytes of a part; about 10,000 on average
_FEW, _MANY = 8, 256  # members of a node; about 64 on average
_PIECE = 1 << 20  # bytes hashed at once
_REACH = 32  # bytes before a piece, of which the hash at its start depends
_MIXED = bytes(167 * byte + 91 & 0xFF ^ byte * byte >> 3 & 0xFF for byte in range(256))
_TAPS = (9, 19, 37, 71)  # bits; their sums are 16 places, the furthest 136 bits away
_CUT = re.compile(rb"\xa7[\x40-\x47]")  # one in 8,192; what is the same all over hashes to 0, and has none
_LAST = 4  # a member whose digest begins below ends a node: one in 64

Put = Callable[[bytes], bytes]
"""Keeps some bytes and gives their SHA-256, 32 bytes."""

Get = Callable[[bytes], bytes]
"""Gives the content of a SHA-256."""


def part(content: bytes, put: Put) -> Outlined:
    """Keep a content in parts."""
    pieces = (content[start:end] for start, end in _spans(content))
    members = [Outlined(Outlined.BYTES, put(piece), len(piece)) for piece in pieces]
    while True:
        members = [_node(group, put) for group in _groups(members)]
        if len(members) == 1:
            return members[0]


def whole(item: Outlined, get: Get) -> bytes:
    """Put a content together again.

    Raises:
        CorruptContentError: a part does not hash to its name.
        MalformedError: a node is none, or the sizes do not fit.
    """
    if item.size > TOTAL:
        raise MalformedError("size of a value in parts", item.size, why=f"at most {TOTAL}")
    return b"".join(_leaves(item, get, DEEPEST))


def content_of(item: Outlined, get: Get) -> bytes:
    """The blob that an outlined value names.

    Raises:
        CorruptContentError: it does not hash to its name.
    """
    content = get(item.digest)
    if sha256(content).digest() != item.digest:
        found = sha256(content).hexdigest()
        raise CorruptContentError("outlined value", expected=item.digest.hex(), found=found)
    return content


def members_of(node: bytes) -> list[Outlined]:
    """Read a node.

    Raises:
        MalformedError: these bytes are none.
    """
    try:
        members = unpackb(node, ext_hook=_member, max_array_len=MEMBERS)
    except (ValueError, TypeError) as error:  # MalformedError is a ValueError
        raise MalformedError("node of parts", node[:64], why=str(error)) from None
    is_list = type(members) is list and members and all(type(one) is Outlined for one in members)
    if not is_list or encode(members) != node:
        raise MalformedError("node of parts", node[:64], why="no canonical array of outlined values")
    if any(one.kind == Outlined.PACKED for one in members):
        raise MalformedError("node of parts", node[:64], why="a packed value is no part")
    return list(members)


def _spans(content: bytes) -> Iterator[tuple[int, int]]:
    """Start and end of each part."""
    start = 0
    for mark in _marks(content):
        while mark - start > _MOST:
            yield start, start + _MOST
            start += _MOST
        if mark - start >= _LEAST:
            yield start, mark
            start = mark
    while len(content) - start > _MOST:
        yield start, start + _MOST
        start += _MOST
    if start == len(content) > 0:
        return
    yield start, len(content)


def _marks(content: bytes) -> Iterator[int]:
    """Offsets at which the content may be cut, ascending.

    The hash of all places at once, 400 MB/s: the bytes as one long number, added to itself without carry,
    shifted by each tap in turn.
    """
    for base in range(0, len(content), _PIECE):
        first = max(0, base - _REACH)
        piece = content[first : base + _PIECE].translate(_MIXED)
        number = int.from_bytes(piece, "little")
        for tap in _TAPS:
            number ^= number << tap
        hashed = (number & ((1 << 8 * len(piece)) - 1)).to_bytes(len(piece), "little")
        for found in _CUT.finditer(hashed, max(0, base - first - 1)):  # two bytes: the first may be before
            yield first + found.end()


def _groups(members: Sequence[Outlined]) -> Iterator[Sequence[Outlined]]:
    start = 0
    for end, member in enumerate(members, 1):
        count = end - start
        if end == len(members) or count == _MANY or (count >= _FEW and member.digest[0] < _LAST):
            yield members[start:end]
            start = end


def _node(members: Sequence[Outlined], put: Put) -> Outlined:
    return Outlined(Outlined.PARTED, put(encode(list(members))), sum(member.size for member in members))


def _leaves(item: Outlined, get: Get, room: int) -> Iterator[bytes]:
    content = content_of(item, get)
    if item.kind == Outlined.BYTES:
        if len(content) != item.size:
            raise MalformedError("size of a part", item.size, why=f"it has {len(content)} bytes")
        yield content
        return
    members = members_of(content)
    total = sum(member.size for member in members)
    if total != item.size or not room:
        raise MalformedError("size of a value in parts", item.size, why=f"its parts have {total} bytes")
    for member in members:
        yield from _leaves(member, get, room - 1)


def _member(code: int, payload: bytes) -> Any:
    if code != OUTLINED:
        return ExtType(code, payload)
    kind, digest, size = unpackb(payload)
    return Outlined(kind, digest, size)
