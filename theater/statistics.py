"""What a theater can say of itself at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from theater.cell import Cell
    from theater.stage import Stage


@dataclass(frozen=True, slots=True)
class Statistics:
    """Counts since the theater was opened, and what is there now.

    Hooks are no messages. A message is sent once its arguments fit; what lay in a mailbox when the theater
    was closed is sent anew when its actor wakes. From there it is in exactly one of `handled`, `failed`,
    `withdrawn`, `returned`, `dead_letters`, `waiting`, `queued`, `stashed` and `at_hand`.
    """

    actors: int  # alive here
    active: int  # of those, with a message at hand or waiting
    sent: int  # messages, timers that fired and news of ends
    waiting: int  # messages whose senders wait for room
    queued: int  # messages in all mailboxes
    stashed: int  # messages set aside
    at_hand: int  # messages whose handlers run
    handled: int  # messages, also by a declared error, or by one whose asker had given up
    failed: int  # messages whose handlers failed or were cut off
    withdrawn: int  # messages whose senders gave up before they were begun
    returned: int  # messages handed back to their senders, with a `DeliveryError`
    dead_letters: int  # messages that lost their place or got none: their actor ended, or there was no room
    dropped: int  # of those, for want of room
    failures: int  # of actors, in messages and hooks
    restarts: int
    events: int  # in the journal
    committed: int  # of those, under a checkpoint

    @property
    def unaccounted(self) -> int:
        """Messages sent of which nothing is known: 0, or the runtime has a fault."""
        ended = self.handled + self.failed + self.withdrawn + self.returned + self.dead_letters
        return self.sent - ended - self.waiting - self.queued - self.stashed - self.at_hand


def count(stage: Stage) -> Statistics:
    """Count all that there is to count, now."""
    cells = stage.cells.values()
    return Statistics(
        actors=len(stage.cells),
        active=stage.active,
        sent=stage.sent,
        waiting=stage.waiting,
        queued=sum(cell.queued for cell in (*cells, *stage.leftovers.waiting.values())),
        stashed=sum(len(cell.extras.stash) for cell in cells if cell.extras is not None),
        at_hand=sum(_at_hand(cell) for cell in cells),
        handled=stage.handled + sum(cell.handled for cell in cells),
        failed=stage.failed,
        withdrawn=stage.withdrawn,
        returned=stage.returned,
        dead_letters=stage.dead_letters,
        dropped=stage.dropped,
        failures=stage.failures,
        restarts=stage.restarts,
        events=stage.journal.size,
        committed=stage.journal.committed,
    )


def _at_hand(cell: Cell) -> bool:
    return cell.current is not None and cell.is_message(cell.current)
