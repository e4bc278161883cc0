"""States of over 4 KiB: made again from the last snapshot when the process died before the next."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from theater import Actor, ActorRef, History, NotRecordedError, Snapshots, Theater, compact, handler

pytestmark = pytest.mark.real_clock

LARGE = "x" * 5_000


class Diary(Actor):
    pages: list[str] = []  # noqa: RUF012  # fresh to each instance

    @handler
    async def write(self, page: str) -> int:
        self.pages.append(page)
        return len(self.pages)

    @handler
    async def note_later(self, page: str) -> None:
        self.context.after(3600, Diary.write, page)

    @handler
    async def keep(self, content: bytes) -> int:
        await self.context.store.store_at_label("kept", content)
        self.pages.append(f"{await self.context.store.calculate_total_size()} bytes")
        return len(await self.context.store.list_labels())

    @handler
    async def later(self) -> str:
        self.context.defer()
        return "ignored"

    @handler
    async def look(self) -> None:
        labels = await self.context.store.list_labels()
        self.pages.append(f"{labels} {len(self.context.deferred)}")

    @handler
    async def count(self) -> int:
        return len(self.context.deferred)


@asynccontextmanager
async def crashed(folder: Path, **options: Any) -> AsyncIterator[Theater]:
    """A theater that has just died: what it had committed then is in a copy of the folder, `after`."""
    async with Theater(folder / "before", **options) as theater:
        yield theater
        await theater.settled()
        shutil.copytree(folder / "before", folder / "after")


async def written(theater: Theater) -> ActorRef[Diary]:
    diary = await theater.spawn(Diary(), name="diary")
    for number in range(3):
        await diary.ask(Diary.write, f"{number}{LARGE}")
    return diary


async def test_an_actor_with_a_large_state_goes_on_after_a_crash(tmp_path: Path) -> None:
    async with crashed(tmp_path) as theater:
        await written(theater)

    async with Theater(tmp_path / "after") as theater:
        [diary] = (await theater.resume()).refs
        assert await diary.ask("write", "new") == 4
        resumed = [event for event in theater.chain(diary) if event.kind == "actor/resumed"]
        assert (await theater.replay(diary)).ok

    assert "state" in resumed[0].body
    assert History(tmp_path / "after").replay("diary").ok


async def test_it_is_made_again_from_the_newest_snapshot(tmp_path: Path) -> None:
    async with crashed(tmp_path, snapshots=Snapshots(events=4)) as theater:
        diary = await written(theater)
        await diary.ask(Diary.keep, b"12345")
        await diary.ask(Diary.note_later, "late")
        for _ in range(6):
            await diary.ask(Diary.write, LARGE)
        shots = [event.seq for event in theater.chain(diary) if event.kind == "actor/snapshot"]
        state = theater.state_at(diary)
    history = History(tmp_path / "after")

    assert len(shots) > 1
    for seq in range(shots[-1], len(history.chain("diary"))):
        pages = history.state_at("diary", seq)["pages"]
        assert pages == state["pages"][: len(pages)]
    assert history.state_at("diary") == state


async def test_it_has_its_stores_and_what_it_owes_as_the_snapshot_says(tmp_path: Path) -> None:
    async with crashed(tmp_path, snapshots=Snapshots(events=3)) as theater:
        diary = await written(theater)
        await diary.ask(Diary.keep, b"12345")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(diary.ask, Diary.later)
            await anyio.wait_all_tasks_blocked()
            for _ in range(6):
                await diary.ask(Diary.write, LARGE)
            await diary.ask(Diary.look)
            tasks.cancel_scope.cancel()
        chain = theater.chain(diary)
        [looked] = [event.seq for event in chain if event.body.get("handler") == "look"]
        shots = [event for event in chain if event.kind == "actor/snapshot" and event.seq < looked]
        pages = theater.state_at(diary)["pages"]

    assert shots[-1].body["deferred"]
    assert pages[-1].startswith("['kept'] 1")
    assert History(tmp_path / "after").state_at("diary")["pages"] == pages


async def test_code_that_has_changed_makes_it_again_only_if_that_is_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with crashed(tmp_path) as theater:
        await written(theater)
    monkeypatch.setattr(vars(Diary)["_theater_plan"], "source_digest", b"another")

    async with Theater(tmp_path / "after") as theater:
        refused = await theater.resume()
        wanted = await theater.resume(changed_code=True)
        assert theater.chain("diary")[-1].body["changed_code"] is True

    assert [left.name for left in refused.left] == ["diary"]
    assert "changed_code=True" in refused.left[0].why
    assert [ref.name for ref in wanted.refs] == ["diary"]


async def test_code_that_does_something_else_leaves_it_alone_and_says_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with crashed(tmp_path) as theater:
        await written(theater)

    async def write(self: Diary, page: str) -> int:
        self.pages.append(page)
        return -len(self.pages)

    monkeypatch.setattr(vars(Diary)["_theater_plan"].handlers["write"], "call", write)
    async with Theater(tmp_path / "after") as theater:
        [left] = (await theater.resume()).left
        with pytest.raises(NotRecordedError, match="does not make it again"):
            theater.state_at("diary")
        with pytest.raises(NotRecordedError, match="does not make it again"):
            History(tmp_path / "after").state_at("diary")

    assert (left.name, left.seq) == ("diary", 1)
    assert left.expected.startswith("message/handled: answer 1")
    assert left.found.startswith("message/handled: answer -1")


async def test_a_state_at_any_moment_is_told_or_made_again(tmp_path: Path) -> None:
    async with Theater(tmp_path) as theater:
        diary = await written(theater)
        states = [len(theater.state_at(diary, seq)["pages"]) for seq in range(4)]
        fork = await theater.fork(diary, at=2)
        assert await fork.ask(Diary.write, "other") == 3

    assert states == [0, 1, 2, 3]
    assert [len(History(tmp_path).state_at("diary", seq)["pages"]) for seq in range(4)] == [0, 1, 2, 3]


async def test_a_class_that_is_not_at_hand_is_named(tmp_path: Path) -> None:
    async with crashed(tmp_path) as theater:
        await written(theater)

    with pytest.MonkeyPatch.context() as patch:
        patch.delattr("test_rebuilding.Diary")
        with pytest.raises(NotRecordedError, match="cannot be made again: its class"):
            History(tmp_path / "after").state_at("diary")
    assert len(History(tmp_path / "after").state_at("diary", classes=[Diary])["pages"]) == 3


async def test_a_replay_goes_on_behind_what_was_removed(tmp_path: Path) -> None:
    async with Theater(tmp_path, snapshots=Snapshots(events=5)) as theater:
        diary = await written(theater)
        await diary.ask(Diary.keep, b"12345")
        await diary.ask(Diary.note_later, "late")
        for _ in range(9):
            await diary.ask(Diary.write, "more")
        await diary.ask(Diary.keep, b"678")
    removed = compact(tmp_path)

    replay = History(tmp_path).replay("diary")

    assert removed.events > 0
    assert replay.ok, str(replay)
    assert replay.removed > 0
    assert replay.events + replay.removed == len(History(tmp_path).chain("diary"))
