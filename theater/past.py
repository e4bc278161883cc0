"""The past of an actor: what its chain adds up to, from the newest full snapshot on.

A full snapshot stands for all events before it but the first, which says who the actor is. So what is folded
is the first event, the newest full snapshot, and what came after; the sum is the same as that of all events.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from theater.codec import ActorAddress
from theater.event import Event

Letter = dict[str, Any]
"""A message as its receiver's chain holds it: ask, args, from, handler, and kwargs if there are any."""


@dataclass(frozen=True, slots=True)
class SetTimer:
    """A timer that is pending."""

    body: dict[str, Any]  # of its `timer/set`
    since: int  # when it was set, or last fired; nanoseconds since 1970 UTC


@dataclass(slots=True)
class Heard:
    """What an actor has been told of its children, since its newest full snapshot: before that, of all."""

    since: int = 0  # nanoseconds since 1970 UTC
    failures: dict[bytes, int] = field(default_factory=dict)  # the seq of the newest, by the child's id
    ends: set[tuple[str, bytes]] = field(default_factory=set)  # by which hook, and of whom


@dataclass(slots=True)
class Past:
    """What an actor's chain adds up to."""

    state: dict[str, Any] | None = None  # None where the record does not hold it
    initial: dict[str, Any] | None = None  # as it was spawned
    version: int = 1  # of the state
    first_version: int = 1  # of the initial one
    snapshot: int = 0  # seq of the newest full snapshot; 0 if there is none
    letters: list[Letter] = field(default_factory=list)  # in its mailbox at the newest snapshot, still there
    stashed: dict[int, Letter] = field(default_factory=dict)  # set aside, by the seq of `message/received`
    deferred: dict[int, Letter] = field(default_factory=dict)  # answers it owes, by the same
    timers: dict[int, SetTimer] = field(default_factory=dict)  # pending, by the seq of `timer/set`
    open: Event | None = None  # a message received and not yet handled
    sent: dict[int, tuple[bytes, Letter]] = field(default_factory=dict)  # since the snapshot, not withdrawn
    watched: dict[int, tuple[bytes, str]] = field(default_factory=dict)  # whom, and the handler to be told
    failed: Event | None = None  # and not started again since
    failures: list[Event] = field(default_factory=list)  # since the snapshot
    stops: bool = False  # it was to end itself after its last message
    has_started: bool = False  # `on_start` of its present life has ended
    born: int = 0  # nanoseconds since 1970 UTC, as the following
    restarts: list[int] = field(default_factory=list)  # when
    led: list[int] = field(default_factory=list)  # of those since the snapshot, all that it did not follow in
    round: tuple[int, bytes, int] = (0, b"", 0)  # of the newest restart: number, id of who failed, when
    links: dict[bytes, None] = field(default_factory=dict)  # ids of those it is bound to
    children: dict[bytes, None] = field(default_factory=dict)  # ids of those whose end it was not told of
    brood: dict[bytes, str] = field(default_factory=dict)  # paths, by id, of the children of its present life
    heard: Heard = field(default_factory=Heard)
    spawned: set[str] = field(default_factory=set)  # paths of all children of its present life
    is_rebuilt: bool = False  # `state` was made again, and the record does not hold it
    source: bytes | None = None  # the digest of its class, as it was spawned or at the snapshot

    def has_letter(self, handler: str, about: bytes) -> bool:
        """Say whether news of an actor's end lies in the mailbox."""
        return any(_is_news(letter, handler, about) for letter in self.letters)


def fold(events: Iterable[Event]) -> Past:
    """Add up a chain, oldest first: all of it, or its first event and all from its newest full snapshot."""
    past = Past()
    for event in events:
        step = _STEPS.get(event.kind)
        if step is not None:
            step(past, event)
    return past


def is_full(event: Event) -> bool:
    """Say whether nothing before this event but the first is needed to go on."""
    return event.kind == "actor/snapshot" and event.body.get("full") is True


def _state(past: Past, event: Event) -> None:
    if "state" in event.body:
        past.state = event.body["state"]


def _spawned(past: Past, event: Event) -> None:
    _state(past, event)
    if not event.seq:
        past.initial = past.state
        past.version = past.first_version = event.body.get("version", 1)
        past.source = event.body.get("source")
        past.born = event.time
    else:  # a child
        past.children[event.body["child"]] = None
        past.brood[event.body["child"]] = event.body["name"]
        past.spawned.add(event.body["name"])


def _failed(past: Past, event: Event) -> None:
    past.failed = None if event.body["handler"] == "on_stop" else event
    past.failures.append(event)


def _restarted(past: Past, event: Event) -> None:
    _state(past, event)
    past.failed = None
    past.has_started = past.stops = False
    past.restarts.append(event.time)
    number, leader = event.body.get("round", (0, b""))
    past.round = (number, leader, event.time)
    if leader in {b"", event.actor}:
        past.led.append(event.time)
    past.brood.clear()
    past.spawned.clear()


