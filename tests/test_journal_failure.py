"""A disk that fails under a theater: everyone who waits is told, and reopening finds what was promised."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
from journal_disks import FailingDisk

from theater import Actor, ActorRef, History, Theater, handler
from theater.errors import ActorFailedError, JournalFailedError, TheaterError
from theater.journal import DiskJournal

pytestmark = pytest.mark.real_clock

GATES: dict[str, anyio.Event] = {}


class Keeper(Actor):
    things: list[int] = []  # noqa: RUF012  # given fresh to each instance

    @handler
    async def add(self, thing: int) -> int:
        self.things.append(thing)
        return len(self.things)

    @handler
    async def all(self) -> list[int]:
        return self.things

    @handler
    async def shelve(self, label: str, content: bytes) -> None:
        await self.context.store.store_at_label(label, content)

    @handler
    async def shelved(self, label: str) -> bytes | None:
        ref = await self.context.store.get_by_label(label)
        return None if ref is None else await self.context.store.get(ref)

    @handler
    async def wait_at(self, gate: str) -> None:
        GATES["begun"].set()
        await GATES[gate].wait()

    @handler
    async def ask_at_gate(self, other: "ActorRef[Keeper]") -> None:  # noqa: UP037  # not yet made
        await other.ask(Keeper.wait_at, "gate")


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Callable[..., FailingDisk]:
    """Puts a disk that fails under the theaters that are made from now on."""

    def put(nth: int = 0) -> FailingDisk:
        failing = FailingDisk(nth, for_ever=bool(nth))
        monkeypatch.setattr("theater.notary.choice.DiskJournal", partial(DiskJournal, calls=failing.calls))
        return failing

    return put


async def ignore(waiting: Any) -> BaseException | None:
    try:
        await waiting
    except (TheaterError, asyncio.CancelledError) as error:
        return error
    return None


async def test_everyone_who_waits_is_told(tmp_path: Path, disk: Callable[..., FailingDisk]) -> None:
    GATES.update(gate=anyio.Event(), begun=anyio.Event())
    failing = disk()
    theater = Theater(tmp_path / "theater")
    await theater.open()
    busy, other = await theater.spawn(Keeper(), mailbox=1), await theater.spawn(Keeper())
    waiters: list[asyncio.Future[Any]] = [asyncio.ensure_future(other.ask(Keeper.ask_at_gate, busy))]
    await GATES["begun"].wait()
    waiters.append(asyncio.ensure_future(busy.stop()))
    waiters.append(asyncio.ensure_future(theater.settled()))
    fresh = await theater.spawn(Keeper())

    failing.fail_next("sync")
    waiters.append(asyncio.ensure_future(fresh.ask(Keeper.add, 1)))
    waiters.append(asyncio.ensure_future(theater.spawn(Keeper())))
    waiters.append(asyncio.ensure_future(fresh.ask(Keeper.shelve, "label", b"content")))

    with anyio.fail_after(10):
        errors = [await ignore(waiter) for waiter in waiters]
        closing = await ignore(theater.close())

    assert [type(error) for error in errors] == [JournalFailedError] * 6
    assert closing is None or isinstance(closing, JournalFailedError)


async def test_after_it_nothing_can_be_done_any_more(
    tmp_path: Path, disk: Callable[..., FailingDisk]
) -> None:
    failing = disk()
    theater = Theater(tmp_path / "theater")
    await theater.open()
    keeper = await theater.spawn(Keeper(), name="keeper")
    failing.fail_next("sync")
    with pytest.raises(JournalFailedError):
        await keeper.ask(Keeper.add, 1)

    uses: list[Callable[[], Any]] = [
        lambda: keeper.tell(Keeper.add, 1),
        lambda: keeper.ask(Keeper.add, 1),
        lambda: theater.spawn(Keeper()),
        keeper.stop,
        keeper.kill,
        theater.settled,
        theater.resume,
    ]
    for use in uses:
        with pytest.raises(JournalFailedError), anyio.fail_after(5):
            await use()
    with pytest.raises(JournalFailedError):
        keeper.tell_nowait(Keeper.add, 1)
    await ignore(theater.close())


async def test_a_theater_ended_by_its_disk_leaves_no_task(
    tmp_path: Path, disk: Callable[..., FailingDisk]
) -> None:
    GATES.update(gate=anyio.Event(), begun=anyio.Event())
    failing = disk()
    before = asyncio.all_tasks()
    theater = Theater(tmp_path / "theater")
    await theater.open()
    keeper = await theater.spawn(Keeper(), name="keeper")
    await keeper.tell(Keeper.wait_at, "gate")
    failing.fail_next("sync")
    await ignore(theater.spawn(Keeper()))

    await ignore(theater.close())

    assert asyncio.all_tasks() == before


async def test_the_failure_is_logged(
    tmp_path: Path, disk: Callable[..., FailingDisk], caplog: pytest.LogCaptureFixture
) -> None:
    failing = disk()
    theater = Theater(tmp_path / "theater")
    await theater.open()
    failing.fail_next("sync")
    await ignore(theater.spawn(Keeper()))
    await ignore(theater.close())

    assert any("as by a crash" in line for line in caplog.messages)


async def run_until_failure(folder: Path) -> tuple[list[int], list[str]]:
    """Work until the disk fails; returns what was acknowledged."""
    added: list[int] = []
    shelved: list[str] = []
    theater = Theater(folder)
    try:
        await theater.open()
        keeper = await theater.spawn(Keeper(), name="keeper")
        for number in range(6):
            await keeper.ask(Keeper.add, number)
            added.append(number)
            await keeper.ask(Keeper.shelve, str(number), bytes([number]) * 50_000)
            shelved.append(str(number))
    except (TheaterError, ActorFailedError):
        pass  # what was acknowledged until then is what counts
    await ignore(theater.close())
    return added, shelved


@pytest.mark.parametrize("nth", range(1, 60, 3))
async def test_wherever_the_disk_fails_what_was_acknowledged_is_there(
    tmp_path: Path, disk: Callable[..., FailingDisk], monkeypatch: pytest.MonkeyPatch, nth: int
) -> None:
    disk(nth)
    with anyio.fail_after(20):
        added, shelved = await run_until_failure(tmp_path / "theater")
    monkeypatch.undo()

    async with Theater(tmp_path / "theater"):
        pass  # opens, and cuts what was torn
    history = History(tmp_path / "theater")
    assert history.verify().ok
    if added:
        chain = history.chain("keeper")
        answers = [event.body["answer"] for event in chain if event.body.get("handler") == "add"]
        labels = [event.body["label"] for event in chain if event.kind == "store/store_at_label"]
        assert answers[: len(added)] == [number + 1 for number in added]
        assert len(answers) <= len(added) + 1
        assert labels[: len(shelved)] == shelved
