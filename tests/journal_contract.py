"""What any journal must do; run over each kind of journal by a class that says how to make one."""

from __future__ import annotations

import asyncio
import os
from hashlib import sha256

import pytest
from anyio import to_thread

from theater.codec import prepare
from theater.content import ContentRef
from theater.errors import ContentNotFoundError, HistoryCutError
from theater.event import event_bytes, event_hash
from theater.journal import Journal
from theater.merkle import leaf_hash, root_of
from theater.recorder import SHORT

LARGE = (1 << 20) + 1


class Scribe:
    """Appends one actor's events to a journal, linked as a chain is."""

    by_inlet = False  # as a recorder does with short events, where there is one

    def __init__(self, journal: Journal, actor: int = 1, *, seq: int = 0, head: bytes | None = None) -> None:
        self.journal = journal
        self.actor = actor.to_bytes(16, "big")
        self.seq = seq
        self.head = head
        self.events: list[bytes] = []

    def write(self, text: str = "", *, blobs: tuple[bytes, ...] = (), time: int = 0) -> bytes:
        """Append a `log` event that names these digests; returns its bytes."""
        refs = [ContentRef.of_digest(digest) for digest in blobs]
        body = prepare({"text": text, "refs": refs})
        moment = time or 1_700_000_000_000_000_000 + self.seq
        data = event_bytes(self.actor, self.seq, self.head, moment, "log", body)
        self.head = event_hash(data)
        inlet = self.journal.inlet if self.by_inlet else None
        if inlet is None or blobs or len(data) > SHORT:
            self.journal.append(self.actor, self.seq, data, self.head, blobs)
        else:
            inlet.new += (self.actor, self.seq, data, self.head)
            if len(inlet.new) >= inlet.most:
                inlet.take_in()
        self.seq += 1
        self.events.append(data)
        return data

    def keep(self, content: bytes, *, kept: bool = True) -> bytes:
        """Put a content and append an event that names it, as a store does; returns the digest."""
        digest = sha256(content).digest()
        self.journal.put(digest, content, kept=kept)
        self.write("keep", blobs=(digest,))
        return digest


async def committed(journal: Journal) -> None:
    flushed = journal.flushed()
    if flushed is not None:
        await flushed


