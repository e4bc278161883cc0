"""Letters: messages that will not be handled, and who is told of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from theater import settling
from theater.turn import received_body

if TYPE_CHECKING:
    from theater.cell import Cell
    from theater.errors import DeliveryError
    from theater.mailbox import Envelope


def die(cell: Cell, envelope: Envelope, error: DeliveryError, *, why: str | None = None) -> None:
    """Say to the record and to the asker that this message will not be handled.

    `why` names the overflow policy that dropped it; None: its actor has ended.
    """
    cell.theater.dead_letters += 1
    if why is not None:
        cell.theater.dropped += 1
    if cell.theater.records_messages:
        body = received_body(envelope)
        seq = cell.record("message/dead", body if why is None else body | {"why": why})
        if envelope.turn is not None:
            told = {"class": type(error).__name__, "text": str(error)}
            envelope.outcome = ({"error": told}, (cell.id, seq, cell.head or b""))
    settling.give_error(cell, envelope, error)
