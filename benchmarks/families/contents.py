"""Contents: durable puts and gets beside what the disk can do; and verifying a folder."""

from __future__ import annotations

from benchmarks.families.theater import only_durable
from benchmarks.kinds import LIMIT, Family, System, Work

_PUT = "`store(content)` until it is synced and signed: {}; the limit writes batches of {}"

CONTENTS = Family(
    "contents",
    "Contents on disk",
    (
        Work(
            "put1",
            "durable 1 KiB puts, 1 outstanding",
            "puts/s",
            2_000,
            _PUT.format("one actor, one after the other", 1),
        ),
        Work(
            "put64",
            "durable 1 KiB puts, 64 outstanding",
            "puts/s",
            40_000,
            _PUT.format("one actor, 64 outstanding", 64),
        ),
        Work(
            "put1000",
            "durable 1 KiB puts, 1,000 actors",
            "puts/s",
            40_000,
            _PUT.format("1,000 actors, each one after the other", "1,000"),
        ),
        Work(
            "put8m",
            "durable 8 MiB puts",
            "MB/s",
            16,
            "the same for large contents; the limit writes, syncs and hashes each",
        ),
        Work("get", "gets of 1 KiB", "gets/s", 20_000, "read from the page cache and hashed again"),
    ),
    (
        System(
            LIMIT,
            "benchmarks.disk",
            "a segment filled with zeros beforehand; each batch is hashed, written at once and synced once",
        ),
        only_durable("benchmarks.storing"),
    ),
)

READING = Family(
    "reading",
    "Verifying",
    (
        Work(
            "verify",
            "verify",
            "events/s",
            100_000,
            "events of a closed folder, with every link, hash, sender, root, and the newest signature",
        ),
    ),
    (only_durable("benchmarks.storing"),),
)
