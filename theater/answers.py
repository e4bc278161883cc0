"""Answers: what the receiver's chain says of an ask whose asker was cut off before it heard."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from theater.event import Event
from theater.redelivery import event_of

if TYPE_CHECKING:
    from theater.leftovers import Leftovers
    from theater.mailbox import Triple
    from theater.stage import Stage

Asked = tuple[bytes, int]
"""Where an asker's chain says what it sent: its id and the seq of the `message/sent`."""


def pending(actor: bytes, script: list[Event]) -> Iterator[Event]:
    """What a handler had sent and heard nothing of, by the events of its message, oldest first."""
    heard = {event.body["message"] for event in script if "message" in event.body}
    for event in script:
        body = event.body
        is_ask = event.kind == "message/sent" and body["ask"] and not body["handler"].startswith("@")
        if is_ask and event.actor == actor and event.seq not in heard:
            yield event


def look_up(stage: Stage, sent: Event) -> None:
    """Note down how the ask that stands in this event ended, or where it is now, if somebody forwarded it."""
    leftovers, place = stage.leftovers, (sent.actor, sent.seq)
    known = leftovers.owed.get(place)
    if known is not None and (known.envelope is not None or known.outcome is not None):
        return  # it lies in a mailbox, or is owed
    found = _outcome(stage, sent)
    if isinstance(found, Event):
        look_up(stage, found)
        leftovers.owed[place] = _of(stage, leftovers, found)
    elif found is not None:
        _of(stage, leftovers, sent).outcome = found


def _of(stage: Stage, leftovers: Leftovers, sent: Event) -> Any:
    return leftovers.of(sent.actor, sent.seq, stage.loop)


def is_awaited(stage: Stage, asked: Asked) -> bool:
    """Say whether whoever asked was still waiting, directly or by having its question forwarded."""
    while True:
        sent = event_of(stage, *asked)
        if "forwards" not in sent.body:
            return _is_open(stage, asked)
        place = event_of(stage, asked[0], sent.body["forwards"]).body["from"]
        if place is None:
            return False
        asked = (place[0], place[1])


def _is_open(stage: Stage, asked: Asked) -> bool:
    """Say whether the handler that sent this was at work when the record ended, and had not heard of it."""
    actor, seq = asked
    events, _ = stage.journal.tips().get(actor, (0, b""))
    behind = (Event.read(stage.journal.event(actor, number)) for number in range(seq + 1, events))
    return not any(
        event.kind in {"message/handled", "actor/stopped"} or event.body.get("message") == seq
        for event in behind
    )


def _outcome(stage: Stage, sent: Event) -> tuple[dict[str, Any], Triple] | Event | None:
    """How the message ended; or the event by which its receiver sent it on; None if neither is there yet."""
    asked, received = (sent.actor, sent.seq), set[int]()
    onward: Event | None = None
    for event in _since(stage, sent):
        body = event.body
        is_it = _is_from(body, asked)
        if event.kind == "message/received" and is_it:
            received.add(event.seq)
        elif event.kind == "message/sent" and body.get("forwards") in received:
            onward = event
        elif event.kind == "message/dead" and is_it:
            error = {"class": "NotRunningError" if "why" not in body else "MailboxFullError"}
            return {"error": error | {"text": "its receiver has ended, or had no room"}}, _triple(event)
        elif event.kind == "message/handled" and (is_it or body.get("message") in received):
            if body.get("forwarded"):
                return onward
            if not (body.get("stashed") or body.get("deferred")):
                return _told(body), _triple(event)
        elif event.kind == "message/answered" and body.get("reply") in received and _ends(body):
            return _told(body), _triple(event)
    return None


def _since(stage: Stage, sent: Event) -> Iterator[Event]:
    """The receiver's events since the message was sent, oldest first."""
    actor: bytes = sent.body["to"]
    events, _ = stage.journal.tips().get(actor, (0, b""))
    first = events
    while first and Event.read(stage.journal.event(actor, first - 1)).time >= sent.time:
        first -= 1
    for seq in range(first, events):
        yield event_of(stage, actor, seq)


def _is_from(body: Mapping[str, Any], asked: Asked) -> bool:
    place = body.get("from")
    return place is not None and (place[0], place[1]) == asked


def _ends(body: Mapping[str, Any]) -> bool:
    return "item" not in body and "accepted" not in body


def _told(body: Mapping[str, Any]) -> dict[str, Any]:
    return {key: body[key] for key in ("answer", "error", "failed", "abandoned", "cancelled") if key in body}


def _triple(event: Event) -> Triple:
    return (event.actor, event.seq, event.hash)
