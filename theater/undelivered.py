"""The undelivered: messages on record as sent that no actor has on record as received.

Whoever opens a folder after a crash must find each of them, and need not read all chains for it: now and
then the root's chain lists those of that moment, and what was sent and received since stands in the log
behind that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec

from theater.errors import HistoryCutError, JournalError
from theater.event import Event
from theater.journal.heading import kind_of
from theater.outlining import inline
from theater.recorder import ROOT
from theater.snapshots import NEVER, undelivered

if TYPE_CHECKING:
    from theater.journal.protocol import Journal
    from theater.stage import Stage

Key = tuple[bytes, int]
"""A message: its sender's id, and the seq of the `message/sent`, or of a timer's `timer/fired`."""

_EVENTS = 50_000  # between two lists; to read so many takes a tenth of a second
_SPREAD = 4  # times as many events as the last list was long


class _Told(msgspec.Struct, frozen=True, gc=False, rename={"sender": "from"}):
    """As much of a body as tells of a message."""

    handler: str = ""
    to: bytes = b""
    message: int = -1
    sender: tuple[bytes, int, bytes] | None = None


class _Row(msgspec.Struct, array_like=True, frozen=True, gc=False):
    version: int
    actor: bytes
    seq: int
    parent: bytes | None
    time: int
    kind: str
    body: msgspec.Raw


_row = msgspec.msgpack.Decoder(_Row).decode
_told = msgspec.msgpack.Decoder(_Told).decode
_RECEIVED = frozenset({"message/received", "message/handled", "message/dead"})


def begin(stage: Stage) -> None:
    """Note down what was undelivered at the opening, and still can be: its receiver is asleep."""
    alive = {sleeper.id for sleeper in stage.asleep.values()}
    found, read = find(stage.journal)
    kept: dict[bytes, list[Key]] = {}
    for key, to in found.items():
        if to in alive:
            kept.setdefault(to, []).append(key)
    stage.leftovers.undelivered = kept
    stage.leftovers.list_at = stage.journal.size + max(0, _EVENTS - read) if stage.journal.durable else NEVER


def look(stage: Stage) -> None:
    """List what is undelivered if it is time; called now and then while somebody is at work."""
    if stage.journal.size >= stage.leftovers.list_at and not stage.is_cutting and not stage.journal.failed:
        list_now(stage)


def list_now(stage: Stage) -> bool:
    """Have the root's chain say what is undelivered now, wherever it lies; says whether there is anything."""
    listed = [[to, *key] for to, key in _lying(stage)]
    if listed or not stage.is_sealed:  # a close says that there is nothing
        with suppress(JournalError):  # an older list will do: there is only more to read
            stage.recorder.append(stage.root, "actor/snapshot", {"undelivered": listed})
    between = max(_EVENTS, _SPREAD * len(listed), len(stage.cells))
    stage.leftovers.list_at = stage.journal.size + between
    return bool(listed)


def _lying(stage: Stage) -> Iterator[tuple[bytes, Key]]:
    left = stage.leftovers
    for to, keys in left.undelivered.items():
        for key in keys:
            owed = left.owed.get(key)
            if owed is None or not owed.is_withdrawn:
                yield to, key
    for cell in (*stage.cells.values(), *left.waiting.values()):
        for envelope in undelivered(cell):
            if envelope.sender is not None:
                yield cell.id, envelope.sender[:2]


def find(journal: Journal) -> tuple[dict[Key, bytes], int]:
    """What was undelivered when the journal was opened, and the receivers; and how many events that took.

    Messages stand in the order in which they were sent.
    """
    seq, listed = _newest_list(journal)
    waiting = dict(listed)
    count = follow(waiting, journal.since(ROOT, seq)) if journal.tips() else 0
    for key in listed:
        if key in waiting and not _is_there(journal, *key):
            del waiting[key]
    return waiting, count


def _is_there(journal: Journal, sender: bytes, seq: int) -> bool:
    """Whether a message was not removed: that only happens with the event by which it was received."""
    try:
        journal.event(sender, seq)
    except HistoryCutError:
        return False
    return True


def _is_final(body: bytes) -> bool:
    """Whether nobody answered an asker: its ask was taken out of the mailbox, and nothing will come."""
    told = _told(body)
    return told.message >= 0 and told.sender is None


def follow(waiting: dict[Key, bytes], events: Iterable[bytes]) -> int:
    """Bring a list, whose values are the receivers, up to the last of these events; says how many."""
    count = 0
    for count, data in enumerate(events, 1):  # noqa: B007  # it is returned
        row = _row(data)
        kind = row.kind
        if kind in _RECEIVED:
            sender = _told(row.body).sender
            if sender is not None:
                waiting.pop(sender[:2], None)
        elif kind == "message/sent":
            told = _told(row.body)
            if not told.handler.startswith("@"):
                waiting[row.actor, row.seq] = told.to
        elif kind == "timer/fired":
            waiting[row.actor, row.seq] = row.actor
        elif kind == "message/withdrawn" or (kind == "message/answered" and _is_final(row.body)):
            waiting.pop((row.actor, _told(row.body).message), None)
    return count


def _newest_list(journal: Journal) -> tuple[int, dict[Key, bytes]]:
    """What was undelivered when the root's chain last said so, and the seq of that event; or -1."""
    events, _ = journal.tips().get(ROOT, (0, b""))
    for seq in range(events - 1, -1, -1):
        data = journal.event(ROOT, seq)
        kind = kind_of(data)
        if kind == b"actor/snapshot":
            return seq, {(sender, number): to for to, sender, number in _list_in(journal, Event.read(data))}
        if kind == b"theater/closed" and "waiting" not in Event.read(data).body:
            return seq, {}
    return -1, {}


def _list_in(journal: Journal, event: Event) -> list[Any]:
    listed: list[Any] = inline(event.body, journal.read)["undelivered"]
    return listed
