from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theater import ContentRef
from theater.errors import MalformedError

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"  # FIPS 180-4's own
ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_ref_is_the_sha256_of_the_content() -> None:
    assert ContentRef.of(b"").hash == EMPTY
    assert ContentRef.of(b"abc").hash == ABC


@pytest.mark.parametrize("content", [b"abc", bytearray(b"abc"), memoryview(b"abc")], ids=type)
def test_whatever_holds_the_bytes_the_ref_is_the_same(content: bytes | bytearray | memoryview) -> None:
    assert ContentRef.of(content) == ContentRef(ABC)


@given(st.binary())
def test_text_and_parse_undo_each_other(content: bytes) -> None:
    ref = ContentRef.of(content)

    assert str(ref) == f"sha256:{ref.hash}"
    assert ContentRef.parse(str(ref)) == ContentRef.parse(ref.hash) == ref


@given(st.binary())
def test_digest_and_of_digest_undo_each_other(content: bytes) -> None:
    ref = ContentRef.of(content)

    assert ref.digest == sha256(content).digest()
    assert ContentRef.of_digest(ref.digest) == ref


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sha256:",
        ABC[:-1],
        ABC + "0",
        ABC.upper(),
        f" {ABC}",
        f"{ABC}\n",
        f"sha1:{ABC}",
        f"SHA256:{ABC}",
        f"sha256:sha256:{ABC}",
        "g" * 64,
        "\N{ARABIC-INDIC DIGIT ZERO}" * 64,
        ABC.encode(),
        None,
        7,
    ],
    ids=repr,
)
def test_any_other_text_is_malformed(text: Any) -> None:
    with pytest.raises(MalformedError) as raised:
        ContentRef.parse(text)

    assert (raised.value.expected, raised.value.found) == ("content ref", text)


@pytest.mark.parametrize("wrong", ["", ABC.upper(), f"sha256:{ABC}", ABC[:-1], None, ABC.encode()], ids=repr)
def test_a_ref_is_checked_where_it_is_made(wrong: Any) -> None:
    with pytest.raises(MalformedError):
        ContentRef(wrong)


@pytest.mark.parametrize("size", [0, 20, 31, 33])
def test_a_digest_is_32_bytes(size: int) -> None:
    with pytest.raises(MalformedError):
        ContentRef.of_digest(bytes(size))


def test_refs_sort_by_hash() -> None:
    refs = [ContentRef.of(bytes([i])) for i in range(20)]

    assert [ref.hash for ref in sorted(refs)] == sorted(ref.hash for ref in refs)


def test_equal_refs_are_one_in_a_set_and_cannot_be_changed() -> None:
    ref: Any = ContentRef(ABC)

    assert {ref, ContentRef.of(b"abc")} == {ref}
    with pytest.raises(AttributeError):
        ref.hash = EMPTY
