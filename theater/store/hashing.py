"""Hashing content: on its way in, and again on its way out; what is large, in threads."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

from anyio import to_thread

from theater.content import ContentRef
from theater.errors import ContentNotFoundError, CorruptContentError
from theater.journal.protocol import Journal
from theater.store.decision import Decision
from theater.store.requests import Get

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


def got(journal: Journal, request: Get, decision: Decision) -> Decision:
    """The decision with the content as its answer, or refused because that cannot be read."""
    try:
        return decision._replace(answer=verified(journal, request.ref))
    except (CorruptContentError, OSError) as error:
        return unread(journal, request, decision, error)


def unread(journal: Journal, request: Get, decision: Decision, error: Exception) -> Decision:
    """The decision refused; a corrupt copy is forgotten, so that the next put writes it anew."""
    if isinstance(error, CorruptContentError):
        journal.forget(request.ref.digest)
    return decision.refused(error)


async def in_thread(work: Callable[[], None]) -> None:
    """What a task of the actor does in a thread."""
    await to_thread.run_sync(work)
