"""The house rules: who may import whom, what stays pure, how large a file may grow.

Run as a program it prints the paths of the pure files, for whoever measures their coverage.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

PURE_TEXT = """
    errors content plain parts codec outlining untyped form record compound union annotation shape nearest
    given unrolled nodes merkle keys event script checkpoint chain proof restart retry names grants allowance
    store.requests store.fold store.permission store.decision journal.frames mentions survey culling
"""
PURE_ORDER = PURE_TEXT.split()
"""Values in, values out; each module imports only what stands before it."""

SHELL_TEXT = """
    loop
    journal
    entries
    past
    moments
    cut
    parting
    recorded
    recorder
    livechain
    verify
    notary
    weighing
    compacting
    failure
    store
    limits
    whereabouts
    marking
    migrating
    handler
    cancelling
    yielding
    field
    state
    signature
    lanes
    onward
    mailbox
    options
    supervision
    plan
    actor
    waits
    turn
    relaying
    prompter
    failed
    extras
    settling
    leftovers
    prompted
    letters
    sending
    attempts
    effects
    opening
    retold
    flow
    streaming
    talk
    channels
    ref
    notices
    timers
    watching
    snapshots
    clinging
    signals
    orders
    links
    stashing
    deferring
    forwarding
    owning
    supervisor
    context
    rounds
    restarting
    ending
    life
    bursts
    draining
    cell
    faded
    spawning
    sleepers
    undelivered
    redelivery
    imported
    directory
    statistics
    closing
    reunion
    stage
    replaying
    rebuilding
    answers
    rerunning
    waking
    laying
    resuming
    forking
    rotation
    hindsight
    manifest
    system
    history doctor
    testing
    cli
"""
SHELL_ORDER = SHELL_TEXT.split()
"""What waits and acts, in reading order; a folder is one entry, and has an order of its own inside."""

LARGER: dict[str, str] = {}
"""Files that may be longer than the rest, and why."""

MOST_LINES = 300
EFFECTS = {
    "anyio",
    "asyncio",
    "io",
    "logging",
    "os",
    "pathlib",
    "random",
    "secrets",
    "socket",
    "threading",
    "time",
}

PURE = [f"theater/{name.replace('.', '/')}.py" for name in PURE_ORDER]
"""The paths of the pure files, relative to the root of the repository."""


def files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def module_of(path: Path) -> str:
    """`theater/store/fold.py` is `store.fold`; a package is named as its folder."""
    parts = path.relative_to(ROOT / "theater").with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> Iterator[str]:
    """The modules that this file imports when it runs: not those that only a type checker reads."""
    waiting: list[ast.AST] = [ast.parse(path.read_text())]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module)
            yield from (f"{node.module}.{name.name}" for name in node.names)
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            waiting.extend(node.orelse)
        else:
            waiting.extend(ast.iter_child_nodes(node))


def place(module: str) -> int:
    """Where a module stands, counted from the top of the house."""
    order = [*PURE_ORDER, *SHELL_ORDER]
    return order.index(module if module in PURE_ORDER else module.partition(".")[0])


def ours(name: str) -> str | None:
    """The module of Theater that an import names: None for others, and for names inside a module."""
    module = name.removeprefix("theater.")
    path = ROOT / "theater" / module.replace(".", "/")
    return module if name != module and (path.is_dir() or path.with_suffix(".py").exists()) else None


def test_every_module_has_its_place_in_the_house() -> None:
    top = {module.partition(".")[0] for module in map(module_of, files("theater")) if module}

    assert top == {name.partition(".")[0] for name in [*PURE_ORDER, *SHELL_ORDER]}


@pytest.mark.parametrize("path", files("theater"), ids=lambda path: module_of(path) or "theater")
def test_a_module_imports_only_what_stands_above_it(path: Path) -> None:
    module = module_of(path)
    if not module:
        return  # the door itself
    upward = {name for name in map(ours, imports(path)) if name is not None}

    below = {
        name
        for name in upward
        if place(name) > place(module) or (place(name) == place(module) and name == module)
    }

    assert not below, f"{module} imports {sorted(below)}, which stand below it"


@pytest.mark.parametrize("path", PURE)
def test_the_pure_middle_touches_no_clock_disk_chance_or_task(path: str) -> None:
    imported = {name.partition(".")[0] for name in imports(ROOT / path)}
    tree = ast.walk(ast.parse((ROOT / path).read_text()))

    assert not imported & EFFECTS
    assert not [node for node in tree if isinstance(node, ast.AsyncFunctionDef | ast.Await)]


@pytest.mark.parametrize("path", PURE)
def test_the_pure_middle_imports_nothing_impure_of_ours(path: str) -> None:
    modules = {name for name in map(ours, imports(ROOT / path)) if name is not None}

    assert modules - {"store", "journal"} <= set(PURE_ORDER)


def test_files_are_short() -> None:
    lines = {
        str(path.relative_to(ROOT)): path.read_text().count("\n")
        for path in files("theater", "actors", "examples", "benchmarks")
    }

    assert not {path: count for path, count in lines.items() if count > MOST_LINES and path not in LARGER}
    assert not {path for path in LARGER if lines.get(path, 0) <= MOST_LINES}, "no longer need to be excused"


def test_the_first_line_of_a_module_says_what_it_knows() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in files("theater", "actors", "examples", "benchmarks")
        if not ast.get_docstring(ast.parse(path.read_text()))
    ]

    assert not silent


def test_no_module_is_named_for_having_no_idea() -> None:
    nameless = {"utils", "util", "helpers", "helper", "common", "misc", "core", "base"}

    assert not [path for path in files("theater", "actors") if nameless & set(path.with_suffix("").parts)]


def test_raw_asyncio_stands_in_one_place() -> None:
    using = {
        module_of(path).partition(".")[0]
        for path in files("theater")
        if any(name.partition(".")[0] == "asyncio" for name in imports(path))
    }

    assert using <= {"loop", "testing"}


def test_only_the_command_line_prints_exits_and_reads_the_environment() -> None:
    loud = [
        f"{module_of(path)}:{node.lineno}"
        for path in files("theater")
        if not module_of(path).startswith("cli")
        for node in ast.walk(ast.parse(path.read_text()))
        if (
            isinstance(node, ast.Call)
            and ast.unparse(node.func) in {"print", "exit", "sys.exit", "os.getenv"}
        )
        or (isinstance(node, ast.Attribute) and ast.unparse(node) == "os.environ")
    ]

    assert not loud


if __name__ == "__main__":
    print(",".join(PURE))  # noqa: T201  # for .ci/run
