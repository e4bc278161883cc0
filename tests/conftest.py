"""What all tests share: async tests run in virtual time, unless they are marked `real_clock`."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from theater.testing import virtual_backend
from theater.testing.virtual import Backend

pytest_plugins = ["pytester", "tally", "patience"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--flip-bytes", type=int, default=4096, help="flip every bit of a journal of at least this many bytes"
    )
    parser.addoption(
        "--crowd", type=int, default=10_000, help="so many live actors at once, a supervisor for each 1,000"
    )
    parser.addoption("--chaos-seeds", type=int, default=50, help="run the chaos test with so many seeds")
    parser.addoption("--kills", type=int, default=64, help="kill so many processes in tests/attack")
    parser.addoption("--long-attacks", action="store_true", help="tests/attack tries all it can think of")


def pytest_collection_finish() -> None:
    """Let the collector pass over all that was there before the first test.

    With thousands of tests at hand a `gc.collect()` takes 0.1 s, and a third of a crowd's time goes to it.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture
def anyio_backend() -> Backend:
    return virtual_backend()


@pytest.fixture(scope="module")
def quick_path() -> Iterator[Path]:
    """A folder in memory where there is one, for tests that make and change thousands of files in it."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)
