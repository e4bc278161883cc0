"""Shapes: from an annotation to the way its values are checked, carried and brought back."""

from __future__ import annotations

import datetime as dt
import inspect
import typing
from collections import abc
from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from functools import partial
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Final,
    Literal,
    NewType,
    NotRequired,
    Required,
    Self,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
)
from uuid import UUID

import msgspec

from theater.annotation import UnknownNameError, hints_of
from theater.compound import Dict, Fixed, Items, Record
from theater.content import ContentRef
from theater.errors import SetupError
from theater.form import Choice, Constrained, Form, Leaf, Member, Nothing, Ref, Scalar, Untyped
from theater.plain import Addressed
from theater.record import MISSING, is_record, layout_of
from theater.union import union
from theater.untyped import DEEPEST, SCALARS, World, fixed_offset, name_of, passes

_UNTYPED = Untyped()


class Shape:
    """How the values of one annotation travel."""

    __slots__ = ("form", "frozen", "kinds")

    def __init__(self, form: Form) -> None:
        self.form = form
        self.kinds = form.kinds  # scalars that pass as they are
        self.frozen = form.frozen  # its values never change

    @classmethod
    def of(cls, annotation: object, *, names: Mapping[str, object] | None = None) -> Self:
        """Read an annotation; `names` are what a local class's own annotations may call.

        Raises:
            UnknownNameError: an annotation in a record class calls a name that is not known (yet).
            SetupError: values of that type cannot be carried; the text says what to do instead.
        """
        return cls(_Reader(names or {}).read(annotation))

    def carry(self, value: object, world: World) -> tuple[Any, Any]:
        """Check a value and copy it twice: as it arrives, and as the record holds it.

        Raises:
            TypeError: it is not of this shape; the text names the place.
        """
        if passes(value, self.kinds):
            return value, value
        plain = self.form.pack(value, world, DEEPEST)
        return self.form.build(plain, world), plain

    def pack(self, value: object, world: World) -> Any:
        """The plain half of `carry`."""
        return self.form.pack(value, world, DEEPEST)

    def restore(self, plain: object, world: World) -> Any:
        """Bring a value back from its plain form.

        Raises:
            TypeError: the plain form is not of this shape; the text names the place.
        """
        return self.form.build(plain, world)


class _Reader:
    """Reads annotations; knows the records it is within, since these may hold themselves."""

    def __init__(self, names: Mapping[str, object]) -> None:
        self._names = names
        self._records: dict[object, Record] = {}
        self._aliases: list[object] = []
        self._within: type | None = None

    def read(self, annotation: object) -> Form:  # noqa: PLR0911  # a table of cases
        form = _SIMPLE.get(annotation) if _is_hashable(annotation) else None
        if form is not None:
            return form
        if isinstance(annotation, TypeVar):
            return _UNTYPED
        if annotation is Self and self._within is not None:
            return self.record(self._within)
        if isinstance(annotation, NewType):
            return self.read(annotation.__supertype__)
        if type(annotation).__name__ == "TypeAliasType":
            return self.alias(annotation)
        origin = get_origin(annotation)
        if type(origin).__name__ == "TypeAliasType":
            return self.read(cast("Any", origin).__value__[get_args(annotation)])
        if origin is None:
            return self.bare(annotation)
        return self.parametrised(annotation, origin, get_args(annotation))

    def bare(self, annotation: object) -> Form:
        """A class without type arguments."""
        if not isinstance(annotation, type):
            raise _uncarriable(annotation)
        if issubclass(annotation, Enum):
            return _member(annotation)
        if issubclass(annotation, Addressed):
            return Ref(annotation)
        if is_record(annotation):
            return self.record(annotation)
        if annotation in _COLLECTIONS:
            return self.collection(annotation, ())
        raise _uncarriable(annotation)

    def parametrised(self, annotation: object, origin: Any, args: tuple[Any, ...]) -> Form:  # noqa: PLR0911  # as `read`
        if origin is Union or origin is UnionType:
            return union([self.read(arg) for arg in args])
        if origin is Annotated:
            inner = self.read(args[0])
            metas = [arg for arg in args[1:] if isinstance(arg, msgspec.Meta)]
            return Constrained(inner, annotation) if metas else inner
        if origin is Literal:
            return _choice(args)
        if origin in _WRAPPERS:
            return self.read(args[0])
        if origin is tuple and args[-1:] != (Ellipsis,):
            return Fixed([self.read(arg) for arg in args])
        if origin in _COLLECTIONS:
            return self.collection(origin, args)
        if isinstance(origin, type) and issubclass(origin, Addressed):
            return Ref(origin)
        if isinstance(origin, type) and is_record(origin):
            return self.record(origin, args)
        raise _uncarriable(annotation)

    def collection(self, origin: type, args: tuple[Any, ...]) -> Form:
        kinds = _COLLECTIONS[origin]
        forms = [self.read(arg) for arg in args if arg is not Ellipsis] or [_UNTYPED, _UNTYPED]
        if kinds == (dict,):
            return Dict(*forms)
        parts = [Items(kind, forms[0]) for kind in kinds]
        if len(parts) == 1:
            return parts[0]
        return union([part for part in parts if part.plains == part.takes])  # sets of records look like lists

    def record(self, cls: type, args: tuple[Any, ...] = ()) -> Record:
        known = self._records.get((cls, args))
        if known is not None:
            return known
        layout = layout_of(cls)
        record = self._records[cls, args] = Record(cls, read=layout.read, make=layout.make, tag=layout.tag)
        outer, self._within = self._within, cls
        fields, defaults = {}, dict(layout.defaults)
        for name, hint in hints_of(cls, layout.names, args, names=self._names).items():
            if get_origin(hint) is NotRequired:
                defaults[name] = lambda: MISSING
            elif get_origin(hint) is Required:
                defaults.pop(name, None)
            try:
                fields[name] = self.read(hint)
            except UnknownNameError:
                raise
            except SetupError as error:
                raise SetupError(f"{name_of(cls)}.{name}: {error}") from None
        record.fill({name: fields[name] for name in layout.names}, defaults)
        self._within = outer
        return record

    def alias(self, alias: Any) -> Form:
        if alias in self._aliases:
            raise SetupError(
                f"{alias} holds itself: make it a record class, or annotate the place with `object`"
            )
        self._aliases.append(alias)
        form = self.read(alias.__value__)
        self._aliases.pop()
        return form


