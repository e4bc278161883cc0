"""The one door: which names it offers, and that what we build on it uses nothing else."""

from __future__ import annotations

import ast
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

import theater
import theater.testing

ROOT = Path(__file__).resolve().parent.parent

NAMES = """
    Actor ActorRef Context ContentRef History Store Theater effect handler
"""

TESTING_NAMES = """
    DeadlockError VirtualLoop virtual_backend virtual_now
"""


@pytest.mark.parametrize(
    ("module", "names"), [(theater, NAMES), (theater.testing, TESTING_NAMES)], ids=["theater", "testing"]
)
def test_the_door_offers_exactly_these_names(module: types.ModuleType, names: str) -> None:
    assert sorted(module.__all__) == sorted(names.split())


@pytest.mark.parametrize("module", [theater, theater.testing], ids=["theater", "testing"])
def test_every_offered_name_is_there(module: types.ModuleType) -> None:
    assert not [name for name in module.__all__ if not hasattr(module, name)]


@pytest.mark.parametrize("module", [theater, theater.testing], ids=["theater", "testing"])
def test_no_other_public_name_slips_through(module: types.ModuleType) -> None:
    visible = {
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType)
    }

    assert visible <= set(module.__all__)


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide which door is used"
            yield str(node.module)


OUTSIDE = sorted(
    path for folder in ("actors", "examples", "theater/cli/demos") for path in (ROOT / folder).rglob("*.py")
)


@pytest.mark.parametrize("path", OUTSIDE, ids=lambda path: str(path.relative_to(ROOT)))
def test_actors_examples_and_demos_come_in_by_the_door(path: Path) -> None:
    inside = {name for name in imported(path) if name.startswith("theater.")}

    assert inside <= {"theater.testing"}


def test_an_actor_file_stands_alone() -> None:
    crossing = {
        str(path): name
        for path in (ROOT / "actors").glob("*.py")
        if path.name != "__init__.py"
        for name in imported(path)
        if name.startswith("actors")
    }

    assert not crossing


@pytest.mark.parametrize("package", ["theater", "actors"])
def test_packages_say_that_they_are_typed(package: str) -> None:
    assert (ROOT / package / "py.typed").exists()
