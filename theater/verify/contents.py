"""Contents as they are verified: each hashes to its name, and is there when an event names it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from hashlib import file_digest, sha256
from typing import Any, Protocol

from msgspec.msgpack import Ext

from theater.codec import Outlined, decode
from theater.content import ContentRef
from theater.errors import CorruptContentError, MalformedError
from theater.event import Event
from theater.journal.frames import DIGEST_BYTES, read_file
from theater.parts import DEEPEST, members_of
from theater.plain import CONTENT_REF, OUTLINED
from theater.verify.quick import Row, read_outlined

IN_OUTLINED = b"\x08\x93"  # in the bytes of every `Outlined`: its extension code, then an array of three
_DEEP = 80  # containers one within another, in a value that left its event
_NODE_STARTS = 8  # bytes: the header of an array of at most 1,024, then that of its first member
PUTS = frozenset(
    f"store/{name}"
    for name in ("store", "store_at_label", "replace_content_at_label", "put_stream", "put_file", "label")
)


SHOTS = frozenset({"actor/snapshot", "actor/spawned"})
"""What may hold all of an actor's stores, and so names each of their contents."""


class Blobs(Protocol):
    """Where the large contents lie."""

    def blob(self, digest: bytes) -> os.PathLike[str]:
        """The file of this content."""
        ...


