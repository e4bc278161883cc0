"""Checkpoints and signed notes, against the published notes of Go and C2SP."""

from __future__ import annotations

from base64 import b64decode, b64encode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theater.checkpoint import (
    NOTE_LIMIT,
    Checkpoint,
    Note,
    key_id,
    parse_verifier_key,
    read_base64,
    verifier_key,
)
from theater.errors import MalformedError, SignatureError, TheaterError
from theater.keys import SigningKey
from theater.merkle import EMPTY_ROOT

# golang.org/x/mod/sumdb/note: the key and the note of its documentation.
PETER_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_SECRET = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
PETER_TEXT = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
)
PETER_LINE = (
    "— PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
PETER_NOTE = f"{PETER_TEXT}\n{PETER_LINE}"

# c2sp.org/tlog-checkpoint: the example of the specification.
SEA = (
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    "\n"
    "— example.com/behind-the-sofa "
    "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
)

KEY = SigningKey.from_seed(bytes(range(32)))
NEXT_KEY = SigningKey.from_seed(bytes(range(1, 33)))
ORIGIN = "theater/000102030405060708090a0b0c0d0e0f"
CHECKPOINT = Checkpoint(ORIGIN, 0, EMPTY_ROOT)
GOLDEN = (
    "theater/000102030405060708090a0b0c0d0e0f\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"
    "\n"
    "— theater/000102030405060708090a0b0c0d0e0f "
    "ar8TpRQq3ONmlSYcVV/xhiEOx/opNSW2RxVpQ+mpA+xUK46JOi7Y+6pjgr0ZfNfa5+/uJYnenSplqGnpkQ5WWUqz1Qc=\n"
)


def test_the_published_note_of_go_verifies() -> None:
    name, key = parse_verifier_key(PETER_KEY)
    note = Note.parse(PETER_NOTE)

    note.verify(name, key)

    assert (name, note.text, str(note)) == ("PeterNeumann", PETER_TEXT, PETER_NOTE)
    assert key_id(name, key).hex() == "c74f20a3"
    assert verifier_key(name, key) == PETER_KEY


def test_signing_makes_the_bytes_that_go_makes() -> None:
    key = SigningKey.from_seed(b64decode(PETER_SECRET)[1:])

    signature = key_id("PeterNeumann", key.public) + key.sign(PETER_TEXT.encode())

    assert f"— PeterNeumann {b64encode(signature).decode()}\n" == PETER_LINE


def test_the_example_of_the_specification_is_read() -> None:
    note = Note.parse(SEA.encode())

    assert str(note) == SEA
    assert Checkpoint.parse(note.text) == Checkpoint(
        "example.com/behind-the-sofa",
        20852163,
        b64decode("CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="),
    )
    assert note.signatures[0].key_id.hex() == "033de0ae"


def test_a_signed_checkpoint_is_these_bytes_for_ever() -> None:
    assert str(CHECKPOINT.sign(KEY)) == GOLDEN
    assert GOLDEN in (Path(__file__).parent.parent / "docs/reference/format.md").read_text()


@given(size=st.integers(0, 2**63 - 1), root=st.binary(min_size=32, max_size=32))
def test_a_signed_checkpoint_is_read_back(size: int, root: bytes) -> None:
    checkpoint = Checkpoint(ORIGIN, size, root)

    note = Note.parse(str(checkpoint.sign(KEY)))

    assert note.checkpoint(KEY.public) == checkpoint
    assert Checkpoint.parse(str(checkpoint)) == checkpoint


def test_where_one_key_hands_over_to_the_next_both_have_signed() -> None:
    note = Note.parse(str(CHECKPOINT.sign(KEY, NEXT_KEY)))

    assert note.checkpoint(KEY.public, NEXT_KEY.public) == CHECKPOINT
    assert note.checkpoint(NEXT_KEY.public) == CHECKPOINT
    with pytest.raises(SignatureError, match=str(NEXT_KEY.public)):
        CHECKPOINT.sign(KEY).checkpoint(KEY.public, NEXT_KEY.public)


def test_signatures_of_unknown_keys_are_ignored() -> None:
    witness = f"— witness.example/w1 {b64encode(b'what only a witness knows').decode()}"
    namesake = f"— {ORIGIN} {b64encode(bytes(68)).decode()}"

    note = Note.parse(f"{CHECKPOINT.sign(KEY)}{witness}\n{namesake}\n")

    assert note.checkpoint(KEY.public) == CHECKPOINT


def test_a_second_signature_of_a_known_key_that_does_not_fit_refuses_the_note() -> None:
    own_id = key_id(ORIGIN, KEY.public)
    note = Note.parse(f"{CHECKPOINT.sign(KEY)}— {ORIGIN} {b64encode(own_id + bytes(64)).decode()}\n")

    with pytest.raises(SignatureError):
        note.checkpoint(KEY.public)


def test_another_key_or_name_has_not_signed_the_note() -> None:
    note = CHECKPOINT.sign(KEY)

    with pytest.raises(SignatureError, match="found none"):
        note.checkpoint(NEXT_KEY.public)
    with pytest.raises(SignatureError, match="found none"):
        note.verify("theater/another", KEY.public)


def test_every_flipped_bit_of_a_signed_checkpoint_is_refused() -> None:
    note = str(CHECKPOINT.sign(KEY)).encode()

    for bit in range(len(note) * 8):
        flipped = bytearray(note)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(TheaterError):
            Note.parse(bytes(flipped)).checkpoint(KEY.public)


@pytest.mark.parametrize(
    "note",
    [
        "",
        PETER_TEXT,
        PETER_TEXT + "\n",
        PETER_TEXT + PETER_LINE,
        PETER_NOTE.removesuffix("\n"),
        "\x01" + PETER_NOTE,
        PETER_NOTE.replace("\n", "\r\n"),
        b"\xff" + PETER_NOTE.encode(),
        "\ud800" + PETER_NOTE,
        PETER_NOTE + "Unexpected line.\n",
        PETER_NOTE.replace("— Peter", "- Peter"),
        PETER_NOTE.replace("PeterNeumann", "Peter Neumann"),
        PETER_NOTE.replace("PeterNeumann", "Peter\u2003Neumann"),
        PETER_NOTE.replace("PeterNeumann", "Peter+Neumann"),
        PETER_NOTE.replace("PeterNeumann ", " "),
        PETER_NOTE.replace("x08go", "x08g!"),
        PETER_NOTE.replace("nAM=", "nAN="),
        PETER_NOTE.replace("nAM=", "nAM"),
        f"{PETER_TEXT}\n— PeterNeumann x08gow==\n",
        PETER_NOTE + "— a aaaaaaaa\n" * (NOTE_LIMIT // 12),
    ],
)
def test_what_is_no_signed_note_is_malformed(note: str | bytes) -> None:
    with pytest.raises(MalformedError):
        Note.parse(note)


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"{CHECKPOINT}an extension\n",
        str(CHECKPOINT).removesuffix("\n"),
        str(CHECKPOINT).replace("\n0\n", "\n00\n"),
        str(CHECKPOINT).replace("\n0\n", "\n-1\n"),
        str(CHECKPOINT).replace("\n0\n", "\n٣\n"),
        str(CHECKPOINT).replace("\n0\n", "\n" + "9" * 5000 + "\n"),
        str(CHECKPOINT).replace("theater/", "theater /"),
        f"{ORIGIN}\n0\n{b64encode(bytes(31)).decode()}\n",
    ],
)
def test_what_is_no_checkpoint_is_malformed(text: str) -> None:
    with pytest.raises(MalformedError):
        Checkpoint.parse(text)


