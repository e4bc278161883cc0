"""Declared errors: exceptions that are answers, as plain values and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn

from theater import errors
from theater.errors import SetupError
from theater.untyped import MisfitError, World, build_plain, pack_plain

_HEAP_TYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE: made by a class statement
_ARGS: Any = vars(BaseException)["args"]  # errors may override how attributes are read and set


def check_declared(raises: object) -> None:
    """Let through a tuple of exception classes.

    Raises:
        SetupError: it is something else.
    """
    if not isinstance(raises, tuple) or not all(
        isinstance(kind, type) and issubclass(kind, Exception) for kind in raises
    ):
        raise SetupError(f"raises= takes a tuple of exception classes, such as (ValueError,), not {raises!r}")


def text_of(error: BaseException) -> str:
    """What an error says, as text that packs."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001  # `__str__` is the user's code
        return "an error that cannot say its text"
    return text.encode(errors="backslashreplace").decode()


def pack_error(error: BaseException, world: World, *, declared: Sequence[type[Exception]]) -> dict[str, Any]:
    """The body of an error: `class`, `text`, and as `attributes` what of it packs, its `args` among them.

    Where its class is not itself declared, `base` names the nearest one that is.
    """
    text = text_of(error)
    body: dict[str, Any] = {"class": type(error).__name__, "text": text}
    attributes = dict(_packable(_attributes(error), world))
    args = _ARGS.__get__(error)
    if args != (text,):
        attributes |= _packable({"args": list(args)}, world)
    if attributes:
        body["attributes"] = attributes
    base = next((kind for kind in type(error).__mro__ if kind in declared), None)
    if base is not None and base is not type(error):
        body["base"] = base.__name__
    return body


def restore_error(
    body: Mapping[str, Any],
    world: World,
    *,
    declared: Sequence[type[Exception]],
    kind: type[BaseException] | None = None,
) -> Exception:
    """The error that a body stands for, made without `__init__`.

    Of its own class if that is declared, or an imported subclass of a declared one; else of the nearest
    declared base. `kind` is its class where that is at hand.
    """
    if kind is None or not issubclass(kind, tuple(declared)):
        kind = _class_of(body, declared)
    plain = body.get("attributes", {})
    attributes: dict[str, Any] = {name: build_plain(it, world) for name, it in plain.items()}
    args = tuple(attributes.pop("args", [body["text"]]))
    maker: Any = next(base for base in kind.__mro__ if not base.__flags__ & _HEAP_TYPE)
    if issubclass(kind, BaseExceptionGroup):  # whose parts are not recorded; none would be no group
        args = (body["text"], [Exception(body["text"])])
    error: Exception = maker.__new__(kind, *args)  # a `__new__` of its own may want what the record lacks
    _ARGS.__set__(error, args)
    _attributes(error).update(attributes)
    return error


def _attributes(error: BaseException) -> dict[str, Any]:
    found: dict[str, Any] = object.__getattribute__(error, "__dict__")
    return found


def _class_of(body: Mapping[str, Any], declared: Sequence[type[Exception]]) -> type[Exception]:
    exact = [kind for kind in declared if kind.__name__ == body["class"]]
    below = [kind for base in declared for kind in _subclasses(base) if kind.__name__ == body["class"]]
    bases = [kind for kind in declared if kind.__name__ == body.get("base")]
    found = [*exact, *reversed(below), *bases, *declared]  # of two with one name, the one made last
    return found[0] if found else Exception


def _subclasses(kind: type[Exception]) -> Iterator[type[Exception]]:
    for below in kind.__subclasses__():
        yield below
        yield from _subclasses(below)


def _packable(attributes: Mapping[str, Any], world: World) -> Iterator[tuple[str, object]]:
    for name, value in attributes.items():
        try:
            yield name, pack_plain(value, world)
        except MisfitError:
            continue  # what does not pack stays behind


def recorded_error(told: Mapping[str, Any]) -> errors.TheaterError:
    """An error of the runtime itself, from its name and text in the record."""
    kind = getattr(errors, told["class"], errors.TheaterError)
    text = str(told["text"])
    if kind is errors.NotAllowedError:
        return errors.NotAllowedError(text)
    if kind is errors.AskCycleError:
        return errors.AskCycleError(text.rpartition(": ")[2].split(" → "))
    error = restore_error(told, _no_refs, declared=(kind,))
    assert isinstance(error, errors.TheaterError)
    return error


def _no_refs(address: object) -> NoReturn:
    raise TypeError(f"{address} in an error of the runtime")
