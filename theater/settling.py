"""Settling: what the record says of a message that was handled, and how its answer goes back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import UNSET, Raw, Struct, UnsetType, field

from theater.codec import prepare
from theater.loop import Future
from theater.mailbox import Envelope
from theater.plain import TOO_LARGE, write
from theater.recorder import HANDLED, SHORT
from theater.state import SMALL, Changed
from theater.turn import received_body

if TYPE_CHECKING:
    from theater.cell import Cell
    from theater.mailbox import Triple
    from theater.stage import Stage
    from theater.turn import Turn

AS_THEY_ARE = frozenset({type(None), bool, int, str, bytes})  # NaN has many forms, one of them canonical

_MOST = SHORT - 96  # bytes of a body whose event is short


class Told(Struct, gc=False):
    """A `message/handled` whose handler asked nothing, in canonical order.

    A struct is written in 0.1 µs less than the dict.
    """

    ask: bool
    args: tuple[Any, ...]
    sender: Triple | None = field(name="from")
    state: dict[str, Any] | Struct | UnsetType
    answer: Any
    handler: str


class Ended(Struct, gc=False):
    """The same for a message that is recorded as received."""

    state: dict[str, Any] | Struct | UnsetType
    answer: Any
    message: int


def packed(body: Told | Ended) -> Raw | None:
    """The same, packed while nothing in it can change; None if its event may be long."""
    try:
        data = write(body)
    except TOO_LARGE:
        return None
    return Raw(data) if len(data) <= _MOST else None


def settle(cell: Cell, envelope: Envelope, plain: Any, changed: Changed) -> None:
    """A message or hook has succeeded: end what it opened, and record it."""
    turn, reply, theater = cell.turn, envelope.reply, cell.theater
    recorder = theater.recorder
    body: Told | Ended | None = None
    if (
        changed is True
        or not theater.records_messages
        or recorder.journal.inlet is None
        or recorder.prompters
        or (reply is not None and (type(plain) not in AS_THEY_ARE or envelope.sender is not None))
    ):
        pass  # what follows is not for all
    elif turn is None:
        if envelope.plain is None and (cell.extras is None or not cell.extras.put_back):
            name = envelope.plan.name
            body = Told(reply is not None, envelope.args, envelope.sender, changed or UNSET, plain, name)
    elif not (turn.held or turn.tasks or turn.stops or turn.prompter or turn.seq is None or envelope.onward):
        body = Ended(changed or UNSET, plain, turn.seq)
    if body is None:
        _settle_at_length(cell, envelope, plain, changed)
        return
    recorder.append_prepared(cell, HANDLED, body)
    if changed:
        cell.stale = False
    cell.turn = None


def _settle_at_length(cell: Cell, envelope: Envelope, plain: Any, changed: Changed) -> None:
    if cell.turn is not None:
        cell.turn.close()
        if envelope.onward is not None:
            envelope.onward.settle()
    if changed:
        cell.stale = True
    if cell.theater.records_messages:
        record_handled(cell, envelope, plain, changed)
    elif changed:
        cell.due -= 1  # as an event would
    cell.turn = None


def record_handled(cell: Cell, envelope: Envelope, answer: Any, changed: Changed) -> None:
    turn, sender = cell.turn, envelope.sender
    if turn is None or turn.seq is None:
        # the hot path writes the body in canonical order: keys by length, then by byte
        asks = envelope.reply is not None
        args: Any = [*envelope.args] if envelope.plain is None else prepare(envelope.plain[0])
        body: dict[str, Any] = {"ask": asks, "args": args, "from": None if sender is None else [*sender]}
        if cell.extras is not None and (again := cell.extras.put_back.get(envelope)) is not None:
            body["again"] = again
        if changed:
            body["state"] = _ready_state(cell)
        if asks:
            body["answer"] = answer if type(answer) in AS_THEY_ARE else prepare(answer)
        if envelope.kwargs:
            body["kwargs"] = prepare(envelope.plain_kwargs())
        body["handler"] = envelope.plan.name
        seq = cell.theater.recorder.append_prepared(cell, "message/handled", body)
    else:
        seq = _record_end(cell, turn, envelope, answer, changed=changed)
    if sender is not None and envelope.reply is not None:
        envelope.outcome = ({"answer": answer}, (cell.id, seq, cell.head or b""))


def _record_end(cell: Cell, turn: Turn, envelope: Envelope, answer: Any, *, changed: Changed) -> int:
    """How a message ended that was recorded as received."""
    body: dict[str, Any] = {"state": _ready_state(cell)} if changed else {}
    if turn.stops:
        body["stops"] = True
    if envelope.reply is not None:
        body["answer"] = answer if type(answer) in AS_THEY_ARE else prepare(answer)
    body["message"] = turn.seq
    if envelope.reply is None and envelope.onward is not None:
        body[envelope.onward.mark] = True
    return cell.theater.recorder.append_prepared(cell, "message/handled", body)


def small_state(cell: Cell) -> dict[str, Any] | None:
    """The state for the record if it is small; `stale` says whether the record then lacks it."""
    assert cell.keeper is not None
    state = cell.keeper.small(SMALL)
    cell.stale = state is None
    return state


def _ready_state(cell: Cell) -> object:
    """The same, ready to be packed."""
    assert cell.keeper is not None
    state = cell.keeper.written(SMALL)
    cell.stale = state is None
    return state


def conclude(cell: Cell, envelope: Envelope, outcome: dict[str, Any]) -> None:
    """Record how a message ended that did not end by simply returning."""
    turn = cell.turn
    if turn is not None:
        turn.close()
    if envelope.onward is not None:
        envelope.onward.take_back()
    if "failed" in outcome and cell.is_message(envelope):
        cell.theater.failed += 1
    if cell.theater.records_messages:
        begun = turn is not None and turn.seq is not None
        back = None if cell.extras is None else cell.extras.put_back.get(envelope)
        body = {"message": turn.seq} if turn is not None and begun else received_body(envelope, back)
        marks = {} if envelope.onward is None else {envelope.onward.mark: True}
        if turn is not None and turn.stops:
            marks["stops"] = True
        seq = cell.record("message/handled", body | outcome | marks)
        if envelope.sender is not None and envelope.reply is not None:
            envelope.outcome = (outcome, (cell.id, seq, cell.head or b""))
    cell.turn = None
    cell.current = None


def give_answer(cell: Cell, envelope: Envelope, reply: Future[Any], answer: Any) -> None:
    """Give the asker its answer; the world outside has it once it is durable."""
    if envelope.turn is None and cell.theater.journal.durable:
        cell.theater.journal.then(reply, answer)
    else:
        reply.set_result(answer)


def give_error(cell: Cell, envelope: Envelope, error: BaseException) -> None:
    if envelope.reply is not None and not envelope.reply.done():
        send_error(cell, envelope, envelope.reply, error)


def send_error(cell: Cell, envelope: Envelope, reply: Future[Any], error: BaseException) -> None:
    if envelope.turn is None and cell.theater.journal.durable:
        _raise_once_committed(cell.theater, reply, error)
    else:
        reply.set_exception(error)


def _raise_once_committed(theater: Stage, reply: Future[Any], error: BaseException) -> None:
    """Give `reply` this error once all that is recorded now is committed."""
    gate: Future[None] = theater.loop.create_future()

    def opened(gate: Future[None]) -> None:
        failed = gate.exception()
        if not reply.done():
            reply.set_exception(failed or error)

    gate.add_done_callback(opened)
    theater.journal.then(gate, None)


def record_answer(turn: Turn, envelope: Envelope) -> None:
    """What an actor that asked was told."""
    ended = outcome_of(envelope)
    if ended is None or envelope.sender is None or not turn.cell.theater.records_messages:
        return
    outcome, triple = ended
    told = {key: outcome[key] for key in ("answer", "error", "failed") if key in outcome}
    place = {"from": None if triple is None else list(triple), "message": envelope.sender[1]}
    turn.cell.record("message/answered", told | place)


def outcome_of(envelope: Envelope) -> tuple[dict[str, Any], Triple | None] | None:
    """How a message ended, and which event says so; if it was forwarded, how the last one did."""
    while envelope.onward is not None and (second := envelope.onward.second) is not None:
        envelope = second
    return envelope.outcome
