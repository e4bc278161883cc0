"""The counter adds up, and knows its total tomorrow."""

from __future__ import annotations

from pathlib import Path

import pytest

from actors import Counter
from theater import Theater


async def test_a_counter_starts_at_the_total_it_is_given_and_counts_down_too(theater: Theater) -> None:
    counter = await theater.spawn(Counter(total=40))

    assert await counter.ask(Counter.add, 3) == 43
    assert await counter.ask(Counter.add, -1) == 42


async def test_a_counter_refuses_what_is_no_whole_number_at_the_sender(theater: Theater) -> None:
    counter = await theater.spawn(Counter())

    with pytest.raises(TypeError, match="amount"):
        await counter.ask(Counter.add, 1.5)  # type: ignore[arg-type]  # the point

    assert await counter.ask(Counter.value) == 0


@pytest.mark.real_clock
async def test_a_counter_in_a_folder_goes_on_where_it_was(tmp_path: Path) -> None:
    async with Theater(tmp_path / "folder") as theater:
        await (await theater.spawn(Counter(), name="counter")).ask(Counter.add, 41)

    async with Theater(tmp_path / "folder") as theater:
        counter = await theater.spawn(Counter(), name="counter", resume=True)

        assert await counter.ask(Counter.add) == 42
