"""Promises: futures of answers, whose asker is resumed by the pump instead of by a turn of the event loop.

So an asker that waits for one answer after the other, and the actor that answers, go on in one turn: an ask
takes 39,000 instructions instead of 63,000.
"""

from __future__ import annotations

from asyncio import Future
from collections.abc import Callable, Iterable
from contextvars import Context
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from theater.loop.pump import Pump

_set_result = Future[Any].set_result
_set_exception = Future[Any].set_exception
_cancel = Future[Any].cancel
_add_done_callback = Future[Any].add_done_callback


class Promise(Future[Any]):
    """A future of a pump's loop: made by `Pump.promise`, awaited by one task."""

    __slots__ = ("context", "is_armed", "pump", "wakeup")

    pump: Pump
    is_armed: bool  # a task waits, and nobody has resumed it
    wakeup: Callable[[Any], None]
    context: Context

    def add_done_callback(self, fn: Callable[[Any], object], /, *, context: Context | None = None) -> None:
        """A task waits for the answer, which comes with its context; all others are told by the loop."""
        if context is None or self.is_armed:
            _add_done_callback(self, fn, context=context)
        else:
            self.wakeup = fn  # type: ignore[assignment]
            self.context = context
            self.is_armed = True

    def set_result(self, result: Any, /) -> None:
        _set_result(self, result)
        if self.is_armed:
            self.pump.resume_soon(self)

    def set_exception(self, exception: type | BaseException, /) -> None:
        _set_exception(self, exception)
        if self.is_armed:
            self.pump.resume_soon(self)

    def cancel(self, msg: Any | None = None) -> bool:
        is_cancelled = _cancel(self, msg)
        if self.is_armed:
            self.pump.resume_soon(self)
        return is_cancelled


def give_results(waiting: Iterable[tuple[Future[Any], object]]) -> None:
    """Give each future its result, unless it is done; without a call of Python's for a promise's."""
    for future, result in waiting:
        if future.done():
            continue
        if type(future) is Promise:
            _set_result(future, result)
            if future.is_armed:
                future.pump.resume_soon(future)
        else:
            future.set_result(result)
