"""Supervision as a class says it: its strategy, its limit, and the children that it always has."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Unpack

from theater.errors import SetupError
from theater.marking import options_of
from theater.options import Options, SpawnOptions
from theater.restart import ONE_FOR_ONE, RestartLimit, Strategy
from theater.untyped import name_of

if TYPE_CHECKING:
    from theater.actor import Actor

_SEGMENT_BYTES = 255


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """A child that a supervisor always has; `child` makes one."""

    actor: Actor  # each start works on a copy of it
    name: str
    options: Options
    supervision: Supervision | None = None  # of its own children, in the place of what its class says


def child(actor: Actor, *, name: str, **options: Unpack[SpawnOptions]) -> ChildSpec:
    """Say of a class of supervisors that it has this child; `options` are those of `spawn`.

    Raises:
        SetupError: a bad option or name.
    """
    return ChildSpec(actor, check_name(name), Options.of(options))


@dataclass(frozen=True, slots=True)
class Supervision:
    """What the class attribute `supervision` of an actor says of all its children.

    Args:
        strategy: who is started again besides the child that failed.
        limit: for all children together, a restart of several counting as one. It takes the place of the
            default limit of a child; a child's own limit, where it has one, must be kept as well.
        children: those that are there in each life; started first to last before `on_start`, stopped last
            to first.
    """

    strategy: Strategy = ONE_FOR_ONE
    limit: RestartLimit | None = None
    children: tuple[ChildSpec, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.strategy, Strategy):
            raise SetupError(f"strategy must be a Strategy, not {self.strategy!r}")
        if self.limit is not None and not isinstance(self.limit, RestartLimit):
            raise SetupError(f"limit must be a RestartLimit, not {self.limit!r}")
        object.__setattr__(self, "children", tuple(self.children))
        for one in self.children:
            if not isinstance(one, ChildSpec):
                raise SetupError(f"children are made by child(Worker(), name=...), not {one!r}")
        names = [one.name for one in self.children]
        for name in names:
            if names.count(name) > 1:
                raise SetupError(f"two children are called {name!r}")


DEFAULT = Supervision()
"""For supervisors that say nothing, and for the program outside."""


UNDECLARED = Supervision()
"""Of classes that say nothing: what ends by itself there is not started again."""


def supervision_of(cls: type, root: type) -> Supervision | None:
    """What a class of actors says of its children, or None if it says nothing; `root` is `Actor`.

    Raises:
        SetupError: its `supervision` is something else, or a child is no actor.
    """
    said: object = getattr(cls, "supervision", None)
    if said is None or said is UNDECLARED:
        return None
    if not isinstance(said, Supervision):
        raise SetupError(f"{name_of(cls)}.supervision must be a Supervision, not {said!r}")
    for one in said.children:
        if not isinstance(one.actor, root):
            raise SetupError(f"{name_of(cls)}.supervision: child {one.name!r} is no actor: {one.actor!r}")
    return said


def decider_of(cls: type) -> Callable[..., object] | None:
    """The method `decide(child, error)` of a class that has a `supervision`, or None; a handler is none.

    Raises:
        SetupError: it is not a plain method.
    """
    found: object = getattr(cls, "decide", None)
    if found is None or options_of(found) is not None:
        return None
    if not inspect.isfunction(found) or inspect.iscoroutinefunction(found):
        raise SetupError(f"{name_of(cls)}.decide must be a plain `def decide(self, child, error)`")
    return found


def check_name(name: str) -> str:
    """Let through what an actor may be called.

    Raises:
        SetupError: not a name: 1 to 255 bytes of text without `/`, not `.` or `..`.
    """
    if type(name) is not str:
        raise SetupError(f"a name is text, not {type(name).__name__}")
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        raise SetupError(f"a name is text without lone surrogates, not {name!r}") from None
    if not 1 <= size <= _SEGMENT_BYTES or "/" in name or name in {".", ".."}:
        raise SetupError(f"a name has 1 to {_SEGMENT_BYTES} bytes, no '/', and is not '.' or '..': {name!r}")
    return name
