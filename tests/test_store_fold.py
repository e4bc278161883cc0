"""What stores hold and what their requests get, decided without a loop, a disk or a clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theater.codec import decode, encode, pack
from theater.content import ContentRef
from theater.errors import (
    ContentNotFoundError,
    MalformedError,
    NotAllowedError,
    StoreNotFoundError,
)
from theater.store.decision import Decision, Place, decide, decide_granted
from theater.store.fold import Fold, fold_of
from theater.store.requests import (
    CalculateTotalSize,
    Exists,
    Get,
    GetByLabel,
    GetStream,
    Grant,
    Keep,
    KeepAtLabel,
    KeepFile,
    Keeping,
    KeepStream,
    Label,
    Labelled,
    ListAllContent,
    ListLabels,
    New,
    RemoveFromLabel,
    RemoveLabel,
    ReplaceAtLabel,
    ReplaceContentAtLabel,
    Request,
    checked_label,
    checked_ref,
    checked_store_id,
    copied,
    ready,
)

MINE = "00" * 16
OTHER = "01" * 16
READER = bytes(range(16))
PLACE = Place(bytes(15) + b"\x07", 41, bytes(32))
A, B, C = b"a", b"bb", b"ccc"


class Told(NamedTuple):
    """As much of an event as the fold looks at."""

    kind: str
    body: dict[str, object]


def ref(content: bytes) -> ContentRef:
    return ContentRef.of(content)


def keep(content: bytes, store: str = MINE) -> Keep:
    return Keep(store, ref=ref(content), size=len(content))


def keep_at(label: str, content: bytes) -> KeepAtLabel:
    return KeepAtLabel(MINE, label, ref=ref(content), size=len(content))


def replace_content(label: str, content: bytes) -> ReplaceContentAtLabel:
    return ReplaceContentAtLabel(MINE, label, ref=ref(content), size=len(content))


def ask(fold: Fold, request: Request[Any]) -> Decision:
    """Decide, and take the event in, as the supervisor does."""
    decision = decide(fold, request)
    fold.apply(request.kind, decision.body)
    return decision


def after(*requests: Request[Any]) -> Fold:
    """An actor's stores after it made one and asked for all this."""
    fold = Fold()
    for request in (New(MINE), *requests):
        assert ask(fold, request).error is None
    return fold


def answer(fold: Fold, request: Request[Any]) -> Any:
    decision = decide(fold, request)
    assert decision.error is None
    return decision.answer


# -- what is kept ----------------------------------------------------------------------------------------


def test_a_new_store_holds_nothing() -> None:
    fold = after()

    assert answer(fold, ListAllContent(MINE)) == []
    assert answer(fold, ListLabels(MINE)) == []
    assert answer(fold, CalculateTotalSize(MINE)) == 0


def test_a_new_store_is_answered_by_its_id() -> None:
    assert decide(Fold(), New(MINE)) == Decision({"store": MINE}, MINE)


def test_the_default_store_is_marked_in_its_event() -> None:
    fold = Fold()

    decision = ask(fold, New(MINE, default=True))
    ask(fold, New(OTHER))

    assert decision.body == {"default": True, "store": MINE}
    assert fold.default == MINE


def test_kept_content_exists_and_has_a_size() -> None:
    fold = after(keep(C))

    assert answer(fold, Exists(MINE, ref(C))) is True
    assert answer(fold, Exists(MINE, ref(A))) is False
    assert answer(fold, Get(MINE, ref(C))) == answer(fold, GetStream(MINE, ref(C))) == 3


def test_the_same_bytes_again_are_answered_by_the_same_ref_and_counted_once() -> None:
    fold = after(keep(C))

    assert answer(fold, keep(C)) == ref(C)
    ask(fold, keep(C))

    assert answer(fold, CalculateTotalSize(MINE)) == 3


def test_all_content_is_listed_by_hash() -> None:
    contents = [bytes([number]) for number in range(20)]
    fold = after(*map(keep, contents))

    listed = answer(fold, ListAllContent(MINE))

    assert listed == sorted(map(ref, contents))


