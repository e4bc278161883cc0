"""Trust: whether a disk was quick for so long that an event loop may write to it itself; pure.

To hand a lone put to the writer thread and to hear of it takes six changes of thread, which cost more than
writing and syncing on a quick disk (30 µs). But any disk may stop for a moment, and the loop would stop with
it: so a stall takes the trust away, and it comes back only after twice as many quick batches, seen by the
writer thread.
"""

from __future__ import annotations

QUICK = 0.0005  # seconds, for a small batch
_FIRST = 16  # quick batches until the disk is trusted
_MOST = 1024  # likewise: a disk that stalls now and then stops the loop at most once in so many
_AGAIN = 16  # batches, after which it is seen again how quick a slow disk is


class Trust:
    """What is known of a disk's quickness."""

    __slots__ = ("_needed", "_quick", "_seen")

    def __init__(self) -> None:
        self._needed = _FIRST
        self._quick = 0  # batches, since it was slow
        self._seen = 0  # batches

    @property
    def is_given(self) -> bool:
        return self._quick >= self._needed

    def is_to_be_tried(self) -> bool:
        """Whether to see how long the next batch takes: while the disk is quick, and else now and then."""
        self._seen += 1
        return self._quick > 0 or self._seen % _AGAIN == 0

    def note(self, *, is_quick: bool) -> None:
        """Take in how a batch went."""
        if is_quick:
            self._quick += 1
            return
        if self.is_given:
            self._needed = min(2 * self._needed, _MOST)
        self._quick = 0
