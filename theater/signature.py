"""Signatures: the parameters and the answer of a function, each with its shape."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any, TypeVar

from theater.annotation import Scope, UnknownNameError, own_names, substitute
from theater.cancelling import unless_cancelled
from theater.errors import SetupError
from theater.handler import HandlerPlan, Parameter
from theater.marking import HandlerOptions
from theater.shape import Shape
from theater.untyped import name_of
from theater.yielding import StreamPlan, item_of


def plan_method(
    function: FunctionType,
    *,
    owner: type,
    label: str,
    scope: Scope,
    known: Mapping[TypeVar, object],
    options: HandlerOptions,
) -> HandlerPlan:
    """Plan a method that stands in `owner`, written in `scope`; `known` is what type parameters stand for.

    Raises:
        UnknownNameError: an annotation calls a name that is not known (yet).
        SetupError: what a parameter or the answer holds cannot be carried.
    """
    signature = inspect.signature(function)
    space = inspect.unwrap(function).__globals__
    own = own_names(owner) | {one.__name__: one for one in getattr(function, "__type_params__", ())}
    written = f"{name_of(owner)}.{function.__name__}()"

    def meaning(raw: object, part: str) -> object:
        return substitute(scope.meaning(f"{written} {part}", raw, own=own, space=space), known)

    def shape(raw: object, part: str) -> Shape:
        return shape_of(meaning(raw, part), f"{label}() {part}", scope.names)

    parameters = [
        Parameter(one.name, one.kind, shape(one.annotation, f"parameter {one.name!r}"), _is_required(one))
        for one in list(signature.parameters.values())[1:]
    ]
    call: Callable[..., Any] = function
    if inspect.isasyncgenfunction(function):
        if options.cancellable:
            raise SetupError(f"{label}() is a stream, which ends at its `yield`: leave out cancellable=")
        item = item_of(meaning(signature.return_annotation, "answer"), f"{label}()")
        kind: type[HandlerPlan] = StreamPlan
        answer = shape_of(item, f"{label}() item", scope.names)
    elif options.ahead is None:
        kind, answer = HandlerPlan, shape(signature.return_annotation, "answer")
    else:
        raise SetupError(f"{label}() is no stream: leave out ahead=, or `yield` in it")
    if options.cancellable:
        call = unless_cancelled(function)
    return kind(function.__name__, call, label=label, parameters=parameters, answer=answer, options=options)


def shape_of(annotation: object, where: str, names: Mapping[str, object]) -> Shape:
    """Read an annotation; an error says where it stands.

    Raises:
        UnknownNameError: it calls a name that is not known (yet).
        SetupError: what it says cannot be carried.
    """
    try:
        return Shape.of(annotation, names=names)
    except UnknownNameError:
        raise
    except SetupError as error:
        raise SetupError(f"{where}: {error}") from None


def _is_required(one: inspect.Parameter) -> bool:
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return one.default is inspect.Parameter.empty and one.kind not in variable


def plan_hook(name: str, function: Callable[..., Any], label: str) -> HandlerPlan:
    """Plan a hook: the runtime calls it with values of its own, so nothing is carried."""
    return HandlerPlan(name, function, label=label, parameters=(), answer=Shape.of(object))
