"""Whether the indexes of sealed segments say what the segments hold."""

from __future__ import annotations

from theater.errors import CorruptJournalError
from theater.journal.folder import Folder
from theater.journal.sealed import index_bytes, read_index_bytes, tabled


def verify_indexes(folder: Folder, *, origin: str, before: int) -> int:
    """Make the index of each segment `before` this one anew and compare; returns how many there are.

    One that is missing is not wrong: the next opening makes it.

    Raises:
        CorruptJournalError: one is damaged, or says something else.
    """
    count = 0
    for segment in folder.numbers():
        content = folder.read_index(segment) if segment < before else b""
        if content:
            _verify(folder, segment, content, origin=origin)
            count += 1
    return count


def _verify(folder: Folder, segment: int, content: bytes, *, origin: str) -> None:
    made = tabled(folder, segment, origin=origin)
    if made is None or index_bytes(made[0], check=made[1]) != content:
        found = "a damaged one" if read_index_bytes(content) is None else "one that says something else"
        raise CorruptJournalError(
            f"index of segment {segment}",
            expected="what the segment holds",
            found=f"{found}; `theater doctor --repair` makes it anew",
        )
