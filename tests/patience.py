"""A test that never ends: its name, where each task waits, and the stacks of all threads; then the run ends.

`.ci/run` gives `--patience`, and sends SIGALRM when the time of the whole run is up.
"""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import os
import signal
from collections.abc import Iterator

import pytest

from theater.loop.virtual import _stack

TASKS_SHOWN = 100
GRACE = 30.0  # seconds, for a program that is too stuck to say more than its stacks


class Patience:
    """Ends the run when one test takes longer than so many seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._at_work = "the run itself"
        self._shown_at = os.dup(2)  # what tests print is caught, this is not
        signal.signal(signal.SIGALRM, self._end)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._at_work = item.nodeid
        faulthandler.dump_traceback_later(self._seconds + GRACE, file=self._shown_at, exit=True)
        signal.setitimer(signal.ITIMER_REAL, self._seconds)
        try:
            return (yield)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            faulthandler.cancel_dump_traceback_later()
            self._at_work = f"what comes after {item.nodeid}"

    def _end(self, *_: object) -> None:
        tasks = [one for one in gc.get_objects() if issubclass(type(one), asyncio.Task) and not one.done()]
        lines = [f"task {task.get_name()}: {' → '.join(_stack(task))}" for task in tasks[:TASKS_SHOWN]]
        os.write(self._shown_at, "\n".join(["", f"NEVER ENDED: {self._at_work}", *lines, ""]).encode())
        faulthandler.dump_traceback(self._shown_at)
        os._exit(1)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--patience", type=float, help="end the run when one test takes longer than so many seconds"
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.option.patience is not None:
        config.pluginmanager.register(Patience(config.option.patience))
