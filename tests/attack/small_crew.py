"""A small crew whose few messages leave frames of every kind, over several segments, in 9 KB."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from unittest.mock import patch

import anyio

from theater import Actor, ActorRef, History, Note, SigningKey, Theater, effect, handler
from theater.journal import DiskJournal
from theater.journal.calls import Calls
from theater.journal.trust import Trust

KEY = SigningKey.from_seed(bytes(range(32)))
ORIGIN = "theater/0123456789abcdef0123456789abcdef"


@effect
def double(amount: int) -> int:
    return 2 * amount


async def parts(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


class Counter(Actor):
    total: int = 0

    @handler
    async def add(self, amount: int) -> int:
        self.total += amount
        return self.total


class Teller(Actor):
    counter: ActorRef[Counter]

    @handler
    async def pass_on(self, amount: int) -> int:
        return await self.counter.ask(Counter.add, amount)

    @handler
    async def keep(self, content: bytes) -> None:
        await self.context.store.replace_content_at_label("newest", content)
        await self.context.store.put_stream(parts(content, b" in two parts"))

    @handler
    async def work(self, amount: int) -> int:
        self.context.after(3600, Teller.work, 0)
        self.context.log("at work")
        return await self.context.effect(double, amount)


class Turns(Trust):
    """Has the loop write whatever it may; of the rest, it stands by at every other batch that it might."""

    @property
    def is_given(self) -> bool:
        return True

    def is_to_be_tried(self) -> bool:
        self._seen += 1
        return self._seen % 2 == 0


@contextmanager
def small_journals(
    calls: Calls | None = None,
    *,
    origin: str | None = None,
    segment_bytes: int = 3_000,
    blob_bytes: int = 20,
) -> Iterator[None]:
    """Theaters whose journals do in a few thousand bytes what others do in as many million."""
    journal = partial(DiskJournal, calls=calls, origin=origin, segment_bytes=segment_bytes)
    with (
        patch("theater.notary.choice.DiskJournal", journal),
        patch("theater.journal.writer.Trust", Turns),
        patch("theater.journal.disk.BLOB_LIMIT", blob_bytes),
        patch("theater.journal.log._NEXT", segment_bytes // 2),
        patch("theater.journal.segment.LEAST_AHEAD", 8 << 10),
        patch("theater.journal.segment.EVENTS_ROOM", 4 << 10),
    ):
        yield


def run_crew(
    folder: Path,
    *,
    amount: int = 1,
    key: SigningKey | None = KEY,
    after_each: Callable[[Note], None] = lambda _: None,
) -> None:
    """Let the crew work and close; two runs that differ in `amount` have the same actors and as many events.

    `after_each` is given the checkpoint after each request.
    """
    numbers = count(1)

    async def work() -> None:
        theater = Theater(
            folder,
            key=key,
            clock=lambda: 1_800_000_000_000_000_000,
            entropy=lambda size: next(numbers).to_bytes(size, "big"),
        )
        async with theater:
            counter = await theater.spawn(Counter(), name="counter")
            teller = await theater.spawn(Teller(counter=counter), name="teller")
            after_each(theater.checkpoint())
            for request in (
                partial(teller.ask, Teller.pass_on, amount),
                partial(teller.ask, Teller.keep, b"content"),
                partial(teller.ask, Teller.keep, b"content too large for the log"),
                partial(teller.ask, Teller.work, 1),
                partial(teller.ask, Teller.pass_on, amount + 1),
            ):
                await request()  # pyright: ignore[reportCallIssue]
                after_each(theater.checkpoint())

    with small_journals(origin=ORIGIN):
        anyio.run(work)
    for segment in (folder / "segments").iterdir():
        segment.write_bytes(segment.read_bytes().rstrip(b"\0"))  # room for more is no part of a log


def wrong(folder: Path, *, kept: Note | None = None, key: SigningKey = KEY) -> str:
    """What `verify` says is wrong, or empty; a kept checkpoint counts as verified by the key."""
    checkpoint = None if kept is None else kept.checkpoint(key.public)
    finding = History(folder).verify(kept=checkpoint).wrong
    return "" if finding is None else str(finding)
