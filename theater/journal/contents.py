"""Contents in memory, by digest: those that stores keep, and those that left an event."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence


class Contents:
    """Blobs by digest; one that no store keeps goes with the last kept event it was outlined from."""

    __slots__ = ("_kept", "_uses", "held", "outlined", "weight")

    def __init__(self) -> None:
        self.held: dict[bytes, bytes] = {}
        self.outlined: deque[tuple[int, Sequence[bytes]]] = deque()  # number of an event, its digests
        self.weight = 0  # bytes of those that events alone keep
        self._uses: dict[bytes, int] = {}
        self._kept: set[bytes] = set()

    def put(self, digest: bytes, content: bytes, *, kept: bool) -> None:
        counts = digest in self._uses and digest not in self._kept
        if digest not in self.held:
            self.held[digest] = content
            self.weight += counts * len(content)
        if kept:
            self._kept.add(digest)
            self.weight -= counts * len(content)

    def forget(self, digest: bytes) -> None:
        """Take what is here for lost."""
        content = self.held.pop(digest, b"")
        if digest in self._uses and digest not in self._kept:
            self.weight -= len(content)

    def outline(self, number: int, digests: Sequence[bytes]) -> None:
        """Note from which event these left."""
        self.outlined.append((number, tuple(digests)))
        for digest in digests:
            uses = self._uses.get(digest, 0)
            self._uses[digest] = uses + 1
            if not uses and digest not in self._kept:
                self.weight += len(self.held.get(digest, b""))

    def drop(self, *, before: int) -> None:
        """Let go of what left events before this one alone."""
        while self.outlined and self.outlined[0][0] < before:
            for digest in self.outlined.popleft()[1]:
                self._release(digest)

    def _release(self, digest: bytes) -> None:
        left = self._uses.pop(digest) - 1
        if left:
            self._uses[digest] = left
        elif digest not in self._kept:
            self.weight -= len(self.held.pop(digest, b""))
