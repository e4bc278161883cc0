"""Restoring: what a full snapshot says that an actor had besides its state, as the shadow stage keeps it."""

from __future__ import annotations

from typing import Any

from theater.cell import Cell
from theater.deferring import Slot
from theater.owning import give_stores
from theater.redelivery import envelope_of
from theater.stashing import Stashed
from theater.store.fold import Fold
from theater.timers import Timer

_BILLION = 1_000_000_000


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
