"""Chains as they are verified: each event follows its actor's last, and names others as they are."""

from __future__ import annotations

from typing import Any

from theater.chain import Tip, follow
from theater.errors import BrokenChainError
from theater.event import Event, Stub, event_hash
from theater.journal.heading import heading
from theater.merkle import HASH_BYTES
from theater.verify.quick import Row, read_quick

ROOT = bytes(16)
# In which part of its body an event of this kind names another chain's event: [actor, seq, hash].
NAMED = {
    "actor/spawned": "supervisor",
    "message/answered": "from",
    "message/dead": "from",
    "message/handled": "from",
    "message/received": "from",
}
_TRIPLE = 3


class _Line:
    """What is known of one chain so far."""

    __slots__ = ("hashes", "head", "name", "size")

    def __init__(self, name: str) -> None:
        self.name = name
        self.size = 0
        self.head: bytes | None = None
        self.hashes = bytearray()  # of every event, by seq


class Chains:
    """Every chain so far: 32 bytes an event."""

    def __init__(self, *, only: bytes | None = None) -> None:
        """Verify all chains, or those events alone that are one actor's or the root's."""
        self._only = only
        self._lines: dict[bytes, _Line] = {}
        self._time = 0
        self.is_naming = False  # it looks at whom an event names
        self.events = 0
        self.stubs: list[tuple[bytes, int]] = []

    def __len__(self) -> int:
        """How many chains were verified."""
        return len(self._lines if self._only is None else {self._only, ROOT} & self._lines.keys())

    def add(self, data: bytes) -> tuple[bytes, Event | Row | None]:
        """Verify the next event of the journal; returns its hash, and its parts unless it was only counted.

        Raises:
            MalformedError: not the canonical bytes of an event.
            BrokenChainError: it does not follow, or names an event that is not so.
        """
        if self._only is not None:
            actor, seq = heading(data)
            if actor not in (self._only, ROOT):
                return self._count(actor, seq, event_hash(data)), None
        event = read_quick(data) or Event.read(data)
        line = self._lines.get(event.actor) or self._begin(Event.read(data))
        if event.seq != line.size or event.parent != line.head:
            self._refuse(line, Event.read(data))
        if event.time < self._time:
            raise self._broken(event, "time", f"{self._time} or later", event.time)
        self._time = event.time
        part = NAMED.get(event.kind)
        if part is not None:
            named = event.body.get(part)
            if named is not None:
                self.is_naming = True
                self._verify_named(event, part, named)
                self.is_naming = False
            if part == "supervisor" and "fork" in event.body:
                self.is_naming = True
                self._verify_named(event, "fork", event.body["fork"])
                self.is_naming = False
        digest = event_hash(data)
        line.size += 1
        line.head = digest
        line.hashes += digest
        self.events += 1
        return digest, event

    def remove(self, stub: Stub) -> bytes:
        """Take the stub of a removed event as the next of its chain; returns the hash of what was there.

        Raises:
            BrokenChainError: it does not follow.
        """
        line = self._lines.get(stub.actor)
        if line is None:
            line = self._lines[stub.actor] = _Line(stub.actor.hex())
        if stub.seq != line.size:
            self._refuse(line, stub)
        line.size += 1
        line.head = stub.hash
        line.hashes += stub.hash
        if self._only in (None, stub.actor) or stub.actor == ROOT:
            self.events += 1
            self.stubs.append((stub.actor, stub.seq))
        return stub.hash

    def _begin(self, event: Event) -> _Line:
        first = "theater/opened" if event.actor == ROOT else "actor/spawned"
        name = "the root" if event.actor == ROOT else event.body.get("name")
        line = self._lines[event.actor] = _Line(name if isinstance(name, str) else event.actor.hex())
        if event.seq == 0 and event.kind != first:
            raise self._broken(event, "kind", first, event.kind)
        return line

    def _count(self, actor: bytes, seq: int, leaf: bytes) -> bytes:
        """Note the hash of an event that is not verified itself, but may be named."""
        line = self._lines.get(actor)
        if line is None:
            line = self._lines[actor] = _Line(actor.hex())
        if seq != line.size:
            raise BrokenChainError(f"{actor.hex()} event {seq}: seq", expected=line.size, found=seq)
        line.size += 1
        line.hashes += leaf
        return leaf

    def _verify_named(self, event: Event | Row, part: str, named: Any) -> None:
        """An event names another as [actor, seq, hash]: it must be there already, and be that one."""
        if type(named) is not list or len(named) != _TRIPLE:
            raise self._broken(event, part, "[actor, seq, hash]", named)
        actor, seq, digest = named
        line = self._lines.get(actor) if type(actor) is bytes else None
        place = seq * HASH_BYTES if type(seq) is int and seq >= 0 else -1
        found = line.hashes[place : place + HASH_BYTES] if line is not None and place >= 0 else b""
        if found != digest or not found:
            shown = found.hex() if found else "no such event"
            raise self._broken(event, f"{part} {_shown(actor)}/{seq}", _shown(digest), shown)

    def _refuse(self, line: _Line, event: Event | Stub) -> None:
        try:
            follow(Tip(event.actor, line.size, line.head), event)
        except BrokenChainError as error:
            where = f"{line.name} {error.where}"
            raise BrokenChainError(where, expected=error.expected, found=error.found) from None

    def _broken(self, event: Event | Row, part: str, expected: object, found: object) -> BrokenChainError:
        name = self._lines[event.actor].name
        return BrokenChainError(f"{name} event {event.seq}: {part}", expected=expected, found=found)


def _shown(value: object) -> object:
    return value.hex() if isinstance(value, bytes) else value
