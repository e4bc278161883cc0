"""What actors cost that were written to: beside `spawn` and `idle`, where nobody is."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.families.messages import LIMITS
from benchmarks.families.theater import DURABLE, OFF, RECORDED, on
from benchmarks.kinds import Family, Work

LIVES = Family(
    "lives",
    "Short lives",
    (
        Work(
            "life",
            "spawn, ask once, stop",
            "actors/s",
            5_000,
            "actors started, then each asked once and stopped",
        ),
        Work(
            "rest",
            "an actor at rest, of 10,000",
            "bytes",
            10_000,
            "memory of an actor that has answered one message; less is better",
            less_is_better=True,
            rounds=1,
        ),
    ),
    (replace(LIMITS[0], module="benchmarks.lives"), *on("benchmarks.lives", OFF, RECORDED, DURABLE)),
)
