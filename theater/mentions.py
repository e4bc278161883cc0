"""Which contents some bytes mention, of an event or of a packed value; pure.

Whoever drops contents must know what others name. So no kind of event is known here, nor what it means by a
digest: each 32 bytes that are written as a bytes value, a content ref or an outlined value count.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

_MARKS = (
    b"\xc4\x20",
    b"\xc7\x20\x06",
)  # 32 bytes follow; a bytes value, or a content ref
_OUTLINED = b"\x08\x93"  # two bytes, and then the kind, before the digest of an outlined value
_OUTLINED_BYTES = len(_OUTLINED) + 1
_BYTES_KIND = 0
_DIGEST_BYTES = 32


class Mention(NamedTuple):
    """One digest that stands somewhere, of a content or of anything else."""

    digest: bytes  # 32 bytes
    is_outlined: bool  # its content is a part of what mentions it
    is_packed: bool  # that part may mention others


def mentions(data: bytes) -> Iterator[Mention]:
    """Each digest that stands in these bytes."""
    for mark in _MARKS:
        at = data.find(mark)
        while at >= 0:
            start = at + len(mark)
            if start + _DIGEST_BYTES <= len(data):
                before = data[max(0, at - _OUTLINED_BYTES) : at]
                is_outlined = before.startswith(_OUTLINED) and len(before) == _OUTLINED_BYTES
                is_packed = is_outlined and before[-1] != _BYTES_KIND
                yield Mention(data[start : start + _DIGEST_BYTES], is_outlined, is_packed)
            at = data.find(mark, at + 1)
