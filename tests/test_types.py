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

PROGRAM = """\
from typing import Any, Protocol, assert_type

from theater import Actor, ActorRef, Theater, effect, handler


class Adds(Protocol):
    async def add(self, amount: int) -> int: ...


class Subtracts(Protocol):
    async def subtract(self, amount: int) -> int: ...


class Counter(Actor):
    total: int = 0

    @handler
    async def add(self, amount: int, *, twice: bool = False) -> int:
        self.total += amount
        return self.total

    @handler(raises=(KeyError,))
    async def name(self) -> str | None:
        return None

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
    anything: ActorRef[object] = adds
    print(anything, theater.find("counter"))


async def wrong(theater: Theater, counter: ActorRef[Counter]) -> None:
    await counter.ask(Counter.add, "x")  # refused
    await counter.ask(Counter.add)  # refused
    await counter.ask(Counter.add, 1, 2)  # refused
    await counter.ask(Counter.add, 1, thrice=True)  # refused
    await counter.tell(Counter.add, "x")  # refused
    counter.tell_nowait(Counter.add, "x")  # refused
    text: str = await counter.ask(Counter.add, 1)  # refused
    await counter.ask(Other.hello)  # refused
    await counter.ask(5)  # refused
    careful: ActorRef[Careful] = counter  # refused
    subtracts: ActorRef[Subtracts] = counter  # refused
    await theater.spawn(Counter)  # refused
    Counter(total="x")  # refused
    Counter(1)  # refused
    Counter(unknown=1)  # refused
    print(text, careful, subtracts)
"""


def refused_by_mypy(program: Path) -> set[int]:
    """The numbers of the lines that mypy, as strict as it gets, refuses."""
    shared = Path(__file__).parent.parent / ".mypy_cache"  # with the linter's run, which takes seconds off
    cache = os.environ.get("MYPY_CACHE_DIR", str(shared))
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", cache, program.name]
    done = subprocess.run(command, check=False, cwd=program.parent, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    return {int(number) for number in re.findall(r"^program\.py:(\d+): error", done.stdout, re.MULTILINE)}


def refused_by_pyright(program: Path) -> set[int]:
    """The numbers of the lines that pyright refuses."""
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, program.name]
    done = subprocess.run(command, check=False, cwd=program.parent, capture_output=True, text=True)
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
