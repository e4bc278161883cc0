"""Events: one thing that crossed an actor's boundary, and the bytes that say so.

An event is the canonical MessagePack array `[1, actor, seq, parent, time, kind, body]`:
    1       the version of this format
    actor   16 bytes; all zero for the root
    seq     int from 0, one more with each event of the actor
    parent  32 bytes, the hash of the actor's event before; nil when seq is 0, and only then
    time    int, nanoseconds since 1970 UTC, at most 2^63-1
    kind    text, one of `KINDS`
    body    map with text keys; what stands in it depends on the kind
of at most 65,535 bytes, the size of an entry in C2SP tiles. Its hash is SHA-256(0x00 ‖ bytes): it links the
chain and is the RFC 6962 leaf at once. A removed event leaves the array `[actor, seq, hash]`, its stub.
"""

from __future__ import annotations

from typing import Any, Self

import msgspec

from theater.codec import BODY_DEPTH, decode, pack
from theater.errors import MalformedError
from theater.nodes import leaf_hash

EVENT_LIMIT = 65_535  # bytes
EVENT_DEPTH = BODY_DEPTH + 1  # containers one within another: the array around the body
VERSION = 1

_STORE_FUNCTIONS = (
    "new store get exists label get_by_label remove_label remove_from_label store_at_label "
    "replace_content_at_label replace_at_label list_labels list_all_content calculate_total_size "
    "labelled put_stream get_stream put_file grant"
)
_KINDS = {
    "actor": "spawned resumed failed restarted stopped snapshot migrated",
    "message": "sent refused withdrawn received handled answered retried dead",
    "effect": "begun ended",
    "timer": "set fired cancelled",
    "store": _STORE_FUNCTIONS,
    "theater": "opened closed key removed",
}
KINDS = frozenset(f"{group}/{name}" for group, names in _KINDS.items() for name in names.split()) | {"log"}

_ID_BYTES, _HASH_BYTES = 16, 32
_PARTS, _STUB_PARTS = 7, 3
_STUB_LIMIT = 64  # bytes; 1 + 18 + 9 + 34 at most
_MOST = 2**63 - 1
_TEXT = {str}


class Event(msgspec.Struct, frozen=True):
    """One event of a chain, as its bytes tell it."""

    actor: bytes  # 16 bytes
    seq: int
    parent: bytes | None  # 32 bytes
    time: int  # nanoseconds since 1970 UTC
    kind: str
    body: dict[str, Any]
    hash: bytes  # 32 bytes
    data: bytes  # what was hashed

    @classmethod
    def read(cls, data: bytes) -> Self:
        """Read the bytes of an event.

        Raises:
            MalformedError: they are not the canonical bytes of a whole event of this version.
        """
        parts = decode(data, limit=EVENT_LIMIT, depth=EVENT_DEPTH)
        if type(parts) is not list or not parts or type(parts[0]) is not int:
            raise _malformed(data, "not an array that begins with a version")
        if parts[0] != VERSION:
            raise _malformed(data, f"version {parts[0]}; this program reads version {VERSION}")
        if len(parts) != _PARTS:
            raise _malformed(data, "not version, actor, seq, parent, time, kind, body")
        _, actor, seq, parent, time, kind, body = parts
        fault = _fault_of_place(actor, seq) or _fault_of_content(seq, parent, time, kind, body)
        if fault:
            raise _malformed(data, fault)
        return cls(actor, seq, parent, time, kind, body, event_hash(data), data)

    def __hash__(self) -> int:
        return hash(self.hash)

    def __repr__(self) -> str:
        return f"<event {self.kind} {self.actor.hex()}/{self.seq} {self.hash.hex()}>"


class Stub(msgspec.Struct, frozen=True):
    """Stands for a removed event: its place and its hash stay."""

    actor: bytes  # 16 bytes
    seq: int
    hash: bytes  # 32 bytes, of the event that was here

    @classmethod
    def read(cls, data: bytes) -> Self:
        """Read the bytes of a stub.

        Raises:
            MalformedError: they are not the canonical bytes of one.
        """
        parts = decode(data, limit=_STUB_LIMIT, depth=1)
        if type(parts) is not list or len(parts) != _STUB_PARTS:
            raise MalformedError("stub", data, why="not an array of actor, seq, hash")
        actor, seq, digest = parts
        fault = _fault_of_place(actor, seq) or ("" if _is_hash(digest) else "a hash is 32 bytes")
        if fault:
            raise MalformedError("stub", data, why=fault)
        return cls(actor, seq, digest)

    @property
    def data(self) -> bytes:
        """Its canonical bytes."""
        return pack([self.actor, self.seq, self.hash])


def event_bytes(  # noqa: PLR0917 - the order is that of the bytes
    actor: bytes, seq: int, parent: bytes | None, time: int, kind: str, prepared_body: object
) -> bytes:
    """Write an event; the body comes from `prepare`, or is built in the same order.

    Nothing is checked here, the length neither: the recorder outlines what is too long and writes again.
    """
    return pack([VERSION, actor, seq, parent, time, kind, prepared_body])


event_hash = leaf_hash
"""Hash the bytes of an event: 32 bytes, RFC 6962 section 2.1's leaf hash."""


def _fault_of_place(actor: object, seq: object) -> str:
    if type(actor) is not bytes or len(actor) != _ID_BYTES:
        return "an actor is 16 bytes"
    return "" if type(seq) is int and 0 <= seq <= _MOST else "a seq is an int from 0"


def _fault_of_content(seq: int, parent: object, time: object, kind: object, body: object) -> str:
    if parent is not None if seq == 0 else not _is_hash(parent):
        return "a parent is 32 bytes, or nil at seq 0"
    if type(time) is not int or not 0 <= time <= _MOST:
        return "a time is an int from 0"
    if type(kind) is not str or kind not in KINDS:
        return "an unknown kind"
    return "" if type(body) is dict and set(map(type, body)) <= _TEXT else "a body is a map with text keys"


def _is_hash(value: object) -> bool:
    return type(value) is bytes and len(value) == _HASH_BYTES


def _malformed(data: bytes, why: str) -> MalformedError:
    return MalformedError("event", data[:64], why=why)
