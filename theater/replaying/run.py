"""Running a rehearsal: on a loop of its own, in virtual time, wherever it is called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import anyio

from theater.actor import Actor
from theater.loop import running_loop
from theater.replaying.rehearsal import Rehearsal
from theater.replaying.report import Replay
from theater.replaying.shadow import ShadowLoop
from theater.replaying.source import Source


def rehearse(
    source: Callable[[], Source],
    actor: bytes,
    *,
    classes: Sequence[type[Actor]] = (),
    until: int | None = None,
    break_at: int | None = None,
) -> Replay:
    """Replay an actor; in a thread of its own where a loop runs already, which waits meanwhile."""
    return perform(lambda: Rehearsal(source(), actor, classes=classes, until=until, break_at=break_at))[1]


def perform(make: Callable[[], Rehearsal]) -> tuple[Rehearsal, Replay]:
    """Make a rehearsal and perform it, in one thread."""
    if running_loop() is None:
        return _perform(make())
    with ThreadPoolExecutor(max_workers=1) as threads:
        return threads.submit(lambda: _perform(make())).result()


def _perform(rehearsal: Rehearsal) -> tuple[Rehearsal, Replay]:
    loop = {"loop_factory": partial(ShadowLoop, rehearsal.still)}
    return rehearsal, anyio.run(rehearsal.perform, backend_options=loop)
