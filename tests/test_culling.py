"""Culling: whoever lives keeps all that it needs to live on, and no message is on its way again."""

from __future__ import annotations

from array import array
from typing import Any

from handmade import actor_id

from theater.codec import encode, prepare
from theater.content import ContentRef
from theater.culling import Contents, Culling, Limits, Run, runs_of, worth_it
from theater.event import Event, event_bytes
from theater.plain import Outlined
from theater.survey import ROOT, Survey

ANN, BOB, SELF = actor_id(1), actor_id(2), actor_id(3)
LONG = {"text": "x" * 600}  # one such event is worth the record of its removal
ASK = {"ask": True, "args": [], "handler": "add"}
TELL = {"ask": False, "args": [], "handler": "add"}
FULL = {"full": True}


class Told:
    """A journal as the survey and the culling take it, event by event."""

    def __init__(self) -> None:
        self.events: list[Event | bytes] = []  # bytes: the actor of a stub
        self.sizes: dict[bytes, int] = {}  # of contents
        self.packed: dict[bytes, bytes] = {}  # those that may mention others
        self._next: dict[bytes, int] = {}

    def add(self, actor: bytes, kind: str, body: dict[str, Any] | None = None, *, time: int = 0) -> int:
        seq = self._next.get(actor, 0)
        self._next[actor] = seq + 1
        parent = bytes(32) if seq else None
        data = event_bytes(actor, seq, parent, time, kind, prepare(LONG if body is None else body))
        self.events.append(Event.read(data))
        return seq

    def stub(self, actor: bytes) -> None:
        self._next[actor] = self._next.get(actor, 0) + 1
        self.events.append(actor)

    def spawn(self, *actors: bytes) -> None:
        for actor in actors:
            self.add(actor, "actor/spawned", {"state": {}})

    def logs(self, actor: bytes, count: int = 3, *, time: int = 0) -> None:
        for _ in range(count):
            self.add(actor, "log", time=time)

    def end(self, actor: bytes) -> None:
        self.add(actor, "actor/stopped", {"reason": "normal"})

    def cull(self, *, erased: tuple[bytes, ...] = (), size: int = 0, **limits: int) -> Culling:
        survey, contents = Survey(), Contents(self.sizes, self.packed.__getitem__)
        for event in self.events:
            if isinstance(event, bytes):
                survey.remove(event)
            else:
                survey.add(event, len(event.data))
                by_store = event.kind == "store/store"
                survey.lives[event.actor].sizes[event.seq] += contents.add(event.data, by_store=by_store)
        self.contents = contents
        culling = Culling(survey, contents, limits=Limits(**limits), size=size, erased=erased)
        for event in self.events:
            if isinstance(event, Event):
                culling.decide(event, event.data)
        return culling

    def gone(self, **options: Any) -> list[Run]:
        return list(self.cull(**options).runs())


def test_of_an_ended_actor_stay_its_birth_and_its_end() -> None:
    told = Told()
    told.spawn(ANN)
    told.logs(ANN)
    told.end(ANN)

    assert told.gone() == [Run(ANN, 1, 3)]


def test_why_an_actor_failed_stays() -> None:
    told = Told()
    told.spawn(ANN)
    told.add(ANN, "actor/failed", {"handler": "add"})
    told.logs(ANN)
    told.add(ANN, "actor/failed", {"handler": "add"})
    told.end(ANN)

    assert told.gone() == [Run(ANN, 1, 4)]


def test_of_a_living_actor_without_a_full_snapshot_all_stays() -> None:
    told = Told()
    told.spawn(ANN)
    told.logs(ANN)
    told.add(ANN, "actor/snapshot", {"state": {}})
    told.logs(ANN)

    assert told.gone() == []


def test_of_a_living_actor_stays_what_is_behind_its_newest_full_snapshot() -> None:
    told = Told()
    told.spawn(ANN)
    told.logs(ANN)
    told.add(ANN, "actor/snapshot", FULL)
    told.logs(ANN)
    told.add(ANN, "actor/snapshot", FULL)
    told.logs(ANN)

    assert told.gone() == [Run(ANN, 1, 7)]


def test_the_chain_of_the_theater_itself_stays() -> None:
    told = Told()
    told.add(ROOT, "theater/opened", {})
    told.logs(ROOT)

    assert told.gone() == []


def test_a_message_that_was_begun_before_the_snapshot_stays_whole() -> None:
    told = Told()
    told.spawn(ANN)
    told.logs(ANN)
    begun = told.add(ANN, "message/received", {**TELL, "from": None})
    told.logs(ANN)
    told.add(ANN, "actor/snapshot", FULL)
    told.logs(ANN)

    assert told.gone() == [Run(ANN, 1, begun - 1)]
    told.add(ANN, "message/handled", {"message": begun, "answer": None})
    assert told.gone() == [Run(ANN, 1, begun - 1)]


