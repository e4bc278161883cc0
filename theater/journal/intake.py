"""The intake of a journal in a folder: puts events and contents into a batch, and knows where each is.

Short ones lie in the inlet first and are taken in many at once: framed, checked and joined without a step of
Python for each, which costs 3,000 instructions less. What looks at the batch takes them in before.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, chain, groupby, repeat
from operator import add
from typing import TypeAlias
from zlib import crc32

from theater.journal.calls import content_errors
from theater.journal.commits import Commits
from theater.journal.frames import BLOB, CHECKED, EVENT, EVENT_CHECKS, HEADER_BYTES, pack_head, pack_header
from theater.journal.heading import parent_of
from theater.journal.log import Writes
from theater.journal.lookup import Lookup
from theater.journal.places import Places
from theater.journal.protocol import EACH
from theater.journal.unnamed import Unnamed

_BULK = 256  # events that are taken in at once, about 64 KB


_Run: TypeAlias = tuple[bytes, int, int]
"""An actor, the first seq, and how many events of its chain follow each other."""


class Intake:
    """Takes in the events of one open journal."""

    def __init__(
        self, commits: Commits, *, places: Places, lookup: Lookup, unnamed: Unnamed, size: int, log: Writes
    ) -> None:
        """Go on behind `size` events."""
        self._commits = commits
        self._places = places
        self._lookup = lookup
        self._unnamed = unnamed
        self._size = size
        self._log = log
        self._held = places.held
        self._inlet = commits.inlet
        self._bulk = EACH * min(_BULK, log.most // 8)
        self._newest: bytes | None = None
        self._inlet.take_in = self._take_in
        self._inlet.take_many = self._take_many
        commits.absorb = self.absorb

    @property
    def size(self) -> int:
        """How many events there are, in the inlet too."""
        new = self._inlet.all()  # first: what was not written yet is taken in by that, if it is much
        return self._size + len(new) // EACH

    @property
    def newest(self) -> bytes | None:
        """The bytes of the newest event that came since the opening."""
        new = self._inlet.all()
        return new[-2] if new else self._newest

    def append(self, actor: bytes, seq: int, data: bytes, leaf: bytes, blobs: Sequence[bytes]) -> None:
        """Take in an event of any length, behind those in the inlet."""
        if self._unnamed.sizes:
            self._unnamed.name(self._commits.forming, data, blobs)
        positions = self._positions(actor, seq, data)
        batch = self._commits.forming
        buffer = batch.buffer
        positions.append(batch.base + len(buffer))
        length = len(data)
        check = EVENT_CHECKS[length] if length < CHECKED else crc32(pack_head(length, EVENT))
        buffer += pack_header(crc32(data, check), length, EVENT)
        buffer += data
        self._commits.frontier.late += leaf
        self._newest = data
        self._size += 1

    def put(self, digest: bytes, content: bytes) -> None:
        """Take in a content that is not here yet, of at most `BLOB_LIMIT` bytes.

        Raises:
            DiskFullError: it does not fit.
        """
        commits, size = self._commits, len(content)
        if commits.has_ended:
            raise commits.refusal()
        batch = commits.forming
        at = len(batch.buffer)
        if at + size > batch.room or not self._held.take_new(digest, batch.base + at):
            if self._lookup.holds(digest):
                return
            if at + size > batch.room:
                with content_errors():
                    batch.has_room_to(self._log.reserve(batch.end_with(size)))
            self._held.place(digest, batch.base + at)
        batch.add(BLOB, digest, content)
        if at + size >= batch.look_at:
            self._inlet.most = 0  # the event that names it has the batch looked at
        if not commits.is_busy:
            commits.wake()

    def absorb(self) -> None:
        """Take in all that is in the inlet.

        If that fails, for an index lied where a chain ends, so does the journal: others have appended too.
        """
        new = self._inlet.all()
        if not new:
            return
        try:
            self._take(_runs(new[::EACH], new[1::EACH]), new[2::EACH], new[3::EACH])
        finally:
            new.clear()

    def _take_in(self) -> None:
        commits = self._commits
        if not commits.has_ended:
            self.absorb()
        if commits.has_ended:
            self._inlet.new.clear()
            raise commits.refusal()
        commits.have_grown()
        self._inlet.most = self._bulk  # until nothing is scheduled that takes in what comes

    def _take_many(self, actor: bytes, seq: int, events: list[bytes], leaves: list[bytes]) -> None:
        if not self._commits.has_ended:
            self.absorb()
        if not self._commits.has_ended:
            self._take([(actor, seq, len(events))], events, leaves)
        self._take_in()

    def _take(self, runs: Iterable[_Run], events: list[bytes], leaves: list[bytes]) -> None:
        try:
            self._frame(runs, events, leaves)
        except BaseException as error:  # whatever it is, events were lost, and all must hear of it
            self._commits.fail(error)
            if not isinstance(error, Exception):
                raise  # ctrl-C

    def _frame(self, runs: Iterable[_Run], events: list[bytes], leaves: list[bytes]) -> None:
        batch = self._commits.forming
        if self._unnamed.sizes:
            for data in events:
                self._unnamed.name(batch, data, ())
        lengths = [*map(len, events)]
        here = batch.base + len(batch.buffer)
        places = [*accumulate(map(add, lengths, repeat(HEADER_BYTES)), initial=here)]
        at = 0
        for actor, seq, length in runs:
            self._positions(actor, seq, events[at]).extend(places[at : at + length])
            at += length
        checks = map(crc32, events, map(EVENT_CHECKS.__getitem__, lengths))
        headers = map(pack_header, checks, lengths, repeat(EVENT))
        batch.buffer += b"".join(chain.from_iterable(zip(headers, events, strict=True)))
        self._commits.frontier.late += b"".join(leaves)
        self._newest = events[-1]
        self._size += len(events)

    def _positions(self, actor: bytes, seq: int, data: bytes) -> array[int]:
        """The positions of a chain, for that of its next event, which is this one, to be added."""
        positions = self._places.events.get(actor)
        if positions is None:
            if self._places.is_found(actor):
                self._lookup.verify_head(actor, parent_of(data))
            positions = self._places.going_on(actor, seq)
        if seq != positions[0] + len(positions) - 1:
            raise ValueError(f"event {seq} of {actor.hex()} where {self._places.count(actor)} is the next")
        return positions


def _runs(actors: list[bytes], seqs: list[int]) -> Iterator[_Run]:
    at = 0
    for actor, run in groupby(actors):
        end = at + len([*run])
        if end - at > 1 and seqs[at:end] != [*range(seqs[at], seqs[at] + end - at)]:
            raise ValueError(f"events {seqs[at:end]} of {actor.hex()} do not follow each other")
        yield actor, seqs[at], end - at
        at = end
