"""Mentions: no content is dropped that anything else names."""

from __future__ import annotations

from hashlib import sha256

from theater.codec import encode
from theater.content import ContentRef
from theater.mentions import Mention, mentions
from theater.plain import Outlined

ONE, TWO, THREE = (sha256(text).digest() for text in (b"one", b"two", b"three"))


def test_refs_and_bytes_and_keys_of_maps_are_mentions() -> None:
    data = encode({"ref": ContentRef.of_digest(ONE), "all": {TWO: 1}, "list": [THREE]})

    assert {mention.digest for mention in mentions(data)} == {ONE, TWO, THREE}
    assert not any(mention.is_outlined for mention in mentions(data))


def test_of_an_outlined_value_it_is_known_whether_it_holds_others() -> None:
    data = encode([Outlined(Outlined.BYTES, ONE, 3), Outlined(Outlined.PACKED, TWO, 3)])

    assert list(mentions(data)) == [
        Mention(ONE, is_outlined=True, is_packed=False),
        Mention(TWO, is_outlined=True, is_packed=True),
    ]


def test_bytes_that_are_cut_off_mention_nothing() -> None:
    assert not list(mentions(encode(ONE)[:-1]))
    assert not list(mentions(b""))


def test_a_digest_at_the_very_start_is_not_outlined() -> None:
    assert list(mentions(encode(ONE))) == [Mention(ONE, is_outlined=False, is_packed=False)]
