"""Chains: one actor's events, each naming the hash of the one before it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import overload

from theater.codec import prepare
from theater.errors import BrokenChainError, HistoryCutError, MalformedError
from theater.event import Event, Stub, event_bytes


@dataclass(frozen=True, slots=True)
class Tip:
    """Where a chain ends: all that is needed to go on with it, or to verify what follows."""

    actor: bytes  # 16 bytes
    size: int = 0  # events so far: the seq of the next
    head: bytes | None = None  # the hash of the newest event, 32 bytes; None before the first


class ChainView(Sequence[Event]):
    """One actor's events by seq, oldest first, wherever they lie.

    `len` counts every event there ever was; the first `first` may be gone, as may removed ones in between.
    """

    __slots__ = ()

    @property
    @abstractmethod
    def tip(self) -> Tip:
        """The actor, the number of events and the newest hash."""

    @property
    @abstractmethod
    def first(self) -> int:
        """The seq of the oldest event that is still here."""

    @abstractmethod
    def event(self, seq: int) -> Event:
        """The event `seq`, which lies between `first` and the end.

        Raises:
            HistoryCutError: it was removed.
        """

    @property
    def actor(self) -> bytes:
        """The actor's id, 16 bytes."""
        return self.tip.actor

    @property
    def head(self) -> bytes | None:
        """The hash of the newest event, 32 bytes; None in an empty chain."""
        return self.tip.head

    def __len__(self) -> int:
        return self.tip.size

    @overload
    def __getitem__(self, index: int) -> Event: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Event]: ...
    def __getitem__(self, index: int | slice) -> Event | Sequence[Event]:
        """The event of that seq; below 0 it counts from the end.

        Raises:
            IndexError: there never was such an event.
            HistoryCutError: it is no longer here.
        """
        size = self.tip.size
        if isinstance(index, slice):
            return [self[seq] for seq in range(*index.indices(size))]
        seq = index + size if index < 0 else index
        if not 0 <= seq < size:
            raise IndexError(f"no event {index} in a chain of {size}")
        if seq < self.first:
            raise HistoryCutError(
                f"event {seq} of {self.actor.hex()} is gone: the oldest kept is {self.first}"
            )
        return self.event(seq)

    def __iter__(self) -> Iterator[Event]:
        """The events that are still here, oldest first."""
        for seq in range(self.first, self.tip.size):
            try:
                event = self.event(seq)
            except HistoryCutError:
                continue  # a removed event leaves only its hash, and the chain goes on
            yield event

    def __repr__(self) -> str:
        head = self.head.hex() if self.head else "none"
        return f"<{type(self).__name__} of {self.actor.hex()}: {len(self)} events, head {head}>"


class Chain(ChainView):
    """A chain in memory, to append to."""

    __slots__ = ("_events", "_first", "_tip")

    def __init__(self, actor: bytes, *, after: Tip | None = None) -> None:
        """Begin the chain of this actor, or go on after the events of a `Tip`, which stay elsewhere."""
        self._tip = Tip(actor) if after is None else after
        self._first = self._tip.size
        self._events: list[Event] = []

    @property
    def tip(self) -> Tip:
        return self._tip

    @property
    def first(self) -> int:
        return self._first

    def event(self, seq: int) -> Event:
        return self._events[seq - self._first]

    def append(self, kind: str, body: dict[str, object], *, time: int) -> Event:
        """Make the next event and link it to the one before; `time` in nanoseconds since 1970 UTC.

        Raises:
            MalformedError: not an event's kind, body or time, or the time goes back.
        """
        if self._events and time < self._events[-1].time:
            raise MalformedError("event time", time, why=f"goes back from {self._events[-1].time}")
        tip = self._tip
        event = Event.read(event_bytes(tip.actor, tip.size, tip.head, time, kind, prepare(body)))
        self._tip = follow(tip, event)
        self._events.append(event)
        return event


def follow(tip: Tip, event: Event | Stub) -> Tip:
    """The tip after this event, if it is the very next; a stub says nothing of what came before it.

    Raises:
        BrokenChainError: another actor's, another seq or another parent; it names seq, expected, found.
    """
    if event.actor != tip.actor:
        raise BrokenChainError(f"event {event.seq}: actor", expected=tip.actor.hex(), found=event.actor.hex())
    if event.seq != tip.size:
        raise BrokenChainError(f"event {event.seq}: seq", expected=tip.size, found=event.seq)
    if isinstance(event, Event) and event.parent != tip.head:
        raise BrokenChainError(
            f"event {event.seq}: parent", expected=_shown(tip.head), found=_shown(event.parent)
        )
    return Tip(tip.actor, tip.size + 1, event.hash)


def verify_chain(events: Iterable[Event | Stub], *, after: Tip | None = None) -> Tip | None:
    """Verify that these are all events of one chain, oldest first, from the first on or `after` a tip.

    Returns the tip they lead to; None for none at all.

    Raises:
        BrokenChainError: an event does not follow; it names seq, expected, found.
    """
    tip, time = after, 0
    for event in events:
        tip = follow(Tip(event.actor) if tip is None else tip, event)
        if isinstance(event, Event):
            if event.time < time:
                raise BrokenChainError(
                    f"event {event.seq}: time", expected=f"{time} or later", found=event.time
                )
            time = event.time
    return tip


def _shown(parent: bytes | None) -> str:
    return "none" if parent is None else parent.hex()
