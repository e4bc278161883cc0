"""Restoring: what an actor had besides its state, where a replay does not begin with its first event."""

from __future__ import annotations

from typing import Any

from theater.cell import Cell
from theater.chain import ChainView
from theater.deferring import Slot
from theater.errors import HistoryCutError
from theater.moments import Full, stores_at
from theater.owning import give_stores
from theater.past import fold, is_full
from theater.redelivery import envelope_of
from theater.stashing import Stashed
from theater.store.fold import Fold
from theater.timers import Timer

_BILLION = 1_000_000_000


def newest_full(chain: ChainView, at: int) -> int:
    """The seq of the newest full snapshot up to `at`; 0 if there is none."""
    for seq in range(at, 0, -1):
        try:
            if is_full(chain[seq]):
                return seq
        except HistoryCutError:
            break
    return 0


def newest_migration(chain: ChainView, at: int, version: int) -> int | None:
    """The seq of the newest `actor/migrated` up to `at` that leads to this version of the class."""
    for seq in range(at, 0, -1):
        event = chain[seq]
        if event.kind == "actor/migrated":
            return seq if event.body["to"] == version else None
    return None


def besides(chain: ChainView, at: int, full: Full) -> dict[str, Any]:
    """The same as a full snapshot after event `at` would say, but for the state."""
    since = newest_full(chain, at)
    events = [chain[0], *(chain[seq] for seq in range(max(1, since), at + 1))]
    for event in events:
        event.body.update(full(event.body))
    past = fold(events)
    return {
        "stores": stores_at(chain, at, full).snapshot(),
        "timers": [[seq, timer.since, timer.body] for seq, timer in past.timers.items()],
        "stash": [[seq, letter] for seq, letter in past.stashed.items()],
        "deferred": [[seq, letter] for seq, letter in past.deferred.items()],
    }


def restore(cell: Cell, body: dict[str, Any]) -> None:
    """Give the actor its stores, timers, what it has set aside, and the answers that it owes."""
    cell.stores = cell.timers = cell.extras = None
    if "stores" in body:
        give_stores(cell, Fold.of_snapshot(body["stores"]))
    for seq, _, told in body.get("timers", ()):
        envelope = envelope_of(cell, {**told, "ask": False, "from": None})
        Timer(cell, envelope, delay=told["delay"] / _BILLION, every=told["every"]).stand(seq)
    for seq, letter in body.get("stash", ()):
        Stashed(cell, _asked(cell, letter), seq).settle()
    for seq, letter in body.get("deferred", ()):
        Slot(cell, _asked(cell, letter), seq).begin()


def _asked(cell: Cell, letter: dict[str, Any]) -> Any:
    envelope = envelope_of(cell, letter)
    if letter["ask"]:
        envelope.reply = cell.loop.create_future()
    return envelope
