from __future__ import annotations

from hashlib import sha256
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import plain_values

from theater.codec import encode, prepare
from theater.content import ContentRef
from theater.errors import MalformedError
from theater.event import EVENT_LIMIT, KINDS, Event, Stub, event_bytes, event_hash

ACTOR = bytes(range(16))
PARENT = bytes(range(32, 64))
NOW = 1_763_800_000_000_000_000

# the array of seven, by hand; these never change
FIRST = "9701c410" + ACTOR.hex() + "00c0cf187a437cb08a8000ad" + b"actor/spawned".hex() + "80"
HANDLED = (
    "97" + "01" + "c410" + ACTOR.hex() + "cd0102" + "c420" + PARENT.hex() + "cf187a437cb08a8000"
    "af" + b"message/handled".hex() + "84"
    "a461726773" + "9101"  # args: [1]
    "a466726f6d" + "c0"  # from: nil
    "a6616e73776572" + "2a"  # answer: 42
    "a768616e646c6572" + "a3616464"  # handler: add
)
STUB = "93" + "c410" + ACTOR.hex() + "05" + "c420" + PARENT.hex()

events = st.builds(
    lambda actor, seq, parent, time, kind, body: event_bytes(
        actor, seq, parent if seq else None, time, kind, prepare(body)
    ),
    st.binary(min_size=16, max_size=16),
    st.integers(0, 2**63 - 1),
    st.binary(min_size=32, max_size=32),
    st.integers(0, 2**63 - 1),
    st.sampled_from(sorted(KINDS)),
    st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=10), plain_values, max_size=4),
)


def written(*parts: object) -> bytes:
    return encode(list(parts))


def a_body() -> dict[str, object]:
    return {"args": [1], "from": None, "answer": 42, "handler": "add"}


def test_a_first_event_has_the_bytes_that_were_written_down() -> None:
    assert event_bytes(ACTOR, 0, None, 0x187A437CB08A8000, "actor/spawned", {}).hex() == FIRST


def test_a_handled_message_has_the_bytes_that_were_written_down() -> None:
    found = event_bytes(ACTOR, 258, PARENT, 0x187A437CB08A8000, "message/handled", prepare(a_body()))

    assert found.hex() == HANDLED


def test_the_bytes_that_were_written_down_read_as_the_event() -> None:
    event = Event.read(bytes.fromhex(HANDLED))

    assert (event.actor, event.seq, event.parent, event.time) == (ACTOR, 258, PARENT, 0x187A437CB08A8000)
    assert (event.kind, event.body) == ("message/handled", a_body())
    assert event.data.hex() == HANDLED
    assert event.hash.hex() == "9e3f2db09de743bb8f4068711464272d430d4f3cad5da963b9cb8f2d5f60cf94"


def test_a_hash_is_sha256_of_a_zero_byte_and_the_bytes() -> None:
    assert event_hash(b"") == sha256(b"\x00").digest()
    assert (
        event_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    )  # RFC 6962's empty leaf
    assert event_hash(b"L123456").hex() == "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56"


@given(events)
def test_an_event_that_was_written_is_read(data: bytes) -> None:
    event = Event.read(data)

    again = event_bytes(event.actor, event.seq, event.parent, event.time, event.kind, prepare(event.body))
    assert (event.data, event.hash) == (data, event_hash(data))
    assert again == data


