"""What lasts: what a folder holds takes on disk and in memory, and how soon it is there again."""

from __future__ import annotations

from benchmarks.families.theater import only_durable
from benchmarks.kinds import Family, Work

_OPENING = only_durable("benchmarks.opening")
_LASTING = only_durable("benchmarks.lasting")

LASTING = Family(
    "lasting",
    "What lasts",
    (
        Work(
            "open",
            "open 1,000,000 events of 100,000 actors",
            "ms",
            1_000_000,
            "opening the journal of actors that have ended, 10 events each, 190 MB in all",
            less_is_better=True,
            rounds=1,
        ),
        Work(
            "blob",
            "a content of 100 bytes that is held",
            "bytes",
            300_000,
            "what Python holds for each small content and its event in a journal that was opened",
            less_is_better=True,
            rounds=1,
        ),
    ),
    (_OPENING,),
)

PASTS = Family(
    "pasts",
    "Long pasts",
    (
        Work(
            "chat",
            "a chat of 500 turns, 1 KiB each, on disk",
            "% of its state",
            500,
            "what the folder of a state that grows with each message takes",
            less_is_better=True,
            rounds=1,
        ),
        Work(
            "back",
            "an actor with 1,000,000 events, back after a crash",
            "ms",
            1_000_000,
            "from opening the folder until the actor is there",
            less_is_better=True,
            rounds=1,
        ),
    ),
    (_LASTING,),
)
