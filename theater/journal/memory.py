"""The journal in memory: the newest events of all chains together, and every content a store keeps.

`append` is the hottest call of a theater, so all work that only a looker needs waits for one: the index of
events by chain is made when an event is asked for, the Merkle tree when a checkpoint is or leaves pile up.
Events are weighed many at once, often enough that they never take more than they may.
"""

from __future__ import annotations

import secrets
from array import array
from bisect import bisect_left
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
from theater.journal.heading import heading, time_of
from theater.journal.signer import Signer
from theater.keys import SigningKey, VerifyKey
from theater.loop import Future
from theater.merkle import Frontier

T = TypeVar("T")
_FOLD = 1024  # leaves hashed, and events weighed, at once: half a millisecond, and 10 ns an event
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
        self.size = 0
        self.on_failure: Callable[[BaseException], None] | None = None
        self.on_room: Callable[[], None] | None = None
        self._signer = Signer(SigningKey.generate() if key is None else key_of(key))
        self._events: deque[bytes] = deque(maxlen=keep)
        self._leaves: deque[bytes] = deque()
        self._look_at = 0  # events in the journal when they are weighed next
        self._weighed = 0  # events that were
        self._weights: deque[tuple[int, int]] = deque()  # up to which event, and bytes of those from the last
        self._weight = 0  # bytes in all these
        self._frontier = Frontier()
        self._contents = Contents()
        self._index = _Index()
        self._ends: dict[bytes, int] = {}  # events of each chain, dropped ones too
        self._retired: deque[tuple[int, Sequence[bytes]]] = deque()  # chains that end before this number

    @property
    def key(self) -> VerifyKey:
        return self._signer.public

    @property
    def last_time(self) -> int:
        return time_of(self._events[-1]) if self._events else 0

    @property
    def committed(self) -> int:
        return self.size

    def append(self, actor: bytes, seq: int, data: bytes, leaf: bytes, blobs: Sequence[bytes] = ()) -> None:
        self._events.append(data)
        self._ends[actor] = seq + 1
        self._leaves.append(leaf)
        self.size = size = self.size + 1
        contents = self._contents
        if blobs:
            contents.outline(size - 1, blobs)
        if contents.outlined:
            contents.drop(before=size - self.keep)
        if blobs or size >= self._look_at:
            self._look()

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
        return self._events[self.position(actor, seq) - (self.size - len(self._events))]

    def since(self, actor: bytes, seq: int) -> Iterator[bytes]:
        start = 0 if seq < 0 else self.position(actor, seq) + 1 - (self.size - len(self._events))
        return islice(self._events, start, None)

    def position(self, actor: bytes, seq: int) -> int:
        oldest = self.size - len(self._events)
        self._index.follow(self._events, oldest)
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
        return [*self._events]

    def first(self, actor: bytes) -> int:
        oldest = self.size - len(self._events)
        self._index.follow(self._events, oldest)
        return self._ends.get(actor, 0) - self._index.kept(actor, oldest)

    def committed_of(self, actor: bytes) -> int:
        return self._ends.get(actor, 0)

    def retire(self, actors: Sequence[bytes]) -> None:
        """Forget these chains once the last of their events has fallen out."""
        self._retired.append((self.size, actors))

    def tips(self) -> Mapping[bytes, tuple[int, bytes]]:
        return {}

    def living(self) -> Sequence[bytes]:
        return ()

    def checkpoint(self) -> Note:
        self._fold(len(self._leaves))
        return self._signer.sign(Checkpoint(self.origin, self._frontier.size, self._frontier.root()))

    async def open(self) -> None:
        """Nothing to open."""

    async def close(self) -> None:
        """Nothing to close: what was kept can still be looked at."""

    def _look(self) -> None:
        """Weigh what came since the last look, and drop what is too much; in time to look again."""
        new = islice(reversed(self._events), self.size - self._weighed)
        weight = sum(map(len, new))
        self._weights.append((self.size, weight))
        self._weight += weight
        self._weighed = self.size
        self._weigh_no_more()
        if self._weight + self._contents.weight > self.keep_bytes:
            self._drop(self.keep_bytes - self.keep_bytes // _SPARE)
        self._fold(max(0, len(self._leaves) - self.keep))
        self._forget()
        room = min(self.keep_bytes // _SPARE, self.keep_bytes - self._weight - self._contents.weight)
        self._look_at = self.size + max(1, min(_FOLD, room // EVENT_LIMIT))

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

    def _fold(self, count: int) -> None:
        append, take = self._frontier.append, self._leaves.popleft
        for _ in range(count):
            append(take())

    def _forget(self) -> None:
        """Forget chains that were retired, once their last event has fallen out."""
        oldest = self.size - len(self._events)
        while self._retired and self._retired[0][0] <= oldest:
            for actor in self._retired.popleft()[1]:
                self._ends.pop(actor, None)


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


class _Index:
    """Where in the log each chain's events are; brought up to date only when somebody looks."""

    __slots__ = ("_chains", "_made_at", "_next")

    def __init__(self) -> None:
        self._chains: dict[bytes, tuple[int, array[int]]] = {}  # actor: first seq, numbers in the log
        self._made_at = 0
        self._next = 0

    def follow(self, events: deque[bytes], oldest: int) -> None:
        """Take in what was appended since the last look; `oldest` is the number of the first kept event."""
        if oldest - self._made_at > len(events):  # a whole log later, most of the index names dropped events
            self._chains.clear()
            self._made_at = self._next = oldest
        start = max(self._next, oldest)
        # from its near end: a deque is reached into block by block
        new = [*islice(reversed(events), oldest + len(events) - start)]
        for number, data in enumerate(reversed(new), start):
            actor, seq = heading(data)
            chain = self._chains.get(actor)
            if chain is None or seq != chain[0] + len(chain[1]):
                chain = self._chains[actor] = seq, array("Q")
            chain[1].append(number)
        self._next = oldest + len(events)

    def number(self, actor: bytes, seq: int) -> int | None:
        first, numbers = self._chains.get(actor, (0, ()))
        return numbers[seq - first] if 0 <= seq - first < len(numbers) else None

    def kept(self, actor: bytes, oldest: int) -> int:
        """How many events of a chain have at least the number `oldest`."""
        _, numbers = self._chains.get(actor, (0, ()))
        return len(numbers) - bisect_left(numbers, oldest)
