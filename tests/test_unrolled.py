"""Unrolled functions: what is written for one handler or class says what the loops that it replaces say."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theater.codec import decode
from theater.plain import write
from theater.unrolled import changed_function, fits_function, passes_function
from theater.untyped import SCALARS, passes

VALUES: list[Any] = [
    None,
    True,
    0,
    -1,
    2**62,
    2**63,
    -(2**70),
    0.0,
    math.nan,
    "a",
    "é",
    "\ud800",
    b"",
    [],
    (1,),
]
KINDS = [frozenset({int}), frozenset({str}), frozenset({int, str}), frozenset({float}), SCALARS, frozenset()]


@pytest.mark.parametrize("kinds", KINDS, ids=str)
def test_an_argument_fits_as_it_passes(kinds: frozenset[type]) -> None:
    fits = fits_function([kinds], 1)

    assert [fits((value,)) for value in VALUES] == [passes(value, kinds) for value in VALUES]


@pytest.mark.parametrize("kinds", KINDS, ids=str)
def test_an_answer_passes_as_ever(kinds: frozenset[type]) -> None:
    answers = passes_function(kinds)

    assert [answers(value) for value in VALUES] == [passes(value, kinds) for value in VALUES]


@given(
    kinds=st.lists(st.sampled_from(KINDS), max_size=4),
    least=st.integers(0, 5),
    args=st.lists(st.sampled_from(VALUES), max_size=5),
)
def test_arguments_fit_if_there_are_enough_and_each_passes(
    kinds: list[frozenset[type]], least: int, args: list[Any]
) -> None:
    fits = fits_function(kinds, least)

    expected = least <= len(args) <= len(kinds) and all(map(passes, args, kinds))
    assert fits(tuple(args)) is expected


class Keeper:
    """What `changed` is told of: it is asked to look where the quick way does not do."""

    def __init__(
        self, fixed: dict[str, Any], packed: dict[str, bytes] | None = None, leaves: tuple[str, ...] = ()
    ) -> None:
        self.fixed = fixed
        self.packed = packed or {}
        self.leaves = leaves
        self.steady = -1 if packed else len(fixed)
        self.scalar = -1 if leaves else self.steady
        self.looked: list[Any] = []

    def look(self, now: dict[str, Any]) -> bool:
        self.looked.append(now)
        return True


class Thing:
    """Has attributes."""

    def __init__(self, **attributes: Any) -> None:
        vars(self).update(attributes)


KIND = {"n": frozenset({int}), "s": frozenset({str}), "any": SCALARS}


@pytest.mark.parametrize(
    ("now", "says"),
    [
        ({"n": 1, "s": "a", "any": 1.5}, False),
        ({"n": 2, "s": "a", "any": 1.5}, True),
        ({"n": 1, "s": "b", "any": 1.5}, True),
        ({"n": 1, "s": "a", "any": 2.5}, True),
        ({"n": 2, "s": "b", "any": 2.5}, True),
    ],
    ids=str,
)
def test_a_state_of_scalars_is_taken_whole(now: dict[str, Any], says: bool) -> None:  # noqa: FBT001
    keeper = Keeper({"n": 1, "s": "a", "any": 1.5})

    assert changed_function(KIND)(keeper, Thing(**now)) is says
    assert (keeper.fixed, keeper.looked) == (now, [])


@pytest.mark.parametrize(
    "now",
    [
        {"n": True, "s": "a", "any": 1.5},
        {"n": 2**63, "s": "a", "any": 1.5},
        {"n": 2, "s": "é", "any": 1.5},
        {"n": 2, "s": "a", "any": 1},
        {"n": 2, "s": "a", "other": 1},
        {"n": 2, "s": "a"},
    ],
    ids=str,
)
def test_any_other_is_looked_at_and_nothing_of_it_taken(now: dict[str, Any]) -> None:
    before = {"n": 1, "s": "a", "any": 1.5}
    keeper = Keeper(dict(before))

    assert changed_function(KIND)(keeper, Thing(**now))
    assert (keeper.fixed, keeper.looked) == (before, [now])


def test_zero_and_minus_zero_are_two_states() -> None:
    keeper = Keeper({"x": 0.0})

    assert changed_function({"x": frozenset({float})})(keeper, Thing(x=-0.0)) is True
    assert math.copysign(1, keeper.fixed["x"]) == -1


@pytest.mark.parametrize(
    ("kinds", "old", "new", "says"),
    [
        ({int}, 1, 2, "state"),
        ({int, type(None)}, 1, 2, "state"),
        ({float}, 1.0, 2.0, "state"),
        ({str}, "a", "b" * 10, "state"),
        ({str}, "a", "b" * 11, True),
        ({bytes}, b"a", b"b" * 10, "state"),
        ({bytes}, b"a", b"b" * 11, True),
        ({int, str}, 1, 2, "state"),
        ({int, str}, "a", "b" * 10, "state"),
        ({int, str}, "a", "b" * 11, True),
        ({bytes, type(None)}, b"a", b"b" * 11, True),
        ({int}, 1000, int("1000"), False),
    ],
    ids=str,
)
def test_a_small_new_state_is_given_back_ready_to_be_packed(
    kinds: set[type], old: object, new: object, says: object
) -> None:
    keeper = Keeper({"x": old})

    found = changed_function({"x": frozenset(kinds)}, 10)(keeper, Thing(x=new))

    if says == "state":
        assert decode(write(found)) == keeper.fixed == {"x": new}
    else:
        assert found is says
    assert keeper.fixed["x"] is new or old == new


def test_a_new_state_of_ints_is_not_changed_by_the_next() -> None:
    keeper, changed = (
        Keeper({"m": 5, "n": 1}),
        changed_function(dict.fromkeys(("m", "n"), frozenset({int})), 10),
    )

    states = [changed(keeper, Thing(n=n, m=5)) for n in (2, 3)]

    assert [decode(write(state)) for state in states] == [{"n": 2, "m": 5}, {"n": 3, "m": 5}]


def test_ints_under_names_that_no_struct_can_have_are_given_all_the_same() -> None:
    keeper = Keeper({"a b": 1})

    found = changed_function({"a b": frozenset({int})}, 10)(keeper, Thing(**{"a b": 2}))

    assert decode(write(found)) == {"a b": 2}


def test_texts_of_all_fields_together_make_a_state_long() -> None:
    kinds = {name: frozenset({str}) for name in ("s", "t")}

    assert changed_function(kinds, 10)(Keeper({"s": "", "t": ""}), Thing(s="a" * 6, t="b" * 5)) is True
    assert changed_function(kinds, 10)(Keeper({"s": "", "t": ""}), Thing(s="a" * 6, t="b" * 4)) is not True


def test_a_state_that_still_holds_a_nan_is_not_ready() -> None:
    kinds = {"n": frozenset({int}), "x": frozenset({float})}

    assert changed_function(kinds, 10)(Keeper({"n": 1, "x": math.nan}), Thing(n=2, x=math.nan)) is True


def test_a_state_with_a_value_that_packs_as_another_is_not_ready() -> None:
    keeper = Keeper({"n": 1}, leaves=("ref",))

    assert changed_function({"n": frozenset({int})}, 10)(keeper, Thing(n=2)) is True


def test_an_equal_text_is_no_change() -> None:
    keeper = Keeper({"s": str(b"ab", "ascii")})

    assert changed_function({"s": frozenset({str})})(keeper, Thing(s=str(b"ab", "ascii"))) is False
    assert not keeper.looked


def test_what_is_packed_is_looked_at() -> None:
    keeper = Keeper({"n": 1}, packed={"l": b""})

    assert changed_function({"n": frozenset({int})})(keeper, Thing(n=1))
    assert keeper.looked == [{"n": 1}]


def test_a_class_without_fields_has_not_changed() -> None:
    assert changed_function({})(Keeper({}), Thing()) is False


def test_fields_may_have_any_name_that_python_takes() -> None:
    keeper = Keeper({"now": 0, "last": "", "keeper": 1, "ñ": 2})
    kinds = {name: frozenset({int, str}) for name in keeper.fixed}

    assert changed_function(kinds)(keeper, Thing(now=0, last="", keeper=1, ñ=3)) is True
    assert keeper.fixed["ñ"] == 3
