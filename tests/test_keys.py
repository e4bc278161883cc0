"""Ed25519 against the vectors of RFC 8032 section 7.1, and keys that must not be taken."""

from __future__ import annotations

import copy
import pickle
from hashlib import sha512

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theater.errors import MalformedError, SignatureError
from theater.keys import SigningKey, VerifyKey

VECTORS = {  # RFC 8032 section 7.1: seed, public key, message, signature
    "TEST 1": (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        b"",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
            "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
        ),
    ),
    "TEST 2": (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        b"\x72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        ),
    ),
    "TEST 3": (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        b"\xaf\x82",
        (
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
            "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
        ),
    ),
    "TEST SHA(abc)": (
        "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        sha512(b"abc").digest(),
        (
            "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589"
            "09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704"
        ),
    ),
}
KEY = SigningKey.from_seed(bytes(range(32)))
SIGNATURE = KEY.sign(b"to be or not to be")
PRIME = 2**255 - 19


@pytest.mark.parametrize("name", VECTORS)
def test_signatures_are_those_of_the_standard(name: str) -> None:
    seed, public, message, signature = VECTORS[name]
    key = SigningKey.from_seed(bytes.fromhex(seed))

    assert key.public.data.hex() == public
    assert key.sign(message).hex() == signature
    key.public.verify(bytes.fromhex(signature), message)


@given(bit=st.integers(0, 511))
def test_a_signature_with_one_flipped_bit_is_refused(bit: int) -> None:
    forged = (int.from_bytes(SIGNATURE, "big") ^ 1 << bit).to_bytes(64, "big")

    with pytest.raises(SignatureError):
        KEY.public.verify(forged, b"to be or not to be")


def test_a_signature_over_other_bytes_or_by_another_key_is_refused() -> None:
    with pytest.raises(SignatureError, match=str(KEY.public)):
        KEY.public.verify(SIGNATURE, b"to be or not to bf")
    with pytest.raises(SignatureError):
        SigningKey.generate().public.verify(SIGNATURE, b"to be or not to be")


@pytest.mark.parametrize("signature", [b"", SIGNATURE[:-1], SIGNATURE + b"\0"])
def test_a_signature_of_another_length_is_refused(signature: bytes) -> None:
    with pytest.raises(SignatureError):
        KEY.public.verify(signature, b"to be or not to be")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        bytes(31),
        bytes(33),
        bytearray(range(32)),
        bytes(32),  # a point of order 4
        (1).to_bytes(32, "little"),  # of order 1
        (1 | 1 << 255).to_bytes(32, "little"),  # the same, with a sign
        (PRIME - 1).to_bytes(32, "little"),  # of order 2
        bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),  # of order 8
        bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85"),  # of order 8
        (PRIME + 3).to_bytes(32, "little"),  # a second form of 3
    ],
)
def test_a_public_key_that_proves_nothing_is_refused(raw: bytes) -> None:
    with pytest.raises(MalformedError):
        VerifyKey(raw)


def test_a_key_that_is_no_point_verifies_nothing() -> None:
    no_point = VerifyKey((2).to_bytes(32, "little"))

    with pytest.raises(SignatureError):
        no_point.verify(SIGNATURE, b"to be or not to be")


def test_a_public_key_and_its_text_are_read_back() -> None:
    assert VerifyKey.parse(str(KEY.public)) == KEY.public
    assert VerifyKey(KEY.public.data) == KEY.public
    assert hash(VerifyKey(KEY.public.data)) == hash(KEY.public)
    assert SigningKey.generate().public != KEY.public
    assert repr(KEY.public) == f"VerifyKey({KEY.public.data.hex()})"


@pytest.mark.parametrize("text", ["", "00" * 31, str(KEY.public).upper(), str(KEY.public) + "\n", None])
def test_text_that_is_no_public_key_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        VerifyKey.parse(text)


@pytest.mark.parametrize("seed", [b"", b"hunter2", bytes(33), "0" * 32])
def test_a_seed_that_is_not_32_bytes_is_refused_and_not_shown(seed: bytes) -> None:
    with pytest.raises(MalformedError) as refusal:
        SigningKey.from_seed(seed)

    assert "hunter2" not in str(refusal.value)


def test_a_key_comes_back_from_its_seed() -> None:
    key = SigningKey.generate()

    assert SigningKey.from_seed(key.seed).public == key.public


def test_a_signing_key_is_not_shown_packed_or_copied() -> None:
    assert KEY.seed.hex() not in repr(KEY)
    assert repr(KEY) == f"SigningKey(public={KEY.public})"
    with pytest.raises(TypeError):
        pickle.dumps(KEY)
    with pytest.raises(TypeError):
        copy.copy(KEY)
