"""A pool of workers: a fixed number of actors; work goes to them by turns, by load or by key.

```python
import anyio

from actors import WorkerPool, with_worker
from theater import Actor, ActorFailedError, Theater, handler


class Divider(Actor):
    @handler
    async def divide(self, number: int) -> str:
        await anyio.sleep(number / 1000)
        return f"{self.context.name}: {100 // number}"


class Dividers(WorkerPool[Divider]):
    def hire(self) -> Divider:
        return Divider()


async def main() -> None:
    async with Theater() as theater:
        pool = await theater.spawn(Dividers(size=2), name="pool")
        for number in (5, 0, 4, 2):
            worker = await pool.ask(Dividers.worker)
            try:
                print(await worker.ask(Divider.divide, number))
            except ActorFailedError as error:
                print(error)

        async def divide(number: int) -> None:
            print(await with_worker(pool, lambda worker: worker.ask(Divider.divide, number)))

        async with anyio.create_task_group() as group:
            for number in (100, 5):  # the second goes to the one that is not busy
                group.start_soon(divide, number)

        ann = await pool.ask(Dividers.worker_for, "ann")
        print(ann == await pool.ask(Dividers.worker_for, "ann"))


anyio.run(main)
```

It prints

```text
pool/worker-1: 20
Divider 'pool/worker-2' failed in divide: ZeroDivisionError: integer division or modulo by zero
pool/worker-1: 25
pool/worker-2: 50
pool/worker-1: 20
pool/worker-2: 1
True
```

The pool hands out refs, and whoever needs the work done talks to the worker: answers have their types, errors
reach the one who asked, and giving up reaches the worker. The pool itself is never busy.

`worker` is the one whose turn it is; `worker_for(key)` always the same one for a key, as long as it lives;
`with_worker` takes the one at which the fewest are at work, and gives it back.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Generic, TypeVar

from theater import (
    TRANSIENT,
    Actor,
    ActorRef,
    DeliveryError,
    Directive,
    Reason,
    RestartLimit,
    Supervision,
    handler,
)

W = TypeVar("W", bound=Actor)
R = TypeVar("R")

_LONGEST = 10**9  # seconds, some 30 years: dates do not go on for ever


@dataclass(frozen=True, slots=True)
class Lease(Generic[W]):
    """A worker, for a while."""

    number: int
    worker: ActorRef[W]


class WorkerPool(Actor, Generic[W]):
    """Subclass it and say in `hire` what a worker is.

    A worker that fails is started again, with the same ref, up to `lives` times; one that has ended is
    replaced by a new one, and the pool goes on. At most `size` messages are at hand at a time,
    and `room` wait at each worker; whoever sends more waits.
    """

    supervision = Supervision()

    size: int = 4
    room: int = 64
    lives: int = 3
    patience: float = 600.0  # seconds, after which a worker that nobody gave back counts as given back
    hired: int = 0  # workers so far: the number of the newest
    turns: int = 0  # refs handed out so far

    workers: list[ActorRef[Any]] = []  # a place keeps its number when its worker is replaced
    leases: dict[int, tuple[ActorRef[Any], datetime]] = {}  # by number: the worker, and until when

    @abstractmethod
    def hire(self) -> W:
        """One more worker; it is not spawned yet."""

    @handler
    async def worker(self) -> ActorRef[W]:
        """The worker whose turn it is."""
        return self.in_turn()

    @handler
    async def worker_for(self, key: str) -> ActorRef[W]:
        """The worker of all that has this key; another one only after this one has ended for good."""
        return self.for_key(key)

    @handler
    async def take(self) -> Lease[W]:
        """The worker that is taken by the fewest; give it back afterwards."""
        self.turns += 1
        worker = self.least_taken()
        until = self.context.now() + timedelta(seconds=self.patience)
        self.leases[self.turns] = (worker, until)
        return Lease(self.turns, worker)

    @handler
    async def give_back(self, number: int) -> None:
        """End a lease; one that is over already, or was never given, is nothing."""
        self.leases.pop(number, None)

    def in_turn(self) -> ActorRef[W]:
        """One worker after the other."""
        self.turns += 1
        return self.workers[(self.turns - 1) % self.size]

    def for_key(self, key: str) -> ActorRef[W]:
        """Always the same place for one key, in every process."""
        return self.workers[int.from_bytes(sha256(key.encode()).digest()[:8]) % self.size]

    def least_taken(self) -> ActorRef[W]:
        """One of those with the fewest leases; they take turns."""
        now = self.context.now()
        self.leases = {number: lease for number, lease in self.leases.items() if lease[1] > now}
        taken = [worker for worker, _ in self.leases.values()]
        first = self.turns % self.size
        return min(self.workers[first:] + self.workers[:first], key=taken.count)

    def on_load(self) -> None:
        self._failed: dict[bytes, int] = {}  # how often, by worker

    def decide(self, child: ActorRef[Any], error: Exception) -> Directive | None:  # noqa: ARG002  # a hook
        self._failed[child.id] = self._failed.get(child.id, 0) + 1
        return Directive.STOP if self._failed[child.id] > self.lives else Directive.RESTART

    async def on_start(self) -> None:
        if self.size < 1:
            raise ValueError(f"a pool has at least 1 worker, not {self.size}")
        if not 0 < self.patience <= _LONGEST:
            raise ValueError(
                f"a pool has patience for more than 0 and at most {_LONGEST:,} seconds, not {self.patience}"
            )
        self.workers = [await self._hire() for _ in range(self.size)]

    async def on_child_stopped(self, child: ActorRef[Any], reason: Reason) -> None:
        self.context.log(f"{child.name} ended: {reason.value}")
        self._failed.pop(child.id, None)
        if child in self.workers:
            self.workers[self.workers.index(child)] = await self._hire()

    async def _hire(self) -> ActorRef[W]:
        self.hired += 1
        limit = RestartLimit(restarts=self.lives + 1)  # `decide` comes before it
        name, worker = f"worker-{self.hired}", self.hire()
        return await self.context.spawn(worker, name=name, restart=TRANSIENT, mailbox=self.room, limit=limit)


async def with_worker(pool: ActorRef[WorkerPool[W]], job: Callable[[ActorRef[W]], Awaitable[R]]) -> R:
    """Do a job with the worker at which the fewest are at work."""
    lease: Lease[W] = await pool.ask(WorkerPool.take)
    try:
        return await job(lease.worker)
    finally:
        with suppress(DeliveryError):  # no room, or no pool: the lease ends by itself
            pool.tell_nowait(WorkerPool.give_back, lease.number)
