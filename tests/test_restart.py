"""What supervisors decide: a table of strategy, restart type and reason, and the laws that hold for all."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theater import (
    ONE_FOR_ALL,
    ONE_FOR_ONE,
    PERMANENT,
    REST_FOR_ONE,
    TEMPORARY,
    TRANSIENT,
    Backoff,
    Directive,
    Reason,
    Restart,
    RestartLimit,
    SetupError,
    Strategy,
)
from theater.restart import END, ESCALATE, Standing, Verdict, decide, recent

NORMAL, SHUTDOWN, KILLED, FAILED = Reason

AGAIN = {
    PERMANENT: {NORMAL, KILLED, FAILED},
    TRANSIENT: {KILLED, FAILED},
    TEMPORARY: set(),
}
"""Who is started again after what: OTP's table."""

MIDDLE = {
    ONE_FOR_ONE: Verdict(stop=(), start=(2,)),
    ONE_FOR_ALL: Verdict(stop=(4, 3, 1, 0), start=(0, 2, 4)),
    REST_FOR_ONE: Verdict(stop=(4, 3), start=(2, 4)),
}
"""What happens when the third of five ends, of whom the second and the fourth are temporary."""


def five(restart: Restart) -> list[Standing]:
    return [Standing(one) for one in (PERMANENT, TEMPORARY, restart, TEMPORARY, TRANSIENT)]


@pytest.mark.parametrize("reason", Reason)
@pytest.mark.parametrize("restart", Restart)
@pytest.mark.parametrize("strategy", Strategy)
def test_the_table_of_strategy_restart_type_and_reason(
    strategy: Strategy, restart: Restart, reason: Reason
) -> None:
    verdict = decide(five(restart), 2, reason, now=0.0, strategy=strategy)

    assert verdict == (MIDDLE[strategy] if reason in AGAIN[restart] else END)


@pytest.mark.parametrize("strategy", Strategy)
def test_past_its_limit_a_child_escalates(strategy: Strategy) -> None:
    children = five(PERMANENT)
    children[2] = Standing(earlier=(1.0, 2.0), limit=RestartLimit(restarts=2, within=10))

    assert decide(children, 2, FAILED, now=10.5, strategy=strategy) == ESCALATE
    assert decide(children, 2, FAILED, now=11.0, strategy=strategy) == MIDDLE[strategy]


def test_a_sibling_without_a_restart_left_cannot_be_started_again_with_the_others() -> None:
    spent = Standing(earlier=(1.0,), limit=RestartLimit(restarts=1))

    assert decide([Standing(), spent], 0, FAILED, now=2.0, strategy=ONE_FOR_ALL) == ESCALATE
    assert decide([Standing(), spent], 0, FAILED, now=2.0, strategy=ONE_FOR_ONE).start == (0,)


def test_a_temporary_sibling_has_no_say_in_the_limit() -> None:
    children = [Standing(), Standing(TEMPORARY, limit=RestartLimit(restarts=0))]

    assert decide(children, 0, FAILED, now=0.0, strategy=ONE_FOR_ALL) == Verdict(stop=(1,), start=(0,))


def test_the_limit_of_the_supervisor_counts_for_all_children_together() -> None:
    limit = RestartLimit(restarts=2, within=10)
    children = [Standing(limit=None), Standing(limit=None)]

    assert decide(children, 1, FAILED, now=3.0, limit=limit, earlier=(1.0,)).start == (1,)
    assert decide(children, 1, FAILED, now=3.0, limit=limit, earlier=(1.0, 2.0)) == ESCALATE


@pytest.mark.parametrize("restart", Restart)
def test_a_directive_overrides_the_restart_type_but_not_the_limit(restart: Restart) -> None:
    spent = [Standing(restart, limit=RestartLimit(restarts=0))]

    assert decide(five(restart), 2, FAILED, now=0.0, directive=Directive.RESTART).start == (2,)
    assert decide(five(restart), 2, FAILED, now=0.0, directive=Directive.STOP) == END
    assert decide(five(restart), 2, FAILED, now=0.0, directive=Directive.ESCALATE) == ESCALATE
    ends = END if restart is TEMPORARY else ESCALATE
    assert decide(spent, 0, FAILED, now=0.0, directive=Directive.RESTART) == ends


# -- laws

moments = st.lists(st.floats(min_value=0, max_value=100), max_size=6).map(lambda them: tuple(sorted(them)))
limits = st.builds(
    RestartLimit, restarts=st.integers(0, 4), within=st.floats(min_value=0.5, max_value=50, width=16)
)
standings = st.builds(Standing, restart=st.sampled_from(Restart), earlier=moments, limit=limits | st.none())


@st.composite
def ends(draw: st.DrawFn) -> tuple[list[Standing], int, dict[str, Any]]:
    children = draw(st.lists(standings, min_size=1, max_size=6))
    said: dict[str, Any] = {
        "reason": draw(st.sampled_from(Reason)),
        "now": draw(st.floats(min_value=100, max_value=200)),
        "strategy": draw(st.sampled_from(Strategy)),
        "limit": draw(limits | st.none()),
        "earlier": draw(moments),
        "directive": draw(st.sampled_from(Directive) | st.none()),
    }
    return children, draw(st.integers(0, len(children) - 1)), said


