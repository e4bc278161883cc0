"""Reports: what verifying a journal found; the first thing wrong is named."""

from __future__ import annotations

from dataclasses import dataclass, field

from theater.checkpoint import Checkpoint
from theater.keys import VerifyKey


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: where, what should be there, what is."""

    where: str
    expected: str
    found: str
    step: str = field(default="", compare=False)  # which step of `verify` found it

    def __str__(self) -> str:
        return f"{self.where}: expected {self.expected}, found {self.found}"


@dataclass(frozen=True, slots=True)
class Removal:
    """Events that were removed on purpose, by the `theater/removed` event that says so."""

    event: int  # its seq in the root's chain
    actor: bytes  # whose events, 16 bytes
    first: int  # seq
    last: int  # seq, included
    reason: str


@dataclass(frozen=True, slots=True)
class Report:
    """What was verified, up to the last whole commit; `ok` if nothing in it is wrong."""

    wrong: Finding | None
    events: int  # verified, stubs included
    stubs: int  # of removed events
    removals: tuple[Removal, ...]  # what explains the stubs
    actors: int  # whose events were verified
    contents: int  # hashed
    checkpoints: int  # whose roots were computed anew
    signatures: int  # verified
    keys: tuple[VerifyKey, ...]  # who signed, oldest first
    checkpoint: Checkpoint | None  # the newest, as computed anew
    tail: int  # bytes after the last whole commit: a batch that was being written, or torn by a crash
    closed: bool  # the journal was closed cleanly, and nothing is missing or was added since
    indexes: int = 0  # of full segments, compared with what those hold

    @property
    def ok(self) -> bool:
        """Whether everything up to the last whole commit is as it was signed."""
        return self.wrong is None

    def __bool__(self) -> bool:
        raise TypeError("a report is neither true nor false: ask for its `ok`, `tail` or `closed`")

    def __str__(self) -> str:
        verdict = "verified" if self.wrong is None else f"WRONG {self.wrong}; before it"
        counts = [
            _count(self.events, "event") + f" of {_count(self.actors, 'actor')}",
            _count(self.contents, "content"),
            _count(self.checkpoints, "checkpoint") + f" ({_count(self.signatures, 'signature')})",
        ]
        if self.stubs:
            counts.append(f"{_count(self.stubs, 'stub')} of removed events")
        return f"{verdict}: {', '.join(counts)}; {self._ending()}"

    def _ending(self) -> str:
        if self.tail:
            return f"{_count(self.tail, 'byte')} after the last commit"
        return "closed cleanly" if self.closed else "not closed"


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
