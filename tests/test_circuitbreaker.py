"""The circuit breaker: when it refuses, who may try, and whose report counts."""

from __future__ import annotations

from math import inf, nan
from pathlib import Path

import anyio
import pytest

from actors import Circuit, CircuitBreaker, CircuitOpenError, guarded
from theater import Actor, ActorFailedError, ActorRef, Theater, handler


class Service(Actor):
    is_up: bool = True
    calls: int = 0

    @handler
    async def work(self, seconds: float = 0.0) -> str:
        self.calls += 1
        await anyio.sleep(seconds)
        if not self.is_up:
            raise ConnectionError("down")
        return "done"

    @handler
    async def turn(self, *, up: bool) -> None:
        self.is_up = up


class Caller(Actor):
    breaker: ActorRef[CircuitBreaker]
    service: ActorRef[Service]

    @handler(raises=(CircuitOpenError,))
    async def call(self, seconds: float = 0.0) -> str:
        try:
            return await guarded(self.breaker, lambda: self.service.ask(Service.work, seconds))
        except ActorFailedError:
            return "failed"

    @handler
    async def call_within(self, seconds: float) -> str:
        try:
            with anyio.fail_after(seconds):
                return await guarded(self.breaker, lambda: self.service.ask(Service.work, 3600))
        except TimeoutError:
            return "too late"


async def fail(breaker: ActorRef[CircuitBreaker], times: int) -> None:
    for _ in range(times):
        await breaker.ask(CircuitBreaker.report, await breaker.ask(CircuitBreaker.admit), went_well=False)


async def test_it_opens_after_so_many_failures_in_a_row_and_not_one_before(theater: Theater) -> None:
    breaker = await theater.spawn(CircuitBreaker(failures=3))

    await fail(breaker, 2)
    assert await breaker.ask(CircuitBreaker.state) is Circuit.CLOSED
    await fail(breaker, 1)

    assert await breaker.ask(CircuitBreaker.state) is Circuit.OPEN
    with pytest.raises(CircuitOpenError) as refused:
        await breaker.ask(CircuitBreaker.admit)
    assert refused.value.wait == 30


async def test_a_success_begins_the_row_anew(theater: Theater) -> None:
    breaker = await theater.spawn(CircuitBreaker(failures=2))

    for went_well in (False, True, False):
        permit = await breaker.ask(CircuitBreaker.admit)
        await breaker.ask(CircuitBreaker.report, permit, went_well=went_well)

    assert await breaker.ask(CircuitBreaker.state) is Circuit.CLOSED


async def test_after_the_pause_one_may_try_and_the_others_are_refused(theater: Theater) -> None:
    breaker = await theater.spawn(CircuitBreaker(failures=1, pause=10))
    await fail(breaker, 1)
    await anyio.sleep(10)

    await breaker.ask(CircuitBreaker.admit)

    assert await breaker.ask(CircuitBreaker.state) is Circuit.TRYING
    with pytest.raises(CircuitOpenError):
        await breaker.ask(CircuitBreaker.admit)


@pytest.mark.parametrize(("went_well", "then"), [(True, Circuit.CLOSED), (False, Circuit.OPEN)])
async def test_the_end_of_the_try_decides(theater: Theater, went_well: bool, then: Circuit) -> None:  # noqa: FBT001  # a case
    breaker = await theater.spawn(CircuitBreaker(failures=2, pause=10))
    await fail(breaker, 2)
    await anyio.sleep(10)

    permit = await breaker.ask(CircuitBreaker.admit)
    await breaker.ask(CircuitBreaker.report, permit, went_well=went_well)

    assert await breaker.ask(CircuitBreaker.state) is then


async def test_a_latecomer_from_before_decides_nothing(theater: Theater) -> None:
    breaker = await theater.spawn(CircuitBreaker(failures=1, pause=10))
    late = await breaker.ask(CircuitBreaker.admit)
    await fail(breaker, 1)
    await breaker.ask(CircuitBreaker.report, late, went_well=True)
    assert await breaker.ask(CircuitBreaker.state) is Circuit.OPEN
    await anyio.sleep(10)
    await breaker.ask(CircuitBreaker.admit)

    await breaker.ask(CircuitBreaker.report, late, went_well=True)

    assert await breaker.ask(CircuitBreaker.state) is Circuit.TRYING


