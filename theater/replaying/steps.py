"""Steps: a chain cut into what is replayed at one go: a message with all that it left, or an event alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from theater.event import Event

_CUTS = frozenset({"actor/failed", "actor/restarted", "actor/stopped"})
"""What does not happen while a handler is at work: one that seems to be was cut off before."""


@dataclass(frozen=True, slots=True)
class Played:
    """One message, or hook, as the record tells of it."""

    received: Event | None  # only where the handler asked something of its context
    inside: tuple[Event, ...]  # what it asked and was told, and what else came in between; oldest first
    handled: Event | None  # None: it was cut off with its process, or its theater

    @property
    def first(self) -> Event:
        """The event that says what was to be handled."""
        event = self.received or self.handled
        assert event is not None
        return event

    @property
    def last(self) -> Event:
        """The newest event that it left."""
        return self.handled or (self.inside[-1] if self.inside else self.first)


def steps(events: Iterable[Event]) -> Iterator[Played | Event]:
    """All steps of a chain, oldest first; `events` may begin and end anywhere."""
    received: Event | None = None
    inside: list[Event] = []
    for event in events:
        if received is None:
            if _is_received(event):
                received = event
            else:
                yield Played(None, (), event) if event.kind == "message/handled" else event
        elif event.kind == "message/handled" and event.body.get("message") == received.seq:
            yield Played(received, tuple(inside), event)
            received, inside = None, []
        elif _is_received(event) or event.kind == "message/handled" or event.kind in _CUTS:
            yield Played(received, tuple(inside), None)
            received, inside = (event, []) if _is_received(event) else (None, [])
            if received is None:
                yield Played(None, (), event) if event.kind == "message/handled" else event
        else:
            inside.append(event)
    if received is not None:
        yield Played(received, tuple(inside), None)


def _is_received(event: Event) -> bool:
    """Values that come over a channel are received by the handler at work: they begin nothing."""
    return event.kind == "message/received" and "channel" not in event.body
