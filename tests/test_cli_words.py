"""What the command line says of events and values: JSON for programs, a few words for people."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from theater import ContentRef
from theater.chain import Chain
from theater.cli.looking import ROOT
from theater.cli.telling import tell
from theater.cli.values import as_json, brief, size_of
from theater.codec import ActorAddress, Outlined

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
REF = ContentRef("ab" * 32)
OUTLINED = {"$content": f"sha256:{'ab' * 32}", "size": 5_000, "packed": False}
ID = bytes(range(16))
VALUES: list[tuple[object, object, str]] = [
    (None, None, "None"),
    (True, True, "True"),
    (1.5, 1.5, "1.5"),
    (float("inf"), {"$float": "inf"}, "inf"),
    ("a", "a", "'a'"),
    (b"a", {"$bytes": "YQ=="}, "b'a'"),
    (b"\x00\xff", {"$bytes": "AP8="}, "0x00ff"),
    ([1, (2,)], [1, {"$tuple": [2]}], "[1, (2,)]"),
    ({3}, {"$set": [3]}, "{3}"),
    (set(), {"$set": []}, "set()"),
    (frozenset({3}), {"$frozenset": [3]}, "{3}"),
    ({"k": 1}, {"k": 1}, "{'k': 1}"),
    ({"$k": 1}, {"$map": [["$k", 1]]}, "{'$k': 1}"),
    ({1: 2}, {"$map": [[1, 2]]}, "{1: 2}"),
    (NEW_YEAR, {"$datetime": "2026-01-01T00:00:00+00:00"}, "2026-01-01 00:00:00+00:00"),
    (UUID(int=1), {"$uuid": str(UUID(int=1))}, str(UUID(int=1))),
    (REF, {"$ref": f"sha256:{'ab' * 32}"}, "sha256:abababababab…"),
    (ActorAddress(ID), {"$actor": ID.hex()}, "<counter>"),
    (ID, {"$bytes": "AAECAwQFBgcICQoLDA0ODw=="}, "<counter>"),
    (Outlined(0, b"\xab" * 32, 5_000), OUTLINED, "<5,000 bytes sha256:abababababab…>"),
    (list(range(9)), list(range(9)), "[0, 1, 2, 3, 4, 5, … 9 in all]"),
    (bytes(100), {"$bytes": "A" * 134 + "=="}, f"0x{'00' * 15}… 100 bytes"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "plain", "words"), VALUES, ids=[words for _, _, words in VALUES])
def test_each_kind_of_value_has_a_form_in_json_and_in_words(value: object, plain: object, words: str) -> None:
    assert json.loads(json.dumps(as_json(value))) == plain
    assert brief(value, {ID: "counter"}) == words


def test_no_value_fills_the_screen() -> None:
    assert len(brief({"key": ["x" * 1_000] * 1_000}, {})) <= 60


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 bytes"), (9_999, "9,999 bytes"), (10_000, "10 kB"), (2_500_000, "2.5 MB")]
)
def test_sizes_are_told_in_three_digits_or_so(count: int, words: str) -> None:
    assert size_of(count) == words


FROM = [ID, 7, bytes(32)]
CALL: dict[str, Any] = {"args": [1], "handler": "add", "kwargs": {"by": 2}}
ERROR = {"class": "ValueError", "text": "no"}
FAILED = "of @4 ✗ ValueError: no"
TOLD: list[tuple[str, dict[str, Any], str]] = [
    ("theater/opened", {"origin": "theater/0", "version": "1"}, "theater/0 by Theater 1"),
    ("actor/spawned", {"child": ID, "name": "a", "class": "m:A"}, "child a (m:A)"),
    ("actor/spawned", {"name": "a", "class": "m:A", "state": {"x": 1}}, "a (m:A)  x=1"),
    ("actor/failed", {"error": ERROR}, "ValueError: no"),
    ("actor/restarted", {"restarts": 2}, "restart 2"),
    ("actor/stopped", {"reason": "failed", "error": ERROR}, "failed ✗ ValueError: no"),
    ("actor/resumed", {}, ""),
    ("message/sent", {**CALL, "to": ID}, "to counter: add(1, by=2)"),
    ("message/refused", {**CALL, "to": ID, "error": ERROR}, "to counter: add(1, by=2) ✗ ValueError: no"),
    ("message/received", {**CALL, "from": FROM}, "add(1, by=2) from counter@7"),
    ("message/received", {**CALL, "from": None}, "add(1, by=2)"),
    ("message/handled", {**CALL, "answer": 3, "state": {"total": 3}}, "add(1, by=2) → 3  total=3"),
    ("message/handled", {"message": 4, "state": None}, "of @4  state changed"),
    ("message/handled", {"message": 4, "abandoned": True}, "of @4 given up"),
    ("message/handled", {"message": 4, "deferred": True}, "of @4 to be answered later"),
    ("message/answered", {"reply": 4, "answer": 3}, "of @4 → 3"),
    ("message/answered", {"message": 4, "answer": 3, "from": FROM}, "of @4 → 3 from counter@7"),
    ("message/withdrawn", {"message": 4}, "message=4"),
    ("message/dead", {**CALL, "from": None}, "add(1, by=2)"),
    ("effect/begun", {"effect": "m:f", "args": ["x"]}, "m:f('x')"),
    ("effect/ended", {"effect": 4, "answer": 1}, "of @4 → 1"),
    ("effect/ended", {"effect": 4, "error": ERROR, "again": 50_000_000}, f"{FAILED}, again in 0.05 s"),
    ("effect/begun", {"effect": "m:f", "args": [], "retries": 4}, "m:f(), as @4 once more"),
    ("timer/set", {**CALL, "delay": 1_500_000_000, "every": True}, "add(1, by=2) every 1.5 s"),
    ("timer/fired", {"timer": 4}, "of @4"),
    ("store/label", {"label": "l", "ref": REF}, "label='l' ref=sha256:abababababab…"),
    ("store/get", {"ref": REF, "error": ERROR}, "ref=sha256:abababababab… ✗ ValueError: no"),
    ("log", {"text": "well", "fields": {"n": 1}}, "well n=1"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "body", "words"), TOLD, ids=[f"{kind} {words}" for kind, _, words in TOLD])
def test_an_event_is_told_in_a_line(kind: str, body: dict[str, Any], words: str) -> None:
    event = Chain(ROOT).append(kind, body, time=time.time_ns())

    assert tell(event, {ID: "counter"}) == words
