"""The file watcher: what it tells of, to whom, and what it tells when it looks again after a while."""

from __future__ import annotations

import os
from pathlib import Path

import anyio
import pytest

from actors import FileChange, FileWatcher, How
from theater import Actor, ActorFailedError, ActorRef, Theater, handler


class Reader(Actor):
    heard: list[FileChange] = []  # noqa: RUF012  # given fresh to each instance

    @handler
    async def changed(self, change: FileChange) -> None:
        self.heard.append(change)

    @handler
    async def all(self) -> list[FileChange]:
        return self.heard

    @handler
    async def sleep(self) -> None:
        await anyio.sleep(3600)


class Curious(Reader):
    """Asks back while it is told."""

    watcher: ActorRef[FileWatcher]

    @handler
    async def look(self) -> list[FileChange]:
        return await self.watcher.ask(FileWatcher.look)


async def watch(theater: Theater, folder: Path, pattern: str = "**/*") -> ActorRef[FileWatcher]:
    watcher = FileWatcher(folder=str(folder), pattern=pattern, every=3600)
    return await theater.spawn(watcher, name="watcher")


def told(*changes: tuple[str, How]) -> list[FileChange]:
    return [FileChange(*change) for change in changes]


async def test_files_that_came_changed_and_went_are_told_by_path(theater: Theater, tmp_path: Path) -> None:
    for name in ("stays", "changes", "goes"):
        (tmp_path / name).write_text("old")
    watcher, reader = await watch(theater, tmp_path), await theater.spawn(Reader())
    await watcher.ask(FileWatcher.subscribe, reader)

    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "comes").write_text("new")
    (tmp_path / "changes").write_text("other")
    (tmp_path / "goes").unlink()

    news = told(("below/comes", How.CAME), ("changes", How.CHANGED), ("goes", How.WENT))
    assert await watcher.ask(FileWatcher.look) == news
    assert await watcher.ask(FileWatcher.look) == []
    assert await reader.ask(Reader.all) == news
    assert await watcher.ask(FileWatcher.files) == ["below/comes", "changes", "stays"]


async def test_one_odd_file_does_not_hide_the_others(theater: Theater, tmp_path: Path) -> None:
    watcher = await watch(theater, tmp_path)

    (tmp_path / "circle").symlink_to("circle")
    (tmp_path / os.fsdecode(b"caf\xe9")).write_text("")
    (tmp_path / "plain").write_text("")

    news = told(("caf\\xe9", How.CAME), ("plain", How.CAME))
    assert await watcher.ask(FileWatcher.look) == news


async def test_what_was_there_at_the_beginning_is_not_news(theater: Theater, tmp_path: Path) -> None:
    (tmp_path / "old").write_text("")

    assert await (await watch(theater, tmp_path)).ask(FileWatcher.look) == []


async def test_it_looks_by_itself(theater: Theater, tmp_path: Path) -> None:
    watcher, reader = await watch(theater, tmp_path), await theater.spawn(Reader())
    await watcher.ask(FileWatcher.subscribe, reader)
    (tmp_path / "new").write_text("")

    await anyio.sleep(3599)
    assert await reader.ask(Reader.all) == []
    await anyio.sleep(2)
    await theater.settled()

    assert await reader.ask(Reader.all) == told(("new", How.CAME))


