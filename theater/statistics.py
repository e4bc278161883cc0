"""What a theater can say of itself at one moment."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Statistics:
    """Counts since the theater was opened, and what is there now."""

    actors: int  # alive here
    active: int  # of those, with a message at hand or waiting
    queued: int  # messages in all mailboxes
    handled: int  # messages, hooks and timers, without failures, by actors that are alive
    failures: int
    restarts: int
    dead_letters: int  # messages that nobody will handle
    dropped: int  # of those, by full mailboxes
    events: int  # in the journal
    committed: int  # of those, under a checkpoint
