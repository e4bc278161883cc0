"""Durable puts beside a full loop."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.families.theater import DURABLE
from benchmarks.kinds import Family, System, Work

_MODULE = "benchmarks.busy"

BUSY = Family(
    "busy",
    "Durable puts while 1,000 other actors keep the loop full",
    (
        Work(
            "busy",
            "99 of 100 puts take at most",
            "ms",
            1_600,
            "16 actors put 1 KiB, one after the other, while 20 messages go round a ring of 1,000 actors",
            less_is_better=True,
        ),
        Work(
            "busyhops",
            "hops of that ring while contents are put",
            "% of alone",
            1_600,
            "what the puts leave to those who keep the loop full; 100 would be all",
        ),
    ),
    (
        System(
            "bare thread",
            "benchmarks.convoy",
            "bare mailboxes, and a thread that writes and syncs each batch; nobody hands the lock over",
        ),
        System(
            "unrecorded",
            _MODULE,
            "`Theater(folder, record_messages=False)`: the messages of the ring leave no events",
            argument="unrecorded",
        ),
        replace(DURABLE, module=_MODULE, on_uvloop=False),
        System(
            "notary",
            _MODULE,
            "`Theater(folder, notary=True)`: as durable, signed and written by a process of its own, which"
            " the ring waits for where it makes events faster than that looks at them",
            argument="notary",
        ),
    ),
)
