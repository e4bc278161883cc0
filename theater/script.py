"""A script: what one handler asked and was told, as the record has it, for when it runs again; pure.

A request is matched by its kind, target and arguments with the first recorded one that is not matched yet, so
tasks inside a handler may ask in another order. Outcomes are told in the order of the chain: one that stands
behind a request is not told before that request was made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from theater.codec import BODY_DEPTH, decode, pack, prepare
from theater.event import Event

Birth = Callable[[bytes], Mapping[str, Any] | None]
"""The body of an actor's first event, by its id; None where it is not in the record."""

_BY_OTHERS = frozenset(
    {
        "actor/failed",
        "actor/migrated",
        "actor/restarted",
        "actor/resumed",
        "actor/snapshot",
        "actor/stopped",
        "message/dead",
        "message/retried",
        "timer/fired",
    }
)
_FROM_OTHERS = frozenset({"@linked", "@unlinked"})
_NOT_ASKED = {"store/new": frozenset({"store"}), "store/put_file": frozenset({"ref", "size"})}
_ANSWERS = frozenset({"error", "found", "owner"})  # what a request's own event holds besides the question


@dataclass(frozen=True, slots=True)
class Difference:
    """Where code asks for something else than the record says."""

    seq: int  # of the event that was expected, or the first behind the script
    expected: str  # "kind {question}"; empty if nothing more was recorded
    found: str  # the same; empty if the handler ended, or waits for ever
    wanted: Mapping[str, Any] | None = None  # the question that was expected, if of the kind that was found
    asked: Mapping[str, Any] | None = None  # the question that was found


class Script:
    """The events of one handled message, oldest first, and how far a handler has come along them."""

    __slots__ = ("_asides", "_at", "_births", "_events", "_is_lenient", "_questions", "_taken", "end", "logs")

    def __init__(self, events: Sequence[Event], births: Birth, *, is_lenient: bool = False) -> None:
        """Take the events behind `message/received`, bodies whole; what others recorded there is left out.

        A lenient script takes a child for the same whose first event is gone, by its class and name.
        """
        self.end = events[-1].seq + 1 if events else 0  # the first seq behind it
        self.logs = sum(event.kind == "log" for event in events)  # lines that need not be written again
        self._asides = [event for event in events if _is_aside(event)]
        self._events = [event for event in events if _is_of_turn(event, events[0].seq)]
        self._questions: dict[int, bytes] = {}
        self._births = births
        self._is_lenient = is_lenient
        self._taken: set[int] = set()
        self._at = 0

    @property
    def current(self) -> Event | None:
        """The event that comes next; None if all were passed."""
        return self._events[self._at] if self._at < len(self._events) else None

    def asides(self) -> Iterator[Event]:
        """What befell the actor, as far as all before it was passed; each is told once."""
        while self._asides and (self.current is None or self._asides[0].seq < self.current.seq):
            yield self._asides.pop(0)

    def rest(self) -> list[Event]:
        """What was neither asked nor told yet."""
        return [event for event in self._events[self._at :] if event.seq not in self._taken]

    def is_taken(self, event: Event) -> bool:
        return event.seq in self._taken

    def step(self) -> None:
        """Go on behind the event that comes next."""
        self._at += 1

    def take(self, *requests: tuple[str, Any]) -> Event | None:
        """Match a request, or one of several, with the first event like it; None if there is none.

        Each is a kind and a body that is prepared, ready to be packed.
        """
        event = self.find(*requests)
        if event is not None:
            self._taken.add(event.seq)
        return event

    def find(self, *requests: tuple[str, Any]) -> Event | None:
        """The event that `take` would match."""
        asked = [_packed(kind, body) for kind, body in requests]
        if self._is_lenient:
            asked += [_packed(kind, _named(body)) for kind, body in requests if kind == "actor/spawned"]
        for event in self._events[self._at :]:
            if event.seq not in self._taken and not is_outcome(event) and self._question(event) in asked:
                return event
        return None

    def has(self, kind: str, key: str, value: object) -> bool:
        """Say whether an event to come is of this kind and says this."""
        return any(one.kind == kind and one.body.get(key) == value for one in self._events[self._at :])

    def differs(self, kind: str = "", body: Any = None) -> Difference:
        """The difference where this request (prepared) matches nothing, or the handler ended too early."""
        missing = next((one for one in self._events[self._at :] if one.seq not in self._taken), None)
        asked = decode(pack(_asked(kind, body)), depth=BODY_DEPTH) if kind else None
        found = f"{kind} {_shown(asked)}" if kind else ""
        if missing is None:
            return Difference(self.end, "", found, asked=asked)
        told = missing.body if is_outcome(missing) else self._asked(missing)
        wanted = told if missing.kind == kind else None
        return Difference(missing.seq, f"{missing.kind} {_shown(told)}", found, wanted, asked)

    def _question(self, event: Event) -> bytes:
        question = self._questions.get(event.seq)
        if question is None:
            asked = prepare(self._asked(event), depth=BODY_DEPTH)
            question = self._questions[event.seq] = _packed(event.kind, asked)
        return question

    def _asked(self, event: Event) -> dict[str, Any]:
        if event.kind != "actor/spawned":
            return _asked(event.kind, event.body)
        born = self._births(event.body["child"])
        named = is_given(event.body["name"], event.body["child"])
        name = event.body["name"] if named else None
        if born is None:
            return {"class": event.body["class"], "name": name}
        return spawn_question(event.body["class"], name, born.get("options"), born.get("state"))