def _member(kind: type[Enum]) -> Form:
    kinds = {type(member.value) for member in kind}
    if not kinds or not kinds <= {int, str}:
        raise SetupError(f"the values of {name_of(kind)} are not all `int` or `str`: give them such values")
    return Member(kind)


def _choice(args: tuple[object, ...]) -> Form:
    if not SCALARS.issuperset(map(type, args)):
        raise SetupError("a Literal of enum members: annotate with the enum itself")
    return Choice(args)


def _is_hashable(annotation: object) -> bool:
    try:
        hash(annotation)
    except TypeError:
        return False
    return True


def _uncarriable(annotation: object) -> SetupError:
    if not isinstance(annotation, type):
        return SetupError(f"values of {annotation!r} cannot be carried: {_REMEDY}")
    remedy = next((remedy for name, remedy in _REMEDIES.items() if hasattr(annotation, name)), _REMEDY)
    return SetupError(f"values of `{name_of(annotation)}` cannot be carried: {remedy}")


def _leaf(kind: type, plain: type) -> Leaf:
    return Leaf(kind, plain=plain, there=msgspec.to_builtins, back=partial(msgspec.convert, type=kind))


def _same(value: Any) -> Any:
    return value


_REMEDY = "use plain values, a dataclass, or an enum"
_REMEDIES = {"_theater_plan": "name an actor by its `ActorRef[...]`"}
_WRAPPERS = (Final, Required, NotRequired)
_SIMPLE: dict[object, Form] = {
    Any: _UNTYPED,
    object: _UNTYPED,
    inspect.Parameter.empty: _UNTYPED,
    typing.NoReturn: Nothing(),
    typing.Never: Nothing(),
    typing.Tuple: Items(tuple, _UNTYPED),  # noqa: UP006  # the alias that has no arguments
    None: Scalar(NoneType),
    **{kind: Scalar(kind) for kind in SCALARS},
    dt.datetime: Leaf(dt.datetime, plain=dt.datetime, there=fixed_offset, back=_same),
    UUID: Leaf(UUID, plain=UUID, there=_same, back=_same),
    ContentRef: Leaf(ContentRef, plain=ContentRef, there=_same, back=_same),
    bytearray: Leaf(bytearray, plain=bytes, there=bytes, back=bytearray, frozen=False),
    **{kind: _leaf(kind, str) for kind in (dt.date, dt.time, dt.timedelta, Decimal)},
}
_COLLECTIONS: dict[Any, tuple[type, ...]] = {
    **{kind: (kind,) for kind in (list, tuple, set, frozenset, dict)},
    **dict.fromkeys((abc.Iterable, abc.Collection, abc.Container), (list, tuple, set, frozenset)),
    **dict.fromkeys((abc.Sequence, abc.Reversible), (list, tuple)),
    abc.MutableSequence: (list,),
    abc.Set: (set, frozenset),
    abc.MutableSet: (set,),
    abc.Mapping: (dict,),
    abc.MutableMapping: (dict,),
}