@pytest.mark.parametrize(
    ("origin", "size", "root"),
    [
        ("", 0, EMPTY_ROOT),
        ("two words", 0, EMPTY_ROOT),
        ("a+b", 0, EMPTY_ROOT),
        ("a\n5", 0, EMPTY_ROOT),
        ("\ud800", 0, EMPTY_ROOT),
        ("a", -1, EMPTY_ROOT),
        ("a", 10**19, EMPTY_ROOT),
        ("a", 0, b"short"),
    ],
)
def test_a_checkpoint_that_could_not_be_read_back_is_not_made(origin: str, size: int, root: bytes) -> None:
    with pytest.raises(MalformedError):
        Checkpoint(origin, size, root)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "PeterNeumann",
        "PeterNeumann+c74f20a3",
        PETER_KEY.replace("c74f", "C74F"),
        PETER_KEY.replace("Peter", "Pater"),
        PETER_KEY[1:],
        PETER_KEY[:-1],
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",  # too long
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",  # another algorithm
    ],
)
def test_what_is_no_verifier_key_is_malformed(text: str) -> None:
    with pytest.raises(MalformedError):
        parse_verifier_key(text)


@pytest.mark.parametrize("text", ["a", "ab", "YQ", "YR==", "YQ==\n", "Y Q==", "é===", "\ud800"])
def test_base64_has_one_form(text: str) -> None:
    with pytest.raises(MalformedError):
        read_base64(text)
