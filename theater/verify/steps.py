"""Verifying a journal, step by step, in one pass over its bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from theater.checkpoint import Checkpoint
from theater.errors import BrokenChainError, CorruptJournalError, ForgedError, MalformedError
from theater.event import Event, Stub
from theater.journal.frames import BLOB, COMMIT, EVENT, FILE, FRONTIER, HEADER_BYTES, STUB
from theater.journal.marks import Closed
from theater.journal.reader import Reader
from theater.journal.walk import Batch
from theater.keys import VerifyKey
from theater.merkle import EMPTY_ROOT
from theater.verify.chains import ROOT, Chains
from theater.verify.checkpoints import Checkpoints
from theater.verify.contents import IN_OUTLINED, PUTS, SHOTS, Contents
from theater.verify.explained import Explained
from theater.verify.indexes import verify_indexes
from theater.verify.quick import Row
from theater.verify.report import Finding, Removal, Report

FRAMES, BYTES, LINKS, SENDERS, CONTENTS, ROOTS, TAIL, SIGNATURES, REMOVALS, CLOSE, INDEXES = (
    "1. frames are whole",
    "2. bytes are canonical",
    "3. hashes link",
    "4. senders are as they are named",
    "5. contents hash to their names, and are there",
    "6. roots are those that were signed",
    "7. after the last batch is nothing but a torn one",
    "8. the newest checkpoint is signed",
    "9. removed events are explained",
    "10. nothing was changed after a clean close",
    "11. indexes say what their segments hold",
)
"""The steps, as a report names the one that failed."""


def verify(
    reader: Reader,
    *,
    actor: bytes | None = None,
    signatures: bool = False,
    kept: Checkpoint | None = None,
    keys: Sequence[VerifyKey] = (),
) -> Report:
    """Verify all that was committed, and name the first thing that is wrong.

    Of one `actor` (16 bytes) only its events and the root's are read, under the roots of all. The newest
    signature of each key is verified, or all `signatures`; and, if somebody `kept` a checkpoint elsewhere,
    that the journal once was as it says. Each of the `keys` that somebody knows must have signed in its time.
    """
    run = Verification(reader, actor=actor, signatures=signatures, kept=kept, keys=keys)
    try:
        run.verify()
    except (ForgedError, MalformedError) as error:
        return run.report(replace(found_wrong(error, run.place), step=run.step_of(error)))
    return run.report(None)


def found_wrong(error: ForgedError | MalformedError, place: str) -> Finding:
    """Say where, what was expected and what was found."""
    if isinstance(error, MalformedError):
        return Finding(place or "journal", error.expected, f"other bytes: {error.why}")
    where = f"{error.where} ({place})" if place else error.where
    return Finding(where, _shown(error.expected), _shown(error.found))


def unreadable(error: CorruptJournalError) -> Report:
    """The report on a folder of which nothing can be read, for its marks or its order are damaged."""
    return Report(
        wrong=found_wrong(error, ""),
        events=0,
        stubs=0,
        removals=(),
        actors=0,
        contents=0,
        checkpoints=0,
        signatures=0,
        keys=(),
        checkpoint=None,
        tail=0,
        closed=False,
    )


class Verification:
    """One pass over a journal."""

    def __init__(
        self,
        reader: Reader,
        *,
        actor: bytes | None,
        signatures: bool,
        kept: Checkpoint | None,
        keys: Sequence[VerifyKey],
    ) -> None:
        self.step = FRAMES  # the one at hand
        self.place = ""  # where in the journal, as a person would look it up
        self._reader = reader
        self._walk = reader.walk()
        self._chains = Chains(only=actor)
        self._contents = Contents(reader.folder)
        self._checkpoints = Checkpoints(reader.origin, reader.key, every=signatures, kept=kept, known=keys)
        self._removals: list[Removal] = []
        self._closed = False
        self._is_partial = actor is not None
        self._indexes = 0

    def verify(self) -> None:
        """Take the steps.

        Raises:
            ForgedError, MalformedError: the first thing that is wrong.
        """
        # 0. The mark of a clean close, as it is before and after: while a theater runs, there is none.
        mark = self._reader.closed
        # 1. Frames are whole: each has its checksum, each batch its commit, and stands where that says.
        for batch in self._walk:
            offset = HEADER_BYTES
            try:
                if batch.place.offset == 0 and batch.frames[0][0] != FRONTIER:
                    raise CorruptJournalError("segment", expected="a frontier first", found="none")
                for kind, start, end in batch.frames:
                    offset = start
                    payload = batch.chunk[start:end]
                    if kind == EVENT:
                        self._event(payload)
                    else:
                        self._frame(batch, kind, payload)
            except (ForgedError, MalformedError):
                self.place = f"segment {batch.place.segment}, byte {batch.base + offset - HEADER_BYTES}"
                raise
            self.step = FRAMES  # of the next batch
        self.step = TAIL
        self._verify_tail()
        # 8. The newest checkpoint is signed by the folder's key, and goes on from the one kept elsewhere;
        # each key that is known elsewhere signed.
        self.step = SIGNATURES
        self._checkpoints.finish()
        # 9. Each removed event is explained by an event that says who was removed, and why.
        self.step = REMOVALS
        self._verify_removals()
        # 10. After a clean close nothing was added and nothing is missing.
        self.step = CLOSE
        if mark is not None and mark == self._reader.closed:
            self._verify_close(mark)
        # 11. Indexes say what their segments hold. They are not signed, and can be made anew.
        self.step = INDEXES
        if not self._is_partial:
            folder, end = self._reader.folder, self._walk.place.segment
            self._indexes = verify_indexes(folder, origin=self._reader.origin, before=end)

    def _event(self, payload: bytes) -> None:
        # 2. Bytes are canonical. 3. Hashes link, no seq is missing. 4. Senders named exist and agree.
        self.step = LINKS
        leaf, event = self._chains.add(payload)
        self._checkpoints.add(leaf)
        if event is None:
            return
        # 5. Contents that an event names as kept are there.
        if event.kind in PUTS or event.kind in SHOTS or IN_OUTLINED in payload:
            self.step = CONTENTS
            self._contents.verify_named(event, payload)
        if event.seq == 0 or event.actor == ROOT:
            self.step = SIGNATURES
            self._checkpoints.notice(event)
            if event.kind == "theater/removed" and event.actor == ROOT:
                self._removals.append(_removal(event))

    def _frame(self, batch: Batch, kind: int, payload: bytes) -> None:
        """Of any kind but an event's: after all others a frontier's, for a walk knows no more."""
        self.step = _OF_FRAMES.get(kind, FRAMES)
        if kind == COMMIT:
            # 6. The root over all events so far is the one that was signed, by the key of that time.
            self._checkpoints.commit(batch.commit.note)
        elif kind == BLOB:
            # 5. Contents hash to their refs.
            self._contents.add_blob(payload)
        elif kind == FILE:
            self._contents.add_file(payload)
        elif kind == STUB:
            self._checkpoints.add(self._chains.remove(Stub.read(payload)))
        else:
            self._checkpoints.begin(payload, segment=batch.place.segment)

    def step_of(self, error: ForgedError | MalformedError) -> str:
        """The step at which this was found."""
        if self.step is LINKS and isinstance(error, MalformedError):
            return BYTES
        return SENDERS if self.step is LINKS and self._chains.is_naming else self.step

    def _verify_tail(self) -> None:
        """7. What lies behind the last whole commit is a torn batch, and no more."""
        tail = self._walk.tail
        if tail is not None and tail.damage:
            self.place = f"segment {tail.place.segment}, byte {tail.place.offset}"
            raise CorruptJournalError("batch", expected="whole", found=f"not; {tail.damage}")

    def _verify_removals(self) -> None:
        explained = Explained(self._removals)
        for actor, seq in self._chains.stubs:
            if not explained.covers(actor, seq):
                raise BrokenChainError(f"stub {actor.hex()}/{seq}", expected="a removal event", found="none")

    def _verify_close(self, mark: Closed) -> None:
        last = self._checkpoints.last
        end = self._walk.place
        length = len(self._reader.folder.read(end.segment, 0))
        found = Closed(end.segment, length, self._checkpoints.size, last.root if last else EMPTY_ROOT)
        if mark != found or end.offset != length:
            raise CorruptJournalError("closed", expected=_in_line(mark), found=_in_line(found))
        self._closed = True

    def report(self, wrong: Finding | None) -> Report:
        checkpoints = self._checkpoints
        tail = self._walk.tail
        return Report(
            wrong=wrong,
            events=self._chains.events,
            stubs=len(self._chains.stubs),
            removals=tuple(self._removals),
            actors=len(self._chains),
            contents=len(self._contents),
            checkpoints=checkpoints.count,
            signatures=checkpoints.signatures,
            keys=tuple(checkpoints.keys),
            checkpoint=checkpoints.last,
            tail=0 if tail is None else len(tail.torn),
            closed=self._closed,
            indexes=self._indexes,
        )


_OF_FRAMES = {COMMIT: ROOTS, BLOB: CONTENTS, FILE: CONTENTS, STUB: LINKS}


def _removal(event: Event | Row) -> Removal:
    body = event.body
    actor, first, last, reason = body.get("actor"), body.get("first"), body.get("last"), body.get("reason")
    if type(actor) is bytes and type(first) is int and type(last) is int and type(reason) is str:
        return Removal(event.seq, actor, first, last, reason)
    raise MalformedError("removal", body, why="an actor, its first and last event, and a reason")


def _in_line(mark: Closed) -> str:
    return f"segment {mark.segment}, {mark.length} bytes, {mark.size} events, root {mark.root.hex()}"


def _shown(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
