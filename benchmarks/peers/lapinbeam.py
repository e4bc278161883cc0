"""lapinbeam 1.3: actors in the manner of Erlang, a core in Rust between nodes. Nothing is recorded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from itertools import count as counting
from pathlib import Path
from typing import Any

from lapinbeam import Node, Supervisor, actor, current_message

from benchmarks.gauge import MEMBERS, Stopwatch, used_memory
from benchmarks.kinds import Case
from benchmarks.peers.turns import asked

_numbers = counting()


def spawned(supervisor: Any, receive: Callable[[Any, Any], Awaitable[None]]) -> Any:
    """An actor of a class of its own, since the class has the name."""
    kind = type("Receiver", (), {"receive": receive})
    return supervisor.spawn(actor(name=f"actor{next(_numbers)}")(kind))


@asynccontextmanager
async def started() -> AsyncIterator[Any]:
    node = Node("benchmark@127.0.0.1:0", listen_port=0)
    await node.start()
    yield Supervisor(node=node)


async def nothing(_self: Any, _message: Any) -> None:
    pass


async def echo(_self: Any, message: Any) -> None:
    await current_message().reply(message)


async def tell(count: int, _: Path) -> float:
    done = asyncio.get_running_loop().create_future()
    handled = 0

    async def take(_self: Any, _message: Any) -> None:
        nonlocal handled
        handled += 1
        if handled == count:
            done.set_result(None)

    async with started() as supervisor:
        ref = spawned(supervisor, take)
        await asyncio.sleep(0)
        with Stopwatch() as watch:
            for number in range(count):
                await ref.send(number)
            await done
    return watch.rate(count)


async def ask(count: int, _: Path, *, outstanding: int) -> float:
    async with started() as supervisor:
        ref = spawned(supervisor, echo)
        return await asked(lambda number: ref.ask(number, timeout=60), count, outstanding=outstanding)


async def ring(hops: int, _: Path) -> float:
    done = asyncio.get_running_loop().create_future()
    members: list[Any] = []

    def hop_to(successor: int) -> Callable[[Any, Any], Awaitable[None]]:
        async def hop(_self: Any, left: int) -> None:
            if left:
                await members[successor].send(left - 1)
            else:
                done.set_result(None)

        return hop

    async with started() as supervisor:
        members.extend(spawned(supervisor, hop_to((place + 1) % MEMBERS)) for place in range(MEMBERS))
        await asyncio.sleep(0)
        with Stopwatch() as watch:
            await members[0].send(hops)
            await done
    return watch.rate(hops)


async def spawn(count: int, _: Path) -> float:
    async with started() as supervisor:
        with Stopwatch() as watch:
            refs = [spawned(supervisor, nothing) for _ in range(count)]
            await asyncio.sleep(0)
            for ref in refs:
                ref.task.cancel()  # as its supervisor does; a ref has no stop
            await asyncio.gather(*(ref.task for ref in refs), return_exceptions=True)
    return watch.rate(count)


async def idle(count: int, _: Path) -> float:
    async with started() as supervisor:
        before = used_memory()
        refs = [spawned(supervisor, nothing) for _ in range(count)]
        await asyncio.sleep(0)
        return (used_memory() - before) / len(refs)


CASES: dict[str, Case] = {
    "tell": tell,
    "ask": partial(ask, outstanding=1),
    "ask64": partial(ask, outstanding=64),
    "ring": ring,
    "spawn": spawn,
    "idle": idle,
    "idle100k": idle,
}
