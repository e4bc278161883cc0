"""An aggregator: gathers what many send, until enough is there or the time is over.

```python
import anyio

from actors import Aggregator
from theater import Actor, Theater, handler


class Critic(Actor):
    opinion: int
    pace: float  # seconds

    @handler
    async def rate(self, play: str) -> int:
        await anyio.sleep(self.pace)
        return self.opinion


async def main() -> None:
    async with Theater(closing=0.1) as theater:  # nobody waits for the third critic
        paces = {2: 0.02, 1: 0.01, 3: 3600}
        critics = [await theater.spawn(Critic(opinion=one, pace=pace)) for one, pace in paces.items()]
        jury = await theater.spawn(Aggregator[int]())
        await jury.ask(Aggregator.survey, "two", critics, "rate", ["Hamlet"], enough=2)
        print(await jury.ask(Aggregator.collect, "two"))
        await jury.ask(Aggregator.survey, "all", critics, "rate", ["Hamlet"], within=0.1)
        gathered = await jury.ask(Aggregator.collect, "all")
        print(gathered.items, gathered.is_whole, gathered.silent == critics[2:])

        await jury.ask(Aggregator.begin, "votes", enough=3, within=0.1)
        for vote in (7, 9):
            await jury.tell(Aggregator.give, "votes", vote)
        print(await jury.ask(Aggregator.collect, "votes"))


anyio.run(main)
```

It prints

```text
Gathered(items=[1, 2], is_whole=True, errors=[], silent=[])
[1, 2] False True
Gathered(items=[7, 9], is_whole=False, errors=[], silent=[])
```

A batch has a key. `begin` begins one that anybody may `give` to; `survey` one for which the aggregator asks
several actors the same, and gives up asking when it is over. `collect` answers then, with what has come in
the order in which it came; what comes later does not count. An aggregator gathers any number of batches at a
time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from theater import TEMPORARY, Actor, ActorRef, Reason, handler

T = TypeVar("T")

_LEAST = 0.001  # seconds
_LONGEST = 10**9  # seconds, some 30 years: dates do not go on for ever


class BatchError(LookupError):
    """No such batch, or one of that key is there already."""


@dataclass(frozen=True, slots=True)
class Gathered(Generic[T]):
    """What came, in the order in which it came."""

    items: list[T]
    is_whole: bool  # whether it was enough
    errors: list[str]  # of those that were asked and failed
    silent: list[ActorRef[Any]]  # those that were asked in vain; none if it was enough


@dataclass(slots=True)
class Batch(Generic[T]):
    """One batch, until it is forgotten."""

    enough: int
    until: datetime  # when it is over and, once it is, when it is forgotten
    items: list[T] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    asked: dict[bytes, ActorRef[Any]] = field(default_factory=dict)  # by the id of the child that asks it
    heard: int = 0  # answers and errors of those that were asked
    is_over: bool = False

    def gathered(self) -> Gathered[T]:
        """What there is so far."""
        is_whole = len(self.items) >= self.enough
        silent = [] if is_whole else list(self.asked.values())
        return Gathered(self.items, is_whole, self.errors, silent)


class Aggregator(Actor, Generic[T]):
    """Gathers items in batches; one that is over is kept for `keep` seconds, for who collects it late."""

    keep: float = 600.0  # seconds
    batches: dict[str, Batch[T]] = {}
    askers: int = 0  # so far

    @handler(raises=(BatchError, ValueError))
    async def begin(self, key: str, *, enough: int, within: float = 60.0) -> None:
        """Begin a batch that is over when `enough` items are there, or after `within` seconds.

        Raises:
            BatchError: there is one of that key.
            ValueError: no batch takes so long.
        """
        await self._look(key, self._begin(key, enough, within))

    @handler(raises=(BatchError, ValueError))
    async def survey(
        self,
        key: str,
        of: Sequence[ActorRef[Any]],
        handler: str,
        args: Sequence[object] = (),
        *,
        enough: int | None = None,
        within: float = 60.0,
    ) -> None:
        """Begin a batch by asking all of them `handler(*args)`; over when `enough`, or all, have answered.

        Raises:
            BatchError: there is one of that key.
            ValueError: no batch takes so long.
        """
        batch = self._begin(key, len(of) if enough is None else enough, within)
        for ref in of:
            self.askers += 1
            child = await self.context.spawn(_Asker(), name=f"asker-{self.askers}", restart=TEMPORARY)
            batch.asked[child.id] = ref
            await child.tell(_Asker.put, ref, handler, args, key, self.context.ref)
        await self._look(key, batch)

    @handler
    async def give(self, key: str, item: T) -> bool:
        """Add an item; says whether it counts: not if the batch is over, or there is none."""
        batch = self.batches.get(key)
        if batch is None or batch.is_over:
            return False
        batch.items.append(item)
        await self._look(key, batch)
        return True

    @handler(raises=(BatchError,))
    async def collect(self, key: str, /) -> Gathered[T]:
        """What was gathered, as soon as the batch is over.

        Raises:
            BatchError: there is no such batch, or no longer.
        """
        batch = self.batches.get(key)
        if batch is None:
            raise BatchError(f"there is no batch {key!r}")
        return batch.gathered() if batch.is_over else self.context.defer().pending

    @handler
    async def answered(self, key: str, asker: bytes, item: T) -> None:
        """An asker has its answer."""
        batch = self._surveyed(key, asker)
        if batch is not None:
            batch.items.append(item)
            await self._look(key, batch)

    @handler
    async def refused(self, key: str, asker: bytes, why: str) -> None:
        """An asker has an error."""
        batch = self._surveyed(key, asker)
        if batch is not None:
            batch.errors.append(why)
            await self._look(key, batch)

    @handler
    async def look(self, key: str) -> None:
        """See whether the time of a batch is over; the aggregator's own timers send this."""
        batch = self.batches.get(key)
        if batch is None or batch.until > self.context.now():
            return
        if batch.is_over:
            del self.batches[key]
        else:
            await self._end(key, batch)

    async def on_start(self) -> None:
        _check("is kept", self.keep)
        for key, batch in self.batches.items():  # their askers have ended with the life before
            if batch.asked:
                await self._end(key, batch)

    async def on_child_stopped(self, child: ActorRef[Any], reason: Reason) -> None:
        for key, batch in self.batches.items():
            if reason is not Reason.NORMAL and not batch.is_over and child.id in batch.asked:
                await self.refused(key, child.id, f"its asker ended: {reason.value}")

    def _begin(self, key: str, enough: int, within: float) -> Batch[T]:
        if key in self.batches:
            raise BatchError(f"there is a batch {key!r} already")
        _check("takes", within)
        until = self.context.now() + timedelta(seconds=within)
        batch = self.batches[key] = Batch[T](enough, until)
        self.context.after(within, Aggregator.look, key)
        return batch

    def _surveyed(self, key: str, asker: bytes) -> Batch[T] | None:
        """The batch for which that child asks, if it is not over."""
        batch = self.batches.get(key)
        if batch is None or batch.is_over or batch.asked.pop(asker, None) is None:
            return None
        batch.heard += 1
        return batch

    async def _look(self, key: str, batch: Batch[T]) -> None:
        nobody_left = batch.heard > 0 and not batch.asked
        if len(batch.items) >= batch.enough or nobody_left:
            await self._end(key, batch)

    async def _end(self, key: str, batch: Batch[T]) -> None:
        batch.is_over = True
        batch.until = self.context.now() + timedelta(seconds=self.keep)
        self.context.after(self.keep, Aggregator.look, key)
        for child in self.context.children:
            if child.id in batch.asked:
                await child.kill()
        for reply in self.context.deferred:
            if reply.handler == "collect" and reply.message.args[0] == key:
                reply.answer(batch.gathered())


def _check(what: str, seconds: float) -> None:
    if not _LEAST <= seconds <= _LONGEST:
        raise ValueError(f"a batch {what} {_LEAST} to {_LONGEST:,} seconds, not {seconds}")


class _Asker(Actor):
    """Asks one actor, so that the aggregator need not wait."""

    @handler
    async def put(
        self, to: ActorRef[Any], handler: str, args: Sequence[object], key: str, aggregator: ActorRef[Any]
    ) -> None:
        try:
            item = await to.ask(handler, *args)
            await aggregator.tell("answered", key, self.context.id, item)
        except Exception as error:  # noqa: BLE001  # whatever it is, it is for those who collect
            await aggregator.tell("refused", key, self.context.id, str(error))
        self.context.stop()
