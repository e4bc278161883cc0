"""Sleepers: what the record says of actors that are alive in it and run nowhere.

Closing is not an end. Everything an actor needs to go on is a fold over its chain: plain functions from
events to values.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from theater.event import Event
from theater.recorder import ROOT
from theater.turn import received_body

if TYPE_CHECKING:
    from theater.cell import Cell
    from theater.journal.protocol import Journal

Letter = dict[str, Any]
"""A message as its receiver's chain holds it: ask, args, from, handler, and kwargs if there are any."""


@dataclass(frozen=True, slots=True, eq=False)  # each is itself, and a key
class Sleeper:
    """An actor that is alive in the record: who it is and where its chain stands."""

    id: bytes
    name: str
    class_name: str  # "module:Qualname"
    supervisor: bytes  # id; the root's for actors of the program outside
    options: dict[str, Any]
    events: int
    head: bytes


@dataclass(slots=True)
class Past:
    """What an actor's chain adds up to."""

    state: dict[str, Any] | None = None  # None where the record does not hold it
    initial: dict[str, Any] | None = None  # as it was spawned
    letters: list[Letter] = field(default_factory=list)  # that lay in the mailbox at the last clean close
    stashed: dict[int, Letter] = field(default_factory=dict)  # set aside, by the seq of `message/received`
    timers: dict[int, Event] = field(default_factory=dict)  # pending, by the seq of `timer/set`
    fired: dict[int, int] = field(default_factory=dict)  # when each last fired, nanoseconds since 1970
    open: Event | None = None  # a message received and not yet handled
    sent: dict[int, tuple[bytes, Letter]] = field(default_factory=dict)  # to whom, by seq; not withdrawn
    received: set[tuple[bytes, int]] = field(default_factory=set)  # sender and seq of what came from actors


def read_sleepers(journal: Journal) -> dict[str, Sleeper]:
    """Those that are alive in the record, by name: each chain's first and last event tell."""
    sleepers = {}
    for actor, (events, head) in journal.tips().items():
        if actor == ROOT or not events:
            continue
        if Event.read(journal.event(actor, events - 1)).kind == "actor/stopped":
            continue
        born = Event.read(journal.event(actor, 0)).body
        sleepers[born["name"]] = Sleeper(
            id=actor,
            name=born["name"],
            class_name=born["class"],
            supervisor=born["supervisor"][0],
            options=born["options"],
            events=events,
            head=head,
        )
    return sleepers


def was_closed(journal: Journal) -> bool:
    """Whether the record ends with a clean close, so that every mailbox stands in its actor's snapshot."""
    events, _ = journal.tips().get(ROOT, (0, b""))
    return bool(events) and Event.read(journal.event(ROOT, events - 1)).kind == "theater/closed"


def fold(events: Iterable[Event]) -> Past:
    """Add up a chain, oldest first."""
    past = Past()
    for event in events:
        step = _STEPS.get(event.kind)
        if step is not None:
            step(past, event)
    return past


def _state(past: Past, event: Event) -> None:
    if "state" in event.body:
        past.state = event.body["state"]


def _spawned(past: Past, event: Event) -> None:
    _state(past, event)
    if not event.seq:  # later ones are the actor's children
        past.initial = past.state


def _snapshot(past: Past, event: Event) -> None:
    _state(past, event)
    past.letters = list(event.body.get("mailbox", ()))
    past.stashed.clear()  # they are among them


def _received(past: Past, event: Event) -> None:
    past.open = event
    _from(past, event)


def _handled(past: Past, event: Event) -> None:
    if past.open is not None and event.body.get("stashed"):
        past.stashed[past.open.seq] = dict(past.open.body)
    past.open = None
    _state(past, event)
    _from(past, event)


def _from(past: Past, event: Event) -> None:
    sender = event.body.get("from")
    if sender is not None:
        past.received.add((sender[0], sender[1]))
    for letter in past.letters:
        if _is_of(letter, event):
            past.letters.remove(letter)
            return
    for seq, letter in past.stashed.items():
        if _is_of(letter, event):
            del past.stashed[seq]
            return


def _is_of(letter: Letter, event: Event) -> bool:
    """Whether the event tells of this message, or of one that nobody could tell from it."""
    return all(letter.get(key) == event.body.get(key) for key in ("from", "handler", "args", "kwargs"))


def _sent(past: Past, event: Event) -> None:
    body = dict(event.body)
    to = body.pop("to")
    past.sent[event.seq] = (to, body | {"from": [event.actor, event.seq, event.hash]})


def _withdrawn(past: Past, event: Event) -> None:
    past.sent.pop(event.body["message"], None)
    past.stashed.pop(event.body["message"], None)


def _timer_set(past: Past, event: Event) -> None:
    past.timers[event.seq] = event


def _timer_fired(past: Past, event: Event) -> None:
    timer = past.timers.get(event.body["timer"])
    if timer is None:
        return
    letter = {key: timer.body[key] for key in ("args", "kwargs", "handler") if key in timer.body}
    past.sent[event.seq] = (
        event.actor,
        letter | {"ask": False, "from": [event.actor, event.seq, event.hash]},
    )
    if timer.body["every"]:
        past.fired[timer.seq] = event.time
    else:
        del past.timers[timer.seq]


def _timer_cancelled(past: Past, event: Event) -> None:
    past.timers.pop(event.body["timer"], None)


_STEPS = {
    "actor/spawned": _spawned,
    "actor/snapshot": _snapshot,
    "actor/resumed": _state,
    "actor/restarted": _state,
    "message/received": _received,
    "message/handled": _handled,
    "message/dead": _from,
    "message/sent": _sent,
    "message/withdrawn": _withdrawn,
    "timer/set": _timer_set,
    "timer/fired": _timer_fired,
    "timer/cancelled": _timer_cancelled,
}


def snapshot_body(cell: Cell) -> dict[str, Any] | None:
    """What the record must learn of an actor before its theater closes, or None if it knows all."""
    body: dict[str, Any] = {}
    if cell.stale and cell.keeper is not None:
        body["state"] = cell.keeper.plain()
    letters = [received_body(envelope) for envelope in _undelivered(cell)]
    if letters:
        body["mailbox"] = letters
    return body or None


def _undelivered(cell: Cell) -> list[Any]:
    """Messages in the mailbox, and the one at hand if the record does not know that it was begun."""
    at_hand = cell.current
    begun = at_hand is not None and (cell.turn is None or cell.turn.seq is None)
    queued = [*([at_hand] if begun else []), *(cell.queue or ())]
    return [envelope for envelope in queued if envelope.outlives]