def test_values_read_from_a_channel_begin_nothing() -> None:
    told = Told()
    told.spawn(ANN)
    told.add(ANN, "message/received", {**TELL, "handler": "@channel", "from": None})
    told.logs(ANN)
    told.add(ANN, "actor/snapshot", FULL)

    assert told.gone() == [Run(ANN, 1, 4)]


def test_a_deferred_message_stays_until_its_answer_was_given() -> None:
    told = Told()
    told.spawn(ANN)
    owed = told.add(ANN, "message/received", {**ASK, "from": None})
    told.add(ANN, "message/handled", {"message": owed, "deferred": True})
    told.logs(ANN)
    told.add(ANN, "actor/snapshot", FULL)

    assert told.gone() == [Run(ANN, 3, 5)]
    told.add(ANN, "message/answered", {"reply": owed, "answer": 1})
    told.add(ANN, "actor/snapshot", FULL)
    assert told.gone() == [Run(ANN, 1, 7)]


def test_a_message_on_its_way_to_somebody_alive_stays() -> None:
    told = Told()
    told.spawn(ANN, BOB)
    sent = told.add(ANN, "message/sent", {**TELL, "to": BOB})
    told.logs(ANN)
    told.end(ANN)

    assert told.gone() == [Run(ANN, 2, 4)]
    told.add(BOB, "message/handled", {**TELL, "from": [ANN, sent, bytes(32)]})
    assert told.gone() == [Run(ANN, 1, 4)]


def test_a_message_that_lies_dead_is_not_on_its_way() -> None:
    told = Told()
    told.spawn(ANN, BOB)
    sent = told.add(ANN, "message/sent", {**TELL, "to": BOB})
    told.logs(ANN)
    told.end(ANN)
    told.add(BOB, "message/dead", {**TELL, "from": [ANN, sent, bytes(32)]})

    assert told.gone() == [Run(ANN, 1, 4)]


def test_a_message_to_somebody_who_has_ended_or_a_request_need_not_stay() -> None:
    told = Told()
    told.spawn(ANN, BOB)
    told.add(ANN, "message/sent", {**TELL, "to": BOB})
    told.add(ANN, "message/sent", {**TELL, "handler": "@watch", "to": SELF})
    told.add(ANN, "message/sent", {**TELL, "to": actor_id(9)})
    told.logs(ANN)
    told.end(ANN)
    told.spawn(SELF)
    told.end(BOB)

    assert told.gone() == [Run(ANN, 1, 6)]


def test_a_timer_that_has_fired_is_a_message_on_its_way() -> None:
    told = Told()
    told.spawn(ANN)
    told.logs(ANN)
    fired = told.add(ANN, "timer/fired", {"timer": 1})
    told.logs(ANN)
    told.add(ANN, "actor/snapshot", FULL)

    assert told.gone() == [Run(ANN, 1, 3), Run(ANN, 5, 7)]
    told.add(ANN, "message/handled", {**TELL, "from": [ANN, fired, bytes(32)]})
    told.add(ANN, "actor/snapshot", FULL)
    assert told.gone() == [Run(ANN, 1, 9)]


def test_a_withdrawn_message_is_not_on_its_way() -> None:
    told = Told()
    told.spawn(ANN, BOB)
    sent = told.add(ANN, "message/sent", {**ASK, "to": BOB})
    told.add(ANN, "message/withdrawn", {"message": sent})
    told.logs(ANN)
    told.add(ANN, "actor/snapshot", FULL)

    assert told.gone() == [Run(ANN, 1, 5)]


def test_that_a_message_arrived_stays_as_long_as_the_message_does() -> None:
    told = Told()
    told.spawn(ANN, BOB)
    sent = told.add(ANN, "message/sent", {**TELL, "to": BOB})
    told.logs(BOB)
    begun = told.add(BOB, "message/received", {**TELL, "from": [ANN, sent, bytes(32)]})
    told.add(BOB, "message/handled", {"message": begun, "answer": None})
    told.logs(BOB)
    told.add(BOB, "actor/snapshot", FULL)

    assert told.gone() == [Run(BOB, 1, begun - 1), Run(BOB, begun + 2, begun + 4)]
    told.logs(ANN)
    told.add(ANN, "actor/snapshot", FULL)
    assert told.gone() == [Run(ANN, 1, 4), Run(BOB, 1, begun + 4)]