class Contents:
    """Every content so far, by digest, with its size in bytes."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._sizes: dict[bytes, int] = {}
        self._nodes: dict[bytes, bytes] = {}  # those that can be nodes of contents in parts
        self._whole: dict[bytes, int] = {}  # what nodes have all their parts, and how many bytes these are
        self._inner: dict[bytes, tuple[Outlined, ...]] = {}  # what values that left their events hold in turn
        self._in_files: set[bytes] = set()

    def __len__(self) -> int:
        return len(self._sizes)

    def add_blob(self, payload: bytes) -> None:
        """Verify a content that lies in the journal itself.

        Raises:
            CorruptContentError: it has another hash.
        """
        digest, content = payload[:DIGEST_BYTES], payload[DIGEST_BYTES:]
        _match(digest, sha256(content).digest())
        self._sizes[digest] = len(content)
        if IN_OUTLINED in content:
            self._keep_node(digest, content)
            self._inner[digest] = _in_value(content)

    def _keep_node(self, digest: bytes, content: bytes) -> None:
        if IN_OUTLINED in content[:_NODE_STARTS]:
            self._nodes[digest] = content

    def add_file(self, payload: bytes) -> None:
        """Verify a content that lies in a file.

        Raises:
            CorruptContentError: the file is gone, or has another size or hash.
        """
        digest, size = read_file(payload)
        if digest in self._sizes:
            return
        try:
            with open(self._blobs.blob(digest), "rb") as file:  # noqa: PTH123  # any path will do
                _match(digest, file_digest(file, sha256).digest())
                found = file.tell()
        except FileNotFoundError:
            raise _wrong(digest, "its file", "none") from None
        if found != size:
            raise _wrong(digest, f"{size} bytes", f"{found} bytes")
        self._sizes[digest] = size
        self._in_files.add(digest)

    def verify_named(self, event: Event | Row, data: bytes) -> None:
        """Verify that what an event names as kept was there before it.

        An event that is none of PUTS or SHOTS, and without IN_OUTLINED in its bytes, names nothing.

        Raises:
            CorruptContentError: it is not, or has another size.
        """
        if event.kind in PUTS and "error" not in event.body:
            ref = event.body.get("ref")
            if isinstance(ref, Ext) and ref.code == CONTENT_REF:
                self._held(bytes(ref.data), event.body.get("size"))
            elif isinstance(ref, ContentRef):
                self._held(ref.digest, event.body.get("size"))
        if event.kind in SHOTS:
            for digest, size in _in_stores(event.body.get("stores")):
                self._held(digest, size)
        if IN_OUTLINED in data:
            for outlined in _outlined(event.body):
                self._there(outlined)

    def _there(self, outlined: Outlined, room: int = DEEPEST) -> None:
        if outlined.kind != Outlined.PARTED:
            self._held(outlined.digest, outlined.size)
            if outlined.kind == Outlined.PACKED:
                for inner in self._inner_of(outlined.digest):
                    self._held(inner.digest, inner.size)
        elif self._whole.get(outlined.digest) != outlined.size:
            self._in_parts(outlined, room)

    def _inner_of(self, digest: bytes) -> tuple[Outlined, ...]:
        """What left a value before that left its event in turn: bytes alone, says the format."""
        if digest in self._in_files and digest not in self._inner:
            with open(self._blobs.blob(digest), "rb") as file:  # noqa: PTH123  # as above
                self._inner[digest] = _in_value(file.read())
        return self._inner.get(digest, ())

    def _in_parts(self, outlined: Outlined, room: int) -> None:
        """All parts of a content are there, and of the sizes that its nodes say."""
        digest = outlined.digest
        node = self._node(digest)
        if node is None:
            found = "nothing" if self.size_of(digest) is None else "another content"
            raise _wrong(digest, "a node of parts", found)
        try:
            members = members_of(node)
        except MalformedError as error:
            raise _wrong(digest, "a node of parts", "another content") from error
        if not room:
            raise _wrong(digest, f"at most {DEEPEST} nodes one below another", "more")
        for member in members:
            self._there(member, room - 1)
        total = sum(member.size for member in members)
        if total != outlined.size:
            raise _wrong(digest, f"parts of {outlined.size} bytes", f"{total} bytes")
        self._whole[digest] = total

    def _node(self, digest: bytes) -> bytes | None:
        """A blob that can be a node."""
        return self._nodes.get(digest)

    def size_of(self, digest: bytes) -> int | None:
        """The size of a content, bytes; None if it has not come yet."""
        return self._sizes.get(digest)

    def _held(self, digest: bytes, size: object) -> None:
        held = self.size_of(digest)
        if held is None or (size is not None and size != held):
            expected = "to be kept" if size is None else f"{size} bytes"
            raise _wrong(digest, expected, "nothing" if held is None else f"{held} bytes")


def _in_stores(stores: Any) -> Iterator[tuple[bytes, int]]:
    """Every content of an actor's stores, and its size; those of a map that left the event are not seen.

    Raises:
        CorruptContentError: one has no digest for its name.
    """
    found = stores.get("stores") if isinstance(stores, dict) else None
    for shot in found.values() if isinstance(found, dict) else ():
        contents = shot.get("contents") if isinstance(shot, dict) else None
        for digest, size in contents.items() if isinstance(contents, dict) else ():
            if type(digest) is not bytes:
                raise CorruptContentError("content of a store", expected="a digest", found=digest)
            yield digest, size


def _in_value(content: bytes) -> tuple[Outlined, ...]:
    """Every `Outlined` in a packed value; none if the content is something else."""
    try:
        return tuple(_outlined(decode(content, limit=len(content), depth=_DEEP)))
    except MalformedError:
        return ()


def _outlined(value: Any) -> Iterator[Outlined]:
    """Every `Outlined` in a plain value."""
    if isinstance(value, Outlined):
        yield value
    elif isinstance(value, Ext):
        outlined = read_outlined(bytes(value.data)) if value.code == OUTLINED else None
        if outlined is not None:
            yield outlined
    elif isinstance(value, dict):
        for part in value.values():
            yield from _outlined(part)
    elif isinstance(value, list | tuple | set | frozenset):
        for part in value:
            yield from _outlined(part)


def _match(digest: bytes, found: bytes) -> None:
    if found != digest:
        raise _wrong(digest, "these bytes", f"bytes of sha256:{found.hex()}")


def _wrong(digest: bytes, expected: str, found: str) -> CorruptContentError:
    return CorruptContentError(f"content sha256:{digest.hex()}", expected=expected, found=found)
