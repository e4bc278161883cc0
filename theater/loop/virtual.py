"""A loop on virtual time: it never waits, so that hours pass at once, and can try other orders."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from random import Random
from threading import active_count
from time import monotonic
from typing import Any, TypeVar, TypeVarTuple, Unpack

import anyio.to_thread

from theater.errors import TheaterError

T = TypeVar("T")
Args = TypeVarTuple("Args")
Events = list[tuple[selectors.SelectorKey, int]]

_SILENCE = """\
every task waits, no timer is set and no worker thread is at work \
(for a thread of your own, or a theater with a folder, mark the test `real_clock`):"""
_TASKS_SHOWN = 10
_PATIENCE = (
    5.0  # real seconds, before silence counts as a deadlock where a file or a foreign thread may speak
)


class DeadlockError(TheaterError):
    """All tasks wait, and nothing is left that could wake one of them."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """An asyncio loop on a clock of its own, which jumps to the next timer as soon as nothing else can run.

    While a worker thread is at work the clock walks with real time instead. With a `seed`, callbacks that are
    ready together run in an order drawn from it: the same seed gives the same order.
    """

    is_virtual = True

    def __init__(self, *, seed: int | None = None) -> None:
        self._virtual_time = 0.0  # seconds
        self._order = None if seed is None else Random(seed)  # noqa: S311  # an order, not a secret
        self._executing = 0
        self._guarded: asyncio.Task[Any] | None = None
        self._deadlock: DeadlockError | None = None
        super().__init__(_Selector(self._next_events))

    def time(self) -> float:
        return self._virtual_time

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Args]], T], *args: *Args
    ) -> asyncio.Future[T]:
        future = super().run_in_executor(executor, func, *args)
        self._executing += 1
        future.add_done_callback(self._executed)
        return future

    async def shutdown_default_executor(self, *timeout: Any) -> None:
        """Wait for the executor's threads to end; the clock walks meanwhile, so no time limit jumps by."""
        self._executing += 1
        try:
            await super().shutdown_default_executor(*timeout)
        finally:
            self._executing -= 1

    async def guard(self, test: Coroutine[Any, Any, T]) -> T:
        """Run `test`, and should all tasks wait for ever, raise the DeadlockError in it, where it waits."""
        self._guarded = task = asyncio.current_task(self)
        try:
            return await test
        except asyncio.CancelledError as cancelled:
            if self._deadlock is None or task is None:
                raise
            task.uncancel()
            raise self._deadlock from cancelled
        finally:
            self._guarded = None

    def _next_events(self, select: Callable[[float | None], Events], timeout: float | None) -> Events:
        if self._order is not None:
            self._order.shuffle(self._ready)  # type: ignore[attr-defined]  # a deque; pinned by tests/test_testing.py
        events = select(0)
        if events or timeout == 0 or self._stirs(timeout):
            return events
        if self._threads_work():
            begun = monotonic()
            events = select(timeout)
            self._virtual_time += monotonic() - begun
        elif timeout is not None:
            self._virtual_time += timeout
        else:
            events = select(_PATIENCE if self._has_company() else 0)
            if not events:
                self._break_deadlock()
        return events

    def _stirs(self, timeout: float | None) -> bool:
        """All is still, for `timeout` seconds or, if that is None, for ever; True: somebody has to do now."""
        del timeout
        return False

    def _threads_work(self) -> bool:
        return self._executing > 0 or anyio.to_thread.current_default_thread_limiter().borrowed_tokens > 0

    def _has_company(self) -> bool:
        """Say whether a thread we do not know or a file beside the loop's own pipe could still wake it."""
        return active_count() > 1 or len(self._selector.get_map()) > 1  # type: ignore[attr-defined]

    def _executed(self, _: asyncio.Future[Any]) -> None:
        self._executing -= 1

    def _break_deadlock(self) -> None:
        error = DeadlockError(_deadlock_text(self))
        task, self._guarded = self._guarded, None
        if task is None:
            raise error
        self._deadlock = error
        task.cancel()


class _Selector(selectors.DefaultSelector):
    """Asks the loop before it waits."""

    def __init__(
        self, next_events: Callable[[Callable[[float | None], Events], float | None], Events]
    ) -> None:
        super().__init__()
        self._next_events = next_events

    def select(self, timeout: float | None = None) -> Events:
        return self._next_events(super().select, timeout)


def _deadlock_text(loop: asyncio.AbstractEventLoop) -> str:
    tasks = sorted(asyncio.all_tasks(loop), key=lambda task: len(_stack(task)), reverse=True)
    lines = [f"  {task.get_name()}: {' → '.join(_stack(task))}" for task in tasks[:_TASKS_SHOWN]]
    if len(tasks) > _TASKS_SHOWN:
        lines.append(f"  and {len(tasks) - _TASKS_SHOWN} more")
    return "\n".join([_SILENCE, *lines])


def _stack(task: asyncio.Task[Any]) -> list[str]:
    """Where a task waits: `function (file:line)`, outermost first."""
    found = []
    step: Any = task.get_coro()
    while step is not None:
        frame = getattr(step, "cr_frame", None) or getattr(step, "ag_frame", None)
        if frame is not None:
            name = frame.f_code.co_filename.rpartition("/")[2]
            found.append(f"{frame.f_code.co_name} ({name}:{frame.f_lineno})")
        step = getattr(step, "cr_await", None) or getattr(step, "ag_await", None)
    return found
