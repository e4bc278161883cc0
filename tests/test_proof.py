"""Event proofs: one text, and whoever has the public key needs no more."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from pathlib import Path

import pytest
from handmade import KEY, NEXT_KEY, actor_id, small_journal
from hypothesis import given
from hypothesis import strategies as st

from theater.chain import Chain
from theater.checkpoint import Checkpoint
from theater.errors import MalformedError, ProofError, SignatureError, TheaterError
from theater.history import History
from theater.merkle import Tree, root_of
from theater.proof import PROOF_LIMIT, EventProof

ORIGIN = "theater/000102030405060708090a0b0c0d0e0f"

GOLDEN = """\
c2sp.org/tlog-proof@v1
extra lwHEEAAAAAAAAAAAAAAAAAAAAAEBxCCnrDW7fPKSIcGwDBQo4UY79ty6qyWL7eQKiLuYOHrS0QGjbG9ngaR0ZXh0pmxpbmUgMQ==
index 1
p6w1u3zykiHBsAwUKOFGO/bcuqsli+3kCoi7mDh60tE=
m+ZfrbN/aKSSzT2ra6n99llsihWMujK6Y0kY8fNx0Io=

theater/000102030405060708090a0b0c0d0e0f
3
Y2jiIf4+FtNXrS0QQ40IcXbvFIexWWo8mGGRAJ12v+A=

— theater/000102030405060708090a0b0c0d0e0f \
ar8TpQvf3udPbrpz5Hxm1TCI4Xu2zPyVtQ+rkp4h4Gk9Aom06+caq5+7u2qGaGYRRZ/Abfb4KD0cn3ZZCENWxp2WqwE=
"""


def chain(length: int) -> Chain:
    chain = Chain(actor_id(1))
    for number in range(length):
        chain.append("log", {"text": f"line {number}"}, time=number)
    return chain


def proof_of(index: int, *, size: int) -> EventProof:
    events = chain(size)
    tree = Tree([event.hash for event in events])
    note = Checkpoint(ORIGIN, size, tree.root()).sign(KEY)
    return EventProof(events[index].data, index, tree.prove_inclusion(index).path, note)


def test_the_text_of_a_proof_is_this_for_ever() -> None:
    assert str(proof_of(1, size=3)) == GOLDEN
    assert GOLDEN in (Path(__file__).parent.parent / "docs/reference/format.md").read_text()


@given(size=st.integers(1, 40), data=st.data())
def test_a_proof_is_read_back_and_verifies(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    proof = proof_of(index, size=size)

    again = EventProof.parse(str(proof))

    assert again == proof == EventProof.parse(str(proof).encode())
    assert again.verify(KEY.public) == chain(size)[index] == proof.event
    assert proof.checkpoint.size == size


def test_a_proof_with_one_flipped_bit_is_refused() -> None:
    text = str(proof_of(1, size=3)).encode()

    for bit in range(len(text) * 8):
        flipped = bytearray(text)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(TheaterError):
            EventProof.parse(bytes(flipped)).verify(KEY.public)


def test_a_proof_under_another_key_is_refused() -> None:
    with pytest.raises(SignatureError):
        proof_of(1, size=3).verify(NEXT_KEY.public)


def test_a_proof_of_another_event_place_or_checkpoint_is_refused() -> None:
    proof = proof_of(1, size=3)
    other = proof_of(1, size=4)

    for forged in (
        replace(proof, data=chain(3)[2].data),
        replace(proof, index=0),
        replace(proof, index=3),
        replace(proof, path=proof.path[:-1]),
        replace(proof, note=other.note),
    ):
        with pytest.raises(ProofError):
            forged.verify(KEY.public)


def test_a_proof_of_what_is_no_event_is_malformed() -> None:
    note = Checkpoint(ORIGIN, 1, root_of([b"no event"])).sign(KEY)
    proof = EventProof(b"no event", 0, (), note)

    with pytest.raises(MalformedError):
        proof.verify(KEY.public)


WHOLE = str(proof_of(1, size=3))


@pytest.mark.parametrize(
    "text",
    [
        "",
        WHOLE.removeprefix("c2sp.org/"),
        WHOLE.replace("@v1", "@v2"),
        WHOLE.replace("extra ", "extra  "),
        WHOLE.replace("index 1", "index 01"),
        WHOLE.replace("index 1", "index -1"),
        WHOLE.replace("index 1", "index \u0661"),
        WHOLE.replace("\n", "\r\n"),
        WHOLE.replace("\n\n", "\n", 1),
        WHOLE.replace("\n\n", f"\n{b64encode(bytes(31)).decode()}\n\n", 1),
        WHOLE.removesuffix("\n"),
        WHOLE.encode() + b"\xff",
        "\ud800" + WHOLE,
        WHOLE + "x" * PROOF_LIMIT,
    ],
)
def test_what_is_no_proof_is_malformed(text: str | bytes) -> None:
    with pytest.raises(MalformedError):
        EventProof.parse(text).verify(KEY.public)


def test_a_stranger_with_the_key_alone_checks_what_a_folder_proves(tmp_path: Path) -> None:
    small_journal(tmp_path / "theater")
    event = History(tmp_path / "theater").chain("counter")[1]

    sent = str(History(tmp_path / "theater").prove(event))

    assert EventProof.parse(sent).verify(KEY.public) == event
