"""Group commit: batches form by themselves out of what comes in while the one before is at the disk.

The one file of the journal that touches the event loop: one wake-up of it per batch. Whoever waits for a
commit waits for no timer; what nobody waits for lingers a moment, so that many events share one signature.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TypeVar

from theater.checkpoint import Checkpoint
from theater.errors import JournalFailedError
from theater.journal.breath import Breath
from theater.journal.handing import Handover
from theater.journal.log import Writes
from theater.journal.opening import Opened
from theater.journal.pending import LOOK_BYTES, Pending
from theater.journal.protocol import EACH, Inlet
from theater.journal.steps import Steps, call, refuse
from theater.journal.walk import Place
from theater.journal.writer import Writer
from theater.loop import Future, Loop, TimerHandle
from theater.loop.promise import give_results

T = TypeVar("T")
BATCH_BYTES = 8 << 20  # a batch with more takes no further request
FULL_BYTES = 64 << 20  # so much may wait for the disk
_FRONTIER_EVERY = 4096  # events; opening hashes no more than these and a batch
_LINGER = 0.005  # seconds; a batch costs 120 µs of the loop: with one each 30 µs, a ring lost a third
_TURNS = 3  # of the loop, in which those who were answered come again before the next batch is sealed


class Commits:
    """Seals batches, hands them to the writer, and tells everyone who waits."""

    def __init__(
        self,
        log: Writes,
        opened: Opened,
        *,
        loop: Loop,
        on_failure: Callable[[JournalFailedError], None],
        on_full: Callable[[bool], None],
    ) -> None:
        """Go on where a folder was opened."""
        self.frontier = opened.frontier  # over all that was appended
        self.forming = Pending(opened.place, frontier=opened.frontier)
        self.inlet = Inlet(EACH)
        self.absorb: Callable[[], None] = _nothing  # takes in what is there
        self.is_busy = False  # a flush is scheduled, or a batch is at the disk
        self.committed = opened.frontier.size
        self.committed_to = self.forming.base  # position in the log
        self.note = opened.note
        self.failed: JournalFailedError | None = None
        self.has_ended = False  # failed, or closed
        self._is_full = False
        self._log = log
        self._enough = log.most // 2  # events of a batch that is sealed as soon as nothing flies
        self._written_at = opened.frontier.size  # events when the frontier was last written
        self._origin = opened.index.origin
        self.signer = opened.signer
        self._on_failure = on_failure
        self._on_full = on_full
        self._flying: deque[Pending] = deque()  # sealed; the first is at the disk
        self._timer: TimerHandle | None = None  # set while a batch forms that nobody waits for
        self._loop = loop
        self._steps = steps = Steps(loop, cut_off=self.fail)
        self._breath = Breath(loop, is_needed=self._is_writing)
        log.watch(loop, self.fail)
        self._writer = Writer(
            log,
            written=lambda batch: call(loop, steps.take, self._written, batch),
            failed=lambda error: call(loop, self.fail, error),
        )

    def wake(self) -> None:
        """See to it that what has come in is flushed, once all who are ready to run had their turn."""
        self._steps.soon(self._flush)
        self.is_busy = True

    def have_grown(self) -> None:
        """Events have come into the forming batch: see to it that they are looked at, or flushed."""
        if len(self.forming.buffer) >= self.forming.look_at:
            self.look()
        elif not self.is_busy:
            self.wake()

    def await_last(self) -> None:
        """Have the next event end the batch."""
        self.forming.look_at = self.inlet.most = 0

    def end(self) -> None:
        """Take in nothing from now on."""
        self.has_ended = True
        self.inlet.most = 0

    def look(self) -> None:
        """Hash the leaves since the last look, and see whether the forming batch is large enough."""
        self._steps.take(self._look)

    def _look(self) -> None:
        batch = self.forming
        self.frontier.fold()
        batch.look_at = len(batch.buffer) + LOOK_BYTES
        if batch.weight >= BATCH_BYTES or (not self._flying and self._uncommitted >= self._enough):
            self.seal()
            return
        self.weigh()
        if not self.is_busy:
            self.wake()

    def seal(self) -> None:
        """End the forming batch with a signed checkpoint, and begin the next."""
        self._hurry()
        self.absorb()
        if self.has_ended:
            return
        batch = self.forming
        size = self.frontier.size
        batch.seal(self.signer.sign(Checkpoint(self._origin, size, self.frontier.root())), size)
        self._flying.append(batch)
        # The next is there before ctrl-C can cut off what comes now.
        self.forming = self._next(self._log.after(batch.end)).follow(batch)
        if len(self._flying) == 1:
            self.is_busy = True
            self._submit(batch)
        self.weigh()

    def _submit(self, batch: Pending) -> None:
        try:
            if not batch.waiters:
                self._writer.submit(batch)
            elif self._writer.commit(batch):
                self._steps.soon(self._written, batch)
                return
            if self._breath.begin() and batch.waiters:
                self._writer.let_begin()
        except BaseException as error:  # ctrl-C, which mostly comes here: nothing is lost by it
            self._writer.again(batch)
            self._steps.survived = error
            raise

    def _is_writing(self) -> bool:
        return not (self.has_ended or (self._writer.is_at_rest and not self._flying))

    def hand_over(self, handover: Handover) -> None:
        """Have the forming batch signed by two keys, and those after it by the new one."""
        self.signer.hand_over(handover)
        self.forming.finish = handover.finish

    def weigh(self) -> None:
        """Say so when too much waits for the disk, and when no longer."""
        waiting = sum([batch.weight for batch in self._unwritten()])
        full = waiting >= FULL_BYTES or self._uncommitted >= self._log.most
        if full != self._is_full:
            self._is_full = full
            self._on_full(full)

    def then(self, future: Future[T], result: T) -> None:
        if self.failed is not None:
            refuse(future, self.failed)
        elif not (self.inlet.is_empty and self.forming.is_empty):
            self.forming.waiters.append((future, result))
            if self._timer is not None:
                self.wake()
                self._hurry()
        elif self._flying:
            self._flying[-1].waiters.append((future, result))
        elif not future.done():
            future.set_result(result)

    def flushed(self) -> Future[None] | None:
        if self.failed is None and not self._holds_some and not self._flying:
            return None
        future: Future[None] = self._loop.create_future()
        self.then(future, None)
        return future

    def pending(self, position: int, length: int) -> bytes | None:
        """Bytes that are not known to be on the disk yet; any thread may call it."""
        if position < self.committed_to:
            return None
        for batch in self._unwritten():
            found = batch.read(position, length)
            if found is not None:
                return found
        return None

    def writing(self, digest: bytes) -> bytes | None:
        """A content whose file may not be there yet; any thread may call it."""
        files = (file for batch in self._unwritten() for file in batch.files)
        return next((content for _, name, content in files if name == digest), None)

    def refusal(self) -> JournalFailedError:
        """What an append gets now."""
        return JournalFailedError("the journal is closed" if self.failed is None else str(self.failed))

    def stop(self) -> None:
        """End the writer thread; waits for the batches that were sealed."""
        self._writer.stop()

    def drop(self) -> None:
        """Let go of files that were not written, once the writer has ended."""
        for batch in self._unwritten():
            for draft, _, _ in batch.files:
                draft.abort()

    @property
    def _holds_some(self) -> bool:
        """Whether something waits that is not sealed."""
        return not (self.inlet.is_empty and self.forming.is_empty)

    @property
    def _uncommitted(self) -> int:
        """Events on their way."""
        return self.frontier.size - self.committed

    def _unwritten(self) -> tuple[Pending, ...]:
        forming = self.forming  # looked at first: another thread must not miss it when it is sealed meanwhile
        return (*self._flying, forming)

    def _next(self, place: Place) -> Pending:
        is_due = place.offset == 0 or self.frontier.size - self._written_at >= _FRONTIER_EVERY
        if is_due:
            self._written_at = self.frontier.size
        return Pending(place, frontier=self.frontier if is_due else None)

    def _flush(self) -> None:
        if self._flying or self.failed is not None:
            return
        if not self._holds_some:
            self.is_busy = False
            self.inlet.most = EACH
        elif self.forming.waiters:
            self.seal()
        elif self._timer is None:
            self._timer = self._loop.call_later(_LINGER, self._steps.take, self._linger_no_more)

    def _linger_no_more(self) -> None:
        if not self.has_ended:
            self.seal()

    def _hurry(self) -> None:
        """Linger no longer."""
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _written(self, batch: Pending) -> None:
        """The first of the sealed batches is on the disk; one that was submitted again comes here twice."""
        if not self._flying or self._flying[0] is not batch:
            return
        try:
            self._flying.popleft()
            self.committed = batch.size
            self.committed_to = batch.base + len(batch.buffer)
            self.note = batch.note or self.note
            if self._flying:
                self._submit(self._flying[0])
            elif self.forming.waiters or self._uncommitted >= self._enough:
                self.seal()
        finally:
            self._answer(batch)

    def _answer(self, batch: Pending) -> None:
        give_results(batch.waiters)
        if not self._flying:
            self._steps.soon(self._turn, _TURNS, len(batch.waiters))
        self.weigh()

    def _turn(self, left: int, answered: int, came: int = 0) -> None:
        """Let those who were answered come again before the next batch is sealed; each turn costs 4 µs."""
        coming = len(self.forming.waiters)
        if coming > came:  # and others are on their way: the pump resumes 64 in a turn
            left = _TURNS
        if left and coming < answered:
            self._steps.soon(self._turn, left - 1, answered, coming)
        else:
            self._flush()

    def fail(self, error: BaseException) -> None:
        """Write no more, and tell all who wait why."""
        if self.failed is not None:
            return  # the end of a notary is seen by two
        why = str(error) or type(error).__name__
        self.failed = failed = JournalFailedError(f"the journal could not be written: {why}")
        self.end()
        failed.__cause__ = error
        self.is_busy = True  # for ever: nothing is flushed any more
        self._loop.call_soon(self._on_failure, failed)  # not in the midst of an append
        for batch in self._unwritten():
            for future, _ in batch.waiters:
                refuse(future, failed)
            batch.waiters.clear()


def _nothing() -> None:
    """Nothing comes in before there is an intake."""
