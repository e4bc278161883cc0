"""Culling: which events of a journal go, decided one by one in their order after a survey of all; pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from theater.journal.frames import HEADER_BYTES
from theater.mentions import Mention, mentions
from theater.survey import GONE, Life, Place, Recorded, Survey, earlier_place, sent_place

REMOVAL_COST = 192  # bytes that the frame of a `theater/removed` takes, about
STUB_COST = 66  # bytes that the frame of a stub takes, about


class Dated(Recorded, Protocol):
    """An event and when it was."""

    @property
    def time(self) -> int: ...


class Run(NamedTuple):
    """Events of one chain without a gap."""

    actor: bytes
    first: int  # seq
    last: int  # seq, included


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of what may go shall go: by default all of it; else what is over either limit."""

    before: int | None = None  # nanoseconds since 1970 UTC: what is older is over
    bytes: int | None = None  # of the whole journal: the oldest of what may go is over until it fits

    def is_over(self, time: int, size: int) -> bool:
        """Whether an event of this time is, in a journal of `size` bytes."""
        if self.before is None and self.bytes is None:
            return True
        is_old = self.before is not None and time < self.before
        return is_old or (self.bytes is not None and size > self.bytes)


class Contents:
    """The contents of a journal, and how many events and other contents mention each."""

    def __init__(self, sizes: Mapping[bytes, int], read: Callable[[bytes], bytes]) -> None:
        """Of these `sizes` in bytes, by digest; `read` gives one of those that may mention others."""
        self._sizes = sizes
        self._read = read
        self._uses: dict[bytes, int] = {}
        self._looked_into: set[bytes] = set()
        self._kept: set[bytes] = set()  # by stores

    def add(self, data: bytes, *, by_store: bool) -> int:
        """Take in an event; returns the size of all that was outlined from it, bytes."""
        size = 0
        for mention in self._held(data):
            self._use(mention)
            if by_store:
                self._kept.add(mention.digest)
            if mention.is_outlined:
                size += self._sizes[mention.digest]
        return size

    def keep(self, digests: Iterable[bytes]) -> None:
        """Take note that stores keep these."""
        self._kept.update(digest for digest in digests if digest in self._sizes)

    def remove(self, data: bytes) -> int:
        """Take an event out again; returns the size of all that nothing else needs, bytes."""
        return sum(self._release(mention) for mention in self._held(data))

    def unused(self) -> set[bytes]:
        """Those that nothing mentions and no store keeps."""
        used = self._kept.union(digest for digest, uses in self._uses.items() if uses)
        return set(self._sizes) - used

    def _use(self, mention: Mention) -> None:
        digest = mention.digest
        self._uses[digest] = self._uses.get(digest, 0) + 1
        if mention.is_packed and digest not in self._looked_into:
            self._looked_into.add(digest)
            for each in self._held(self._read(digest)):
                self._use(each)

    def _release(self, mention: Mention) -> int:
        digest = mention.digest
        self._uses[digest] -= 1
        if self._uses[digest] or digest in self._kept:
            return 0
        within = self._held(self._read(digest)) if digest in self._looked_into else ()
        return self._sizes[digest] + sum(self._release(each) for each in within)

    def _held(self, data: bytes) -> Iterator[Mention]:
        return (mention for mention in mentions(data) if mention.digest in self._sizes)


class Culling:
    """What goes; asked once for each event, in the order of the journal."""

    def __init__(
        self,
        survey: Survey,
        contents: Contents,
        *,
        limits: Limits,
        size: int,
        erased: Collection[bytes] = (),
    ) -> None:
        """Decide of a journal of `size` bytes; or only of the `erased` actors, of whom nearly all goes."""
        self.events = 0  # that go
        self.size = size
        self._survey = survey
        self._contents = contents
        self._limits = limits
        self._erased = erased
        held = survey.held()
        self._is_cut_off = survey.is_cut_off()
        lives = {actor: survey.lives[actor] for actor in erased or survey.lives}
        self._goes = {
            actor: self._may_go(actor, life, held.get(actor, set())) for actor, life in lives.items()
        }

    def decide(self, event: Dated, data: bytes) -> bool:
        """Whether the next event goes: whoever needs it stands before it, and was decided."""
        goes = self._goes.get(event.actor)
        if goes is None or not goes[event.seq]:
            return False
        is_over = event.actor in self._erased or self._limits.is_over(event.time, self.size)
        if not is_over or self._must_stay(event):
            goes[event.seq] = False
            return False
        is_first = not goes[event.seq - 1] if event.seq else True
        self.events += 1
        self.size += (
            STUB_COST - HEADER_BYTES - len(data) - self._contents.remove(data) + REMOVAL_COST * is_first
        )
        return True

    def goes(self, actor: bytes, seq: int) -> bool:
        """What was decided; an event that came after the survey stays."""
        flags = self._goes.get(actor, b"")
        return seq < len(flags) and bool(flags[seq])

    def runs(self) -> Iterator[Run]:
        """All that goes."""
        for actor, goes in self._goes.items():
            yield from (Run(actor, first, last) for first, last in runs_of(goes))

    def _may_go(self, actor: bytes, life: Life, held: set[int]) -> bytearray:
        if actor in self._erased:
            return _all_but_the_end(life, held)
        if life.has_stores and not life.has_ended and self._is_cut_off:
            return bytearray(len(life.notes))  # whoever reads from its stores gets what it held then
        return worth_it(life.unneeded(held), life.sizes)

    def _must_stay(self, event: Dated) -> bool:
        """An event stays with the message of which it says that it has arrived, or how it ended."""
        sent, earlier = sent_place(event), earlier_place(event)
        if sent is not None and self._stays(sent) and self._survey.matters(event.actor, sent):
            return True
        return earlier is not None and self._stays(earlier)

    def _stays(self, place: Place) -> bool:
        actor, seq = place
        return not self.goes(actor, seq) and self._survey.lives[actor].notes[seq] != GONE


def worth_it(goes: bytearray, sizes: Collection[int]) -> bytearray:
    """The same without runs so short that the event which tells of them would take more than they do."""
    sizes = list(sizes)
    for first, last in list(runs_of(goes)):
        count = last + 1 - first
        if sum(sizes[first : last + 1]) <= count * STUB_COST + REMOVAL_COST:
            goes[first : last + 1] = bytes(count)
    return goes


def runs_of(goes: bytearray) -> Iterator[tuple[int, int]]:
    """First and last of each run of ones."""
    first = goes.find(1)
    while first >= 0:
        end = goes.find(0, first)
        end = len(goes) if end < 0 else end
        yield first, end - 1
        first = goes.find(1, end)


def _all_but_the_end(life: Life, held: set[int]) -> bytearray:
    """A byte for each event: 0 for the last one, which says that the actor has ended, and for stubs."""
    last = len(life.notes) - 1
    return bytearray(note != GONE and seq != last and seq not in held for seq, note in enumerate(life.notes))