def test_streams_and_files_are_kept_like_other_content() -> None:
    stream = KeepStream(MINE).named(ref(A).digest, 1)
    file = KeepFile(MINE, "/etc/motd").named(ref(B).digest, 2)
    fold = after(stream, file)

    assert answer(fold, CalculateTotalSize(MINE)) == 3
    assert file.body() == {"path": "/etc/motd", "ref": ref(B), "size": 2, "store": MINE}
    assert stream.body() == {"ref": ref(A), "size": 1, "store": MINE}


def test_content_that_has_no_name_yet_stands_in_no_body() -> None:
    assert Keep(MINE).body() == {"store": MINE}
    assert KeepAtLabel(MINE, "a").body() == {"label": "a", "store": MINE}
    assert KeepFile(MINE, "/etc/motd").body() == {"path": "/etc/motd", "store": MINE}


def test_content_is_named_without_losing_its_label() -> None:
    named = KeepAtLabel(MINE, "a").named(ref(A).digest, 1)

    assert named == keep_at("a", A)
    assert Keep(MINE).named(ref(A).digest, 1) == keep(A)


# -- labels ----------------------------------------------------------------------------------------------


def test_a_label_points_to_what_was_added_last() -> None:
    fold = after(keep_at("x", A), keep_at("x", B))

    assert answer(fold, GetByLabel(MINE, "x")) == ref(B)
    assert answer(fold, Labelled(MINE, "x")) == [ref(B), ref(A)]


def test_labelling_a_ref_again_makes_it_the_newest() -> None:
    fold = after(keep_at("x", A), keep_at("x", B), Label(MINE, "x", ref(A)))

    assert answer(fold, Labelled(MINE, "x")) == [ref(A), ref(B)]


def test_an_unknown_label_points_to_nothing() -> None:
    assert answer(after(), GetByLabel(MINE, "x")) is None
    assert answer(after(), Labelled(MINE, "x")) == []


@pytest.mark.parametrize("request_", [Label, ReplaceAtLabel])
def test_only_content_of_this_store_can_be_labelled(request_: type[Label | ReplaceAtLabel]) -> None:
    fold = after(New(OTHER), keep(A, OTHER))

    decision = decide(fold, request_(MINE, "x", ref(A)))

    assert isinstance(decision.error, ContentNotFoundError)


def test_removing_a_label_keeps_the_content() -> None:
    fold = after(keep_at("x", A), RemoveLabel(MINE, "x"))

    assert answer(fold, ListLabels(MINE)) == []
    assert answer(fold, Exists(MINE, ref(A)))


def test_removing_an_unknown_label_changes_nothing() -> None:
    fold = after(keep_at("x", A))
    before = fold.snapshot()

    assert ask(fold, RemoveLabel(MINE, "y")).error is None
    assert fold.snapshot() == before


@pytest.mark.parametrize("kind", ["store/get", "store/list_labels", "message/handled"])
def test_what_only_asks_changes_nothing(kind: str) -> None:
    fold = after(keep_at("x", A))
    before = fold.snapshot()

    fold.apply(kind, {"store": MINE})

    assert fold.snapshot() == before


def test_removing_a_ref_from_a_label_leaves_the_others() -> None:
    fold = after(keep_at("x", A), keep_at("x", B), RemoveFromLabel(MINE, "x", ref(B)))

    assert answer(fold, Labelled(MINE, "x")) == [ref(A)]


def test_the_last_ref_takes_the_label_with_it() -> None:
    fold = after(keep_at("x", A), RemoveFromLabel(MINE, "x", ref(A)))

    assert answer(fold, ListLabels(MINE)) == []
    assert answer(fold, Exists(MINE, ref(A)))


@pytest.mark.parametrize("label", ["x", "unknown"])
def test_removing_what_a_label_does_not_hold_changes_nothing(label: str) -> None:
    fold = after(keep(B), keep_at("x", A))
    before = fold.snapshot()

    assert ask(fold, RemoveFromLabel(MINE, label, ref(B))).error is None
    assert fold.snapshot() == before


