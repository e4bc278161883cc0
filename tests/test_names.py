"""Sets of names: what patterns hold, and that what two sets share is never more than either."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theater.errors import MalformedError, SetupError
from theater.names import ALL, NONE, Extent, Names

patterns = st.text("ab*?[]!-", min_size=1, max_size=4)
texts = st.text("ab]-[", max_size=4)
said = st.sampled_from(list(Extent)) | patterns | st.frozensets(patterns, max_size=3)
names = st.lists(said.map(Names.of), min_size=1, max_size=3).map(
    lambda parts: Names(frozenset[frozenset[str]]().union(*(part.clauses for part in parts)))
)


@pytest.mark.parametrize(
    ("said", "name", "is_held"),
    [
        (ALL, "anything", True),
        (NONE, "anything", False),
        (NONE, "", False),
        ([], "", False),
        ("test", "test", True),
        ("test", "test2", False),
        ("test", "test/../x", False),
        ("test", "a/test", False),
        ("Test", "test", False),
        ("crew/*", "crew/a", True),
        ("crew/*", "crew/a/b", True),
        ("crew/*", "crew", False),
        ("crew/?", "crew/10", False),
        ("a[*]b", "a*b", True),
        ("a[*]b", "axb", False),
        ("*", "line\nline", True),
        ("a", "a\n", False),
        (["a", "b*"], "bb", True),
        (["a", "b*"], "aa", False),
    ],
)
def test_a_name_is_held_if_a_whole_pattern_fits(said: Any, name: str, is_held: bool) -> None:  # noqa: FBT001
    assert Names.of(said).permits(name) is is_held


@given(names, names, texts)
def test_what_two_sets_share_holds_exactly_what_both_hold(a: Names, b: Names, name: str) -> None:
    assert (a & b).permits(name) == (a.permits(name) and b.permits(name))


@given(st.frozensets(patterns, max_size=3), st.frozensets(patterns, max_size=3), texts)
def test_the_normal_form_holds_what_was_written(
    one: frozenset[str], other: frozenset[str], name: str
) -> None:
    written = all(any(Names.of(pattern).permits(name) for pattern in clause) for clause in (one, other))

    assert Names(frozenset([one, other])).permits(name) == written


@given(names)
def test_sharing_with_oneself_changes_nothing(a: Names) -> None:
    assert a & a == a


@given(names, names)
def test_sharing_does_not_depend_on_who_comes_first(a: Names, b: Names) -> None:
    assert a & b == b & a


@given(names, names, names)
def test_sharing_does_not_depend_on_who_is_taken_together(a: Names, b: Names, c: Names) -> None:
    assert (a & b) & c == a & (b & c)


@given(names)
def test_everything_changes_nothing_and_nothing_leaves_nothing(a: Names) -> None:
    assert a & Names.of(ALL) == a
    assert a & Names.of(NONE) == Names.of(NONE)


@given(names, names, names)
def test_less_on_one_side_is_never_more_in_the_end(a: Names, b: Names, c: Names) -> None:
    less = a & b

    assert (less & c) & (a & c) == less & c


@given(names)
def test_a_set_is_read_back_as_it_was_written(a: Names) -> None:
    assert Names.from_plain(a.to_plain()) == a


def test_names_that_are_listed_are_sifted_at_once() -> None:
    assert (Names.of(["ab", "ac", "b"]) & Names.of("a*")).to_plain() == [["ab", "ac"]]
    assert (Names.of(["ab", "b"]) & Names.of(["b", "c"])).to_plain() == [["b"]]
    assert Names.of(["a"]) & Names.of(["b"]) == Names.of(NONE)


def test_a_set_says_itself_in_words() -> None:
    assert str(Names.of(ALL)) == "all"
    assert str(Names.of(NONE)) == "nothing"
    assert str(Names.of(["b", "a*"])) == "a*, b"
    assert str(Names.of(["b", "a*"]) & Names.of("*c")) == "(*c) and (a*, b)"


@pytest.mark.parametrize("bad", [None, 7, [7], [""], "", ["a", None], "\ud800", b"a", [b"a"], True])
def test_what_is_no_pattern_is_refused(bad: Any) -> None:
    with pytest.raises(SetupError):
        Names.of(bad)


@pytest.mark.parametrize("bad", [None, [], "none", "*", {}, [[], 3], [[7]], [[""]], ["a"], [None], 0])
def test_what_was_not_written_as_names_is_never_read_as_names(bad: Any) -> None:
    with pytest.raises(MalformedError):
        Names.from_plain(bad)
