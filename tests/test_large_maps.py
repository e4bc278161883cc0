"""Maps with very many members, such as what a store holds: written quicker, and the same bytes."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from theater.codec import encode, prepare
from theater.outlining import outline

MANY = 200


def sizes(last: Any = 5) -> dict[Any, Any]:
    """Sizes by digest, in the order in which they came."""
    return {sha256(bytes([number])).digest(): number for number in range(MANY)} | {b"last": last}


@pytest.mark.parametrize("last", [5, -(2**63), 2**64 - 1, True, None, float("nan"), [1], (2, 3)])
def test_many_sizes_are_written_as_few_are(last: object) -> None:
    found = encode(sizes(last))

    few = b"".join(encode(key) + encode(sizes(last)[key]) for key in sorted(sizes(), key=encode))
    assert found == b"\xde" + (MANY + 1).to_bytes(2) + few


@pytest.mark.parametrize("wrong", [2**64, -(2**63) - 1])
def test_an_int_of_more_than_64_bits_is_found_among_many(wrong: int) -> None:
    with pytest.raises(TypeError, match="more than 64 bits"):
        encode(sizes(wrong))


@pytest.mark.parametrize(
    "body",
    [
        {"stores": {"contents": sizes() | {bytes([at]) * 9: at for at in range(255)} | {0: "y" * 40_000}}},
        {"z": "x" * 30_000, "state": [b"y" * 3_000], "a": "w" * 30_000, "args": ["v", b"y" * 40_000]},
        ["x" * 40_000, {b"y": b"z" * 2_000}],
        "x" * 40_000,
        {"small": 1},
    ],
    ids=["stores", "several", "list", "text", "small"],
)
def test_a_body_that_comes_prepared_leaves_the_same_in_its_event(body: Any) -> None:
    plain: dict[bytes, bytes] = {}
    ready: dict[bytes, bytes] = {}

    def keep_in(kept: dict[bytes, bytes], content: bytes) -> bytes:
        digest = sha256(content).digest()
        kept[digest] = content
        return digest

    found = outline(body, lambda content: keep_in(ready, content), prepared=prepare(body))

    assert encode(found) == encode(outline(body, lambda content: keep_in(plain, content)))
    assert list(ready.items()) == list(plain.items())