def test_replacing_leaves_nothing_else_at_the_label() -> None:
    fold = after(keep_at("x", A), keep_at("x", B), replace_content("x", C))

    assert answer(fold, Labelled(MINE, "x")) == [ref(C)]

    ask(fold, ReplaceAtLabel(MINE, "x", ref(A)))

    assert answer(fold, Labelled(MINE, "x")) == [ref(A)]


def test_labels_are_listed_by_code_point() -> None:
    fold = after(*(keep_at(label, A) for label in ("z", "ä", "Z", "10", "9", "\U0001f600", "\uffff")))

    assert answer(fold, ListLabels(MINE)) == ["10", "9", "Z", "z", "ä", "\uffff", "\U0001f600"]


# -- what is refused -------------------------------------------------------------------------------------

EVERY_REQUEST: list[Request[Any]] = [
    keep(A, OTHER),
    KeepAtLabel(OTHER, "x", ref=ref(A), size=1),
    ReplaceContentAtLabel(OTHER, "x", ref=ref(A), size=1),
    KeepStream(OTHER),
    KeepFile(OTHER, "/etc/motd"),
    Label(OTHER, "x", ref(A)),
    ReplaceAtLabel(OTHER, "x", ref(A)),
    RemoveLabel(OTHER, "x"),
    RemoveFromLabel(OTHER, "x", ref(A)),
    Grant(OTHER, READER),
    Get(OTHER, ref(A)),
    GetStream(OTHER, ref(A)),
    Exists(OTHER, ref(A)),
    GetByLabel(OTHER, "x"),
    Labelled(OTHER, "x"),
    ListLabels(OTHER),
    ListAllContent(OTHER),
    CalculateTotalSize(OTHER),
]

every_request = pytest.mark.parametrize("request_", EVERY_REQUEST, ids=lambda each: each.kind)


NAMED = [KeepStream(OTHER).named(ref(A).digest, 1), KeepFile(OTHER, "/etc/motd").named(ref(A).digest, 1)]
NAMELESS = [KeepAtLabel(OTHER, "x"), ReplaceContentAtLabel(OTHER, "x"), Keep(OTHER)]


@pytest.mark.parametrize(
    "request_",
    [*EVERY_REQUEST, *NAMED, *NAMELESS, New(MINE), New(MINE, default=True)],
    ids=lambda one: one.kind,
)
def test_a_body_made_ready_packs_to_what_the_codec_writes(request_: Request[Any]) -> None:
    asked = request_.body()
    refused = Decision(asked).refused(ValueError("no")).body
    granted = {**asked, "owner": list(PLACE)}

    assert [pack(ready(body)) for body in (asked, refused, granted)] == list(
        map(encode, (asked, refused, granted))
    )


@every_request
def test_a_foreign_store_reads_like_one_that_never_existed(request_: Request[Any]) -> None:
    owners = Fold()
    ask(owners, New(OTHER))

    foreign = decide_granted(owners, request_, reader=READER, place=PLACE)
    invented = decide(after(), request_)

    assert str(foreign.error) == str(invented.error) == "no such store for this actor"
    assert type(foreign.error) is type(invented.error) is StoreNotFoundError
    assert foreign.body == invented.body


@every_request
def test_a_refused_request_is_an_event_with_the_error_and_changes_nothing(request_: Request[Any]) -> None:
    fold = after(keep(A))
    before = fold.snapshot()

    decision = ask(fold, request_)

    error = {"class": "StoreNotFoundError", "text": "no such store for this actor"}
    assert decision.body == {**request_.body(), "error": error}
    assert fold.snapshot() == before


@pytest.mark.parametrize("request_", [Get, GetStream])
def test_what_another_store_holds_is_not_found_in_this_one(request_: type[Get | GetStream]) -> None:
    fold = after(New(OTHER), keep(A, OTHER))

    decision = decide(fold, request_(MINE, ref(A)))

    assert isinstance(decision.error, ContentNotFoundError)
    assert str(ref(A)) in str(decision.error)


