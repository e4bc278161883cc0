"""The one door: which names it offers, and that what we build on it uses nothing else."""

from __future__ import annotations

import ast
import inspect
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

import theater
import theater.testing
from theater import errors

ROOT = Path(__file__).resolve().parent.parent

NAMES = """
    ALL INITIAL LAST_GOOD NONE PERMANENT TEMPORARY TRANSIENT Actor ActorFailedError ActorNotFoundError
    Backoff ChildSpec Directive ONE_FOR_ALL ONE_FOR_ONE REST_FOR_ONE Strategy Supervision child
    ActorRef AskCycleError BrokenChainError Chain ChainView Checkpoint ContentNotFoundError ContentRef
    ContentStream Context CorruptContentError CorruptJournalError DeadLetter DeadLetters DeliveryError
    DiskFullError EffectFailedError EffectInDoubtError Event EventProof Finding FolderError FolderInUseError
    ForgedError Grants History HistoryCutError JournalError JournalFailedError LeftAlone LiveChain
    MailboxFullError MalformedError ManifestError Message MissingError NameTakenError NotAllowedError
    NotRecordedError NotRunningError Note Overflow Problem ProofError Reason RecordedActor Replay Reply Report
    Restart RestartLimit Restore Resumed SetupError SignatureError SigningKey Snapshots Statistics Store
    StoreNotFoundError Stores Stream Channel ChannelClosedError RefusedError
    Theater TheaterError Timer VerifyKey effect handler migrate Change Parting Retry
    compact Compacted Removed examine Complaint Diagnosis
"""
TESTING_NAMES = """
    DeadlockError VirtualLoop virtual_backend virtual_now
"""


ERRORS = {
    name
    for name, value in vars(errors).items()
    if inspect.isclass(value) and value.__module__ == "theater.errors"
}


def test_the_door_offers_exactly_these_names() -> None:
    assert sorted(theater.__all__) == sorted(NAMES.split())


def test_every_error_a_user_can_catch_is_at_the_door() -> None:
    assert not ERRORS - set(theater.__all__)


def test_the_door_of_testing_offers_exactly_these_names() -> None:
    assert sorted(theater.testing.__all__) == sorted(TESTING_NAMES.split())


@pytest.mark.parametrize("module", [theater, theater.testing], ids=["theater", "testing"])
def test_every_offered_name_is_there(module: types.ModuleType) -> None:
    assert not [name for name in module.__all__ if not hasattr(module, name)]


@pytest.mark.parametrize("module", [theater, theater.testing], ids=["theater", "testing"])
def test_no_other_public_name_slips_through(module: types.ModuleType) -> None:
    visible = {
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType)
    }

    assert visible <= set(module.__all__)


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide which door is used"
            yield str(node.module)


OUTSIDE = sorted(
    path for folder in ("actors", "examples", "theater/cli/demos") for path in (ROOT / folder).rglob("*.py")
)


@pytest.mark.parametrize("path", OUTSIDE, ids=lambda path: str(path.relative_to(ROOT)))
def test_actors_examples_and_demos_come_in_by_the_door(path: Path) -> None:
    inside = {name for name in imported(path) if name.startswith("theater.")}
    beside = {name for name in inside if name.startswith("theater.cli.demos") and "demos" in path.parts}

    assert inside - beside <= {"theater.testing"}


def test_an_actor_file_stands_alone() -> None:
    crossing = {
        str(path): name
        for path in (ROOT / "actors").glob("*.py")
        if path.name != "__init__.py"
        for name in imported(path)
        if name.startswith("actors")
    }

    assert not crossing


@pytest.mark.parametrize("package", ["theater", "actors"])
def test_packages_say_that_they_are_typed(package: str) -> None:
    assert (ROOT / package / "py.typed").exists()
