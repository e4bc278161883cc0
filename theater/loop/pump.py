"""The pump: actors with something to do, one after the other, many in one turn of the event loop.

To wake a task by a future takes a `Handle`, a turn of the loop and a look at all its files: a third of a hop
from actor to actor. So a resting task waits for a `Waiter`, and the pump resumes it as that handle would.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextvars import Context
from time import perf_counter
from typing import TYPE_CHECKING, Any, cast

from theater.loop import Loop, apart
from theater.loop.promise import Promise

if TYPE_CHECKING:
    from asyncio import Future

_SLICE_TASKS = 64  # that are resumed in a row while others wait
_SLICE = 0.00025  # seconds, the same; the writer has its turn in between: by 1 ms puts had twice the p99


class Pump:
    """Resumes those who are ready, in their order, from a callback of the loop and never within a task."""

    __slots__ = ("_context", "_done", "_loop", "_one_by_one", "_ready", "is_scheduled", "now")

    def __init__(self, loop: Loop, *, one_by_one: bool) -> None:
        self._loop = loop
        self._one_by_one = one_by_one  # a callback for each, for a loop that tries other orders
        self._ready: deque[Waiter | Promise] = deque()
        self._context = apart(None)  # else each callback would copy that of whoever woke the first
        self._done: Future[None] = loop.create_future()  # what tasks are told: what they waited for is done
        self._done.set_result(None)
        self.is_scheduled = False
        self.now = 0.0  # when the task that runs was resumed, on the `perf_counter`

    def promise(self) -> Promise:
        promise = Promise(loop=self._loop)
        promise.pump = self
        promise.is_armed = False
        return promise

    def resume_soon(self, waiter: Waiter | Promise) -> None:
        if not waiter.is_armed:
            return
        waiter.is_armed = False
        if self._one_by_one:
            self._loop.call_soon(self._resume, waiter, context=self._context)
        else:
            self._ready.append(waiter)
            if not self.is_scheduled:
                self._loop.call_soon(self._run, context=self._context)
                self.is_scheduled = True

    def _run(self) -> None:
        """Resume those who are ready, and who become so meanwhile, until others are to have their turn."""
        ready, done, left = self._ready, self._done, _SLICE_TASKS
        self.now = perf_counter()
        until = self.now + _SLICE
        try:
            while ready and left and self.now < until:
                waiter = ready.popleft()
                waiter.context.run(waiter.wakeup, done)
                self.now = perf_counter()
                left -= 1
        finally:  # a task may end the program
            self.is_scheduled = False
            if ready:
                self._loop.call_soon(self._run, context=self._context)
                self.is_scheduled = True

    def _resume(self, waiter: Waiter | Promise) -> None:
        self.now = perf_counter()
        waiter.context.run(waiter.wakeup, self._done)


class Waiter:
    """What one task waits for, again and again, while it has nothing to do: a future, as far as tasks know.

    Of a future they use `_asyncio_future_blocking`, the loop (in `_loop`, where there is no `get_loop`),
    `add_done_callback` and `cancel`; `anyio.wait_all_tasks_blocked` uses `done`.
    """

    __slots__ = ("_asyncio_future_blocking", "_loop", "_pump", "context", "is_armed", "wakeup")

    context: Context
    wakeup: Callable[[Any], None]

    def __init__(self, pump: Pump, loop: Loop) -> None:
        self._pump = pump
        self._loop = loop
        self._asyncio_future_blocking = False
        self.is_armed = False  # its task waits, and nobody has resumed it

    def __await__(self) -> Generator[Any, None, None]:
        self._asyncio_future_blocking = True  # "this is a `yield from`"
        resting: Iterator[Waiter] = iter((self,))  # a generator would be a frame more to resume
        return cast("Generator[Any, None, None]", resting)

    def add_done_callback(self, wakeup: Callable[[Any], None], *, context: Context) -> None:
        """The task waits."""
        self.wakeup = wakeup
        self.context = context
        self.is_armed = True

    def done(self) -> bool:
        return not self.is_armed

    def cancel(self, msg: object = None) -> bool:
        """The task is cancelled: it is to be thrown into its coroutine as soon as it is resumed."""
        del msg
        self._pump.resume_soon(self)
        return False
