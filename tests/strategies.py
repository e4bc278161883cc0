"""Plain values of every kind, for tests that draw them."""

from __future__ import annotations

from datetime import timedelta, timezone
from typing import Any

from hypothesis import strategies as st

from theater.codec import ActorAddress, Outlined
from theater.content import ContentRef

ints = st.integers(-(2**63), 2**64 - 1) | st.integers(-200, 70_000)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
offsets = st.integers(-86_399_999_999, 86_399_999_999).map(lambda us: timezone(timedelta(microseconds=us)))
datetimes = st.builds(
    lambda when, fold: when.replace(fold=fold),
    st.datetimes(timezones=st.none() | offsets, allow_imaginary=True),
    st.sampled_from([0, 1]),
)
digests = st.binary(min_size=32, max_size=32)
outlined = st.builds(Outlined, st.sampled_from([0, 1, 2]), digests, st.integers(0, 2**63 - 1))
shared_leaves = st.none() | st.booleans() | ints | st.floats() | texts | st.binary(max_size=40)
leaves = (
    shared_leaves
    | datetimes
    | st.uuids()
    | digests.map(ContentRef.of_digest)
    | st.binary(min_size=16, max_size=16).map(ActorAddress)
    | outlined
)
keys = texts | st.binary(max_size=10) | ints | st.booleans()


def _is_not_nan(value: object) -> bool:
    return value == value  # noqa: PLR0124 - only NaN differs from itself


members: st.SearchStrategy[Any] = st.recursive(
    leaves.filter(_is_not_nan),
    lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=4),
    max_leaves=4,
)


def _containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return (
        st.lists(inner, max_size=5)
        | st.dictionaries(keys, inner, max_size=5)
        | st.lists(inner, max_size=5).map(tuple)
        | st.sets(members, max_size=5)
        | st.frozensets(members, max_size=5)
    )


plain_values: st.SearchStrategy[Any] = st.recursive(leaves, _containers, max_leaves=20)
shared_values: st.SearchStrategy[Any] = st.recursive(
    shared_leaves,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts, inner, max_size=5),
    max_leaves=20,
)
