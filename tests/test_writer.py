"""The writer thread, and the busy loop that lets it begin."""

from __future__ import annotations

import asyncio
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from journal_contract import Scribe, committed

from theater.journal.disk import DiskJournal
from theater.journal.log import Log
from theater.journal.pending import Pending
from theater.journal.walk import Place
from theater.journal.writer import Writer

pytestmark = [pytest.mark.anyio, pytest.mark.real_clock]


class GatedLog:
    """Writes once `may_write` is set, syncs once `may_sync` is."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.may_write, self.may_sync = Event(), Event()

    def write(self, batch: Pending) -> None:
        assert self.may_write.wait(30)
        self.done.append("written")
        batch.begun()
        assert self.may_sync.wait(30)
        self.done.append("synced")

    def look_ahead(self) -> None:
        """There is always room."""


def nothing(*_: object) -> None:
    """Nobody is to be told."""


def batch() -> Pending:
    return Pending(Place(1, 0), frontier=None)


def test_who_lets_the_writer_begin_stands_still_until_the_write_and_not_for_the_sync(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("theater.journal.writer._PATIENCE", 30)
    log: Any = GatedLog()
    log.may_write.set()
    writer = Writer(log, written=nothing, failed=nothing)

    writer.submit(batch())
    writer.let_begin()
    done = list(log.done)
    log.may_sync.set()
    writer.stop()

    assert done == ["written"]
    assert log.done == ["written", "synced"]


def test_a_write_that_takes_long_is_waited_for_only_a_moment_and_harms_no_later_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log: Any = GatedLog()
    synced = [Event(), Event()]
    told = iter(synced)
    writer = Writer(log, written=lambda: next(told).set(), failed=nothing)

    writer.submit(batch())
    writer.let_begin()
    before = list(log.done)
    log.may_write.set()
    log.may_sync.set()
    assert synced[0].wait(30)
    log.may_sync.clear()
    monkeypatch.setattr("theater.journal.writer._PATIENCE", 30)
    writer.submit(batch())
    writer.let_begin()
    after = list(log.done)
    log.may_sync.set()
    writer.stop()

    assert before == []
    assert after == ["written", "synced", "written"]


@pytest.mark.parametrize("is_busy", [True, False])
async def test_only_a_busy_loop_stands_still(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    is_busy: bool,  # noqa: FBT001
) -> None:
    let: list[bool] = []
    monkeypatch.setattr("theater.journal.breath.Breath.begin", lambda _: is_busy)
    monkeypatch.setattr(Writer, "let_begin", lambda _: let.append(True))
    journal = DiskJournal(tmp_path)
    await journal.open()

    Scribe(journal).write()
    await committed(journal)
    await journal.close()

    assert len(let) == is_busy


async def test_a_busy_loop_does_not_stand_still_for_what_nobody_waits_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    let: list[bool] = []
    monkeypatch.setattr("theater.journal.breath.Breath.begin", lambda _: True)
    monkeypatch.setattr(Writer, "let_begin", lambda _: let.append(True))
    journal = DiskJournal(tmp_path)
    await journal.open()

    Scribe(journal).write()
    while not journal.committed:  # noqa: ASYNC110  # until it has lingered
        await asyncio.sleep(0)
    await journal.close()

    assert let == []


async def test_a_writer_that_prepares_room_is_still_given_breath(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, looks = Event(), Event()

    def look_ahead(_: Log) -> None:
        looks.set()
        assert gate.wait(30)

    journal = DiskJournal(tmp_path)
    await journal.open()
    commits = journal._commits
    monkeypatch.setattr(Log, "look_ahead", look_ahead)
    Scribe(journal).write()
    await committed(journal)
    assert looks.wait(30)

    assert commits._is_writing()
    gate.set()
    while commits._is_writing():  # noqa: ASYNC110  # until the writer rests
        await asyncio.sleep(0)
    await journal.close()
