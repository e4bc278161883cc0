"""How an actor is to be kept: the options of `spawn`, checked where they enter."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict

from theater.errors import SetupError
from theater.grants import Grants
from theater.mailbox import Overflow
from theater.restart import LAST_GOOD, PERMANENT, Backoff, Restart, RestartLimit, Restore

OverflowName = Literal["wait", "fail", "drop_newest", "drop_oldest"]


class SpawnOptions(TypedDict, total=False):
    """What may be said of an actor when it is spawned; `Options` has the defaults."""

    restart: Restart
    state: Restore
    limit: RestartLimit
    stop_within: float
    mailbox: int
    overflow: Overflow | OverflowName
    grants: Grants | None
    backoff: Backoff | None


@dataclass(frozen=True, slots=True)
class Options:
    """The defaults are those of `spawn`."""

    restart: Restart = PERMANENT
    state: Restore = LAST_GOOD  # what a restarted actor begins with
    limit: RestartLimit = field(default_factory=RestartLimit)
    stop_within: float = 5.0  # seconds that a supervisor gives it to stop
    mailbox: int = 1024  # messages
    overflow: Overflow | OverflowName = Overflow.WAIT  # what a full mailbox does with one more
    grants: Grants | None = None  # as asked: None is what its supervisor has; once spawned: None is all
    backoff: Backoff | None = None  # how long to wait before a restart; None: not at all

    def __post_init__(self) -> None:
        for name, kind in (("restart", Restart), ("state", Restore), ("limit", RestartLimit)):
            if not isinstance(getattr(self, name), kind):
                raise SetupError(f"{name} must be a {kind.__name__}, not {getattr(self, name)!r}")
        if self.backoff is not None and not isinstance(self.backoff, Backoff):
            raise SetupError(f"backoff must be a Backoff, not {self.backoff!r}")
        if type(self.mailbox) is not int or self.mailbox < 1:
            raise SetupError(f"mailbox must be a whole number of at least 1, not {self.mailbox!r}")
        try:
            object.__setattr__(self, "overflow", Overflow(self.overflow))  # its name will do
        except ValueError:
            raise SetupError(
                f"overflow must be one of {', '.join(Overflow)}, not {self.overflow!r}"
            ) from None
        if self.grants is not None and not isinstance(self.grants, Grants):
            raise SetupError(
                f"grants must be Grants(...), or None for those of its supervisor, not {self.grants!r}"
            )
        if isinstance(self.stop_within, bool) or not self.stop_within > 0:
            raise SetupError(f"stop_within must be more than 0 seconds, not {self.stop_within!r}")

    @classmethod
    def of(cls, said: SpawnOptions) -> Options:
        """These and the defaults; saying nothing costs nothing (5 µs of a spawn).

        Raises:
            TypeError: there is no such option.
            SetupError: one is bad.
        """
        if not said:
            return DEFAULTS
        for name in said:
            if name not in cls.__slots__:
                options = ", ".join(cls.__slots__)
                raise TypeError(f"spawn got an unexpected option {name!r}; there are {options}")
        return cls(**said)

    def to_plain(self) -> dict[str, Any]:
        """Those that are not the defaults, for the record."""
        if self is DEFAULTS:
            return {}
        plain: dict[str, Any] = {}
        if self.restart is not PERMANENT:
            plain["restart"] = self.restart.value
        if self.state is not LAST_GOOD:
            plain["state"] = self.state.value
        if self.limit != RestartLimit():
            plain["limit"] = [self.limit.restarts, float(self.limit.within)]
        if self.stop_within != DEFAULTS.stop_within:
            plain["stop_within"] = float(self.stop_within)
        if self.mailbox != DEFAULTS.mailbox:
            plain["mailbox"] = self.mailbox
        if self.overflow is not Overflow.WAIT:
            plain["overflow"] = str(self.overflow)
        if self.grants is not None:
            plain["grants"] = self.grants.to_plain()
        if self.backoff is not None:
            backoff = self.backoff
            plain["backoff"] = [float(backoff.first), float(backoff.most), float(backoff.factor)]
        return plain

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Options:
        """Read what `to_plain` wrote."""
        limit, backoff = plain.get("limit"), plain.get("backoff")
        return cls(
            restart=Restart(plain.get("restart", PERMANENT.value)),
            state=Restore(plain.get("state", LAST_GOOD.value)),
            limit=RestartLimit() if limit is None else RestartLimit(limit[0], limit[1]),
            stop_within=plain.get("stop_within", 5.0),
            mailbox=plain.get("mailbox", 1024),
            overflow=Overflow(plain.get("overflow", Overflow.WAIT)),
            grants=Grants.from_plain(plain["grants"]) if "grants" in plain else None,
            backoff=None if backoff is None else Backoff(*backoff),
        )


DEFAULTS = Options()
