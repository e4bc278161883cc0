"""Content refs: the name of some bytes is the hash of those bytes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Self

from theater.errors import MalformedError

_TEXT = re.compile(r"(?:sha256:)?([0-9a-f]{64})", re.ASCII)
_DIGEST_BYTES = 32


@dataclass(frozen=True, slots=True, order=True)
class ContentRef:
    """Names one piece of content; equal refs mean equal bytes."""

    hash: str  # 64 lower-case hex digits, SHA-256 (FIPS 180-4), as `sha256sum` prints it

    def __post_init__(self) -> None:
        match = _TEXT.fullmatch(self.hash) if type(self.hash) is str else None
        if match is None or match[1] != self.hash:
            raise MalformedError("content ref", self.hash, why="64 lower-case hex digits")

    @classmethod
    def of(cls, content: bytes | bytearray | memoryview) -> Self:
        return cls(sha256(content).hexdigest())

    @classmethod
    def of_digest(cls, digest: bytes) -> Self:
        """Name the content with this SHA-256 digest (32 bytes).

        Raises:
            MalformedError: not 32 bytes.
        """
        if len(digest) != _DIGEST_BYTES:
            raise MalformedError("SHA-256 digest", digest, why="32 bytes")
        ref = object.__new__(cls)
        object.__setattr__(ref, "hash", digest.hex())  # is well-formed: to look again would take 0.6 µs
        return ref

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `sha256:<hash>`, or the bare hash.

        Raises:
            MalformedError: the text is anything else.
        """
        match = _TEXT.fullmatch(text) if type(text) is str else None
        if match is None:
            raise MalformedError("content ref", text)
        return cls(match[1])

    @property
    def digest(self) -> bytes:
        """The 32 bytes that `hash` spells."""
        return bytes.fromhex(self.hash)

    def __str__(self) -> str:
        return f"sha256:{self.hash}"
