"""Manifests by themselves: what is read, what is wrong with them, and where."""

from __future__ import annotations

import datetime as dt
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from theater import (
    INITIAL,
    ONE_FOR_ALL,
    TRANSIENT,
    Backoff,
    Grants,
    ManifestError,
    Overflow,
    RestartLimit,
    Strategy,
    Theater,
)
from theater.manifest.keys import ACTOR, MANIFEST, OPTIONS, THEATER
from theater.manifest.reading import parse, read
from theater.manifest.schema import json_schema
from theater.manifest.values import House, Manifest, Member, Rules
from theater.manifest.writing import document, to_toml
from theater.options import Options, SpawnOptions
from theater.restart import Restart, Restore

ROOT = Path(__file__).resolve().parent.parent
ONE = '[[actor]]\nclass = "crew:Clock"\n'
WHOLE = """
[theater]
folder = "record"
record_messages = false
keep = 10
closing = 0.5

[[actor]]
class = "crew.parts:Outer.Clock"
name = "clock"
state = { step = 2, at = 2026-01-01T12:00:00Z }
restart = "transient"
restore = "initial"
limit = { restarts = 7, within = 60 }
backoff = { first = 0.5, most = 8, factor = 3 }
stop_within = 1.5
mailbox = 10
overflow = "drop_oldest"
grants = { find = "all", spawn = ["crew:*"], stores = "own", bytes_stored = 100, mailbox = "all" }
supervision = { strategy = "one_for_all", limit = { restarts = 1 } }

[[actor.children]]
class = "crew:Hand"

[[actor.children.children]]
class = "crew:Finger"
grants = "none"
"""


def problems(text: str | bytes, variables: Mapping[str, str] | None = None) -> list[str]:
    return [str(problem) for problem in read(text, variables or {}).problems]


# -- what is read ----------------------------------------------------------------------------------------


def test_every_key_is_read() -> None:
    manifest = parse(WHOLE, {})
    clock = manifest.actor[0]

    assert manifest.theater == House(folder="record", record_messages=False, keep=10, closing=0.5)
    assert (clock.class_name, clock.name) == ("crew.parts:Outer.Clock", "clock")
    assert clock.state == {"step": 2, "at": dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)}
    assert clock.options == Options(
        restart=TRANSIENT,
        state=INITIAL,
        limit=RestartLimit(7, 60),
        backoff=Backoff(0.5, 8, 3),
        stop_within=1.5,
        mailbox=10,
        overflow=Overflow.DROP_OLDEST,
        grants=Grants(find="*", spawn=["crew:*"], stores="own", bytes_stored=100, mailbox=float("inf")),
    )
    assert clock.supervision == Rules(ONE_FOR_ALL, RestartLimit(1))
    assert clock.children[0].children == (
        Member("crew:Finger", "finger", options=Options(grants=Grants.none())),
    )


def test_an_actor_is_called_as_its_class_if_nothing_else_is_said() -> None:
    assert parse('[[actor]]\nclass = "crew:Outer.Clock"', {}).actor[0].name == "clock"


def test_each_option_of_spawn_can_be_said() -> None:
    said = {"state" if key.name == "restore" else key.name for key in OPTIONS}

    assert said == set(SpawnOptions.__annotations__)


def test_options_of_the_theater_are_refused_as_the_theater_refuses_them() -> None:
    assert problems("[theater]\nkeep = 0\nclosing = -1\n" + ONE) == [
        "theater.keep: expected at least 1, got 0",
        "theater.closing: expected at least 0, got -1",
    ]
    for wrong in ({"keep": 0}, {"closing": -1}):
        with pytest.raises(Exception, match="at least"):
            Theater(**wrong)  # type: ignore[arg-type]  # on purpose


# -- variables -------------------------------------------------------------------------------------------

TEXTS = [
    ("${A}", "1"),
    ("a${A}b${A}", "a1b1"),
    ("${MISSING:-x y}", "x y"),
    ("${EMPTY:-x}", "x"),
    ("${EMPTY}", ""),
    ("${A:-x}", "1"),
    ("${MISSING:-}", ""),
    ("$${A}", "${A}"),
    ("$A $ {A} $$", "$A $ {A} $$"),
    ("${B}", "${A}"),
]


