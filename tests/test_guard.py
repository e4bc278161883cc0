"""The guard of the benchmarks: what it calls worse, and that a noisy count does not decide."""

from __future__ import annotations

import threading
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks import counting, guard
from benchmarks.counter import InstructionCounter
from benchmarks.kept import Cost, Finding, find_out, read, write

KEPT = Cost(each=1_000, yardstick=100)


def found(each: int, *, yardstick: int = 100) -> Finding:
    return Finding("tell:theater", KEPT, [Cost(each, yardstick)])


def test_eleven_percent_more_is_worse_and_nine_is_not() -> None:
    assert found(1_110).is_worse
    assert not found(1_090).is_worse
    assert not found(500).is_worse


def test_a_build_that_needs_more_for_everything_is_not_called_worse() -> None:
    assert not found(1_500, yardstick=150).is_worse
    assert found(1_500, yardstick=130).is_worse


def test_what_the_yardstick_of_one_build_moves_by_decides_nothing() -> None:
    assert found(1_101, yardstick=101).is_worse
    assert not found(1_099, yardstick=99).is_worse


def test_a_case_that_nobody_kept_is_not_worse() -> None:
    finding = Finding("tell:theater", None, [KEPT])

    assert finding.change is None
    assert not finding.is_worse


def test_a_case_that_seems_worse_is_counted_again_and_the_least_count_stands() -> None:
    counts = iter([Cost(1_300, 100), Cost(1_200, 100), Cost(1_010, 100), Cost(900, 100)])

    finding = find_out("tell:theater", KEPT, lambda: next(counts), rounds=None)

    assert [cost.each for cost in finding.counted] == [1_300, 1_200, 1_010]
    assert finding.now.each == 1_010
    assert not finding.is_worse


def test_a_case_that_stays_worse_is_counted_five_times() -> None:
    finding = find_out("tell:theater", KEPT, lambda: Cost(1_200, 100), rounds=None)

    assert len(finding.counted) == 5
    assert finding.is_worse


def test_rounds_that_are_asked_for_are_all_taken_and_tell_the_spread() -> None:
    counts = iter([Cost(1_000, 100), Cost(1_020, 100), Cost(1_010, 100)])

    finding = find_out("tell:theater", KEPT, lambda: next(counts), rounds=3)

    assert len(finding.counted) == 3
    assert finding.spread == pytest.approx(0.02)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    kept = {"CPython 3.11, x86_64, instructions": {"tell:theater": KEPT}}

    write(tmp_path / "guard.json", kept)

    assert read(tmp_path / "guard.json") == kept
    assert read(tmp_path / "missing.json") == {}


def test_the_repository_keeps_every_case_wherever_it_keeps_any() -> None:
    kept = read(guard.KEPT)

    assert kept
    assert all(costs.keys() == guard.COUNTS.keys() for costs in kept.values())


@pytest.fixture
def costs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, int]:
    """What a count of each case says; nothing is kept yet."""
    said: dict[str, int] = {}
    monkeypatch.setattr(guard, "KEPT", tmp_path / "guard.json")
    monkeypatch.setattr(guard, "count", lambda case, _: Cost(said[case], 100))
    return said


def run(cases: dict[str, int], *, update: bool = False) -> tuple[int, str]:
    console = Console(record=True, file=StringIO(), width=120)
    status = guard.guard(list(cases), console, counts=None, update=update)
    return status, console.export_text()


def test_the_guard_ends_with_1_and_names_what_got_worse(costs: dict[str, int]) -> None:
    costs |= {"tell:theater": 1_000, "ask:theater": 1_000}
    run(costs, update=True)
    costs["ask:theater"] = 1_200

    status, shown = run(costs)

    assert status == 1
    assert "ask:theater is 20% dearer" in shown
    assert "tell:theater is" not in shown


def test_the_guard_ends_with_0_where_nothing_got_worse(costs: dict[str, int]) -> None:
    costs |= {"tell:theater": 1_000}
    run(costs, update=True)

    status, shown = run(costs)

    assert status == 0
    assert "No case is more than 10% dearer" in shown


def test_the_guard_says_what_got_so_cheap_that_it_is_worth_keeping(costs: dict[str, int]) -> None:
    costs |= {"tell:theater": 1_000, "ask:theater": 1_000}
    run(costs, update=True)
    costs |= {"tell:theater": 800, "ask:theater": 950}

    status, shown = run(costs)

    assert status == 0
    assert "Much cheaper: tell:theater. Keep that with --update." in shown


def test_the_guard_ends_with_2_where_nothing_is_kept(costs: dict[str, int]) -> None:
    costs |= {"tell:theater": 1_000}

    status, shown = run(costs)

    assert status == 2
    assert "Nothing is kept for tell:theater" in shown


def test_keeping_one_case_leaves_the_others(costs: dict[str, int]) -> None:
    costs |= {"tell:theater": 1_000, "ask:theater": 1_000}
    run(costs, update=True)

    run({"ask:theater": costs["ask:theater"]}, update=True)

    (kept,) = read(guard.KEPT).values()
    assert kept.keys() == {"tell:theater", "ask:theater"}


def test_instructions_of_threads_count_and_a_count_repeats() -> None:
    try:
        counter = InstructionCounter()
    except OSError as error:
        pytest.skip(str(error))

    def work() -> None:
        for _ in range(100_000):
            pass

    def counted() -> float:
        begun = counter()
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        return counter() - begun

    first, second = counted(), counted()
    counter.close()

    assert first > 1_000_000
    assert second == pytest.approx(first, rel=0.1)


def test_where_memory_happens_to_lie_does_not_move_the_yardstick(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = iter([2_720.0, 2_617.0, 2_622.0, 2_706.0])
    monkeypatch.setattr(counting, "one_step", lambda _: next(steps))
    monkeypatch.setattr(counting, "clocks", [])

    cost = counting.count("benchmarks.messaging", "theater", "tell", 2, "processor time")

    assert cost.yardstick == 2_617


def test_a_real_case_is_counted_in_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(guard.COUNTS, "tell:theater", 200)

    cost = guard.count("tell:theater", "processor time")

    assert cost.each > 0
    assert cost.yardstick > 0
