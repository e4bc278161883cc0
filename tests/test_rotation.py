"""Keys that hand over: what the record says, what a crash in the midst leaves, what a thief can do."""

from __future__ import annotations

import stat
from pathlib import Path
from random import Random
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint
from handmade import KEY, NEXT_KEY, ROOT, Handmade, actor_id
from independent_verifier import Verifier
from journal_disks import DiskWithoutPower, FailingDisk, contents_of

from theater import Actor, History, Report, SigningKey, Theater, VerifyKey, handler
from theater.checkpoint import Note
from theater.errors import (
    CorruptJournalError,
    FolderError,
    JournalError,
    SetupError,
    SignatureError,
)
from theater.journal import DiskJournal
from theater.journal.calls import Calls
from theater.journal.frames import COMMIT, HEADER_BYTES, Commit, frame
from theater.journal.handing import KeySource
from theater.journal.reader import Reader
from theater.recorder import Line, Recorder

pytestmark = [pytest.mark.anyio, pytest.mark.real_clock]

COUNTER = actor_id(1)


class Counter(Actor):
    """Adds up."""

    total: int = 0

    @handler
    async def add(self, amount: int) -> int:
        self.total += amount
        return self.total


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "theater"


async def use(path: Path, *, key: KeySource | None = None) -> VerifyKey:
    """Open a theater, let it work, close it; returns the key that signed."""
    async with Theater(path, key=key) as theater:
        counter = await theater.spawn(Counter(), name="counter", resume=True)
        await counter.ask(Counter.add, 1)
    return History(path).key


async def rotate(path: Path, *, key: KeySource | None = None, to: KeySource | None = None) -> VerifyKey:
    async with Theater(path, key=key) as theater:
        await theater.spawn(Counter(), name="before", resume=True)
        new = await theater.rotate_key(to)
        await theater.spawn(Counter(), name="after", resume=True)
    return new


def verified(path: Path) -> Report:
    report = History(path).verify(signatures=True)
    assert report.ok, report.wrong
    other = Verifier(path)
    assert other.ok, other.wrong
    return report


def notes(path: Path) -> list[Note]:
    return [Note.parse(batch.commit.note) for batch in Reader(path).walk()]


# -- what the record says -----------------------------------------------------------------------------------


async def test_a_key_hands_over_and_the_record_says_so(path: Path) -> None:
    old = await use(path)
    new = await rotate(path)

    assert old != new
    assert verified(path).keys == (old, new)
    assert History(path).key == new
    [event] = [event for event in History(path).chain(ROOT) if event.kind == "theater/key"]
    assert event.body == {"old": old.data, "new": new.data}


async def test_one_checkpoint_is_signed_by_both_keys_those_before_by_one_and_those_after_by_the_other(
    path: Path,
) -> None:
    old = await use(path)
    new = await rotate(path)

    signers = [[key for key in (old, new) if _signed(note, key)] for note in notes(path)]
    assert signers == sorted(signers, key=[[old], [old, new], [new]].index)
    assert signers.count([old, new]) == 1
    assert signers[-1] == [new]


def _signed(note: Note, key: VerifyKey) -> bool:
    try:
        note.checkpoint(key)
    except SignatureError:
        return False
    return True


async def test_a_theater_goes_on_under_its_new_key_and_hands_over_again(path: Path) -> None:
    keys = [await use(path), await rotate(path), await use(path)]
    keys.append(await rotate(path))
    keys.append(await use(path))

    assert verified(path).keys == (keys[0], keys[1], keys[3])
    assert (keys[1], keys[3]) == (keys[2], keys[4])


async def test_the_old_key_is_gone_from_the_folder_and_the_new_one_is_for_its_owner_alone(path: Path) -> None:
    await use(path)
    before = (path / "key").read_text()
    new = await rotate(path)

    kept = path / "key"
    assert SigningKey(bytes.fromhex(kept.read_text())).public == new
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert not [name for name, content in contents_of(path).items() if before.encode() in content]
    assert not (path / "key.next").exists()


