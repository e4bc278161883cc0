"""What must not grow: memory, however long it goes on and however much goes through."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.families.theater import DURABLE, OFF, RECORDED
from benchmarks.kinds import Family, Work, curve

_MODULE = "benchmarks.soak"
_FEW = 3_000_000  # messages; their events take 0.5 GB on the disk
_VIRTUAL = "a disk does not keep the time of a clock that jumps"
_STREAMS = ("soak-stream@64", "soak-stream@512", "soak-stream@4096")
_IN_MEMORY = dict.fromkeys(_STREAMS, "a theater in memory holds the content itself")

SOAK = Family(
    "soak",
    "Memory in the long run",
    (
        Work(
            "soak",
            "memory left by each of 10,000,000 messages",
            "bytes",
            10_000_000,
            "steady work for one actor: by how much more memory is held after the last messages than after"
            " the first tenth; 3,000,000 messages on disk",
            less_is_better=True,
            rounds=1,
        ),
        Work(
            "soak-hour",
            "memory left by each second of an hour",
            "bytes",
            3_600,
            "an hour on a clock that jumps, in which 100 actors wake each second, tell one and ask another",
            less_is_better=True,
            rounds=1,
        ),
        *curve(
            "soak-flood",
            "messages of 16 KiB at once",
            "MB at most",
            (1_000, 10_000, 30_000),
            "memory besides what there was, while messages are told faster than the disk takes them",
            less_is_better=True,
            rounds=1,
            along="messages",
        ),
        *curve(
            "soak-stream",
            "a content of so many MiB",
            "MB at most",
            (64, 512, 4_096),
            "memory besides what there was, while it is put and read in streams",
            less_is_better=True,
            rounds=1,
            along="MiB",
        ),
    ),
    (
        replace(OFF, module=_MODULE, on_uvloop=False, without=_IN_MEMORY),
        replace(RECORDED, module=_MODULE, on_uvloop=False, without=_IN_MEMORY),
        replace(
            DURABLE, module=_MODULE, on_uvloop=False, without={"soak-hour": _VIRTUAL}, counts={"soak": _FEW}
        ),
    ),
    by_default=False,
)