def test_the_text_of_an_error_is_recorded_short_and_without_surrogates() -> None:
    decision = Decision({"store": MINE}).refused(ValueError("\udc80" + "x" * 100_000))

    assert decision.body["error"] == {"class": "ValueError", "text": "?" + "x" * 999}
    encode(decision.body)


# -- grants ----------------------------------------------------------------------------------------------


def granted() -> Fold:
    return after(keep_at("x", A), Grant(MINE, READER))


READS: list[Request[Any]] = [
    Get(MINE, ref(A)),
    GetStream(MINE, ref(A)),
    Exists(MINE, ref(A)),
    GetByLabel(MINE, "x"),
    Labelled(MINE, "x"),
    ListLabels(MINE),
    ListAllContent(MINE),
    CalculateTotalSize(MINE),
]


@pytest.mark.parametrize("request_", READS, ids=lambda each: each.kind)
def test_a_granted_store_answers_its_reader_as_it_answers_its_owner(request_: Request[Any]) -> None:
    decision = decide_granted(granted(), request_, reader=READER, place=PLACE)

    assert decision.answer == answer(granted(), request_)
    assert decision.body == {**request_.body(), "owner": list(PLACE)}


WRITES: list[Request[Any]] = [
    keep(B),
    keep_at("x", B),
    replace_content("x", B),
    KeepStream(MINE),
    KeepFile(MINE, "/etc/motd"),
    Label(MINE, "x", ref(A)),
    ReplaceAtLabel(MINE, "x", ref(A)),
    RemoveLabel(MINE, "x"),
    RemoveFromLabel(MINE, "x", ref(A)),
    Grant(MINE, bytes(16)),
]


@pytest.mark.parametrize("request_", WRITES, ids=lambda each: each.kind)
def test_a_granted_store_cannot_be_written(request_: Request[Any]) -> None:
    decision = decide_granted(granted(), request_, reader=READER, place=PLACE)

    assert isinstance(decision.error, NotAllowedError)
    assert decision.body["owner"] == list(PLACE)


def test_a_grant_is_for_one_reader() -> None:
    decision = decide_granted(granted(), Exists(MINE, ref(A)), reader=bytes(16), place=PLACE)

    assert isinstance(decision.error, StoreNotFoundError)


def test_what_a_granted_store_does_not_hold_is_not_found() -> None:
    decision = decide_granted(granted(), Get(MINE, ref(B)), reader=READER, place=PLACE)

    assert isinstance(decision.error, ContentNotFoundError)
    assert decision.body["owner"] == list(PLACE)


# -- the fold --------------------------------------------------------------------------------------------

labels = st.sampled_from(["a", "b", "ä", "a/b"])
contents = st.binary(max_size=2)
refs = st.builds(ref, contents)
stores = st.sampled_from([MINE, OTHER])


def named(kind: Any, *fields: st.SearchStrategy[str]) -> st.SearchStrategy[Keeping]:
    unnamed = st.builds(kind, stores, *fields)
    return st.builds(lambda each, content: each.named(ref(content).digest, len(content)), unnamed, contents)


requests: st.SearchStrategy[Request[Any]] = st.one_of(
    named(Keep),
    named(KeepStream),
    named(KeepFile, st.just("/etc/motd")),
    named(KeepAtLabel, labels),
    named(ReplaceContentAtLabel, labels),
    st.builds(Label, stores, labels, refs),
    st.builds(ReplaceAtLabel, stores, labels, refs),
    st.builds(RemoveFromLabel, stores, labels, refs),
    st.builds(RemoveLabel, stores, labels),
    st.builds(Grant, stores, st.binary(min_size=16, max_size=16)),
    st.builds(Get, stores, refs),
    st.builds(Exists, stores, refs),
    st.builds(GetByLabel, stores, labels),
    st.builds(Labelled, stores, labels),
    st.builds(ListLabels, stores),
    st.builds(ListAllContent, stores),
    st.builds(CalculateTotalSize, stores),
)


