"""Grants: the algebra of what an actor may do, and its laws."""

from __future__ import annotations

from dataclasses import fields
from math import inf, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theater import ALL, NONE, Grants, SetupError
from theater.errors import MalformedError
from theater.names import Names

NAMES = ("find", "spawn", "effects", "watch", "stop")
NUMBERS = ("bytes_stored", "messages_per_second", "mailbox")
FIELDS = [field.name for field in fields(Grants)]

patterns = st.text("ab*?", min_size=1, max_size=3)
extents = st.sampled_from([ALL, NONE])
said = extents | patterns | st.frozensets(patterns, max_size=3)
words = extents | st.frozensets(st.sampled_from(["own", "new", "others", "lend", "*", "o*"]))
whole = extents | st.integers(0, 100) | st.just(inf)
asked = st.text("ab", max_size=4)


of_names: dict[str, st.SearchStrategy[Any]] = dict.fromkeys(NAMES, said)
single = st.builds(
    Grants,
    **of_names,
    stores=words,
    bytes_stored=whole,
    mailbox=whole,
    messages_per_second=whole | st.floats(0, 100),
)
grants = st.lists(single, min_size=1, max_size=3).map(
    lambda many: many[0].narrowed(many[-1]).narrowed(many[len(many) // 2])
)


@given(grants, grants, st.sampled_from(NAMES), asked)
def test_both_permit_exactly_the_names_that_each_permits(a: Grants, b: Grants, field: str, name: str) -> None:
    assert (a & b).permits(field, name) == (a.permits(field, name) and b.permits(field, name))


@given(grants, grants, st.sampled_from(["own", "new", "others", "lend", "x"]))
def test_both_permit_exactly_the_uses_of_stores_that_each_permits(a: Grants, b: Grants, use: str) -> None:
    assert (a & b).permits("stores", use) == (a.permits("stores", use) and b.permits("stores", use))


@given(grants, grants, st.sampled_from(NUMBERS), st.integers(0, 200) | st.just(inf))
def test_both_permit_exactly_the_numbers_that_each_permits(
    a: Grants, b: Grants, field: str, number: float
) -> None:
    assert (a & b).permits(field, number) == (a.permits(field, number) and b.permits(field, number))


@given(grants)
def test_narrowing_by_oneself_changes_nothing(a: Grants) -> None:
    assert a & a == a


@given(grants, grants)
def test_narrowing_does_not_depend_on_who_comes_first(a: Grants, b: Grants) -> None:
    assert a & b == b & a


@given(grants, grants, grants)
def test_narrowing_does_not_depend_on_who_is_taken_together(a: Grants, b: Grants, c: Grants) -> None:
    assert (a & b) & c == a & (b & c)


@given(grants, grants, grants)
def test_a_supervisor_with_less_never_has_a_child_with_more(a: Grants, b: Grants, c: Grants) -> None:
    less = a & b

    assert (less & c) & (a & c) == less & c


@given(grants)
def test_all_changes_nothing_and_none_leaves_nothing(a: Grants) -> None:
    assert a & Grants.all() == a
    assert a & Grants.none() == Grants.none()


@given(grants)
def test_grants_are_read_back_as_they_were_written(a: Grants) -> None:
    assert Grants.from_plain(a.to_plain()) == a


@pytest.mark.parametrize("field", FIELDS)
def test_a_grant_that_is_left_out_is_none(field: str) -> None:
    others = {name: ALL for name in FIELDS if name != field}

    granted = Grants(**others)

    assert getattr(granted, field) == getattr(Grants.none(), field)
    assert not granted.permits(field, 1 if field in NUMBERS else "own")


@pytest.mark.parametrize("field", FIELDS)
def test_all_and_none_are_said_of_each_field(field: str) -> None:
    granted = Grants(**{field: ALL})
    refused = Grants.all().narrowed(Grants(**{name: ALL for name in FIELDS if name != field}))

    assert granted.permits(field, inf if field in NUMBERS else "own")
    assert not refused.permits(field, 1 if field in NUMBERS else "own")


def test_a_word_for_stores_that_does_not_exist_is_refused() -> None:
    with pytest.raises(SetupError, match="own, new, others, lend, not mine"):
        Grants(stores={"own", "mine"})


@pytest.mark.parametrize("field", NUMBERS)
@pytest.mark.parametrize("bad", [-1, nan, True, None, "7", -inf, 2**63, 2.0**70])
def test_what_is_no_number_that_can_be_granted_is_refused(field: str, bad: Any) -> None:
    with pytest.raises(SetupError, match=field):
        Grants(**{field: bad})


@pytest.mark.parametrize("field", ["bytes_stored", "mailbox"])
def test_half_a_byte_and_half_a_message_are_refused(field: str) -> None:
    with pytest.raises(SetupError, match=field):
        Grants(**{field: 1.5})  # type: ignore[arg-type]  # any field takes a number


@pytest.mark.parametrize("bad", [7, None, [7], ""])
def test_what_is_no_pattern_is_refused_with_its_field(bad: Any) -> None:
    with pytest.raises(SetupError, match="grants: spawn: "):
        Grants(spawn=bad)


@pytest.mark.parametrize(("field", "value"), [("effects", 3), ("mailbox", "all"), ("colour", "red")])
def test_asking_for_a_grant_that_does_not_exist_is_an_error(field: str, value: Any) -> None:
    with pytest.raises(SetupError, match="there are find, spawn"):
        Grants.all().permits(field, value)


@pytest.mark.parametrize(
    "bad",
    [
        None,
        [],
        "all",
        {"colour": "all"},
        {"find": None},
        {"find": []},
        {"mailbox": None},
        {"mailbox": -1},
        {"stores": [["mine"]]},
    ],
)
def test_what_was_not_written_as_grants_is_never_read_as_grants(bad: Any) -> None:
    with pytest.raises(MalformedError):
        Grants.from_plain(bad)


def test_grants_show_what_they_grant_and_nothing_else() -> None:
    some = Grants(effects=["app:fetch", "app:send"], bytes_stored=10, messages_per_second=ALL)

    assert repr(some) == "Grants(effects='app:fetch, app:send', bytes_stored='10', messages_per_second='all')"
    assert repr(Grants.none()) == "Grants()"


def test_grants_are_values() -> None:
    with pytest.raises(AttributeError):
        Grants.none().find = Names.of(ALL)  # type: ignore[misc]  # frozen
    assert len({Grants(find="a"), Grants(find=["a"]), Grants(find="b")}) == 2


def test_the_largest_number_that_a_record_holds_can_be_granted() -> None:
    grants = Grants(mailbox=2**63 - 1)

    assert Grants.from_plain(grants.to_plain()) == grants
