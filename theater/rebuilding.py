"""Rebuilding at a resume: a state that the record does not hold is made again from the messages before."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from anyio import to_thread

from theater.errors import SetupError
from theater.imported import class_of
from theater.plan import plan_of
from theater.replaying import DifferenceError, rebuild, source_of

if TYPE_CHECKING:
    from theater.actor import Actor
    from theater.past import Past
    from theater.sleepers import Sleeper
    from theater.stage import Stage


async def complete(
    stage: Stage,
    sleeper: Sleeper,
    past: Past,
    classes: Mapping[str, type[Actor]],
    *,
    changed_code: bool,
) -> None:
    """Give the actor its last state, if that was too large for its event and no snapshot was made since.

    Raises:
        DifferenceError: the code does something else than it did then.
        TheaterError: it cannot be made.
    """
    if past.state is not None:
        return
    cls = class_of(sleeper.class_name, classes)
    if past.version != plan_of(cls).version:
        raise SetupError(f"it is not in the record, and only version {past.version} of its class can make it")
    if past.source != plan_of(cls).source_digest and not changed_code:
        raise SetupError(
            "its last state is not in the record, and the code that would make it again has changed:"
            " resume(changed_code=True) lets it, if it does the same"
        )
    work = partial(
        rebuild,
        source_of(stage.journal, stage.folder),
        sleeper.id,
        at=(sleeper.events if past.open is None else past.open.seq) - 1,
        classes=[*classes.values(), cls],
    )
    rebuilt = await to_thread.run_sync(work)
    replay = rebuilt.replay
    if rebuilt.state is None:
        assert replay.seq is not None
        raise DifferenceError(replay.seq, expected=replay.expected, found=replay.found, diff=replay.diff)
    past.state = rebuilt.state
    past.is_rebuilt = True
