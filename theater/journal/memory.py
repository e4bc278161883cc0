"""The journal in memory: the newest events of all chains together, and every content a store keeps.

`append` is the hottest call of a theater: events are taken in and weighed many at once, often enough that
they never take more than they may, or when somebody looks. The index of events by chain is made when an event
is asked for, the Merkle tree when a checkpoint is or leaves pile up.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import islice
from typing import TypeVar

from theater.checkpoint import Checkpoint, Note
from theater.errors import ContentNotFoundError, HistoryCutError, SetupError
from theater.event import EVENT_LIMIT
from theater.journal.contents import Contents
from theater.journal.handing import Handover, KeySource, key_of, refuse_same
from theater.journal.heading import time_of
from theater.journal.protocol import EACH, Inlet
from theater.journal.recent import Recent
from theater.journal.signer import Signer
from theater.keys import SigningKey, VerifyKey
from theater.loop import Future
from theater.merkle import Frontier

T = TypeVar("T")
_BULK = 1024  # events taken in at once: 0.1 ms
_LEAVES = 8 << 20  # bytes of leaves that wait for a checkpoint: 262,144 events, 0.4 µs each
_SPARE = 16  # what is over goes together with a 16th of what may stay: to drop events one by one would cost
KEEP_BYTES = 256 << 20


class MemoryJournal:
    """Keeps the newest events; one that fell out stays under the root, and is a `HistoryCutError`.

    They are at most `keep`, and take at most `keep_bytes` with the contents that left them, those of stores
    apart; the newest one stays in any case.
    """

    durable = False
    full = False
    failed: BaseException | None = None

    def __init__(
        self,
        *,
        keep: int = 100_000,
        keep_bytes: int = KEEP_BYTES,
        key: KeySource | None = None,
        origin: str | None = None,
    ) -> None:
        """Keep at least one event; `key` and `origin` are made anew unless given."""
        if keep < 1:
            raise SetupError(f"keep={keep}: a journal keeps at least 1 event")
        self.origin = origin or f"theater/{secrets.token_hex(16)}"
        self.keep = keep
        self.keep_bytes = keep_bytes
        self.on_failure: Callable[[BaseException], None] | None = None
        self.on_room: Callable[[], None] | None = None
        self._signer = Signer(SigningKey.generate() if key is None else key_of(key))
        self._events: deque[bytes] = deque(maxlen=keep)
        self._inlet = Inlet(EACH)
        self._inlet.take_in = self._take_in
        self._inlet.take_many = self._take_many
        self.inlet: Inlet | None = self._inlet
        self._taken = 0  # events that were taken in from there
        self._weights: deque[tuple[int, int]] = deque()  # up to which event, and bytes of those from the last
        self._weight = 0  # bytes in all these
        self._frontier = Frontier()  # leaves stay late as long as they may, or until somebody wants the root
        self._contents = Contents()
        self._index = Recent()

    @property
    def key(self) -> VerifyKey:
        return self._signer.public

    @property
    def last_time(self) -> int:
        events = self._all()
        return time_of(events[-1]) if events else 0

    @property
    def size(self) -> int:
        new = self._inlet.all()  # first: what was not written yet is taken in by that, if it is much
        return self._taken + len(new) // EACH

    @property
    def committed(self) -> int:
        return self.size

    def append(self, actor: bytes, seq: int, data: bytes, leaf: bytes, blobs: Sequence[bytes] = ()) -> None:
        new = self._inlet.new
        new += (actor, seq, data, leaf)
        if blobs or len(new) >= self._inlet.most:
            self._take_in(blobs)

    def ahead(self, content: bytes) -> None:
        """Nothing takes long here."""
        del content

    def put(self, digest: bytes, content: bytes, *, kept: bool) -> None:
        self._contents.put(digest, content, kept=kept)

    async def prepare_key(self, new: KeySource | None) -> Handover:
        key = SigningKey.generate() if new is None else key_of(new)
        return Handover(refuse_same(key.public, self.key), key)

    def hand_over(self, handover: Handover) -> None:
        self._signer.hand_over(handover)

    def holds(self, digest: bytes) -> bool:
        return digest in self._contents.held

    def size_of(self, digest: bytes) -> int | None:
        content = self._contents.held.get(digest)
        return None if content is None else len(content)

    def read(self, digest: bytes) -> bytes:
        content = self._contents.held.get(digest)
        if content is None:
            raise ContentNotFoundError(f"sha256:{digest.hex()} is not in this journal")
        return content

    def read_at(self, digest: bytes, offset: int, length: int) -> bytes:
        return self.read(digest)[offset : offset + length]

    def forget(self, digest: bytes) -> None:
        self._contents.forget(digest)

    def ingest(self) -> MemoryIngest:
        return MemoryIngest(self._contents)

    def then(self, future: Future[T], result: T) -> None:
        if not future.done():
            future.set_result(result)

    def flushed(self) -> None:
        return None

    def event(self, actor: bytes, seq: int) -> bytes:
        return self._all()[self.position(actor, seq) - (self.size - len(self._events))]

    def since(self, actor: bytes, seq: int) -> Iterator[bytes]:
        events = self._all()
        start = 0 if seq < 0 else self.position(actor, seq) + 1 - (self.size - len(events))
        return islice(events, start, None)

    def position(self, actor: bytes, seq: int) -> int:
        events = self._all()
        oldest = self.size - len(events)
        self._index.follow(events, oldest)
        number = self._index.number(actor, seq)
        if number is None or number < oldest:
            raise HistoryCutError(
                f"event {seq} of {actor.hex()} is no longer here: the journal in memory keeps the newest"
                f" {self.keep} events of all actors, or as many as take {self.keep_bytes} bytes; the options"
                " keep=... and keep_bytes=... keep more, a folder keeps all"
            )
        return number

    def kept(self) -> list[bytes]:
        """The bytes of all events that are still here, oldest first."""
        return [*self._all()]

    def first(self, actor: bytes) -> int | None:
        return self._span(actor)[0]

    def committed_of(self, actor: bytes) -> int:
        return self._span(actor)[1]

    def tips(self) -> Mapping[bytes, tuple[int, bytes]]:
        return {}

    def living(self) -> Sequence[bytes]:
        return ()

    def checkpoint(self) -> Note:
        self._all()
        return self._signer.sign(Checkpoint(self.origin, self._frontier.size, self._frontier.root()))

    async def open(self) -> None:
        """Nothing to open."""

    async def close(self) -> None:
        """Nothing to close: what was kept can still be looked at."""

    def _all(self) -> deque[bytes]:
        """All events that are here, oldest first."""
        if self._inlet.all():
            self._take_in()
        return self._events

    def _span(self, actor: bytes) -> tuple[int | None, int]:
        """The first seq of a chain that is still here, and the one behind its last; none: None and 0."""
        events = self._all()
        oldest = self.size - len(events)
        self._index.follow(events, oldest)
        return self._index.span(actor, oldest)

    def _take_in(self, blobs: Sequence[bytes] = ()) -> None:
        """Take in what is new, the last of which these left, and drop what is too much."""
        new = self._inlet.new
        events, leaves = new[2::EACH], new[3::EACH]
        new.clear()
        self._take(events, leaves, blobs)
        room = min(self.keep_bytes // _SPARE, self.keep_bytes - self._weight - self._contents.weight)
        most = 1 if self._contents.outlined else max(1, min(_BULK, room // EVENT_LIMIT))
        self._inlet.most = EACH * most

    def _take_many(self, actor: bytes, seq: int, events: list[bytes], leaves: list[bytes]) -> None:
        del actor, seq
        if self._inlet.new:
            self._take_in()
        self._take(events, leaves)

    def _take(self, events: list[bytes], leaves: list[bytes], blobs: Sequence[bytes] = ()) -> None:
        self._events.extend(events)
        self._frontier.late += b"".join(leaves)
        self._taken += len(events)
        weight = sum(map(len, events))
        self._weights.append((self._taken, weight))
        self._weight += weight
        contents = self._contents
        if blobs:
            contents.outline(self._taken - 1, blobs)
        contents.drop(before=self._taken - self.keep)
        self._weigh_no_more()
        if self._weight + contents.weight > self.keep_bytes:
            self._drop(self.keep_bytes - self.keep_bytes // _SPARE)
        if len(self._frontier.late) > _LEAVES:
            self._frontier.fold(len(self._frontier.late) - _LEAVES)

    def _drop(self, most: int) -> None:
        """Drop the oldest events until all that are left take `most` bytes; the newest stays."""
        events = self._events
        while len(events) > 1 and self._weight + self._contents.weight > most:
            end = min(self._weights[0][0], self.size - 1)
            for _ in range(end - (self.size - len(events))):
                events.popleft()
            self._contents.drop(before=end)
            if not self._weigh_no_more():
                return

    def _weigh_no_more(self) -> bool:
        """Leave out of the weight what has fallen out of the journal; says whether there was any."""
        oldest, before = self.size - len(self._events), len(self._weights)
        while self._weights[0][0] <= oldest:
            self._weight -= self._weights.popleft()[1]
        return len(self._weights) < before


class MemoryIngest:
    """Content on its way into memory."""

    def __init__(self, contents: Contents) -> None:
        self._contents = contents
        self._chunks: list[bytes] = []

    def write(self, chunk: bytes) -> None:
        self._chunks.append(bytes(chunk))

    def publish(self) -> tuple[bytes, int]:
        content = b"".join(self._chunks)
        digest = sha256(content).digest()
        self._contents.put(digest, content, kept=True)
        self._chunks = []
        return digest, len(content)

    def abort(self) -> None:
        self._chunks = []