class Model:
    """A store as a child would write it: lists, searched from end to end."""

    def __init__(self) -> None:
        self.kept: list[tuple[str, int]] = []
        self.pairs: list[tuple[str, str]] = []  # label and hash, newest last

    def ask(self, request: Any) -> Any:
        hash_ = request.ref.hash if hasattr(request, "ref") else ""
        held = hash_ in [each for each, _ in self.kept]
        label = getattr(request, "label", "")
        answers: dict[str, Callable[[], Any]] = {
            "get": lambda: next((size for each, size in self.kept if each == hash_), ContentNotFoundError),
            "exists": lambda: held,
            "get_by_label": lambda: next(iter(self.at(label)), None),
            "labelled": lambda: self.at(label),
            "list_labels": lambda: sorted({each for each, _ in self.pairs}),
            "list_all_content": lambda: [ContentRef(each) for each, _ in sorted(self.kept)],
            "calculate_total_size": lambda: sum(size for _, size in self.kept),
        }
        function = request.kind.removeprefix("store/")
        if function in answers:
            return answers[function]()
        return self.change(function, request, hash_, held=held)

    def change(self, function: str, request: Any, hash_: str, *, held: bool) -> Any:
        match function:
            case "label" | "replace_at_label":
                if not held:
                    return ContentNotFoundError
                self.point(request)
            case "remove_label":
                self.pairs = [pair for pair in self.pairs if pair[0] != request.label]
            case "remove_from_label":
                self.pairs = [pair for pair in self.pairs if pair != (request.label, hash_)]
            case "grant":
                pass
            case _:
                self.kept += [] if held else [(hash_, request.size)]
                self.point(request)
                return request.ref
        return None

    def point(self, request: Any) -> None:
        if "replace" in request.kind:
            self.pairs = [pair for pair in self.pairs if pair[0] != request.label]
        if "label" in request.kind:
            pair = (request.label, request.ref.hash)
            self.pairs = [each for each in self.pairs if each != pair] + [pair]

    def at(self, label: str) -> list[ContentRef]:
        return [ContentRef(hash_) for each, hash_ in reversed(self.pairs) if each == label]


@given(st.lists(requests, max_size=40))
def test_stores_answer_as_a_simple_model_does(asked: list[Request[Any]]) -> None:
    fold = after(New(OTHER))
    models = {MINE: Model(), OTHER: Model()}

    for request in asked:
        decision = ask(fold, request)
        expected = models[request.store].ask(request)

        assert (decision.answer if decision.error is None else type(decision.error)) == expected


@given(st.lists(requests, max_size=40))
def test_the_chain_alone_rebuilds_the_stores(asked: list[Request[Any]]) -> None:
    fold = Fold()
    chain = [Told("actor/spawned", {"name": "a"})]
    requests_ = (New(MINE, default=True), New(OTHER), *asked)
    chain += [Told(request.kind, ask(fold, request).body) for request in requests_]

    assert fold_of(chain).snapshot() == fold.snapshot()


@given(st.lists(requests, max_size=40))
def test_a_snapshot_is_a_plain_value_that_rebuilds_the_stores(asked: list[Request[Any]]) -> None:
    fold = after(New(OTHER, default=True))
    for request in asked:
        ask(fold, request)

    carried: Any = decode(encode(fold.snapshot()))
    again = Fold.of_snapshot(carried)

    assert again.snapshot() == fold.snapshot()
    assert again.size == fold.size
    for request in asked:
        assert repr(decide(again, request)) == repr(decide(fold, request))


def test_bytes_in_all_stores_count_each_distinct_content_once() -> None:
    fold = after(keep(A))
    for body in (New(OTHER).body(), keep(A).body() | {"store": OTHER}, keep(B).body() | {"store": OTHER}):
        fold.apply("store/store" if "ref" in body else "store/new", body)

    assert fold.size == len(A) + len(B)
    assert Fold.of_snapshot(fold.snapshot()).size == fold.size


