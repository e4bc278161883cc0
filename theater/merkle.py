"""Merkle trees: one hash stands for a whole log, and short proofs show what is in it (RFC 9162 section 2.1).

A leaf is `SHA-256(0x00 ‖ entry)`, a node `SHA-256(0x01 ‖ left ‖ right)`, the root of no entries `SHA-256()`.
A tree of n leaves splits at the largest power of two below n. RFC 6962 and C2SP's logs hash the same.

`Frontier` grows a log and knows its root; `Tree` holds a whole log and proves; to verify takes neither.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from hashlib import sha256

from theater.errors import MalformedError, ProofError
from theater.nodes import HASH_BYTES, leaf_hash, node_hash, row_over

# fmt: off
__all__ = [
    "EMPTY_ROOT", "HASH_BYTES", "ConsistencyProof", "Frontier", "InclusionProof", "Tree", "leaf_hash",
    "node_hash", "prove_consistency", "prove_inclusion", "root_of", "verify_consistency", "verify_inclusion",
    "verify_leaf_inclusion",
]
# fmt: on

EMPTY_ROOT = sha256().digest()
_FOLD = 1024 * HASH_BYTES  # leaves hashed at once: a third of a millisecond; many more take a tenth more each


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """Shows that a leaf is at `index` (from 0) in a tree of `size` leaves.

    A root does not say how many leaves are under it: take `size`, like the root, from a signed checkpoint.
    """

    index: int
    size: int
    path: tuple[bytes, ...]  # siblings, from the leaf up (RFC 9162 section 2.1.3)

    def __post_init__(self) -> None:
        _hashes("inclusion proof", self.path)


@dataclass(frozen=True, slots=True)
class ConsistencyProof:
    """Shows that a tree of `size` leaves begins with the `old` leaves of an earlier one."""

    old: int
    size: int
    path: tuple[bytes, ...]  # in the order of RFC 9162 section 2.1.4

    def __post_init__(self) -> None:
        _hashes("consistency proof", self.path)


def root_of(leaves: Iterable[bytes]) -> bytes:
    """The root over these entries (RFC 9162 section 2.1.1), 32 bytes."""
    frontier = Frontier()
    for entry in leaves:
        frontier.append(leaf_hash(entry))
    return frontier.root()


def prove_inclusion(leaves: Sequence[bytes], index: int) -> InclusionProof:
    """Prove that the entry at `index` is in the log of these entries."""
    return Tree(map(leaf_hash, leaves)).prove_inclusion(index)


def prove_consistency(leaves: Sequence[bytes], old: int) -> ConsistencyProof:
    """Prove that the log of these entries begins with its first `old` entries."""
    return Tree(map(leaf_hash, leaves)).prove_consistency(old)


def verify_inclusion(proof: InclusionProof, *, leaf: bytes, root: bytes) -> None:
    """Verify that the entry `leaf` is where `proof` says, under `root`.

    Raises:
        ProofError: the proof does not lead from this entry to this root.
    """
    verify_leaf_inclusion(proof, leaf=leaf_hash(leaf), root=root)


def verify_leaf_inclusion(proof: InclusionProof, *, leaf: bytes, root: bytes) -> None:
    """Verify the same of an entry of which only the leaf hash, 32 bytes, is at hand.

    Raises:
        ProofError: the proof does not lead from this leaf to this root.
    """
    if not 0 <= proof.index < proof.size:
        raise ProofError("inclusion proof: index", expected=f"0 to {proof.size - 1}", found=proof.index)
    sides = _sides(proof.index, proof.size - 1)
    _match("inclusion proof: hashes", expected=len(sides), found=len(proof.path))
    found = leaf
    for is_left, sibling in zip(sides, proof.path, strict=True):
        found = node_hash(sibling, found) if is_left else node_hash(found, sibling)
    _match("inclusion proof: root", expected=root.hex(), found=found.hex())


def verify_consistency(proof: ConsistencyProof, *, old_root: bytes, root: bytes) -> None:
    """Verify that the log under `root` begins with the whole log under `old_root`.

    Raises:
        ProofError: the proof does not lead to both roots.
    """
    if not 0 <= proof.old <= proof.size:
        raise ProofError("consistency proof: old size", expected=f"0 to {proof.size}", found=proof.old)
    if proof.old in (0, proof.size):
        same = root if proof.old else EMPTY_ROOT
        _match("consistency proof: hashes", expected=0, found=len(proof.path))
        _match("consistency proof: old root", expected=same.hex(), found=old_root.hex())
    else:
        _verify_growth(proof, old_root=old_root, root=root)


def _verify_growth(proof: ConsistencyProof, *, old_root: bytes, root: bytes) -> None:
    """RFC 9162 section 2.1.4.2: the path leads from a node both trees have to the root of each."""
    full = _trailing_zeros(proof.old)  # the height of the last whole subtree of the old tree
    sides = _sides((proof.old - 1) >> full, (proof.size - 1) >> full)
    is_whole = proof.old == 1 << full  # then that subtree is the old tree, and its root is known
    path = (old_root, *proof.path) if is_whole else proof.path
    _match("consistency proof: hashes", expected=len(sides) + (not is_whole), found=len(proof.path))
    found_old = found = path[0]
    for is_left, sibling in zip(sides, path[1:], strict=True):
        if is_left:
            found_old = node_hash(sibling, found_old)
        found = node_hash(sibling, found) if is_left else node_hash(found, sibling)
    _match("consistency proof: old root", expected=old_root.hex(), found=found_old.hex())
    _match("consistency proof: root", expected=root.hex(), found=found.hex())


class Frontier:
    """A growing log, as the roots of its whole subtrees: 32 bytes for each bit set in its size."""

    __slots__ = ("_size", "_subtrees", "late")

    def __init__(self, size: int = 0, hashes: Iterable[bytes] = ()) -> None:
        """Go on from a log of `size` leaves with these `hashes`, the largest subtree first.

        Raises:
            MalformedError: not one hash of 32 bytes for each bit set in the size.
        """
        self._size = size  # without the late ones
        self._subtrees = list(hashes)
        self.late = bytearray()  # leaves to be hashed at once, which takes a quarter less
        _hashes("Merkle frontier", self._subtrees)
        if size < 0 or len(self._subtrees) != size.bit_count():
            raise MalformedError("Merkle frontier", (size, self._subtrees), why="a hash for each bit of size")

    @property
    def size(self) -> int:
        return self._size + len(self.late) // HASH_BYTES

    @property
    def hashes(self) -> tuple[bytes, ...]:
        """The roots of the whole subtrees, the largest first."""
        self.fold()
        return tuple(self._subtrees)

    def append(self, leaf: bytes) -> None:
        """Add the entry with this leaf hash, 32 bytes."""
        self.late += leaf
        if len(self.late) >= _FOLD:
            self.fold()

    def fold(self, length: int | None = None) -> None:
        """Hash the late leaves, or the first `length` bytes of them; who adds some sees to it."""
        end = len(self.late) if length is None else length
        for at in range(0, end, _FOLD):
            self._take(min(_FOLD, end - at))

    def _take(self, length: int) -> None:
        row, odd, size = bytes(self.late[:length]), list[bytes](), self._size
        self._size += len(row) // HASH_BYTES
        del self.late[:length]
        while row:
            if size & 1:
                row = self._subtrees.pop() + row
            if len(row) & HASH_BYTES:
                row, last = row[:-HASH_BYTES], row[-HASH_BYTES:]
                odd.append(last)
            row, size = row_over(row), size >> 1
        self._subtrees += reversed(odd)

    def root(self) -> bytes:
        """The root over everything so far, 32 bytes; costs a hash for each whole subtree."""
        subtrees = self.hashes
        return reduce(lambda right, left: node_hash(left, right), subtrees[::-1]) if subtrees else EMPTY_ROOT


class Tree:
    """A whole log by its leaf hashes, a million in 64 MB; any root or proof costs O(log n) hashes."""

    __slots__ = ("_heights", "_size")

    def __init__(self, leaves: Iterable[bytes]) -> None:
        """Take the leaf hashes, 32 bytes each, in their order in the log."""
        row = b"".join(leaves)
        self._size = len(row) // HASH_BYTES
        self._heights = [row]  # at each, the roots of the whole subtrees side by side
        while len(row) >= 2 * HASH_BYTES:
            row = row_over(row[: len(row) & ~HASH_BYTES])
            self._heights.append(row)

    @property
    def size(self) -> int:
        return self._size

    def root(self, size: int | None = None) -> bytes:
        """The root over the first `size` leaves, by default over all.

        Raises:
            IndexError: the log has fewer.
        """
        size = self._within(size)
        return self._root_of(0, size) if size else EMPTY_ROOT

    def prove_inclusion(self, index: int, *, size: int | None = None) -> InclusionProof:
        """Prove the leaf at `index` in the log's first `size` leaves, by default all.

        Raises:
            IndexError: no such leaf there.
        """
        size = self._within(size)
        if not 0 <= index < size:
            raise IndexError(f"no leaf {index} in a log of {size}")
        path, first, last = list[bytes](), 0, size
        while last - first > 1:
            split = first + _split(last - first)
            left, right = (first, split), (split, last)
            (first, last), other = (left, right) if index < split else (right, left)
            path.append(self._root_of(*other))
        return InclusionProof(index, size, tuple(reversed(path)))

    def prove_consistency(self, old: int, *, size: int | None = None) -> ConsistencyProof:
        """Prove that the log's first `size` leaves, by default all, begin with its first `old` ones.

        Raises:
            IndexError: the log has fewer.
        """
        size = self._within(size)
        if not 0 <= old <= size:
            raise IndexError(f"no first {old} leaves in a log of {size}")
        path, first, last = list[bytes](), 0, size if old else 0
        while old != last:
            split = first + _split(last - first)
            left, right = (first, split), (split, last)
            (first, last), other = (left, right) if old <= split else (right, left)
            path.append(self._root_of(*other))
        if first:  # else the old tree is a whole subtree, and whoever verifies knows its root
            path.append(self._root_of(first, last))
        return ConsistencyProof(old, size, tuple(reversed(path)))

    def _within(self, size: int | None) -> int:
        if size is None:
            return self._size
        if not 0 <= size <= self._size:
            raise IndexError(f"no first {size} leaves in a log of {self._size}")
        return size

    def _root_of(self, first: int, last: int) -> bytes:
        """The root over these leaves; `first` is a multiple of the largest power of two that fits."""
        height = (last - first).bit_length() - 1
        whole = 1 << height
        start = (first >> height) * HASH_BYTES
        left = self._heights[height][start : start + HASH_BYTES]
        return left if last - first == whole else node_hash(left, self._root_of(first + whole, last))


def _sides(place: int, last: int) -> list[bool]:
    """On the way up from node `place` of a row that ends with node `last`: is each sibling on the left?

    Where a row's last node has no sibling it goes up as it is, so that row adds nothing.
    """
    sides: list[bool] = []
    while last:
        if place & 1 or place < last:
            sides.append(bool(place & 1))
        place, last = place >> 1, last >> 1
    return sides


def _hashes(what: str, hashes: Sequence[bytes]) -> None:
    if any(len(found) != HASH_BYTES for found in hashes):
        raise MalformedError(what, hashes, why="hashes of 32 bytes")


def _match(where: str, *, expected: object, found: object) -> None:
    if expected != found:
        raise ProofError(where, expected=expected, found=found)


def _split(size: int) -> int:
    """The largest power of two below `size` (2 or more)."""
    return 1 << ((size - 1).bit_length() - 1)


def _trailing_zeros(number: int) -> int:
    return (number & -number).bit_length() - 1
