"""An allowance: how many messages an actor may send now, as a bucket of tokens. Times are in seconds."""

from __future__ import annotations

from math import inf
from typing import NamedTuple


class Allowance(NamedTuple):
    """So many tokens at that moment; each message takes one, and time brings new ones."""

    tokens: float
    moment: float  # on one clock that never goes back


class Spent(NamedTuple):
    """What is left, and how long to wait for the next token if there was none."""

    left: Allowance
    wait: float = 0.0  # seconds; 0: the message may go


def first(rate: float, *, now: float) -> Allowance:
    """A full bucket: what one second grants, and at least one message unless nothing is granted."""
    return Allowance(_most(rate), now)


def spend(allowance: Allowance, rate: float, *, now: float) -> Spent:
    """Take a token at `now`, where `rate` of them come every second."""
    if rate == inf:
        return Spent(allowance)
    tokens = min(_most(rate), allowance.tokens + (now - allowance.moment) * rate)
    if tokens >= 1:
        return Spent(Allowance(tokens - 1, now))
    return Spent(Allowance(tokens, now), (1 - tokens) / rate if rate else inf)


def _most(rate: float) -> float:
    return max(1.0, rate) if rate else 0.0
