"""The recorder: gives every event its place in an actor's chain and hands it to the journal.

The hot path of a recorded message: pack, hash, link, append (about 3 µs). Everything here runs on the event
loop and never waits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import sha256
from itertools import accumulate, chain, count, repeat
from typing import Any, Protocol

from theater.codec import BODY_DEPTH, decode, prepare
from theater.event import EVENT_DEPTH, EVENT_LIMIT, VERSION, event_bytes, event_hash
from theater.journal.protocol import Journal
from theater.nodes import LEAF
from theater.outlining import inline, outline
from theater.plain import TOO_LARGE, unwritable, write

ROOT = bytes(16)
"""The actor id of the program outside: its chain holds `theater/*` and what the program spawns."""

HANDLED = "message/handled"
_MANY = 32  # events that are worth a call of their own
SHORT = 1_024  # bytes; no event up to this size holds a value that must leave it


class Chained(Protocol):
    """Whatever a chain is appended to for: its id, and where the chain stands."""

    id: bytes
    events: int
    head: bytes | None
    weight: int  # bytes of its events, and of contents that came with them; it may be set back
    due: int  # at how many events something is to be done; large events bring it nearer


class Prompts(Protocol):
    """Leads a handler along its record: what it asks there is recorded already."""

    def leads(self, kind: str, body: Any) -> bool: ...

    def append(self, kind: str, body: Any) -> int: ...


class Line:
    """Where an actor's chain stands: the next event's seq, and the hash that it will name as its parent."""

    __slots__ = ("due", "events", "head", "id", "weight")

    def __init__(self, id: bytes, events: int = 0, head: bytes | None = None) -> None:
        self.id = id
        self.events = events
        self.head = head
        self.weight = self.due = 0


class Recorder:
    """Appends to chains, on one clock that never goes back."""

    __slots__ = ("bulk", "clock", "heft", "journal", "prompters", "time")

    def __init__(self, journal: Journal, clock: Callable[[], int], *, heft: int = SHORT) -> None:
        """Count each `heft` bytes of a large event as one event more."""
        self.journal = journal
        self.clock = clock
        self.heft = heft
        self.bulk = 0  # bytes that the newest large event took before it was made short
        self.time = journal.last_time  # of the newest event, nanoseconds since 1970 UTC
        self.prompters: dict[bytes, Prompts] = {}  # of actors whose message runs again along its record
        if journal.inlet is not None:
            journal.inlet.write_down = self.write_down

    def now(self) -> int:
        """Nanoseconds since 1970 UTC; never before the newest event."""
        self.settle()
        self.time = max(self.time, self.clock())
        return self.time

    def append(self, line: Chained, kind: str, body: Mapping[str, Any]) -> int:
        """Record `body` (plain values) as the next event of this chain, and return its seq."""
        return self.append_prepared(line, kind, prepare(body, name="body", depth=BODY_DEPTH), body)

    def append_prepared(self, line: Chained, kind: str, body: Any, plain: Any = None) -> int:
        """The same for a body that is in canonical order already, as the hot path makes it."""
        if self.prompters and line.id in self.prompters and self.prompters[line.id].leads(kind, body):
            return self.prompters[line.id].append(kind, body)
        inlet = self.journal.inlet
        if inlet is not None and inlet.bodies:
            self.write_down()
        now = self.clock()
        if now > self.time:  # noqa: PLR1730  # `max` is a call: 40 ns of the hot path
            self.time = now
        seq = line.events
        try:
            data = write([VERSION, line.id, seq, line.head, self.time, kind, body])  # as `event_bytes` does
        except TOO_LARGE as error:
            raise unwritable(error) from None
        if inlet is None or len(data) > SHORT:
            self._append(line, kind, data, body, plain)
            return seq
        hash = LEAF.copy()  # as `event_hash` does: a call is 0.1 µs
        hash.update(data)
        head = hash.digest()
        line.weight += len(data)
        line.events = seq + 1  # no call from here to the inlet: ctrl-C comes before or after all of it
        line.head = head
        inlet.new += (line.id, seq, data, head)
        if len(inlet.new) >= inlet.most:
            inlet.take_in()
        return seq

    def settle(self) -> None:
        """Bring all chains to where they belong, for who looks at one."""
        inlet = self.journal.inlet
        if inlet is not None and inlet.bodies:
            self.write_down()

    def leave(self, line: Chained) -> None:
        """The task that appends to this line ends: also what ctrl-C left would come into another's chain."""
        self.settle()
        inlet = self.journal.inlet
        if inlet is not None and inlet.line is line:
            inlet.line = None

    def write_down(self) -> None:
        """Append the `message/handled` that the hot path left to be written: time and body of each.

        In a loop of their own they take a tenth of a message less than one by one. All are short.
        """
        inlet = self.journal.inlet
        assert inlet is not None
        line: Chained = inlet.line
        times, bodies = inlet.times, inlet.bodies
        if times[0] < self.time or times != sorted(times):  # the clock was set back
            times = [*accumulate(times, max, initial=self.time)][1:]
        id, first, begun = line.id, line.events, LEAF.copy
        events: list[bytes] = []
        heads: list[Any] = [line.head]  # each event has the newest head, there by then, as its parent
        fields = zip(repeat(VERSION), repeat(id), count(first), heads, times, repeat(HANDLED), bodies)
        for data in map(write, fields):  # the tuple is one for all
            hash = begun()
            hash.update(data)
            heads.append(hash.digest())
            events.append(data)
        leaves = heads[1:]
        size, end, new = sum(map(len, events)), first + len(events), inlet.new
        are_many = len(events) >= _MANY
        rows = () if are_many else [*chain.from_iterable(zip(repeat(id), count(first), events, leaves))]
        line.events = end  # no call from here to the inlet, as above
        line.head = leaves[-1]
        line.weight += size
        self.time = times[-1]
        del inlet.bodies[:], inlet.times[:]
        if are_many:
            inlet.take_many(id, first, events, leaves)
            return
        new += rows
        if len(new) >= inlet.most:
            inlet.take_in()

    def _append(self, line: Chained, kind: str, data: bytes, body: Any, plain: Any) -> None:
        """Append an event that may be long, or to a journal without an inlet."""
        seq, blobs = line.events, tuple[bytes, ...]()
        if len(data) > SHORT:
            data, blobs = self._shorten(line, kind, data, body, plain)
        head = event_hash(data)
        self.journal.append(line.id, seq, data, head, blobs)
        line.events = seq + 1
        line.head = head
        line.weight += len(data)

    def _shorten(
        self, line: Chained, kind: str, data: bytes, body: Any, plain: Any
    ) -> tuple[bytes, tuple[bytes, ...]]:
        """Move large values out of the event, each into a blob under its own hash."""
        blobs: list[bytes] = []
        before, journal = line.weight, self.journal

        def keep(content: bytes) -> bytes:
            digest = sha256(content).digest()
            if not journal.holds(digest):
                line.weight += len(content)
            journal.put(digest, content, kept=False)
            blobs.append(digest)
            return digest

        self.bulk = len(data)
        if plain is None:
            plain, body = decode(data, limit=len(data), depth=EVENT_DEPTH)[6], None
        shorter = outline(plain, keep, prepared=body)
        if blobs:
            data = event_bytes(
                line.id, line.events, line.head, self.time, kind, prepare(shorter, depth=BODY_DEPTH)
            )
        if len(data) > EVENT_LIMIT:
            raise ValueError(f"an event of {len(data)} bytes; at most {EVENT_LIMIT} fit")
        line.due -= (line.weight - before + len(data)) // self.heft
        return data, tuple(blobs)

    def full(self, value: Any) -> Any:
        """`value` as it was before large parts left its event."""
        return inline(value, self.journal.read)
