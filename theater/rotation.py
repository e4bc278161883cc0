"""Rotation: a theater's key hands over to the next, and its record says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from theater.errors import SetupError
from theater.keys import VerifyKey

if TYPE_CHECKING:
    from theater.journal.handing import KeySource
    from theater.loop import Future
    from theater.stage import Stage


async def rotate_key(stage: Stage, new: KeySource | None) -> VerifyKey:
    """Hand over to `new`, or to a key that is made; returns the public key that signs from here on."""
    if stage.is_rotating:
        raise SetupError("a key is handing over already: wait until it has")
    stage.is_rotating = True
    journal = stage.journal
    try:
        handover = await journal.prepare_key(new)
        stage.check_journal()
    except BaseException:
        stage.is_rotating = False
        raise
    old = journal.key
    journal.hand_over(handover)
    stage.recorder.append(stage.root, "theater/key", {"old": old.data, "new": handover.public.data})
    gate: Future[None] = stage.loop.create_future()
    gate.add_done_callback(lambda _: _end(stage))
    journal.then(gate, None)  # it ends also if nobody waits for it any more
    await stage.committed()
    return handover.public


def _end(stage: Stage) -> None:
    stage.is_rotating = False
