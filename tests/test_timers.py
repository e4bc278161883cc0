"""Timers: messages an actor sends itself later, once or again and again."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from told import kinds, only, told, triple

from theater import Actor, Backoff, Theater, Timer, handler
from theater.errors import ActorFailedError

SECOND = 1_000_000_000


class Clock(Actor):
    """Notes when it rang, in seconds of virtual time."""

    rang: list[str] = []  # noqa: RUF012  # given fresh to each instance
    at: list[int] = []  # noqa: RUF012  # as above

    def on_load(self) -> None:
        self._timer: Timer | None = None

    @handler
    async def after(self, seconds: Any, name: str = "once") -> None:
        self._timer = self.context.after(seconds, Clock.ring, name)

    @handler
    async def every(self, seconds: float, name: str = "again") -> None:
        self._timer = self.context.every(seconds, Clock.ring, name=name)

    @handler
    async def ring(self, name: str) -> None:
        self.rang.append(name)
        self.at.append(round(anyio.current_time()))

    @handler
    async def cancel(self) -> bool:
        assert self._timer is not None
        self._timer.cancel()
        self._timer.cancel()
        return self._timer.is_pending

    @handler
    async def pending(self) -> bool:
        assert self._timer is not None
        return self._timer.is_pending

    @handler
    async def work(self, seconds: float) -> None:
        await anyio.sleep(seconds)

    @handler
    async def fail(self) -> None:
        raise ValueError("as told")

    @handler
    async def report(self) -> tuple[list[str], list[int]]:
        return self.rang, self.at

    @handler
    async def keep(self, things: list[int]) -> None:
        things.append(0)
        self.rang.append(f"{len(things)} things")

    @handler
    async def keep_every(self, things: list[int]) -> None:
        self.context.every(1, Clock.keep, things)
        things.append(0)


async def test_after_rings_once_when_its_time_has_come(theater: Theater) -> None:
    clock = await theater.spawn(Clock())
    await clock.ask(Clock.after, 10)

    await anyio.sleep(9)
    assert await clock.ask(Clock.pending)
    await anyio.sleep(100)

    assert await clock.ask(Clock.report) == (["once"], [10])
    assert not await clock.ask(Clock.pending)


async def test_every_rings_again_and_again(theater: Theater) -> None:
    clock = await theater.spawn(Clock())
    await clock.ask(Clock.every, 10)

    await anyio.sleep(35)

    assert await clock.ask(Clock.report) == (["again"] * 3, [10, 20, 30])


async def test_a_cancelled_timer_rings_no_more_and_can_be_cancelled_again(theater: Theater) -> None:
    clock = await theater.spawn(Clock())
    await clock.ask(Clock.every, 10)
    await anyio.sleep(25)

    assert await clock.ask(Clock.cancel) is False
    await anyio.sleep(100)

    assert await clock.ask(Clock.report) == (["again"] * 2, [10, 20])
    assert len(told(theater, clock, "timer/cancelled")) == 1


async def test_a_timer_that_has_rung_is_cancelled_without_a_word(theater: Theater) -> None:
    clock = await theater.spawn(Clock())
    await clock.ask(Clock.after, 1)
    await anyio.sleep(2)

    await clock.ask(Clock.cancel)

    assert told(theater, clock, "timer/cancelled") == []


async def test_set_fired_and_cancelled_are_events_that_name_each_other(theater: Theater) -> None:
    clock = await theater.spawn(Clock())
    await clock.ask(Clock.every, 10)
    await anyio.sleep(15)
    await clock.ask(Clock.cancel)

    set_, fired, cancelled = (
        only(theater, clock, kind) for kind in ("timer/set", "timer/fired", "timer/cancelled")
    )
    rung = next(
        event for event in told(theater, clock, "message/handled") if event.body.get("handler") == "ring"
    )
    assert set_.body == {
        "args": [], "delay": 10 * SECOND, "every": True, "handler": "ring", "kwargs": {"name": "again"},
    }  # fmt: skip
    assert fired.body == cancelled.body == {"timer": set_.seq}
    assert rung.body["from"] == triple(fired)
    assert fired.time - set_.time == 10 * SECOND


async def test_after_a_pause_there_is_no_burst(theater: Theater) -> None:
    clock = await theater.spawn(Clock())
    await clock.ask(Clock.every, 1)
    await clock.ask(Clock.work, 60.5)
    await anyio.sleep(2)

    rang, at = await clock.ask(Clock.report)

    assert len(rang) == 3
    assert at[1:] == [62, 62] or at[1:] == [61, 62]


async def test_each_ring_has_arguments_of_its_own(theater: Theater) -> None:
    clock = await theater.spawn(Clock())
    await clock.ask(Clock.keep_every, [1, 2])

    await anyio.sleep(3.5)

    assert (await clock.ask(Clock.report))[0] == ["3 things"] * 3


@pytest.mark.parametrize("seconds", [0, -1, float("inf"), float("nan"), "1", True, None])
async def test_only_a_time_above_zero_is_taken(theater: Theater, seconds: Any) -> None:
    clock = await theater.spawn(Clock())

    with pytest.raises(ActorFailedError, match="needs a time in seconds above 0"):
        await clock.ask(Clock.after, seconds)

    assert told(theater, clock, "timer/set") == []


@pytest.mark.parametrize("seconds", [1e-300, 1e-10, 1e10, 1e300])
async def test_a_time_that_nanoseconds_of_64_bits_cannot_tell_is_refused(
    theater: Theater, seconds: float
) -> None:
    clock = await theater.spawn(Clock())

    with pytest.raises(ActorFailedError, match=r"a timer takes 1e-09 to 9000000000\.0 seconds, not 1"):
        await clock.ask(Clock.every, seconds)

    assert told(theater, clock, "timer/set") == []


async def test_bad_arguments_are_refused_when_the_timer_is_set(theater: Theater) -> None:
    class Wrong(Clock):
        @handler
        async def wrong(self) -> None:
            self.context.after(1, Clock.ring, object())  # type: ignore[arg-type]  # that is the test

    clock = await theater.spawn(Wrong())

    with pytest.raises(ActorFailedError, match="TypeError"):
        await clock.ask(Wrong.wrong)


async def test_timers_end_with_their_actor(theater: Theater) -> None:
    clock = await theater.spawn(Clock())
    await clock.ask(Clock.every, 1)

    await clock.stop()
    await anyio.sleep(10)

    assert kinds(theater, clock)[-1] == "actor/stopped"
    assert told(theater, clock, "timer/fired") == []


async def test_a_stopping_actor_is_not_rung(theater: Theater) -> None:
    clock = await theater.spawn(Clock())
    await clock.ask(Clock.every, 2)
    await clock.tell(Clock.work, 9)

    await clock.stop()

    assert told(theater, clock, "timer/fired") == []


async def test_a_restart_keeps_timers(theater: Theater) -> None:
    clock = await theater.spawn(Clock())
    await clock.ask(Clock.after, 10)
    await clock.ask(Clock.every, 4)

    with pytest.raises(ActorFailedError):
        await clock.ask(Clock.fail)
    await anyio.sleep(11)

    assert await clock.ask(Clock.report) == (["again", "again", "once"], [4, 8, 10])


async def test_a_full_mailbox_does_not_keep_a_timer_out(theater: Theater) -> None:
    clock = await theater.spawn(Clock(), mailbox=1)
    await clock.ask(Clock.after, 2)
    await clock.tell(Clock.work, 5)
    await anyio.sleep(1)
    await clock.tell(Clock.work, 5)

    await theater.settled()

    assert await clock.ask(Clock.report) == (["once"], [10])


async def test_a_pending_timer_does_not_keep_a_theater_from_settling(theater: Theater) -> None:
    clock = await theater.spawn(Clock())
    await clock.ask(Clock.every, 10)

    await theater.settled()

    assert anyio.current_time() < 1


async def test_after_a_long_wait_for_a_restart_there_is_no_burst_either(theater: Theater) -> None:
    clock = await theater.spawn(Clock(), backoff=Backoff(first=1000, most=1000))
    await clock.ask(Clock.every, 1)

    with pytest.raises(ActorFailedError):
        await clock.ask(Clock.fail)
    await theater.settled()

    assert theater.statistics().restarts == 1
    assert (await clock.ask(Clock.report))[0] == ["again"]


async def test_a_ring_that_is_stashed_comes_back_and_the_timer_goes_on(theater: Theater) -> None:
    class Sleepy(Clock):
        asleep: bool = True

        @handler
        async def ring(self, name: str) -> None:
            if self.asleep:
                self.context.stash()
            else:
                await super().ring(name)

        @handler
        async def wake(self) -> int:
            self.asleep = False
            return self.context.unstash()

    clock = await theater.spawn(Sleepy())
    await clock.ask(Clock.every, 10)
    await anyio.sleep(25)

    assert await clock.ask(Sleepy.wake) == 2
    await anyio.sleep(10)
    assert (await clock.ask(Clock.report))[0] == ["again"] * 3


class Diligent(Clock):
    """Sets its timers at the start of each life."""

    async def on_start(self) -> None:
        self.context.every(10, Clock.ring, "again")
        self.context.after(25, Clock.ring, "once")


@pytest.mark.parametrize("records", [True, False], ids=["recorded", "not recorded"])
async def test_a_timer_that_on_start_sets_anew_is_the_one_that_outlived_the_restart(
    *, records: bool, anyio_backend: Any
) -> None:
    del anyio_backend  # virtual time
    async with Theater(record_messages=records) as theater:
        clock = await theater.spawn(Diligent())
        for _ in range(3):
            await anyio.sleep(3)
            with pytest.raises(ActorFailedError):
                await clock.ask(Clock.fail)

        await anyio.sleep(17)  # 26 seconds after its first start

        assert sorted((await clock.ask(Clock.report))[0]) == ["again", "again", "once"]


async def test_another_timer_is_set_beside_it(theater: Theater) -> None:
    class Fickle(Clock):
        lives: int = 0

        async def on_start(self) -> None:
            self.lives += 1
            self.context.after(10, Clock.ring, f"life {self.lives}")

    clock = await theater.spawn(Fickle())
    with pytest.raises(ActorFailedError):
        await clock.ask(Clock.fail)
    await anyio.sleep(11)

    assert (await clock.ask(Clock.report))[0] == ["life 1", "life 2"]
