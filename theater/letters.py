"""Letters: messages that will not be handled, and who is told of them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from theater import settling
from theater.codec import ActorAddress
from theater.errors import SetupError
from theater.loop import Future, until_done
from theater.turn import received_body

if TYPE_CHECKING:
    from theater.cell import Cell
    from theater.errors import DeliveryError
    from theater.mailbox import Envelope
    from theater.ref import ActorRef
    from theater.stage import Stage

_BILLION = 1_000_000_000


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that had its place in a mailbox, or was to have it, and will not be handled."""

    to: ActorRef[Any]
    handler: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    sender: ActorRef[Any] | None  # None for the world outside
    why: str  # `ended`: its actor has; `drop_newest`, `drop_oldest`: the mailbox was full
    time: datetime  # UTC


class DeadLetters:
    """The dead letters of a theater from the moment of entering, oldest first; ends with the theater.

    A reader that falls behind loses the oldest, and nobody waits for it.
    """

    def __init__(self, theater: Stage, *, buffer: int) -> None:
        if type(buffer) is not int or buffer < 1:
            raise SetupError(f"buffer must be a whole number of letters of at least 1, not {buffer!r}")
        self._theater = theater
        self._letters: deque[DeadLetter] = deque(maxlen=buffer)
        self._news: Future[None] | None = None  # done when there is one more, or the end
        self._is_over = False
        self._missed = 0

    @property
    def missed(self) -> int:
        """How many this reader lost because it was slow."""
        return self._missed

    async def __aenter__(self) -> Self:
        self._theater.letter_readers.append(self)
        if self._theater.is_sealed:
            self.end()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._theater.letter_readers.remove(self)
        self.end()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> DeadLetter:
        while not self._letters:
            if self._is_over:
                raise StopAsyncIteration
            if self._news is None:
                self._news = self._theater.loop.create_future()
            await until_done(self._news)
        return self._letters.popleft()

    def take(self, letter: DeadLetter) -> None:
        """One more; never waits."""
        self._missed += len(self._letters) == self._letters.maxlen
        self._letters.append(letter)
        self._tell()

    def end(self) -> None:
        """No more will come; those that are here can still be read."""
        self._is_over = True
        self._tell()

    def _tell(self) -> None:
        news, self._news = self._news, None
        if news is not None:
            news.set_result(None)


def die(cell: Cell, envelope: Envelope, error: DeliveryError, *, why: str | None = None) -> None:
    """Say to the record, to the asker and to whoever reads that this message will not be handled.

    `why` names the overflow policy that dropped it; None: its actor has ended.
    """
    theater = cell.theater
    theater.dead_letters += 1
    if why is not None:
        theater.dropped += 1
    if theater.records_messages:
        body = received_body(envelope, None if cell.extras is None else cell.extras.put_back.get(envelope))
        seq = cell.record("message/dead", body if why is None else body | {"why": why})
        if envelope.sender is not None:
            told = {"class": type(error).__name__, "text": str(error)}
            envelope.outcome = ({"error": told}, (cell.id, seq, cell.head or b""))
    if theater.letter_readers:
        letter = _letter(cell, envelope, why or "ended")
        for reader in theater.letter_readers:
            reader.take(letter)
    settling.give_error(cell, envelope, error)


def _letter(cell: Cell, envelope: Envelope, why: str) -> DeadLetter:
    theater = cell.theater
    cell_of_sender = envelope.origin if envelope.turn is None else envelope.turn.cell
    sender = None if cell_of_sender is None or cell_of_sender.theater is not theater else cell_of_sender.ref
    if sender is None and envelope.sender is not None:  # a timer, or from before the theater was opened
        sender = theater.recall(ActorAddress(envelope.sender[0]))
    seconds, rest = divmod(theater.recorder.now(), _BILLION)
    return DeadLetter(
        to=cell.ref,
        handler=envelope.plan.name,
        args=envelope.args,
        kwargs=dict(envelope.kwargs),
        sender=sender,
        why=why,
        time=datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1_000),
    )
