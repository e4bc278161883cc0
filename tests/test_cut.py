"""Cuts: of all instants at which nothing is there without its cause, the last."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theater.chain import Chain, ChainView, Tip
from theater.cut import cut
from theater.errors import HistoryCutError

TOP, LEFT, RIGHT, BELOW = (bytes([number]) * 16 for number in (1, 2, 3, 4))
ALL = (TOP, LEFT, RIGHT, BELOW)


class Play:
    """Chains of several actors in one journal, as far as a cut looks at them."""

    def __init__(self) -> None:
        self.chains: dict[bytes, Chain] = {}
        self.places: dict[tuple[bytes, int], int] = {}
        self.at_work: dict[bytes, bool] = {}
        self.reads = 0

    def add(self, actor: bytes, kind: str, **body: Any) -> int:
        chain = self.chains.setdefault(actor, Chain(actor))
        event = chain.append(kind, body, time=len(self.places) + 1)
        self.places[actor, event.seq] = len(self.places)
        return event.seq

    def spawn(self, actor: bytes, above: bytes | None = None) -> None:
        seq = -1 if above is None else self.add(above, "actor/spawned", child=actor)
        self.add(actor, "actor/spawned", supervisor=[above or bytes(16), seq, bytes(32)])
        self.at_work[actor] = False

    def begin(self, actor: bytes, word: tuple[bytes, int] | None = None) -> None:
        """Take up a message, of whose sending the actor and the seq may be named."""
        self.add(actor, "message/received", **{"from": None if word is None else [*word, bytes(32)]})
        self.at_work[actor] = True

    def end(self, actor: bytes) -> int:
        self.at_work[actor] = False
        return self.add(actor, "message/handled")

    def send(self, actor: bytes) -> tuple[bytes, int]:
        return actor, self.add(actor, "message/sent")

    def position(self, actor: bytes, seq: int) -> int:
        self.reads += 1
        return self.places[actor, seq]

    def cut(self, at: int | None = None, chains: Any = None) -> dict[bytes, int]:
        return cut(chains or self.chains.__getitem__, self.position, TOP, at)


def crew() -> Play:
    """Four actors, all at rest: one at the top, two below it, one below the left one."""
    play = Play()
    play.spawn(TOP)
    play.begin(TOP)
    play.spawn(LEFT, TOP)
    play.spawn(RIGHT, TOP)
    play.end(TOP)
    play.begin(LEFT)
    play.spawn(BELOW, LEFT)
    play.end(LEFT)
    return play


@pytest.fixture
def play() -> Play:
    return crew()


def test_at_rest_all_are_taken_as_they_are_supervisors_first(play: Play) -> None:
    ends = {}
    for actor in ALL:
        play.begin(actor)
        ends[actor] = play.end(actor)

    assert [*play.cut().items()] == [*ends.items()]


def test_who_is_at_work_goes_back_and_so_does_whoever_heard_of_it(play: Play) -> None:
    before = play.cut()
    play.begin(LEFT)  # and does not end
    play.begin(RIGHT, play.send(LEFT))
    word = play.send(RIGHT)
    play.end(RIGHT)
    play.begin(BELOW, word)
    play.end(BELOW)

    assert play.cut() == before


def test_who_heard_of_nothing_that_is_undone_stays(play: Play) -> None:
    play.begin(LEFT)
    word = play.send(LEFT)
    play.end(LEFT)
    play.begin(LEFT)
    play.begin(RIGHT, word)
    heard = play.end(RIGHT)

    assert play.cut()[RIGHT] == heard


def test_a_child_whose_birth_is_undone_is_not_in_the_cut_nor_what_it_said(play: Play) -> None:
    child = bytes([9]) * 16
    before = play.cut()
    play.begin(LEFT)
    play.spawn(child, LEFT)
    play.begin(child)
    word = play.send(child)
    play.end(child)
    play.begin(RIGHT, word)
    play.end(RIGHT)

    assert play.cut() == before


def test_the_instant_is_an_event_of_the_top(play: Play) -> None:
    before = play.cut()
    play.begin(TOP)
    at = play.end(TOP)
    for actor in (LEFT, TOP):
        play.begin(actor)
        play.end(actor)

    assert play.cut(at) == before | {TOP: at}


def test_a_child_that_has_ended_is_in_the_cut_only_before(play: Play) -> None:
    play.begin(TOP)
    at = play.end(TOP)
    play.add(BELOW, "actor/stopped", reason="normal")

    assert BELOW not in play.cut()
    assert BELOW in play.cut(at)


class Kept(ChainView):
    """A chain of which only the first event and those from a place on are left."""

    def __init__(self, chain: Chain, kept: int) -> None:
        self.chain = chain
        self.kept = kept

    @property
    def tip(self) -> Tip:
        return self.chain.tip

    @property
    def first(self) -> int:
        return 0

    def event(self, seq: int) -> Any:
        if 0 < seq < self.kept:
            raise HistoryCutError("removed")
        return self.chain[seq]


def test_a_snapshot_stands_for_what_was_removed_before_it(play: Play) -> None:
    snapshot = play.add(TOP, "actor/snapshot", full=True, children=[LEFT, RIGHT])
    chains = {**play.chains, TOP: Kept(play.chains[TOP], snapshot)}

    assert play.cut(chains=chains.__getitem__) == play.cut() | {TOP: snapshot}


def test_what_would_go_back_behind_what_was_removed_is_refused(play: Play) -> None:
    play.begin(LEFT)
    play.begin(TOP, play.send(LEFT))
    play.end(TOP)
    snapshot = play.add(TOP, "actor/snapshot", full=True, children=[LEFT, RIGHT])
    chains = {**play.chains, TOP: Kept(play.chains[TOP], snapshot)}

    with pytest.raises(HistoryCutError):
        play.cut(chains=chains.__getitem__)


def test_a_long_past_is_not_read(play: Play) -> None:
    for _ in range(500):
        play.begin(TOP)
        play.end(TOP)
    play.add(TOP, "actor/snapshot", full=True, children=[LEFT, RIGHT])
    read: list[int] = []

    class Watched(Kept):
        def event(self, seq: int) -> Any:
            read.append(seq)
            return self.chain[seq]

    play.cut(chains={**play.chains, TOP: Watched(play.chains[TOP], 0)}.__getitem__)

    assert len(read) < 10


@given(steps=st.lists(st.tuples(st.sampled_from(ALL), st.sampled_from(ALL), st.booleans()), max_size=60))
def test_a_cut_is_the_last_at_which_every_cause_is_there(steps: list[tuple[bytes, bytes, bool]]) -> None:
    play = crew()
    words: dict[bytes, tuple[bytes, int]] = {}  # the newest for each
    for actor, other, ends in steps:
        if not play.at_work[actor]:
            play.begin(actor, words.pop(actor, None))
        words[other] = play.send(actor)
        if ends:
            play.end(actor)

    assert play.cut() == greatest(play)


def greatest(play: Play) -> dict[bytes, int]:
    """The same by reading everything, again and again."""
    rests = {actor: len(play.chains[actor]) for actor in ALL}
    was: dict[bytes, int] = {}
    while rests != was:
        was = dict(rests)
        for actor in ALL:
            chain, limit = play.chains[actor], rests[actor]
            for event in chain:
                word = event.body.get("supervisor" if not event.seq else "from")
                if word and word[0] in ALL and word[1] > rests[word[0]]:
                    limit = min(limit, event.seq - 1)
            good = [one.seq for one in chain if one.kind == "message/handled" or not one.seq]
            rests[actor] = max((seq for seq in good if seq <= limit), default=-1)
    return {actor: seq for actor, seq in rests.items() if seq >= 0}
