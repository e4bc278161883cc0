"""Contents: durable puts and gets beside what the disk can do; and verifying a folder."""

from __future__ import annotations

from benchmarks.families.theater import only_durable
from benchmarks.kinds import LIMIT, Environment, Family, System, Work

_PUT = "`store(content)` until it is synced and signed, {}; other systems put as many in each batch"
_EACH = ", each one after the other"
_ONE, _MANY, _ACTORS = "one after the other", "64 outstanding", f"1,000 actors{_EACH}"


def put(name: str, size: str, how: str, count: int, unit: str = "puts/s") -> Work:
    return Work(name, f"durable puts of {size}, {how.removesuffix(_EACH)}", unit, count, _PUT.format(how))


PUTS = (
    put("put1", "1 KiB", _ONE, 2_000),
    put("put64", "1 KiB", _MANY, 40_000),
    put("put1000", "1 KiB", _ACTORS, 40_000),
    put("put16k", "16 KiB", _ONE, 1_000),
    put("put16k64", "16 KiB", _MANY, 8_000),
    put("put16k1000", "16 KiB", _ACTORS, 8_000),
    put("put8m", "8 MiB", _ONE, 32, "MB/s"),
    put("put8m64", "8 MiB", _MANY, 64, "MB/s"),
)
_GET = "contents of 1 KiB, read from the page cache and hashed again: {}"
GETS = (
    Work("get", "gets of 1 KiB, one after the other", "gets/s", 20_000, _GET.format(_ONE)),
    Work("get64", "gets of 1 KiB, 64 outstanding", "gets/s", 20_000, _GET.format(_MANY)),
)

SEGMENT = System(
    LIMIT,
    "benchmarks.stores.segment",
    "a segment filled with zeros beforehand; each batch is hashed, written at once and synced once",
)
FILES = System(
    "files",
    "benchmarks.stores.files",
    "a file for each content: written beside its place, synced, moved there; the folder synced once a batch",
)
SQLITE = System(
    "sqlite",
    "benchmarks.stores.sqlite",
    "SQLite of the standard library, write-ahead log, `synchronous=FULL`, a transaction for each batch; no"
    " chain and no signature",
)
LMDB = System(
    "lmdb",
    "benchmarks.stores.lmdb",
    "LMDB 3.0, synced, a transaction for each batch; no chain and no signature",
    environment=Environment(("lmdb==3.0.0",)),
)
DISKCACHE = System(
    "diskcache",
    "benchmarks.stores.diskcache",
    "diskcache 5.6 told to sync (`sqlite_synchronous=2`), a transaction for each batch; no chain",
    environment=Environment(("diskcache==5.6.3",)),
    without=dict.fromkeys(("put8m", "put8m64"), "its large contents are files that it never syncs"),
)
DULWICH = System(
    "dulwich",
    "benchmarks.stores.dulwich",
    "dulwich 1.2, loose objects told to sync (`core.fsyncObjectFiles`): compressed, a file each, no batches,"
    " the folder is not synced",
    environment=Environment(("dulwich==1.2.21",)),
    counts={"put64": 2_000, "put1000": 2_000, "put16k64": 1_000, "put16k1000": 1_000, "put8m64": 16},
)

CONTENTS = Family(
    "contents",
    "Contents on disk",
    (*PUTS, *GETS),
    (SEGMENT, only_durable("benchmarks.storing"), FILES, SQLITE, LMDB, DISKCACHE, DULWICH),
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
