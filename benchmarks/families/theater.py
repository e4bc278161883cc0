"""Theater as it is measured: without a record, recorded in memory, signed there, recorded in a folder."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.kinds import System

OFF = System(
    "theater",
    "",
    "`Theater(record_messages=False)`: typed, bounded, isolated, supervised; messages leave no events",
    argument="theater",
    on_uvloop=True,
)
RECORDED = System(
    "recorded",
    "",
    "`Theater()`: every message is an event in its actor's hash-linked chain, in memory",
    argument="recorded",
    on_uvloop=True,
)
SIGNED = System(
    "signed",
    "",
    "the same, and at the end one signed checkpoint over all events, with the tree that it needs",
    argument="signed",
)
DURABLE = System(
    "durable",
    "",
    "`Theater(folder)`: the same on disk, each batch synced and signed before an asker outside is answered",
    argument="durable",
)


def on(module: str, *systems: System) -> tuple[System, ...]:
    """These systems, as `cases(argument)` of this module measures them."""
    return tuple(replace(system, module=module) for system in systems)


def only_durable(module: str) -> System:
    """The one in a folder, as `CASES` of this module measures it."""
    return replace(DURABLE, module=module, argument="")
