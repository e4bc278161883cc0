"""A circuit breaker: after failures in a row it refuses at once; after a pause it lets one call try.

```python
import anyio

from actors import CircuitBreaker, CircuitOpenError, guarded
from theater import Actor, ActorRef, EffectFailedError, Theater, handler
from theater.testing import virtual_backend, virtual_now


async def look_up(word: str) -> str:
    if word == "broken":
        raise ConnectionError("no route to the dictionary")
    return word.upper()


class Reader(Actor):
    breaker: ActorRef[CircuitBreaker]

    @handler(raises=(CircuitOpenError,))
    async def read(self, word: str) -> str:
        try:
            return await guarded(self.breaker, lambda: self.context.effect(look_up, word))
        except EffectFailedError as error:
            return str(error)


async def main() -> None:
    async with Theater(clock=virtual_now) as theater:
        breaker = await theater.spawn(CircuitBreaker(failures=2, pause=30))
        reader = await theater.spawn(Reader(breaker=breaker))
        for word in ("stage", "broken", "broken", "curtain"):
            try:
                print(await reader.ask(Reader.read, word))
            except CircuitOpenError as error:
                print(f"refused for {error.wait:.0f} s")

        await anyio.sleep(30)
        print(await reader.ask(Reader.read, "curtain"), (await breaker.ask(CircuitBreaker.state)).value)


anyio.run(main, backend_options=virtual_backend()[1])  # the pause passes at once
```

It prints

```text
STAGE
ConnectionError: no route to the dictionary
ConnectionError: no route to the dictionary
refused for 30 s
CURTAIN closed
```

The call runs where it stands, in the actor that asks the breaker first: its answer has its type, its error
reaches who called, and the breaker is never busy. One breaker serves all that call the same thing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from enum import Enum
from typing import TypeVar

from theater import Actor, ActorRef, handler

R = TypeVar("R")

_LONGEST = 10**9  # seconds, some 30 years: dates do not go on for ever


class CircuitOpenError(Exception):
    """Refused without a try; the next try may be made in `wait` seconds."""

    def __init__(self, wait: float) -> None:
        super().__init__(f"refused: the circuit is open, try again in {wait:.3g} s")
        self.wait = wait  # seconds


class Circuit(Enum):
    """What a breaker lets through."""

    CLOSED = "closed"  # all calls
    OPEN = "open"  # none
    TRYING = "trying"  # one: its end decides


class CircuitBreaker(Actor):
    """Lets calls through until `failures` of them fail in a row; then none for `pause` seconds; then one.

    If that one goes well all are let through again, else there is another pause. A call let through before
    that changed decides nothing any more.
    """

    failures: int = 5
    pause: float = 30.0  # seconds
    patience: float = 60.0  # seconds: a try that is not heard of for so long is given to another caller

    in_a_row: int = 0  # failures so far
    opens: datetime | None = None  # when the next try may be made; None while all calls are let through
    is_trying: bool = False
    permit: int = 0  # counts the times that what is let through has changed

    async def on_start(self) -> None:
        if self.failures < 1 or not (0 < self.pause <= _LONGEST and 0 < self.patience <= _LONGEST):
            raise ValueError(
                "failures, pause and patience of a breaker are above 0, and its seconds at most "
                f"{_LONGEST:,}: {self.failures}, {self.pause}, {self.patience}"
            )

    @handler(raises=(CircuitOpenError,))
    async def admit(self) -> int:
        """A permit for one call, to `report` with afterwards.

        Raises:
            CircuitOpenError: make no call now.
        """
        if self.opens is not None:
            wait = (self.opens - self.context.now()).total_seconds()
            if wait > 0:
                raise CircuitOpenError(wait)
            self.is_trying = True
            self._become(self.context.now() + timedelta(seconds=self.patience))
        return self.permit

    @handler
    async def report(self, permit: int, *, went_well: bool) -> None:
        """Say how the call for which `permit` was given has ended."""
        if permit != self.permit:
            return  # a latecomer from before the circuit changed
        self.in_a_row = 0 if went_well else self.in_a_row + 1
        if self.is_trying and went_well:
            self.is_trying = False
            self._become(None)
            self.context.log("closed: all calls are let through")
        elif self.is_trying or self.in_a_row >= self.failures:
            self.is_trying = False
            self._become(self.context.now() + timedelta(seconds=self.pause))
            self.context.log(f"open after {self.in_a_row} failures in a row")

    @handler
    async def state(self) -> Circuit:
        """What is let through now."""
        if self.opens is None:
            return Circuit.CLOSED
        return Circuit.TRYING if self.is_trying else Circuit.OPEN

    def _become(self, opens: datetime | None) -> None:
        self.opens = opens
        self.permit += 1


async def guarded(
    breaker: ActorRef[CircuitBreaker],
    call: Callable[[], Awaitable[R]],
    *,
    failures: tuple[type[Exception], ...] = (Exception,),
) -> R:
    """Make a call if the breaker lets it through, and report how it went.

    Args:
        breaker: whom to ask, and tell.
        call: begins the call.
        failures: exceptions that speak against whoever was called; any other `Exception` counts as an answer.
            A call that was cancelled is not reported.

    Raises:
        CircuitOpenError: the call was not made.
    """
    permit = await breaker.ask(CircuitBreaker.admit)
    try:
        answer = await call()
    except Exception as error:
        await breaker.tell(CircuitBreaker.report, permit, went_well=not isinstance(error, failures))
        raise
    await breaker.tell(CircuitBreaker.report, permit, went_well=True)
    return answer
