"""A program that was started has the name in the record by which it can be imported."""

from __future__ import annotations

import subprocess
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import pytest

from theater import History
from theater.whereabouts import modules_named, name_of_module

PROGRAM = """
import anyio

from theater import Actor, Theater, handler


def half(number: int) -> int:
    return number // 2


class Child(Actor):
    pass


class Counter(Actor):
    total: int = 0

    @handler
    async def add(self, amount: int) -> int:
        await self.context.spawn(Child())
        self.total += await self.context.effect(half, amount)
        return self.total


async def main() -> None:
    async with Theater("record") as theater:
        counter = await theater.spawn(Counter(), name="counter", resume=True)
        print(await counter.ask(Counter.add, 2))


if __name__ == "__main__":
    anyio.run(main)
"""

FROM_ELSEWHERE = """
import anyio
import first
from theater import History, Theater

async def main() -> None:
    replay = History("record").replay("counter")
    print(replay.ok, replay)
    async with Theater("record") as theater:
        await theater.fork("counter", name="fork")
        print(*(ref.name for ref in (await theater.resume()).refs))

anyio.run(main)
"""


def python(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-W", "error", *arguments]
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True, timeout=60)
    assert not done.stderr
    return done.stdout


def test_a_program_and_whoever_imports_it_speak_of_the_same_classes_and_effects(tmp_path: Path) -> None:
    (tmp_path / "first.py").write_text(PROGRAM)

    assert python(tmp_path, "first.py") == "1\n"
    answers = python(tmp_path, "-c", FROM_ELSEWHERE).splitlines()
    assert python(tmp_path, "-m", "first") == "2\n"

    assert answers[0].startswith("True ")
    assert answers[1].split()[0] == "counter"
    chain = History(tmp_path / "record").chain("counter")
    assert chain[0].body["class"] == "first:Counter"
    begun = {event.body["effect"] for event in chain if event.kind == "effect/begun"}
    assert begun == {"first:half"}


@pytest.mark.parametrize(
    ("file", "spec", "name"),
    [
        ("first.py", None, "first"),
        ("/srv/shop/01_hello.py", None, "01_hello"),
        ("C:\\shop\\till.py", None, "till"),
        ("/srv/shop/till.py", "shop.till", "shop.till"),
        ("/usr/bin/till", None, "__main__"),
        ("/srv/till.old.py", None, "__main__"),
        (None, None, "__main__"),
    ],
)
def test_a_program_is_named_as_it_would_be_imported(
    file: str | None, spec: str | None, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    main = ModuleType("__main__")
    main.__file__ = file
    main.__spec__ = None if spec is None else ModuleSpec(spec, None)
    monkeypatch.setitem(sys.modules, "__main__", main)

    assert name_of_module("__main__") == name
    assert modules_named(name) == [main]
    assert name_of_module("shop.web") == "shop.web"


def test_a_module_of_the_programs_name_is_looked_at_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    main, twin = ModuleType("__main__"), ModuleType("first")
    main.__file__ = "first.py"
    monkeypatch.setitem(sys.modules, "__main__", main)
    monkeypatch.setitem(sys.modules, "first", twin)

    assert modules_named("first") == [main, twin]
    assert modules_named("__main__") == [main]
    assert modules_named("nowhere") == []
