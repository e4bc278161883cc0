"""The pytest plugin: fixtures with a theater in them, and markers that choose the clock.

It acts only on tests that use its fixtures or its markers; all other async tests are anyio's business.
anyio's own plugin runs the tests: a test is run by it as soon as `anyio_backend` is among its fixtures.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Generator
from functools import partial, wraps
from inspect import iscoroutinefunction
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from theater.testing.virtual import Backend, VirtualLoop, virtual_backend, virtual_now

if TYPE_CHECKING:
    from theater import Theater

REAL: Backend = ("asyncio", {})

_VIRTUAL_CLOCK = """\
virtual_clock(*, seed=None, seeds=None): run this async test in virtual time; with a seed, ready callbacks \
run in an order drawn from it; with seeds=N, once for each of N orders."""
_REAL_CLOCK = "real_clock: run this async test on the machine's clock, though it uses the `theater` fixture."


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", _VIRTUAL_CLOCK)
    config.addinivalue_line("markers", _REAL_CLOCK)


@pytest.fixture
async def theater(anyio_backend: Backend) -> AsyncIterator[Theater]:
    """A theater in memory, in virtual time, closed after the test; its ids are the same in every run."""
    from theater import Theater  # noqa: PLC0415  # only tests that use it pay for it

    ids = Random(0).randbytes  # noqa: S311  # not secrets
    options: dict[str, Any] = {"clock": virtual_now, "entropy": ids} if is_virtual(anyio_backend) else {}
    async with Theater(**options) as theater:
        yield theater


@pytest.fixture
async def durable_theater(
    anyio_backend: Backend,  # noqa: ARG001  # with it among its fixtures, anyio runs the test
    tmp_path: Path,
) -> AsyncIterator[Theater]:
    """A theater in a folder of its own, on the machine's clock, closed after the test."""
    from theater import Theater  # noqa: PLC0415  # as above

    async with Theater(tmp_path / "theater") as theater:
        yield theater


def is_virtual(backend: object) -> bool:
    factory = backend[1].get("loop_factory") if isinstance(backend, tuple) else None
    return isinstance(factory, partial) and factory.func is VirtualLoop


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(collector: pytest.Collector, name: str, obj: Any) -> None:
    """Have anyio run marked tests: it looks for its fixture."""
    if isinstance(collector, pytest.Module | pytest.Class) and collector.istestfunction(obj, name):
        own = [marker.name for marker in getattr(obj, "pytestmark", ())]
        for clock in ("virtual_clock", "real_clock"):
            if clock in own or collector.get_closest_marker(clock):
                pytest.mark.usefixtures("anyio_backend")(obj)


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test that uses our fixtures or markers its clock, whatever anyio's default is."""
    test = metafunc.definition
    chosen = any("anyio_backend" in mark.args[0] for mark in test.iter_markers("parametrize"))
    if not chosen and "anyio_backend" in metafunc.fixturenames:
        backends = _backends(test, metafunc.fixturenames)
        if backends:
            values, ids = list(backends.values()), list(backends)
            # anyio's scope, so that async fixtures of a module still find it
            test.add_marker(pytest.mark.parametrize("anyio_backend", values, ids=ids, scope="module"))


def _backends(test: pytest.Item, fixtures: list[str]) -> dict[str, Backend]:
    """The backends to run this test on, by id; none if the choice is not ours. The nearest marker counts."""
    for marker in test.iter_markers():
        if marker.name == "real_clock":
            return {"real": REAL}
        if marker.name == "virtual_clock":
            return _marked(**marker.kwargs)
    if "durable_theater" in fixtures:
        return {"real": REAL}
    return {"virtual": virtual_backend()} if "theater" in fixtures else {}


def _marked(*, seed: int | None = None, seeds: int | None = None) -> dict[str, Backend]:
    if seeds is not None:
        return {f"seed={seed}": virtual_backend(seed=seed) for seed in range(seeds)}
    return {"virtual" if seed is None else f"seed={seed}": virtual_backend(seed=seed)}


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, Any, Any]:
    """Let a deadlock be raised in the test itself, so that its fixtures are still torn down in order."""
    test = pyfuncitem.obj
    if is_virtual(pyfuncitem.funcargs.get("anyio_backend")) and iscoroutinefunction(test):
        pyfuncitem.obj = _guarded(test)
    try:
        return (yield)
    finally:
        pyfuncitem.obj = test


def _guarded(test: Any) -> Any:
    @wraps(test)
    async def guarded(**fixtures: Any) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        await loop.guard(test(**fixtures))

    return guarded
