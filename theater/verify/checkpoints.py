"""Checkpoints as they are verified: one tree grows, and its root is computed anew at each commit.

That makes all of them consistent: each is a root of the same tree at an earlier size. A signature is verified
on the newest checkpoint of each key, which covers all that is under it, or on every one.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence

from theater.checkpoint import Checkpoint, Note, key_id
from theater.errors import CorruptJournalError, ProofError, SignatureError
from theater.event import Event
from theater.journal.frames import read_frontier
from theater.keys import VerifyKey
from theater.merkle import Frontier
from theater.verify.chains import ROOT
from theater.verify.quick import Row

_SURE_DIGITS = 5  # base64 of the 4 bytes of a key id: of the sixth digit only two bits


class Checkpoints:
    """The tree so far, the keys in the order of their ranges, and the newest note."""

    def __init__(
        self,
        origin: str,
        key: VerifyKey,
        *,
        every: bool,
        kept: Checkpoint | None,
        known: Sequence[VerifyKey] = (),
    ) -> None:
        """Verify under this name and key; `every` signature or the newest; against one `kept` elsewhere.

        Each key `known` from elsewhere must be one of the journal's.
        """
        self._origin = origin
        self._every = every
        self._kept = kept if kept is not None and kept.size else None  # of nothing, it binds nothing
        self._tree = Frontier()
        self._folder_key = key
        self._known = known
        self._handing_over: list[VerifyKey] = []
        self._newest: bytes = b""  # of the current key, its signature not verified yet
        self._line = b""
        self.keys: list[VerifyKey] = []
        self.count = 0
        self.signatures = 0
        self.last: Checkpoint | None = None

    @property
    def size(self) -> int:
        return self._tree.size

    def begin(self, payload: bytes, *, segment: int) -> None:
        """Verify a frontier that stands at the start of a batch.

        Raises:
            CorruptJournalError: the journal so far has another, or it is another segment's.
        """
        number, frontier = read_frontier(payload)
        if number != segment or frontier.size != self.size or frontier.hashes != self._tree.hashes:
            raise CorruptJournalError(
                "frontier",
                expected=f"segment {segment}, {self.size} events, root {self._tree.root().hex()}",
                found=f"segment {number}, {frontier.size} events, root {frontier.root().hex()}",
            )

    def add(self, leaf: bytes) -> None:
        """Add the hash of the next event."""
        self._tree.append(leaf)

    def notice(self, event: Event | Row) -> None:
        """Learn from an event which key signs, and under which name.

        Raises:
            SignatureError: it names another than the journal's.
        """
        if event.kind == "actor/spawned" and event.seq == 0:  # not the intent in the chain of its supervisor
            self._is_current(event, event.body.get("key"))
        elif event.actor == ROOT and event.kind == "theater/opened":
            if event.body.get("origin") != self._origin:
                raise SignatureError("origin", expected=self._origin, found=event.body.get("origin"))
            if not self.keys:
                self._sign_with(VerifyKey(event.body.get("key", b"")))
            self._is_current(event, event.body.get("key"))
        elif event.actor == ROOT and event.kind == "theater/key":
            self._is_current(event, event.body.get("old"))
            self._handing_over.append(self.keys[-1])
            self._sign_with(VerifyKey(event.body.get("new", b"")))

    def commit(self, note: bytes) -> None:
        """Verify the checkpoint over everything so far.

        Raises:
            ProofError: it says another root or size than was computed, or than the one kept elsewhere.
            SignatureError: a signature that was verified does not fit, or there is none.
        """
        if not self.keys:
            self._sign_with(self._folder_key)
        root = self._tree.root()
        text = f"{self._origin}\n{self.size}\n{b64encode(root).decode()}\n"
        if not note.startswith(text.encode() + self._line):
            self._explain(note, text)
        self.last = Checkpoint(self._origin, self.size, root)
        self.count += 1
        self._compare_kept()
        for key in self._handing_over:
            self._verify(note, key)
        self._handing_over.clear()
        self._newest = note
        if self._every:
            self.end()

    def end(self) -> None:
        """Verify the signature of the newest checkpoint.

        Raises:
            SignatureError: it does not fit.
        """
        if self._newest:
            self._verify(self._newest, self.keys[-1])
        self._newest = b""

    def finish(self) -> None:
        """Verify what only the end can show.

        Raises:
            SignatureError: the folder's key never signed, or one known from elsewhere did not.
            ProofError: the checkpoint kept elsewhere is not one of this journal.
        """
        self.end()
        if self.keys and self._folder_key not in self.keys:
            raise SignatureError("format: key", expected=self.keys[-1], found=self._folder_key)
        for key in self._known:
            if key not in (self.keys or [self._folder_key]):
                found = ", ".join(map(str, self.keys)) or "nobody"
                raise SignatureError("known key", expected=f"signatures by {key}", found=f"by {found}")
        if self._kept is not None:
            found = "no checkpoint of that size" if self.size > self._kept.size else f"{self.size} events"
            raise ProofError("kept checkpoint", expected=f"{self._kept.size} events", found=found)

    def _compare_kept(self) -> None:
        kept = self._kept
        if kept is not None and kept.size == self.size:
            if kept != self.last:
                raise ProofError("kept checkpoint", expected=_shown(kept), found=_shown(self.last))
            self._kept = None

    def _sign_with(self, key: VerifyKey) -> None:
        """From here on `key` signs: its lines begin like this."""
        self.keys.append(key)
        digits = b64encode(key_id(self._origin, key)).decode()[:_SURE_DIGITS]
        self._line = f"\n— {self._origin} {digits}".encode()

    def _is_current(self, event: Event | Row, key: object) -> None:
        if not self.keys:
            self._sign_with(self._folder_key)
        if key != self.keys[-1].data:
            found = key.hex() if isinstance(key, bytes) else key
            raise SignatureError(f"key in event {event.seq}", expected=self.keys[-1], found=found)

    def _explain(self, note: bytes, text: str) -> None:
        """Say why a note does not begin as it should; it may only have its lines in another order."""
        found = Note.parse(note)
        if found.text != text:
            raise ProofError("checkpoint", expected=_line(text), found=_line(found.text))
        found.verify(self._origin, self.keys[-1])

    def _verify(self, note: bytes, key: VerifyKey) -> None:
        Note.parse(note).verify(self._origin, key)
        self.signatures += 1


def _shown(checkpoint: Checkpoint | None) -> str:
    return _line(str(checkpoint))


def _line(text: str) -> str:
    return " ".join(text.split())
