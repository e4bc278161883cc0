"""Virtual time for tests: the loop as anyio's fixtures take it, and its clock as theaters do."""

from __future__ import annotations

from functools import partial
from typing import Any

from theater.errors import SetupError
from theater.loop import running_loop
from theater.loop.virtual import DeadlockError, VirtualLoop

__all__ = ["BEGINNING", "Backend", "DeadlockError", "VirtualLoop", "virtual_backend", "virtual_now"]

Backend = tuple[str, dict[str, Any]]  # what anyio's `anyio_backend` fixture returns

BEGINNING = 1_000_000_000 * 10**9
"""The moment at which virtual time begins: 2001-09-09 01:46:40 UTC, in nanoseconds since 1970."""


def virtual_backend(*, seed: int | None = None) -> Backend:
    """What an `anyio_backend` fixture returns for virtual time."""
    return "asyncio", {"loop_factory": partial(VirtualLoop, seed=seed)}


def virtual_now() -> int:
    """The running virtual loop's time, for `Theater(clock=virtual_now)`: nanoseconds since 1970 UTC."""
    loop = running_loop()
    if not isinstance(loop, VirtualLoop):
        raise SetupError(f"virtual_now needs a VirtualLoop, and this is a {type(loop).__name__}")
    return BEGINNING + round(loop.time() * 1e9)
