"""The doctor: what it says of each thing that can be amiss, what it repairs, and what it never touches."""

from __future__ import annotations

import errno
import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import copytree, rmtree
from time import time_ns
from typing import Any

import anyio
import pytest
from click.testing import CliRunner
from full_segments import Keeper, fill, small_segments
from journal_disks import contents_of

from theater import Diagnosis, FolderError, FolderInUseError, History, SigningKey, Theater, examine
from theater.cli import main
from theater.doctor import checks, examining
from theater.errors import JournalError, JournalFailedError
from theater.journal import DiskJournal
from theater.journal.folder import Folder
from theater.journal.handing import KeyHolder
from theater.recorder import Line, Recorder

pytestmark = [pytest.mark.anyio, pytest.mark.real_clock]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Three full segments and a content in a file of its own, closed."""
    path = tmp_path_factory.mktemp("whole") / "theater"
    with pytest.MonkeyPatch.context() as patch:
        small_segments(patch)
        anyio.run(fill, path)
        anyio.run(keep_a_large_one, path)
    yield path
    rmtree(path)


async def keep_a_large_one(path: Path) -> None:
    async with Theater(path) as theater:
        keeper = await theater.spawn(Keeper(), name="keeper", resume=True)
        await keeper.ask(Keeper.keep, bytes(2 << 20))


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Folder:
    copytree(whole, tmp_path / "theater")
    return Folder(tmp_path / "theater")


@pytest.fixture
def crashed(folder: Folder) -> Folder:
    """As a process leaves it that was killed: not closed, its name in the lock."""
    (folder.path / "closed").unlink()
    (folder.path / "lock").write_text(f"4711 {socket.gethostname()}\n")
    return folder


def said(diagnosis: Diagnosis) -> list[tuple[str, str]]:
    return [(one.part, one.where) for one in diagnosis.complaints]


def last(folder: Folder) -> Path:
    return folder.segment(folder.numbers()[-1])


def flip(path: Path, *, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def append(path: Path, content: bytes) -> None:
    path.write_bytes(path.read_bytes() + content)


def write(path: Path, content: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)


def large(folder: Folder) -> Path:
    return next(folder.blobs.glob("*/*"))


def test_of_a_folder_in_order_there_is_nothing_to_say(folder: Folder) -> None:
    before = contents_of(folder.path)

    diagnosis = examine(folder.path)

    assert (diagnosis.ok, diagnosis.complaints, diagnosis.is_running) == (True, (), False)
    assert diagnosis.report.closed
    assert diagnosis.report.indexes >= 3
    assert contents_of(folder.path) == before
    assert examine(folder.path, repair=True).complaints == ()
    assert contents_of(folder.path) == before


REPAIRABLE: dict[str, tuple[Callable[[Folder], object], str, str]] = {
    "a torn batch": (lambda it: append(last(it), b"torn"), "torn batch", "segments/{last} at {end}"),
    "a file that was being written": (lambda it: write(it.tmp / "draft", b"x"), "left behind", "tmp/draft"),
    "a content that no commit names": (
        lambda it: write(it.blobs / "ab" / ("ab" * 32), b"x"),
        "left behind",
        "blobs/ab/" + "ab" * 32,
    ),
    "a segment made ready": (
        lambda it: write(it.segment(it.numbers()[-1] + 1), bytes(4096)),
        "left behind",
        "segments/{next}",
    ),
    "an index of a segment that grows": (
        lambda it: write(it.index(it.numbers()[-1]), b"x"),
        "left behind",
        "index/{last}",
    ),
    "no index": (lambda it: it.index(2).unlink(), "index", "index/00000002"),
    "a damaged index": (lambda it: flip(it.index(1), at=300), "index", "index/00000001"),
    "an index of another segment": (
        lambda it: write(it.index(1), it.index(2).read_bytes()),
        "index",
        "index/00000001",
    ),
    "no folder for drafts": (lambda it: it.tmp.rmdir(), "folder", "tmp"),
    "no folder for torn bytes": (lambda it: it.cut.rmdir(), "folder", "cut"),
    "a key for everybody": (lambda it: (it.path / "key").chmod(0o644), "key", "key"),
}


@pytest.mark.parametrize("amiss", REPAIRABLE)
def test_what_needs_no_guess_is_named_and_repaired(crashed: Folder, amiss: str) -> None:
    end = last(crashed).stat().st_size
    kept = contents_of(crashed.path)
    spoil, part, where = REPAIRABLE[amiss]
    number = crashed.numbers()[-1]
    spoil(crashed)
    place = where.format(last=f"{number:08}", next=f"{number + 1:08}", end=end)
    spoiled = contents_of(crashed.path)

    looked = examine(crashed.path)

    assert said(looked) == [("lock", "lock"), (part, place)]
    assert all(one.can_be_repaired and not one.repaired for one in looked.complaints)
    assert looked.ok
    assert contents_of(crashed.path) == spoiled

    repaired = examine(crashed.path, repair=True)

    assert said(repaired) == said(looked)
    assert all(one.repaired for one in repaired.complaints)
    assert repaired.report.ok
    assert repaired.report.tail == 0
    after = contents_of(crashed.path)
    assert {name: after[name] for name in kept} == kept
    assert [content for name, content in after.items() if name not in kept] == (
        [b"torn"] if amiss == "a torn batch" else []
    )
    assert examine(crashed.path).complaints == ()
    assert (crashed.path / "key").stat().st_mode & 0o777 == 0o600


def test_a_repair_that_was_cut_off_itself_is_begun_anew(crashed: Folder) -> None:
    end = last(crashed).stat().st_size
    append(last(crashed), b"torn")
    draft = f"{crashed.numbers()[-1]:08}-{end:010}-0"
    write(crashed.tmp / draft, b"to")

    repaired = examine(crashed.path, repair=True)

    assert [one.part for one in repaired.complaints] == ["lock", "torn batch", "left behind"]
    assert all(one.repaired for one in repaired.complaints)
    assert contents_of(crashed.cut) == {draft: b"torn"}
    assert contents_of(crashed.tmp) == {}
    assert examine(crashed.path).complaints == ()


def _empty_blobs(folder: Folder) -> None:
    rmtree(folder.blobs)


DAMAGES: dict[str, tuple[Callable[[Folder], object], str]] = {
    "a flipped bit in a full segment": (lambda it: flip(it.segment(1), at=5000), "segment 1"),
    "a flipped bit in the last one": (lambda it: flip(last(it), at=100), "segment"),
    "a segment that is gone": (lambda it: it.segment(2).unlink(), "segment"),
    "a segment cut short": (
        lambda it: write(it.segment(2), it.segment(2).read_bytes()[:15_000]),
        "segment 2",
    ),
    "no segments": (lambda it: rmtree(it.segments), "segments"),
    "a content that is gone": (lambda it: large(it).unlink(), "content"),
    "a content that has changed": (lambda it: flip(large(it), at=7), "content"),
    "no contents": (_empty_blobs, "content"),
    "a mark of a close that fits no more": (lambda it: append(last(it), b"\0"), "closed"),
    "a garbled mark of a close": (lambda it: flip(it.path / "closed", at=12), "closed"),
    "a garbled format": (lambda it: flip(it.path / "format", at=50), "format"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_named_and_nothing_is_touched(folder: Folder, damage: str) -> None:
    spoil, where = DAMAGES[damage]
    spoil(folder)
    write(folder.tmp / "draft", b"left by a crash")
    folder.index(3).unlink()
    before = contents_of(folder.path)

    looked, repaired = examine(folder.path), examine(folder.path, repair=True)

    for diagnosis in (looked, repaired):
        assert not diagnosis.ok
        (complaint,) = diagnosis.complaints
        assert complaint.is_damage
        assert not complaint.can_be_repaired
        assert not complaint.repaired
        assert where in complaint.where or where in str(diagnosis.report.wrong)
        assert "copy" in complaint.advice
    assert contents_of(folder.path) == before


def _other_key(folder: Folder) -> None:
    write(folder.path / "key", SigningKey(bytes(32)).seed.hex().encode() + b"\n")


def _link_to_nowhere(folder: Folder) -> None:
    (folder.path / "key").unlink()
    (folder.path / "key").symlink_to("nowhere")


@pytest.mark.parametrize(
    "spoil", [_other_key, _link_to_nowhere, lambda it: write(it.path / "key", b"garbled")]
)
def test_a_key_that_is_not_the_journals_is_named(folder: Folder, spoil: Callable[[Folder], None]) -> None:
    spoil(folder)
    before = contents_of(folder.path)

    diagnosis = examine(folder.path, repair=True)

    assert said(diagnosis) == [("key", "key")]
    assert not diagnosis.ok
    assert diagnosis.report.ok
    assert contents_of(folder.path) == before


def test_a_folder_whose_key_is_elsewhere_is_in_order(folder: Folder) -> None:
    (folder.path / "key").unlink()

    assert examine(folder.path).complaints == ()


def test_a_handing_over_that_was_cut_off_is_left_to_the_next_opening(folder: Folder) -> None:
    write(folder.path / "key.next", SigningKey(bytes(32)).seed.hex().encode() + b"\n")
    (folder.path / "key.next").chmod(0o600)

    diagnosis = examine(folder.path, repair=True)

    assert said(diagnosis) == [("key", "key.next")]
    assert diagnosis.ok
    assert (folder.path / "key.next").exists()


async def test_a_handing_over_to_a_key_elsewhere_is_no_damage(
    folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(KeyHolder, "_finish", fail)
    journal = DiskJournal(folder.path)
    await journal.open()
    handover = await journal.prepare_key(tmp_path / "elsewhere")
    keys = {"old": journal.key.data, "new": handover.public.data}
    events, head = journal.tips()[bytes(16)]
    Recorder(journal, time_ns).append(Line(bytes(16), events, head), "theater/key", keys)
    journal.hand_over(handover)
    flushed = journal.flushed()
    assert flushed is not None
    with pytest.raises(JournalError):
        await flushed
    await journal.close()
    monkeypatch.undo()

    diagnosis = examine(folder.path)

    assert said(diagnosis) == [("lock", "lock"), ("key", "key")]
    assert diagnosis.ok
    async with Theater(folder.path, key=tmp_path / "elsewhere"):
        pass
    assert examine(folder.path).complaints == ()


def test_a_name_of_another_machine_in_the_lock_is_left_there(crashed: Folder) -> None:
    (crashed.path / "lock").write_text("4711 elsewhere\n")

    diagnosis = examine(crashed.path, repair=True)

    assert said(diagnosis) == [("lock", "lock")]
    assert "4711 on elsewhere" in diagnosis.complaints[0].found
    assert not diagnosis.complaints[0].repaired
    assert (crashed.path / "lock").read_text() == "4711 elsewhere\n"


async def test_beside_a_running_theater_it_looks_and_repairs_nothing(folder: Folder) -> None:
    async with Theater(folder.path):
        write(folder.tmp / "draft", b"being written")
        folder.index(1).unlink()
        before = contents_of(folder.path)

        diagnosis = examine(folder.path)

        assert diagnosis.is_running
        assert said(diagnosis) == [("index", "index/00000001")]
        with pytest.raises(FolderInUseError):
            examine(folder.path, repair=True)
        assert contents_of(folder.path) == before
        (folder.tmp / "draft").unlink()


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FolderError):
        examine(tmp_path)


def test_a_disk_that_takes_no_repair_is_told(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError("no")

    monkeypatch.setattr(checks, "make_index", refuse)
    folder.index(1).unlink()

    with pytest.raises(JournalFailedError, match="index/00000001 could not be repaired"):
        examine(folder.path, repair=True)
    assert examine(folder.path).complaints[0].where == "index/00000001"  # the lock was let go


def test_a_folder_that_cannot_be_written_is_looked_at_and_not_repaired(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise OSError(errno.EROFS, "read-only", str(path))

    monkeypatch.setattr(examining, "Lock", refuse)

    assert examine(folder.path).ok
    with pytest.raises(FolderError, match="cannot be written"):
        examine(folder.path, repair=True)


def test_a_diagnosis_is_neither_true_nor_false(folder: Folder) -> None:
    diagnosis = examine(folder.path)

    with pytest.raises(TypeError, match="ok"):
        bool(diagnosis)
    assert str(diagnosis).endswith("nothing is amiss")


# -- the command -----------------------------------------------------------------------------------------


def doctor(folder: Folder, *options: str) -> Any:
    return CliRunner().invoke(main, ["--home", str(folder.path), "doctor", *options])


def test_the_command_names_what_is_amiss_and_repairs_it(crashed: Folder) -> None:
    crashed.index(1).unlink()

    looked, repaired, again = doctor(crashed), doctor(crashed, "--repair"), doctor(crashed)

    assert (looked.exit_code, repaired.exit_code, again.exit_code) == (0, 0, 0)
    assert "index/00000001" in looked.stdout
    assert "is sound; the next opening puts it in order" in looked.stdout
    assert repaired.stdout.count("repaired") == 2
    assert again.stdout.splitlines() == [f"{crashed.path} is sound", str(History(crashed.path).verify())]


def test_the_command_ends_with_1_if_anything_is_damaged(folder: Folder) -> None:
    flip(folder.segment(1), at=5000)

    shown, told = doctor(folder), doctor(folder, "--json")

    assert (shown.exit_code, told.exit_code) == (1, 1)
    assert "is damaged" in shown.stdout
    document = json.loads(told.stdout)
    assert document["ok"] is False
    assert document["verify"]["ok"] is False
    assert [one["is_damage"] for one in document["complaints"]] == [True]
