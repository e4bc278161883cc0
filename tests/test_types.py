"""Types: what mypy and pyright make of a program that sends messages, and what they refuse."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

PROGRAM = """\
import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, Protocol, assert_type

import anyio

from theater import Actor, ActorRef, Channel, Stream, Theater, effect, handler


class Adds(Protocol):
    async def add(self, amount: int) -> int: ...


class Subtracts(Protocol):
    async def subtract(self, amount: int) -> int: ...


class Says(Protocol):
    async def say(self, text: str) -> str: ...


class AddsText(Protocol):
    async def add(self, amount: str) -> int: ...


class Counts(Protocol):
    def count(self, to: int) -> AsyncIterator[int]: ...


class Counter(Actor):
    total: int = 0

    @handler
    async def add(self, amount: int, *, twice: bool = False) -> int:
        self.total += amount
        return self.total

    @handler(raises=(KeyError,))
    async def name(self) -> str | None:
        return None

    @handler(ahead=2)
    async def count(self, to: int, *, twice: bool = False) -> AsyncIterator[int]:
        for number in range(to):
            yield number

    @handler
    async def names(self) -> AsyncGenerator[str, None]:
        yield ""

    async def context_is_typed(self) -> None:
        assert_type(await self.context.effect(fetch, "url"), bytes)
        assert_type(await self.context.spawn(Counter()), ActorRef[Counter])
        self.context.after(1, Counter.add, 1, twice=True)
        self.context.after(1, Counter.add, "1")  # refused
        await self.context.effect(fetch, 1)  # refused


class Careful(Counter):
    async def add(self, amount: int, *, twice: bool = False) -> int:
        return await super().add(abs(amount), twice=twice)


class Other(Actor):
    @handler
    async def hello(self) -> None: ...


class Choir(Actor):
    singers: list[ActorRef[Says]] = []

    @handler
    async def join(self, singer: ActorRef[Says]) -> None:
        self.singers.append(singer)

    @handler
    async def sing(self, text: str) -> list[str]:
        return [await singer.ask(Says.say, text) for singer in self.singers]


class Dog(Actor):
    @handler
    async def say(self, text: str) -> str:
        return text


@effect(idempotent=True)
async def fetch(url: str) -> bytes:
    return url.encode()


async def right(theater: Theater) -> None:
    counter = await theater.spawn(Counter(total=1), name="counter")
    careful = await theater.spawn(Careful())
    assert_type(counter, ActorRef[Counter])
    assert_type(await counter.ask(Counter.add, 1), int)
    assert_type(await counter.ask(Counter.add, amount=1, twice=True), int)
    assert_type(await counter.ask(Counter.name), str | None)
    assert_type(await counter.ask("add", 1), Any)
    assert_type(await counter.tell(Counter.add, 1), None)
    counter.tell_nowait(Counter.add, 1)
    assert_type(await careful.ask(Counter.add, 1), int)
    base: ActorRef[Counter] = careful
    adds: ActorRef[Adds] = base
    assert_type(await adds.ask(Adds.add, 1), int)
    assert_type(counter.stream(Counter.count, 3, twice=True), Stream[int])
    assert_type(counter.stream("count", 3), Stream[Any])
    counts: ActorRef[Counts] = counter
    assert_type(await counter.open(Counter.add, 1), Channel)
    assert_type([value async for value in await counter.open("add", 1)], list[Any])
    async with counts.stream(Counts.count, 3) as stream:
        assert_type([item async for item in stream], list[int])
    assert_type([item async for item in careful.stream(Counter.names)], list[str])
    objects: Stream[object] = stream
    anything: ActorRef[object] = adds
    print(anything, objects, theater.find("counter"))


async def by_protocol(theater: Theater, choir: ActorRef[Choir], counter: ActorRef[Counter]) -> None:
    says: ActorRef[Says] = await theater.spawn(Dog(), name="dog")
    assert_type(await says.ask(Says.say, "hello"), str)
    found: ActorRef[Says] = theater.find("dog")
    assert_type(await found.ask(Says.say, text="hello"), str)
    await choir.ask(Choir.join, says)
    await choir.ask(Choir.join, await theater.spawn(Dog()))
    many: list[ActorRef[Says]] = [says, found]
    print(Choir(singers=many))
    await says.ask(Says.say, 1)  # refused
    await choir.ask(Choir.join, counter)  # refused
    Choir(singers=[counter])  # refused
    adds_text: ActorRef[AddsText] = counter  # refused
    dog: ActorRef[Dog] = many[0]  # refused
    await many[0].ask(Dog.say, "hello")  # refused
    print(adds_text, dog)


