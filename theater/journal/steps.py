"""Steps that a journal takes on its event loop, each whole or the end of it; and news of other threads.

Ctrl-C can raise in the midst of any step. What is half done then can neither be gone on with nor be undone:
an event may be in the batch and not in the tree. So the journal fails, and what is on the disk counts, as
after a crash; else it would sign what is no tree, or closing would wait for what nobody writes any more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from theater.errors import JournalFailedError
from theater.loop import Future, Loop

T = TypeVar("T")


class Steps:
    """Takes steps now or soon; `cut_off` is called when one was not taken to its end."""

    def __init__(self, loop: Loop, *, cut_off: Callable[[BaseException], None]) -> None:
        self.survived: BaseException | None = None  # raised in a step that is whole all the same
        self._loop = loop
        self._cut_off = cut_off

    def soon(self, step: Callable[..., None], *arguments: object) -> None:
        self._loop.call_soon(self.take, step, *arguments)

    def take(self, step: Callable[..., None], *arguments: object) -> None:
        try:
            step(*arguments)
        except BaseException as error:
            if error is not self.survived:
                self._cut_off(error)
            self.survived = None
            raise


def call(loop: Loop, function: Callable[..., None], *arguments: object) -> None:
    """Call back on the loop, unless it is closed: then nobody is left to tell."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(function, *arguments)


def refuse(future: Future[T], failed: JournalFailedError) -> None:
    """Tell one who waits; each gets an error of its own."""
    if not future.done():
        refusal = JournalFailedError(str(failed))
        refusal.__cause__ = failed.__cause__
        future.set_exception(refusal)
