"""When an event loop may write to a disk itself, and what a stall of that disk costs."""

from __future__ import annotations

from theater.journal.trust import Trust


def quick_batches_until_trusted(trust: Trust) -> int:
    count = 0
    while not trust.is_given:
        trust.note(is_quick=True)
        count += 1
    return count


def test_a_disk_is_trusted_after_sixteen_quick_batches_in_a_row() -> None:
    trust = Trust()
    for is_quick in [True] * 15 + [False] + [True] * 15:
        trust.note(is_quick=is_quick)
        assert not trust.is_given

    trust.note(is_quick=True)

    assert trust.is_given


def test_each_stall_takes_the_trust_away_for_twice_as_long_up_to_a_thousand_batches() -> None:
    trust = Trust()

    needed = []
    for _ in range(9):
        needed.append(quick_batches_until_trusted(trust))
        trust.note(is_quick=False)

    assert needed == [16, 32, 64, 128, 256, 512, 1024, 1024, 1024]


def test_a_slow_disk_that_was_not_trusted_loses_nothing_by_it() -> None:
    trust = Trust()

    for _ in range(100):
        trust.note(is_quick=False)

    assert quick_batches_until_trusted(trust) == 16


def test_a_slow_disk_is_tried_now_and_then_and_a_quick_one_always() -> None:
    trust = Trust()

    slow = [trust.is_to_be_tried() for _ in range(64)]
    trust.note(is_quick=True)
    quick = [trust.is_to_be_tried() for _ in range(64)]

    assert [at for at, is_tried in enumerate(slow, 1) if is_tried] == [16, 32, 48, 64]
    assert all(quick)
