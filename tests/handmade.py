"""A journal folder made by hand, frame by frame, so that tests can also make wrong ones."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any

from theater.chain import Chain
from theater.checkpoint import Checkpoint
from theater.codec import prepare
from theater.event import Event, Stub, event_bytes, event_hash
from theater.journal.frames import (
    BLOB,
    COMMIT,
    EVENT,
    FILE,
    FRONTIER,
    STUB,
    Commit,
    file_size,
    frame,
    frontier_payload,
)
from theater.journal.marks import Closed, Format
from theater.keys import SigningKey
from theater.merkle import Frontier

ROOT = bytes(16)
KEY = SigningKey.from_seed(bytes(range(32)))
NEXT_KEY = SigningKey.from_seed(bytes(range(1, 33)))
ORIGIN = "theater/000102030405060708090a0b0c0d0e0f"


def actor_id(number: int) -> bytes:
    return number.to_bytes(16, "big")


class Handmade:
    """Writes what it is told to, right or wrong."""

    def __init__(
        self, path: Path, *, key: SigningKey = KEY, origin: str = ORIGIN, opened: bool = True
    ) -> None:
        self.path = path
        self.key = key
        self.origin = origin
        self.time = 1_700_000_000_000_000_000
        self.chains: dict[bytes, Chain] = {}
        self.tree = Frontier()
        self.segment = 1
        self.segment_bytes = 0  # of the segments before
        self.log = bytearray()
        self.batch = bytearray()
        for name in ("segments", "blobs"):
            (path / name).mkdir(parents=True)
        self.mark()
        self.begin()
        if opened:
            self.event(
                ROOT,
                "theater/opened",
                {"format": 1, "key": key.public.data, "origin": origin, "version": "0.1"},
            )

    def mark(self) -> None:
        (self.path / "format").write_text(str(Format(self.origin, self.key.public)))

    def begin(self) -> None:
        self.frame(FRONTIER, frontier_payload(self.segment, self.tree))

    def frame(self, kind: int, payload: bytes) -> None:
        self.batch += frame(kind, payload)

    def event(self, actor: bytes, kind: str, body: dict[str, Any]) -> Event:
        chain = self.chains.setdefault(actor, Chain(actor))
        self.time += 1
        event = chain.append(kind, body, time=self.time)
        self.raw_event(event.data)
        return event

    def raw_event(self, data: bytes) -> None:
        """Bytes that need not be an event's."""
        self.frame(EVENT, data)
        self.tree.append(event_hash(data))

    def loose_event(self, actor: bytes, kind: str, body: dict[str, Any], **other: Any) -> Event:
        """An event of which some parts are not what should follow."""
        tip = self.chains[actor].tip
        parts = {"seq": tip.size, "parent": tip.head, "time": self.time, **other}
        data = event_bytes(actor, parts["seq"], parts["parent"], parts["time"], kind, prepare(body))
        self.raw_event(data)
        return Event.read(data)

    def removed(self, actor: bytes, kind: str, body: dict[str, Any]) -> Stub:
        """The stub of an event that was removed again."""
        chain = self.chains.setdefault(actor, Chain(actor))
        event = chain.append(kind, body, time=self.time)
        stub = Stub(actor, event.seq, event.hash)
        self.frame(STUB, stub.data)
        self.tree.append(stub.hash)
        return stub

    def spawn(
        self, actor: bytes, name: str, *, supervisor: bytes = ROOT, state: dict[str, Any] | None = None
    ) -> Event:
        intent = self.event(supervisor, "actor/spawned", {"child": actor, "class": "app:Actor", "name": name})
        body = {
            "class": "app:Actor",
            "key": self.key.public.data,
            "name": name,
            "options": {},
            "source": None,
            "state": state or {},
            "supervisor": triple(intent),
        }
        return self.event(actor, "actor/spawned", body)

    def blob(self, content: bytes) -> bytes:
        digest = sha256(content).digest()
        self.frame(BLOB, digest + content)
        return digest

    def file(self, content: bytes) -> bytes:
        digest = sha256(content).digest()
        place = self.path / "blobs" / digest.hex()[:2]
        place.mkdir(exist_ok=True)
        (place / digest.hex()).write_bytes(content)
        self.frame(FILE, digest + file_size(len(content)))
        return digest

    def checkpoint(self) -> Checkpoint:
        return Checkpoint(self.origin, self.tree.size, self.tree.root())

    def commit(self, *keys: SigningKey, checkpoint: Checkpoint | None = None) -> None:
        self.commit_note(str((checkpoint or self.checkpoint()).sign(*(keys or (self.key,)))))

    def commit_note(self, note: str) -> None:
        commit = Commit(self.segment, len(self.log), len(self.batch), note.encode())
        self.log += self.batch + frame(COMMIT, commit.payload())
        self.batch.clear()
        self.write()

    def write(self) -> None:
        self.file_of(self.segment).write_bytes(self.log)

    def file_of(self, segment: int) -> Path:
        return self.path / "segments" / f"{segment:08}"

    def next_segment(self) -> None:
        self.segment += 1
        self.segment_bytes += len(self.log)
        self.log.clear()
        self.begin()

    def close(self) -> None:
        self.event(ROOT, "theater/closed", {})
        self.commit()
        mark = Closed(self.segment, len(self.log), self.tree.size, self.tree.root())
        (self.path / "closed").write_text(str(mark))


def triple(event: Event) -> list[object]:
    return [event.actor, event.seq, event.hash]


def small_journal(path: Path, *, at_least: int = 0) -> Handmade:
    """A log of about 3 KiB, or more, with a bit of everything, closed cleanly."""
    journal = Handmade(path)
    counter, teller = actor_id(1), actor_id(2)
    journal.spawn(counter, "counter", state={"total": 0})
    journal.commit()
    journal.spawn(teller, "crew/teller")
    journal.blob(b"a small content")
    asked = {"ask": True, "args": [1], "handler": "add"}
    sent = journal.event(teller, "message/sent", {**asked, "to": counter})
    handled = journal.event(
        counter, "message/handled", {**asked, "answer": 1, "from": triple(sent), "state": {"total": 1}}
    )
    journal.event(teller, "message/answered", {"answer": 1, "from": triple(handled), "message": sent.seq})
    journal.commit()
    journal.next_segment()
    journal.file(b"a large content")
    journal.event(counter, "log", {"text": "hello"})
    while len(journal.log) + journal.segment_bytes < at_least:
        journal.event(counter, "log", {"text": "and so on"})
        journal.commit()
    journal.event(teller, "actor/stopped", {"reason": "normal"})
    journal.commit()
    journal.close()
    return journal
