"""A rate limiter: so many in a second and not more, with some at once; whoever is early waits for its turn.

```python
import anyio

from actors import RateLimiter
from theater import Theater
from theater.testing import virtual_backend, virtual_now


async def main() -> None:
    async with Theater(clock=virtual_now) as theater:
        limiter = await theater.spawn(RateLimiter(rate=2, burst=3))
        begin = anyio.current_time()

        async def call(name: str) -> None:
            await limiter.ask(RateLimiter.acquire)
            print(f"{name} after {anyio.current_time() - begin:.1f} s")

        async with anyio.create_task_group() as group:
            for name in "abcde":
                group.start_soon(call, name)
        print(f"the next in {await limiter.ask(RateLimiter.try_acquire):.1f} s")


anyio.run(main, backend_options=virtual_backend()[1])  # a clock that does not make us wait
```

It prints

```text
a after 0.0 s
b after 0.0 s
c after 0.0 s
d after 0.5 s
e after 1.0 s
the next in 0.5 s
```

It is a bucket of tokens for each key (a customer, a host): `burst` fit into it, `rate` come in a second.
Nobody overtakes in one key, and one key does not hold up another. Whoever gives up waiting takes no token.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from theater import Actor, Reply, handler

_HAIR = 1e-6  # tokens: a timer may be early by so little, for times are rounded
_SWEEP = 1_000  # keys
_LONGEST_SLEEP = 86_400.0  # seconds: whoever waits longer is looked at every day


class RateError(Exception):
    """Not now: too many wait already. `wait` is when to try again, in seconds."""

    def __init__(self, wait: float) -> None:
        super().__init__(f"too many wait; try again in {wait:.3g} s")
        self.wait = wait


@dataclass(frozen=True, slots=True)
class Bucket:
    """What one key had left at one moment."""

    tokens: float
    at: datetime


class RateLimiter(Actor):
    """Hands out `rate` tokens per second for each key, `burst` at once after a rest."""

    rate: float
    burst: int = 1
    most_waiting: int = 1_000

    buckets: dict[str, Bucket] = {}  # by key; one that is not here is full
    wakes: datetime | None = None  # when the timer that matters goes off
    sweeps_at: int = _SWEEP  # buckets

    async def on_start(self) -> None:
        if not self.rate > 0 or self.burst < 1:  # nan is not above 0, and would let everybody through
            raise ValueError(
                f"a limiter needs a rate above 0 and a burst of 1 or more: {self.rate}, {self.burst}"
            )
        self._serve()

    @handler(raises=(RateError, ValueError))
    async def acquire(self, key: str = "", count: int = 1, /) -> None:
        """Take `count` tokens of `key`; answers when they are there.

        Raises:
            RateError: too many wait.
            ValueError: so many tokens are never there at once.
        """
        self._check(count)
        self._serve()  # somebody before may have given up
        waiting = self._waiting()
        if len(waiting) >= self.most_waiting:
            raise RateError(self._wait(key, count, waiting))
        if not self._take(key, count, waiting):
            reply = self.context.defer()
            if reply.is_open:
                self._wake_in(self._wait(key, count, waiting))

    @handler(raises=(ValueError,))
    async def try_acquire(self, key: str = "", count: int = 1, /) -> float:
        """Take `count` tokens of `key` if they are there: 0.0, or in how many seconds they will be.

        Raises:
            ValueError: so many tokens are never there at once.
        """
        self._check(count)
        waiting = self._waiting()
        return 0.0 if self._take(key, count, waiting) else self._wait(key, count, waiting)

    @handler
    async def wake(self) -> None:
        """Serve those whose time has come; the limiter's own timer sends this."""
        if self.wakes is not None and self.wakes <= self.context.now():
            self.wakes = None
        self._serve()

    def _check(self, count: int) -> None:
        if not 0 < count <= self.burst:
            raise ValueError(f"1 to {self.burst} tokens can be taken at once, not {count}")

    def _serve(self) -> None:
        """Give to those who wait, first come first served, what is there; wake for the next."""
        held_up: set[str] = set()
        for reply, key, count in self._waiting():
            if key in held_up:
                continue
            if self._take(key, count, ()):
                reply.answer(None)
            else:
                held_up.add(key)
                self._wake_in(self._wait(key, count, ()))

    def _waiting(self) -> list[tuple[Reply, str, int]]:
        waiting = [reply for reply in self.context.deferred if reply.handler == "acquire"]
        return [(reply, *_asked(*reply.message.args)) for reply in waiting]

    def _take(self, key: str, count: int, before: Sequence[tuple[Reply, str, int]]) -> bool:
        """Take tokens, unless they are not there or for those who wait already."""
        left = self._tokens(key) - count
        if left < -_HAIR or any(other == key for _, other, _ in before):
            return False
        self.buckets[key] = Bucket(left, self.context.now())
        self._sweep()
        return True

    def _wait(self, key: str, count: int, before: Sequence[tuple[Reply, str, int]]) -> float:
        """Seconds until `count` tokens are there, when all who came before have theirs."""
        wanted = count + sum(wants for _, other, wants in before if other == key)
        return max(0.0, wanted - self._tokens(key)) / self.rate

    def _tokens(self, key: str) -> float:
        bucket = self.buckets.get(key)
        if bucket is None:
            return float(self.burst)
        age = max(0.0, (self.context.now() - bucket.at).total_seconds())
        return min(float(self.burst), bucket.tokens + age * self.rate)

    def _sweep(self) -> None:
        """Forget full buckets, now and then."""
        if len(self.buckets) >= self.sweeps_at:
            self.buckets = {
                key: bucket for key, bucket in self.buckets.items() if self._tokens(key) < self.burst
            }
            self.sweeps_at = max(_SWEEP, 2 * len(self.buckets))

    def _wake_in(self, seconds: float) -> None:
        now, seconds = self.context.now(), min(seconds, _LONGEST_SLEEP)
        wakes = now + timedelta(seconds=seconds)
        if self.wakes is None or wakes < self.wakes:
            self.wakes = wakes
            self.context.after(max(seconds, _HAIR), RateLimiter.wake)


def _asked(key: str = "", count: int = 1) -> tuple[str, int]:
    """The arguments of `acquire`."""
    return key, count
