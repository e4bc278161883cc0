"""Timers: messages that an actor sends itself later. Set, fired and cancelled are events in its chain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from theater import notices
from theater.errors import SetupError
from theater.loop import TimerHandle

if TYPE_CHECKING:
    from theater.cell import Cell
    from theater.mailbox import Envelope
    from theater.prompter import Prompter

_BILLION = 1_000_000_000
_LEAST = 1e-9  # seconds: the record holds whole nanoseconds
_SOON = 0.01  # seconds until it is looked again whether a handler has come to the end of its record
_MOST = 9e9  # 285 years of nanoseconds fit 63 bits


class Timer:
    """One pending timer; `cancel()` is idempotent.

    A periodic timer has at most one message waiting in the mailbox: after a pause there is no burst.
    """

    __slots__ = ("_cell", "_envelope", "_every", "_handle", "_moment", "delay", "seq", "since")

    def __init__(self, cell: Cell, envelope: Envelope, *, delay: float, every: bool) -> None:
        self.delay = delay  # seconds
        self._cell = cell
        self._envelope = envelope
        self._every = every
        self._moment = 0.0  # on the loop's clock
        self._handle: TimerHandle | None = None
        self.seq = -1  # of `timer/set`
        self.since = 0  # when it was set, or last fired, as recorded: nanoseconds since 1970 UTC

    @property
    def is_pending(self) -> bool:
        return self._handle is not None

    def already_there(self) -> Timer | None:
        """The same timer, if this is `on_start` and it is set: else each restart would add another."""
        at_hand = self._cell.current
        if at_hand is None or at_hand.plan is not self._cell.plan.hooks.get("on_start"):
            return None
        there = (self._cell.timers or {}).values()
        return next((timer for timer in there if timer.told == self.told), None)

    @property
    def every(self) -> bool:
        """Whether it fires again and again."""
        return self._every

    @property
    def told(self) -> tuple[Any, ...]:
        """All that makes it what it is."""
        envelope = self._envelope
        return (envelope.plan, envelope.plain_args(), envelope.plain_kwargs(), self.delay, self._every)

    def set(self) -> None:
        """Record the timer and start it."""
        seq = self._cell.note("timer/set", self.told_body())
        self.go_on(seq, since=self._cell.theater.recorder.time, within=self.delay)

    def set_again(self, prompter: Prompter) -> Timer:
        """The timer that this handler set before, as the record has it: it is set, or is over by now."""
        self.seq = prompter.ask("timer/set", self.told_body()).seq
        timers = (self._cell.timers or {}).values()
        there = next((timer for timer in timers if timer.seq == self.seq), self)
        if there is self and not prompter.goes_live:
            self.stand(self.seq)
        elif there is self and prompter.cancels(self.seq):
            self._hang()
        return there

    def stand(self, seq: int) -> None:
        """Be pending, as the timer that stands in the record at `seq`; when it fires, the record says."""
        self.seq = seq
        self._cell.timers = {**(self._cell.timers or {}), id(self): self}
        self._hang()

    def _hang(self) -> None:
        """Look pending, as it was then."""
        self._handle = self._cell.loop.call_later(self.delay, _never)
        self._handle.cancel()

    def told_body(self) -> dict[str, Any]:
        """What the record says of it."""
        envelope = self._envelope
        delay = round(self.delay * _BILLION)
        body: dict[str, Any] = {"args": envelope.plain_args(), "delay": delay, "every": self._every}
        if envelope.kwargs:
            body["kwargs"] = envelope.plain_kwargs()
        return body | {"handler": envelope.plan.name}

    def go_on(self, seq: int, *, since: int, within: float) -> None:
        """Start the timer that stands in the record at `seq`; it fires first `within` seconds from now."""
        cell = self._cell
        self.seq = seq
        self.since = since
        if cell.timers is None:
            cell.timers = {}
        cell.timers[id(self)] = self
        self._moment = cell.loop.time() + within
        self._handle = cell.loop.call_at(self._moment, self._fire)

    def suspend(self) -> None:
        """Fire no more; the record still holds the timer."""
        if self._handle is not None:
            self._handle.cancel()

    def cancel(self) -> None:
        """Drop the timer; a message of it that waits in the mailbox is still handled."""
        if self._handle is not None:
            self._cell.asked()
            self._cell.note("timer/cancelled", {"timer": self.seq})
            self.drop()

    def drop(self) -> None:
        """Forget the timer; the record is not told."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        if self._cell.timers is not None:
            self._cell.timers.pop(id(self), None)

    def _fire(self) -> None:
        cell = self._cell
        if not cell.is_open or cell.theater.journal.failed is not None:
            self.drop()
            return
        if cell.id in cell.theater.recorder.prompters:  # its chain is not to grow while it follows it
            self._handle = cell.loop.call_later(_SOON, self._fire)
            return
        if not cell.holds(self._envelope):
            again = self._envelope.fresh(cell.theater.recall)
            seq = cell.note("timer/fired", {"timer": self.seq})
            if seq >= 0:
                again.sender = (cell.id, seq, cell.head or b"")
                self.since = cell.theater.recorder.time
            self._envelope = again
            notices.deliver(cell, again)
        if self._every:
            self._rearm()
        else:
            self.drop()

    def _rearm(self) -> None:
        now = self._cell.loop.time()
        missed = max(0, int((now - self._moment) / self.delay))
        self._moment += (missed + 1) * self.delay
        self._handle = self._cell.loop.call_at(self._moment, self._fire)


def set_timer(cell: Cell, seconds: float, handler: Any, args: Any, kwargs: Any, *, every: bool) -> Timer:
    """Set a timer for the handler at work; in `on_start`, one that is set already is that one.

    Raises:
        SetupError: not a time above 0.
        TypeError: no such handler, or wrong arguments.
    """
    delay = _checked(seconds)
    cell.theater.check_open(cell)
    envelope = notices.notice(cell, handler, args, kwargs)
    turn = cell.asked()
    timer = Timer(cell, envelope, delay=delay, every=every)
    there = timer.already_there()
    prompter = turn.prompter
    if prompter is not None and (there is None or prompter.expects("timer/set", timer.told_body())):
        return timer.set_again(prompter)
    if there is None:
        timer.set()
    return there or timer


def _never() -> None:
    """What a timer does that is cancelled in the record."""


def _checked(seconds: float) -> float:
    """Seconds from now, as a timer takes them.

    Raises:
        SetupError: not a number above 0, or not one that the record can hold.
    """
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds < float("inf"):
        raise SetupError(f"a timer needs a time in seconds above 0, not {seconds!r}")
    if not _LEAST <= seconds <= _MOST:
        raise SetupError(f"a timer takes {_LEAST} to {_MOST} seconds, not {seconds!r}")
    return float(seconds)
