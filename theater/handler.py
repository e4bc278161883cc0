"""Handlers as plans: how their arguments, answers and errors travel."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from dis import opmap
from types import FunctionType
from typing import Any

from theater import failure
from theater.marking import PLAIN, HandlerOptions
from theater.shape import Shape
from theater.unrolled import fits_function, passes_function
from theater.untyped import MisfitError, World, are_brief, check_scalar, name_of, passes


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a handler."""

    name: str
    kind: Any  # as `inspect.Parameter.kind`
    shape: Shape
    is_required: bool


def may_wait(function: Callable[..., Any]) -> bool:
    """Say whether others may run before a call of it has ended: not if it is a coroutine without `await`."""
    if type(function) is not FunctionType or not function.__code__.co_flags & inspect.CO_COROUTINE:
        return True
    return opmap["YIELD_VALUE"] in function.__code__.co_code[::2]  # each second byte is an instruction


class HandlerPlan:
    """How one handler is called: made once per class, used for every message."""

    __slots__ = (
        "_answer",
        "_by_name",
        "_kinds",
        "_least",
        "_more",
        "_most",
        "_only_by_place",
        "_placed",
        "_required",
        "_rest",
        "answers",
        "call",
        "cancellable",
        "fits",
        "is_brief",
        "label",
        "name",
        "only",
        "priority",
        "raises",
        "takes_int",
        "waits",
    )

    def __init__(
        self,
        name: str,
        call: Callable[..., Any],
        *,
        label: str,
        parameters: Sequence[Parameter],
        answer: Shape,
        options: HandlerOptions = PLAIN,
    ) -> None:
        self.name = name
        self.call = call  # with the actor, then the arguments
        self.waits = may_wait(call)  # others may run before it has ended
        self.label = label  # as errors call it: `Counter.add`
        self.raises = options.raises or ()
        self.cancellable = bool(options.cancellable)
        self.priority = bool(options.priority)
        self._answer = answer
        by_place = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        self._placed = tuple(one for one in parameters if one.kind in by_place)
        self._only_by_place = sum(one.kind is inspect.Parameter.POSITIONAL_ONLY for one in parameters)
        named = [one for one in parameters if one.kind is inspect.Parameter.KEYWORD_ONLY]
        self._by_name = {one.name: one.shape for one in (*self._placed[self._only_by_place :], *named)}
        self._rest = next(
            (one.shape for one in parameters if one.kind is inspect.Parameter.VAR_POSITIONAL), None
        )
        self._more = next(
            (one.shape for one in parameters if one.kind is inspect.Parameter.VAR_KEYWORD), None
        )
        self._required = tuple(one.name for one in named if one.is_required)
        self._kinds = tuple(one.shape.kinds for one in self._placed)
        self._most = len(self._placed)
        self.answers: Callable[[object], bool] = self._write_answers
        """Whether an answer travels as it is."""
        self.fits: Callable[[tuple[Any, ...]], bool] = self._write_fits
        """Whether these arguments, all by their places, travel as they are: scalars of the right types."""
        self.only = self._kinds[0] if len(parameters) == len(self._kinds) == 1 else None
        self.takes_int = self.only == frozenset({int})  # and nothing else: what is looked at most often
        self.is_brief = are_brief(self._kinds, len(name))  # what is recorded of it is short in any case
        required = sum(one.is_required for one in self._placed)
        self._least = self._most + 1 if self._required else required  # the quick way fills only places

    def _write_fits(self, args: tuple[Any, ...]) -> bool:
        """Most handlers of most programs are never called: `fits` is written when it is."""
        self.fits = fits_function(self._kinds, self._least)
        return self.fits(args)

    def _write_answers(self, answer: object) -> bool:
        self.answers = passes_function(self._answer.kinds)
        return self.answers(answer)

    def carry(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], world: World
    ) -> tuple[tuple[Any, ...], dict[str, Any], list[Any], dict[str, Any]]:
        """Check and copy the arguments of a message: as they arrive, and as plain values.

        Raises:
            TypeError: they do not fit the handler; the text names the argument.
        """
        if not kwargs and self.fits(args):
            return args, kwargs, [*args], kwargs
        self._check_names(args, kwargs)
        pairs = self._each(Shape.carry, args, kwargs, world)
        arrived, named = _split([pair[0] for pair in pairs], kwargs)
        plain, plain_named = _split([pair[1] for pair in pairs], kwargs)
        return arrived, named, list(plain), plain_named

    def restore(
        self, args: Sequence[Any], kwargs: Mapping[str, Any], world: World
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Bring arguments back from their plain form.

        Raises:
            TypeError: they do not fit the handler.
        """
        self._check_names(args, kwargs)
        return _split(self._each(Shape.restore, args, kwargs, world), kwargs)

    def carry_answer(self, answer: Any, world: World) -> tuple[Any, Any]:
        """Check and copy an answer: as it arrives, and as a plain value.

        Raises:
            TypeError: it is not what the handler says it returns.
        """
        if passes(answer, self._answer.kinds):
            return answer, answer
        try:
            return self._answer.carry(answer, world)
        except MisfitError as misfit:
            raise TypeError(f"the answer of {self.label}(): {misfit}") from None

    def restore_answer(self, plain: Any, world: World) -> Any:
        """Bring an answer back from its plain form.

        Raises:
            TypeError: it is not what the handler says it returns.
        """
        try:
            return self._answer.restore(plain, world)
        except MisfitError as misfit:
            raise TypeError(f"the answer of {self.label}(): {misfit}") from None

    def pack_error(self, error: BaseException, world: World) -> dict[str, Any]:
        """The body of an error: its class name, its text, and those of its attributes that pack."""
        return failure.pack_error(error, world, declared=self.raises)

    def restore_error(
        self, body: Mapping[str, Any], world: World, *, kind: type[BaseException] | None = None
    ) -> Exception:
        """The declared error that this body stands for; `kind` is its class where that is at hand."""
        return failure.restore_error(body, world, declared=self.raises, kind=kind)

    def _each(
        self,
        change: Callable[[Shape, Any, World], Any],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        world: World,
    ) -> list[Any]:
        changed = []
        for name, shape, value in self._matched(args, kwargs):
            try:
                changed.append(change(shape, value, world))
            except MisfitError as misfit:
                raise TypeError(f"{self.label}() argument {name!r}: {misfit}") from None
        return changed

    def _matched(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Iterator[tuple[str, Shape, Any]]:
        """Each argument with its name and shape; only for names that were checked."""
        for index, value in enumerate(args):
            if index < self._most:
                yield self._placed[index].name, self._placed[index].shape, value
            elif self._rest is not None:
                yield f"*{index}", self._rest, value
        for name, value in kwargs.items():
            shape = self._by_name.get(name, self._more)
            if shape is not None:
                yield name, shape, value

    def _check_names(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        if len(args) > self._most and self._rest is None:
            takes = f"{self._most} argument{'' if self._most == 1 else 's'}"
            raise TypeError(f"{self.label}() takes {takes} by position, but {len(args)} came")
        filled = {one.name for one in self._placed[: len(args)]}
        for name in kwargs:
            if name in filled and name in self._by_name:
                raise TypeError(f"{self.label}() got several values for argument {name!r}")
            if name not in self._by_name and self._more is None:
                raise TypeError(f"{self.label}() got an unexpected argument {name!r}")
            if name not in self._by_name:
                self._check_name(name)
        by_name = self._placed[len(args) :]
        for index, one in enumerate(by_name, start=len(args)):
            if one.is_required and (one.name not in kwargs or index < self._only_by_place):
                raise TypeError(f"{self.label}() missing argument {one.name!r}")
        for name in self._required:
            if name not in kwargs:
                raise TypeError(f"{self.label}() missing argument {name!r}")

    def _check_name(self, name: str) -> None:
        """Of `**more` the names are the sender's, and they must pack as the values do."""
        if type(name) is not str:
            raise TypeError(
                f"{self.label}() argument name {name!r}: Expected `str`, got `{name_of(type(name))}`"
            )
        try:
            check_scalar(name)
        except MisfitError as misfit:
            raise TypeError(f"{self.label}() argument name {name!r}: {misfit}") from None


def _split(values: list[Any], kwargs: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    places = len(values) - len(kwargs)
    return tuple(values[:places]), dict(zip(kwargs, values[places:], strict=True))
