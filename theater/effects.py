"""Effects: what an actor does to the world outside, once, with intent before and outcome after."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints, overload

import anyio.to_thread

from theater import limits, prompted
from theater.errors import EffectFailedError, EffectInDoubtError, SetupError
from theater.failure import text_of
from theater.handler import HandlerPlan, Parameter
from theater.marking import HandlerOptions
from theater.shape import Shape

if TYPE_CHECKING:
    from theater.cell import Cell

F = TypeVar("F", bound=Callable[..., Any])

_MARK = "__theater_effect__"
_NONE: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class EffectOptions:
    """What `@effect` says of a function."""

    idempotent: bool = False  # may run again if it is unknown whether it ran
    raises: tuple[type[Exception], ...] = ()  # reach the handler as they are


@overload
def effect(function: F, /) -> F: ...
@overload
def effect(*, idempotent: bool = False, raises: tuple[type[Exception], ...] = ()) -> Callable[[F], F]: ...
def effect(
    function: Any = None, /, *, idempotent: bool = False, raises: tuple[type[Exception], ...] = ()
) -> Any:
    """Say of a function how it is run as an effect; the function itself stays as it is.

    Args:
        function: what is run.
        idempotent: running it twice is as good as once.
        raises: exceptions that reach the handler as they are; any other arrives as `EffectFailedError`.
    """
    options = EffectOptions(idempotent, tuple(raises))
    if not all(isinstance(error, type) and issubclass(error, Exception) for error in options.raises):
        raise SetupError(f"raises= takes exception classes, not {raises!r}")

    def mark(marked: F) -> F:
        setattr(marked, _MARK, options)
        return marked

    return mark if function is None else mark(function)


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
    name = f"{inner.__module__ or 'builtins'}:{name}"
    limits.check_effect(cell, name)
    body: dict[str, Any] = {"args": plain_args, "effect": name}
    if plain_kwargs:
        body["kwargs"] = plain_kwargs
    prompter = prompted.prompter_of(cell)
    if prompter is not None:
        answer, begun = await prompted.effect(prompter, cell, plan, body)
        if begun is None:
            return answer
        seq = begun
        if not options.idempotent:
            raise _in_doubt(cell, name, seq)
    else:
        seq = cell.record("effect/begun", body)
        if cell.theater.journal.durable:
            await cell.theater.committed()
    return await _outcome(cell, plan, seq, partial(function, *args, **kwargs))


def _in_doubt(cell: Cell, name: str, seq: int) -> EffectInDoubtError:
    """The process died while it ran: whoever asked for it must find out what happened."""
    error = EffectInDoubtError(f"the process died while {name} ran: nobody knows whether it happened")
    told = {"class": "EffectInDoubtError", "text": str(error)}
    cell.record("effect/ended", {"effect": seq, "error": told})
    return error


@lru_cache(maxsize=256)
def _plan(inner: Any, bound: int, named: frozenset[str], options: EffectOptions) -> HandlerPlan:
    """How arguments and result travel; what `functools.partial` has bound stays out (90 µs, so kept)."""
    function = partial(inner, *[None] * bound, **dict.fromkeys(named)) if bound or named else inner
    try:
        hints = get_type_hints(inner, include_extras=True)
    except (NameError, TypeError):
        hints = {}
    parameters = [
        Parameter(one.name, one.kind, _shape(hints.get(one.name, Any)), one.default is one.empty)
        for one in _signature(function).parameters.values()
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


async def _outcome(cell: Cell, plan: HandlerPlan, seq: int, call: Callable[[], Any]) -> Any:
    world = cell.theater.world
    try:
        answer = await _call(call)
    except Exception as raised:  # noqa: BLE001  # whatever it raised is its outcome
        error = raised.error if isinstance(raised, _OddError) else raised
        declared = isinstance(error, plan.raises)
        told = (
            plan.pack_error(error, world)
            if declared
            else {"class": type(error).__name__, "text": text_of(error)}
        )
        cell.record("effect/ended", {"effect": seq, "error": told})
        if declared:
            raise plan.restore_error(told, world, kind=type(error)) from error
        raise EffectFailedError(told["class"], told["text"]) from error
    try:
        arrived, plain = plan.carry_answer(answer, world)
    except TypeError as error:
        cell.record("effect/ended", {"effect": seq, "error": {"class": "TypeError", "text": str(error)}})
        raise EffectFailedError("TypeError", str(error)) from error
    cell.record("effect/ended", {"answer": plain, "effect": seq})
    return arrived


async def _call(call: Callable[[], Any]) -> Any:
    function: Any = call
    while isinstance(function, partial):
        function = function.func
    if inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__):
        return await call()
    answer, odd = await anyio.to_thread.run_sync(_call_here, call)
    if odd is not None:
        raise _OddError(odd)
    return await answer if inspect.isawaitable(answer) else answer


class _OddError(Exception):
    """Carries what would close the coroutine of whoever waits for a thread."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(error)
        self.error = error


def _call_here(call: Callable[[], Any]) -> tuple[Any, BaseException | None]:
    """The answer, or an exception that must not leave the thread as it is."""
    try:
        return call(), None
    except (GeneratorExit, StopIteration) as error:
        return None, error
