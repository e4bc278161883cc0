"""Chains: what links them, what breaks them, and what is left when events are gone."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theater.chain import Chain, Tip, follow, verify_chain
from theater.errors import BrokenChainError, HistoryCutError, MalformedError, TheaterError
from theater.event import Event, Stub, event_hash

ACTOR = bytes(range(16))
OTHER = bytes(range(1, 17))

GOLDEN = [  # hex; read by hand against the MessagePack specification, hashed with sha256sum
    (
        "9701c410000102030405060708090a0b0c0d0e0f00c001ad6163746f722f737061776e656481a46e616d65a7636f756e"
        "746572"
    ),
    (
        "9701c410000102030405060708090a0b0c0d0e0f01c420845e25b0257bcbdf6d20c5cea3d259eb5c75ced87ce81f5c53"
        "9e3d36b2f95899cf17979cfe362a0000a36c6f6782a474657874a668c3a96c6c6fa66669656c647382a17a01a26161c0"
    ),
    (
        "9701c410000102030405060708090a0b0c0d0e0f02c420f3c64c83d83eaba888197918e8a966e98a1c10e16c65c998ac"
        "883d86a24e3814cf17979cfe362a0001ad6163746f722f73746f7070656481a6726561736f6ea66e6f726d616c"
    ),
]


def chain_of(length: int, *, actor: bytes = ACTOR) -> Chain:
    chain = Chain(actor)
    for number in range(length):
        chain.append("log", {"text": f"line {number}"}, time=number)
    return chain


def stub(event: Event) -> Stub:
    return Stub(event.actor, event.seq, event.hash)


def golden_chain() -> Chain:
    chain = Chain(ACTOR)
    chain.append("actor/spawned", {"name": "counter"}, time=1)
    chain.append("log", {"text": "héllo", "fields": {"z": 1, "aa": None}}, time=1_700_000_000_000_000_000)
    chain.append("actor/stopped", {"reason": "normal"}, time=1_700_000_000_000_000_001)
    return chain


def test_the_bytes_of_a_chain_are_these_for_ever() -> None:
    assert [event.data.hex() for event in golden_chain()] == GOLDEN


def test_each_event_names_the_hash_of_the_one_before() -> None:
    chain = chain_of(3)

    assert chain[0].parent is None
    assert chain[1].parent == chain[0].hash == event_hash(chain[0].data)
    assert chain[2].parent == chain[1].hash
    assert chain.tip == Tip(ACTOR, 3, chain[2].hash)
    assert chain.head == chain[2].hash


def test_a_chain_is_a_sequence_of_events_by_seq() -> None:
    chain = chain_of(5)

    assert len(chain) == 5
    assert [event.seq for event in chain] == [0, 1, 2, 3, 4]
    assert chain[-1] == chain[4]
    assert [event.seq for event in chain[1:4]] == [1, 2, 3]
    assert [event.seq for event in chain[::-2]] == [4, 2, 0]
    assert chain[3] in chain
    assert chain.index(chain[3]) == 3
    assert repr(chain) == f"<Chain of {ACTOR.hex()}: 5 events, head {chain[4].hash.hex()}>"


@pytest.mark.parametrize("index", [5, -6, 2**70])
def test_an_event_that_never_was_is_an_index_error(index: int) -> None:
    with pytest.raises(IndexError):
        chain_of(5)[index]


def test_an_empty_chain_has_no_head() -> None:
    chain = Chain(ACTOR)

    assert (len(chain), chain.head, list(chain), chain.actor) == (0, None, [], ACTOR)
    assert repr(chain).endswith("0 events, head none>")


def test_a_chain_goes_on_after_its_tip_and_says_what_is_no_longer_here() -> None:
    whole = chain_of(3)

    later = Chain(ACTOR, after=whole.tip)
    event = later.append("log", {"text": "more"}, time=9)

    assert (event.seq, event.parent, later.first) == (3, whole.head, 3)
    assert list(later) == [later[3]] == [later[-1]]
    with pytest.raises(HistoryCutError, match="oldest kept is 3"):
        later[2]
    with pytest.raises(HistoryCutError):
        later[1:]


def test_removed_events_are_passed_over_and_cannot_be_read() -> None:
    class Thinned(Chain):
        def event(self, seq: int) -> Event:
            if seq == 1:
                raise HistoryCutError("removed")
            return super().event(seq)

    chain = Thinned(ACTOR)
    for number in range(3):
        chain.append("log", {"text": "line"}, time=number)

    assert [event.seq for event in chain] == [0, 2]
    with pytest.raises(HistoryCutError):
        chain[1]


def test_time_does_not_go_back_in_a_chain() -> None:
    chain = chain_of(3)

    with pytest.raises(MalformedError, match="goes back"):
        chain.append("log", {"text": "earlier"}, time=1)

    assert len(chain) == 3


@pytest.mark.parametrize(
    ("kind", "body", "error"),
    [
        ("no/such", {}, MalformedError),
        ("log", {"text": object()}, TypeError),
        ("log", {"text": "x" * 65_536}, MalformedError),
    ],
)
def test_what_is_no_event_is_not_appended(kind: str, body: dict[str, object], error: type[Exception]) -> None:
    chain = chain_of(1)

    with pytest.raises(error):
        chain.append(kind, body, time=5)

    assert chain.append("log", {}, time=5).seq == 1


@given(length=st.integers(0, 20))
def test_a_whole_chain_verifies_to_its_tip(length: int) -> None:
    chain = chain_of(length)

    assert verify_chain(chain) == (chain.tip if length else None)
    assert verify_chain(chain, after=Tip(ACTOR)) == chain.tip


@given(length=st.integers(1, 12), data=st.data())
def test_a_chain_verifies_through_the_stubs_of_removed_events(length: int, data: st.DataObject) -> None:
    chain = chain_of(length)
    removed = data.draw(st.sets(st.integers(0, length - 1)))

    assert verify_chain(stub(event) if event.seq in removed else event for event in chain) == chain.tip


def test_a_chain_verifies_from_a_tip_on() -> None:
    chain = chain_of(5)
    tip = Tip(ACTOR, 2, chain[1].hash)

    assert verify_chain(chain[2:], after=tip) == chain.tip
    with pytest.raises(BrokenChainError, match="event 2: seq: expected 0, found 2"):
        verify_chain(chain[2:])


@given(length=st.integers(1, 6), data=st.data())
def test_a_chain_with_one_flipped_bit_is_refused(length: int, data: st.DataObject) -> None:
    chain = chain_of(length)
    seq = data.draw(st.integers(0, length - 1))
    original = chain[seq].data
    bit = data.draw(st.integers(0, len(original) * 8 - 1))
    flipped = (int.from_bytes(original, "big") ^ 1 << bit).to_bytes(len(original), "big")

    with pytest.raises(TheaterError):
        verify_chain(
            [*chain[:seq], Event.read(flipped), *chain[seq + 1 :], Stub(ACTOR, length, bytes(32))]
            if seq < length - 1
            else [*chain[:seq], _same(Event.read(flipped), chain.tip)]
        )


def _same(event: Event, tip: Tip) -> Event:
    """What the last event is held against: the head that somebody kept."""
    if event.hash != tip.head:
        raise BrokenChainError("head", expected=tip.head, found=event.hash)
    return event


def test_a_broken_chain_names_seq_expected_and_found() -> None:
    chain, other = chain_of(4), chain_of(4, actor=OTHER)

    with pytest.raises(BrokenChainError, match="event 3: seq: expected 2, found 3") as refusal:
        verify_chain([chain[0], chain[1], chain[3]])
    assert (refusal.value.expected, refusal.value.found) == (2, 3)
    with pytest.raises(BrokenChainError, match="event 1: seq: expected 2, found 1"):
        verify_chain([chain[0], chain[1], chain[1]])
    with pytest.raises(
        BrokenChainError, match=f"event 1: actor: expected {ACTOR.hex()}, found {OTHER.hex()}"
    ):
        verify_chain([chain[0], other[1]])


def test_another_history_is_told_by_the_parent_it_names() -> None:
    chain, forged = chain_of(3), Chain(ACTOR)
    for number in range(3):
        forged.append("log", {"text": f"forged {number}"}, time=number)

    with pytest.raises(BrokenChainError) as refusal:
        verify_chain([chain[0], forged[1]])

    assert (refusal.value.expected, refusal.value.found) == (chain[0].hash.hex(), forged[0].hash.hex())
    with pytest.raises(BrokenChainError, match="event 1: parent: expected none"):
        follow(Tip(ACTOR, 1, None), chain[1])


def test_a_time_that_goes_back_breaks_a_chain() -> None:
    chain = chain_of(2)
    early = Chain(ACTOR, after=chain.tip).append("log", {}, time=0)

    with pytest.raises(BrokenChainError, match="event 2: time: expected 1 or later, found 0"):
        verify_chain([*chain, early])


def test_a_stub_with_another_hash_breaks_what_follows_it() -> None:
    chain = chain_of(3)
    wrong = msgspec.structs.replace(stub(chain[1]), hash=bytes(32))

    with pytest.raises(BrokenChainError, match="event 2: parent"):
        verify_chain([chain[0], wrong, chain[2]])
