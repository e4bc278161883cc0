"""Sleepers: what the record says of actors that are alive in it and run nowhere.

Closing is not an end. Everything an actor needs to go on is a fold over its chain: plain functions from
events to values.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from theater.codec import ActorAddress
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
    failed: bool = False  # and not started again since
    links: dict[bytes, None] = field(default_factory=dict)  # ids of those it is bound to
    children: dict[bytes, None] = field(default_factory=dict)  # ids of those whose end it was not told of
    spawned: set[str] = field(default_factory=set)  # paths of all children of its present life
    source: bytes | None = None  # the digest of its class as it was spawned

    def watches(self) -> list[tuple[bytes, Letter]]:
        """Whom it watches, and of whose end it was not told, in the order of asking."""
        return [(to, letter) for to, letter in self.sent.values() if letter["handler"] == "@watch"]

    def has_letter(self, handler: str, about: bytes) -> bool:
        """Say whether news of an actor's end lies in the mailbox."""
        return any(_is_news(letter, handler, about) for letter in self.letters)


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


def is_settled(journal: Journal) -> bool:
    """Whether, besides, no message waits in a sender's chain for an actor that was not awake then."""
    events, _ = journal.tips().get(ROOT, (0, b""))
    last = Event.read(journal.event(ROOT, events - 1)) if events else None
    return last is not None and last.kind == "theater/closed" and "waiting" not in last.body


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
    if not event.seq:
        past.initial = past.state
        past.source = event.body.get("source")
    else:  # a child
        past.children[event.body["child"]] = None
        past.spawned.add(event.body["name"])


def _failed(past: Past, event: Event) -> None:
    past.failed = event.body["handler"] != "on_stop"


def _restarted(past: Past, event: Event) -> None:
    _state(past, event)
    past.failed = False
    past.spawned.clear()


def _snapshot(past: Past, event: Event) -> None:
    _state(past, event)
    past.letters = list(event.body.get("mailbox", ()))
    past.stashed.clear()  # they are among them


def _received(past: Past, event: Event) -> None:
    if event.body["handler"].startswith("@"):  # on a channel, by the handler at work
        return
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
    elif "handler" in event.body:
        _told(past, event.body)
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
    if body["handler"].startswith("@"):
        _bound(past, to, body["handler"])
    past.sent[event.seq] = (to, body | {"from": [event.actor, event.seq, event.hash]})


def _bound(past: Past, to: bytes, request: str) -> None:
    """Links and watches come and go by requests to the runtime."""
    if request in {"@link", "@linked"}:
        past.links[to] = None
    elif request in {"@unlink", "@unlinked"}:
        past.links.pop(to, None)
    elif request == "@unwatch":
        for seq, (watched, letter) in tuple(past.sent.items()):
            if watched == to and letter["handler"] == "@watch":
                del past.sent[seq]


def _told(past: Past, body: Letter) -> None:
    """News of an end has arrived: of a child, or of one that was watched."""
    about = body["args"][0] if body["args"] else None
    if not isinstance(about, ActorAddress):
        return
    if body["handler"] == "on_child_stopped":
        past.children.pop(about.id, None)
    for seq, (watched, letter) in past.sent.items():
        if (
            watched == about.id
            and letter["handler"] == "@watch"
            and _is_news(body, letter["args"][0], watched)
        ):
            del past.sent[seq]
            return


def _is_news(letter: Letter, handler: str, about: bytes) -> bool:
    return bool(
        letter["from"] is None
        and letter["handler"] == handler
        and letter["args"][:1] == [ActorAddress(about)]
    )


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
    "actor/failed": _failed,
    "actor/restarted": _restarted,
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
    """Messages in the mailbox, and the one at hand if the record does not know that it was begun.

    Hooks are no messages: what they would have told is told anew to whoever wakes.
    """
    at_hand = cell.current
    is_unknown = at_hand is not None and (cell.turn is None or cell.turn.seq is None)
    kept = [at_hand] if at_hand is not None and is_unknown and cell.is_message(at_hand) else []
    queued = [*kept, *(cell.queue or ())]
    return [envelope for envelope in queued if envelope.outlives]
