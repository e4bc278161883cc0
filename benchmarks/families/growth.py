"""Curves: the cost of one as there are more and more."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.families.theater import DURABLE, OFF, RECORDED, on, only_durable
from benchmarks.kinds import Family, curve

_SLOW = "each start and each stop from outside waits for a commit of its own: minutes"

EVENTS = (1_000, 10_000, 100_000, 1_000_000)
ACTORS = (10, 100, 1_000, 10_000, 100_000)

GROWTH = Family(
    "growth",
    "As the record grows",
    (
        *curve(
            "events-verify", "verify", "events/s", EVENTS, "all of a closed folder", rounds=1, along="events"
        ),
        *curve(
            "events-open",
            "open",
            "ms",
            EVENTS,
            "the journal of actors that have ended, 10 events each",
            less_is_better=True,
            rounds=1,
            along="events",
        ),
        *curve(
            "events-resume",
            "back after a crash",
            "ms",
            EVENTS,
            "one actor with so many events, from opening the folder until it is there",
            less_is_better=True,
            rounds=1,
            along="events",
        ),
        *curve(
            "events-replay",
            "replay",
            "events/s",
            EVENTS,
            "one actor's code on its whole chain",
            rounds=1,
            along="events",
        ),
        *curve(
            "events-put",
            "put, 64 outstanding",
            "puts/s",
            EVENTS,
            "contents of 100 bytes in a store that holds so many",
            rounds=1,
            along="events",
        ),
    ),
    (only_durable("benchmarks.growth"),),
    by_default=False,
)

CROWDS = Family(
    "crowds",
    "As the actors become more",
    (
        *curve(
            "actors-spawn",
            "spawn and stop",
            "actors/s",
            ACTORS,
            "all start, then all stop",
            rounds=1,
            along="actors",
        ),
        *curve(
            "actors-idle",
            "an idle actor",
            "bytes",
            ACTORS[2:],
            "memory of each",
            less_is_better=True,
            rounds=1,
            along="actors",
        ),
        *curve(
            "actors-ask",
            "ask, one at a time",
            "messages/s",
            ACTORS,
            "each asked in turn",
            rounds=1,
            along="actors",
        ),
    ),
    (
        *on("benchmarks.crowds", OFF, RECORDED),
        replace(DURABLE, module="benchmarks.crowds", without={"actors-spawn@100000": _SLOW}),
    ),
    by_default=False,
)