@pytest.mark.parametrize(("text", "filled"), TEXTS)
def test_variables_are_filled_in_once(text: str, filled: str) -> None:
    variables = {"A": "1", "EMPTY": "", "B": "${A}"}

    manifest = parse(f'{ONE}state = {{ list = ["{text}"] }}', variables)

    assert manifest.actor[0].state == {"list": [filled]}


def test_a_variable_may_stand_for_a_number_or_a_boolean() -> None:
    text = '[theater]\nrecord_messages = "${NO}"\n' + ONE + 'mailbox = "${N}"\nstop_within = "${S:-2.5}"'

    manifest = parse(text, {"NO": "false", "N": "7"})

    assert manifest.theater.record_messages is False
    assert manifest.actor[0].options == Options(mailbox=7, stop_within=2.5)


def test_text_that_is_no_variable_stands_for_no_number() -> None:
    assert problems(ONE + 'mailbox = "7"') == ["actor[0].mailbox: expected a whole number, got '7'"]


WRONG_VARIABLES = [
    ("${HOEM}", "the variable HOEM is not set; did you mean 'HOME'?"),
    ("${Q}", "the variable Q is not set: set it, or write ${Q:-default}"),
    ("${}", "'${}' is no variable: write ${NAME} or ${NAME:-default}, or $${ for the text itself"),
    ("${1A}", "'${1A}' is no variable: write"),
    ("${A", "'${' is no variable: write"),
    ("${A:-${B}}", "'${' is no variable: write"),
    ("${A-x}", "'${A-x}' is no variable: write"),
]


@pytest.mark.parametrize(("text", "why"), WRONG_VARIABLES)
def test_a_variable_that_cannot_be_filled_in_is_a_problem(text: str, why: str) -> None:
    found = problems(f'{ONE}state = {{ x = "{text}" }}', {"HOME": "/", "B": "b"})

    assert found[0].startswith(f"actor[0].state.x: {why}")


# -- problems --------------------------------------------------------------------------------------------

