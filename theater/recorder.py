"""The recorder: gives every event its place in an actor's chain and hands it to the journal.

The hot path of a recorded message: pack, hash, link, append (about 3 µs). Everything here runs on the event
loop and never waits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, Protocol

from theater.codec import BODY_DEPTH, decode, prepare
from theater.event import EVENT_DEPTH, EVENT_LIMIT, VERSION, event_bytes, event_hash
from theater.journal.protocol import Journal
from theater.outlining import inline, outline
from theater.plain import TOO_LARGE, unwritable, write

ROOT = bytes(16)
"""The actor id of the program outside: its chain holds `theater/*` and what the program spawns."""

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

    def now(self) -> int:
        """Nanoseconds since 1970 UTC; never before the newest event."""
        self.time = max(self.time, self.clock())
        return self.time

    def append(self, line: Chained, kind: str, body: Mapping[str, Any]) -> int:
        """Record `body` (plain values) as the next event of this chain, and return its seq."""
        return self.append_prepared(line, kind, prepare(body, name="body", depth=BODY_DEPTH), body)

    def append_prepared(self, line: Chained, kind: str, body: Any, plain: Any = None) -> int:
        """The same for a body that is in canonical order already, as the hot path makes it."""
        if self.prompters and line.id in self.prompters and self.prompters[line.id].leads(kind, body):
            return self.prompters[line.id].append(kind, body)
        now = self.clock()
        if now > self.time:  # noqa: PLR1730  # `max` is a call: 40 ns of the hot path
            self.time = now
        seq = line.events
        try:
            data = write([VERSION, line.id, seq, line.head, self.time, kind, body])  # as `event_bytes` does
        except TOO_LARGE as error:
            raise unwritable(error) from None
        if len(data) > SHORT:
            data, blobs = self._shorten(line, kind, data, body, plain)
            head = event_hash(data)
            self.journal.append(line.id, seq, data, head, blobs)
        else:
            head = sha256(b"\0" + data).digest()  # as `event_hash` does: a call is 0.1 µs
            journal = self.journal
            inlet = journal.inlet
            if inlet is None:
                journal.append(line.id, seq, data, head)
            else:
                inlet.new += (line.id, seq, data, head)
                if len(inlet.new) >= inlet.most:
                    inlet.take_in()
        line.events = seq + 1
        line.head = head
        line.weight += len(data)
        return seq

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
