"""The stage: what all cells of one theater share. Users see it as `Theater`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from theater import directory, owning, signals, spawning, stashing, undelivered
from theater.codec import ActorAddress
from theater.errors import JournalFailedError, NotRunningError, SetupError
from theater.faded import Faded
from theater.journal.protocol import Journal
from theater.leftovers import Leftovers
from theater.livechain import LiveChain
from theater.loop import CURRENT, Future, Loop, Task, TaskWatch, is_virtual, running_loop, until_done
from theater.loop.host import host
from theater.loop.pump import Pump, Waiter
from theater.moments import Whole, of_store
from theater.recorder import ROOT, Line, Recorder
from theater.ref import ActorRef
from theater.sleepers import read_sleepers, was_closed
from theater.snapshots import Snapshots
from theater.store.fold import Fold, fold_of
from theater.turn import Held

if TYPE_CHECKING:
    from theater.actor import Actor
    from theater.cell import Cell
    from theater.letters import DeadLetters
    from theater.mailbox import Envelope
    from theater.options import Options
    from theater.sleepers import Sleeper
    from theater.store.supervisor import StoreSupervisor
    from theater.supervision import Supervision

FORMAT = 1
VERSION = "0.1.0"

logger = logging.getLogger("theater")

_SLOW = 0.1  # seconds for which a handler may block the loop before it is named
_SLICE = 0.001  # seconds that an actor keeps the loop while others wait
_BEAT = 0.025  # seconds between two proofs that the loop is alive


class Stage:
    """Cells by id and by name, the journal, and the count of who is at work."""

    order: Future[float]  # to close
    ended: Future[None]  # of the closing
    host: Any  # whose `_thread_id` is that of the thread which runs the loop

    # fmt: off
    __slots__ = (  # beyond 30 attributes a dict is slower: 3 % of a tell
        "__weakref__", "_last_beat", "active", "asleep", "beating", "bound", "cells", "chores", "clock",
        "crashed", "dead_letters", "dropped", "ended", "entropy", "failed", "failures", "folder", "handled",
        "held", "host", "is_closed", "is_cutting", "is_rotating", "is_sealed", "journal", "leftovers",
        "lenders", "letter_readers", "loop", "names", "order", "past", "pump", "quiet", "recorder",
        "records_messages", "restarts", "resting", "returned", "root", "sent", "slice", "slow",
        "snapshots", "strays", "tops", "views", "waiting", "was_closed", "watch", "withdrawn",
    )
    # fmt: on

    def __init__(
        self,
        folder: Path | None,
        *,
        records_messages: bool,
        journal: Callable[[], Journal],
        snapshots: Snapshots | None,
        clock: Callable[[], int],
        entropy: Callable[[int], bytes],
    ) -> None:
        self.folder = folder
        self.records_messages = records_messages
        self.snapshots = None if folder is None else snapshots  # in memory nothing is resumed
        self.clock = clock
        self.entropy = entropy
        self.journal: Journal = journal()
        self.bound = self.world, self.recall  # once, and not for each cell: 64 bytes each
        self.cells: dict[bytes, Cell] = {}  # those that are alive here
        self.past = Faded()
        self.names: dict[str, Cell] = {}
        self.tops: dict[Cell, None] = {}  # supervised by the program outside, in the order of their start
        self.asleep: dict[str, Sleeper] = {}  # alive in the record, by name
        self.leftovers = Leftovers()
        self.lenders: dict[str, StoreSupervisor] = {}  # who has each store
        self.views: dict[str, list[StoreSupervisor]] = {}  # and who else, where it was forked
        self.held: set[Held] = set()  # streams that the program outside reads
        self.strays: set[Task[Any]] = set()  # tasks that outlived their message and were cancelled
        self.chores: set[Task[None]] = set()  # tasks of the runtime itself
        self.active = 0  # cells with something to do
        self.quiet: list[Future[None]] = []  # who waits for `active` to be 0
        self.failures = 0
        self.restarts = 0
        self.sent = 0  # messages; where each of them is now, `statistics` counts
        self.handled = 0  # by actors that have ended
        self.failed = 0
        self.waiting = 0  # for room
        self.withdrawn = 0
        self.returned = 0
        self.dead_letters = 0
        self.dropped = 0
        self.letter_readers: list[DeadLetters] = []
        self.is_closed = False  # to the world outside
        self.crashed = self.is_cutting = False  # of handlers that are cut off, no end is recorded
        self.is_rotating = False  # a key hands over to the next
        self.is_sealed = False  # its last event is written

    async def open(self) -> None:
        loop = running_loop()
        if loop is None:
            raise SetupError("a theater lives in an asyncio event loop: open it from a coroutine")
        self.loop: Loop = loop
        host(self)
        self.pump = Pump(loop, one_by_one=is_virtual(loop))
        self.resting = Waiter(self.pump, loop)  # of all actors that have no task yet
        await self.journal.open()
        self.journal.on_failure = self.crash
        policy = self.snapshots or Snapshots()
        self.recorder = Recorder(self.journal, self.clock, heft=-(-policy.bytes // policy.events))
        events, head = self.journal.tips().get(ROOT, (0, None))
        self.root = Line(ROOT, events, head)
        self.watch = TaskWatch.of(loop)
        self.watch.begin()
        self.slow, self.slice = _SLOW, _SLICE
        self.beating = is_virtual(loop)  # on a virtual clock nothing beats: waiting is no blocking there
        if self.beating:
            self.slow = self.slice = float("inf")
        self._last_beat = 0.0
        body = {
            "format": FORMAT,
            "key": self.journal.key.data,
            "origin": self.journal.origin,
            "version": VERSION,
        }
        self.asleep = read_sleepers(self.journal)
        self.was_closed = was_closed(self.journal)
        undelivered.begin(self)
        self.recorder.append(self.root, "theater/opened", body)

    def when_closed(self, task: Task[None]) -> None:
        """The closing has ended, well or badly; whoever waits for it is told."""
        error = task.exception()
        if error is None:
            self.ended.set_result(None)
        else:
            self.ended.set_exception(error)

    # -- who is here -------------------------------------------------------------------------------------

    def remember(self, cell: Cell, *, named: bool) -> None:
        self.cells[cell.id] = cell
        if named:
            self.names[cell.name] = cell

    def forget(self, cell: Cell) -> None:
        self.handled += cell.handled
        cell.handled = 0
        self.cells.pop(cell.id, None)
        self.past.add(cell)
        self.tops.pop(cell, None)
        if self.names.get(cell.name) is cell:
            del self.names[cell.name]

    def world(self, address: ActorAddress) -> ActorRef[Any]:
        """The ref of an actor of this theater.

        Raises:
            TypeError: it is of another theater.
        """
        cell = self.cells.get(address.id) or self.past.get(address.id)
        if cell is None:
            raise TypeError("a ref of an actor of another theater")
        return cell.ref

    def recall(self, address: ActorAddress) -> ActorRef[Any]:
        """The ref that an address from the record names, also of an actor that is no more."""
        cell = self.cells.get(address.id) or self.past.get(address.id)
        if cell is None:
            cell = directory.gone(self, address.id)
        return cell.ref

    def current_cell(self) -> Cell | None:
        cell = CURRENT.get(None)
        return cell if cell is not None and cell.theater is self else None

    async def spawn_child(
        self, parent: Cell, actor: Actor, name: str | None, options: Options, said: Supervision | None = None
    ) -> ActorRef[Any]:
        return await spawning.spawn_child(parent, actor, name, options, said)

    def find_for(self, cell: Cell, name: str) -> ActorRef[Any]:
        return directory.find_for(self, cell, name)

    def store_of(self, store_id: str, reader: bytes) -> StoreSupervisor | None:
        """Who has this store, and granted it to this reader if several do; None if nobody that ran here."""
        return owning.lender_of(self, store_id, reader)

    def fold_at(self, actor: bytes, seq: int) -> Fold:
        """What the stores of an actor held after this event of its chain."""
        told = LiveChain(self, Line(actor, seq + 1))  # without what was removed, which changed no store
        return fold_of(Whole(event.kind, self.recorder.full(event.body)) for event in told if of_store(event))

    # -- checks ------------------------------------------------------------------------------------------

    def check_thread(self) -> None:
        if running_loop() is not self.loop:
            raise SetupError(
                "refs are used in their theater's event loop; from another thread use anyio.from_thread.run"
            )

    def check_journal(self) -> None:
        if self.journal.failed is not None:
            raise JournalFailedError(str(self.journal.failed)) from self.journal.failed

    def check_open(self, asker: Cell | None = None) -> None:
        if running_loop() is self.loop and not (self.is_closed or self.is_cutting or self.journal.failed):
            return  # as it mostly is, without further calls
        self.check_thread()
        self.check_journal()
        if self.is_cutting or (self.is_closed and asker is None and self.current_cell() is None):
            raise NotRunningError("the theater is closed")

    # -- the disk ----------------------------------------------------------------------------------------

    async def committed(self) -> None:
        """Wait until all that is recorded now is committed."""
        flushed = self.journal.flushed()
        if flushed is not None:
            await until_done(flushed)
            flushed.result()

    room_on_disk = committed

    def crash(self, error: BaseException) -> None:
        """End as a crash would: everyone who waits is told, and nothing in memory is rolled back."""
        if self.is_cutting:
            return
        logger.error("the theater ends as by a crash", exc_info=error)
        self.is_closed = self.is_cutting = self.crashed = True
        for cell in tuple(self.cells.values()):
            signals.cut(cell)
        self.dismiss(lambda _cell, _envelope: error)

    def chore_ended(self, task: Task[None]) -> None:
        """A task of the runtime itself has ended; a fault in it is one of the runtime."""
        self.chores.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.crash(error)

    def dismiss(self, why: Callable[[Cell, Envelope], BaseException]) -> None:
        """Nobody waits any longer: for an answer, for room, for an actor's end, or for quiet."""
        for cell in tuple(self.cells.values()):
            stashing.unstash(cell)
            at_hand = [cell.current] if cell.current is not None else []
            replies = [(envelope.reply, envelope) for envelope in (*at_hand, *(cell.queue or ()))]
            owed = () if cell.extras is None else tuple(cell.extras.slots or ())
            replies += [(slot.future, slot.envelope) for slot in owed]
            for future, envelope in (*replies, *(cell.room or ())):
                if future is not None and not future.done():
                    future.set_exception(why(cell, envelope))
            if cell.ended is not None and not cell.ended.done():
                cell.ended.set_result(None)
        for reader in self.letter_readers:
            reader.end()
        self.grew_quiet()

    # -- who is at work ----------------------------------------------------------------------------------

    def grew_quiet(self) -> None:
        quiet, self.quiet = self.quiet, []
        for future in quiet:
            if not future.done():
                future.set_result(None)

    def start_beat(self) -> None:
        """Begin to prove that the loop is alive, for as long as somebody is at work."""
        self.beating = True
        self.loop.call_later(_BEAT, self._beat)

    def _beat(self) -> None:
        self._last_beat = perf_counter()
        undelivered.look(self)
        if self.active and not self.is_cutting:
            self.loop.call_later(_BEAT, self._beat)
        else:
            self.beating = False

    def blame(self, cell: Cell, name: str, before: float, now: float) -> None:
        """A message took long: name its handler if the loop stood still meanwhile."""
        blocked = now - max(before, self._last_beat)
        if blocked > self.slow:
            what = f"{cell.class_name}.{name} of {cell.name!r}"
            logger.warning("%s blocked the event loop for %.0f ms", what, blocked * 1_000)
