"""What a handler asks while it runs again along its record: matched there, answered from there, never done.

Each function stands for one that does the thing (in `sending`, `life`, `spawning`, `effects`); where the
record ends before the outcome, it goes on as that one would.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from theater import leftovers, settling
from theater.codec import ActorAddress
from theater.errors import DeliveryError, EffectFailedError, NotAllowedError
from theater.failed import failure
from theater.failure import recorded_error
from theater.loop import Cancelled, Future
from theater.turn import message, sent_body

if TYPE_CHECKING:
    from theater.cell import Cell
    from theater.event import Event
    from theater.handler import HandlerPlan
    from theater.leftovers import Owed
    from theater.mailbox import Envelope, Triple
    from theater.onward import Onward
    from theater.prompter import Prompter
    from theater.ref import ActorRef
    from theater.turn import Turn


def prompter_of(cell: Cell) -> Prompter | None:
    """Who leads the handler at work of this actor, if it runs again."""
    return None if cell.turn is None else cell.turn.prompter


async def tell(prompter: Prompter, turn: Turn, target: Cell, envelope: Envelope) -> None:
    event = send(prompter, turn, target, envelope)
    await prompter.place(event)
    if event.kind == "message/refused":
        await _refused(turn, target, envelope, event.body["error"])
    onward = envelope.onward
    if onward is not None:
        onward.place()
        if prompter.goes_live and envelope.reply is not None:
            _hand_over(turn, target, envelope, event.seq, onward)


def _hand_over(turn: Turn, target: Cell, envelope: Envelope, seq: int, onward: Onward) -> None:
    """A message was forwarded in an earlier run: whoever has it answers for the one at hand."""
    owed = turn.cell.theater.leftovers.of(turn.cell.id, seq, turn.cell.loop)
    reply = envelope.reply
    assert reply is not None
    if owed.outcome is not None:
        envelope.outcome = owed.outcome
        try:
            reply.set_result(answer_of(target, envelope, _told_by(owed.outcome)))
        except Exception as error:  # noqa: BLE001  # it is for whoever asked
            reply.set_exception(error)
    elif owed.envelope is None:  # its receiver sleeps
        owed.envelope = envelope
    else:
        onward.replace(owed.envelope)
        owed.reply.add_done_callback(partial(_pass_on, reply))


def _pass_on(reply: Future[Any], done: Future[Any]) -> None:
    if reply.done():
        return
    if done.cancelled():
        reply.cancel()
    elif (error := done.exception()) is not None:
        reply.set_exception(error)
    else:
        reply.set_result(done.result())


def tell_nowait(prompter: Prompter, turn: Turn, target: Cell, envelope: Envelope) -> None:
    event = send(prompter, turn, target, envelope)
    if event.kind == "message/refused":
        raise told_error(target, envelope, event.body["error"])


def send(prompter: Prompter, turn: Turn, target: Cell, envelope: Envelope) -> Event:
    """Match a message with the recorded one, sent or refused."""
    envelope.turn = turn
    turn.cell.theater.sent -= 1  # it was counted when it was sent
    event = prompter.ask("message/sent", sent_body(target, envelope))
    envelope.sender = (turn.cell.id, event.seq, event.hash)
    return event


async def ask(prompter: Prompter, turn: Turn, target: Cell, envelope: Envelope) -> tuple[Any, Owed | None]:
    """The recorded answer; or the ask of an earlier run, where its answer is yet to come."""
    event = send(prompter, turn, target, envelope)
    if event.kind == "message/refused":
        await prompter.place(event)
        await _refused(turn, target, envelope, event.body["error"])
    outcome = prompter.outcome(event.seq, is_ask=True)
    try:
        told = await outcome
    except (Cancelled, TimeoutError):
        if prompter.difference is None:
            turn.withdraw(event.seq)
        raise
    if told is not None:
        return answer_of(target, envelope, told.body), None
    owed = turn.cell.theater.leftovers.of(turn.cell.id, event.seq, turn.cell.loop)
    if owed.outcome is not None:  # it reached whoever answered it, and no longer this one
        envelope.outcome = owed.outcome
        settling.record_answer(turn, envelope)
        return answer_of(target, envelope, _told_by(owed.outcome)), None
    if owed.place != (turn.cell.id, event.seq):
        envelope.onward = leftovers.Forwarded(turn.cell.theater, owed, envelope)
    if owed.envelope is None:  # its receiver sleeps
        owed.envelope = envelope
        envelope.reply = owed.reply
    else:
        owed.envelope.turn = turn
    leftovers.refuse_circle(turn.cell, target, owed)
    return None, owed


def answer_of(target: Cell, envelope: Envelope, told: dict[str, Any]) -> Any:
    """The recorded answer as the handler gets it, or its error raised."""
    error = error_of(target, envelope, told)
    if error is not None:
        raise error
    return envelope.plan.restore_answer(told.get("answer"), target.theater.recall)


def _told_by(outcome: tuple[dict[str, Any], Triple | None]) -> dict[str, Any]:
    """An outcome that only its own event tells of, as the asker's chain would: it names that event."""
    told, triple = outcome
    return told | {"from": None if triple is None else [*triple]}


