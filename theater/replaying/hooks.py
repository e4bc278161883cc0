"""Hooks again: what the runtime told an actor's hooks, made of what the record holds of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from theater.codec import ActorAddress
from theater.errors import ActorFailedError
from theater.failure import restore_error
from theater.restart import Reason

if TYPE_CHECKING:
    from theater.replaying.shadow import ShadowStage


def arguments(stage: ShadowStage, name: str, plain: Sequence[Any]) -> tuple[Any, ...]:
    """The arguments of a hook, as the runtime gave them."""
    return _ARGUMENTS[name](stage, *plain)


def _nothing(_: ShadowStage) -> tuple[Any, ...]:
    return ()


def _reason(_: ShadowStage, reason: str) -> tuple[Any, ...]:
    return (Reason(reason),)


def _failed(stage: ShadowStage, child: ActorAddress, told: dict[str, Any]) -> tuple[Any, ...]:
    """The error as whoever supervises got it; the chain of the child says where it failed."""
    ref = stage.recall(child)
    where = stage.failed_in(child.id, told.get("seq", -1))
    what = f"{ref._cell.class_name} {ref.name!r} failed in {where}"  # noqa: SLF001  # the runtime's own link
    failure = ActorFailedError(f"{what}: {told['class']}: {told['text']}")
    failure.__cause__ = restore_error(told, stage.recall, declared=(Exception,))
    return ref, failure


def _stopped(stage: ShadowStage, child: ActorAddress, reason: str) -> tuple[Any, ...]:
    return stage.recall(child), Reason(reason)


def _stopped_by(
    stage: ShadowStage, child: ActorAddress, reason: str, by: ActorAddress | None
) -> tuple[Any, ...]:
    return stage.recall(child), Reason(reason), None if by is None else stage.recall(by)


_ARGUMENTS: dict[str, Callable[..., tuple[Any, ...]]] = {
    "on_start": _nothing,
    "on_stop": _reason,
    "on_child_failed": _failed,
    "on_child_stopped": _stopped,
    "on_child_stopped_by": _stopped_by,
}
