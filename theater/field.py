"""Fields: the names of an actor's state, and the values they begin with."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterator
from copy import deepcopy
from typing import Any, TypeAlias

from theater.annotation import is_class_var, own_annotations
from theater.errors import SetupError
from theater.untyped import SCALARS, name_of

Default: TypeAlias = Callable[[], Any]
"""Gives a field its first value; a fresh one each time if it can change."""


def own_fields(cls: type) -> list[str]:
    """The names of the fields that are annotated in this very class."""
    return [name for name in _annotated(cls) if not name.startswith("_")]


def own_scratch(cls: type) -> dict[str, Default]:
    """First values for scratch that is annotated in this very class and could be shared by mistake."""
    given = {name: vars(cls)[name] for name in _annotated(cls) if name.startswith("_") and name in vars(cls)}
    return {name: default_of(it) for name, it in given.items() if _has_default(it) and not _is_constant(it)}


def own_defaults(cls: type, fields: Collection[str]) -> dict[str, Default]:
    """The defaults that this very class gives, to its own fields or to inherited ones.

    Raises:
        SetupError: an option of `dataclasses.field` means nothing to an actor.
    """
    given = {name: value for name, value in vars(cls).items() if name in fields}
    defaults = {}
    for name, value in given.items():
        if isinstance(value, dataclasses.Field):
            _check_field(value, name, f"{name_of(cls)}.{name}")
        if _has_default(value):
            defaults[name] = default_of(value)
    return defaults


def clean(cls: type) -> None:
    """Put the defaults of `dataclasses.field` in the place of its markers, as dataclasses do."""
    for name, value in list(vars(cls).items()):
        if isinstance(value, dataclasses.Field):
            if value.default is dataclasses.MISSING:
                delattr(cls, name)
            else:
                setattr(cls, name, value.default)


def default_of(value: object) -> Default:
    """The default that a value in a class body stands for."""
    if isinstance(value, dataclasses.Field):
        if value.default_factory is not dataclasses.MISSING:
            return value.default_factory
        value = value.default
    if _is_constant(value):
        return lambda: value
    if type(value) in (list, dict, set) and not value:
        return type(value)
    pristine = deepcopy(value)
    return lambda: deepcopy(pristine)


def _annotated(cls: type) -> Iterator[str]:
    return (name for name, raw in own_annotations(cls).items() if not is_class_var(raw))


def _is_constant(value: object) -> bool:
    if isinstance(value, dataclasses.Field):
        return False
    return type(value) in SCALARS or (type(value) is not tuple and type(value).__hash__ is not None)


def _has_default(value: object) -> bool:
    if not isinstance(value, dataclasses.Field):
        return True
    return value.default is not dataclasses.MISSING or value.default_factory is not dataclasses.MISSING


def _check_field(field: dataclasses.Field[Any], name: str, where: str) -> None:
    if not field.init:
        raise SetupError(f"{where}: init=False makes no field of an actor; as `_{name}` it is scratch")
    if field.kw_only is False:
        raise SetupError(f"{where}: fields of an actor are given by name; leave out kw_only=False")
