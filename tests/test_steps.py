"""Ctrl-C at any line of the journal: what is on the disk is whole, and closing ends."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from journal_contract import Scribe, committed

from theater.journal import DiskJournal
from theater.journal.steps import Steps
from theater.journal.trust import Trust
from theater.loop import until_done

pytestmark = [pytest.mark.anyio, pytest.mark.real_clock]
WHERE = ("commits.py", "disk.py", "intake.py", "log.py", "segment.py", "writer.py")
WAYS = ["the loop writes", "the loop stands by", "the thread writes"]


@contextmanager
def ctrl_c_at_line(nth: int, hits: list[str]) -> Iterator[None]:
    """Raise at the nth line of these modules that this thread comes to."""
    left, before = nth, sys.gettrace()

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal left
        name = Path(frame.f_code.co_filename).name
        if name not in WHERE:
            return None
        left -= event == "line"
        if left == 0:
            sys.settrace(before)
            hits.append(f"{name}:{frame.f_lineno}")
            left = -1
            raise KeyboardInterrupt
        return trace

    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)


async def cut_off_at(nth: int, folder: Path) -> str:
    """Write two events, the second cut off at this line, and close; returns where that was."""
    journal, hits = DiskJournal(folder), list[str]()
    await journal.open()
    scribe = Scribe(journal)
    scribe.write("first")
    await committed(journal)
    while journal._commits.is_busy:  # noqa: ASYNC110  # until the turns behind a batch are taken
        await asyncio.sleep(0)
    waiting = asyncio.get_running_loop().create_future()

    try:
        with ctrl_c_at_line(nth, hits):
            scribe.write("second")
            journal.then(waiting, None)
            journal._commits._steps.take(journal._commits._flush)
    except KeyboardInterrupt:
        pass
    closing = asyncio.ensure_future(journal.close())
    assert await until_done(closing, within=10), hits
    closing.result()
    was_refused = waiting.done() and waiting.exception() is not None

    again = DiskJournal(folder)
    await again.open()
    assert again.size in ((1, 2) if was_refused or not waiting.done() else (2,)), hits
    assert again.event(scribe.actor, 0) == scribe.events[0]
    await again.close()
    return hits[0] if hits else ""


@pytest.mark.parametrize("way", WAYS)
async def test_ctrl_c_at_any_line_leaves_a_whole_folder_and_a_journal_that_closes(
    quick_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setattr(Trust, "is_given", way == WAYS[0])
    monkeypatch.setattr(Trust, "is_to_be_tried", lambda _: way == WAYS[1])

    places = []
    for nth in range(1, 400, 2):
        place = await cut_off_at(nth, quick_path / f"{way} {nth}")
        if not place:
            break
        places.append(place.partition(":")[0])

    assert set(places) >= {"commits.py", "disk.py", "intake.py", "writer.py"}


async def test_a_step_that_is_cut_off_is_told_unless_it_is_whole_all_the_same() -> None:
    told: list[BaseException] = []
    steps = Steps(asyncio.get_running_loop(), cut_off=told.append)

    def cut_off(*, is_whole: bool) -> None:
        error = KeyboardInterrupt(is_whole)
        if is_whole:
            steps.survived = error
        raise error

    for is_whole in (True, False, True):
        with pytest.raises(KeyboardInterrupt):
            steps.take(lambda is_whole=is_whole: cut_off(is_whole=is_whole))

    assert [error.args for error in told] == [(False,)]
