"""Mentions: no content is dropped that anything else names."""

from __future__ import annotations

from hashlib import sha256

from theater.codec import encode
from theater.content import ContentRef
from theater.mentions import Mention, all_mentioned, mentions
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


def test_what_packed_contents_mention_is_found_through_all_of_them() -> None:
    inner = encode({"ref": ContentRef.of_digest(ONE)})
    outer = encode([Outlined(Outlined.PACKED, sha256(inner).digest(), len(inner))])
    held = {ONE: b"one", sha256(inner).digest(): inner, sha256(outer).digest(): outer, TWO: b"two"}
    first = Mention(sha256(outer).digest(), is_outlined=True, is_packed=True)

    found = all_mentioned(
        [first, first, Mention(THREE, is_outlined=False, is_packed=False)],
        holds=held.__contains__,
        read=held.__getitem__,
    )

    assert found == held.keys() - {TWO}


def test_bytes_are_not_looked_into() -> None:
    content = encode(ContentRef.of_digest(ONE))
    digest = sha256(content).digest()

    found = all_mentioned(
        [Mention(digest, is_outlined=True, is_packed=False)],
        holds={ONE, digest}.__contains__,
        read={digest: content}.__getitem__,
    )

    assert found == {digest}
