"""Supervision as a decision: who is started again, and how often. Times are in seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from theater.errors import SetupError


class Reason(Enum):
    """Why an actor ended."""

    NORMAL = "normal"  # it was asked to stop, and stopped
    SHUTDOWN = "shutdown"  # its supervisor stopped it
    KILLED = "killed"  # it was cancelled
    FAILED = "failed"  # it failed, and was not started again


class Restart(Enum):
    """When an actor that failed is started again (the words of OTP's supervisor)."""

    PERMANENT = "permanent"
    TRANSIENT = "transient"
    TEMPORARY = "temporary"


class Restore(Enum):
    """The state that a restarted actor begins with."""

    LAST_GOOD = "last_good"  # after the last message that it handled
    INITIAL = "initial"  # as it was spawned


PERMANENT = Restart.PERMANENT
TRANSIENT = Restart.TRANSIENT
TEMPORARY = Restart.TEMPORARY
LAST_GOOD = Restore.LAST_GOOD
INITIAL = Restore.INITIAL


@dataclass(frozen=True, slots=True)
class RestartLimit:
    """At most `restarts` restarts within any `within` seconds."""

    restarts: int = 3
    within: float = 5.0

    def __post_init__(self) -> None:
        if type(self.restarts) is not int or self.restarts < 0:
            raise SetupError(f"restarts must be a whole number of at least 0, not {self.restarts!r}")
        if not self.within > 0:
            raise SetupError(f"within must be more than 0 seconds, not {self.within!r}")


def recent(earlier: Sequence[float], *, now: float, limit: RestartLimit) -> tuple[float, ...]:
    """Those of the `earlier` restarts that still count against `limit` at `now`, oldest first."""
    return tuple(moment for moment in earlier if now - moment < limit.within)


def may_restart(earlier: Sequence[float], *, now: float, limit: RestartLimit, restart: Restart) -> bool:
    """Say whether an actor that failed at `now` is started once more."""
    if restart is Restart.TEMPORARY:
        return False
    return len(recent(earlier, now=now, limit=limit)) < limit.restarts
