"""Checkpoints: one signed note says how many events a journal holds, and their Merkle root.

The text is a C2SP tlog-checkpoint in a C2SP signed-note, so tools of Go, Rust and witnesses read it:

    theater/0123456789abcdef0123456789abcdef            origin: names the journal
    1024                                                size: events so far
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=        root: base64, RFC 4648 section 4
                                                        an empty line
    — theater/0123456789abcdef0123456789abcdef Az3g…    one line a key: base64(key id ‖ signature)

What is signed is the text up to the empty line, its last newline included. The name in a signature line is
the origin, and the key id the first 4 bytes of SHA-256(name ‖ 0x0A ‖ 0x01 ‖ public key).
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Self

from theater.errors import MalformedError, SignatureError
from theater.keys import SigningKey, VerifyKey
from theater.merkle import HASH_BYTES

NOTE_LIMIT = 65_536  # bytes; a checkpoint with 16 witnesses is under 3,000
_ED25519 = b"\x01"  # the signature type of C2SP signed-note
_KEY_ID_BYTES = 4
_MOST = 10**19 - 1  # events: 19 digits
_KNOWN = 16  # names and keys, of which a journal has one for all its commits: 20,000 instructions of each
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_LINE = re.compile(r"— ([^ ]+) ([^ ]+)")
_KEY_NAME = re.compile(r"[^\x00-\x20+\ud800-\udfff]+")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_TEXT_LINES = 3


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a journal held at one moment; worth what its signatures are worth."""

    origin: str
    size: int
    root: bytes  # 32 bytes, RFC 9162 section 2.1.1

    def __post_init__(self) -> None:
        if not _is_key_name(self.origin):
            raise MalformedError("checkpoint origin", self.origin, why="text without spaces and plus signs")
        if type(self.size) is not int or not 0 <= self.size <= _MOST:
            raise MalformedError("checkpoint size", self.size, why="0 to 19 digits")
        if len(self.root) != HASH_BYTES:
            raise MalformedError("checkpoint root", self.root, why="32 bytes")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text of a checkpoint, without signatures.

        Raises:
            MalformedError: not the three lines that `str` writes; extension lines are refused.
        """
        lines = text.split("\n")
        if len(lines) != _TEXT_LINES + 1 or lines[-1] or not _SIZE.fullmatch(lines[1]):
            raise MalformedError("checkpoint", text, why="three lines: origin, size, root")
        return cls(lines[0], int(lines[1]), read_base64(lines[2]))

    def sign(self, *keys: SigningKey) -> Note:
        """Sign with each key; two where one key hands over to the next."""
        text = str(self)
        return Note(text, tuple(_signature(text, self.origin, key) for key in keys))

    def __str__(self) -> str:
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line of a note."""

    name: str
    key_id: bytes  # 4 bytes
    signature: bytes

    def __str__(self) -> str:
        return f"— {self.name} {b64encode(self.key_id + self.signature).decode()}"


@dataclass(frozen=True, slots=True)
class Note:
    """A text and its signatures (C2SP signed-note); `str()` and `parse()` undo each other, byte for byte."""

    text: str  # ends with a newline
    signatures: tuple[Signature, ...]

    @classmethod
    def parse(cls, note: str | bytes) -> Self:
        """Read a signed note; nothing in it is verified yet.

        Raises:
            MalformedError: it is none.
        """
        content = _utf8(note)
        text, empty_line, lines = content.rpartition("\n\n")
        if not empty_line or not lines.endswith("\n") or _CONTROL.search(content):
            raise MalformedError("signed note", note, why="text, an empty line, signature lines")
        return cls(text + "\n", tuple(_read_line(line) for line in lines[:-1].split("\n")))

    def verify(self, name: str, key: VerifyKey) -> None:
        """Verify that `key`, known as `name`, signed the text; lines by anyone else are ignored.

        Raises:
            SignatureError: no line is by this key, or one is and does not fit.
        """
        wanted = key_id(name, key)
        own = [line for line in self.signatures if line.name == name and line.key_id == wanted]
        if not own:
            raise SignatureError("signed note", expected=f"a signature by {name} {key}", found="none")
        for line in own:
            key.verify(line.signature, self.text.encode())

    def checkpoint(self, key: VerifyKey, *more: VerifyKey) -> Checkpoint:
        """Read the text as a checkpoint, signed by this key, and by each of `more`, under its origin's name.

        Raises:
            SignatureError: one of the keys did not sign it.
            MalformedError: the text is no checkpoint.
        """
        checkpoint = Checkpoint.parse(self.text)
        for each in (key, *more):
            self.verify(checkpoint.origin, each)
        return checkpoint

    def __str__(self) -> str:
        return "".join([self.text, "\n", *(f"{line}\n" for line in self.signatures)])


@lru_cache(_KNOWN)
def key_id(name: str, key: VerifyKey) -> bytes:
    """The 4 bytes that say which key a signature line is by (C2SP signed-note, Ed25519)."""
    return sha256(name.encode() + b"\n" + _ED25519 + key.data).digest()[:_KEY_ID_BYTES]


def verifier_key(name: str, key: VerifyKey) -> str:
    """The public key in the one-line form that Go's `note` package and witnesses take."""
    return f"{name}+{key_id(name, key).hex()}+{b64encode(_ED25519 + key.data).decode()}"


def parse_verifier_key(text: str) -> tuple[str, VerifyKey]:
    """Read the name and the key that `verifier_key` writes.

    Raises:
        MalformedError: the text is anything else.
    """
    name, _, rest = text.partition("+")
    encoded = read_base64(rest.partition("+")[2])
    if not _is_key_name(name) or encoded[:1] != _ED25519:
        raise MalformedError("verifier key", text, why="name+id+base64 of an Ed25519 key")
    key = VerifyKey(encoded[1:])
    if verifier_key(name, key) != text:
        raise MalformedError("verifier key", text, why="its id is of another name or key")
    return name, key


def read_base64(text: str) -> bytes:
    """Read base64 in its one form: padded, no spare bits, nothing between.

    Raises:
        MalformedError: the text is in any other form.
    """
    try:
        decoded = b64decode(text, validate=True)
    except ValueError:
        raise MalformedError("base64", text) from None
    if b64encode(decoded).decode() != text:
        raise MalformedError("base64", text, why="not in its one form")
    return decoded


def _signature(text: str, name: str, key: SigningKey) -> Signature:
    return Signature(name, key_id(name, key.public), key.sign(text.encode()))


def _read_line(line: str) -> Signature:
    match = _LINE.fullmatch(line)
    if match is None or not _is_key_name(match[1]):
        raise MalformedError("signature line", line, why="— name base64")
    packed = read_base64(match[2])
    if len(packed) <= _KEY_ID_BYTES:
        raise MalformedError("signature line", line, why="a key id and a signature")
    return Signature(match[1], packed[:_KEY_ID_BYTES], packed[_KEY_ID_BYTES:])


@lru_cache(_KNOWN)
def _is_key_name(name: str) -> bool:
    return _KEY_NAME.fullmatch(name) is not None and not any(map(str.isspace, name))


def _utf8(note: str | bytes) -> str:
    if len(note) > NOTE_LIMIT:
        raise MalformedError("signed note", note, why=f"over {NOTE_LIMIT} bytes")
    try:
        return note.decode() if isinstance(note, bytes) else note.encode().decode()
    except UnicodeError:
        raise MalformedError("signed note", note, why="not UTF-8") from None