def error_of(target: Cell, envelope: Envelope, told: dict[str, Any]) -> BaseException | None:
    """The error by which a message ended; None if it has an answer."""
    if "error" not in told:
        return None
    return (
        failure(target, envelope, told) if "failed" in told else told_error(target, envelope, told["error"])
    )


def told_error(target: Cell, envelope: Envelope, told: dict[str, Any]) -> BaseException:
    """The error that stands in the record and is none of a failure, as whoever asked gets it."""
    if is_declared(envelope.plan, told):
        return envelope.plan.restore_error(told, target.theater.recall)
    error = recorded_error(told)
    if isinstance(error, (DeliveryError, NotAllowedError)):
        error.message = message(target, envelope)
    return error


def is_declared(plan: HandlerPlan, told: dict[str, Any]) -> bool:
    """Say whether the handler, or the effect, declares this error."""
    return "base" in told or any(kind.__name__ == told["class"] for kind in plan.raises)


async def _refused(turn: Turn, target: Cell, envelope: Envelope, told: dict[str, Any]) -> NoReturn:
    if told["class"] == "TimeoutError":  # its asker gave up while it waited for room
        raise turn.abandon("the asker gave up")
    if told["class"] == "CancelledError":  # a time limit of the handler's own, which will come again
        await turn.cell.loop.create_future()
    raise told_error(target, envelope, told)


# -- actors --------------------------------------------------------------------------------------------------


async def end(prompter: Prompter, body: dict[str, Any]) -> int | None:
    """A request to stop or kill: None if the other had ended, else the seq of the recorded request."""
    event = prompter.ask("message/sent", body)
    if event.kind == "message/refused":
        raise recorded_error(event.body["error"])
    told = await prompter.outcome(event.seq)
    if told is not None and "error" in told.body:
        raise recorded_error(told.body["error"])
    return event.seq if told is None else None


def find(prompter: Prompter, cell: Cell, body: dict[str, Any]) -> ActorRef[Any]:
    event = prompter.ask("message/sent", body)
    if event.kind == "message/refused":
        raise recorded_error(event.body["error"])
    return cell.theater.recall(ActorAddress(event.body["to"]))


async def spawn(
    prompter: Prompter, parent: Cell, question: dict[str, Any], refusal: dict[str, Any], *, waits: bool
) -> tuple[Any, int | None]:
    """The ref of the child; and the seq of the recorded intent, if its start is yet to be waited for."""
    event = prompter.either(("actor/spawned", question), ("message/refused", refusal))
    if event.kind == "message/refused":
        raise recorded_error(event.body["error"])
    ref = parent.theater.recall(ActorAddress(event.body["child"]))
    if not waits:
        await prompter.place(event)
        return ref, None
    told = await prompter.outcome(event.seq)
    if told is not None and "error" in told.body:
        raise recorded_error(told.body["error"])
    return ref, event.seq if told is None else None


# -- effects -------------------------------------------------------------------------------------------------


async def effect(prompter: Prompter, body: dict[str, Any]) -> tuple[int, Event | None]:
    """The seq of the recorded `effect/begun`, and its `effect/ended`; None: nobody knows whether it ran."""
    event = prompter.ask("effect/begun", body)
    return event.seq, await prompter.outcome(event.seq)


def outcome_of_effect(cell: Cell, plan: HandlerPlan, ended: Event) -> Any:
    """The recorded answer as the handler gets it, or its error raised."""
    told = ended.body.get("error")
    if told is None:
        return plan.restore_answer(ended.body["answer"], cell.theater.recall)
    if is_declared(plan, told):
        raise plan.restore_error(told, cell.theater.recall)
    if told["class"] == "EffectInDoubtError":
        raise recorded_error(told)
    raise EffectFailedError(told["class"], told["text"])
