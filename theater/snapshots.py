"""Snapshots: all that an actor is, in one event of its chain, so that nothing before it is needed to go on.

One is taken between two messages, from the running actor, once its chain has grown by so many events or
bytes, and never while the last one is larger than what was recorded since.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from theater.codec import BODY_DEPTH, prepare
from theater.errors import DiskFullError, SetupError
from theater.turn import received_body

if TYPE_CHECKING:
    from theater.cell import Cell
    from theater.deferring import Slot
    from theater.mailbox import Envelope
    from theater.past import Letter

logger = logging.getLogger("theater")

NEVER = sys.maxsize
_BILLION = 1_000_000_000
_PACE = 2_000  # bytes looked through for each event until the next snapshot: 20 µs; 100 MB take a second
_LETTERS = 16  # events for each message that waits: writing one into a snapshot takes longer than handling it
_PART = 10  # at a close, a snapshot is worth a tenth of the events that it takes otherwise


@dataclass(frozen=True, slots=True)
class Snapshots:
    """How often an actor in a folder is written down whole: its state, stores, timers, and what waits.

    After so many events or bytes of its chain, whichever comes first, but not before the chain has grown by
    as many bytes as the last snapshot took. Resuming and compacting need nothing before the newest one.
    """

    events: int = 1_000
    bytes: int = 1 << 20

    def __post_init__(self) -> None:
        for name in ("events", "bytes"):
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                raise SetupError(f"snapshots: {name} must be a whole number of at least 1, not {value!r}")


def begin(cell: Cell, *, since: int = 0) -> None:
    """Say when to look first, of an actor whose newest snapshot, or first event, has the seq `since`."""
    policy = cell.theater.snapshots
    if policy is not None:  # a crash after each few events must not cost a snapshot each
        cell.due = max(since + policy.events, cell.events + policy.events // _PART)


def look(cell: Cell) -> None:
    """Take a snapshot if it is time; called between two messages of an actor that is `due`."""
    policy = cell.theater.snapshots
    if policy is None or cell.signals or cell.stopping:
        return  # what is in the control lane may be news that no snapshot holds
    if cell.weight < cell.cost:
        cell.due = cell.events + 1 + policy.events // _PART
        return
    with _room(cell):
        cell.due = cell.events + policy.events
        take(cell)


def take(cell: Cell) -> None:
    """Write down all that the actor is; it is at rest, and its control lane is empty."""
    policy = cell.theater.snapshots
    before, recorder = cell.weight, cell.theater.recorder
    recorder.bulk = 0
    body = full_body(cell)
    recorder.append_prepared(cell, "actor/snapshot", _prepared(cell, body), body)
    cell.cost = cell.weight - before
    cell.weight = 0
    cell.stale = False
    if policy is not None:
        soon = max(policy.events, recorder.bulk // _PACE)
        delay = max(0, len(body.get("mailbox", ())) * _LETTERS - soon)
        cell.due = cell.events + soon + delay
        if delay or cell.extras is not None:
            cell.more().delay = delay


def at_close(cell: Cell) -> None:
    """Write down what the record lacks of an actor: all that it is, if it is at rest and that is worth it."""
    part = _lacking(cell)
    policy = cell.theater.snapshots
    is_at_rest = cell.waiter is not None and not cell.signals
    due = cell.due if cell.extras is None else cell.due - cell.extras.delay  # its mailbox is empty now
    is_worth_it = policy is not None and due - cell.events <= policy.events - policy.events // _PART
    with _room(cell):
        if is_at_rest and (part or is_worth_it):
            take(cell)
        elif part:
            cell.record("actor/snapshot", part)


def _prepared(cell: Cell, body: dict[str, Any]) -> object:
    """The same ready to be packed; most messages that wait are as they are, so it takes half the time."""
    if "mailbox" not in body:
        return prepare(body, name="body", depth=BODY_DEPTH)
    waiting, letters = undelivered(cell), body["mailbox"]
    unrecorded = len(letters) - len(waiting)
    are_ready = [False] * unrecorded + [one.plain is None for one in waiting]
    prepared: Any = prepare(body | {"mailbox": None}, name="body", depth=BODY_DEPTH)
    prepared["mailbox"] = [
        letter if is_ready else prepare(letter, name="message", depth=BODY_DEPTH - 2)
        for letter, is_ready in zip(letters, are_ready, strict=True)
    ]
    return prepared


@contextmanager
def _room(cell: Cell) -> Iterator[None]:
    """Go on without the snapshot where there is no room for it: the events before it are all there."""
    try:
        yield
    except DiskFullError as error:
        logger.warning("%s %r: no snapshot, the disk is full", cell.class_name, cell.name, exc_info=error)


def full_body(cell: Cell) -> dict[str, Any]:
    """All that an actor is, as plain values."""
    assert cell.keeper is not None
    extras, stores = cell.extras, cell.stores
    declared = cell.supervision.children if cell.supervision is not None else ()
    aside, unrecorded = _set_aside(cell)
    parts: dict[str, Any] = {
        "mailbox": [*unrecorded, *(received_body(envelope) for envelope in undelivered(cell))],
        "stash": aside,
        "timers": [
            [one.seq, one.since, one.told_body()] for one in (cell.timers or {}).values() if one.seq >= 0
        ],
        "children": [child.id for child in cell.children or ()],
        "spawned": [f"{cell.name}/{spec.name}" for spec in declared],
        "restarts": _restarts(cell),
        "stores": stores.fold.snapshot() if stores is not None and stores.fold.stores else None,
    }
    if extras is not None:
        parts |= {
            "deferred": [[one.seq, letter_of(one.envelope, is_ask=True)] for one in _owed(cell)],
            "links": list(extras.links or ()),
            "watches": [[one.seq, one.watched, one.handler] for one in extras.watches or ()],
        }
    body: dict[str, Any] = {"full": True, "source": cell.plan.source_digest, "state": cell.keeper.plain()}
    if cell.plan.version != 1:
        body["version"] = cell.plan.version
    return body | {name: part for name, part in parts.items() if part}


def _lacking(cell: Cell) -> dict[str, Any]:
    """What the record does not know of an actor that may be at work."""
    body: dict[str, Any] = {}
    if cell.stale and cell.keeper is not None:
        body["state"] = cell.keeper.plain()
    _, unrecorded = _set_aside(cell)
    letters = [*unrecorded, *(received_body(envelope) for envelope in undelivered(cell))]
    if letters:
        body["mailbox"] = letters
    return body


def undelivered(cell: Cell) -> list[Envelope]:
    """Messages in the mailbox that were never begun, nor is the one at hand as far as the record knows.

    Hooks are no messages: what they would have told is told anew to whoever wakes.
    """
    at_hand = cell.current
    is_unknown = at_hand is not None and (cell.turn is None or cell.turn.seq is None)
    kept = [at_hand] if at_hand is not None and is_unknown and cell.is_message(at_hand) else []
    queued = [*kept, *(cell.queue or ())]
    back = _put_back(cell)
    return [envelope for envelope in queued if envelope.outlives and envelope not in back]


def _set_aside(cell: Cell) -> tuple[list[list[Any]], list[Letter]]:
    """What was set aside, put back or not, by the seq of its `message/received`; and what has none."""
    stash = () if cell.extras is None else cell.extras.stash
    back = _put_back(cell)
    queued = [envelope for envelope in cell.queue or () if envelope in back]
    told = [(back[envelope], received_body(envelope)) for envelope in queued]
    told += [(one.seq, letter_of(one.envelope, is_ask=one.is_ask)) for one in stash]
    return [[seq, letter] for seq, letter in told if seq >= 0], [letter for seq, letter in told if seq < 0]


def _put_back(cell: Cell) -> dict[Envelope, int]:
    """Messages that were set aside once; the record does not know that they lie in the mailbox again."""
    return {} if cell.extras is None else cell.extras.put_back


def letter_of(envelope: Envelope, *, is_ask: bool) -> Letter:
    """A message whose reply is kept elsewhere."""
    return received_body(envelope) | {"ask": is_ask}


def _owed(cell: Cell) -> list[Slot]:
    """The answers that it owes, and for which somebody waits."""
    slots = () if cell.extras is None else tuple(cell.extras.slots or ())
    return [slot for slot in slots if slot.seq >= 0 and slot.future is not None and not slot.future.done()]


def _restarts(cell: Cell) -> list[int]:
    """When the actor was last started again: nanoseconds since 1970 UTC, oldest first."""
    now, moment = cell.theater.recorder.now(), cell.loop.time()
    return [now - round((moment - one) * _BILLION) for one in cell.restarts]