def test_a_chain_is_folded_from_its_newest_snapshot_on() -> None:
    snapshot = Told("actor/snapshot", {"state": {}, "stores": after(keep(A)).snapshot()})
    stateless = Told("actor/snapshot", {"state": {}})
    later = Told("store/store", keep(B).body())

    fold = fold_of([Told("store/new", {"store": OTHER}), snapshot, stateless, later])

    assert set(fold.stores) == {MINE}
    assert answer(fold, ListAllContent(MINE)) == sorted([ref(A), ref(B)])


@pytest.mark.parametrize(
    "body",
    [{}, {"store": OTHER}, {"store": MINE}, {"store": MINE, "ref": "x", "size": 1}, {"store": []}],
    ids=str,
)
def test_a_store_event_without_what_its_kind_needs_is_malformed(body: dict[str, object]) -> None:
    chain = [Told("store/new", {"store": MINE}), Told("store/store", body)]

    with pytest.raises(MalformedError):
        fold_of(chain)


@pytest.mark.parametrize(
    "plain",
    [
        {},
        {"default": None},
        {"default": None, "stores": []},
        {"default": None, "stores": {MINE: {}}},
        {"default": None, "stores": {MINE: {"contents": {}, "labels": {"x": None}, "readers": []}}},
    ],
    ids=str,
)
def test_a_snapshot_of_something_else_is_malformed(plain: dict[str, Any]) -> None:
    with pytest.raises(MalformedError):
        Fold.of_snapshot(plain)


# -- what enters -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", ["a", "x" * 1_024, "ä" * 512, "a/b", "..", " ", "\0", "\U0001f600"])
def test_a_label_is_any_text_of_1_to_1024_bytes(label: str) -> None:
    assert checked_label(label) == label


@pytest.mark.parametrize("label", ["", "x" * 1_025, "ä" * 513, "\ud800"])
def test_a_label_too_short_too_long_or_no_text_is_malformed(label: str) -> None:
    with pytest.raises(MalformedError):
        checked_label(label)


@pytest.mark.parametrize("label", [None, 1, b"a", ["a"]])
def test_a_label_that_is_not_text_is_a_type_error(label: Any) -> None:
    with pytest.raises(TypeError):
        checked_label(label)


def test_a_label_of_a_text_subclass_is_taken_as_plain_text() -> None:
    class Name(str):
        __slots__ = ()

    label = checked_label(Name("a"))

    assert type(label) is str
    assert label == "a"


@pytest.mark.parametrize(
    "content", [b"abc", bytearray(b"abc"), memoryview(b"xabcx")[1:4], memoryview(b"a1b1c")[::2]]
)
def test_content_is_copied_to_bytes(content: bytes | bytearray | memoryview) -> None:
    assert copied(content) == b"abc"
    assert type(copied(content)) is bytes


@pytest.mark.parametrize("content", [None, "text", 3, [1, 2], iter(b"abc")])
def test_content_that_is_not_bytes_is_a_type_error(content: Any) -> None:
    with pytest.raises(TypeError):
        copied(content)


def test_a_ref_is_itself() -> None:
    assert checked_ref(ref(A)) == ref(A)


@pytest.mark.parametrize("wrong", [None, "00" * 32, b"\0" * 32])
def test_anything_but_a_ref_is_a_type_error(wrong: Any) -> None:
    with pytest.raises(TypeError, match="ContentRef"):
        checked_ref(wrong)


@given(st.text(st.characters(codec=None), max_size=100))
def test_any_text_for_a_store_id_can_be_recorded(store_id: str) -> None:
    shown = checked_store_id(store_id)

    assert len(shown.encode()) <= 64
    encode(shown)


def test_a_store_id_stays_as_it_is() -> None:
    assert checked_store_id(MINE) == MINE


def test_a_store_id_that_is_not_text_is_a_type_error() -> None:
    wrong: Any = 7
    with pytest.raises(TypeError):
        checked_store_id(wrong)