@given(events, st.data())
def test_an_event_with_a_flipped_bit_is_refused_or_another_event(data: bytes, draw: st.DataObject) -> None:
    bit = draw.draw(st.integers(0, len(data) * 8 - 1))
    flipped = bytearray(data)
    flipped[bit // 8] ^= 1 << bit % 8

    try:
        event = Event.read(bytes(flipped))
    except MalformedError:
        return
    assert event.hash != event_hash(data)
    assert event.data == flipped


@given(events, st.data())
def test_an_event_that_is_cut_off_is_refused(data: bytes, draw: st.DataObject) -> None:
    with pytest.raises(MalformedError):
        Event.read(data[: draw.draw(st.integers(0, len(data) - 1))])


@given(st.binary(max_size=200))
def test_random_bytes_are_no_event(data: bytes) -> None:
    with pytest.raises(MalformedError):
        Event.read(data)
    with pytest.raises(MalformedError):
        Stub.read(data)


@pytest.mark.parametrize(
    "data",
    [
        encode(None),
        encode({}),
        encode((1, ACTOR, 0, None, NOW, "log", {})),
        written(),
        written(1, ACTOR, 0, None, NOW, "log"),
        written(1, ACTOR, 0, None, NOW, "log", {}, None),
        written(True, ACTOR, 0, None, NOW, "log", {}),
        written("1", ACTOR, 0, None, NOW, "log", {}),
        written(1, ACTOR[:15], 0, None, NOW, "log", {}),
        written(1, "a" * 16, 0, None, NOW, "log", {}),
        written(1, None, 0, None, NOW, "log", {}),
        written(1, ACTOR, -1, None, NOW, "log", {}),
        written(1, ACTOR, False, None, NOW, "log", {}),
        written(1, ACTOR, 1.0, PARENT, NOW, "log", {}),
        written(1, ACTOR, 2**63, PARENT, NOW, "log", {}),
        written(1, ACTOR, 0, PARENT, NOW, "log", {}),
        written(1, ACTOR, 1, None, NOW, "log", {}),
        written(1, ACTOR, 1, PARENT[:31], NOW, "log", {}),
        written(1, ACTOR, 1, "p" * 32, NOW, "log", {}),
        written(1, ACTOR, 0, None, -1, "log", {}),
        written(1, ACTOR, 0, None, 1.5, "log", {}),
        written(1, ACTOR, 0, None, True, "log", {}),
        written(1, ACTOR, 0, None, 2**63, "log", {}),
        written(1, ACTOR, 0, None, NOW, "gossip", {}),
        written(1, ACTOR, 0, None, NOW, "message/", {}),
        written(1, ACTOR, 0, None, NOW, b"log", {}),
        written(1, ACTOR, 0, None, NOW, ["log"], {}),
        written(1, ACTOR, 0, None, NOW, "log", []),
        written(1, ACTOR, 0, None, NOW, "log", None),
        written(1, ACTOR, 0, None, NOW, "log", {1: 2}),
        written(1, ACTOR, 0, None, NOW, "log", {b"text": 2}),
    ],
)
def test_each_wrong_shape_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedError) as raised:
        Event.read(data)

    assert raised.value.expected == "event"


@pytest.mark.parametrize("version", [0, 2, 300])
def test_another_version_is_refused_and_named(version: int) -> None:
    with pytest.raises(MalformedError, match=f"version {version}; this program reads version 1"):
        Event.read(written(version, ACTOR, 0, None, NOW, "log", {}))
    with pytest.raises(MalformedError, match=f"version {version}; this program reads version 1"):
        Event.read(written(version, "of", "quite", "another", "shape"))


def test_bytes_that_are_not_canonical_are_no_event() -> None:
    loose: Any = msgpack.packb([1, ACTOR, 0, None, NOW, "log", {"text": "a", "a": 1}])

    with pytest.raises(MalformedError):
        Event.read(loose)


def test_an_event_has_at_most_65535_bytes() -> None:
    room = EVENT_LIMIT - len(event_bytes(ACTOR, 0, None, NOW, "log", {"text": "x" * 60_000})) + 60_000

    largest = event_bytes(ACTOR, 0, None, NOW, "log", {"text": "x" * room})

    assert len(largest) == EVENT_LIMIT == 65_535
    assert Event.read(largest).body == {"text": "x" * room}
    with pytest.raises(MalformedError, match="65536 bytes, at most 65535"):
        Event.read(event_bytes(ACTOR, 0, None, NOW, "log", {"text": "x" * (room + 1)}))


