"""Annotations: from the names in a class to the types they mean, wherever the class was written."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Collection, Mapping, Sequence
from types import FrameType
from typing import Any, ClassVar, TypeVar, cast, get_args, get_origin, get_type_hints

from theater.errors import SetupError
from theater.untyped import name_of

_REMEDY = "import it where the program runs, not only under TYPE_CHECKING, and before the class is used"


class UnknownNameError(SetupError):
    """An annotation calls a name that nothing has, or not yet."""

    def __init__(self, where: str, name: str) -> None:
        super().__init__(f"{where}: the name {name!r} in its annotation is not known: {_REMEDY}")


class Scope:
    """Where a class was written: what its annotations may call, and what they were found to mean."""

    __slots__ = ("_frames", "_kept", "_meanings", "space")

    def __init__(self, space: Mapping[str, object], frames: Sequence[FrameType] = ()) -> None:
        self.space = space  # of its module
        self._frames = tuple(frames)  # of the functions and classes around it, innermost first
        self._kept: dict[str, object] = {}
        self._meanings: dict[str, Any] = {}

    @classmethod
    def around(cls, frame: FrameType) -> Scope:
        """The scope of a class that this frame is making."""
        frames = []
        space = frame.f_globals
        while frame.f_locals is not frame.f_globals:
            frames.append(frame)
            if frame.f_code.co_flags & inspect.CO_NEWLOCALS or frame.f_back is None:
                break
            frame = frame.f_back
        return cls(space, frames)

    @property
    def names(self) -> dict[str, object]:
        """What the surroundings call by which name, as of now; the innermost wins."""
        names = dict(self._kept)
        for frame in reversed(self._frames):
            names |= frame.f_locals
        return names

    def meaning(
        self, where: str, raw: object, *, own: Mapping[str, object], space: Mapping[str, object]
    ) -> Any:
        """What the annotation at `where` means; `own` are the names inside the class.

        Raises:
            UnknownNameError: a name in it is not known (yet).
            SetupError: it is not a type at all.
        """
        if where not in self._meanings:
            names = {**self.names, **own}
            self._meanings[where] = resolve(raw, where=where, space=space, names=names)
        return self._meanings[where]

    def settle(self) -> None:
        """Let go of the surroundings, but for the classes in them: all annotations are known."""
        self._kept = {name: value for name, value in self.names.items() if isinstance(value, type)}
        self._frames = ()


def resolve(raw: object, *, where: str, space: Mapping[str, object], names: Mapping[str, object]) -> Any:
    """Evaluate one annotation with the names of its module (`space`) and of its scope.

    Raises:
        UnknownNameError: a name in it is not known (yet).
        SetupError: it is not a type at all.
    """
    holder = type("_", (), {"__annotations__": {"it": raw}})
    try:
        return get_type_hints(holder, dict(space), dict(names), include_extras=True)["it"]
    except NameError as error:
        raise UnknownNameError(where, error.name or str(error)) from None
    except (TypeError, SyntaxError, AttributeError, ValueError) as error:
        raise SetupError(f"{where}: {raw!r} is not a type: {error}") from None


def module_names(module: str) -> Mapping[str, object]:
    """The names of a module, if it is imported."""
    return vars(sys.modules[module]) if module in sys.modules else {}


def own_annotations(cls: type) -> dict[str, object]:
    """The annotations that stand in this class itself."""
    return dict(inspect.get_annotations(cls))


def is_class_var(raw: object) -> bool:
    """Say whether an annotation, evaluated or not, makes a name of the class."""
    if isinstance(raw, str):
        return raw.partition("[")[0].rpartition(".")[2].strip() == "ClassVar"
    return raw is ClassVar or get_origin(raw) is ClassVar


def own_names(cls: type) -> dict[str, object]:
    """What annotations in a class may call besides the names of its module."""
    names: dict[str, object] = {
        parameter.__name__: parameter for parameter in getattr(cls, "__type_params__", ())
    }
    names[cls.__name__] = cls
    names.update((name, value) for name, value in vars(cls).items() if isinstance(value, type))
    return names


def arguments_of(cls: type, given: tuple[object, ...] = ()) -> dict[type, dict[TypeVar, object]]:
    """What the type parameters of a class and of its bases stand for: `class Names(Box[str])` says str."""
    parameters = getattr(cls, "__parameters__", ())
    own: dict[TypeVar, object] = dict(zip(parameters, given, strict=False))
    found: dict[type, dict[TypeVar, object]] = {cls: own}
    for base in vars(cls).get("__orig_bases__", cls.__bases__):
        origin = get_origin(base) or base
        if isinstance(origin, type) and origin is not object:
            arguments = tuple(substitute(argument, own) for argument in get_args(base))
            found |= {kind: known for kind, known in arguments_of(origin, arguments).items() if known}
    return found


def substitute(annotation: object, known: Mapping[TypeVar, object]) -> object:
    """Put types in the place of type parameters."""
    if isinstance(annotation, TypeVar):
        return known.get(annotation, annotation)
    parameters = getattr(annotation, "__parameters__", ())
    if isinstance(annotation, type) or not parameters or not known:
        return annotation
    return cast("Any", annotation)[tuple(known.get(parameter, parameter) for parameter in parameters)]


def hints_of(
    cls: type, wanted: Collection[str], given: tuple[object, ...], *, names: Mapping[str, object]
) -> dict[str, object]:
    """The types of the `wanted` names of a record class with these type arguments, bases first.

    Raises:
        UnknownNameError: a name in an annotation is not known (yet).
        SetupError: an annotation is not a type at all.
    """
    known = arguments_of(cls, given)
    hints: dict[str, object] = {}
    for base in reversed(cls.__mro__):
        known_here = own_names(base)
        for name, raw in own_annotations(base).items():
            if name not in wanted:
                continue
            where, space = f"{name_of(base)}.{name}", module_names(base.__module__)
            try:
                hint = resolve(raw, where=where, space=space, names=known_here)
            except UnknownNameError:
                hint = resolve(raw, where=where, space=space, names={**names, **known_here})
            hints[name] = substitute(hint, known.get(base, {}))
    return hints
