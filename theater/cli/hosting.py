"""Theaters that the command line opens itself: signals close them, and what they log is shown in a line."""

from __future__ import annotations

import logging
import signal
from collections.abc import Awaitable, Callable

import anyio
import click
from anyio.abc import TaskStatus

from theater.cli.endings import Ended

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def perform(
    main: Callable[[], Awaitable[None]], *, debug: bool, until: anyio.CancelScope | None = None
) -> None:
    """Run `main`; Ctrl-C and SIGTERM cancel it, or only the scope `until` in it, and end the command then.

    Raises:
        Ended: a signal came; with its conventional code.
    """
    came: list[signal.Signals] = []

    async def watch(scope: anyio.CancelScope, *, task_status: TaskStatus[None]) -> None:
        with anyio.open_signal_receiver(*SIGNALS) as signals:
            task_status.started()
            async for each in signals:
                came.append(each)
                scope.cancel()

    async def run() -> None:
        async with anyio.create_task_group() as group:
            await group.start(watch, until or group.cancel_scope)
            await main()
            group.cancel_scope.cancel()

    _listen(debug=debug)
    anyio.run(run)
    if came:
        raise Ended(128 + came[0])


class _Teller(logging.Handler):
    """Says what the runtime logs, in a line each; with the traceback only if somebody debugs."""

    def __init__(self, *, debug: bool) -> None:
        super().__init__(logging.WARNING)
        self._debug = debug

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        why = f": {type(error).__name__}: {error}" if error is not None else ""
        text = self.format(record) if self._debug else " ".join(f"{record.getMessage()}{why}".split())
        click.echo(f"theater: {text}", err=True)


def _listen(*, debug: bool) -> None:
    logger = logging.getLogger("theater")
    for handler in [handler for handler in logger.handlers if isinstance(handler, _Teller)]:
        logger.removeHandler(handler)
    logger.addHandler(_Teller(debug=debug))
    logger.propagate = False
