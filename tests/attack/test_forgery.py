"""Forgery: histories that somebody made to fit, and what tells them from the true one.

What nothing can tell stands here too, and in `docs/explanation/trust.md`.
"""

from __future__ import annotations

import shutil
from base64 import b64decode
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from small_crew import KEY, run_crew, wrong
from surgery import Frame, frames_of, overwrite, put_together
from tally import Tally

from theater import Checkpoint, Event, History, Note, SigningKey
from theater.event import event_hash
from theater.journal.frames import COMMIT, EVENT, FRONTIER, STUB, Commit, frontier_payload
from theater.journal.marks import Closed, Format
from theater.merkle import HASH_BYTES, Frontier

THIEF = SigningKey.from_seed(bytes(range(1, 33)))


@dataclass(frozen=True, slots=True)
class Run:
    """A finished folder, and the checkpoints that somebody noted while it grew, oldest first."""

    folder: Path
    notes: list[Note]


def run_in(folder: Path, *, amount: int = 1, key: SigningKey = KEY) -> Run:
    notes: list[Note] = []
    run_crew(folder, amount=amount, key=key, after_each=notes.append)
    return Run(folder, notes)


@pytest.fixture(scope="module")
def true(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """What happened."""
    return run_in(tmp_path_factory.mktemp("true") / "theater")


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """What might have happened: the same actors, another amount."""
    return run_in(tmp_path_factory.mktemp("other") / "theater", amount=1000)


@pytest.fixture
def folder(true: Run, tmp_path: Path) -> Path:
    """A copy of what happened, to be changed."""
    return copied(true, tmp_path)


def copied(run: Run, path: Path) -> Path:
    return Path(shutil.copytree(run.folder, path / "theater"))


def in_tmp(folder: str, names: list[str]) -> list[str]:
    """Files being written, which may be gone before they are copied."""
    return names if Path(folder).name == "tmp" else []


def actor_of(frame: Frame) -> bytes:
    return Event.read(frame.payload).actor


def events_of(frames: Sequence[Frame], actor: bytes) -> list[Frame]:
    return [each for each in frames if each.kind == EVENT and actor_of(each) == actor]


def instead(frames: Sequence[Frame], others: Sequence[Frame]) -> list[tuple[Frame, Frame]]:
    """Each frame of a log, with the event at the same place of the same chain in another, or with itself.

    Where batches end is a matter of time: two runs have the same chains, not the same frames.
    """
    chains = defaultdict[bytes, list[Frame]](list)
    for each in others:
        if each.kind == EVENT:
            chains[actor_of(each)].append(each)
    following = {actor: iter(chain) for actor, chain in chains.items()}
    return [
        (each, replace(next(following[actor_of(each)]), segment=each.segment) if each.kind == EVENT else each)
        for each in frames
    ]


def replaced(frames: Sequence[Frame], actor: bytes, others: Sequence[Frame]) -> list[Frame]:
    """The same log with the events of one actor as another run has them."""
    return [
        its if mine.kind == EVENT and actor_of(mine) == actor else mine
        for mine, its in instead(frames, others)
    ]


def fitting(frames: Sequence[Frame]) -> list[Frame]:
    """The same log with its frontiers computed anew: they need no key."""
    tree = Frontier()
    fitted: list[Frame] = []
    for each in frames:
        if each.kind == FRONTIER:
            fitted.append(replace(each, payload=frontier_payload(each.segment, tree)))
            continue
        if each.kind == EVENT:
            tree.append(event_hash(each.payload))
        elif each.kind == STUB:
            tree.append(each.payload[-HASH_BYTES:])
        fitted.append(each)
    return fitted


def signed_again(folder: Path, key: SigningKey) -> None:
    """Compute all roots anew and sign them with this key, and let the folder name it."""
    origin = History(folder).origin
    tree = Frontier()
    frames: list[Frame] = []
    checkpoint = Checkpoint(origin, 0, tree.root())
    for each in fitting(frames_of(folder)):
        payload = each.payload
        if each.kind == EVENT:
            tree.append(event_hash(payload))
        elif each.kind == STUB:
            tree.append(payload[-HASH_BYTES:])
        elif each.kind == COMMIT:
            checkpoint = Checkpoint(origin, tree.size, tree.root())
            note = str(checkpoint.sign(key)).encode()
            payload = replace(Commit.read(payload), note=note).payload()
        frames.append(replace(each, payload=payload))
    put_together(folder, frames)
    overwrite(folder / "format", str(Format(origin, key.public)).encode())
    mark = Closed.parse((folder / "closed").read_text())
    overwrite(folder / "closed", str(replace(mark, size=tree.size, root=tree.root())).encode())


# -- a chain's events replaced by those of another run ------------------------------------------------------


@pytest.mark.parametrize("name", ["counter", "teller"])
def test_a_chain_of_another_run_is_shown(folder: Path, other: Run, name: str, tally: Tally) -> None:
    frames = frames_of(folder)
    actor = History(folder).chain(name)[0].actor
    theirs = events_of(frames_of(other.folder), actor)
    assert len(theirs) == len(events_of(frames, actor))
    assert theirs != events_of(frames, actor)

    put_together(folder, replaced(frames, actor, frames_of(other.folder)))

    assert wrong(folder)
    tally("chain of another run in the place of one")


def test_any_one_event_of_another_run_is_shown(folder: Path, other: Run, tally: Tally) -> None:
    frames = frames_of(folder)
    tried = 0

    for place, (mine, its) in enumerate(instead(frames, frames_of(other.folder))):
        if mine.payload != its.payload:
            put_together(folder, [*frames[:place], its, *frames[place + 1 :]])
            assert wrong(folder), f"frame {place}"
            tally("event of another run in the place of one")
            tried += 1

    assert tried > 10


def test_all_of_another_run_under_the_old_signatures_is_shown(folder: Path, other: Run, tally: Tally) -> None:
    forged = [its for _, its in instead(frames_of(folder), frames_of(other.folder))]

    put_together(folder, fitting(forged))

    assert wrong(folder).startswith("checkpoint")
    tally("chain of another run in the place of one")


@pytest.mark.parametrize("name", ["counter", "teller"])
def test_a_chain_of_another_run_signed_anew_contradicts_the_others(
    folder: Path, other: Run, name: str, tally: Tally
) -> None:
    frames = frames_of(folder)
    actor = History(folder).chain(name)[0].actor

    put_together(folder, replaced(frames, actor, frames_of(other.folder)))
    signed_again(folder, KEY)

    assert "from " in wrong(folder)  # what it says it got or sent is not what the other chain says
    tally("chain of another run in the place of one, signed with the true key")


def test_another_key_is_shown_where_the_events_name_the_true_one(folder: Path, tally: Tally) -> None:
    signed_again(folder, THIEF)

    assert "signature by" in wrong(folder)  # the first event names the true key
    tally("signed with another key")


def test_a_whole_run_under_another_key_is_shown_by_the_key_that_is_known_and_by_a_kept_checkpoint(
    tmp_path: Path, true: Run, tally: Tally
) -> None:
    forged = run_in(tmp_path / "forged", key=THIEF)

    assert wrong(forged.folder) == ""  # it is whole: nothing in it says whose key it should be
    assert History(forged.folder).key != KEY.public
    for note in true.notes:
        assert wrong(forged.folder, kept=note)
        tally("whole run under another key, against a kept checkpoint")


def test_a_whole_run_under_the_stolen_key_is_shown_by_a_kept_checkpoint_alone(
    true: Run, other: Run, tally: Tally
) -> None:
    assert (
        wrong(other.folder) == ""
    )  # as trust.md says: the holder of the key can rewrite what nobody has seen

    for note in true.notes[1:]:  # until the first the two runs did the same
        assert wrong(other.folder, kept=note)
        tally("whole run under the stolen key, against a kept checkpoint")


# -- a tail removed, an older folder put back ---------------------------------------------------------------


def cut_behind(folder: Path, frames: Sequence[Frame], count: int) -> int:
    """Leave so many batches, and let the close look clean; returns how many events are left."""
    ends = [place for place, each in enumerate(frames) if each.kind == COMMIT]
    kept = frames[: ends[count - 1] + 1]
    put_together(folder, kept)
    note = Note.parse(Commit.read(kept[-1].payload).note)
    size, root = note.text.splitlines()[1:3]
    mark = Closed.parse((folder / "closed").read_text())
    overwrite(folder / "closed", str(replace(mark, size=int(size), root=b64decode(root))).encode())
    return int(size)


def test_any_tail_removed_is_shown_by_a_checkpoint_from_behind_the_cut_and_by_nothing_else(
    folder: Path, true: Run, tally: Tally
) -> None:
    frames = frames_of(folder)
    commits = sum(each.kind == COMMIT for each in frames)

    for count in range(1, commits):
        left = cut_behind(folder, frames, count)
        assert wrong(folder) == ""  # as trust.md says: a shorter journal, and whole
        for note in true.notes:
            is_behind = note.checkpoint(KEY.public).size > left
            assert bool(wrong(folder, kept=note)) == is_behind, f"{count} batches left"
            tally("tail removed, against a kept checkpoint")


def test_a_tail_removed_without_a_new_mark_of_the_close_is_shown(folder: Path, tally: Tally) -> None:
    mark = (folder / "closed").read_bytes()
    frames = frames_of(folder)

    for count in range(1, sum(each.kind == COMMIT for each in frames)):
        cut_behind(folder, frames, count)
        overwrite(folder / "closed", mark)
        assert wrong(folder)
        tally("tail removed, the mark of the close as it was")


def test_an_older_folder_put_back_is_shown_by_a_checkpoint_that_it_had_not_reached(
    tmp_path: Path, tally: Tally
) -> None:
    notes: list[Note] = []
    olds: list[Path] = []

    def note_and_copy(note: Note) -> None:
        notes.append(note)
        olds.append(Path(shutil.copytree(tmp_path / "theater", tmp_path / str(len(notes)), ignore=in_tmp)))

    run_crew(tmp_path / "theater", after_each=note_and_copy)

    for age, old in enumerate(olds):
        assert wrong(old) == ""  # as trust.md says: it is what it was
        for number, note in enumerate(notes):
            assert bool(wrong(old, kept=note)) == (number > age), f"copy {age}, checkpoint {number}"
            tally("older folder put back, against a kept checkpoint")