def test_an_answer_that_its_asker_does_not_know_yet_stays() -> None:
    told = Told()
    told.spawn(ANN, BOB)
    sent = told.add(ANN, "message/sent", {**ASK, "to": BOB})
    told.logs(BOB)
    handled = told.add(BOB, "message/handled", {**ASK, "from": [ANN, sent, bytes(32)], "answer": 1})
    told.logs(BOB)
    told.end(BOB)

    assert told.gone() == [Run(BOB, 1, 3), Run(BOB, 5, 7)]
    told.add(ANN, "message/answered", {"message": sent, "item": 1, "from": [BOB, handled, bytes(32)]})
    assert told.gone() == [Run(BOB, 1, 3), Run(BOB, 5, 7)]
    told.add(ANN, "message/answered", {"message": sent, "answer": 1, "from": [BOB, handled, bytes(32)]})
    assert told.gone() == [Run(BOB, 1, 7)]


def test_what_an_ended_asker_waited_for_need_not_stay() -> None:
    told = Told()
    told.spawn(ANN, BOB)
    sent = told.add(ANN, "message/sent", {**ASK, "to": BOB})
    told.logs(BOB)
    told.add(BOB, "message/handled", {**ASK, "from": [ANN, sent, bytes(32)], "answer": 1})
    told.end(BOB)
    told.end(ANN)

    assert told.gone() == [Run(BOB, 1, 4)]


def test_what_changed_a_store_of_an_ended_actor_stays() -> None:
    told = Told()
    told.spawn(ANN)
    told.add(ANN, "store/new", {"store": "s"})
    told.logs(ANN)
    told.add(ANN, "store/label", {"store": "s", "label": "l"})
    told.add(ANN, "store/get", LONG)
    told.add(ANN, "store/label", {"error": "no", **LONG})
    told.end(ANN)

    assert told.gone() == [Run(ANN, 2, 4), Run(ANN, 6, 7)]


def test_while_somebody_is_cut_off_the_living_keep_what_their_stores_were() -> None:
    told = Told()
    told.spawn(ANN, BOB, SELF)
    told.add(ANN, "store/new", {"store": "s"})
    told.logs(ANN)
    told.add(ANN, "actor/snapshot", FULL)
    told.logs(SELF)
    told.add(SELF, "actor/snapshot", FULL)
    begun = told.add(BOB, "message/received", {**TELL, "from": None})

    assert told.gone() == [Run(SELF, 1, 3)]
    told.add(BOB, "message/handled", {"message": begun, "answer": None})
    assert told.gone() == [Run(ANN, 1, 4), Run(SELF, 1, 3)]
    told.add(BOB, "message/received", {**TELL, "from": None})
    told.end(BOB)
    assert told.gone() == [Run(ANN, 1, 4), Run(SELF, 1, 3)]


def test_a_run_goes_only_if_that_frees_more_than_its_record_takes() -> None:
    told = Told()
    told.spawn(ANN)
    told.add(ANN, "log", {"text": "short"})
    told.end(ANN)

    assert told.gone() == []


def test_a_run_counts_with_what_was_outlined_from_it() -> None:
    told = Told()
    digest = b"\x05" * 32
    told.sizes[digest] = 5000
    told.spawn(ANN)
    told.add(ANN, "log", {"text": Outlined(0, digest, 5000)})
    told.end(ANN)

    assert told.gone(size=20_000) == [Run(ANN, 1, 1)]
    assert told.cull(size=20_000).size < 15_200
    assert told.contents.unused() == {digest}


def test_contents_stay_that_another_event_mentions_or_a_store_keeps() -> None:
    told = Told()
    named, kept = b"\x05" * 32, b"\x06" * 32
    told.sizes |= {named: 5000, kept: 5000}
    told.packed[named] = b""
    told.spawn(ANN, BOB)
    told.add(ANN, "log", {"text": [Outlined(1, named, 5000), Outlined(0, kept, 5000)]})
    told.add(BOB, "log", {"text": named})
    told.add(BOB, "store/store", {"ref": kept})
    told.end(ANN)
    culling = told.cull(size=20_000)

    assert culling.events == 1
    assert culling.size > 19_900
    assert told.contents.unused() == set()


