"""Retries: whether an effect that failed is run again, and after which wait: a decision."""

from __future__ import annotations

from dataclasses import dataclass

from theater.errors import SetupError
from theater.restart import Backoff


@dataclass(frozen=True, slots=True)
class Retry:
    """How often an effect that failed is run again, and how long to wait before (full jitter, as `Backoff`).

    Unless running it twice is as good as once, `on` should name only errors that say that nothing happened.
    """

    times: int = 3  # that it is run again, after the first
    first: float = 0.1  # seconds, at most, before the first of these
    most: float = 30.0
    factor: float = 2.0
    on: tuple[type[Exception], ...] = (Exception,)

    def __post_init__(self) -> None:
        if type(self.times) is not int or self.times < 1:
            raise SetupError(f"times must be a whole number of at least 1, not {self.times!r}")
        if not isinstance(self.on, tuple) or not all(
            isinstance(one, type) and issubclass(one, Exception) for one in self.on
        ):
            raise SetupError(f"on= takes a tuple of exception classes, not {self.on!r}")
        Backoff(self.first, self.most, self.factor)  # checks them

    def delay(self, error: Exception, *, failed: int, chance: float) -> float | None:
        """Seconds to wait, or None if it stays failed; `failed` counts its runs so far, all of which failed.

        `chance` is at least 0 and below 1.
        """
        if failed > self.times or not isinstance(error, self.on):
            return None
        return Backoff(self.first, self.most, self.factor).delay(failed, chance=chance)
