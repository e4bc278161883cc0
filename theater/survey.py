"""A survey of a journal: what each chain must keep so that everybody can live on; pure.

Events are taken in one by one, in the order of the journal. Of each a byte and its size are noted, by chain.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

ROOT = bytes(16)
PLAIN, OF_STORE, GONE = range(3)
"""What is noted of an event: nothing, that a store is as it is by it, or that it is a stub already."""

_CHANGES = frozenset(
    f"store/{name}"
    for name in (
        "new", "store", "store_at_label", "replace_content_at_label", "put_stream", "put_file", "label",
        "replace_at_label", "remove_label", "remove_from_label", "grant",
    )
)  # fmt: skip

Place = tuple[bytes, int]
"""An event: its actor and its seq."""


class Recorded(Protocol):
    """As much of an event as a survey looks at."""

    @property
    def actor(self) -> bytes: ...
    @property
    def seq(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def body(self) -> dict[str, Any]: ...


@dataclass(slots=True)
class Life:
    """One actor's chain."""

    notes: bytearray = field(default_factory=bytearray)  # of each event, by seq
    sizes: array[int] = field(default_factory=lambda: array("Q"))  # what it takes, bytes
    has_ended: bool = False
    since: int = 0  # what is before this seq is not needed to live
    turn: int | None = None  # the seq of a message that is being handled
    has_stores: bool = False
    failure: int | None = None  # the seq of the last one
    owed: set[int] = field(default_factory=set)  # messages received whose answer was deferred, by seq

    def unneeded(self, held: set[int]) -> bytearray:
        """A byte for each event: 1 if the actor can live without it, and it is none of the `held`.

        Of an actor that has ended stay its first event and those that tell how it ended.
        """
        last = len(self.notes) - 1
        if self.has_ended:
            kept = held | {0, last, self.failure or last}
            return bytearray(note == PLAIN and seq not in kept for seq, note in enumerate(self.notes))
        kept = held | self.owed | {0}
        since = self.since if self.turn is None else min(self.since, self.turn)
        return bytearray(
            note != GONE and seq < since and seq not in kept for seq, note in enumerate(self.notes)
        )


class Survey:
    """All chains, and which messages between them still matter."""

    def __init__(self) -> None:
        self.lives: dict[bytes, Life] = {}
        self.undelivered: dict[Place, bytes] = {}  # a message sent, and to whom
        self.unanswered: set[Place] = set()  # a message that asks

    def add(self, event: Recorded, size: int) -> None:
        """Take in the next event, which takes `size` bytes."""
        life = self.lives.setdefault(event.actor, Life())
        is_change = event.kind in _CHANGES and "error" not in event.body
        life.notes.append(OF_STORE if is_change else PLAIN)
        life.has_stores |= is_change or "stores" in event.body
        life.sizes.append(size)
        step = _STEPS.get(event.kind)
        if step is not None:
            step(self, life, event)

    def remove(self, actor: bytes) -> None:
        """Take in the stub of this actor's next event."""
        life = self.lives.setdefault(actor, Life())
        life.notes.append(GONE)
        life.sizes.append(0)

    def held(self) -> dict[bytes, set[int]]:
        """Messages on their way to somebody who lives, or of which the answer is not known: seqs by actor."""
        held: dict[bytes, set[int]] = {}
        for (actor, seq), to in self.undelivered.items():
            if self.is_alive(to):
                held.setdefault(actor, set()).add(seq)
        for actor, seq in self.unanswered:
            if self.is_alive(actor):
                held.setdefault(actor, set()).add(seq)
        return held

    def is_cut_off(self) -> bool:
        """Whether somebody who lives is within a message, and may ask again what it asked before."""
        return any(life.turn is not None and not life.has_ended for life in self.lives.values())

    def is_alive(self, actor: bytes) -> bool:
        life = self.lives.get(actor)
        return life is not None and not life.has_ended

    def matters(self, receiver: bytes, sent: Place) -> bool:
        """Whether it must stay known that this message was received: else it would be received again."""
        return self.is_alive(receiver) or (sent in self.unanswered and self.is_alive(sent[0]))


def _sent(survey: Survey, _: Life, event: Recorded) -> None:
    if event.body["handler"].startswith("@"):  # a request to the runtime, or on a channel
        return
    survey.undelivered[event.actor, event.seq] = event.body["to"]
    if event.body["ask"]:
        survey.unanswered.add((event.actor, event.seq))


def _fired(survey: Survey, _: Life, event: Recorded) -> None:
    survey.undelivered[event.actor, event.seq] = event.actor


def _received(survey: Survey, life: Life, event: Recorded) -> None:
    if event.body["handler"].startswith("@"):  # read from a channel, within a turn
        return
    life.turn = event.seq
    _arrived(survey, life, event)


def _handled(survey: Survey, life: Life, event: Recorded) -> None:
    life.turn = None
    if event.body.get("deferred"):
        life.owed.add(event.body["message"])
    _arrived(survey, life, event)


def _arrived(survey: Survey, _: Life, event: Recorded) -> None:
    sent = sent_place(event)
    if sent is not None:
        survey.undelivered.pop(sent, None)


def _answered(survey: Survey, life: Life, event: Recorded) -> None:
    if "item" in event.body or "accepted" in event.body:  # one of many, or the first of them
        return
    life.owed.discard(event.body.get("reply", -1))
    survey.unanswered.discard((event.actor, event.body.get("message", -1)))


def _withdrawn(survey: Survey, _: Life, event: Recorded) -> None:
    place = event.actor, event.body["message"]
    survey.undelivered.pop(place, None)
    survey.unanswered.discard(place)


def _snapshot(_: Survey, life: Life, event: Recorded) -> None:
    if is_full(event):
        life.since = event.seq if life.turn is None else life.turn


def _failed(_: Survey, life: Life, event: Recorded) -> None:
    life.failure = event.seq


def _stopped(_: Survey, life: Life, event: Recorded) -> None:
    del event
    life.has_ended = True


_STEPS: dict[str, Callable[[Survey, Life, Recorded], None]] = {
    "actor/failed": _failed,
    "actor/snapshot": _snapshot,
    "actor/stopped": _stopped,
    "message/answered": _answered,
    "message/dead": _arrived,
    "message/handled": _handled,
    "message/received": _received,
    "message/sent": _sent,
    "message/withdrawn": _withdrawn,
    "timer/fired": _fired,
}


def is_full(event: Recorded) -> bool:
    """Whether nothing before this snapshot but the first event is needed to live."""
    return event.body.get("full") is True


def sent_place(event: Recorded) -> Place | None:
    """The event that an event names as the message it tells of; None for one from the world outside."""
    named = event.body.get("from") if event.kind != "actor/migrated" else None
    return None if named is None else (named[0], named[1])


def earlier_place(event: Recorded) -> Place | None:
    """The event of its own chain without which an event says nothing: the message that it is about."""
    about = event.body.get("message", event.body.get("reply"))
    return None if about is None else (event.actor, about)
