"""Actors: classes of state and handlers."""

from __future__ import annotations

import dataclasses
import sys
from typing import TYPE_CHECKING, Any, ClassVar, dataclass_transform

from theater.annotation import Scope
from theater.errors import SetupError
from theater.marking import handler
from theater.plan import make_plan, plan_of
from theater.restart import Reason
from theater.supervision import UNDECLARED, Supervision
from theater.untyped import name_of

if TYPE_CHECKING:
    from theater.cell import Cell
    from theater.context import Context
    from theater.ref import ActorRef

__all__ = ["Actor", "handler"]

_MAKERS = frozenset(
    {"__init_subclass__", "__new__"}
)  # Python code that stands between a class and its making


@dataclass_transform(kw_only_default=True, eq_default=False, field_specifiers=(dataclasses.field,))
class Actor:
    """The base of all actors: annotated public fields are the state, methods with `@handler` take messages.

    A subclass is made like a dataclass whose fields are given by name. Names that begin with `_` are scratch:
    not recorded, gone after a restart. Handlers run one message at a time.
    """

    __slots__ = ("__dict__", "__weakref__", "_cell")

    supervision: ClassVar[Supervision] = UNDECLARED
    """What this class says of its children; never a field."""

    version: ClassVar[int] = 1
    """Of the state; raise it when the fields change, and say by `@migrate` what becomes of old ones."""

    if TYPE_CHECKING:
        _cell: Cell | None

    def __init__(self, **fields: Any) -> None:
        self._cell = None
        plan_of(type(self)).begin(self, fields)
        post_init = getattr(self, "__post_init__", None)
        if post_init is not None:
            post_init()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        frame = sys._getframe(1)  # noqa: SLF001  # the names around a class are only there
        while frame.f_code.co_name in _MAKERS and frame.f_back is not None:
            frame = frame.f_back
        make_plan(cls, Scope.around(frame))

    @property
    def context(self) -> Context:
        """All that an actor may do; there only while a handler or hook runs.

        Raises:
            SetupError: no handler or hook of this actor is running.
        """
        cell = getattr(self, "_cell", None)
        if cell is None:
            raise SetupError(f"{name_of(type(self))} has a context only in its handlers and hooks")
        context: Context = cell.context()
        return context

    async def on_start(self) -> None:
        """Once for each life: after spawning and after a restart; recorded like a message."""

    def on_load(self) -> None:
        """Once for each instance, also when it is resumed, replayed or forked; the place to make scratch."""

    async def on_stop(self, reason: Reason) -> None:
        """Before the actor ends, unless it was killed."""

    async def on_child_failed(self, child: ActorRef[Any], error: Exception) -> None:
        """After a child has failed, whatever is done about it."""

    async def on_child_stopped(self, child: ActorRef[Any], reason: Reason) -> None:
        """After a child has ended, however it did."""

    async def on_child_stopped_by(
        self, child: ActorRef[Any], reason: Reason, by: ActorRef[Any] | None
    ) -> None:
        """Before `on_child_stopped`, if an actor, or the program outside (None), stopped or killed it."""

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={it!r}" for name, it in vars(self).items() if not name.startswith("_"))
        return f"{name_of(type(self))}({shown})"


make_plan(Actor, Scope(globals()))
