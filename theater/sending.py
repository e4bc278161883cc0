"""Sending: how a message gets its place in a mailbox, how its answer comes back, what is recorded of both.

The world outside leaves no event of its own. An actor that sends records `message/sent` when its message gets
its place, and the outcome when it has it.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, NoReturn

from theater import cancelling, leftovers, letters, limits, prompted, settling
from theater.errors import AskCycleError, MailboxFullError, NotAllowedError, NotRunningError, TheaterError
from theater.loop import CURRENT, Cancelled, Future
from theater.mailbox import Envelope, Overflow
from theater.turn import message, ready, sent_body
from theater.waits import Waiting, circle

if TYPE_CHECKING:
    from theater.cell import Cell
    from theater.handler import HandlerPlan
    from theater.prompter import Prompter
    from theater.turn import Turn


def sender(target: Cell) -> Cell | None:
    """The actor at work here, or None for the world outside (another theater is outside too)."""
    cell = CURRENT.get(None)
    return cell if cell is not None and cell.theater is target.theater else None


def plan_for(target: Cell, handler: Any) -> HandlerPlan:
    """The plan of a handler named by text, or by a function of a base class or protocol.

    Raises:
        TypeError: this actor has no such handler.
        NotRunningError: it does not run here, and nobody knows its handlers.
    """
    name = handler if type(handler) is str else getattr(handler, "__name__", None)
    if not target.handlers and target.state in {"gone", "ended"}:
        if target.has_ended or name is None:
            raise NotRunningError(leftovers.why_not(target))
        return leftovers.unknown(name)
    plan = target.handlers.get(name) if name is not None else None
    if plan is None:
        stream = target.plan.streams.get(name or "")
        raise TypeError(stream.hint if stream else f"{target.class_name} has no handler {name or handler!r}")
    return plan


def check_way(target: Cell, envelope: Envelope) -> None:
    """Say why nothing can be sent now; what actors themselves send is refused later, on record."""
    theater = target.theater
    theater.check_thread()
    theater.check_journal()
    is_outside = theater.current_cell() is None
    text = leftovers.why_not(target)
    if theater.is_cutting or (theater.is_closed and is_outside):
        text = "the theater is closed"
    elif not is_outside:
        return
    theater.sent += 1
    theater.returned += 1
    raise NotRunningError(text, message=message(target, envelope))


def tell(target: Cell, envelope: Envelope) -> Awaitable[None]:
    """Give the message its place, waiting for room."""
    asker = sender(target)
    return place(target, envelope) if asker is None else tell_from(asker, target, envelope)


async def tell_from(asker: Cell, target: Cell, envelope: Envelope) -> None:
    """The same for the handler of an actor."""
    turn = sent_by(asker, target, envelope)
    if turn.prompter is not None:
        await prompted.tell(turn.prompter, turn, target, envelope)
        return
    if _settles(turn, target, envelope):
        return
    path = circle(asker, target)
    if path is not None:
        text = f"the mailbox of {target.name} is full, and waiting for room would close a circle: "
        error = MailboxFullError(text + " → ".join(path), message=message(target, envelope))
        refuse(turn, target, envelope, error)
    future = target.loop.create_future()
    with Waiting(asker, target, future):
        await _room(target, envelope, future)


def tell_nowait(target: Cell, envelope: Envelope) -> None:
    """Give the message its place now.

    Raises:
        MailboxFullError: there is no room; the message is in it.
    """
    asker = sender(target)
    turn = None if asker is None else sent_by(asker, target, envelope)
    if turn is not None and turn.prompter is not None:
        prompted.tell_nowait(turn.prompter, turn, target, envelope)
    elif not _settles(turn, target, envelope):
        refuse(turn, target, envelope, _full(target, envelope))


def _settles(turn: Turn | None, target: Cell, envelope: Envelope) -> bool:
    """Give the message its place, or do with it what a full mailbox does; False: it is to wait for room."""
    if target.queue is None or target.has_room(envelope):  # mostly nobody waits, and that is quick to see
        target.put(envelope)
        return True
    policy = target.options.overflow
    if policy is Overflow.WAIT:
        return False
    if policy is Overflow.FAIL:
        refuse(turn, target, envelope, _full(target, envelope))
    oldest = target.take_oldest(envelope) if policy is Overflow.DROP_OLDEST else None
    if oldest is not None:
        letters.die(target, oldest, _full(target, oldest), why=str(policy))
        target.put(envelope)
    else:
        if turn is not None:
            record_sent(turn, target, envelope)
        letters.die(target, envelope, _full(target, envelope), why=str(policy))
    return True


def _full(target: Cell, envelope: Envelope) -> MailboxFullError:
    return MailboxFullError(f"the mailbox of {target.name} is full", message=message(target, envelope))


async def ask(target: Cell, envelope: Envelope, reply: Future[Any]) -> Any:
    """Send the message and wait for its answer."""
    asker = sender(target)
    if asker is not None:
        return await _ask_within(asker, target, envelope)
    await place(target, envelope)
    try:
        return await reply  # not `envelope.reply`: the handler may have deferred it
    except Cancelled:
        withdraw(target, envelope)
        raise


async def _ask_within(asker: Cell, target: Cell, envelope: Envelope) -> Any:
    turn = sent_by(asker, target, envelope)
    if turn.prompter is not None:
        return await _ask_again(turn.prompter, turn, target, envelope)
    path = circle(asker, target)
    if path is not None:
        refuse(turn, target, envelope, AskCycleError(path, message=message(target, envelope)))
    reply = envelope.reply
    assert reply is not None
    with Waiting(asker, target, reply):
        await place(target, envelope)
        return await answer(turn, target, envelope, reply)


async def _ask_again(prompter: Prompter, turn: Turn, target: Cell, envelope: Envelope) -> Any:
    """The answer from the record; or from whoever is yet to answer what was sent in an earlier run."""
    answered, owed = await prompted.ask(prompter, turn, target, envelope)
    if owed is None:
        return answered
    if envelope.onward is None:
        envelope = owed.envelope or envelope
    with Waiting(turn.cell, leftovers.last(target, envelope)[0], owed.reply):
        return await answer(turn, target, envelope, owed.reply)


async def answer(turn: Turn, target: Cell, envelope: Envelope, reply: Future[Any]) -> Any:
    """Wait for the answer of a message that has its place."""
    turn.asks.add(reply)
    try:
        told = await reply
    except Cancelled:
        if not turn.cell.is_cut:  # then whoever asked has not given up: it will run again
            take_back(turn, target, envelope)
        raise
    except Exception as error:
        if error is turn.gave_up:
            take_back(turn, target, envelope)
        else:
            settling.record_answer(turn, envelope)
        raise
    finally:
        turn.asks.discard(reply)
    settling.record_answer(turn, envelope)
    return told


def take_back(turn: Turn | None, target: Cell, envelope: Envelope) -> None:
    withdraw(target, envelope)
    if turn is not None and turn.cell.theater.records_messages and envelope.sender is not None:
        turn.withdraw(envelope.sender[1])


async def place(target: Cell, envelope: Envelope) -> None:
    if not _settles(envelope.turn, target, envelope):
        await _room(target, envelope, target.loop.create_future())


async def _room(target: Cell, envelope: Envelope, future: Future[None]) -> None:
    """Wait for a place; `future` is done when the message has it."""
    target.line_up(future, envelope)
    target.theater.waiting += 1
    turn, is_ask = envelope.turn, envelope.reply is not None  # both may be others once it has its place
    is_forward = envelope.onward is not None
    asks = turn.asks if turn is not None and is_ask else set()
    asks.add(future)
    try:
        await future
    except NotRunningError as error:
        target.theater.waiting -= 1
        target.theater.returned += 1
        record_refusal(turn, target, envelope, type(error).__name__, str(error))
        raise
    except (Cancelled, TimeoutError) as error:  # TimeoutError: the asker of this handler gave up
        if target.theater.is_cutting or (turn is not None and turn.cell.is_cut):
            raise
        if not _has_come(future):
            target.leave_line(future, envelope)
            target.theater.waiting -= 1
            target.theater.withdrawn += 1
            record_refusal(turn, target, envelope, type(error).__name__, "gave up waiting for room")
        elif not is_forward and (is_ask or target.holds(envelope)):  # else it was handed on
            take_back(turn, target, envelope)
        raise
    finally:
        asks.discard(future)


def _has_come(future: Future[None]) -> bool:
    """Whether the message has the place that it waited for, though its sender waits no longer."""
    return future.done() and not future.cancelled() and future.exception() is None


def sent_by(asker: Cell, target: Cell, envelope: Envelope) -> Turn:
    target.theater.sent -= asker.current is None  # then it is not: no handler is at work, which `asked` says
    turn = asker.asked()
    envelope.turn = turn
    if turn.prompter is not None:
        return turn
    if not target.is_open and not leftovers.waits_for(target, envelope):
        text = leftovers.why_not(target)
        refuse(turn, target, envelope, NotRunningError(text, message=message(target, envelope)))
    if asker.options.grants is not None and (why := limits.message_refusal(asker)):
        refuse(turn, target, envelope, NotAllowedError(why, message=message(target, envelope)))
    return turn


def withdraw(target: Cell, envelope: Envelope) -> None:
    """The asker gave up: take the message back, or let what its handler waits for give up in turn."""
    while envelope.onward is not None:  # a loop: a message may have been forwarded a thousand times
        further = envelope.onward.withdraw()
        if further is None:
            return
        target, envelope = further
    if envelope.reply is not None:
        envelope.reply.cancel()  # nobody looks at it any more
    if target.current is envelope:
        if envelope.plan.cancellable:
            cancelling.cancel(target.turn_at_hand())
        elif target.turn is not None:
            target.turn.give_up()
    elif target.queue and envelope in target.queue:
        target.queue.remove(envelope)
        target.theater.withdrawn += 1
        let_in(target)


def let_in(target: Cell) -> None:
    """Give free places to those who wait for room, in their order."""
    while place := target.next_in_line():
        future, envelope = place
        if not future.done():
            target.theater.waiting -= 1
            target.put(envelope)
            future.set_result(None)


def refuse(turn: Turn | None, target: Cell, envelope: Envelope, error: TheaterError) -> NoReturn:
    target.theater.returned += 1
    record_refusal(turn, target, envelope, type(error).__name__, str(error))
    raise error


def record_refusal(turn: Turn | None, target: Cell, envelope: Envelope, error: str, text: str) -> None:
    if turn is not None and turn.cell.theater.records_messages:
        body = sent_body(target, envelope) | {"error": {"class": error, "text": text}}
        turn.cell.record("message/refused", body)


def record_sent(turn: Turn, target: Cell, envelope: Envelope) -> None:
    """Called by the mailbox when the message gets its place."""
    if turn.cell.theater.records_messages:
        body = sent_body(target, envelope)
        if envelope.plain is not None:
            ready(body, envelope)
        turn.cell.theater.recorder.append_prepared(turn.cell, "message/sent", body)
        envelope.sender = turn.triple()
    if envelope.onward is not None:
        envelope.onward.place()
