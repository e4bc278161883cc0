"""The rate limiter: how many at once, who next, and who no longer waits."""

from __future__ import annotations

from math import nan
from pathlib import Path

import anyio
import pytest

from actors import RateError, RateLimiter
from theater import Actor, ActorFailedError, ActorRef, Theater, handler


class Caller(Actor):
    limiter: ActorRef[RateLimiter]

    @handler
    async def call(self) -> str:
        await self.limiter.ask(RateLimiter.acquire)
        return f"{self.context.now():%S}"


class Times:
    """Who got a token when, in seconds."""

    def __init__(self, limiter: ActorRef[RateLimiter]) -> None:
        self.limiter = limiter
        self.begin = anyio.current_time()
        self.got: list[tuple[str, float]] = []

    async def take(self, name: str, key: str = "", count: int = 1) -> None:
        await self.limiter.ask(RateLimiter.acquire, key, count)
        self.got.append((name, round(anyio.current_time() - self.begin, 3)))


async def test_a_burst_goes_at_once_and_the_rest_in_order_at_the_rate(theater: Theater) -> None:
    times = Times(await theater.spawn(RateLimiter(rate=0.1, burst=2)))

    async with anyio.create_task_group() as group:
        for name in "abcde":
            group.start_soon(times.take, name)

    assert times.got == [("a", 0), ("b", 0), ("c", 10), ("d", 20), ("e", 30)]


async def test_no_more_than_the_burst_is_saved_up(theater: Theater) -> None:
    limiter = await theater.spawn(RateLimiter(rate=1, burst=3))
    await anyio.sleep(3600)

    waits = [await limiter.ask(RateLimiter.try_acquire) for _ in range(4)]

    assert waits == [0, 0, 0, 1]


async def test_trying_takes_nothing_when_nothing_is_there(theater: Theater) -> None:
    limiter = await theater.spawn(RateLimiter(rate=0.5))
    await limiter.ask(RateLimiter.acquire)

    assert [await limiter.ask(RateLimiter.try_acquire) for _ in range(3)] == [2, 2, 2]
    await anyio.sleep(2)

    assert await limiter.ask(RateLimiter.try_acquire) == 0


async def test_a_key_that_waits_does_not_hold_up_another(theater: Theater) -> None:
    times = Times(await theater.spawn(RateLimiter(rate=0.1)))

    async with anyio.create_task_group() as group:
        for name, key in (("a1", "a"), ("a2", "a"), ("b1", "b"), ("a3", "a"), ("b2", "b")):
            group.start_soon(times.take, name, key)

    assert times.got == [("a1", 0), ("b1", 0), ("a2", 10), ("b2", 10), ("a3", 20)]


async def test_nobody_overtakes_one_who_wants_many(theater: Theater) -> None:
    times = Times(await theater.spawn(RateLimiter(rate=1, burst=5)))
    await times.take("first", "", 5)

    async with anyio.create_task_group() as group:
        group.start_soon(times.take, "many", "", 5)
        await anyio.sleep(2)
        group.start_soon(times.take, "one")
        await anyio.sleep(1)
        assert await times.limiter.ask(RateLimiter.try_acquire) == pytest.approx(4)
        await times.limiter.ask(RateLimiter.acquire, "other")  # it looks who may go

    assert times.got == [("first", 0), ("many", 5), ("one", 6)]


async def test_who_gives_up_takes_no_token_and_holds_nobody_up(theater: Theater) -> None:
    times = Times(await theater.spawn(RateLimiter(rate=0.1)))
    await times.take("first")

    async with anyio.create_task_group() as group:
        with anyio.move_on_after(5):
            await times.take("impatient")
        group.start_soon(times.take, "patient")

    assert times.got == [("first", 0), ("patient", 10)]


async def test_who_waited_behind_one_that_gave_up_is_seen_when_somebody_comes(theater: Theater) -> None:
    times = Times(await theater.spawn(RateLimiter(rate=1, burst=5)))
    await times.take("first", "", 5)

    async def give_up() -> None:
        with anyio.move_on_after(1):
            await times.take("many", "", 5)

    async with anyio.create_task_group() as group:
        group.start_soon(give_up)
        await anyio.sleep(0.5)
        group.start_soon(times.take, "one")
        await anyio.sleep(1.5)
        await times.limiter.ask(RateLimiter.acquire, "other")

    assert times.got == [("first", 0), ("one", 2)]