WRONG = [
    ("= 3", "not TOML: Invalid statement (at line 1, column 1)"),
    (b"\xff", "not UTF-8: byte 0 is 0xff"),
    ("", "'actor' is missing: the crew, in the order of start"),
    ("actor = []", "actor: nobody is in the crew: describe an actor under [[actor]]"),
    ("[actor]\n", "actor: expected a list of tables, written as [[actor]], got a table"),
    (ONE + "children = {}", "actor[0].children: expected a list of tables, written as [[actor.children]]"),
    ('[theater]\nfolder = ""\n' + ONE, "theater.folder: '' names no folder"),
    ('[theater]\nfolder = "a\\u0000"\n' + ONE, "theater.folder: 'a\\x00' names no folder"),
    ("actor = [3]", "actor[0]: expected a table, got 3"),
    ("[[actor]]", "actor[0]: 'class' is missing: its class, as MODULE:CLASS"),
    ("[[actors]]", "actors: there is no such key; did you mean 'actor'?"),
    (ONE + "mailbx = 3", "actor[0].mailbx: there is no such key; did you mean 'mailbox'?"),
    (ONE + '"x y" = 3', 'actor[0]."x y": there is no such key; there are class, name, state, '),
    ('[[actor]]\nclass = "crew.Clock"', "actor[0].class: 'crew.Clock' is not MODULE:CLASS"),
    ('[[actor]]\nclass = ":C"', "actor[0].class: ':C' is not MODULE:CLASS"),
    ("[[actor]]\nclass = 3", "actor[0].class: expected text, got 3"),
    (ONE + 'name = "a/b"', "actor[0].name: a name has 1 to 255 bytes"),
    (ONE + "state = []", "actor[0].state: expected a table, got a list"),
    (
        ONE + 'restart = "permanant"',
        "actor[0].restart: there is no 'permanant' here; did you mean 'permanent'?",
    ),
    (
        ONE + "restart = 1979-05-27",
        "actor[0].restart: expected 'permanent' or 'transient' or 'temporary', got 1979-05-27",
    ),
    (ONE + 'restore = "x"', "actor[0].restore: there is no 'x' here; there are last_good, initial"),
    (ONE + "limit = 3", "actor[0].limit: expected a table, got 3"),
    (ONE + "limit = { within = 0 }", "actor[0].limit: within must be more than 0 seconds, not 0"),
    (
        ONE + "limit = { restart = 1 }",
        "actor[0].limit.restart: there is no such key; did you mean 'restarts'?",
    ),
    (ONE + "backoff = { first = 9, most = 1 }", "actor[0].backoff: first must be more than 0 seconds"),
    (ONE + "stop_within = true", "actor[0].stop_within: expected a number, got true"),
    (ONE + "stop_within = nan", "actor[0].stop_within: stop_within must be more than 0 seconds, not nan"),
    (ONE + "mailbox = 0", "actor[0].mailbox: mailbox must be a whole number of at least 1, not 0"),
    (ONE + "mailbox = 1.0", "actor[0].mailbox: expected a whole number, got 1.0"),
    (ONE + f"mailbox = {2**63}", "actor[0].mailbox: expected a number of 64 bits, got a larger one"),
    (
        ONE + 'overflow = "drop_old"',
        "actor[0].overflow: there is no 'drop_old' here; did you mean 'drop_oldest'?",
    ),
    (ONE + 'grants = "most"', "actor[0].grants: there is no 'most' here; there are all, none"),
    (
        ONE + "grants = { find = 3 }",
        "actor[0].grants.find: expected 'all', 'none', a pattern or a list of patterns",
    ),
    (ONE + 'grants = { find = [""] }', "actor[0].grants.find: grants: find: a pattern is text"),
    (ONE + 'grants = { stores = "mine" }', "actor[0].grants.stores: grants: stores: there are own"),
    (ONE + "grants = { mailbox = -1 }", "actor[0].grants.mailbox: expected at least 0, got -1"),
    (ONE + 'supervision = { strategy = "all" }', "actor[0].supervision.strategy: there is no 'all' here"),
    (
        ONE + '[[actor.children]]\nclas = ""',
        "actor[0].children[0].clas: there is no such key; did you mean 'class'?",
    ),
    (ONE + ONE, "actor[1].name: actor[0] is called 'clock' too: give each a name of its own"),
    (ONE + "state = " + "{ a = " * 70 + "1" + " }" * 70, "actor[0].state.a"),
    ("a = " + "[" * 9_000, "not TOML that can be read: too many levels one within another"),
    ("a = " + "1" * 9_000, "not TOML: Exceeds the limit"),
]


@pytest.mark.parametrize(("text", "why"), WRONG, ids=[why[:60] for _, why in WRONG])
def test_what_is_wrong_is_said_with_its_place_and_a_remedy(text: str | bytes, why: str) -> None:
    assert any(problem.startswith(why) for problem in problems(text)), problems(text)


def test_all_that_is_wrong_is_said_at_once() -> None:
    text = '[theater]\nkep = 3\n[[actor]]\nclass = "x"\n' + ONE + "mailbox = 0\nname = 3\n" + ONE + ONE

    with pytest.raises(ManifestError) as caught:
        parse(text, {}, path="crew.toml")

    assert [problem.place for problem in caught.value.problems] == [
        "theater.kep", "actor[0].class", "actor[1].name", "actor[1].mailbox", "actor[3].name",
    ]  # fmt: skip
    assert str(caught.value).startswith("crew.toml: 5 problems\n  theater.kep: ")


def test_a_byte_order_mark_is_no_problem() -> None:
    assert problems(b"\xef\xbb\xbf" + ONE.encode()) == []


# -- any document ----------------------------------------------------------------------------------------

