"""The two small texts of a folder: `format` says whose theater it is, `closed` where it was closed; pure.

Each line is a word, a space and a value; the last one is the CRC-32 of the lines before it, 8 hex digits.

    theater                                  closed
    format 1                                 segment 3
    origin theater/0123…                     length 1048576     bytes of that segment
    key 89ab…      public, 64 hex digits     size 1234          events under the last checkpoint
    crc32 01234567                           root 89ab…         of that checkpoint, 64 hex digits
                                             crc32 01234567
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self
from zlib import crc32

from theater.errors import FolderError, MalformedError
from theater.keys import VerifyKey

FORMAT = 1
ORIGIN = re.compile(r"theater/[0-9a-f]{32}", re.ASCII)
_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_ROOT = re.compile(r"[0-9a-f]{64}", re.ASCII)
_VERSION = re.compile(r"theater\nformat ([0-9]{1,9})\n", re.ASCII)


@dataclass(frozen=True, slots=True)
class Format:
    """What a folder is: the name its checkpoints are signed under, and the key that verifies them."""

    origin: str
    key: VerifyKey

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the file `format`.

        Raises:
            FolderError: of a newer Theater.
            MalformedError: not the text that `str` writes.
        """
        version = _VERSION.match(text)
        if version and int(version[1]) > FORMAT:
            raise FolderError(
                f"the folder is of format {version[1]}; this Theater knows {FORMAT}: use a newer one"
            )
        known, origin, key = _values(text, "theater", ("format", "origin", "key"))
        if known != str(FORMAT) or not ORIGIN.fullmatch(origin):
            raise MalformedError("format of a theater's folder", text)
        return cls(origin, VerifyKey.parse(key))

    def __str__(self) -> str:
        return _text("theater", format=FORMAT, origin=self.origin, key=self.key)


@dataclass(frozen=True, slots=True)
class Closed:
    """Where a clean close left the journal: what follows it, or is missing, is damage."""

    segment: int
    length: int  # of that segment, bytes
    size: int  # events
    root: bytes  # 32 bytes

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the file `closed`.

        Raises:
            MalformedError: not the text that `str` writes.
        """
        *numbers, root = _values(text, "closed", ("segment", "length", "size", "root"))
        if not all(map(_NUMBER.fullmatch, numbers)) or not _ROOT.fullmatch(root):
            raise MalformedError("mark of a clean close", text)
        segment, length, size = map(int, numbers)
        return cls(segment, length, size, bytes.fromhex(root))

    def __str__(self) -> str:
        return _text("closed", segment=self.segment, length=self.length, size=self.size, root=self.root.hex())


def _text(title: str, **values: object) -> str:
    lines = "".join([f"{title}\n", *(f"{word} {value}\n" for word, value in values.items())])
    return f"{lines}crc32 {crc32(lines.encode()):08x}\n"


def _values(text: str, title: str, words: Sequence[str]) -> list[str]:
    lines = text.split("\n")[1:-2]
    pairs = [line.partition(" ") for line in lines]
    values = dict(zip(words, (value for _, _, value in pairs), strict=False))
    if [word for word, _, _ in pairs] != list(words) or _text(title, **values) != text:
        raise MalformedError(f"{title} file", text)
    return list(values.values())