def _snapshot(past: Past, event: Event) -> None:
    body = event.body
    if not is_full(event):  # of an actor that was at work at the close
        _state(past, event)
        past.letters = list(body.get("mailbox", ()))
        return
    now = Past(state=body["state"], initial=past.initial, snapshot=event.seq, source=body["source"])
    now.version, now.first_version = body.get("version", 1), past.first_version
    now.letters = list(body.get("mailbox", ()))
    now.stashed = dict(body.get("stash", ()))
    now.deferred = dict(body.get("deferred", ()))
    now.timers = {seq: SetTimer(told, since) for seq, since, told in body.get("timers", ())}
    now.watched = {seq: (to, handler) for seq, to, handler in body.get("watches", ())}
    now.restarts = list(body.get("restarts", ()))
    now.links = dict.fromkeys(body.get("links", ()))
    now.children = dict.fromkeys(body.get("children", ()))
    now.brood, now.heard.since = dict.fromkeys(now.children, ""), event.time
    now.has_started, now.born = True, past.born
    now.round = (past.round[0], past.round[1], event.time)
    now.spawned = set(body.get("spawned", ()))
    for name in Past.__slots__:
        setattr(past, name, getattr(now, name))


def _migrated(past: Past, event: Event) -> None:
    _state(past, event)
    past.version = event.body["to"]


def _received(past: Past, event: Event) -> None:
    if event.body["handler"].startswith("@"):  # on a channel, by the handler at work
        return
    past.open = event
    _from(past, event)


def _handled(past: Past, event: Event) -> None:
    if past.open is not None and event.body.get("stashed"):
        past.stashed[past.open.seq] = dict(past.open.body)
    if past.open is not None and event.body.get("deferred"):
        past.deferred[past.open.seq] = dict(past.open.body)
    handler = event.body.get("handler") if past.open is None else past.open.body["handler"]
    past.has_started = past.has_started or (handler == "on_start" and "failed" not in event.body)
    past.stops = past.stops or "stops" in event.body
    past.open = None
    _state(past, event)
    _from(past, event)


def _answered(past: Past, event: Event) -> None:
    """An answer that was owed is given, or nobody waits for it any longer."""
    if "reply" in event.body and not ("item" in event.body or "accepted" in event.body):
        past.deferred.pop(event.body["reply"], None)


def _from(past: Past, event: Event) -> None:
    sender = event.body.get("from")
    if sender is None and "handler" in event.body:
        _told(past, event.body)
    if "again" in event.body:
        past.stashed.pop(event.body["again"], None)
        return
    for letter in past.letters:
        if _is_of(letter, event):
            past.letters.remove(letter)
            return


def _is_of(letter: Letter, event: Event) -> bool:
    """Whether the event tells of this message, or of one that nobody could tell from it."""
    return all(letter.get(key) == event.body.get(key) for key in ("from", "handler", "args", "kwargs"))


def _sent(past: Past, event: Event) -> None:
    body = dict(event.body)
    to = body.pop("to")
    if body["handler"].startswith("@"):
        _bound(past, event.seq, to, body)
    past.sent[event.seq] = (to, body | {"from": [event.actor, event.seq, event.hash]})


def _bound(past: Past, seq: int, to: bytes, body: Letter) -> None:
    """Links and watches come and go by requests to the runtime."""
    request = body["handler"]
    if request in {"@link", "@linked"}:
        past.links[to] = None
    elif request in {"@unlink", "@unlinked"}:
        past.links.pop(to, None)
    elif request == "@watch":
        past.watched[seq] = (to, body["args"][0])
    elif request == "@unwatch":
        past.watched = {seq: one for seq, one in past.watched.items() if one[0] != to}


def _told(past: Past, body: Letter) -> None:
    """News of an end has arrived: of a child, or of one that was watched."""
    about = body["args"][0] if body["args"] else None
    if not isinstance(about, ActorAddress):
        return
    past.heard.ends.add((body["handler"], about.id))
    if body["handler"] == "on_child_stopped":
        past.children.pop(about.id, None)
    elif body["handler"] == "on_child_failed":
        past.heard.failures[about.id] = body["args"][1].get("seq", 0)
    for seq, (watched, handler) in past.watched.items():
        if watched == about.id and handler == body["handler"]:
            del past.watched[seq]
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
    past.timers[event.seq] = SetTimer(event.body, event.time)


def _timer_fired(past: Past, event: Event) -> None:
    seq = event.body["timer"]
    timer = past.timers.get(seq)
    if timer is None:
        return
    letter = {key: timer.body[key] for key in ("args", "kwargs", "handler") if key in timer.body}
    past.sent[event.seq] = (
        event.actor,
        letter | {"ask": False, "from": [event.actor, event.seq, event.hash]},
    )
    if timer.body["every"]:
        past.timers[seq] = SetTimer(timer.body, event.time)
    else:
        del past.timers[seq]


def _timer_cancelled(past: Past, event: Event) -> None:
    past.timers.pop(event.body["timer"], None)


_STEPS = {
    "actor/spawned": _spawned,
    "actor/snapshot": _snapshot,
    "actor/resumed": _state,
    "actor/migrated": _migrated,
    "actor/failed": _failed,
    "actor/restarted": _restarted,
    "message/received": _received,
    "message/handled": _handled,
    "message/answered": _answered,
    "message/dead": _from,
    "message/sent": _sent,
    "message/withdrawn": _withdrawn,
    "timer/set": _timer_set,
    "timer/fired": _timer_fired,
    "timer/cancelled": _timer_cancelled,
}
