from __future__ import annotations

import inspect
import pickle
from typing import Any

import pytest

from theater import errors
from theater.errors import (
    ActorFailedError,
    AskCycleError,
    CorruptContentError,
    DeliveryError,
    EffectFailedError,
    ForgedError,
    MailboxFullError,
    MalformedError,
    MissingError,
    TheaterError,
)
from theater.mailbox import Message

MESSAGE = Message(to=Any, handler="greet", args=("hello",), kwargs={})  # type: ignore[arg-type]  # to nobody

# what a caller can do about it: indented below it, the errors it can catch as one
TREE = """
TheaterError
    MalformedError
    ForgedError
        BrokenChainError
        CorruptContentError
        CorruptJournalError
        ProofError
        SignatureError
    MissingError
        StoreNotFoundError
        ContentNotFoundError
        ActorNotFoundError
        HistoryCutError
        NotRecordedError
    DeliveryError
        NotRunningError
        MailboxFullError
        AskCycleError
        RefusedError
        ChannelClosedError
    ActorFailedError
    EffectFailedError
    EffectInDoubtError
    NotAllowedError
    JournalError
        DiskFullError
        JournalFailedError
        FolderInUseError
        FolderError
    SetupError
        ManifestError
        NameTakenError
"""


def tree_below(error: type, depth: int = 0) -> list[str]:
    ours = (kind for kind in vars(errors).values() if inspect.isclass(kind) and kind.__base__ is error)
    return ["    " * depth + error.__name__, *(line for kind in ours for line in tree_below(kind, depth + 1))]


def test_the_tree_is_one_class_for_each_reaction() -> None:
    assert tree_below(TheaterError) == TREE.split("\n")[1:-1]


def test_every_error_of_the_module_stands_in_the_tree() -> None:
    ours = {
        name for name, kind in vars(errors).items() if inspect.isclass(kind) and issubclass(kind, Exception)
    }

    assert ours == set(TREE.split())


def test_malformed_input_is_a_value_error_and_what_is_missing_a_lookup_error() -> None:
    assert issubclass(MalformedError, ValueError)
    assert issubclass(MissingError, LookupError)


def test_malformed_says_what_was_expected_what_came_and_why() -> None:
    error = MalformedError("label", "a\nb", why="one line")

    assert str(error) == r"not a label: 'a\nb' (one line)"
    assert (error.expected, error.found, error.why) == ("label", "a\nb", "one line")
    assert str(MalformedError("label", 7)) == "not a label: 7"
    assert str(MalformedError("event", 7)) == "not an event: 7"


@pytest.mark.parametrize("found", ["x" * 10_000_000, b"x" * 10_000_000, ["x" * 1000]], ids=type)
def test_malformed_shows_no_more_than_the_beginning(found: object) -> None:
    error = MalformedError("label", found)

    assert len(str(error)) < 300
    assert str(error).endswith("…")
    assert error.found is found


def test_forged_names_the_place_and_both_sides() -> None:
    error = CorruptContentError("blob 7", expected="aa", found="bb")

    assert str(error) == "blob 7: expected aa, found bb"
    assert (error.where, error.expected, error.found) == ("blob 7", "aa", "bb")
    assert str(ForgedError("segment 3")) == "segment 3"


@pytest.mark.parametrize("error", [DeliveryError, MailboxFullError])
def test_an_undelivered_message_is_handed_back(error: type[DeliveryError]) -> None:
    raised = error("no room", message=MESSAGE)

    assert (str(raised), raised.message) == ("no room", MESSAGE)


def test_a_circle_of_asks_names_its_path() -> None:
    error = AskCycleError(["a", "b", "a"], message=MESSAGE)

    assert str(error) == "waiting would close a circle: a → b → a"
    assert (error.path, error.message) == (("a", "b", "a"), MESSAGE)


def test_a_failed_effect_keeps_class_name_and_text() -> None:
    error = EffectFailedError("ValueError", "no")

    assert str(error) == "ValueError: no"
    assert (error.error, error.text) == ("ValueError", "no")


def test_an_error_without_extras_survives_pickling() -> None:
    again = pickle.loads(pickle.dumps(ActorFailedError("boom")))

    assert (type(again), str(again)) == (ActorFailedError, "boom")
