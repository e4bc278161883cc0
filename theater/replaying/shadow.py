"""The shadow stage: where an actor's code runs again, and nothing it asks for is done.

It looks to the runtime like a stage. Its journal only reads; its recorder compares, and refuses what is not
in the record; all other actors are puppets, of which there is no more than what a ref tells.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NoReturn

from theater.actor import Actor
from theater.cell import Cell
from theater.codec import ActorAddress
from theater.errors import HistoryCutError, MissingError, SetupError
from theater.event import Event
from theater.journal import MemoryJournal
from theater.journal.protocol import Inlet
from theater.loop import Future, Loop, TaskWatch
from theater.loop.host import host
from theater.loop.pump import Pump
from theater.loop.virtual import VirtualLoop
from theater.mailbox import Envelope
from theater.moments import stores_at
from theater.options import DEFAULTS
from theater.outlining import inline
from theater.plan import plan_of
from theater.recorder import ROOT, Chained, Recorder
from theater.ref import ActorRef
from theater.replaying.casting import Casting
from theater.replaying.source import Source
from theater.stage import Stage
from theater.store.fold import Fold

_BILLION = 1_000_000_000


class ShadowLoop(VirtualLoop):
    """Virtual time that asks, whenever all is still, whether it may pass.

    `on_still` gets the seconds to the next timer, or None where none is set; it says whether it gave somebody
    something to do. It must, where there is no timer.
    """

    def __init__(self, on_still: Callable[[float | None], bool]) -> None:
        super().__init__()
        self._on_still = on_still

    def follow(self, seconds: float) -> None:
        """Let the clock stand there, unless it is further already."""
        self._virtual_time = max(self._virtual_time, seconds)

    def _stirs(self, timeout: float | None) -> bool:
        is_alone = len(self._selector.get_map()) == 1  # type: ignore[attr-defined]  # the loop's own pipe
        return is_alone and not self._threads_work() and self._on_still(timeout)

    def _break_deadlock(self) -> None:
        if not self._on_still(None):
            super()._break_deadlock()


class _ReadingJournal(MemoryJournal):
    """Contents of the record; what the code keeps besides is forgotten with the replay."""

    def __init__(self, source: Source) -> None:
        super().__init__(keep=1)
        self.inlet: Inlet | None = None  # all comes to `append`
        self._source = source

    def append(
        self, actor: bytes, seq: int, data: bytes, leaf: bytes, blobs: Sequence[bytes] = ()
    ) -> NoReturn:
        del seq, data, leaf, blobs
        raise AssertionError(f"a replay appends nothing, least of all to {actor.hex()}")

    def event(self, actor: bytes, seq: int) -> bytes:
        return self._source.chain(actor)[seq].data

    def read(self, digest: bytes) -> bytes:
        return super().read(digest) if super().holds(digest) else self._source.read(digest)


class _Comparing(Recorder):
    """In place of recording: whoever leads the message at hand compares; else nothing is to be asked."""

    def __init__(self, stage: ShadowStage) -> None:
        super().__init__(stage.journal, stage.clock)
        self._stage = stage

    def append_prepared(self, line: Chained, kind: str, body: Any, plain: Any = None) -> int:
        del plain  # of what may be outlined
        prompter = self.prompters.get(line.id)
        if prompter is not None and prompter.leads(kind, body):
            return prompter.append(kind, body)
        return self._stage.on_odd(kind, body)


class Puppet(Cell):
    """Another actor, as the record names it."""

    __slots__ = ("missing",)

    missing: SetupError | None  # why nobody knows its handlers

    def envelope(
        self,
        handler: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        reply: Future[Any] | None = None,
        origin: Cell | None = None,
    ) -> Envelope:
        if self.missing is not None:
            stage = self.theater
            assert isinstance(stage, ShadowStage)
            stage.on_fault(SetupError(f"a message goes to {self.name}: {self.missing}"))
        return super().envelope(handler, args, kwargs, reply, origin)


class ShadowStage(Stage):
    """A stage for one actor and its record."""

    __slots__ = (
        "_beginning",
        "_births",
        "_casting",
        "_clock",
        "_folds",
        "_puppets",
        "_source",
        "now",
        "on_fault",
        "on_odd",
    )

    def __init__(
        self,
        source: Source,
        casting: Casting,
        *,
        on_odd: Callable[[str, Any], int],
        on_fault: Callable[[Exception], None],
    ) -> None:
        """Set it up.

        Args:
            source: the record.
            casting: finds classes.
            on_odd: called with what the code would record where it should ask nothing.
            on_fault: called with an error that is none of the code's; ends the replay.
        """
        super().__init__(
            None,
            records_messages=True,
            journal=partial(_ReadingJournal, source),
            snapshots=None,
            clock=lambda: self.now,
            entropy=bytes,
        )
        self._source = source
        self._casting = casting
        self._births: dict[bytes, Mapping[str, Any] | None] = {}
        self._puppets: dict[bytes, Cell] = {}
        self._folds: dict[bytes, tuple[Fold, int]] = {}  # of stores that were granted; up to which seq
        self.now = self._beginning = 0  # nanoseconds since 1970 UTC
        self.on_odd = on_odd
        self.on_fault = on_fault
        self.recorder = _Comparing(self)

    def begin(self, loop: Loop) -> None:
        assert isinstance(loop, ShadowLoop)
        self.loop = self._clock = loop
        host(self)
        self.pump = Pump(loop, one_by_one=True)
        self.slow = self.slice = float("inf")
        self.beating = True  # on a virtual clock nothing beats
        self.watch = TaskWatch.of(loop)
        self.watch.begin()

    def reach(self, time: int) -> None:
        """Go on to this moment, nanoseconds since 1970 UTC; the loop's clock begins with the first."""
        self._beginning = self._beginning or time
        self.now = time
        self._clock.follow((time - self._beginning) / _BILLION)

    def end(self) -> None:
        self.watch.end()

    def cast(self, cell: Cell) -> None:
        """Take this for the actor itself."""
        self._puppets[cell.id] = self.cells[cell.id] = cell

    def recall(self, address: ActorAddress) -> ActorRef[Any]:
        return self.cell_of(address.id).ref

    world = recall

    def cell_of(self, id: bytes) -> Cell:
        """The actor itself, or the puppet for another."""
        cell = self._puppets.get(id)
        if cell is None:
            cell = self._puppets[id] = self._puppet(id)
        return cell

    def knows(self, actor: bytes) -> bool:
        """Say whether this actor may have been there: a memory that forgets does not tell."""
        return self._source.forgets or self._source.has(actor)

    def birth(self, actor: bytes) -> Mapping[str, Any] | None:
        """The body of an actor's first event; None where it is not in the record."""
        if actor not in self._births:
            try:
                event: Event | None = self._source.chain(actor)[0]
            except (MissingError, HistoryCutError):
                event = None
            self._births[actor] = None if event is None else self.full(event.body)
        return self._births[actor]

    def class_of(self, name: str) -> type[Actor]:
        """The class `module:Qualname`.

        Raises:
            SetupError: it is not at hand.
        """
        return self._casting.find(name)

    def fold_at(self, actor: bytes, seq: int) -> Fold:
        """What the stores of an actor held after this event of its chain; asked for later and later ones."""
        fold, after = self._folds.get(actor, (None, 0))
        chain = self._source.chain(actor)
        if fold is None or after > seq + 1:
            fold = stores_at(chain, seq, self.full)
        else:
            for later in range(after, seq + 1):
                fold.apply(chain[later].kind, chain[later].body)
        self._folds[actor] = fold, seq + 1
        return fold

    def failed_in(self, child: bytes, seq: int) -> str:
        """In which handler a child failed, as this event of its chain tells."""
        try:
            return str(self._source.chain(child)[seq].body["handler"])
        except (MissingError, IndexError):
            return "a handler"  # nobody knows any more

    def full(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """A body with the large values that left it put back."""
        whole: dict[str, Any] = inline(body, self._source.read)
        return whole

    def _puppet(self, id: bytes) -> Puppet:
        born = self.birth(id)
        name = f"actor-{id.hex()[:12]}" if born is None else born["name"]
        cls, missing = Actor, None
        try:
            if born is None:
                missing = SetupError("the record does not say of which class it is")
            else:
                cls = self._casting.find(born["class"])
        except SetupError as error:
            missing = error
        puppet = Puppet(self, plan_of(cls), id=id, name=name, options=DEFAULTS)
        puppet.missing = missing
        puppet.state = "running"
        above: bytes = ROOT if born is None else born["supervisor"][0]
        puppet.supervisor = None if above == ROOT else self.cell_of(above)
        return puppet
