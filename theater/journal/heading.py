"""The heading of an event's bytes: whose it is, its number in that chain, and its time.

An event is the MessagePack array `[1, actor, seq, parent, time, …]`: the bytes `97 01 c4 10`, the 16 of the
actor's id, seq, `c0` or `c4 20` and the 32 of the parent's hash, time, kind; integers in their shortest form.
A journal finds its events by these alone and leaves the rest, verification included, to `theater.event`.
"""

from __future__ import annotations

from theater.errors import MalformedError

ACTOR_BYTES = 16
EVENT_START = b"\x97\x01\xc4\x10"
STUB_START = b"\x93\xc4\x10"
_SEQ = len(EVENT_START) + ACTOR_BYTES
_NO_PARENT = 0xC0
_NIL = b"\xc0"
_PARENT = b"\xc4\x20"
_PARENT_BYTES = 34
_STOPPED = b"\xadactor/stopped"
ONE_BYTE, TWO_BYTES, FOUR_BYTES = 0xCC, 0xCD, 0xCE  # follow; an integer below is its own byte
_WIDTHS = {ONE_BYTE: 1, TWO_BYTES: 2, FOUR_BYTES: 4, 0xCF: 8}
_SMALL = 0x80
_TEXT, _LONGEST = 0xA0, 31  # a text of at most 31 bytes begins with one that says how long it is


def heading(data: bytes) -> tuple[bytes, int]:
    """Read actor and seq of an event.

    Raises:
        MalformedError: the bytes do not begin as an event does.
    """
    if data[: len(EVENT_START)] != EVENT_START or len(data) <= _SEQ:
        raise _malformed(data)
    seq = data[_SEQ]
    if seq >= _SMALL:
        seq, _ = unsigned(data, _SEQ)
    return data[len(EVENT_START) : _SEQ], seq


def time_of(data: bytes) -> int:
    """Read the time of an event, nanoseconds since 1970 UTC.

    Raises:
        MalformedError: the bytes do not begin as an event does.
    """
    return unsigned(data, _after_parent(data))[0]


def parent_of(data: bytes) -> bytes:
    """Read the hash of the event before, 32 bytes; empty if the event is the first.

    Raises:
        MalformedError: the bytes do not begin as an event does.
    """
    after = _after_parent(data)
    _, parent = unsigned(data, _SEQ)
    return data[parent + len(_PARENT) : after]


def is_end(data: bytes) -> bool:
    """Say whether an event is the end of its actor.

    Raises:
        MalformedError: the bytes do not begin as an event does.
    """
    _, kind = unsigned(data, _after_parent(data))
    return data[kind : kind + len(_STOPPED)] == _STOPPED


def kind_of(data: bytes) -> bytes:
    """Read the kind of an event, ASCII; far quicker than all of the event.

    Raises:
        MalformedError: the bytes do not begin as an event does.
    """
    _, at = unsigned(data, _after_parent(data))
    length = data[at] - _TEXT if at < len(data) else -1
    if not 0 <= length <= _LONGEST:
        raise _malformed(data)
    return data[at + 1 : at + 1 + length]


def _after_parent(data: bytes) -> int:
    heading(data)
    _, parent = unsigned(data, _SEQ)
    if data[parent : parent + 1] == _NIL:
        return parent + 1
    if data[parent : parent + 2] != _PARENT:
        raise _malformed(data)
    return parent + _PARENT_BYTES


def unsigned(data: bytes, at: int) -> tuple[int, int]:
    """Read the integer at `at`; returns it and where it ends.

    Raises:
        MalformedError: there is none.
    """
    first = data[at] if at < len(data) else _NO_PARENT
    if first < _SMALL:
        return first, at + 1
    end = at + 1 + _WIDTHS.get(first, len(data))
    if end > len(data):
        raise _malformed(data)
    return int.from_bytes(data[at + 1 : end], "big"), end


def _malformed(data: bytes) -> MalformedError:
    return MalformedError("event", data, why="an event begins with [1, actor, seq, parent, time]")
