"""Talks: what the two ends of a channel share, and who of the two waits.

A channel is one message too: it begins when the handler accepts it, and ends with that handler, with the
handler that opened it, or when either side closes it.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from theater import limits, retold, sending, settling
from theater.errors import ChannelClosedError, SetupError
from theater.loop import Future, running_loop
from theater.mailbox import Envelope, Triple
from theater.shape import Shape
from theater.untyped import MisfitError
from theater.waits import WaitingForStep, until

if TYPE_CHECKING:
    from theater.cell import Cell
    from theater.handler import HandlerPlan
    from theater.prompter import Prompter
    from theater.turn import Turn

AHEAD = 16
"""Values that may lie unread on each way."""

ANYTHING = Shape.of(Any)


class Opening(Envelope, eq=False, kw_only=True):
    """The message that opens a channel, if its handler accepts it."""

    outlives: ClassVar[bool] = False
    opens: ClassVar[bool] = True
    talk: Talk


class Talk:
    """A channel as a whole: its message, and its two ends."""

    __slots__ = ("accepted", "accepter", "envelope", "opener", "reply", "retold", "target", "was_accepted")

    def __init__(
        self, target: Cell, plan: HandlerPlan, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        arrived, named, plain_args, plain_kwargs = plan.carry(args, kwargs, target.world)
        self.target = target
        self.envelope = Opening(plan, arrived, named, (plain_args, plain_kwargs), talk=self)
        self.reply: Future[Any] = target.loop.create_future()  # done when the handler has ended
        self.reply.add_done_callback(self._ended)
        self.envelope.reply = self.reply
        self.accepted: Future[Triple | None] = target.loop.create_future()  # done by acceptance, or the end
        self.retold: Prompter | None = None  # it is of an earlier run, and its opener is told by this one
        self.was_accepted = False  # in the record, along which the handler that opened it runs again
        self.opener = End(self)
        self.accepter = End(self)

    @property
    def name(self) -> str:
        return f"the channel of {self.envelope.plan.label}()"

    def other(self, end: End) -> End:
        return self.accepter if end is self.opener else self.opener

    def failure_for(self, end: End) -> BaseException | None:
        """The error by which the handler that accepted has ended; only whoever opened is told."""
        if end is self.accepter or not self.reply.done() or self.reply.cancelled():
            return None
        return self.reply.exception()

    def _ended(self, reply: Future[Any]) -> None:
        if not reply.cancelled():
            reply.exception()  # nobody may be left to look at it
        if not self.accepted.done():
            self.accepted.set_result(None)
        self.opener.stir()


class Value(NamedTuple):
    """One value on its way."""

    value: Any
    plain: Any  # for the record
    origin: Triple | None  # where the sender's chain says so
    gate: Future[None] | None  # done when the world outside may have it


class End:
    """One side of a channel, with what came for it and is not read yet."""

    __slots__ = ("_waiters", "cell", "inbox", "is_closed", "is_dropped", "last", "seq", "talk", "turn", "why")

    def __init__(self, talk: Talk) -> None:
        self.talk = talk
        self.cell: Cell | None = None  # None for the world outside
        self.turn: Turn | None = None
        self.seq: int | None = None  # by which event its chain names the channel
        self.is_closed = False  # by this side
        self.is_dropped = False
        self.why: Exception | None = None  # it was closed, if not by this side's own will
        self.inbox: deque[Value] = deque()
        self._waiters: set[Future[None]] = set()  # who wait for something to change in the inbox
        self.last: Triple | None = None  # where the other side's chain says that it closed

    def take_up(self, turn: Turn | None, seq: int | None) -> None:
        """Somebody holds this end from now on."""
        self.turn = turn
        self.seq = seq
        if turn is None:
            self.talk.target.theater.held.add(self)
        else:
            self.cell = turn.cell
            turn.hold(self)

    @property
    def prompter(self) -> Prompter | None:
        """Who tells what came of this end in an earlier run, if that had it."""
        if self is self.talk.opener:
            return self.talk.retold
        return None if self.turn is None else self.turn.prompter

    # -- what its holder does ----------------------------------------------------------------------------

    async def send(self, value: Any) -> None:
        self.check()
        theater = self.talk.target.theater
        try:
            arrived, plain = ANYTHING.carry(value, theater.world)
        except MisfitError as misfit:
            raise TypeError(f"a value for {self.talk.name}: {misfit}") from None
        if self.prompter is not None and not self.is_closed:
            retold.send(self.prompter, self, plain)
            return
        other = self.talk.other(self)
        while not self.is_closed and not other.is_closed and len(other.inbox) >= AHEAD:
            await self._wait(other)
        if self.is_closed or other.is_closed:
            raise self.closed()
        if self.cell is not None:
            limits.check_value(self.cell, other.cell, plain)
        origin = self._record_sent("@channel", [plain])
        other.put(Value(arrived, plain, origin, other.gate()))

    async def receive(self) -> Any:
        self.check()
        if self.prompter is not None and not self.is_closed:
            return await retold.receive(self.prompter, self)
        while not self.is_closed:
            first = self.inbox[0] if self.inbox else None
            if first is not None and (first.gate is None or first.gate.done()):
                if first.gate is not None:
                    first.gate.result()
                return self._take()
            if first is None and self._is_at_end:
                raise self._end()
            await self._wait(self)
        raise self.closed()

    def _take(self) -> Any:
        taken = self.inbox.popleft()
        self.stir()
        self._record_received("@channel", [taken.plain], taken.origin)
        return taken.value

    @property
    def _is_at_end(self) -> bool:
        """Nothing more will come, and it is known why."""
        other = self.talk.other(self)
        if self is self.talk.opener and self.talk.reply.done():
            return True
        by_handler = self is self.talk.opener and other.why is not None  # then `reply` will tell how it ended
        return other.is_closed and not by_handler

    def _end(self) -> BaseException:
        """All is read: take note of the end, and say what it was."""
        self._record_received("@close", [], self.last)
        failure = self.talk.failure_for(self)
        if failure is not None and self.turn is not None:
            settling.record_answer(self.turn, self.talk.envelope)
        error = failure or self.closed()
        self.leave(error if isinstance(error, Exception) else None)
        return error

    def closed(self) -> Exception:
        if self.is_closed:
            return self.why or ChannelClosedError(f"{self.talk.name} is closed")
        error = ChannelClosedError(f"{self.talk.name} was closed by the other side")
        if self.turn is not None and self is self.talk.accepter:
            self.turn.gave_up = error  # a handler that ends by it was left alone, and has not failed
        return error

    def close(self) -> None:
        self.check()
        self.leave()

    def leave(self, why: Exception | None = None) -> None:
        """Send and receive no more; the other side reads what is on its way to it, and then the end."""
        if self.is_closed:
            return
        self.is_closed = True
        self.why = why
        self.inbox.clear()
        self.talk.target.theater.held.discard(self)
        if self.turn is not None:
            self.turn.let_go(self)
        other = self.talk.other(self)
        if self.prompter is not None:
            retold.leave(self.prompter, self)
        elif not other.is_closed:
            origin = None if self.talk.target.theater.is_cutting else self._record_sent("@close", [])
            other.last = origin
            other.stir()
        if self is self.talk.opener:
            self.talk.reply.cancel()  # nobody looks at it any more
        self.stir()

    # -- what comes from the other side ------------------------------------------------------------------

    def put(self, value: Value) -> None:
        self.inbox.append(value)
        self.stir()

    def gate(self) -> Future[None] | None:
        """The world outside has a value once it is durable."""
        theater = self.talk.target.theater
        if self.cell is not None or not theater.journal.durable:
            return None
        gate: Future[None] = theater.loop.create_future()
        gate.add_done_callback(self._opened)
        theater.journal.then(gate, None)
        return gate

    def _opened(self, gate: Future[None]) -> None:
        if not gate.cancelled():
            gate.exception()
        self.stir()

    def stir(self) -> None:
        """Something changed: whoever waits looks again."""
        for future in self._waiters:
            if not future.done():
                future.set_result(None)

    async def _wait(self, at: End) -> None:
        """Wait until something changes in this inbox: a value came, or one was read."""
        future: Future[None] = self.talk.target.loop.create_future()
        at._waiters.add(future)
        other = self.talk.other(self)
        try:
            if self.cell is None or self.turn is None or other.cell is None:
                await future
            else:
                await until(WaitingForStep(self.cell, other.cell, future, other), self.turn.asks)
        finally:
            at._waiters.discard(future)

    # -- the record --------------------------------------------------------------------------------------

    def _record_sent(self, handler: str, args: list[Any]) -> Triple | None:
        if self.turn is None or not self.turn.cell.theater.records_messages:
            return None
        self.turn.cell.record("message/sent", self.sent_body(handler, args))
        return self.turn.triple()

    def sent_body(self, handler: str, args: list[Any]) -> dict[str, Any]:
        """What the record says of something that goes to the other side."""
        talk, sender = self.talk, self.talk.envelope.sender
        other = talk.target if self is talk.opener else talk.opener.cell
        to = limits.OUTSIDE if other is None else other.id
        if other is None and sender is not None:
            to = sender[0]
        return {"to": to, "ask": False, "args": args, "channel": self.seq, "handler": handler}

    def _record_received(self, handler: str, args: list[Any], origin: Triple | None) -> None:
        if self.turn is None or not self.turn.cell.theater.records_messages:
            return
        body = {"ask": False, "args": args, "channel": self.seq, "handler": handler}
        self.turn.cell.record("message/received", body | {"from": None if origin is None else list(origin)})

    def check(self) -> None:
        """Let through who holds this end.

        Raises:
            SetupError: this is somebody else.
        """
        target = self.talk.target
        if running_loop() is not target.loop:
            target.theater.check_thread()
        if sending.sender(target) is not self.cell:
            raise SetupError(f"{self.talk.name} is used only by the two who opened and accepted it")
