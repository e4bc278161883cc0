"""Everything at once: a tree of 1,000 actors under failures, kills, full mailboxes and askers that leave."""

from __future__ import annotations

import asyncio
from random import Random

import pytest
from chaos import LIMIT, STEPS, Chaos, most_restarts

from theater import Theater
from theater.chain import verify_chain
from theater.testing import virtual_backend, virtual_now
from theater.testing.virtual import Backend


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    metafunc.parametrize("seed", range(int(str(metafunc.config.getoption("--chaos-seeds")))))


@pytest.fixture
def anyio_backend(seed: int) -> Backend:
    return virtual_backend(seed=seed)  # which raises where all tasks would wait for ever


async def test_a_tree_survives_whatever_happens_to_it(seed: int) -> None:
    random = Random(seed)
    tasks = asyncio.all_tasks()
    async with Theater(keep=10**9, clock=virtual_now, entropy=random.randbytes) as theater:
        chaos = Chaos(theater, random)
        await chaos.build()

        await chaos.happen()
        await theater.settled()

        after = theater.statistics()
        everybody = [*chaos.chains.values(), theater.chain(bytes(16))]
    assert sum(chaos.came_of.values()) >= STEPS
    assert after.unaccounted == 0
    assert (after.waiting, after.queued, after.at_hand) == (0, 0, 0)
    for chain in everybody:
        events = list(chain)
        verify_chain(events)
        assert most_restarts(events, within=LIMIT.within) <= LIMIT.restarts
    assert asyncio.all_tasks() == tasks
