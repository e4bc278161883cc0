"""Stream handlers as plans: async generators, whose items travel one by one."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Coroutine
from functools import wraps
from inspect import Parameter
from typing import Any, get_args, get_origin

from theater.errors import SetupError
from theater.handler import HandlerPlan
from theater.untyped import World

AHEAD = 16
"""Items that a generator may be ahead of its reader, unless its handler says another number."""

_STREAMS = (AsyncIterator, AsyncGenerator, AsyncIterable)


class StreamPlan(HandlerPlan):
    """How a stream handler is called: its answer is None, once all items are given."""

    __slots__ = ("ahead",)

    def __init__(self, name: str, call: Callable[..., Any], **parts: Any) -> None:
        super().__init__(name, served(call), **parts)
        self.ahead = parts["options"].ahead or AHEAD

    @property
    def hint(self) -> str:
        """What whoever asks or tells it is told."""
        return f"{self.label}() is a stream: read it with `async for item in ref.stream({self.label}, ...)`"

    def carry_answer(self, answer: Any, world: World) -> tuple[Any, Any]:
        """A generator returns nothing."""
        del world
        return answer, answer

    def carry_item(self, item: Any, world: World) -> tuple[Any, Any]:
        """Check and copy an item: as it arrives, and as a plain value.

        Raises:
            TypeError: it is not what the handler says it yields.
        """
        return super().carry_answer(item, world)


def served(function: Callable[..., AsyncGenerator[Any, Any]]) -> Callable[..., Coroutine[Any, Any, None]]:
    """The generator function as what an actor's task can await: it hands the items to who reads them."""

    @wraps(function)
    async def serve(actor: Any, /, *args: Any, **kwargs: Any) -> None:
        await actor._cell.current.flow.serve(function(actor, *args, **kwargs))  # noqa: SLF001  # its own cell

    return serve


def item_of(annotation: object, where: str) -> object:
    """What a generator with this annotation yields.

    Raises:
        SetupError: it is not the annotation of an async generator.
    """
    if annotation in (Any, object, Parameter.empty):
        return Any
    if (get_origin(annotation) or annotation) not in _STREAMS:
        raise SetupError(f"{where} yields: annotate it as a stream, such as `-> AsyncIterator[str]`")
    return next(iter(get_args(annotation)), Any)
