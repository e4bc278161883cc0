"""Scrutiny: whether a batch goes on from what a journal holds, so that its notary may sign.

Everything that `verify` would look at is looked at before: what is signed verifies. Nothing here waits or
writes; whoever calls it signs, writes, and says so by `index.add`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any

from theater.chain import Tip, follow
from theater.errors import BrokenChainError, CorruptContentError, CorruptJournalError, SignatureError
from theater.event import Event, event_hash
from theater.journal.frames import (
    BLOB,
    COMMIT,
    DIGEST_BYTES,
    EVENT,
    FILE,
    FRONTIER,
    frontier_payload,
    read_file,
    read_frames,
)
from theater.journal.walk import Place
from theater.keys import VerifyKey
from theater.merkle import Frontier
from theater.verify.chains import NAMED, ROOT
from theater.verify.contents import IN_OUTLINED, PUTS, SHOTS, Contents
from theater.verify.quick import Row, read_quick

_TRIPLE = 3
_NOTHING: tuple[int, bytes | None] = (0, None)


class Scrutiny:
    """What a notary knows of a journal."""

    def __init__(
        self,
        *,
        origin: str,
        key: VerifyKey,
        tips: Mapping[bytes, tuple[int, bytes]],
        time: int,
        frontier: Frontier,
        size_of: Callable[[bytes], int | None],
        blob_of: Callable[[bytes], bytes | None],
        hash_of: Callable[[bytes, int], bytes],
    ) -> None:
        """Go on from these heads; `size_of`, `blob_of` and `hash_of` find what is committed."""
        self.frontier = frontier
        self.key = key  # of the events that come now
        self.next_key: VerifyKey | None = None  # which it may hand over to
        self.files: dict[bytes, int] = {}  # published by this notary, and not named in the log yet
        self._origin = origin
        self._older = tips
        self._tips: dict[bytes, tuple[int, bytes | None]] = {}  # of chains that went on since
        self._time = time
        self._hash_of = hash_of
        self._contents = _Held(size_of, blob_of)
        self._hashes: dict[tuple[bytes, int], bytes] = {}  # of the events of the batch at hand

    def take(self, place: Place, batch: bytes) -> list[tuple[int, int, int]]:
        """Look at a batch, which ends with a commit that is not signed yet; returns its frames.

        Raises:
            ForgedError, MalformedError: it does not go on from what was there.
        """
        frames = read_frames(memoryview(batch), 0)
        if frames is None or frames[-1][2] != len(batch):
            raise CorruptJournalError("batch", expected="whole frames", found="other bytes")
        self._hashes.clear()
        for number, (kind, start, end) in enumerate(frames):
            payload = batch[start:end]
            if kind == EVENT:
                self._take_event(payload)
            elif kind == BLOB:
                self._take_blob(payload)
            elif kind == FILE:
                self._take_file(payload)
            elif kind == FRONTIER and not number:
                self._take_frontier(payload, place)
            elif kind != COMMIT:
                raise CorruptJournalError(
                    "batch", expected="events and contents", found=f"a frame {chr(kind)!r}"
                )
        if place.offset == 0 and frames[0][0] != FRONTIER:
            raise CorruptJournalError("batch", expected="a frontier first", found="none")
        return frames

    def _take_event(self, data: bytes) -> None:
        event = read_quick(data) or Event.read(data)
        tip = self._tip(event.actor)
        if (event.seq, event.parent) != tip:
            follow(Tip(event.actor, *tip), Event.read(data))
        self._take_time(event)
        part = NAMED.get(event.kind)
        if part is not None and event.body.get(part) is not None:
            self._take_named(event, part, event.body[part])
        if part == "supervisor" and "fork" in event.body:
            self._take_named(event, "fork", event.body["fork"])
        if event.kind in PUTS or event.kind in SHOTS or IN_OUTLINED in data:
            self._contents.verify_named(event, data)
        if event.seq == 0 or event.actor == ROOT:
            self._take_word(event)
        digest = event_hash(data)
        self._hashes[event.actor, event.seq] = digest
        self._tips[event.actor] = event.seq + 1, digest
        self.frontier.append(digest)

    def _take_time(self, event: Event | Row) -> None:
        if event.time < self._time:
            raise _broken(event, "time", f"{self._time} or later", event.time)
        self._time = event.time

    def _tip(self, actor: bytes) -> tuple[int, bytes | None]:
        tip = self._tips.get(actor)
        return self._older.get(actor, _NOTHING) if tip is None else tip

    def _take_word(self, event: Event | Row) -> None:
        """What an event says of the journal itself."""
        kind, body = event.kind, event.body
        if event.seq == 0:
            first = "theater/opened" if event.actor == ROOT else "actor/spawned"
            self._require(event, "kind", first, kind)
        if kind == "theater/opened":
            self._require(event, "origin", self._origin, body.get("origin"))
        if kind == "theater/opened" or event.actor != ROOT:
            self._require(event, "key", self.key.data, body.get("key"))
        elif kind == "theater/key":
            self._require(event, "old", self.key.data, body.get("old"))
            following = self.next_key
            if following is None or body.get("new") != following.data:
                raise SignatureError(f"key in event {event.seq}", expected=following, found="another")
            self.key, self.next_key = following, None
        elif kind == "theater/removed":
            raise _broken(event, "kind", "nothing removed while a theater runs", kind)

    def _require(self, event: Event | Row, part: str, expected: object, found: object) -> None:
        if found != expected:
            raise _broken(event, part, expected, found)

    def _take_named(self, event: Event | Row, part: str, named: Any) -> None:
        """An event names another as [actor, seq, hash]: it must be there, and be that one."""
        if type(named) is not list or len(named) != _TRIPLE:
            raise _broken(event, part, "[actor, seq, hash]", named)
        actor, seq, digest = named
        size, head = self._tip(actor) if type(actor) is bytes else _NOTHING
        if type(seq) is not int or not 0 <= seq < size:
            raise _broken(event, part, "an event that is there", "none")
        found = head if seq == size - 1 else self._hashes.get((actor, seq))
        if (found or self._hash_of(actor, seq)) != digest:
            raise _broken(event, part, "the hash of that event", "another")

    def _take_blob(self, payload: bytes) -> None:
        digest, content = payload[:DIGEST_BYTES], payload[DIGEST_BYTES:]
        if sha256(content).digest() != digest:
            raise CorruptContentError(
                f"content sha256:{digest.hex()}", expected="these bytes", found="others"
            )
        self._contents.come(digest, len(content), content)

    def _take_file(self, payload: bytes) -> None:
        digest, size = read_file(payload)
        if self.files.pop(digest, None) != size:
            raise CorruptContentError(f"content sha256:{digest.hex()}", expected="its file", found="none")
        self._contents.come(digest, size)

    def _take_frontier(self, payload: bytes, place: Place) -> None:
        if payload != frontier_payload(place.segment, self.frontier):
            raise CorruptJournalError("frontier", expected=self.frontier.size, found="another")

    def written(self) -> None:
        """The batch is in the log: what it brought is found there from now on."""
        self._contents.written()


class _Held(Contents):
    """The contents that a journal holds, and those that the batch at hand brings."""

    def __init__(
        self, size_of: Callable[[bytes], int | None], blob_of: Callable[[bytes], bytes | None]
    ) -> None:
        self._sizes: dict[bytes, int] = {}  # of the batch, as all but `_whole`
        self._nodes: dict[bytes, bytes] = {}
        self._whole: dict[bytes, int] = {}
        self._committed_size = size_of
        self._committed_blob = blob_of

    def come(self, digest: bytes, size: int, blob: bytes = b"") -> None:
        self._sizes[digest] = size
        self._keep_node(digest, blob)

    def written(self) -> None:
        self._sizes.clear()
        self._nodes.clear()

    def size_of(self, digest: bytes) -> int | None:
        size = super().size_of(digest)
        return self._committed_size(digest) if size is None else size

    def _node(self, digest: bytes) -> bytes | None:
        node = super()._node(digest)
        return self._committed_blob(digest) if node is None else node


def _broken(event: Event | Row, part: str, expected: object, found: object) -> BrokenChainError:
    return BrokenChainError(f"{event.actor.hex()} event {event.seq}: {part}", expected=expected, found=found)
