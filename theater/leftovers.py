"""Leftovers: asks of an earlier run that are still to be answered, and what waits for actors that sleep."""

from __future__ import annotations

import inspect
from copy import copy
from typing import TYPE_CHECKING, Any

from theater.codec import ActorAddress
from theater.errors import AskCycleError, SetupError
from theater.event import Event
from theater.handler import HandlerPlan, Parameter
from theater.loop import Future, look_at
from theater.onward import Onward
from theater.shape import Shape
from theater.waits import circle

if TYPE_CHECKING:
    from theater.cell import Cell
    from theater.loop import Loop
    from theater.mailbox import Envelope, Triple
    from theater.stage import Stage


class Owed:
    """One ask of an earlier run: whoever asked may run again, and wait for the same answer."""

    __slots__ = ("envelope", "is_withdrawn", "outcome", "place", "reply", "target")

    def __init__(self, sender: bytes, seq: int, loop: Loop) -> None:
        self.place = (sender, seq)  # of its `message/sent`; that of the last one, if it was forwarded
        self.target: Cell | None = None  # None while it sleeps
        self.envelope: Envelope | None = None
        self.outcome: tuple[dict[str, Any], Triple | None] | None = None  # if it stands in the record
        self.reply: Future[Any] = loop.create_future()
        self.reply.add_done_callback(look_at)
        self.is_withdrawn = False  # while its receiver slept


class Leftovers:
    """All that there is of them in one theater."""

    __slots__ = ("list_at", "owed", "undelivered", "waiting")

    def __init__(self) -> None:
        self.owed: dict[tuple[bytes, int], Owed] = {}  # by the asker's id and the seq of its `message/sent`
        self.waiting: dict[bytes, Cell] = {}  # sleepers to whom messages were sent since the opening
        self.undelivered: dict[bytes, list[tuple[bytes, int]]] = {}  # for sleepers, from before: by receiver
        self.list_at = 0  # events in the journal when the record is told anew what is undelivered

    def of(self, sender: bytes, seq: int, loop: Loop) -> Owed:
        """The ask that stands there, noted down by whoever comes first: who asked, or who is to answer."""
        owed = self.owed.get((sender, seq))
        if owed is None:
            owed = self.owed[sender, seq] = Owed(sender, seq, loop)
        return owed

    def forget(self, sender: bytes, seq: int) -> None:
        """Whoever asked this has given up: if its receiver sleeps, it will not get it."""
        owed = self.owed.get((sender, seq))
        if owed is not None:
            owed.is_withdrawn = True
            for keys in self.undelivered.values():
                if owed.place in keys:
                    keys.remove(owed.place)


class Forwarded(Onward):
    """For a message that was sent on in an earlier run, the last one that was sent for it ends."""

    __slots__ = ("_owed", "_stage")

    mark = "forwarded"

    def __init__(self, stage: Stage, owed: Owed, first: Envelope) -> None:
        self._stage = stage
        self._owed = owed
        if owed.envelope is None:  # its receiver sleeps
            owed.envelope = copy(first)
            owed.envelope.reply = owed.reply

    @property
    def receiver(self) -> Cell:
        """Who has it, or will have it when it wakes."""
        if self._owed.target is not None:
            return self._owed.target
        sent = Event.read(self._stage.journal.event(*self._owed.place))
        return self._stage.recall(ActorAddress(sent.body["to"]))._cell  # noqa: SLF001  # the runtime's own link

    @property
    def second(self) -> Envelope | None:
        return self._owed.envelope

    def withdraw(self) -> tuple[Cell, Envelope] | None:
        sender, seq = self._owed.place
        by = self._stage.cells.get(sender)
        if by is not None and not by.has_ended:
            by.record("message/withdrawn", {"message": seq})
        second = self.second
        return None if self._owed.target is None or second is None else (self._owed.target, second)


def why_not(target: Cell) -> str:
    """Why an actor takes no message."""
    if target.state == "gone":
        return f"{target.name} is asleep in the record: resume it first"
    return f"{target.name} {'has ended' if target.has_ended else 'is stopping'}"


def waits_for(sleeper: Cell, envelope: Envelope) -> bool:
    """Whether a message of an actor is to wait for one that sleeps; then that one is held until it wakes."""
    if sleeper.state != "gone" or not envelope.outlives:
        return False
    sleeper.theater.leftovers.waiting[sleeper.id] = sleeper
    return True


def refuse_circle(asker: Cell, target: Cell, owed: Owed) -> None:
    """Tell an asker that runs again if it would wait for ever, because its receiver waits for it by now."""
    envelope = owed.envelope
    assert envelope is not None
    target, envelope = last(target, envelope)
    path = None if owed.reply.done() else circle(asker, target)
    if path is None:
        return
    error = AskCycleError(path)
    envelope.outcome = ({"error": {"class": "AskCycleError", "text": str(error)}}, None)
    if target.queue and envelope in target.queue:
        target.queue.remove(envelope)
        target.theater.withdrawn += 1
    owed.reply.set_exception(error)


def last(target: Cell, envelope: Envelope) -> tuple[Cell, Envelope]:
    """Who is to answer, and what: the last one of those that a message was forwarded by."""
    while envelope.onward is not None and (second := envelope.onward.second) is not None:
        target, envelope = envelope.onward.receiver or target, second
    return target, envelope


def fit(woken: Cell) -> None:
    """Hold the messages that waited for a sleeper to the handlers that it has.

    Raises:
        SetupError, TypeError: one does not fit.
    """
    fitting = []
    for envelope in (*(woken.queue or ()), *(one for _, one in woken.room or ())):
        plan = woken.plan.handlers.get(envelope.plan.name)
        if plan is None or plan.name in woken.plan.streams:
            why = "yields" if plan is not None else "is no handler of it"
            raise SetupError(f"a message waits for {envelope.plan.name!r}, which {why}")
        plain = envelope.plain_args(), envelope.plain_kwargs()
        fitting.append((envelope, plan, plain, plan.restore(*plain, woken.theater.recall)))
    for envelope, plan, plain, (args, kwargs) in fitting:
        envelope.plan, envelope.plain, envelope.args, envelope.kwargs = plan, plain, args, kwargs


def unknown(handler: str) -> HandlerPlan:
    """A handler of a sleeper whose class is not known here: it takes whatever can be recorded as it is."""
    anything = Shape.of(Any)
    parameters = [
        Parameter("args", inspect.Parameter.VAR_POSITIONAL, anything, is_required=False),
        Parameter("kwargs", inspect.Parameter.VAR_KEYWORD, anything, is_required=False),
    ]
    return HandlerPlan(handler, _nothing, label=handler, parameters=parameters, answer=anything)


def _nothing() -> None:
    """Nobody calls it: whoever wakes knows its own handlers."""
