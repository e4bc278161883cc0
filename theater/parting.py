"""Partings: where two histories cease to tell the same, and how they differ there.

Two copies of one chain are told apart by their hashes. A fork and its parent, or actors of two runs, are
compared by what they tell: kinds, targets, arguments, answers, error classes and states; not by times,
hashes, ids, the texts of errors, or what only says that a theater was closed and opened.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from theater.chain import ChainView, Tip
from theater.codec import ActorAddress
from theater.event import Event

_QUIET = frozenset({"actor/resumed", "actor/snapshot", "log"})  # no part of what an actor did
_ASIDE = frozenset({"fork", "from", "key", "name", "source", "stores", "supervisor"})
_SEQS = frozenset({"channel", "effect", "forwards", "message", "reply", "retries", "timer"})
"""What names events of the same chain."""
_BIRTHS = frozenset({"child", "store"})  # ids that are made at random
_NOTHING = object()


@dataclass(frozen=True, slots=True)
class Change:
    """One value that two histories tell differently."""

    path: str  # where in the event: `state.total`
    left: Any  # None where there is none
    right: Any


@dataclass(frozen=True, slots=True)
class Parting:
    """Where two chains part: all before is alike."""

    left: Event | None  # the first that differs; None: its chain ended before
    right: Event | None
    alike: int  # events that came before in both
    changes: tuple[Change, ...]

    def __str__(self) -> str:
        """For people: the two events, and a line for each change."""
        lines = [f"alike for {self.alike:,} events, then {_shown(self.left)} | {_shown(self.right)}"]
        lines += [f"  {change.path}: {change.left!r} | {change.right!r}" for change in self.changes]
        return "\n".join(lines)


class Until(ChainView):
    """The events of a chain up to one of them."""

    __slots__ = ("_chain", "_tip")

    def __init__(self, chain: ChainView, last: int) -> None:
        self._chain = chain
        self._tip = Tip(chain.actor, last + 1, chain[last].hash)

    @property
    def tip(self) -> Tip:
        return self._tip

    @property
    def first(self) -> int:
        return self._chain.first

    def event(self, seq: int) -> Event:
        return self._chain[seq]


def part(left: ChainView, right: ChainView) -> Parting | None:
    """Where two chains part; None if they tell the same to the end.

    A fork and its parent are compared from the point of the fork on, and so are two forks of one point.
    """
    if left.actor == right.actor:
        return _part_copies(left, right)
    here, there = _starts(left, right)
    pairs = _Pairs(here, there)
    both = zip_longest(_loud(left, here), _loud(right, there))
    for alike, (ours, theirs) in enumerate(both):
        changes = () if ours is None or theirs is None else tuple(pairs.changes(ours, theirs))
        if ours is None or theirs is None or changes:
            return Parting(ours, theirs, alike, changes)
    return None


def changes_of(left: Mapping[str, Any], right: Mapping[str, Any]) -> list[Change]:
    """What differs in two states."""
    return list(_Pairs(0, 0).in_maps("state", left, right))


def _part_copies(left: ChainView, right: ChainView) -> Parting | None:
    """Two copies of one chain: the same up to the first other hash."""
    least = min(len(left), len(right))
    low, high = 0, least  # an equal hash says that all before is equal, too
    while low < high:
        middle = (low + high) // 2
        if left[middle].hash == right[middle].hash:
            low = middle + 1
        else:
            high = middle
    ours, theirs = (chain[low] if low < len(chain) else None for chain in (left, right))
    if ours is None and theirs is None:
        return None
    changes = () if ours is None or theirs is None else tuple(_compare(ours, theirs))
    return Parting(ours, theirs, low, changes)


def _compare(ours: Event, theirs: Event) -> Iterator[Change]:
    yield from _Pairs(0, 0, aside=frozenset()).changes(ours, theirs)
    for name in ("time", "parent"):
        if getattr(ours, name) != getattr(theirs, name):
            yield Change(name, getattr(ours, name), getattr(theirs, name))


def _starts(left: ChainView, right: ChainView) -> tuple[int, int]:
    """From where on to compare: after what the two have in common."""
    ours, theirs = (chain[0].body.get("fork") for chain in (left, right))
    if theirs is not None and theirs[0] == left.actor:
        return theirs[1] + 1, 1
    if ours is not None and ours[0] == right.actor:
        return 1, ours[1] + 1
    return (1, 1) if ours is not None and ours == theirs else (0, 0)


def _loud(chain: ChainView, start: int) -> Iterator[Event]:
    events = (chain[seq] for seq in range(start, len(chain)))
    return (event for event in events if event.kind not in _QUIET)


class _Pairs:
    """What stands for the same in both chains, as far as they have told."""

    def __init__(self, left: int, right: int, *, aside: frozenset[str] = _ASIDE) -> None:
        self._starts = left, right  # what stands before is the same for both
        self._aside = aside
        self._seqs: dict[int, int] = {}
        self._ids: dict[object, object] = {}

    def changes(self, left: Event, right: Event) -> Iterator[Change]:
        """How two events differ; if they do not, they are a pair."""
        if left.kind != right.kind:
            yield Change("kind", left.kind, right.kind)
            return
        for name in sorted(left.body.keys() | right.body.keys()):
            ours, theirs = left.body.get(name, _NOTHING), right.body.get(name, _NOTHING)
            if name in _BIRTHS and ours is not _NOTHING and theirs is not _NOTHING:
                self._ids.setdefault(ours, theirs)
            if name not in self._aside:
                yield from self._differing(name, ours, theirs, is_seq=name in _SEQS)
        self._seqs[left.seq] = right.seq

    def _differing(self, path: str, left: Any, right: Any, *, is_seq: bool = False) -> Iterator[Change]:
        if is_seq and type(left) is int and type(right) is int:
            if not self._is_pair(left, right):
                yield Change(path, left, right)
        elif isinstance(left, dict) and isinstance(right, dict):
            yield from self.in_maps(path, left, right)
        elif isinstance(left, list | tuple) and type(left) is type(right) and len(left) == len(right):
            for number, (ours, theirs) in enumerate(zip(left, right, strict=True)):
                yield from self._differing(f"{path}[{number}]", ours, theirs)
        elif not self._is_same(left, right):
            yield Change(path, *(None if value is _NOTHING else value for value in (left, right)))

    def in_maps(self, path: str, left: Mapping[Any, Any], right: Mapping[Any, Any]) -> Iterator[Change]:
        """How two maps differ, key by key."""
        is_error = path == "error" and self._aside
        for key in [*left, *(key for key in right if key not in left)]:
            if not (is_error and key == "text"):
                ours, theirs = left.get(key, _NOTHING), right.get(key, _NOTHING)
                yield from self._differing(f"{path}.{key}", ours, theirs)

    def _is_pair(self, left: int, right: int) -> bool:
        """Events of before the fork are the parent's in both; later ones were paired."""
        if left in self._seqs:
            return self._seqs[left] == right
        return left == right or (left < self._starts[0] and right < self._starts[1])

    def _is_same(self, left: Any, right: Any) -> bool:
        if type(left) is not type(right):
            return False
        if isinstance(left, ActorAddress):
            left, right = left.id, right.id
        try:
            return bool(left == right or self._ids.get(left, _NOTHING) == right)
        except TypeError:  # no key: a set, say
            return False


def _shown(event: Event | None) -> str:
    return "its end" if event is None else f"{event.seq} {event.kind}"
