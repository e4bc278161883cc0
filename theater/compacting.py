"""Compacting: what nobody needs any more leaves a folder, and a signed record of that takes its place."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from time import time_ns

from theater.culling import Limits
from theater.errors import FolderInUseError, SetupError
from theater.journal.calls import Calls, failure
from theater.journal.compacting import Compaction
from theater.journal.handing import KeySource
from theater.journal.lock import Lock
from theater.journal.opening import Opened, open_folder
from theater.journal.reader import Reader
from theater.weighing import Weighing, size_of

_BILLION = 1_000_000_000
_REASON_LIMIT = 1024  # bytes


@dataclass(frozen=True, slots=True)
class Removed:
    """Events of one actor that were removed, without a gap."""

    actor: bytes  # id, 16 bytes
    name: str
    first: int  # seq
    last: int  # seq, included


@dataclass(frozen=True, slots=True)
class Compacted:
    """What compacting removed, or would remove."""

    events: int
    contents: int
    before: int  # bytes that the log and the contents took
    after: int  # bytes that they take now; about, if nothing was changed
    removed: tuple[Removed, ...]
    is_done: bool  # False: nothing was changed

    def __str__(self) -> str:
        verb = "removed" if self.is_done else "would remove"
        actors = len({each.actor for each in self.removed})
        return (
            f"{verb} {self.events:,} events of {actors:,} actors and {self.contents:,} contents:"
            f" {self.before:,} bytes before, {'' if self.is_done else 'about '}{self.after:,} after"
        )


def compact(
    folder: str | os.PathLike[str],
    *,
    older_than: float | None = None,
    keep_bytes: int | None = None,
    erase: Collection[str | bytes] = (),
    reason: str = "compacted",
    dry_run: bool = False,
    key: KeySource | None = None,
    now: float | None = None,
) -> Compacted:
    """Remove from a folder that no theater has open what nobody needs; all that stays verifies as before.

    Of actors that live stays what they need to live on: their first event, their newest full snapshot and all
    after it; of actors that have ended, how that was. Whatever a store holds stays, and all contents that an
    event which stays names. Each event that goes leaves its hash, and a signed event says which went and why.

    With `older_than` (seconds) or `keep_bytes` (of the whole folder) only as much goes as is over one of
    them, the oldest first. With `erase`, names or ids of actors that have ended, only what these did goes:
    all but the event by which they ended and messages that others wait for, and what their stores hold.
    `dry_run` changes nothing. The `key`, or its file, is that of the folder, if it is kept elsewhere; `now`,
    in seconds since 1970, is when `older_than` counts from.

    Raises:
        FolderError, FolderInUseError: no theater, or one that is running.
        CorruptJournalError: it does not verify; nothing was removed.
        ActorNotFoundError, SetupError: nobody of that name is there to erase, or it has not ended.
        DiskFullError, JournalFailedError: the disk failed; call it again, and it goes on.
    """
    _check(older_than, keep_bytes, erase, reason)
    at = time_ns() if now is None else int(now * _BILLION)
    before = None if older_than is None else at - int(older_than * _BILLION)
    reader = Reader(folder)
    if not dry_run:
        Lock(reader.folder.path / "lock").release()  # whoever runs it is named before all is read
    weighed = Weighing(reader, limits=Limits(before, keep_bytes), erase=erase)
    if dry_run or weighed.is_in_vain:
        return _report(weighed, after=weighed.estimate if dry_run else weighed.size, is_done=not dry_run)
    calls = Calls()
    opened = open_folder(folder, key=key, origin=reader.origin, calls=calls)
    try:
        carry_out(opened, weighed, reason=reason, now=at, calls=calls)
    except OSError as error:
        raise failure(f"{folder} could not be compacted", error) from error
    finally:
        opened.lock.release()
    return _report(weighed, after=size_of(reader), is_done=True)


def carry_out(opened: Opened, weighed: Weighing, *, reason: str, now: int, calls: Calls) -> None:
    """Remove what was weighed from a folder that is held; `now` in nanoseconds since 1970.

    Raises:
        FolderInUseError: it is not as it was when it was weighed.
        OSError: the disk failed.
    """
    if opened.index.size != weighed.journal_size:
        raise FolderInUseError(f"{opened.folder.path} was opened meanwhile; compact it again")
    compaction = Compaction(opened, calls)
    told = (
        {"actor": run.actor, "first": run.first, "last": run.last, "reason": reason} for run in weighed.runs
    )
    compaction.tell("theater/removed", told, time=max(now, opened.index.last_time))
    compaction.cut_out(weighed.cut)
    compaction.close()


def _report(weighed: Weighing, *, after: int, is_done: bool) -> Compacted:
    return Compacted(
        events=weighed.events,
        contents=len(weighed.dropped),
        before=weighed.size,
        after=after,
        removed=tuple(Removed(run.actor, weighed.name_of(run), run.first, run.last) for run in weighed.runs),
        is_done=is_done,
    )


def _check(
    older_than: float | None, keep_bytes: int | None, erase: Collection[str | bytes], reason: str
) -> None:
    if older_than is not None and not (type(older_than) in (int, float) and older_than >= 0):
        raise SetupError(f"older_than is a number of seconds of at least 0, not {older_than!r}")
    if keep_bytes is not None and not (type(keep_bytes) is int and keep_bytes >= 0):
        raise SetupError(f"keep_bytes is a whole number of bytes of at least 0, not {keep_bytes!r}")
    if isinstance(erase, str | bytes):
        raise SetupError(f"erase takes a list of names or ids, such as [{erase!r}], not {erase!r}")
    if not isinstance(reason, str) or not 0 < len(reason.encode()) <= _REASON_LIMIT:
        raise SetupError(f"reason is a text of 1 to {_REASON_LIMIT} bytes, not {reason!r}")