async def in_tasks(counter: ActorRef[Counter], says: ActorRef[Says]) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(counter.ask, Counter.add, 1)
        tasks.start_soon(counter.tell, Counter.add, 1)
        tasks.start_soon(counter.ask, Counter.name)
        tasks.start_soon(counter.ask, "add", 1)
        tasks.start_soon(says.ask, Says.say, "hello")
        tasks.start_soon(counter.stop)
        tasks.start_soon(counter.ask, Counter.add, "x")  # refused
        tasks.start_soon(counter.tell, Counter.add, 1, 2)  # refused
        tasks.start_soon(counter.ask, Says.say, "hello")  # refused
    loop = asyncio.get_running_loop()
    loop.call_soon(counter.tell_nowait, Counter.add, 1)
    loop.call_soon(counter.tell_nowait, Counter.add, "x")  # refused
    both = await asyncio.gather(counter.ask(Counter.add, 1), says.ask(Says.say, "hello"))
    assert_type(both, tuple[int, str])
    async with asyncio.TaskGroup() as group:
        task = group.create_task(counter.ask(Counter.add, 1))
    assert_type(task.result(), int)


async def wrong(theater: Theater, counter: ActorRef[Counter]) -> None:
    await counter.ask(Counter.add, "x")  # refused
    await counter.ask(Counter.add)  # refused
    await counter.ask(Counter.add, 1, 2)  # refused
    await counter.ask(Counter.add, 1, thrice=True)  # refused
    await counter.tell(Counter.add, "x")  # refused
    counter.tell_nowait(Counter.add, "x")  # refused
    text: str = await counter.ask(Counter.add, 1)  # refused
    await counter.ask(Other.hello)  # refused
    await counter.ask(Counter.count, 3)  # refused
    await counter.tell(Counter.count, 3)  # refused
    counter.stream(Counter.add, 3)  # refused
    counter.stream(Counter.count, "x")  # refused
    counter.stream(Counter.count)  # refused
    await counter.open(Counter.add, "x")  # refused
    await counter.open(Counter.count, 3)  # refused
    strings: Stream[str] = counter.stream(Counter.count, 3)  # refused
    await counter.ask(5)  # refused
    careful: ActorRef[Careful] = counter  # refused
    subtracts: ActorRef[Subtracts] = counter  # refused
    await theater.spawn(Counter)  # refused
    Counter(total="x")  # refused
    Counter(1)  # refused
    Counter(unknown=1)  # refused
    print(text, careful, subtracts, strings)
"""


def refused_by_mypy(program: Path) -> set[int]:
    """The numbers of the lines that mypy, as strict as it gets, refuses."""
    shared = ROOT / ".mypy_cache"  # with the linter's run, which takes seconds off
    cache = os.environ.get("MYPY_CACHE_DIR", str(shared))
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", cache, program.name]
    here = os.environ | {"MYPYPATH": str(ROOT)}  # this checkout, whichever one is installed
    done = subprocess.run(
        command, check=False, cwd=program.parent, capture_output=True, text=True, env=here, timeout=240
    )
    assert done.returncode in (0, 1), done.stderr
    return {int(number) for number in re.findall(r"^program\.py:(\d+): error", done.stdout, re.MULTILINE)}


def refused_by_pyright(program: Path) -> set[int]:
    """The numbers of the lines that pyright refuses."""
    (program.parent / "pyrightconfig.json").write_text(json.dumps({"extraPaths": [str(ROOT)]}))
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, program.name]
    done = subprocess.run(
        command, check=False, cwd=program.parent, capture_output=True, text=True, timeout=240
    )
    assert done.returncode in (0, 1), done.stderr
    found = json.loads(done.stdout)["generalDiagnostics"]
    return {each["range"]["start"]["line"] + 1 for each in found if each["severity"] == "error"}


@pytest.mark.parametrize("checker", [refused_by_mypy, refused_by_pyright], ids=["mypy", "pyright"])
def test_type_checkers_refuse_what_would_be_refused_at_the_sender_and_nothing_else(
    checker: Callable[[Path], set[int]], request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    if find_spec(request.node.callspec.id) is None:
        pytest.skip("comes with the extra `lint`")
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)

    refused = checker(program)

    marked = {n for n, line in enumerate(PROGRAM.splitlines(), start=1) if line.endswith("# refused")}
    assert refused == marked
