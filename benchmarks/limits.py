"""What plain Python can reach with a bare mailbox: nothing is checked, bounded or recorded."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

from benchmarks.boxes import Box, Boxes, boxes
from benchmarks.gauge import MEMBERS, Stopwatch, used_memory
from benchmarks.kinds import Case


async def echo(message: tuple[int, asyncio.Future[int]]) -> None:
    number, answer = message
    answer.set_result(number)


async def tell(count: int, _: Path, *, kind: Boxes) -> float:
    done = asyncio.get_running_loop().create_future()
    handled = 0

    async def handle(_: int) -> None:
        nonlocal handled
        handled += 1
        if handled == count:
            done.set_result(None)

    async with kind() as new_box:
        box = new_box(handle)
        with Stopwatch() as watch:
            for number in range(count):
                box.put(number)
            await done
        await box.stop()
    return watch.rate(count)


async def ask(count: int, _: Path, *, kind: Boxes, outstanding: int) -> float:
    new_future = asyncio.get_running_loop().create_future

    async def ask_in_turn(box: Box) -> None:
        for number in range(count // outstanding):
            answer = new_future()
            box.put((number, answer))
            await answer

    async with kind() as new_box:
        box = new_box(echo)
        with Stopwatch() as watch:
            await asyncio.gather(*(ask_in_turn(box) for _ in range(outstanding)))
        await box.stop()
    return watch.rate(count)


async def ring(hops: int, _: Path, *, kind: Boxes) -> float:
    done = asyncio.get_running_loop().create_future()
    members: list[Box] = []

    async with kind() as new_box:

        def member(successor: int) -> Box:
            async def handle(left: int) -> None:
                if left:
                    members[successor].put(left - 1)
                else:
                    done.set_result(None)

            return new_box(handle)

        members.extend(member((place + 1) % MEMBERS) for place in range(MEMBERS))
        await asyncio.sleep(0)
        with Stopwatch() as watch:
            members[0].put(hops)
            await done
        for box in members:
            await box.stop()
    return watch.rate(hops)


async def spawn(count: int, _: Path, *, kind: Boxes) -> float:
    async with kind() as new_box:
        with Stopwatch() as watch:
            for box in [new_box(echo) for _ in range(count)]:
                await box.stop()
    return watch.rate(count)


async def idle(count: int, _: Path, *, kind: Boxes) -> float:
    async with kind() as new_box:
        before = used_memory()
        held = [new_box(echo) for _ in range(count)]
        await asyncio.sleep(0)
        size = (used_memory() - before) / len(held)
        for box in held:
            await box.stop()
    return size


def cases(argument: str) -> dict[str, Case]:
    kind = partial(boxes, argument)
    return {
        "tell": partial(tell, kind=kind),
        "ask": partial(ask, kind=kind, outstanding=1),
        "ask64": partial(ask, kind=kind, outstanding=64),
        "ring": partial(ring, kind=kind),
        "spawn": partial(spawn, kind=kind),
        "idle": partial(idle, kind=kind),
        "idle100k": partial(idle, kind=kind),
    }