async def test_an_actor_is_born_under_the_key_of_its_time(path: Path) -> None:
    old = await use(path)
    new = await rotate(path)

    history = History(path)
    assert history.chain("before")[0].body["key"] == old.data
    assert history.chain("after")[0].body["key"] == new.data


async def test_an_event_from_before_is_proven_under_the_new_key(path: Path) -> None:
    await use(path)
    new = await rotate(path)

    history = History(path)
    event = history.chain("counter")[0]
    assert history.prove(event).verify(new) == event


async def test_a_theater_in_memory_hands_over_too() -> None:
    async with Theater(key=KEY) as theater:
        new = await theater.rotate_key()
        both, after = theater.checkpoint(), theater.checkpoint()

    assert both.checkpoint(KEY.public, new).size == after.checkpoint(new).size
    assert not _signed(after, KEY.public)


# -- whose key it is ----------------------------------------------------------------------------------------


async def test_a_key_in_a_file_of_ones_own_is_made_there_and_handed_over_there(
    path: Path, tmp_path: Path
) -> None:
    file = tmp_path / "my.key"
    old = await use(path, key=file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    new = await rotate(path, key=str(file))

    assert await use(path, key=file) == new
    assert verified(path).keys == (old, new)
    assert not (path / "key").exists()
    with pytest.raises(FolderError, match="give it by key="):
        await use(path)


async def test_a_key_moves_from_the_folder_into_a_file_and_back(path: Path, tmp_path: Path) -> None:
    file = tmp_path / "my.key"
    await use(path)
    moved = await rotate(path, to=file)

    assert not (path / "key").exists()
    assert await use(path, key=file) == moved
    back = await rotate(path, key=file, to=path / "key")
    assert await use(path) == back


async def test_a_key_that_the_program_gave_hands_over_to_one_that_it_gives(path: Path) -> None:
    await use(path, key=KEY)
    await rotate(path, key=KEY, to=NEXT_KEY)

    assert not (path / "key").exists()
    assert await use(path, key=NEXT_KEY) == NEXT_KEY.public
    with pytest.raises(SetupError, match="is signed by"):
        await use(path, key=KEY)


async def test_a_key_of_the_folder_hands_over_to_one_that_the_program_gives(path: Path) -> None:
    await use(path)
    await rotate(path, to=KEY)

    assert not (path / "key").exists()
    assert await use(path, key=KEY) == KEY.public


@pytest.mark.parametrize("folder", [True, False])
async def test_a_key_does_not_hand_over_to_itself(path: Path, folder: bool) -> None:  # noqa: FBT001
    async with Theater(path if folder else None, key=KEY) as theater:
        with pytest.raises(SetupError, match="already"):
            await theater.rotate_key(KEY)
        await theater.rotate_key(NEXT_KEY)


async def test_whoever_gave_the_key_gives_the_next_one(path: Path) -> None:
    async with Theater(path, key=KEY) as theater:
        with pytest.raises(SetupError, match="give the next one"):
            await theater.rotate_key()


async def test_a_key_hands_over_once_at_a_time(path: Path) -> None:
    async with Theater(path) as theater:
        refused = []

        async def try_it() -> None:
            try:
                await theater.rotate_key()
            except SetupError as error:
                refused.append(str(error))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(try_it)
            tasks.start_soon(try_it)
        await theater.rotate_key()

    assert len(refused) == 1
    assert len(verified(path).keys) == 3


@pytest.mark.parametrize("key", [KEY.seed.hex(), 7, b"key"])
async def test_what_is_no_key_and_no_path_is_refused_and_not_shown(path: Path, key: Any) -> None:
    with pytest.raises(SetupError) as caught:
        await use(path, key=key)

    assert str(key) not in str(caught.value)
    assert contents_of(path.parent) == {}


async def test_a_key_file_that_is_not_there_or_is_another_opens_nothing(path: Path, tmp_path: Path) -> None:
    await use(path)
    other, broken = tmp_path / "other.key", tmp_path / "broken.key"
    other.write_text(KEY.seed.hex() + "\n")
    broken.write_text("zz\n")

    with pytest.raises(FolderError, match="there is no key"):
        await use(path, key=tmp_path / "none.key")
    with pytest.raises(SetupError, match="is signed by"):
        await use(path, key=other)
    with pytest.raises(CorruptJournalError):
        await use(path, key=broken)
    with pytest.raises(FolderError, match="cannot be read"):
        await use(path, key=tmp_path)
    assert not (tmp_path / "none.key").exists()


async def test_a_key_file_signs_in_memory(tmp_path: Path) -> None:
    file = tmp_path / "my.key"
    file.write_text(KEY.seed.hex() + "\n")

    async with Theater(key=file) as theater:
        assert theater.checkpoint().checkpoint(KEY.public)


# -- crashes ------------------------------------------------------------------------------------------------


async def hand_over(path: Path, calls: Calls, *, key: KeySource | None, to: KeySource | None) -> None:
    """What a theater does, on a disk of ours; left as a crash leaves it."""
    journal = DiskJournal(path, key=key, calls=calls)
    await journal.open()
    try:
        events, head = journal.tips().get(ROOT, (0, None))
        root, recorder = Line(ROOT, events, head), Recorder(journal, lambda: 1)
        opened = {"format": 1, "key": journal.key.data, "origin": journal.origin, "version": "0"}
        recorder.append(root, "theater/opened", opened)
        await _flushed(journal)
        await _at_rest(journal)  # or two threads would call the disk in any order
        handover = await journal.prepare_key(to)
        old = journal.key
        journal.hand_over(handover)
        recorder.append(root, "theater/key", {"old": old.data, "new": handover.public.data})
        await _flushed(journal)
        recorder.append(root, "log", {"text": "under the new key"})
        await _flushed(journal)
    finally:
        journal.abandon()


async def _at_rest(journal: DiskJournal) -> None:
    """Wait until the writer has nothing to do, not even behind its last batch."""
    while journal.failed is None and not journal._commits._writer.is_at_rest:
        await checkpoint()


async def _flushed(journal: DiskJournal) -> None:
    flushed = journal.flushed()
    assert flushed is not None
    await flushed


async def reopened(path: Path, *keys: KeySource | None) -> Report:
    """Open with the key that fits, and hand over once more: no crash stands in the way of that."""
    for key in keys:
        try:
            await use(path, key=key)
            require_settled(path, is_kept=key is None)
            await rotate(path, key=key, to=None if key is None else SigningKey.generate())
        except (SetupError, FolderError):
            continue
        return verified(path)
    raise AssertionError("no key opens the folder")


def require_settled(path: Path, *, is_kept: bool) -> None:
    """Nothing is left of a handing over: the folder names the key that signs, and keeps that or none."""
    assert History(path).key == verified(path).keys[-1]
    assert not (path / "key.next").exists()
    assert (path / "key").exists() == is_kept
    if is_kept:
        assert SigningKey(bytes.fromhex((path / "key").read_text())).public == History(path).key


@pytest.mark.parametrize(
    ("first", "to"),
    [(None, None), (KEY, NEXT_KEY), (None, NEXT_KEY)],
    ids=["in the folder", "by the program", "from the folder to the program"],
)
async def test_whichever_call_of_a_handing_over_fails_the_folder_opens_under_one_key(
    tmp_path: Path, first: SigningKey | None, to: SigningKey | None
) -> None:
    keys = [first, to]
    outcomes: list[int] = []
    for nth in range(1, 200):  # more than there are
        path = tmp_path / str(nth)
        await use(path, key=first)
        disk = FailingDisk(nth, for_ever=True)
        try:
            await hand_over(path, disk.calls, key=first, to=to)
        except JournalError:
            outcomes.append(len((await reopened(path, *keys)).keys))
        else:
            break

    assert len(outcomes) < 100
    assert outcomes == sorted(outcomes)
    assert set(outcomes) == {2, 3}  # the crash was before, or behind, the commit


async def test_when_the_power_goes_in_a_handing_over_the_folder_opens_under_one_key(tmp_path: Path) -> None:
    outcomes = set()
    for seed in range(16):
        path = tmp_path / str(seed)
        await use(path)
        disk = DiskWithoutPower()
        failing = FailingDisk(4 + seed, for_ever=True, beneath=disk.calls)
        with pytest.raises(JournalError):
            await hand_over(path, failing.calls, key=None, to=None)
        disk.lose_power(Random(seed))

        outcomes.add(len((await reopened(path, None)).keys))
    assert outcomes == {2, 3}


async def test_the_next_key_that_was_never_handed_over_to_is_dropped(path: Path) -> None:
    key = await use(path)
    (path / "key.next").write_text(KEY.seed.hex() + "\n")

    assert await use(path) == key
    assert not (path / "key.next").exists()


async def test_a_second_signature_without_the_event_hands_nothing_over(path: Path) -> None:
    key = await use(path)
    [*_, last] = Reader(path).walk()
    note = Note.parse(last.commit.note)
    forged = Note(note.text, (*note.signatures, *note.checkpoint(key).sign(KEY).signatures))
    _replace_note(path, str(forged))
    (path / "key.next").write_text(KEY.seed.hex() + "\n")

    assert await use(path) == key
    assert verified(path).keys == (key,)


def _replace_note(path: Path, note: str) -> None:
    """Write another note into the last commit, and close anew."""
    segment = path / "segments" / "00000001"
    [*_, last] = Reader(path).walk()
    start = last.base + last.frames[-1][1] - HEADER_BYTES
    commit = Commit(1, last.place.offset, last.commit.length, note.encode())
    segment.write_bytes(segment.read_bytes()[:start] + frame(COMMIT, commit.payload()))
    (path / "closed").unlink()


# -- thieves ------------------------------------------------------------------------------------------------


def story(path: Path, first: SigningKey, *, text: str = "as it was") -> Handmade:
    """A journal that `first` signs, up to where it hands over to the next key."""
    journal = Handmade(path, key=first)
    journal.spawn(COUNTER, "counter")
    journal.event(COUNTER, "log", {"text": text})
    journal.commit()
    return journal


def handed_over(journal: Handmade, to: SigningKey, *signers: SigningKey) -> None:
    journal.event(ROOT, "theater/key", {"old": journal.key.public.data, "new": to.public.data})
    journal.key = to
    journal.commit(*signers)
    journal.mark()
    journal.event(COUNTER, "log", {"text": "later"})
    journal.commit()


def test_who_knows_both_keys_sees_that_both_signed(path: Path) -> None:
    handed_over(story(path, KEY), NEXT_KEY, KEY, NEXT_KEY)

    for keys in ([KEY.public], [NEXT_KEY.public], [KEY.public, NEXT_KEY.public]):
        assert History(path).verify(keys=keys).ok


def test_a_stolen_new_key_cannot_sign_again_what_the_old_one_covered(path: Path) -> None:
    handed_over(story(path, KEY, text="as it never was"), NEXT_KEY, NEXT_KEY)  # the thief lacks the old key

    report = History(path).verify()
    assert not report.ok
    assert "signature by" in str(report.wrong)


def test_a_past_told_anew_under_the_stolen_key_alone_lacks_the_old_ones_signature(path: Path) -> None:
    story(path, NEXT_KEY, text="as it never was")

    assert History(path).verify(keys=[NEXT_KEY.public]).ok  # who knows no other key cannot tell
    report = History(path).verify(keys=[KEY.public, NEXT_KEY.public])
    assert str(report.wrong).startswith(f"known key: expected signatures by {KEY.public}, found by ")
    assert report.wrong is not None
    assert report.wrong.step == "8. the newest checkpoint is signed"


def test_a_stolen_old_key_cannot_make_a_history_that_the_new_one_signed(path: Path) -> None:
    thief = SigningKey(bytes([9] * 32))
    handed_over(story(path, KEY, text="as it never was"), thief, KEY, thief)

    assert not History(path).verify(keys=[KEY.public, NEXT_KEY.public]).ok


def test_a_journal_without_a_commit_is_held_to_the_key_that_the_folder_names(path: Path) -> None:
    Handmade(path, opened=False).write()

    assert History(path).verify(keys=[KEY.public]).ok
    assert not History(path).verify(keys=[NEXT_KEY.public]).ok
