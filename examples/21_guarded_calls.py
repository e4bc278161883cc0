"""A service that is slow, limited and sometimes down, behind a cache, a rate limiter and a circuit breaker.

Prints:

    OSLO OSLO OSLO, asked once
    ROME after 1 s
    'Bern' was not loaded: ConnectionError: the service is down
    'Bern' was not loaded: refused: the circuit is open, try again in 29 s
    OSLO is still known
    PARIS after half a minute
"""

import anyio

from actors import Cache, CircuitBreaker, CircuitOpenError, LoadError, RateLimiter, guarded
from theater import Actor, ActorRef, EffectFailedError, Theater, handler
from theater.testing import virtual_backend, virtual_now

CALLS: list[str] = []


async def fetch(city: str) -> str:  # stands for an HTTP request
    CALLS.append(city)
    if city == "Bern":
        raise ConnectionError("the service is down")
    return city.upper()


class Cities(Actor):
    limiter: ActorRef[RateLimiter]
    breaker: ActorRef[CircuitBreaker]

    @handler(raises=(EffectFailedError, CircuitOpenError))
    async def load(self, city: str) -> str:
        await self.limiter.ask(RateLimiter.acquire)
        return await guarded(self.breaker, lambda: self.context.effect(fetch, city))


async def main() -> None:
    async with Theater(clock=virtual_now) as theater:
        limiter = await theater.spawn(RateLimiter(rate=1, burst=1))
        breaker = await theater.spawn(CircuitBreaker(failures=1, pause=30))
        cities = await theater.spawn(Cities(limiter=limiter, breaker=breaker))
        cache = await theater.spawn(Cache[str](source=cities, keep=3600))

        print(*[await cache.ask(Cache.get, "Oslo") for _ in range(3)], end=f", asked {'once' * len(CALLS)}\n")
        print(await cache.ask(Cache.get, "Rome"), f"after {anyio.current_time():.0f} s")
        for _ in range(2):
            try:
                await cache.ask(Cache.get, "Bern")
            except LoadError as error:
                print(error)
        print(await cache.ask(Cache.get, "Oslo"), "is still known")
        await anyio.sleep(30)
        print(await cache.ask(Cache.get, "Paris"), "after half a minute")


anyio.run(main, backend_options=virtual_backend()[1])  # the pauses pass at once
