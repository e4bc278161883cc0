"""Other systems of actors: what each is, what it does not do, and what must be installed to measure it."""

from __future__ import annotations

from benchmarks.kinds import Environment, System

PYKKA = System(
    "pykka",
    "benchmarks.peers.pykka",
    "Pykka 4.5: an actor is a thread; unbounded mailboxes, no supervision; nothing is recorded",
    environment=Environment(("pykka==4.5.0",)),
    without={"idle100k": "100,000 threads are more than a process may have"},
    counts={"spawn": 5_000},
)

PEERS = (PYKKA,)