def spawn_question(class_name: str, name: str | None, options: Any, state: Any) -> dict[str, Any]:
    """What a spawn asks for; `name` is the path, or None where it was made from the id."""
    return {"class": class_name, "name": name, "options": options, "state": state}


def _named(question: Any) -> dict[str, Any]:
    """As much of what a spawn asks for as its supervisor's chain holds, prepared as it was."""
    return {key: part for key, part in question.items() if key in {"class", "name"}}


def is_given(name: str, actor: bytes) -> bool:
    """Say whether somebody chose this name; others end with the first digits of the actor's id."""
    return not name.endswith(f"-{actor.hex()[:12]}")


def is_outcome(event: Event) -> bool:
    """Say whether this event holds what a handler was told, not what it asked."""
    if event.kind == "message/answered":
        return "message" in event.body
    return event.kind in {"effect/ended", "message/received"}


def about(event: Event) -> int:
    """The seq of the request that this is an outcome of, or of the event that names the channel."""
    for key in ("message", "effect", "channel"):
        if key in event.body:
            seq: int = event.body[key]
            return seq
    raise ValueError(f"{event!r} is no outcome")


def is_asked(kind: str, body: Mapping[str, Any]) -> bool:
    """Say whether such an event is written by the handler at work, and not by others meanwhile."""
    if kind in _BY_OTHERS:
        return False
    if kind == "message/sent":
        return body["handler"] not in _FROM_OTHERS
    return not (kind == "message/answered" and "reply" in body and "abandoned" in body)


def _is_aside(event: Event) -> bool:
    """Say whether this tells of the end of a process, or that nobody waits for a deferred answer any more."""
    is_left = event.kind == "message/answered" and "reply" in event.body and "abandoned" in event.body
    return is_left or event.kind == "message/retried"


def _is_of_turn(event: Event, first: int) -> bool:
    if event.kind == "log" or (event.kind == "message/withdrawn" and event.body["message"] < first):
        return False
    return is_asked(event.kind, event.body)


def _asked(kind: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """The question alone."""
    left_out = _ANSWERS | _NOT_ASKED.get(kind, frozenset())
    if body.get("handler") == "@find":
        left_out = _ANSWERS | {"to"}
    return {key: value for key, value in body.items() if key not in left_out}


def _packed(kind: str, body: Any) -> bytes:
    family = "message/sent" if kind == "message/refused" else kind
    return pack([family, _asked(kind, body)])


def _shown(body: Any) -> str:
    return ", ".join(f"{key}={value!r}" for key, value in body.items())
