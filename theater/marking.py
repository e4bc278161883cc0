"""Marking: which methods may be called from outside, and what is said of them."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterable, Callable, Coroutine
from dataclasses import dataclass, fields
from types import FunctionType
from typing import Any, TypeVar, overload

from theater import failure
from theater.errors import SetupError

F = TypeVar("F", bound=Callable[..., Coroutine[Any, Any, Any] | AsyncIterable[Any]])

_MARK = "__theater_handler__"


@dataclass(frozen=True, slots=True)
class HandlerOptions:
    """What `@handler` says of a function."""

    raises: tuple[type[Exception], ...] | None = None  # None: as the handler that it overrides
    cancellable: bool | None = None  # the same
    priority: bool | None = None  # the same
    ahead: int | None = None  # the same; of streams

    def over(self, overridden: HandlerOptions) -> HandlerOptions:
        """These, and where they say nothing those of the handler that is overridden."""
        return HandlerOptions(
            *(
                getattr(self if getattr(self, one.name) is not None else overridden, one.name)
                for one in fields(self)
            )
        )


PLAIN = HandlerOptions()


@overload
def handler(function: F, /) -> F: ...
@overload
def handler(
    *,
    raises: tuple[type[Exception], ...] | None = None,
    cancellable: bool | None = None,
    priority: bool | None = None,
    ahead: int | None = None,
) -> Callable[[F], F]: ...
def handler(
    function: Any = None,
    /,
    *,
    raises: tuple[type[Exception], ...] | None = None,
    cancellable: bool | None = None,
    priority: bool | None = None,
    ahead: int | None = None,
) -> Any:
    """Let an async method be called from outside; the method itself stays as it is.

    An async generator is a stream, read with `ref.stream`.

    Args:
        function: the method.
        raises: exceptions that are answers: the asker gets them, and the actor lives on.
        cancellable: an asker that gives up cancels it, and the state is as it was before.
        priority: its messages pass those that are not so marked.
        ahead: of a stream, how many items it may be ahead of its reader; 16 if nothing is said.

    An option that is left out is that of the handler which this one overrides.

    Raises:
        SetupError: an option is wrong; a wrong method is told of when its class is made.
    """
    if raises is not None:
        failure.check_declared(raises)
    if ahead is not None and (type(ahead) is not int or ahead < 1):
        raise SetupError(f"ahead= takes a whole number of items of at least 1, not {ahead!r}")
    options = HandlerOptions(raises, cancellable, priority, ahead)

    def mark(marked: Any) -> Any:
        try:
            setattr(marked, _MARK, options)
        except AttributeError:
            raise SetupError(f"@handler takes an async method, not {marked!r}") from None
        return marked

    return mark if function is None else mark(function)


def options_of(attribute: object) -> HandlerOptions | None:
    """What `@handler` said of an attribute of a class, or None if it is no handler."""
    marked = getattr(attribute, "__func__", attribute)  # static and class methods may be marked inside
    found = getattr(attribute, _MARK, None) or getattr(marked, _MARK, None)
    return found if isinstance(found, HandlerOptions) else None


def check_method(attribute: object, where: str) -> FunctionType:
    """Let through an async method, or an async generator.

    Raises:
        SetupError: it is something else.
    """
    if isinstance(attribute, (staticmethod, classmethod)):
        kind = type(attribute).__name__.removesuffix("method")
        raise SetupError(f"{where}() is a {kind} method: a handler is an `async def` with `self`")
    if not isinstance(attribute, FunctionType):
        raise SetupError(f"{where} is not a function: a handler is an `async def` with `self`")
    if not (inspect.iscoroutinefunction(attribute) or inspect.isasyncgenfunction(attribute)):
        raise SetupError(f"{where}() is not async: write `async def {attribute.__name__}(self, ...)`")
    if not inspect.signature(attribute).parameters:
        raise SetupError(f"{where}() has no `self`: a handler is an `async def` with `self`")
    return attribute


def check_override(function: FunctionType, overridden: list[object], where: str) -> None:
    """Let through a stream that overrides a stream, and another that overrides no stream.

    Raises:
        SetupError: whoever calls it by the name of a base class would get what it cannot read.
    """
    yields = inspect.isasyncgenfunction(function)
    for base in overridden:
        if options_of(base) is not None and inspect.isasyncgenfunction(base) is not yields:
            what = "is a stream, but overrides a handler that" if yields else "overrides a stream, but"
            raise SetupError(f"{where} {what} answers once: give it another name")


def abstract_methods(cls: type) -> tuple[str, ...]:
    """Methods that are still to be written, by `abc.abstractmethod`; it works without the metaclass, too."""
    members = {name: it for base in reversed(cls.__mro__) for name, it in vars(base).items()}
    return tuple(name for name, it in members.items() if getattr(it, "__isabstractmethod__", False))
