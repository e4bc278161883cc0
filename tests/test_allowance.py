"""Allowances: that no more is spent than time has brought."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theater.allowance import Allowance, first, spend

rates = st.floats(0.01, 1_000)


def spent(rate: float, moments: list[float]) -> list[float]:
    """The moments at which a token was there, of those at which one was wanted."""
    allowance, kept = first(rate, now=0.0), []
    for now in moments:
        allowance, wait = spend(allowance, rate, now=now)
        if not wait:
            kept.append(now)
    return kept


@given(rates, st.lists(st.floats(0, 100), max_size=60).map(sorted))
def test_no_span_of_time_holds_more_than_a_full_bucket_and_what_it_brings(
    rate: float, moments: list[float]
) -> None:
    kept = spent(rate, moments)

    for number, begin in enumerate(kept):
        for further, end in enumerate(kept[number:], start=1):
            assert further <= max(1.0, rate) + rate * (end - begin) + 1e-6


@given(rates, st.integers(1, 30))
def test_after_the_wait_it_names_a_message_may_go(rate: float, count: int) -> None:
    allowance, now = first(rate, now=0.0), 0.0

    for _ in range(count):
        allowance, wait = spend(allowance, rate, now=now)
        if wait:
            now += wait * (1 + 1e-9)
            allowance, wait = spend(allowance, rate, now=now)
        assert not wait


def test_a_second_s_worth_may_go_at_once_and_then_one_by_one() -> None:
    assert spent(2.0, [0, 0, 0, 0.4, 0.5, 0.6, 1.0]) == [0, 0, 0.5, 1.0]


def test_a_long_silence_saves_up_no_more_than_one_second() -> None:
    assert spent(2.0, [1_000.0] * 5) == [1_000.0] * 2


@pytest.mark.parametrize("rate", [0.1, 1.0])
def test_a_slow_rate_still_lets_one_message_go(rate: float) -> None:
    assert spent(rate, [0, 1 / rate - 0.01, 1 / rate]) == [0, 1 / rate]


def test_where_nothing_is_granted_no_wait_helps() -> None:
    assert spend(first(0, now=0.0), 0, now=1e9) == (Allowance(0.0, 1e9), inf)


def test_where_all_is_granted_nothing_is_counted() -> None:
    assert spend(first(inf, now=0.0), inf, now=0.0).wait == 0


def test_a_clock_that_stands_still_or_goes_back_brings_nothing() -> None:
    assert spent(1.0, [10.0, 5.0, 10.0, 10.5, 11.0]) == [10.0, 11.0]
