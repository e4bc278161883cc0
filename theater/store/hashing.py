"""Hashing content: on its way in, and again on its way out; what is large, in threads."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

from anyio import to_thread

from theater.content import ContentRef
from theater.errors import ContentNotFoundError, CorruptContentError
from theater.journal.protocol import Journal

SMALL = 65_536  # bytes that are hashed on the loop (37 µs); a thread hop costs 40 to 130 µs


def digest_of(content: bytes) -> bytes:
    return sha256(content).digest()


def verified(journal: Journal, ref: ContentRef) -> bytes:
    """Read content whole; any thread may call it.

    Raises:
        CorruptContentError: the kept bytes do not hash to the ref, or are gone.
        OSError: the disk cannot be read.
    """
    try:
        content = journal.read(ref.digest)
    except ContentNotFoundError as error:
        raise CorruptContentError(f"kept copy of {ref}", expected=ref.hash, found="nothing") from error
    found = sha256(content).hexdigest()
    if found != ref.hash:
        raise CorruptContentError(f"kept copy of {ref}", expected=ref.hash, found=found)
    return content


async def in_thread(work: Callable[[], None]) -> None:
    """What a task of the actor does in a thread."""
    await to_thread.run_sync(work)
