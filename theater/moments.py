"""Moments: where in its chain an actor was at rest, and what its state and its stores were then.

An actor is at rest after each message that it has handled. What an interrupted handler did after that is no
part of the moment, as it is none of the last good state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from theater.chain import ChainView
from theater.errors import HistoryCutError, MissingError, NotRecordedError, SetupError
from theater.event import Event
from theater.past import is_full
from theater.store.fold import Fold, fold_of

Full = Callable[[Any], Any]
"""A recorded value as it was before large parts left its event."""

_STATES = frozenset(
    {"actor/snapshot", "actor/resumed", "actor/restarted", "actor/migrated", "message/handled"}
)
"""What may hold a state, besides the first event."""


@dataclass(frozen=True, slots=True)
class Whole:
    """An event with the large values that had left it."""

    kind: str
    body: dict[str, Any]


def check_seq(chain: ChainView, seq: int | None) -> int:
    """The seq that is meant: that of the newest event, if none is said.

    Raises:
        MissingError: there is no such event.
    """
    if seq is None:
        return len(chain) - 1
    if type(seq) is not int:
        raise SetupError(f"an event is named by its seq, a whole number, not {seq!r}")
    if not 0 <= seq < len(chain):
        raise MissingError(f"no event {seq} of {chain.actor.hex()}: it has 0 to {len(chain) - 1}")
    return seq


def rest_before(chain: ChainView, at: int) -> Event:
    """The event after which the actor was at rest: the last message that it had handled at or before `at`.

    Where there is none, or it was removed, it is the last event that holds a state.

    Raises:
        HistoryCutError: that event was removed.
    """
    last: Event | None = None
    for seq in range(at, -1, -1):
        try:
            event = chain[seq]
        except HistoryCutError:
            if last is None:
                raise
            return last
        if event.kind == "message/handled":
            return event
        if last is None and _bears_state(event):
            last = event
    return chain[0] if last is None else last


def state_at(
    chain: ChainView, at: int, full: Full, *, now: Callable[[], dict[str, Any]] | None = None
) -> dict[str, Any]:
    """The state as plain values, as the last message handled at or before `at` left it.

    Args:
        chain: the actor's.
        at: a seq.
        full: puts back what left an event.
        now: gives the state as it is, where the actor runs: for one that is too large for an event.

    Raises:
        HistoryCutError: the events that tell were removed.
        NotRecordedError: they do not hold it, because it was larger than a `message/handled` may hold.
    """
    for event in _backwards(chain, at):
        if _bears_state(event):
            if event.body["state"] is not None:
                return _state_of(event, full)
            later = _next_state(chain, event.seq)
            if later is None and now is not None:
                return now()
            if later is not None and later.kind == "actor/snapshot" and later.body["state"] is not None:
                return _state_of(later, full)
            raise NotRecordedError(
                f"the record does not hold the state of {chain.actor.hex()} after event {event.seq}: it"
                " is larger than 4 KiB, and no snapshot was made of it then"
            )
    raise NotRecordedError(f"no event of {chain.actor.hex()} holds a state")


def version_at(chain: ChainView, at: int) -> int:
    """The version of the class by which the state after event `at` was recorded."""
    for event in _backwards(chain, at):
        if event.kind == "actor/migrated":
            return int(event.body["to"])
        if event.kind == "actor/spawned" and not event.seq:
            return int(event.body.get("version", 1))
        if event.kind == "actor/snapshot" and event.body.get("full"):
            return int(event.body.get("version", 1))
    return 1


def stores_at(chain: ChainView, at: int, full: Full) -> Fold:
    """What the actor's stores held after event `at`.

    Raises:
        HistoryCutError: the events that tell were removed.
    """
    told: list[Whole] = []
    for event in _backwards(chain, at):
        if event.kind.startswith("store/"):
            told.append(Whole(event.kind, event.body))
        elif "stores" in event.body or is_full(event):
            told.append(Whole(event.kind, full(event.body)))
            break
    return fold_of(reversed(told))


def of_store(event: Event) -> bool:
    """Whether an event tells what stores hold."""
    return event.kind.startswith("store/") or "stores" in event.body


def _backwards(chain: ChainView, at: int) -> Iterator[Event]:
    return (chain[seq] for seq in range(at, -1, -1))


def _bears_state(event: Event) -> bool:
    return "state" in event.body and (not event.seq or event.kind in _STATES)


def _state_of(event: Event, full: Full) -> dict[str, Any]:
    state: dict[str, Any] = full({"state": event.body["state"]})["state"]
    return state


def _next_state(chain: ChainView, seq: int) -> Event | None:
    """The first event after `seq` by which the state is another, or is told after all."""
    later = (chain[after] for after in range(seq + 1, len(chain)))
    return next((event for event in later if _bears_state(event)), None)
