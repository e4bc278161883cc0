"""Effects: what an actor does to the world outside, once, with intent before and outcome after."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints, overload

from theater import limits
from theater.attempts import Attempts, EffectOptions
from theater.errors import SetupError
from theater.failure import check_declared
from theater.handler import HandlerPlan, Parameter
from theater.marking import HandlerOptions
from theater.retry import Retry
from theater.shape import Shape
from theater.whereabouts import name_of_module

if TYPE_CHECKING:
    from theater.cell import Cell

F = TypeVar("F", bound=Callable[..., Any])

_MARK = "__theater_effect__"
_NONE: frozenset[str] = frozenset()


@overload
def effect(function: F, /) -> F: ...
@overload
def effect(
    *,
    idempotent: bool = False,
    raises: tuple[type[Exception], ...] = (),
    retry: Retry | None = None,
    key: str | None = None,
) -> Callable[[F], F]: ...
def effect(
    function: Any = None,
    /,
    *,
    idempotent: bool = False,
    raises: tuple[type[Exception], ...] = (),
    retry: Retry | None = None,
    key: str | None = None,
) -> Any:
    """Say of a function how it is run as an effect; the function itself stays as it is.

    Args:
        function: what is run.
        idempotent: running it twice is as good as once: it is run again if the process died meanwhile.
        raises: exceptions that reach the handler as they are; any other arrives as `EffectFailedError`.
        retry: how often and when it is run again if it fails; each attempt, and each wait, is recorded.
        key: the name of a keyword argument that is given an idempotency key, for the world outside to know
            the attempts of one effect by: a text that stays the same in every attempt and every process.
    """
    check_declared(raises)
    if type(idempotent) is not bool:
        raise SetupError(f"idempotent= takes True or False, not {idempotent!r}")
    options = EffectOptions(idempotent, raises, retry, key)
    if retry is not None and not isinstance(retry, Retry):
        raise SetupError(f"retry= takes a Retry, not {retry!r}")

    def mark(marked: F) -> F:
        if key is not None:
            _check_key(marked, key)
        setattr(marked, _MARK, options)
        return marked

    return mark if function is None else mark(function)


def _check_key(function: Any, key: str) -> None:
    parameters = inspect.signature(function).parameters.values()
    if not any(one.kind is one.KEYWORD_ONLY and one.name == key for one in parameters):
        name = getattr(function, "__qualname__", repr(function))
        raise SetupError(f"{name} has no keyword-only argument {key!r} for its idempotency key")


async def run(cell: Cell, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Record the intent and make it durable, run, record the outcome."""
    inner = function
    while isinstance(inner, partial):
        inner = inner.func
    name = getattr(inner, "__qualname__", None)
    if name is None or not hasattr(inner, "__module__"):
        raise TypeError(f"an effect is a function, whose name the record can hold, not {inner!r}")
    options: EffectOptions = getattr(inner, _MARK, EffectOptions())
    bound, named = (len(function.args), frozenset(function.keywords)) if function is not inner else (0, _NONE)
    plan = _plan(inner, bound, named, options)
    args, kwargs, plain_args, plain_kwargs = plan.carry(args, kwargs, cell.theater.world)
    cell.asked()
    name = f"{name_of_module(inner.__module__ or 'builtins')}:{name}"
    limits.check_effect(cell, name)
    body: dict[str, Any] = {"args": plain_args, "effect": name}
    if plain_kwargs:
        body["kwargs"] = plain_kwargs
    return await Attempts(cell, plan, options, body, partial(function, *args, **kwargs)).run()


@lru_cache(maxsize=256)
def _plan(inner: Any, bound: int, named: frozenset[str], options: EffectOptions) -> HandlerPlan:
    """How arguments and result travel (90 µs, so kept).

    What `functools.partial` has bound stays out, and so does the idempotency key.
    """
    function = partial(inner, *[None] * bound, **dict.fromkeys(named)) if bound or named else inner
    try:
        hints = get_type_hints(inner, include_extras=True)
    except (NameError, TypeError):
        hints = {}
    parameters = [
        Parameter(one.name, one.kind, _shape(hints.get(one.name, Any)), one.default is one.empty)
        for one in _signature(function).parameters.values()
        if one.name != options.key
    ]
    name = inner.__qualname__
    answer = _shape(hints.get("return", Any))
    raises = HandlerOptions(raises=options.raises)
    return HandlerPlan(name, function, label=name, parameters=parameters, answer=answer, options=raises)


def _signature(function: Any) -> inspect.Signature:
    try:
        return inspect.signature(function)
    except ValueError:  # a function written in C that does not say
        return inspect.signature(_anything)


def _anything(*args: Any, **kwargs: Any) -> None: ...


def _shape(annotation: object) -> Shape:
    """Types that cannot be carried by themselves are carried as plain values."""
    try:
        return Shape.of(annotation)
    except SetupError:
        return Shape.of(Any)
