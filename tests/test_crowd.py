"""A crowd: very many live actors, a supervisor for each thousand; started, told, stopped in order, gone."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import anyio
import pytest

from theater import Actor, ActorRef, Reason, Statistics, Theater, handler
from theater.cell import Cell

TEAM = 1_000  # workers under each supervisor


class Worker(Actor):
    told: int = 0

    @handler
    async def take(self, amount: int) -> None:
        self.told += amount


class Foreman(Actor):
    @handler
    async def hire(self, count: int) -> list[ActorRef[Worker]]:
        return [await self.context.spawn(Worker(), name=f"worker-{number}") for number in range(count)]


class Clerk(Actor):
    """Writes down who ended, in scratch: a growing field would be packed for every message."""

    def on_load(self) -> None:
        self._gone: list[str] = []

    @handler
    async def look_at(self, team: list[ActorRef[Worker]]) -> None:
        for worker in team:
            self.context.watch(worker, Clerk.note)

    @handler
    async def note(self, worker: ActorRef[Any], reason: Reason) -> None:
        self._gone.append(f"{worker.name} {reason.value}")

    @handler
    async def gone(self) -> list[str]:
        return self._gone


@pytest.fixture
def teams_of_the_crowd(request: pytest.FixtureRequest) -> int:
    return int(str(request.config.getoption("--crowd"))) // TEAM


@pytest.mark.virtual_clock
async def test_a_crowd_is_started_told_stopped_in_order_and_gone(teams_of_the_crowd: int) -> None:
    tasks, cells = asyncio.all_tasks(), count_cells()

    before, told, gone, after = await live_and_end(teams_of_the_crowd)

    assert told.actors == teams_of_the_crowd * (TEAM + 1) + 1
    assert told.handled - before.handled == teams_of_the_crowd * TEAM
    assert gone == [f"team-{teams_of_the_crowd - 1}/worker-{one} shutdown" for one in reversed(range(TEAM))]
    assert (after.actors, after.queued, after.dead_letters, after.failures) == (0, 0, 0, 0)
    assert after.unaccounted == 0
    assert asyncio.all_tasks() == tasks
    assert count_cells() == cells


async def live_and_end(count: int) -> tuple[Statistics, Statistics, list[str], Statistics]:
    """What there was before each worker was told, and after; who of the last team ended; what was left."""
    async with Theater() as theater:
        clerk = await theater.spawn(Clerk())
        foremen = [await theater.spawn(Foreman(), name=f"team-{one}") for one in range(count)]
        teams = [await foreman.ask(Foreman.hire, TEAM) for foreman in foremen]
        await clerk.ask(Clerk.look_at, teams[-1])
        before = theater.statistics()
        async with anyio.create_task_group() as tellers:
            for team in teams:
                tellers.start_soon(tell_all, team)
        await theater.settled()
        told = theater.statistics()
        for foreman in foremen:
            await foreman.stop()
        gone = await clerk.ask(Clerk.gone)
        await clerk.stop()
        return before, told, gone, theater.statistics()


async def tell_all(team: list[ActorRef[Worker]]) -> None:
    for worker in team:
        await worker.tell(Worker.take, 1)


def count_cells() -> int:
    """How many actors the runtime still holds anything of."""
    gc.collect()
    return sum(isinstance(one, Cell) for one in gc.get_objects())
