"""Sleepers: what the record says of actors that are alive in it and run nowhere.

Closing is not an end. Everything an actor needs to go on is a fold over its chain (`past`), from its newest
full snapshot on, which is looked for from the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from theater.event import Event
from theater.journal.heading import kind_of
from theater.past import is_full
from theater.recorder import ROOT

if TYPE_CHECKING:
    from theater.journal.protocol import Journal

SNAPSHOT = b"actor/snapshot"


class Events(Protocol):
    """Whatever the bytes of events are read from: a journal that is open, or a folder that is looked at."""

    def event(self, actor: bytes, seq: int) -> bytes:
        """The bytes of an event."""
        ...


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


def read_sleepers(journal: Journal) -> dict[str, Sleeper]:
    """Those that are alive in the record, by name: each chain's first event tells."""
    sleepers = {}
    tips = journal.tips()
    for actor in journal.living():
        if actor == ROOT:
            continue
        events, head = tips[actor]
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
    return _close(journal) is not None


def _close(journal: Journal) -> Event | None:
    """The close with which the record ends, compacting apart; None if it ends otherwise."""
    events, _ = journal.tips().get(ROOT, (0, b""))
    for seq in reversed(range(events)):
        event = Event.read(journal.event(ROOT, seq))
        if event.kind != "theater/removed":
            return event if event.kind == "theater/closed" else None
    return None


def since_snapshot(journal: Events, actor: bytes, events: int) -> Iterator[Event]:
    """What a past is folded from: a chain's first event, its newest full snapshot, and all after that."""
    first = newest_snapshot(journal, actor, events)
    if first:
        yield Event.read(journal.event(actor, 0))
    for seq in range(first, events):
        yield Event.read(journal.event(actor, seq))


def newest_snapshot(journal: Events, actor: bytes, events: int) -> int:
    """The seq of the newest full snapshot among the first `events` events of a chain; 0 if there is none."""
    for seq in range(events - 1, 0, -1):
        data = journal.event(actor, seq)
        if kind_of(data) == SNAPSHOT and is_full(Event.read(data)):
            return seq
    return 0
