"""Theaters that the command line opens itself: signals close them, and what they log is shown in a line."""

from __future__ import annotations

import logging
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import anyio
import click
from anyio.abc import TaskStatus

from theater.cli.endings import HINT, Ended
from theater.cli.visible import visible

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def perform(main: Callable[[anyio.CancelScope], Awaitable[None]], *, debug: bool) -> None:
    """Run `main` with a scope that it enters where it likes: Ctrl-C and SIGTERM cancel that scope.

    Raises:
        Ended: a signal came; with its conventional code.
    """
    came: list[signal.Signals] = []
    with _listening(debug=debug):
        anyio.run(_perform, main, came)
    if came:
        raise Ended(128 + came[0])


async def _perform(main: Callable[[anyio.CancelScope], Awaitable[None]], came: list[signal.Signals]) -> None:
    until = anyio.CancelScope()
    async with anyio.create_task_group() as group:
        await group.start(_watch, until, came)
        await main(until)
        group.cancel_scope.cancel()


async def _watch(
    until: anyio.CancelScope, came: list[signal.Signals], *, task_status: TaskStatus[None]
) -> None:
    with anyio.open_signal_receiver(*SIGNALS) as signals:
        task_status.started()
        async for each in signals:
            came.append(each)
            until.cancel()


class _Teller(logging.Handler):
    """Says what the runtime logs, in a line each; with the traceback only if somebody debugs."""

    def __init__(self, *, debug: bool) -> None:
        super().__init__(logging.WARNING)
        self._debug = debug

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        why = f": {type(error).__name__}: {error}; {HINT}" if error is not None else ""
        text = self.format(record) if self._debug else " ".join(f"{record.getMessage()}{why}".split())
        shown = visible(text, keep="\n")
        click.echo(f"theater: {shown}", err=True)


@contextmanager
def _listening(*, debug: bool) -> Iterator[None]:
    logger, teller = logging.getLogger("theater"), _Teller(debug=debug)
    logger.addHandler(teller)
    logger.propagate, before = False, logger.propagate
    try:
        yield
    finally:
        logger.propagate = before
        logger.removeHandler(teller)