class JournalContract:
    """The promises of `Journal`; a subclass gives the fixture `journal`, which yields it open."""

    async def test_an_event_is_read_back_before_and_after_its_commit(self, journal: Journal) -> None:
        scribe = Scribe(journal)
        data = scribe.write("hello")

        assert journal.event(scribe.actor, 0) == data
        await committed(journal)
        assert journal.event(scribe.actor, 0) == data

    async def test_events_of_many_actors_are_found_by_actor_and_seq(self, journal: Journal) -> None:
        scribes = [Scribe(journal, number) for number in range(5)]
        for number in range(300):
            scribes[number % 5].write(str(number))
        await committed(journal)

        for scribe in scribes:
            found = [journal.event(scribe.actor, seq) for seq in range(60)]
            assert found == scribe.events
            assert journal.first(scribe.actor) == 0

    async def test_an_event_that_never_was_is_not_found(self, journal: Journal) -> None:
        scribe = Scribe(journal)
        scribe.write()

        for actor, seq in ((scribe.actor, 1), (scribe.actor, -1), (bytes(16), 0)):
            with pytest.raises(HistoryCutError):
                journal.event(actor, seq)

    async def test_the_checkpoint_is_signed_and_covers_all_events_in_their_order(
        self, journal: Journal
    ) -> None:
        first, second = Scribe(journal, 1), Scribe(journal, 2)
        data = [scribe.write() for scribe in (first, second, second, first, second)]
        await committed(journal)

        checkpoint = journal.checkpoint().checkpoint(journal.key)

        assert (checkpoint.origin, checkpoint.size) == (journal.origin, 5)
        assert checkpoint.root == root_of(data)

    async def test_the_checkpoint_grows_with_the_journal(self, journal: Journal) -> None:
        scribe = Scribe(journal)
        assert journal.checkpoint().checkpoint(journal.key).size == 0
        for size in range(1, 20):
            scribe.write()
            await committed(journal)

            checkpoint = journal.checkpoint().checkpoint(journal.key)

            assert (checkpoint.size, checkpoint.root) == (size, root_of(scribe.events))

    async def test_size_and_committed_count_events(self, journal: Journal) -> None:
        scribe, other = Scribe(journal), Scribe(journal, 2)
        for _ in range(3):
            scribe.write()
        other.write()
        assert journal.size == 4
        await committed(journal)

        assert journal.committed == 4
        assert journal.committed_of(scribe.actor) == 3
        assert journal.committed_of(other.actor) == 1
        assert journal.committed_of(bytes(16)) == 0

    async def test_the_last_time_is_that_of_the_newest_event(self, journal: Journal) -> None:
        assert journal.last_time == 0
        scribe = Scribe(journal)
        for time in (1, 200, 70_000, 1_700_000_000_000_000_000):
            scribe.write(time=time)

            assert journal.last_time == time

    async def test_a_future_gets_its_result_once_all_is_committed(self, journal: Journal) -> None:
        loop = asyncio.get_running_loop()
        first, second, early = (loop.create_future() for _ in range(3))
        journal.then(early, "nothing to wait for")
        assert early.done()
        Scribe(journal).write()
        journal.then(first, "one")
        journal.then(second, "two")

        assert [await first, await second] == ["one", "two"]
        assert journal.committed == 1

    async def test_a_future_that_is_done_is_left_alone(self, journal: Journal) -> None:
        loop = asyncio.get_running_loop()
        cancelled, answered = loop.create_future(), loop.create_future()
        cancelled.cancel()
        answered.set_result(2)
        Scribe(journal).write()
        journal.then(cancelled, 1)
        journal.then(answered, 1)
        await committed(journal)
        journal.then(answered, 3)

        assert cancelled.cancelled()
        assert answered.result() == 2

    async def test_nothing_is_left_to_flush_once_all_is_committed(self, journal: Journal) -> None:
        Scribe(journal).write()
        await committed(journal)

        assert journal.flushed() is None

    @pytest.mark.parametrize("size", [0, 1, 1024, 1 << 20, LARGE, 3 << 20])
    async def test_a_blob_is_read_back_before_and_after_its_commit(self, journal: Journal, size: int) -> None:
        content = os.urandom(size)
        digest = Scribe(journal).keep(content)

        for _ in range(2):
            assert journal.holds(digest)
            assert journal.size_of(digest) == size
            assert journal.read(digest) == content
            assert journal.read_at(digest, size // 2, 10) == content[size // 2 : size // 2 + 10]
            assert journal.read_at(digest, size, 10) == b""
            await committed(journal)

    async def test_a_blob_that_never_was_is_not_found(self, journal: Journal) -> None:
        digest = bytes(32)

        assert not journal.holds(digest)
        assert journal.size_of(digest) is None
        with pytest.raises(ContentNotFoundError):
            journal.read(digest)
        with pytest.raises(ContentNotFoundError):
            journal.read_at(digest, 0, 1)

    @pytest.mark.parametrize("size", [1000, LARGE])
    async def test_a_blob_that_was_forgotten_is_written_anew(self, journal: Journal, size: int) -> None:
        content = os.urandom(size)
        scribe = Scribe(journal)
        digest = scribe.keep(content)
        await committed(journal)
        journal.forget(digest)
        assert not journal.holds(digest)
        with pytest.raises(ContentNotFoundError):
            journal.read(digest)

        scribe.keep(content)
        await committed(journal)

        assert journal.read(digest) == content

    @pytest.mark.parametrize("sizes", [(), (10,), (0, 5, 0), (1 << 20, 1 << 20, 7)])
    async def test_ingested_content_is_published_under_its_hash(
        self, journal: Journal, sizes: tuple[int, ...]
    ) -> None:
        chunks = [os.urandom(size) for size in sizes]
        content = b"".join(chunks)
        ingest = journal.ingest()
        for chunk in chunks:
            await to_thread.run_sync(ingest.write, chunk)
        digest, size = await to_thread.run_sync(ingest.publish)
        Scribe(journal).write(blobs=(digest,))
        await committed(journal)

        assert (digest, size) == (sha256(content).digest(), len(content))
        assert journal.holds(digest)
        assert journal.size_of(digest) == size
        assert journal.read(digest) == content

    async def test_aborted_content_is_gone(self, journal: Journal) -> None:
        ingest = journal.ingest()
        ingest.write(b"half")
        ingest.abort()
        ingest.abort()

        assert not journal.holds(sha256(b"half").digest())

    async def test_content_ingested_twice_is_held_once_and_an_abort_after_publishing_does_nothing(
        self, journal: Journal
    ) -> None:
        digests: list[bytes] = []
        for _ in range(2):
            ingest = journal.ingest()
            ingest.write(b"same")
            digests.append(ingest.publish()[0])
            ingest.abort()

        assert [journal.read(digest) for digest in digests] == [b"same", b"same"]

    async def test_nothing_was_there_when_it_was_opened(self, journal: Journal) -> None:
        Scribe(journal).write()

        assert dict(journal.tips()) == {}
        assert not journal.full
        assert journal.failed is None

    async def test_hashes_are_those_of_the_leaves(self, journal: Journal) -> None:
        scribe = Scribe(journal)
        data = scribe.write()

        assert scribe.head == leaf_hash(data)

    async def test_closing_commits_everything_and_what_was_kept_can_still_be_looked_at(
        self, journal: Journal
    ) -> None:
        scribe = Scribe(journal)
        digest = scribe.keep(b"content")
        await journal.close()
        await journal.close()

        assert journal.committed == journal.size == 1
        assert journal.event(scribe.actor, 0) == scribe.events[0]
        assert journal.read(digest) == b"content"
