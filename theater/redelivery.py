"""Redelivery: what lay in a mailbox when the theater ended lies there again, and an ask is still an ask."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any

from theater import sending
from theater.errors import SetupError
from theater.event import Event
from theater.loop import look_at
from theater.mailbox import Envelope
from theater.past import Letter, Past
from theater.sleepers import Sleeper, since_snapshot

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from theater.cell import Cell
    from theater.mailbox import Triple
    from theater.stage import Stage


def events_of(stage: Stage, sleeper: Sleeper) -> Iterator[Event]:
    """What a chain says when its actor wakes: its first event, and all from its newest full snapshot on."""
    for event in since_snapshot(stage.journal, sleeper.id, sleeper.events):
        event.body.update(stage.recorder.full(event.body))
        yield event


def event_of(stage: Stage, actor: bytes, seq: int) -> Event:
    """One event, with all that is large."""
    event = Event.read(stage.journal.event(actor, seq))
    event.body.update(stage.recorder.full(event.body))
    return event


def sent_to(stage: Stage, pasts: Mapping[bytes, Past]) -> dict[bytes, list[Letter]]:
    """What is to lie in the mailbox of each who wakes: what lay there, and what was sent.

    Of what actors sent, that which was never received, and not withdrawn: of that the record has a list.
    """
    return {to: list(_waiting(stage, to, past)) for to, past in pasts.items()}


def _waiting(stage: Stage, to: bytes, past: Past) -> Iterator[Letter]:
    aside = {_key(letter) for letter in past.stashed.values()}
    left = dict.fromkeys(key for key in stage.leftovers.undelivered.get(to, ()) if key not in aside)
    for letter in past.letters:
        key = _key(letter)
        if key is None:
            yield letter
        elif key in left:
            del left[key]
            yield letter
    for sender, seq in left:
        own = past.sent.get(seq) if sender == to else None
        yield _sent(stage, sender, seq) if own is None else own[1]


def _key(letter: Letter) -> tuple[bytes, int] | None:
    """Who sent a message, and with which event; None for the world outside."""
    sender = letter["from"]
    return None if sender is None else (sender[0], sender[1])


def _sent(stage: Stage, sender: bytes, seq: int) -> Letter:
    """A message as its sender's chain holds it."""
    event = Event.read(stage.journal.event(sender, seq))
    told = stage.recorder.full(event.body)
    if event.kind == "timer/fired":
        timer = Event.read(stage.journal.event(sender, told["timer"]))
        told = stage.recorder.full(timer.body) | {"ask": False}
    letter = {key: told[key] for key in ("ask", "args", "handler", "kwargs", "opens") if key in told}
    return letter | {"from": [sender, seq, event.hash]}


def mail(cell: Cell, letters: list[Letter]) -> list[Envelope]:
    """These messages as they are to lie in its mailbox.

    Raises:
        SetupError, TypeError: one no longer fits.
    """
    envelopes = [envelope_of(cell, letter) for letter in letters if not _is_left(cell, letter)]
    if not cell.theater.was_closed:
        _take_the_first_durably(envelopes)
    return envelopes


def _is_left(cell: Cell, letter: Letter) -> bool:
    """Whoever sent it is no more, or reads and talks no more: it counts as withdrawn."""
    if letter["handler"] in cell.plan.streams or letter.get("opens") is True:
        return True
    sender = letter["from"]
    owed = None if sender is None else cell.theater.leftovers.owed.get((sender[0], sender[1]))
    return owed is not None and owed.is_withdrawn


def envelope_of(cell: Cell, letter: Letter) -> Envelope:
    """A recorded message, as it is handled; the answer of an ask reaches an asker that runs again.

    Raises:
        SetupError, TypeError: it does not fit this actor.
    """
    plan = cell.plan.handlers.get(letter["handler"])
    if plan is None:
        raise SetupError(f"{cell.class_name} has no handler {letter['handler']!r}, for which a message waits")
    plain = (letter["args"], letter.get("kwargs", {}))
    args, kwargs = plan.restore(*plain, cell.theater.recall)
    sender = letter["from"]
    if not letter["ask"] or sender is None:
        reply = cell.loop.create_future() if letter["ask"] else None
        if reply is not None:
            reply.add_done_callback(look_at)  # nobody waits for it any longer
        return Envelope(plan, args, kwargs, plain, reply=reply, sender=_triple(sender))
    owed = cell.theater.leftovers.of(sender[0], sender[1], cell.loop)
    envelope = owed.envelope  # of one who runs again, and waits already
    if envelope is None:
        envelope = owed.envelope = Envelope(plan, args, kwargs, plain, reply=owed.reply)
    owed.target, envelope.sender = cell, _triple(sender)
    envelope.plan, envelope.args, envelope.kwargs, envelope.plain = plan, args, kwargs, plain
    return envelope


def _triple(place: list[Any] | None) -> Triple | None:
    return None if place is None else (place[0], place[1], place[2])


def take_over(cell: Cell, envelopes: Iterable[Envelope]) -> None:
    """Give places to messages that were sent before; then to those that wait for room."""
    for envelope in envelopes:
        envelope.turn, turn = None, envelope.turn  # it is on record as sent
        cell.put(envelope)
        envelope.turn = turn
    sending.let_in(cell)


def _take_the_first_durably(envelopes: list[Envelope]) -> None:
    """Of each sender the first in each lane may have ended the process: it is to be on record as begun."""
    firsts: dict[tuple[bytes | None, bool], Envelope] = {}
    for envelope in envelopes:
        sender = None if envelope.sender is None else envelope.sender[0]
        firsts.setdefault((sender, envelope.plan.priority), envelope)
    for envelope in firsts.values():
        _take_durably(envelope)


def _take_durably(envelope: Envelope) -> None:
    """Have it recorded as received, and that committed, before its handler begins."""
    plan = envelope.plan
    again = copy(plan)

    async def call(actor: Any, /, *args: Any, **kwargs: Any) -> Any:
        envelope.plan = plan
        cell: Cell = actor._cell  # noqa: SLF001  # its own cell
        cell.asked()
        if cell.theater.journal.durable:
            await cell.theater.committed()
        return await plan.call(actor, *args, **kwargs)

    again.call = call
    envelope.plan = again
