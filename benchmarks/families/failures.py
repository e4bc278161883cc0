"""What a failing actor costs those beside it."""

from __future__ import annotations

from benchmarks.families.theater import DURABLE, OFF, RECORDED, on
from benchmarks.kinds import Family, Work

FAILURES = Family(
    "failures",
    "Failures",
    (
        Work(
            "failing",
            "ask beside 1,000 failures",
            "% of alone",
            20_000,
            "the median time of an ask while another actor fails 1,000 times, a millisecond apart, in % of"
            " the median while nobody fails: 100 means that nobody waits for a failure",
            less_is_better=True,
            same_on_uvloop=True,
        ),
    ),
    on("benchmarks.failing", OFF, RECORDED, DURABLE),
)