@given(ends())
def test_stopping_is_right_to_left_and_starting_left_to_right(end: Any) -> None:
    children, place, said = end
    verdict = decide(children, place, **said)

    assert all(left > right for left, right in pairwise(verdict.stop))
    assert all(left < right for left, right in pairwise(verdict.start))
    assert place not in verdict.stop
    assert bool(verdict.start) == (place in verdict.start)


@given(ends())
def test_siblings_are_started_if_they_were_stopped_and_are_not_temporary(end: Any) -> None:
    children, place, said = end
    verdict = decide(children, place, **said)

    stopped_for_good = set(verdict.stop) - set(verdict.start)
    assert all(children[one].restart is TEMPORARY for one in stopped_for_good)
    assert set(verdict.start) - {place} <= set(verdict.stop)
    assert not (verdict.escalates and verdict.start)


@given(ends())
def test_only_siblings_that_the_strategy_names_are_touched(end: Any) -> None:
    children, place, said = end
    touched = set(decide(children, place, **said).stop)

    if said["strategy"] is ONE_FOR_ONE:
        assert not touched
    elif said["strategy"] is REST_FOR_ONE:
        assert touched <= set(range(place + 1, len(children)))


@given(ends())
def test_nothing_is_started_beyond_a_limit(end: Any) -> None:
    children, place, said = end
    verdict = decide(children, place, **said)

    for one in verdict.start:
        limit = children[one].limit
        if limit is not None:
            assert len(recent(children[one].earlier, now=said["now"], limit=limit)) < limit.restarts
    if verdict.start and said["limit"] is not None:
        assert len(recent(said["earlier"], now=said["now"], limit=said["limit"])) < said["limit"].restarts


@given(
    failures=st.lists(
        st.tuples(st.floats(min_value=0, max_value=3), st.integers(0, 2)), min_size=1, max_size=40
    ),
    strategy=st.sampled_from(Strategy),
    limit=limits,
)
def test_no_window_of_any_history_holds_more_restarts_than_the_limit(
    failures: list[tuple[float, int]], strategy: Strategy, limit: RestartLimit
) -> None:
    now = 0.0
    restarts: list[list[float]] = [[], [], []]
    for pause, place in failures:
        now += pause
        children = [Standing(earlier=tuple(them), limit=limit) for them in restarts]
        for one in decide(children, place, FAILED, now=now, strategy=strategy).start:
            restarts[one].append(now)

    for them in restarts:
        for last in them:
            within = [moment for moment in them if moment <= last and last - moment < limit.within]
            assert len(within) <= limit.restarts


@given(st.lists(st.sampled_from([SHUTDOWN, NORMAL, KILLED, FAILED])), standings)
def test_a_temporary_child_is_never_started_again_without_a_directive(
    reasons: list[Reason], other: Standing
) -> None:
    children = [other, Standing(TEMPORARY)]

    assert all(
        1 not in decide(children, place, reason, now=0.0, strategy=ONE_FOR_ALL).start
        for reason in reasons
        for place in (0, 1)
    )


@pytest.mark.parametrize("restarts", [-1, 1.5, True])
def test_a_limit_counts_whole_restarts(restarts: Any) -> None:
    with pytest.raises(SetupError, match="restarts must be a whole number of at least 0"):
        RestartLimit(restarts=restarts)


@pytest.mark.parametrize("within", [0.0, -1.0, float("nan")])
def test_a_limit_looks_at_some_time(within: float) -> None:
    with pytest.raises(SetupError, match="within must be more than 0 seconds"):
        RestartLimit(within=within)


# -- backoff


@pytest.mark.parametrize(("number", "longest"), [(1, 0.5), (2, 1.5), (3, 4.5), (4, 10.0), (5000, 10.0)])
def test_backoff_grows_by_its_factor_up_to_its_most(number: int, longest: float) -> None:
    backoff = Backoff(first=0.5, most=10.0, factor=3.0)

    assert backoff.delay(number, chance=0.0) == 0
    assert backoff.delay(number, chance=0.5) == longest / 2


@given(number=st.integers(1, 10_000), chance=st.floats(min_value=0, max_value=1, exclude_max=True))
def test_a_backoff_is_never_negative_and_never_more_than_its_most(number: int, chance: float) -> None:
    assert 0 <= Backoff().delay(number, chance=chance) <= 30.0


@pytest.mark.parametrize(
    "numbers",
    [{"first": 0}, {"first": 31}, {"most": float("inf")}, {"factor": 0.5}, {"factor": float("nan")}],
)
def test_a_backoff_has_times_above_0_and_a_factor_of_at_least_1(numbers: dict[str, float]) -> None:
    with pytest.raises(SetupError, match="must be"):
        Backoff(**numbers)
