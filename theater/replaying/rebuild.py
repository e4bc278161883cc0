"""Rebuilding: a state that was too large for its event, made again from the snapshot before it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from theater.actor import Actor
from theater.errors import MissingError, NotRecordedError, SetupError
from theater.replaying.rehearsal import Rehearsal
from theater.replaying.report import Replay
from theater.replaying.restoring import newest_full
from theater.replaying.run import perform
from theater.replaying.source import Source


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A state, as plain values; None if the code does something else now, and `replay` says where."""

    state: dict[str, Any] | None
    replay: Replay


def rebuild(
    source: Callable[[], Source], actor: bytes, *, at: int, classes: Sequence[type[Actor]] = ()
) -> Rebuilt:
    """The state after event `at` as the last handled message left it: the code runs again from the newest
    snapshot before on.

    Raises:
        HistoryCutError, NotRecordedError, SetupError: as a replay.
    """

    def make() -> Rehearsal:
        opened = source()
        return Rehearsal(opened, actor, classes=classes, until=at, since=newest_full(opened.chain(actor), at))

    rehearsal, replay = perform(make)
    return Rebuilt(rehearsal.state if replay.ok else None, replay)


def told_or_rebuilt(
    tell: Callable[[], dict[str, Any]],
    source: Callable[[], Source],
    actor: bytes,
    *,
    at: int,
    classes: Sequence[type[Actor]] = (),
) -> dict[str, Any]:
    """The state as the record tells it, or else as the code makes it again.

    Raises:
        NotRecordedError: neither; the text says why.
    """
    try:
        return tell()
    except NotRecordedError as untold:
        try:
            rebuilt = rebuild(source, actor, at=at, classes=classes)
        except (MissingError, SetupError) as error:
            raise NotRecordedError(f"{untold}, and it cannot be made again: {error}") from error
        if rebuilt.state is None:
            raise NotRecordedError(
                f"{untold}, and the code does not make it again: {rebuilt.replay}"
            ) from None
        return rebuilt.state
