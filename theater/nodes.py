"""Nodes: how the hashes of a Merkle tree are put together (RFC 9162 section 2.1.1).

A hash that goes on from a copy of one begun takes an eighth less than one begun anew.
"""

from __future__ import annotations

from hashlib import sha256
from struct import Struct

HASH_BYTES = 32
LEAF = sha256(b"\x00")
"""What every leaf hash begins with."""
_NODE = sha256(b"\x01")
_pairs = Struct(f"{2 * HASH_BYTES}s").iter_unpack


def leaf_hash(entry: bytes) -> bytes:
    hash = LEAF.copy()
    hash.update(entry)
    return hash.digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return row_over(left + right)


def row_over(row: bytes) -> bytes:
    """The nodes over a row of hashes, two and two, side by side like these."""
    nodes: list[bytes] = []
    for (pair,) in _pairs(row):
        hash = _NODE.copy()
        hash.update(pair)
        nodes.append(hash.digest())
    return b"".join(nodes)
