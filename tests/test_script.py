"""Scripts: matching what a handler asks with what is recorded of it."""

from __future__ import annotations

from typing import Any

import pytest

from theater.codec import prepare
from theater.event import Event, event_bytes
from theater.script import Script, about, is_given, is_outcome, spawn_question

ACTOR = bytes(range(16))
OTHER = bytes(range(16, 32))
CHILD = bytes(range(32, 48))
ASKED = {"to": OTHER, "ask": True, "args": [1], "handler": "add"}
BORN = {"options": {"mailbox": 5}, "state": {"total": 0}}


def event(seq: int, kind: str, **body: Any) -> Event:
    parent = bytes(32) if seq else None
    return Event.read(event_bytes(ACTOR, seq, parent, 1, kind, prepare(body, depth=80)))


def script(*events: tuple[str, dict[str, Any]]) -> Script:
    """One whose first event is the sixth of its chain."""
    made = [event(seq, kind, **body) for seq, (kind, body) in enumerate(events, 5)]
    return Script(made, lambda child: BORN if child == CHILD else None)


def take(given: Script, kind: str, **body: Any) -> int | None:
    """The seq of the event that a request is matched with."""
    found = given.take((kind, prepare(body)))
    return None if found is None else found.seq


def test_a_request_is_matched_by_kind_target_and_arguments() -> None:
    given = script(("message/sent", ASKED))

    assert take(given, "message/sent", **ASKED | {"args": [2]}) is None
    assert take(given, "message/sent", **ASKED | {"args": [True]}) is None
    assert take(given, "message/sent", **ASKED | {"to": ACTOR}) is None
    assert take(given, "effect/begun", **ASKED) is None
    assert take(given, "message/sent", **ASKED) == 5


def test_of_requests_that_are_alike_the_first_is_matched_first_and_each_once() -> None:
    given = script(("message/sent", ASKED), ("message/sent", ASKED))

    assert [take(given, "message/sent", **ASKED) for _ in range(3)] == [5, 6, None]


def test_requests_may_come_in_another_order() -> None:
    given = script(("message/sent", ASKED), ("timer/cancelled", {"timer": 1}))

    assert take(given, "timer/cancelled", timer=1) == 6
    assert given.current is not None
    assert given.current.seq == 5
    assert not given.is_taken(given.current)


def test_a_message_that_was_refused_is_matched_by_sending_it() -> None:
    given = script(("message/refused", ASKED | {"error": {"class": "NotRunningError", "text": ""}}))

    assert take(given, "message/sent", **ASKED) == 5


def test_what_the_answer_adds_to_the_event_of_a_request_is_no_part_of_it() -> None:
    given = script(
        ("message/sent", {"to": OTHER, "ask": False, "args": ["crew"], "handler": "@find"}),
        ("store/new", {"store": "ab"}),
        ("store/put_file", {"path": "/a", "ref": None, "size": 3, "store": "ab"}),
        ("store/get", {"store": "ab", "owner": [OTHER, 1, b""], "error": {}}),
    )

    assert take(given, "message/sent", ask=False, args=["crew"], handler="@find") == 5
    assert take(given, "store/new", store="") == 6
    assert take(given, "store/put_file", path="/a", store="ab") == 7
    assert take(given, "store/get", store="ab") == 8


def test_one_of_several_requests_is_matched_with_whichever_was_recorded_first() -> None:
    given = script(("message/refused", ASKED | {"error": {}}), ("timer/cancelled", {"timer": 1}))
    both = ("timer/cancelled", prepare({"timer": 1})), ("message/refused", prepare(ASKED))

    first, second = given.take(*both), given.take(*both)

    assert first is not None
    assert second is not None
    assert (first.seq, second.seq) == (5, 6)


@pytest.mark.parametrize(
    ("name", "given_name"), [("boss/ann", "boss/ann"), (f"boss/w-{CHILD.hex()[:12]}", None)]
)
def test_a_child_is_matched_by_its_class_name_options_and_state(name: str, given_name: str | None) -> None:
    given = script(("actor/spawned", {"child": CHILD, "class": "m:W", "name": name}))
    other = spawn_question("m:W", given_name, {"mailbox": 6}, {"total": 0})
    same = spawn_question("m:W", given_name, {"mailbox": 5}, {"total": 0})

    assert is_given(name, CHILD) is (given_name is not None)
    assert take(given, "actor/spawned", **other) is None
    assert take(given, "actor/spawned", **same) == 5


def test_a_child_whose_birth_is_not_in_the_record_is_matched_by_nothing() -> None:
    given = script(("actor/spawned", {"child": OTHER, "class": "m:W", "name": "w"}))

    assert take(given, "actor/spawned", **spawn_question("m:W", "w", {}, {})) is None


@pytest.mark.parametrize(
    ("kind", "body", "of"),
    [
        ("message/answered", {"message": 3, "answer": 1}, 3),
        ("effect/ended", {"effect": 4, "answer": 1}, 4),
        ("message/received", {"channel": 2, "handler": "@channel"}, 2),
    ],
)
def test_outcomes_say_which_request_they_are_of(kind: str, body: dict[str, Any], of: int) -> None:
    told = event(5, kind, **body)

    assert is_outcome(told)
    assert about(told) == of


def test_what_a_handler_says_itself_is_no_outcome() -> None:
    said = event(5, "message/answered", reply=3, item=1)

    assert not is_outcome(said)
    assert not is_outcome(event(5, "message/sent", **ASKED))
    with pytest.raises(ValueError, match="is no outcome"):
        about(said)


def test_an_outcome_is_matched_by_no_request() -> None:
    given = script(("message/answered", {"message": 3, "answer": 1}))

    assert take(given, "message/answered", message=3, answer=1) is None


def test_what_others_recorded_meanwhile_is_left_out() -> None:
    given = script(
        ("timer/fired", {"timer": 1}),
        ("message/dead", {"handler": "add"}),
        ("actor/snapshot", {}),
        ("message/sent", ASKED | {"handler": "@linked"}),
        ("message/withdrawn", {"message": 2}),
        ("message/answered", {"reply": 2, "abandoned": True}),
        ("log", {"text": "one"}),
        ("message/withdrawn", {"message": 9}),
    )

    assert given.logs == 1
    assert given.current is not None
    assert given.current.body == {"message": 9}


def test_a_script_ends_behind_its_last_event() -> None:
    given = script(("timer/cancelled", {"timer": 1}))

    given.step()

    assert given.current is None
    assert given.end == 6
    assert script().end == 0


def test_it_knows_what_is_still_to_come() -> None:
    given = script(("timer/cancelled", {"timer": 1}))

    assert given.has("timer/cancelled", "timer", 1)
    assert not given.has("timer/cancelled", "timer", 2)
    assert given.find(("timer/cancelled", prepare({"timer": 1}))) is given.current
    given.step()
    assert not given.has("timer/cancelled", "timer", 1)


def test_a_difference_names_what_was_expected_and_what_was_found() -> None:
    given = script(("timer/cancelled", {"timer": 1}), ("message/answered", {"message": 3, "answer": 7}))

    first = given.differs("message/sent", prepare({"to": OTHER, "args": [(1, 2)]}))
    assert (first.seq, first.expected) == (5, "timer/cancelled timer=1")
    assert first.found == f"message/sent to={OTHER!r}, args=[(1, 2)]"
    take(given, "timer/cancelled", timer=1)
    second = given.differs()
    assert (second.seq, second.expected, second.found) == (6, "message/answered answer=7, message=3", "")
    given.step()
    given.step()
    assert given.differs().seq == 7
    assert given.differs().expected == ""
