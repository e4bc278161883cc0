"""RFC 9162 section 2.1: roots and proofs, against the published values of Certificate Transparency."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theater.errors import MalformedError, ProofError
from theater.merkle import (
    EMPTY_ROOT,
    HASH_BYTES,
    ConsistencyProof,
    Frontier,
    InclusionProof,
    Tree,
    leaf_hash,
    node_hash,
    prove_consistency,
    prove_inclusion,
    root_of,
    verify_consistency,
    verify_inclusion,
    verify_leaf_inclusion,
)

# The test entries of the certificate-transparency project and the root of the log after each.
ENTRIES = [
    bytes.fromhex(entry)
    for entry in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    bytes.fromhex(root)
    for root in (
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    )
]
INCLUSIONS = {
    (0, 8): (
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ),
    (5, 8): (
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ),
    (2, 3): ("fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",),
}
CONSISTENCIES = {
    (1, 1): (),
    (2, 5): (
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ),
    (6, 8): (
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ),
}


def hashes(*texts: str) -> tuple[bytes, ...]:
    return tuple(bytes.fromhex(text) for text in texts)


def log(size: int) -> list[bytes]:
    return [f"entry {index}".encode() for index in range(size)]


def recursive_root(leaves: list[bytes]) -> bytes:
    """The definition, word for word, of RFC 9162 section 2.1.1."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\x01" + recursive_root(leaves[:split]) + recursive_root(leaves[split:])).digest()


def flip(text: bytes, bit: int) -> bytes:
    return (int.from_bytes(text, "big") ^ 1 << bit).to_bytes(len(text), "big")


def flip_in_path(path: tuple[bytes, ...], bit: int) -> tuple[bytes, ...]:
    place, bit = divmod(bit, 256)
    return (*path[:place], flip(path[place], bit), *path[place + 1 :])


@pytest.mark.parametrize("size", range(9))
def test_roots_are_those_of_certificate_transparency(size: int) -> None:
    assert root_of(ENTRIES[:size]) == ROOTS[size]
    assert Tree(map(leaf_hash, ENTRIES)).root(size) == ROOTS[size]


@pytest.mark.parametrize("more", [0, 1, 2, 3, 5, 8, 13, 1_030])
def test_leaves_hashed_at_once_give_the_subtrees_that_they_give_one_by_one(more: int) -> None:
    leaves = [leaf_hash(entry) for entry in log(20 + more)]
    for start in range(20):
        slow, quick = Frontier(), Frontier()
        for frontier, step in ((slow, 1), (quick, start or 1)):
            for number, leaf in enumerate(leaves[: start + more]):
                if number % step == 0:
                    frontier.fold()
                frontier.append(leaf)

        assert quick.size == slow.size == start + more
        assert quick.hashes == slow.hashes
        assert quick.root() == Tree(leaves).root(start + more)


def test_leaves_are_hashed_before_many_of_them_wait() -> None:
    frontier = Frontier()
    waiting: list[int] = []
    for leaf in map(leaf_hash, log(3_000)):
        frontier.append(leaf)
        waiting.append(len(frontier.late))

    assert 0 < max(waiting) < 1_024 * HASH_BYTES
    assert frontier.root() == root_of(log(3_000))


@pytest.mark.parametrize(("index", "size"), INCLUSIONS)
def test_inclusion_proofs_are_those_of_certificate_transparency(index: int, size: int) -> None:
    proof = prove_inclusion(ENTRIES[:size], index)

    assert proof == InclusionProof(index, size, hashes(*INCLUSIONS[index, size]))
    verify_inclusion(proof, leaf=ENTRIES[index], root=ROOTS[size])


@pytest.mark.parametrize(("old", "size"), CONSISTENCIES)
def test_consistency_proofs_are_those_of_certificate_transparency(old: int, size: int) -> None:
    proof = prove_consistency(ENTRIES[:size], old)

    assert proof == ConsistencyProof(old, size, hashes(*CONSISTENCIES[old, size]))
    verify_consistency(proof, old_root=ROOTS[old], root=ROOTS[size])


def test_hashes_are_those_of_the_standard() -> None:
    assert sha256(b"").digest() == EMPTY_ROOT
    assert leaf_hash(b"ab") == sha256(b"\x00ab").digest()
    assert node_hash(EMPTY_ROOT, ROOTS[1]) == sha256(b"\x01" + EMPTY_ROOT + ROOTS[1]).digest()


@pytest.mark.parametrize("size", range(66))
def test_every_root_and_proof_of_every_small_log_holds(size: int) -> None:
    entries = log(size)
    tree = Tree(map(leaf_hash, log(66)))
    root = recursive_root(entries)

    assert root_of(entries) == tree.root(size) == root
    for index in range(size):
        proof = tree.prove_inclusion(index, size=size)
        assert proof == prove_inclusion(entries, index)
        verify_inclusion(proof, leaf=entries[index], root=root)
        verify_leaf_inclusion(proof, leaf=leaf_hash(entries[index]), root=root)
    for old in range(size + 1):
        growth = tree.prove_consistency(old, size=size)
        assert growth == prove_consistency(entries, old)
        verify_consistency(growth, old_root=recursive_root(entries[:old]), root=root)


@given(leaves=st.lists(st.binary(), min_size=2, max_size=40), data=st.data())
def test_an_inclusion_proof_with_one_flipped_bit_is_refused(leaves: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.sampled_from(range(len(leaves))))
    proof = prove_inclusion(leaves, index)
    bit = data.draw(st.sampled_from(range(len(proof.path) * 256)))

    with pytest.raises(ProofError):
        verify_inclusion(
            replace(proof, path=flip_in_path(proof.path, bit)), leaf=leaves[index], root=root_of(leaves)
        )


