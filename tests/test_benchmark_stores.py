"""What the benchmarks set the store against keeps contents, and their gauges see what they are to see."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from mmap import MAP_ANONYMOUS, MAP_PRIVATE, mmap
from pathlib import Path

import pytest

from benchmarks.busy import Beside
from benchmarks.contents import LARGE, MIDDLE, SMALL, contents
from benchmarks.gauge import PeakMemory
from benchmarks.growth import CASES
from benchmarks.one import measure
from benchmarks.soak import growth
from benchmarks.stores.files import Files
from benchmarks.stores.putting import Opening, put
from benchmarks.stores.segment import Segment
from benchmarks.stores.sqlite import Sqlite

MEGABYTE = 1_000_000


@pytest.fixture(params=[Segment, Files, Sqlite], ids=lambda each: each.__name__)
def opening(request: pytest.FixtureRequest) -> Opening:
    found: Opening = request.param
    return found


def test_what_a_store_was_given_is_found_by_its_hash(opening: Opening, tmp_path: Path) -> None:
    batches = [list(contents(0, 3)), list(contents(3, 1)), list(contents(4, 2, MIDDLE))]
    keeping = opening(tmp_path, 100_000)

    keys = [key for batch in batches for key in keeping.put(batch)]

    assert keys == [sha256(content).digest() for batch in batches for content in batch]
    assert [keeping.get(key) for key in keys] == [content for batch in batches for content in batch]
    keeping.close()


def test_a_store_is_given_its_contents_in_batches(tmp_path: Path) -> None:
    batches: list[int] = []

    class Counting(Files):
        def put(self, batch: Sequence[bytes]) -> list[bytes]:
            batches.append(len(batch))
            return []

    put(10, tmp_path, opening=Counting, size=SMALL, batch=4)

    assert batches == [4, 4, 2]


@pytest.mark.parametrize("size", [100, SMALL, MIDDLE, LARGE])
def test_contents_are_of_the_size_asked_for_and_all_differ(size: int) -> None:
    made = list(contents(5, 3, size))

    assert [len(content) for content in made] == [size] * 3
    assert len(set(made)) == 3


def test_the_peak_is_seen_though_it_is_over() -> None:
    with PeakMemory() as high:
        over = bytes(range(256)) * (50 * MEGABYTE // 256)
        del over
    with PeakMemory() as low:
        pass

    assert high.more > 40 * MEGABYTE
    assert low.more < 10 * MEGABYTE


async def test_work_that_keeps_what_it_makes_is_seen_to_grow() -> None:
    kept = []

    async def keep() -> None:
        # memory that nobody had: other tests have left room on the heap
        kept.append(mmap(-1, MEGABYTE, MAP_PRIVATE | MAP_ANONYMOUS))
        kept[-1].write(b"x" * MEGABYTE)

    assert await growth(20, keep) == pytest.approx(MEGABYTE, rel=0.2)


async def test_work_that_keeps_nothing_is_seen_to_stay() -> None:
    async def waste() -> None:
        wasted = b"x" * MEGABYTE
        del wasted

    assert abs(await growth(20, waste)) < MEGABYTE / 10


def test_one_put_of_a_hundred_may_be_slower() -> None:
    assert Beside(took=[0.001] * 99 + [1.0], hops=100.0).p99 == 1_000
    assert Beside(took=[0.001] * 199 + [1.0], hops=100.0).p99 == 1.0


@pytest.mark.parametrize("case", sorted(CASES))
def test_each_curve_of_the_record_has_points(case: str, tmp_path: Path) -> None:
    assert measure(CASES[case], 20, tmp_path, uvloop=False) > 0
