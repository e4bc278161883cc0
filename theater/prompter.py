"""The prompter: leads a handler that runs again along its script, until it stands where the record ends.

While it leads, nothing is recorded and nothing done: each request is matched with the recorded one, and its
outcome told when its place in the chain has come. Behind the last recorded event the handler goes on live,
or, where nothing may happen (a replay), every further request is a difference.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from theater.codec import BODY_DEPTH, prepare
from theater.loop import Cancelled, Future
from theater.script import Difference, Script, about, is_asked, is_outcome

if TYPE_CHECKING:
    from theater.event import Event
    from theater.turn import Turn


class Prompter:
    """One handler's way along its script; `turn.prompter` while it leads."""

    __slots__ = (
        "_aside", "_begins", "_differs", "_fleeting", "_later", "_live", "_missed", "_passed", "_places",
        "_script", "_turn", "_waiters", "difference", "last",
    )  # fmt: skip

    def __init__(
        self,
        turn: Turn,
        script: Script,
        *,
        live: Callable[[], None] | None,
        differs: Callable[[Difference], None],
        aside: Callable[[Event], None],
    ) -> None:
        """Lead this turn's handler.

        Args:
            turn: of the message at hand, with the seq, hash and time of its recorded `message/received`.
            script: what followed it.
            live: called once, when all of it was passed; what the handler asks from then on is done and
                recorded. None: it never is, and whatever it asks besides is a difference.
            differs: called once, with the first difference; then the handler is to be cut off.
            aside: called with what befell the actor meanwhile, in its place: that a process ended
                (`message/retried`), that nobody waits for a deferred answer any more (`message/answered`).
        """
        self._turn = turn
        self._script = script
        self._live = live
        self._differs = differs
        self._aside = aside
        self._later: list[Callable[[], None]] = []  # what sends requests when it goes live
        self._missed: tuple[str, Any] | None = None  # the first of them: the difference, if it never does
        self._passed: dict[int, Callable[[Event], None]] = {}  # who is told when a request is passed
        self._begins = -1  # the seq of the newest `message/retried` that was passed
        self._places: dict[int, Future[None]] = {}  # requests that wait for their place, by seq
        self._waiters: dict[int, Future[Event | None]] = {}  # who waits for the next outcome, by request
        self._fleeting: set[int] = set()  # requests of which nothing comes once their process has ended
        self.difference: Difference | None = None
        self.last: Event | None = None  # the newest request that was matched
        turn.prompter = self
        turn.cell.theater.recorder.prompters[turn.cell.id] = self

    @property
    def goes_live(self) -> bool:
        """Whether the handler goes on behind its record; in a replay it does not."""
        return self._live is not None

    @property
    def is_over(self) -> bool:
        """Whether it leads no more."""
        return self._turn.prompter is not self

    def begin(self) -> None:
        """Look at the script once: an empty one is at its end."""
        self._go_on()

    def append(self, kind: str, body: Any) -> int:
        """In place of recording: match a request that waits for nothing (prepared), and return its seq."""
        if kind == "message/handled":
            self.ended()
        if kind == "log":
            self._script.logs -= 1
            return -1
        return self._request([(kind, body)]).seq

    def leads(self, kind: str, body: Any) -> bool:
        """Say whether an event like this would be the handler's, and not one by others."""
        return is_asked(kind, body)

    def ask(self, kind: str, body: Any, passed: Callable[[Event], None] | None = None) -> Event:
        """Match a request; returns the recorded event, perhaps a `message/refused` for a `message/sent`.

        What it changed is `passed` on as soon as all before it was asked and told.

        Raises:
            Cancelled: the record holds no such request; the difference was told.
        """
        return self._request([(kind, prepare(body, depth=BODY_DEPTH))], passed)

    def either(self, *requests: tuple[str, Any]) -> Event:
        """The same for a request that may have been recorded in several ways; the first is told of."""
        return self._request([(kind, prepare(body, depth=BODY_DEPTH)) for kind, body in requests])

    def _request(
        self, requests: list[tuple[str, Any]], passed: Callable[[Event], None] | None = None
    ) -> Event:
        if self.difference is None:
            event = self._script.take(*requests)
            if event is not None:
                self.last = event
                if passed is not None:
                    self._passed[event.seq] = passed
                self._go_on()
                return event
            self.differ(self._script.differs(*requests[0]))
        raise Cancelled

    def postpone(self, kind: str, body: Any, send: Callable[[], None]) -> bool:
        """Take a request that the record lacks while tasks of the handler may follow it, to send it behind.

        Stores record a request when they take it up, so another task's may stand there that was made later.
        """
        asked = (kind, prepare(body, depth=BODY_DEPTH))
        is_far = self._live is not None and self._script.current is not None and bool(self._turn.tasks)
        if not is_far or self._script.find(asked) is not None:
            return False
        self._missed = self._missed or asked
        self._later.append(send)
        return True

    def stands(self) -> None:
        """It does not go on: what was not in the record is a difference after all."""
        if self._missed is not None and self.difference is None and not self.is_over:
            self.differ(self._script.differs(*self._missed))

    async def place(self, event: Event) -> None:
        """Wait until all that stands before this request in the chain was asked and told."""
        future: Future[None] = self._turn.cell.loop.create_future()
        if self._script.current is not None and self._script.current.seq <= event.seq:
            self._places[event.seq] = future
            await future
        elif self.is_over:  # it was the last
            self._tell_live([(future, None)])
            await future

    def outcome(self, request: int, *, is_ask: bool = False, outlives: bool = True) -> Future[Event | None]:
        """The next recorded outcome of this request (its seq); None if the record ends before.

        One that is an ask ends by a `TimeoutError` where the record says that the asker gave up. Of one that
        does not outlive its process nothing comes behind the end of that.
        """
        future: Future[Event | None] = self._turn.cell.loop.create_future()
        if is_ask:
            self._turn.asks.add(future)
            future.add_done_callback(self._turn.asks.discard)
        if self.is_over:  # it went live meanwhile
            self._tell_live([(future, None)])
        else:
            self._waiters[request] = future
            if not outlives:
                self._fleeting.add(request)
            self._go_on()
        return future

    def has_passed_end_of(self, request: int) -> bool:
        """Say whether the process in which this was asked has ended by now."""
        return self.is_over or request < self._begins

    def expects(self, kind: str, body: Any) -> bool:
        """Say whether the record holds such a request (plain) that is not matched yet."""
        return self._script.find((kind, prepare(body, depth=BODY_DEPTH))) is not None

    def answers(self, reply: int) -> bool:
        """Say whether the record holds the answer to the message that was received at this seq."""
        return self._script.has("message/answered", "reply", reply)

    def has_failed(self, request: int) -> bool:
        """Say whether the record is still to tell by which error this message ended."""
        return self._script.has("message/answered", "message", request)

    def cancels(self, timer: int) -> bool:
        """Say whether the handler cancels this timer (the seq of `timer/set`) later on."""
        return self._script.has("timer/cancelled", "timer", timer)

    def rest(self) -> list[Event]:
        """What was recorded and neither asked nor told yet."""
        return self._script.rest()

    def ended(self) -> None:
        """The handler has ended: if more was recorded, that is a difference."""
        if self.difference is None and self._script.current is not None:
            self.differ(self._script.differs())
        if self.difference is not None:
            raise Cancelled
        self.leave()

    def differ(self, difference: Difference) -> None:
        self.difference = difference
        self._differs(difference)

    def leave(self) -> None:
        """Lead no more."""
        self._turn.prompter = None
        self._turn.cell.theater.recorder.prompters.pop(self._turn.cell.id, None)

    def _go_on(self) -> None:
        """Pass what was asked, and tell what is waited for, in the order of the chain."""
        told: list[tuple[Future[Any], Event | None]] = []
        while (event := self._script.current) is not None:
            if is_outcome(event):
                waiter = self._waiters.pop(about(event), None)
                if waiter is None:
                    break
                told.append((waiter, event))
            elif self._script.is_taken(event):
                self._passed.pop(event.seq, _nothing)(event)
                if event.seq in self._places:
                    told.append((self._places.pop(event.seq), None))
            else:
                if self._turn.gave_up is None and event.body.get("abandoned"):
                    self._turn.give_up()
                break
            self._script.step()
        told += self._pass_asides()
        if self._script.current is None and self._live is not None and self._turn.prompter is self:
            self._end(self._live, told)
        for future, outcome in told:
            if outcome is None:
                _tell(future, None)
            else:  # in a turn of the loop of its own: who asks just now would go on before who asked earlier
                self._turn.cell.loop.call_soon(_tell, future, outcome)

    def _pass_asides(self) -> list[tuple[Future[Any], None]]:
        """Tell what befell the actor; returns who waits for what ended with an earlier process."""
        for event in self._script.asides():
            if event.kind == "message/retried":
                self._begins = event.seq
            self._aside(event)
        overdue = [one for one in self._waiters if one in self._fleeting and one < self._begins]
        return [(self._waiters.pop(one), None) for one in overdue]

    def _end(self, live: Callable[[], None], told: list[tuple[Future[Any], Event | None]]) -> None:
        """Go on live: that it does is durable before the handler hears what it still waits for.

        Else one that ends the process each time would do so for ever.
        """
        self.leave()
        self._turn.spoken = self._script.logs
        live()
        for send in self._later:
            send()
        told += [(waiter, None) for waiter in self._waiters.values()]
        self._waiters = {}
        self._tell_live(told)
        told.clear()

    def _tell_live(self, told: list[tuple[Future[Any], Event | None]]) -> None:
        journal = self._turn.cell.theater.journal
        for future, outcome in told:
            if journal.durable and not future.done():
                journal.then(future, outcome)
            else:
                _tell(future, outcome)


def _nothing(_: Event) -> None:
    """Most requests change nothing here."""


def _tell(waiter: Future[Event | None], event: Event | None) -> None:
    if not waiter.done():
        waiter.set_result(event)