@given(size=st.integers(1, 40), data=st.data())
def test_an_inclusion_proof_for_another_place_is_refused(size: int, data: st.DataObject) -> None:
    index = data.draw(st.sampled_from(range(size)))
    other = data.draw(st.integers(-1, 2**65).filter(lambda place: place != index))
    proof = replace(prove_inclusion(log(size), index), index=other)

    with pytest.raises(ProofError):
        verify_inclusion(proof, leaf=log(size)[index], root=root_of(log(size)))


@given(size=st.integers(1, 40), data=st.data())
def test_an_inclusion_proof_for_another_leaf_or_root_is_refused(size: int, data: st.DataObject) -> None:
    index = data.draw(st.sampled_from(range(size)))
    bit = data.draw(st.integers(0, 255))
    proof = prove_inclusion(log(size), index)
    leaf, root = leaf_hash(log(size)[index]), root_of(log(size))

    with pytest.raises(ProofError):
        verify_leaf_inclusion(proof, leaf=flip(leaf, bit), root=root)
    with pytest.raises(ProofError):
        verify_leaf_inclusion(proof, leaf=leaf, root=flip(root, bit))


@given(size=st.integers(2, 40), data=st.data())
def test_a_consistency_proof_with_one_flipped_bit_is_refused(size: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, size - 1))
    proof = prove_consistency(log(size), old)
    old_root, root = root_of(log(old)), root_of(log(size))
    in_path = data.draw(st.sampled_from(range(len(proof.path) * 256)))
    bit = data.draw(st.integers(0, 255))

    with pytest.raises(ProofError):
        verify_consistency(
            replace(proof, path=flip_in_path(proof.path, in_path)), old_root=old_root, root=root
        )
    with pytest.raises(ProofError):
        verify_consistency(proof, old_root=flip(old_root, bit), root=root)
    with pytest.raises(ProofError):
        verify_consistency(proof, old_root=old_root, root=flip(root, bit))


def test_a_proof_with_a_hash_too_few_or_too_many_is_refused() -> None:
    inclusion = prove_inclusion(ENTRIES, 3)
    growth = prove_consistency(ENTRIES, 3)

    for path in (inclusion.path[:-1], (*inclusion.path, ROOTS[1]), ()):
        with pytest.raises(ProofError, match="hashes"):
            verify_inclusion(replace(inclusion, path=path), leaf=ENTRIES[3], root=ROOTS[8])
    for path in (growth.path[:-1], (*growth.path, ROOTS[1]), ()):
        with pytest.raises(ProofError, match="hashes"):
            verify_consistency(replace(growth, path=path), old_root=ROOTS[3], root=ROOTS[8])


@pytest.mark.parametrize(
    ("proof", "old_root", "root"),
    [
        (ConsistencyProof(4, 4, ()), ROOTS[4], ROOTS[5]),
        (ConsistencyProof(4, 4, (ROOTS[4],)), ROOTS[4], ROOTS[4]),
        (ConsistencyProof(0, 4, ()), ROOTS[1], ROOTS[4]),
        (ConsistencyProof(0, 4, (ROOTS[4],)), ROOTS[0], ROOTS[4]),
        (ConsistencyProof(5, 4, ()), ROOTS[5], ROOTS[4]),
        (ConsistencyProof(-1, 4, ()), ROOTS[0], ROOTS[4]),
    ],
)
def test_a_consistency_proof_of_impossible_sizes_or_roots_is_refused(
    proof: ConsistencyProof, old_root: bytes, root: bytes
) -> None:
    with pytest.raises(ProofError):
        verify_consistency(proof, old_root=old_root, root=root)


def test_a_root_does_not_bind_the_size_so_it_is_taken_from_a_checkpoint() -> None:
    proof = prove_inclusion(log(5), 0)

    verify_inclusion(replace(proof, size=8), leaf=log(5)[0], root=root_of(log(5)))


def test_a_proof_holds_only_hashes_of_32_bytes() -> None:
    with pytest.raises(MalformedError):
        InclusionProof(0, 2, (b"short",))
    with pytest.raises(MalformedError):
        ConsistencyProof(1, 2, (bytes(33),))


@given(size=st.integers(0, 300))
def test_a_frontier_goes_on_from_its_hashes(size: int) -> None:
    frontier = Frontier()
    for entry in log(size):
        frontier.append(leaf_hash(entry))

    again = Frontier(frontier.size, frontier.hashes)
    again.append(leaf_hash(b"one more"))

    assert again.size == size + 1
    assert again.root() == root_of([*log(size), b"one more"])
    assert frontier.root() == root_of(log(size))


@pytest.mark.parametrize(("size", "hashes"), [(1, []), (0, [ROOTS[0]]), (-1, [ROOTS[0]]), (1, [b"short"])])
def test_a_frontier_is_refused_unless_each_bit_of_its_size_has_a_hash(size: int, hashes: list[bytes]) -> None:
    with pytest.raises(MalformedError):
        Frontier(size, hashes)


def test_what_a_tree_does_not_hold_cannot_be_proved() -> None:
    tree = Tree(map(leaf_hash, ENTRIES))

    assert tree.size == 8
    for index, size in ((8, 8), (-1, 8), (5, 5), (0, 0), (0, 9)):
        with pytest.raises(IndexError):
            tree.prove_inclusion(index, size=size)
    for old, size in ((9, 8), (-1, 8), (6, 5), (0, 9)):
        with pytest.raises(IndexError):
            tree.prove_consistency(old, size=size)
    with pytest.raises(IndexError):
        tree.root(9)
