"""Keys: Ed25519 signatures (RFC 8032); the one file that knows a crypto library."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from theater.errors import MalformedError, SignatureError

KEY_BYTES = 32
SIGNATURE_BYTES = 64
_HEX = re.compile(r"[0-9a-f]{64}", re.ASCII)
_PRIME = 2**255 - 19
# Under a key of small order one signature fits every eighth message: these are the y of all such points.
_SMALL_ORDER = frozenset(
    {
        0,
        1,
        _PRIME - 1,
        0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7,
        0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826,
    }
)


@dataclass(frozen=True, slots=True, repr=False)
class VerifyKey:
    """A public key; equal keys are equal bytes."""

    data: bytes  # 32 bytes, as RFC 8032 section 5.1.2 encodes a point
    _key: Ed25519PublicKey = field(init=False, compare=False)

    def __post_init__(self) -> None:
        _refuse_weak(self.data)
        object.__setattr__(self, "_key", Ed25519PublicKey.from_public_bytes(self.data))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the 64 lower-case hex digits that `str` writes.

        Raises:
            MalformedError: the text is anything else, or no key.
        """
        if type(text) is not str or not _HEX.fullmatch(text):
            raise MalformedError("public key", text, why="64 lower-case hex digits")
        return cls(bytes.fromhex(text))

    def verify(self, signature: bytes, message: bytes) -> None:
        """Verify that this key's owner signed exactly this message.

        Raises:
            SignatureError: the signature is of another key or message, or is none.
        """
        try:
            self._key.verify(signature, message)
        except InvalidSignature:
            raise SignatureError(f"signature by {self}", expected="of these bytes", found="not") from None

    def __str__(self) -> str:
        return self.data.hex()

    def __repr__(self) -> str:
        return f"VerifyKey({self})"


class SigningKey:
    """A private key. Its `seed` is the secret: no `repr`, pickle or copy shows it."""

    __slots__ = ("_key", "public", "seed")

    public: VerifyKey
    seed: bytes  # 32 bytes, RFC 8032 section 5.1.5

    def __init__(self, seed: bytes) -> None:
        """Take the seed, 32 secret random bytes.

        Raises:
            MalformedError: not 32 bytes; the text does not show them.
        """
        if type(seed) is not bytes or len(seed) != KEY_BYTES:
            raise MalformedError("signing key", "(secret)", why="a seed of 32 bytes")
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = VerifyKey(self._key.public_key().public_bytes_raw())
        self.seed = seed

    @classmethod
    def generate(cls) -> Self:
        """Make a new key from the system's randomness."""
        return cls(Ed25519PrivateKey.generate().private_bytes_raw())

    @classmethod
    def from_seed(cls, seed: bytes) -> Self:
        """Make the key of this seed, 32 bytes."""
        return cls(seed)

    def sign(self, message: bytes) -> bytes:
        """Sign; always the same 64 bytes for the same message."""
        return self._key.sign(message)

    def __repr__(self) -> str:
        return f"SigningKey(public={self.public})"

    def __reduce__(self) -> str:
        raise TypeError("a signing key is not packed or copied; carry its seed on purpose")


def _refuse_weak(key: bytes) -> None:
    """Refuse what is not the one form of a point, and points under which signatures prove nothing."""
    if type(key) is not bytes or len(key) != KEY_BYTES:
        raise MalformedError("public key", key, why="32 bytes")
    y = int.from_bytes(key, "little") & (1 << 255) - 1
    if y >= _PRIME or y in _SMALL_ORDER:
        raise MalformedError(
            "public key", key.hex(), why="not a point of the prime-order group in its one form"
        )