@pytest.mark.parametrize("count", [0, -1, 3])
async def test_what_could_never_be_given_is_refused(theater: Theater, count: int) -> None:
    limiter = await theater.spawn(RateLimiter(rate=1, burst=2))

    with pytest.raises(ValueError, match="1 to 2 tokens"):
        await limiter.ask(RateLimiter.acquire, "", count)
    with pytest.raises(ValueError, match="1 to 2 tokens"):
        await limiter.ask(RateLimiter.try_acquire, "", count)


async def test_when_too_many_wait_one_more_is_told_when_to_come_again(theater: Theater) -> None:
    limiter = await theater.spawn(RateLimiter(rate=0.1, most_waiting=2))
    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(limiter.ask, RateLimiter.acquire)
        await anyio.sleep(1)

        with pytest.raises(RateError) as refused:
            await limiter.ask(RateLimiter.acquire)

        assert refused.value.wait == pytest.approx(29)


async def test_a_tell_takes_what_is_there_and_waits_for_nothing(theater: Theater) -> None:
    limiter = await theater.spawn(RateLimiter(rate=0.1))

    for _ in range(3):
        await limiter.tell(RateLimiter.acquire)

    assert await limiter.ask(RateLimiter.try_acquire) == pytest.approx(10)
    await anyio.sleep(10)
    assert await limiter.ask(RateLimiter.try_acquire) == 0


async def test_keys_that_are_full_again_are_forgotten(theater: Theater) -> None:
    limiter = await theater.spawn(RateLimiter(rate=1, sweeps_at=100))
    for number in range(99):
        await limiter.ask(RateLimiter.acquire, str(number))
    await anyio.sleep(10)

    await limiter.ask(RateLimiter.acquire, "last")

    states = [event.body["state"] for event in theater.chain(limiter) if "state" in event.body]
    assert list(states[-1]["buckets"]) == ["last"]


async def test_who_waits_longer_than_dates_go_on_waits(theater: Theater) -> None:
    limiter = await theater.spawn(RateLimiter(rate=1e-300))
    await limiter.ask(RateLimiter.acquire)

    with anyio.move_on_after(200_000) as limit:
        await limiter.ask(RateLimiter.acquire)

    assert limit.cancelled_caught
    assert theater.statistics().failed == 0


@pytest.mark.parametrize("bad", [{"rate": 0.0}, {"rate": nan}, {"rate": 1.0, "burst": 0}])
async def test_a_limiter_that_lets_nobody_through_or_everybody_does_not_start(
    theater: Theater, bad: dict[str, float]
) -> None:
    with pytest.raises(ActorFailedError, match="above 0"):
        await theater.spawn(RateLimiter(**bad))  # type: ignore[arg-type]  # a case


async def test_who_waits_is_served_also_after_a_failure_of_the_limiter(theater: Theater) -> None:
    class Clumsy(RateLimiter):
        @handler
        async def trip(self) -> None:
            raise RuntimeError("over the wire")

    limiter = await theater.spawn(Clumsy(rate=0.1))
    times = Times(limiter)
    async with anyio.create_task_group() as group:
        for name in "abc":
            group.start_soon(times.take, name)
        await anyio.sleep(1)
        await limiter.tell(Clumsy.trip)

    assert theater.statistics().restarts == 1
    assert times.got == [("a", 0), ("b", 10), ("c", 20)]


async def test_actors_wait_in_their_handlers(theater: Theater) -> None:
    limiter = await theater.spawn(RateLimiter(rate=0.1))
    callers = [await theater.spawn(Caller(limiter=limiter)) for _ in range(3)]
    begin = anyio.current_time()

    async with anyio.create_task_group() as group:
        for caller in callers:
            group.start_soon(caller.ask, Caller.call)

    assert anyio.current_time() - begin == pytest.approx(20)


@pytest.mark.real_clock
async def test_what_was_taken_is_taken_after_its_folder_was_closed(tmp_path: Path) -> None:
    async with Theater(tmp_path / "folder") as theater:
        limiter = await theater.spawn(RateLimiter(rate=0.001), name="limiter")
        await limiter.ask(RateLimiter.acquire)

    async with Theater(tmp_path / "folder") as theater:
        limiter = await theater.spawn(RateLimiter(rate=0.001), name="limiter", resume=True)

        assert 900 < await limiter.ask(RateLimiter.try_acquire) <= 1000