def test_an_argument_of_full_depth_fits_an_event() -> None:
    value: object = 1
    for _ in range(64):
        value = [value]

    encode(value)
    data = event_bytes(ACTOR, 0, None, NOW, "message/sent", {"args": [prepare(value)]})

    assert Event.read(data).body == {"args": [value]}


def test_the_kinds_are_those_of_the_format() -> None:
    groups: dict[str, set[str]] = {}
    for kind in KINDS:
        group, _, name = kind.partition("/")
        groups.setdefault(group, set()).add(name)

    assert groups == {
        "actor": {"spawned", "resumed", "failed", "restarted", "stopped", "snapshot", "migrated"},
        "message": {"sent", "refused", "withdrawn", "received", "handled", "answered", "retried", "dead"},
        "effect": {"begun", "ended"},
        "timer": {"set", "fired", "cancelled"},
        "store": {
            "new",
            "store",
            "get",
            "exists",
            "label",
            "get_by_label",
            "remove_label",
            "remove_from_label",
            "store_at_label",
            "replace_content_at_label",
            "replace_at_label",
            "list_labels",
            "list_all_content",
            "calculate_total_size",
            "labelled",
            "put_stream",
            "get_stream",
            "put_file",
            "grant",
        },
        "log": {""},
        "theater": {"opened", "closed", "key", "removed"},
    }


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_is_read(kind: str) -> None:
    assert Event.read(event_bytes(ACTOR, 0, None, NOW, kind, {})).kind == kind


def test_an_event_cannot_be_changed() -> None:
    event: Any = Event.read(bytes.fromhex(FIRST))

    with pytest.raises(AttributeError):
        event.seq = 7
    with pytest.raises(AttributeError):
        event.extra = 7


def test_events_of_the_same_bytes_are_equal_and_one_in_a_set() -> None:
    first, again = Event.read(bytes.fromhex(HANDLED)), Event.read(bytes.fromhex(HANDLED))
    other = Event.read(bytes.fromhex(FIRST))

    assert first == again != other
    assert {first, again, other} == {first, other}


def test_an_event_shows_kind_place_and_hash() -> None:
    event = Event.read(bytes.fromhex(FIRST))

    assert repr(event) == f"<event actor/spawned {ACTOR.hex()}/0 {event.hash.hex()}>"


def test_a_ref_in_a_body_arrives_as_a_ref() -> None:
    ref = ContentRef.of(b"content")
    body = {"ref": ref, "size": 7, "store": "s", "label": "é"}

    assert Event.read(event_bytes(ACTOR, 0, None, NOW, "store/store_at_label", prepare(body))).body == body


def test_a_stub_has_the_bytes_that_were_written_down() -> None:
    assert Stub(ACTOR, 5, PARENT).data.hex() == STUB
    assert Stub.read(bytes.fromhex(STUB)) == Stub(ACTOR, 5, PARENT)


@given(st.binary(min_size=16, max_size=16), st.integers(0, 2**63 - 1), st.binary(min_size=32, max_size=32))
def test_a_stub_that_was_written_is_read(actor: bytes, seq: int, digest: bytes) -> None:
    stub = Stub(actor, seq, digest)

    assert Stub.read(stub.data) == stub


@pytest.mark.parametrize(
    "data",
    [
        encode({}),
        encode((ACTOR, 0, PARENT)),
        written(ACTOR, 0),
        written(ACTOR, 0, PARENT, 1),
        written(ACTOR[:15], 0, PARENT),
        written(ACTOR, -1, PARENT),
        written(ACTOR, True, PARENT),
        written(ACTOR, 0, PARENT[:31]),
        written(ACTOR, 0, "p" * 32),
        written(ACTOR, 0, b"p" * 64),
        bytes.fromhex(FIRST),
    ],
)
def test_each_wrong_stub_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedError):
        Stub.read(data)
