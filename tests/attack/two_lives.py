"""Two lives of a small crew on a disk that may fail, what it promises, and whether that is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from power import AWAKE
from small_crew import KEY, Counter, Teller, small_journals

from theater import History, Note, Theater
from theater.codec import prepare
from theater.event import event_bytes, event_hash
from theater.journal import DiskJournal
from theater.journal.calls import Calls
from theater.recorder import ROOT


@dataclass(frozen=True, slots=True)
class Promise:
    """What somebody outside has been told."""

    note: Note  # the journal holds all that stands under this
    total: int = 0  # what the counter said


async def two_lives(folder: Path, calls: Calls, promise: Callable[[Promise], None]) -> None:
    """A crew at work and closed, twice; every kind of frame, over several segments."""
    total = 0
    with small_journals(calls):
        for life in range(2):
            async with Theater(folder, key=KEY) as theater:
                counter = await theater.spawn(Counter(), name="counter", resume=True)
                teller = await theater.spawn(Teller(counter=counter), name="teller", resume=True)
                for number in range(2):
                    total = await teller.ask(Teller.pass_on, 1)
                    promise(Promise(theater.checkpoint(), total))
                    await teller.ask(Teller.keep, b"content %d of %d " % (number, life) * (1 + 2 * number))
                    promise(Promise(theater.checkpoint(), total))
            promise(Promise(History(folder).checkpoint(), total))


async def recover(folder: Path, promise: Promise | None, *, calls: Calls = AWAKE) -> None:
    """Open what is left, go on and close; then all that was promised is there, and verifies."""
    kept = promise.note.checkpoint(KEY.public) if promise else None
    if (folder / "format").exists():
        before = History(folder).verify(kept=kept)
        assert before.ok, before
    with small_journals():
        journal = DiskJournal(folder, key=KEY, calls=calls)
        await journal.open()
        if journal.size:
            go_on(journal)
        size = journal.size
        await journal.close()
    after = History(folder).verify(kept=kept)
    assert after.ok, after
    assert (after.closed, after.events) == (True, size)
    assert not list((folder / "tmp").iterdir())


def go_on(journal: DiskJournal) -> None:
    """Append one more event to the chain of the theater itself."""
    events, head = journal.tips()[ROOT]
    data = event_bytes(ROOT, events, head, journal.last_time, "theater/closed", prepare({}))
    journal.append(ROOT, events, data, event_hash(data))