async def test_a_file_of_the_same_size_and_time_in_its_place_is_another(
    theater: Theater, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("old")
    os.utime(tmp_path / "file", ns=(0, 0))
    watcher = await watch(theater, tmp_path)

    (tmp_path / "other").write_text("new")
    os.utime(tmp_path / "other", ns=(0, 0))
    (tmp_path / "other").rename(tmp_path / "file")

    assert await watcher.ask(FileWatcher.look) == told(("file", How.CHANGED))


async def test_only_files_that_fit_the_pattern_are_told(theater: Theater, tmp_path: Path) -> None:
    watcher = await watch(theater, tmp_path, "*.txt")

    for name in ("a.txt", "b.log"):
        (tmp_path / name).write_text("")
    (tmp_path / "folder.txt").mkdir()
    (tmp_path / "nowhere.txt").symlink_to(tmp_path / "nothing")

    assert await watcher.ask(FileWatcher.look) == told(("a.txt", How.CAME))


async def test_a_folder_that_is_not_there_has_no_files_until_it_is(theater: Theater, tmp_path: Path) -> None:
    watcher = await watch(theater, tmp_path / "later")
    assert await watcher.ask(FileWatcher.files) == []

    (tmp_path / "later").mkdir()
    (tmp_path / "later" / "file").write_text("")

    assert await watcher.ask(FileWatcher.look) == told(("file", How.CAME))


async def test_a_pattern_that_is_none_does_not_start(theater: Theater, tmp_path: Path) -> None:
    with pytest.raises(ActorFailedError, match="pattern"):
        await watch(theater, tmp_path, "")


async def test_a_look_that_fails_is_said_once_and_changes_nothing(
    theater: Theater, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    watcher = await watch(theater, tmp_path)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "glob", lambda *_: (_ for _ in ()).throw(PermissionError("not now")))
        for _ in range(2):
            assert await watcher.ask(FileWatcher.look) == []

    assert await watcher.ask(FileWatcher.files) == ["file"]
    assert await watcher.ask(FileWatcher.look) == []
    (text,) = [event.body["text"] for event in theater.chain(watcher) if event.kind == "log"]
    assert text.endswith("PermissionError: not now")


async def test_a_look_that_fails_again_after_one_that_went_well_is_said_again(
    theater: Theater, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watcher = await watch(theater, tmp_path)

    for _ in range(2):
        with monkeypatch.context() as patch:
            patch.setattr(Path, "glob", lambda *_: (_ for _ in ()).throw(PermissionError("not now")))
            await watcher.ask(FileWatcher.look)
        await watcher.ask(FileWatcher.look)

    assert [event.kind for event in theater.chain(watcher)].count("log") == 2


async def test_who_unsubscribed_or_ended_is_told_no_more(theater: Theater, tmp_path: Path) -> None:
    watcher = await watch(theater, tmp_path)
    left, ended, stays = [await theater.spawn(Reader()) for _ in range(3)]
    for reader in (left, ended, stays, stays):
        await watcher.ask(FileWatcher.subscribe, reader)

    await watcher.ask(FileWatcher.unsubscribe, left)
    await ended.kill()
    (tmp_path / "new").write_text("")
    await watcher.ask(FileWatcher.look)

    assert await left.ask(Reader.all) == []
    assert await stays.ask(Reader.all) == told(("new", How.CAME))
    assert theater.statistics().failures == 0


async def test_a_slow_listener_misses_nothing(theater: Theater, tmp_path: Path) -> None:
    watcher, slow = await watch(theater, tmp_path), await theater.spawn(Reader(), mailbox=1)
    await watcher.ask(FileWatcher.subscribe, slow)
    await slow.tell(Reader.sleep)

    for name in "abc":
        (tmp_path / name).write_text("")
    await watcher.ask(FileWatcher.look)

    assert [change.path for change in await slow.ask(Reader.all)] == ["a", "b", "c"]


async def test_a_listener_that_waits_for_the_watcher_holds_nobody_up(
    theater: Theater, tmp_path: Path
) -> None:
    watcher = await watch(theater, tmp_path)
    curious = await theater.spawn(Curious(watcher=watcher), mailbox=1)
    await watcher.ask(FileWatcher.subscribe, curious)

    for name in "abc":
        (tmp_path / name).write_text("")
    await curious.ask(Curious.look)

    assert [change.path for change in await curious.ask(Curious.all)] == ["a"]
    texts = [event.body["text"] for event in theater.chain(watcher) if event.kind == "log"]
    assert [text.split(" was not told of ")[1][0] for text in texts] == ["b", "c"]


async def test_after_a_failure_it_knows_what_it_saw_and_looks_as_often_as_before(
    theater: Theater, tmp_path: Path
) -> None:
    class Clumsy(FileWatcher):
        @handler
        async def trip(self) -> None:
            raise RuntimeError("over the wire")

    watcher = await theater.spawn(Clumsy(folder=str(tmp_path), every=100))
    (tmp_path / "new").write_text("")

    with pytest.raises(ActorFailedError, match="over the wire"):
        await watcher.ask(Clumsy.trip)
    await anyio.sleep(1050)
    await theater.settled()

    looks = [event for event in theater.chain(watcher) if event.kind == "effect/ended"]
    assert 10 <= len(looks) <= 12  # and not twice that; threads are at work, so the clock walks a little
    assert await watcher.ask(FileWatcher.files) == ["new"]


@pytest.mark.real_clock
async def test_what_happened_while_it_slept_is_told_when_it_is_resumed(tmp_path: Path) -> None:
    folder = tmp_path / "watched"
    folder.mkdir()
    async with Theater(tmp_path / "folder") as theater:
        watcher, reader = await watch(theater, folder), await theater.spawn(Reader(), name="reader")
        await watcher.ask(FileWatcher.subscribe, reader)

    (folder / "new").write_text("")
    async with Theater(tmp_path / "folder") as theater:
        await theater.resume(classes=[Reader, FileWatcher])
        await theater.find("watcher").ask("look")

        assert await theater.find("reader").ask("all") == told(("new", How.CAME))