words = st.sampled_from(
    [*ACTOR.keys, *THEATER.keys, *MANIFEST.keys, "strategy", "restarts", "within", "find", "first", "x y"]
)
texts = st.one_of(
    st.sampled_from(
        ["crew:Clock", "all", "none", "permanent", "${A}", "${B:-3}", "$${", "${", "one_for_all"]
    ),
    st.text(max_size=5),
)
scalars: st.SearchStrategy[Any] = st.one_of(
    st.booleans(), st.integers(), st.floats(), texts, st.dates(), st.times(), st.datetimes()
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(words | st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)
tables = st.fixed_dictionaries({}, optional=dict.fromkeys(ACTOR.keys, values)) | values


@settings(suppress_health_check=[HealthCheck.too_slow])  # on a busy machine
@given(
    st.dictionaries(words, values, max_size=4)
    | st.fixed_dictionaries({"actor": st.lists(tables, max_size=3)})
)
def test_no_document_is_more_than_a_list_of_problems(tables: dict[str, Any]) -> None:
    text = document(tables)
    assert tomllib.loads(text).keys() == tables.keys()

    draft = read(text, {"A": "1"})

    assert (draft.manifest is None) == bool(draft.problems)


@given(st.text() | st.binary())
def test_no_text_is_more_than_a_problem(text: str | bytes) -> None:
    draft = read(text, {})

    assert (draft.manifest is None) == bool(draft.problems)


names = st.text(min_size=1, max_size=8).filter(lambda text: "/" not in text and text not in {".", ".."})
seconds = st.floats(min_value=0.1, max_value=1e9) | st.integers(1, 1000)
patterns = st.sampled_from(["*", "a*", "crew:Clock", "b/?", "all", "none"])
granted = st.none() | st.builds(
    Grants,
    find=st.lists(patterns, max_size=3),
    effects=st.lists(patterns, max_size=3),
    stores=st.lists(st.sampled_from(["own", "new", "others", "lend"])),
    bytes_stored=st.integers(0, 2**40) | st.just(float("inf")),
    messages_per_second=st.floats(0, 1e6),
)
options = st.builds(
    Options,
    restart=st.sampled_from(Restart),
    state=st.sampled_from(Restore),
    limit=st.builds(RestartLimit, st.integers(0, 99), seconds),
    backoff=st.none() | st.builds(Backoff, st.floats(0.1, 1), st.floats(2, 99), st.floats(1, 9)),
    stop_within=seconds,
    mailbox=st.integers(1, 2**40),
    overflow=st.sampled_from(Overflow),
    grants=granted,
)
rules = st.none() | st.builds(
    Rules, st.none() | st.sampled_from(Strategy), st.none() | st.builds(RestartLimit, st.integers(0, 9))
)
stored = st.recursive(
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text()
    | st.datetimes(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def members(depth: int = 0) -> st.SearchStrategy[tuple[Member, ...]]:
    below = members(depth + 1) if depth < 2 else st.just(())
    one = st.builds(
        Member,
        class_name=st.sampled_from(["crew:Clock", "a.b:C.D"]),
        name=names,
        state=st.dictionaries(st.text(), stored, max_size=3),
        options=options,
        supervision=rules,
        children=below,
    )
    most = 3 if depth == 0 else 2
    return st.lists(
        one, min_size=1 if depth == 0 else 0, max_size=most, unique_by=lambda member: member.name
    ).map(tuple)


manifests = st.builds(
    Manifest,
    theater=st.builds(
        House,
        folder=st.none() | st.text(st.characters(exclude_characters="\0"), min_size=1),
        record_messages=st.none() | st.booleans(),
        keep=st.none() | st.integers(1, 10**9),
        closing=st.none() | st.floats(0, 1e9),
    ),
    actor=members(),
)


@given(manifests)
def test_what_is_written_is_read_as_the_same(manifest: Manifest) -> None:
    assert parse(to_toml(manifest), {}) == manifest


# -- the schema ------------------------------------------------------------------------------------------


def test_the_schema_in_the_docs_is_the_one_that_the_keys_make() -> None:
    kept = (ROOT / "docs/reference/manifest.schema.json").read_text()

    assert json.loads(kept) == json_schema(), "theater check --schema > docs/reference/manifest.schema.json"


def test_the_page_on_manifests_names_every_key() -> None:
    page = (ROOT / "docs/reference/manifest.md").read_text()
    grants = next(key.kind for key in OPTIONS if key.name == "grants")
    keys = {*ACTOR.keys, *THEATER.keys, *grants.table.keys}  # type: ignore[attr-defined]  # it is `Granted`

    assert not {key for key in keys if f"| `{key}` |" not in page}
