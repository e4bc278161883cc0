"""A pool of workers: a fixed number of actors that take turns; one that fails or ends does not stop the work.

```python
import anyio

from actors import WorkerPool
from theater import Actor, ActorFailedError, Theater, handler


class Divider(Actor):
    @handler
    async def divide(self, number: int) -> str:
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


anyio.run(main)
```

It prints

```text
pool/worker-1: 20
Divider 'pool/worker-2' failed in divide: ZeroDivisionError: integer division or modulo by zero
pool/worker-1: 25
pool/worker-2: 50
```

The pool hands out refs, and whoever needs the work done talks to the worker: answers have their types, errors
reach the one who asked, and giving up reaches the worker. The pool itself is never busy.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Generic, TypeVar

from theater import Actor, ActorRef, Reason, handler

W = TypeVar("W", bound=Actor)


class WorkerPool(Actor, Generic[W]):
    """Subclass it and say in `hire` what a worker is.

    A worker that fails is started again, with the same ref; one that has ended is replaced by a new one. At
    most `size` messages are at hand at a time, and `room` wait at each worker; whoever sends more waits.
    """

    size: int = 4
    room: int = 64
    hired: int = 0  # workers so far: the number of the newest
    turns: int = 0  # refs handed out so far

    @abstractmethod
    def hire(self) -> W:
        """One more worker; it is not spawned yet."""

    @handler
    async def worker(self) -> ActorRef[W]:
        """The worker whose turn it is."""
        workers = self.context.children
        self.turns += 1
        return workers[(self.turns - 1) % len(workers)]

    async def on_start(self) -> None:
        if self.size < 1:
            raise ValueError(f"a pool has at least 1 worker, not {self.size}")
        await self._fill()

    async def on_child_stopped(self, child: ActorRef[Any], reason: Reason) -> None:
        self.context.log(f"{child.name} ended: {reason.value}")
        await self._fill()

    async def _fill(self) -> None:
        while len(self.context.children) < self.size:
            self.hired += 1
            await self.context.spawn(self.hire(), name=f"worker-{self.hired}", mailbox=self.room)