async def test_a_try_that_is_never_heard_of_is_given_to_another(theater: Theater) -> None:
    breaker = await theater.spawn(CircuitBreaker(failures=1, pause=10, patience=60))
    await fail(breaker, 1)
    await anyio.sleep(10)
    lost = await breaker.ask(CircuitBreaker.admit)

    await anyio.sleep(60)
    permit = await breaker.ask(CircuitBreaker.admit)

    assert permit != lost
    await breaker.ask(CircuitBreaker.report, permit, went_well=True)
    assert await breaker.ask(CircuitBreaker.state) is Circuit.CLOSED


async def test_a_service_that_is_down_is_spared_and_used_again_when_it_is_up(theater: Theater) -> None:
    service = await theater.spawn(Service(is_up=False))
    breaker = await theater.spawn(CircuitBreaker(failures=3, pause=60))
    caller = await theater.spawn(Caller(breaker=breaker, service=service))

    said = []
    for _ in range(10):
        try:
            said.append(await caller.ask(Caller.call))
        except CircuitOpenError:
            said.append("refused")
    await service.ask(Service.turn, up=True)
    await anyio.sleep(60)

    assert said == ["failed"] * 3 + ["refused"] * 7
    assert [await caller.ask(Caller.call) for _ in range(2)] == ["done", "done"]


async def test_calls_run_beside_each_other_and_the_breaker_is_never_busy(theater: Theater) -> None:
    breaker = await theater.spawn(CircuitBreaker())
    callers = [
        await theater.spawn(Caller(breaker=breaker, service=await theater.spawn(Service()))) for _ in range(3)
    ]
    begin = anyio.current_time()

    async with anyio.create_task_group() as group:
        for caller in callers:
            group.start_soon(caller.ask, Caller.call, 60.0)

    assert anyio.current_time() - begin == pytest.approx(60)


async def test_an_error_that_does_not_speak_against_the_service_counts_as_an_answer(theater: Theater) -> None:
    breaker = await theater.spawn(CircuitBreaker(failures=1))

    async def refuse() -> None:
        raise LookupError("no such page")

    with pytest.raises(LookupError):
        await guarded(breaker, refuse, failures=(ConnectionError,))
    assert await breaker.ask(CircuitBreaker.state) is Circuit.CLOSED

    with pytest.raises(LookupError):
        await guarded(breaker, refuse)
    assert await breaker.ask(CircuitBreaker.state) is Circuit.OPEN


async def test_a_call_that_was_cancelled_speaks_neither_for_nor_against(theater: Theater) -> None:
    breaker = await theater.spawn(CircuitBreaker(failures=1))
    caller = await theater.spawn(Caller(breaker=breaker, service=await theater.spawn(Service())))

    assert await caller.ask(Caller.call_within, 1.0) == "too late"

    assert await breaker.ask(CircuitBreaker.state) is Circuit.CLOSED


async def test_a_caller_that_is_given_up_on_counts_the_call_as_failed(theater: Theater) -> None:
    breaker = await theater.spawn(CircuitBreaker(failures=1))
    caller = await theater.spawn(Caller(breaker=breaker, service=await theater.spawn(Service())))

    with anyio.move_on_after(1):
        await caller.ask(Caller.call, 60.0)
    await theater.settled()

    assert await breaker.ask(CircuitBreaker.state) is Circuit.OPEN


@pytest.mark.parametrize(
    "bad", [{"failures": 0}, {"pause": 0.0}, {"patience": -1.0}, {"pause": inf}, {"patience": nan}]
)
async def test_a_breaker_that_makes_no_sense_does_not_start(theater: Theater, bad: dict[str, float]) -> None:
    with pytest.raises(ActorFailedError, match="above 0"):
        await theater.spawn(CircuitBreaker(**bad))  # type: ignore[arg-type]  # a case


async def test_it_stays_open_over_a_failure_of_its_own(theater: Theater) -> None:
    class Clumsy(CircuitBreaker):
        @handler
        async def trip(self) -> None:
            raise RuntimeError("over the wire")

    breaker = await theater.spawn(Clumsy(failures=1))
    await fail(breaker, 1)

    with pytest.raises(ActorFailedError, match="over the wire"):
        await breaker.ask(Clumsy.trip)

    assert await breaker.ask(CircuitBreaker.state) is Circuit.OPEN


@pytest.mark.real_clock
async def test_it_is_as_open_after_its_folder_was_closed(tmp_path: Path) -> None:
    async with Theater(tmp_path / "folder") as theater:
        await fail(await theater.spawn(CircuitBreaker(failures=1, pause=3600), name="breaker"), 1)

    async with Theater(tmp_path / "folder") as theater:
        breaker = await theater.spawn(CircuitBreaker(), name="breaker", resume=True)

        with pytest.raises(CircuitOpenError):
            await breaker.ask(CircuitBreaker.admit)
