"""A pool: work goes by turns, to whom has least to do, or by key; whoever fails too often is replaced.

Prints:

    by turns: worker-1 worker-2 worker-3 worker-1
    one is busy, these are not: worker-1 worker-2 worker-1 worker-1
    by key: worker-2 worker-2 worker-3
    after 2 failures: worker-4 worker-2 worker-3
"""

import logging

import anyio

from actors import WorkerPool, with_worker
from theater import Actor, ActorFailedError, ActorRef, Theater, handler
from theater.testing import virtual_backend, virtual_now

logging.getLogger("theater").setLevel(logging.CRITICAL)  # the traceback of a failure goes here


class Worker(Actor):
    @handler
    async def work(self, seconds: float) -> str:
        await anyio.sleep(seconds)
        assert seconds, "there is always something to do"
        return self.context.name.rpartition("/")[2]


class Pool(WorkerPool[Worker]):
    def hire(self) -> Worker:
        return Worker()


async def main() -> None:
    async with Theater(clock=virtual_now) as theater:
        pool = await theater.spawn(Pool(size=3, lives=1))

        async def work(seconds: float) -> str:
            return await with_worker(pool, lambda worker: worker.ask(Worker.work, seconds))

        async def names(workers: list[ActorRef[Worker]]) -> list[str]:
            return [await worker.ask(Worker.work, 1) for worker in workers]

        turns = [await pool.ask(Pool.worker) for _ in range(4)]
        print("by turns:", *await names(turns))
        async with anyio.create_task_group() as group:
            group.start_soon(work, 60)
            await anyio.sleep(1)
            print("one is busy, these are not:", *[await work(1) for _ in range(4)])
        print("by key:", *await names([await pool.ask(Pool.worker_for, key) for key in "aac"]))
        for _ in range(2):
            try:
                await turns[0].ask(Worker.work, 0)
            except ActorFailedError:
                await theater.settled()
        print("after 2 failures:", *await names([await pool.ask(Pool.worker) for _ in range(3)]))


anyio.run(main, backend_options=virtual_backend()[1])  # a minute passes at once
