"""Messages: tell, ask, ring, spawn, and what an idle actor takes."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.families.theater import DURABLE, OFF, RECORDED, SIGNED, on
from benchmarks.kinds import LIMIT, Family, System, Work
from benchmarks.peers import PEERS

WORKS = (
    Work(
        "tell",
        "tell, a burst",
        "messages/s",
        200_000,
        "messages sent from outside, into a mailbox of the usual size, until the last is handled",
    ),
    Work("ask", "ask, one at a time", "messages/s", 40_000, "answers to one asker that waits for each"),
    Work("ask64", "ask, 64 outstanding", "messages/s", 80_000, "answers to 64 such askers"),
    Work(
        "ring",
        "ring of 1,000 actors",
        "hops/s",
        100_000,
        "hops of one message that goes round; every hop wakes another actor",
    ),
    Work("spawn", "spawn and stop", "actors/s", 10_000, "actors started, then each stopped and awaited"),
    Work(
        "idle",
        "an idle actor, of 10,000",
        "bytes",
        10_000,
        "memory of an actor that nobody wrote to; less is better, so a ratio above 1 is a cost",
        less_is_better=True,
        rounds=1,
        same_on_uvloop=True,
    ),
    Work(
        "idle100k",
        "an idle actor, of 100,000",
        "bytes",
        100_000,
        "the same among ten times as many",
        less_is_better=True,
        rounds=1,
        same_on_uvloop=True,
    ),
)

LIMITS = (
    System(
        LIMIT,
        "benchmarks.limits",
        "a task with a deque and one waiting future; nothing is checked, bounded or recorded",
        argument="deque",
        on_uvloop=True,
    ),
    System(
        "asyncio.Queue",
        "benchmarks.limits",
        "a task with an unbounded `asyncio.Queue`; nothing is checked or recorded",
        argument="queue",
    ),
    System(
        "anyio stream",
        "benchmarks.limits",
        "a task in an anyio task group with an unbounded memory stream; nothing is checked or recorded",
        argument="anyio",
    ),
)

# Whoever waits for each answer waits for a sync.
SYNCED = replace(DURABLE, counts={"ask": 10_000, "spawn": 4_000})

MESSAGES = Family(
    "messages",
    "Messages",
    WORKS,
    (*LIMITS, *on("benchmarks.messaging", OFF, RECORDED, SIGNED, SYNCED), *PEERS),
)
