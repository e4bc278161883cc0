"""What a theater asks of its journal: one log of all its events and contents, in one order.

A journal belongs to one event loop; every method is called there unless it says otherwise, and none but
`open` and `close` waits. `append` and `put` only take their place in the batch being formed; `then` says
when it is safe.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar

from theater.checkpoint import Note
from theater.journal.ahead import Ahead
from theater.journal.handing import Handover, KeySource
from theater.keys import VerifyKey
from theater.loop import Future

T = TypeVar("T")
TakeMany: TypeAlias = Callable[[bytes, int, list[bytes], list[bytes]], None]
EACH = 4  # things that an event puts into an inlet


class Ingest(Protocol):
    """Content of any size on its way in, in constant memory; called in one worker thread at a time."""

    def write(self, chunk: bytes) -> None:
        """Add bytes.

        Raises:
            DiskFullError: they do not fit; nothing of the content is kept.
        """
        ...

    def publish(self) -> tuple[bytes, int]:
        """Make the content durable under its hash; returns digest (32 bytes) and size.

        Raises:
            DiskFullError: it does not fit; nothing of the content is kept.
        """
        ...

    def abort(self) -> None:
        """Forget all of it; nothing happens after `publish`."""
        ...


class Inlet:
    """A way into a journal that is no call: `inlet.new += (actor, seq, data, leaf)`, as `append` takes them.

    Once there are `most` of these, `take_in` is called. An event that comes so has at most 1,024 bytes.

    In front of that lies what a recorder has not written yet, and writes when somebody looks.
    """

    __slots__ = ("bodies", "line", "most", "new", "take_in", "take_many", "times", "write_down")

    take_in: Callable[[], None]
    take_many: TakeMany
    write_down: Callable[[], None]  # given by the recorder

    def __init__(self, most: int) -> None:
        self.new: list[Any] = []  # a tuple for each event would be one object more for the collector
        self.most = most
        self.line: Any = None  # the chain that is left to be written, while somebody leaves it
        self.times: list[int] = []  # what the clock said, and
        self.bodies: list[Any] = []  # what is to be packed, of each of its events

    @property
    def is_empty(self) -> bool:
        return not (self.new or self.bodies)

    def all(self) -> list[Any]:
        """All that is new, for who looks at the journal."""
        if self.bodies:
            self.write_down()
        return self.new


class Journal(Protocol):
    """One append-only log of all chains and contents of a theater, under one tree and one key."""

    on_failure: Callable[[BaseException], None] | None  # called once, when a batch could not be written
    on_room: Callable[[], None] | None  # called each time `full` turns false
    inlet: Inlet | None  # a quicker way in for events without blobs

    @property
    def origin(self) -> str:
        """`theater/` and 32 hex digits: the name under which checkpoints are signed."""
        ...

    @property
    def key(self) -> VerifyKey:
        """The public key that verifies the checkpoints."""
        ...

    @property
    def last_time(self) -> int:
        """The time of the newest event, nanoseconds since 1970 UTC; 0 if there is none."""
        ...

    @property
    def size(self) -> int:
        """How many events were appended, from the journal's first on."""
        ...

    @property
    def committed(self) -> int:
        """How many events stand under a signed checkpoint that will survive the process."""
        ...

    @property
    def failed(self) -> BaseException | None:
        """Why nothing is written any more, a `JournalFailedError`; None while all is well."""
        ...

    @property
    def full(self) -> bool:
        """So much waits for the disk that mailboxes should not be drained until `on_room`."""
        ...

    @property
    def durable(self) -> bool:
        """Whether what is committed outlives the process."""
        ...

    def append(self, actor: bytes, seq: int, data: bytes, leaf: bytes, blobs: Sequence[bytes] = ()) -> None:
        """Add an event: its bytes, their hash as leaf, and the digests of blobs that were outlined from it.

        Raises:
            JournalFailedError: the journal has failed.
        """
        ...

    def ahead(self, content: bytes) -> Ahead | None:
        """Make ready to write a content while it is hashed; None: it is not worth it, or there is no room.

        Whoever asks has a worker thread `run` it, may `put` it then, and drops it in the end.
        """
        ...

    def put(self, digest: bytes, content: bytes, *, kept: bool) -> None:
        """Add a blob before the event that names it; nothing happens if it is held. `kept`: a store has it.

        Raises:
            DiskFullError: it does not fit; nothing was added, and events still can be.
            JournalFailedError: the journal has failed.
        """
        ...

    async def prepare_key(self, new: KeySource | None) -> Handover:
        """Make ready to sign by another key; None makes one, kept where the one before is.

        Raises:
            SetupError: the caller has the key and gives no other, or gives the one that it is.
            FolderError, JournalError: the new key cannot be read or kept; the old one goes on.
        """
        ...

    def hand_over(self, handover: Handover) -> None:
        """Sign the next commit by both keys, and those after it by the new one.

        Whoever calls it appends the event `theater/key` at once.
        """
        ...

    def holds(self, digest: bytes) -> bool:
        """Say whether a blob is here, committed or on its way."""
        ...

    def size_of(self, digest: bytes) -> int | None:
        """The size of a blob in bytes; None if it is not here."""
        ...

    def read(self, digest: bytes) -> bytes:
        """Read a blob whole, not verified; any thread may call it, and should for more than 1 MiB.

        Raises:
            ContentNotFoundError: it is not here.
        """
        ...

    def read_at(self, digest: bytes, offset: int, length: int) -> bytes:
        """Read at most `length` bytes of a blob from `offset` on, not verified; any thread may call it.

        Raises:
            ContentNotFoundError: it is not here.
        """
        ...

    def forget(self, digest: bytes) -> None:
        """Take the kept copy of a blob for lost: it was found corrupt, and the next `put` writes it anew."""
        ...

    def ingest(self) -> Ingest:
        """Begin to take in content of any size."""
        ...

    def then(self, future: Future[T], result: T) -> None:
        """Give `future` its result once all appended so far is committed, or a `JournalFailedError`."""
        ...

    def flushed(self) -> Future[None] | None:
        """A future for the moment when all that was appended so far is committed; None if it is."""
        ...

    def event(self, actor: bytes, seq: int) -> bytes:
        """The bytes of an event.

        Raises:
            HistoryCutError: it is no longer here.
        """
        ...

    def since(self, actor: bytes, seq: int) -> Iterator[bytes]:
        """The bytes of all events behind this one, in the order of the log; seq -1: of all there are.

        Of a folder only those that were there when it was opened. Removed ones are left out.
        """
        ...

    def position(self, actor: bytes, seq: int) -> int:
        """Where in the journal's one order an event stands: of two events the later has the larger number.

        Raises:
            HistoryCutError: it is no longer here.
        """
        ...

    def first(self, actor: bytes) -> int | None:
        """The seq of the oldest event of this chain that is still here; None if none is."""
        ...

    def committed_of(self, actor: bytes) -> int:
        """How many events of this chain stand under a signed checkpoint that will survive the process.

        In memory all do, and a chain of which no event is left is one that never was: 0.
        """
        ...

    def tips(self) -> Mapping[bytes, tuple[int, bytes]]:
        """What each chain held when the journal was opened: number of events, and hash of the last one."""
        ...

    def living(self) -> Sequence[bytes]:
        """The chains that went on when the journal was opened: their last event is no `actor/stopped`."""
        ...

    def checkpoint(self) -> Note:
        """The newest signed checkpoint: of all events in memory, of all committed ones on disk."""
        ...

    async def open(self) -> None:
        """Take the journal up, or begin it.

        Raises:
            FolderError, FolderInUseError, CorruptJournalError: it cannot be; nothing was changed.
        """
        ...

    async def close(self) -> None:
        """Commit everything and end; after a failure, only end."""
        ...