def test_what_packed_contents_mention_goes_with_the_last_of_them() -> None:
    told = Told()
    one, inner, outer, shared = (bytes([number]) * 32 for number in (5, 6, 7, 8))
    told.sizes |= {one: 1000, inner: 100, outer: 100, shared: 1000}
    told.packed[inner] = encode([ContentRef.of_digest(one), ContentRef.of_digest(shared)])
    told.packed[outer] = encode([Outlined(1, inner, 100), ContentRef.of_digest(actor_id(1) * 2)])
    told.spawn(ANN, BOB)
    told.add(ANN, "log", {"text": Outlined(1, outer, 100)})
    told.add(ANN, "log", {"text": Outlined(1, outer, 100)})
    told.add(BOB, "log", {"text": Outlined(0, shared, 1000)})
    told.add(ANN, "actor/stopped", {"reason": "normal"})

    assert told.cull(before=-1).events == 0
    assert told.contents.unused() == set()
    culling = told.cull(size=10_000)
    assert list(culling.runs()) == [Run(ANN, 1, 2)]
    assert told.contents.unused() == {one, inner, outer}
    assert 8_500 < culling.size < 8_900


def test_bytes_mention_nothing() -> None:
    told = Told()
    digest, other = b"\x05" * 32, b"\x06" * 32
    told.sizes |= {digest: 1000, other: 1000}
    told.packed[digest] = encode(ContentRef.of_digest(other))
    told.spawn(ANN)
    told.add(ANN, "log", {"text": Outlined(0, digest, 1000)})
    told.cull()

    assert told.contents.unused() == {other}


def test_stubs_do_not_go_again() -> None:
    told = Told()
    told.spawn(ANN)
    told.logs(ANN, 2)
    told.stub(ANN)
    told.logs(ANN, 2)
    told.end(ANN)

    assert told.gone() == [Run(ANN, 1, 2), Run(ANN, 4, 5)]
    assert told.gone(erased=(ANN,)) == [Run(ANN, 0, 2), Run(ANN, 4, 5)]


def test_only_what_is_older_goes() -> None:
    told = Told()
    told.spawn(ANN)
    told.logs(ANN, 2, time=10)
    told.logs(ANN, 2, time=20)
    told.end(ANN)

    assert told.gone(before=20) == [Run(ANN, 1, 2)]
    assert told.gone(before=10) == []


def test_only_so_much_goes_that_the_rest_fits() -> None:
    told = Told()
    told.spawn(ANN)
    told.logs(ANN, 20)
    told.end(ANN)

    assert told.gone(size=100_000, bytes=100_000) == []
    [run] = told.gone(size=100_000, bytes=95_000)
    assert run.first == 1
    assert 8 <= run.last <= 12
    culling = told.cull(size=100_000, bytes=95_000)
    assert 94_000 < culling.size <= 95_000


def test_either_limit_lets_go() -> None:
    told = Told()
    told.spawn(ANN)
    told.logs(ANN, 2, time=10)
    told.logs(ANN, 2, time=20)
    told.end(ANN)

    assert told.gone(before=20, size=100_000, bytes=200_000) == [Run(ANN, 1, 2)]
    assert told.gone(before=20, size=100_000, bytes=1) == [Run(ANN, 1, 4)]


def test_a_message_that_stays_for_its_age_keeps_what_tells_that_it_arrived() -> None:
    told = Told()
    told.spawn(ANN, BOB)
    told.add(ANN, "log", time=0)
    sent = told.add(ANN, "message/sent", {**TELL, "to": BOB, **LONG}, time=30)
    told.add(BOB, "message/handled", {**TELL, "from": [ANN, sent, bytes(32)], **LONG}, time=30)
    told.add(ANN, "actor/snapshot", FULL, time=30)
    told.add(BOB, "actor/snapshot", FULL, time=30)

    assert told.gone(before=20) == [Run(ANN, 1, 1)]
    assert told.gone(before=40) == [Run(ANN, 1, 2), Run(BOB, 1, 1)]


def test_of_erased_actors_all_goes_but_their_end_and_what_others_wait_for() -> None:
    told = Told()
    told.spawn(ANN, BOB, SELF)
    told.add(ANN, "store/new", {"store": "s"})
    told.add(ANN, "message/sent", {**TELL, "to": BOB})
    told.logs(SELF)
    told.end(ANN)
    told.end(SELF)

    assert told.gone(erased=(ANN,)) == [Run(ANN, 0, 1)]
    assert told.gone(erased=(ANN,), before=-1) == [Run(ANN, 0, 1)]


def test_an_event_that_came_after_the_survey_stays() -> None:
    told = Told()
    told.spawn(ANN)
    culling = told.cull()

    assert not culling.goes(ANN, 0)
    assert not culling.goes(ANN, 99)
    assert not culling.goes(BOB, 0)


def test_runs_are_found_at_both_ends() -> None:
    assert list(runs_of(bytearray([1, 1, 0, 1, 0, 1]))) == [(0, 1), (3, 3), (5, 5)]
    assert list(runs_of(bytearray())) == []
    assert worth_it(bytearray([1, 0, 1]), array("Q", [9000, 0, 1])) == bytearray([1, 0, 0])
