"""Record classes: dataclasses, Structs, named tuples, typed dicts, attrs classes; names and parts."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from functools import cached_property
from types import MemberDescriptorType
from typing import Any, cast, is_typeddict

import msgspec

from theater.errors import SetupError
from theater.untyped import MisfitError, name_of


@dataclasses.dataclass(frozen=True, slots=True)
class Layout:
    """What a record class is made of, and how its values are taken apart and made without `__init__`."""

    names: tuple[str, ...]
    read: Callable[[Any], Mapping[str, object]]
    make: Callable[[dict[str, object]], object]
    defaults: Mapping[str, Callable[[], object]]
    tag: tuple[str, object] | None = None


def is_record(cls: type) -> bool:
    """Say whether this is a record class."""
    return (
        dataclasses.is_dataclass(cls)
        or issubclass(cls, msgspec.Struct)
        or is_typeddict(cls)
        or _is_named_tuple(cls)
        or hasattr(cls, "__attrs_attrs__")
    )


def layout_of(cls: type) -> Layout:
    """Read a record class.

    Raises:
        SetupError: it holds more than its fields.
    """
    if issubclass(cls, msgspec.Struct):
        return _struct(cls)
    if is_typeddict(cls):
        return _typed_dict(cls)
    if _is_named_tuple(cls):
        return _named_tuple(cls)
    if cls.__new__ is not object.__new__:
        raise SetupError(f"{name_of(cls)} is made by a `__new__` of its own: send its fields instead")
    if dataclasses.is_dataclass(cls):
        return _dataclass(cls)
    names = tuple(field.name for field in cast("Any", cls).__attrs_attrs__)
    return Layout(names, _reader(cls, names), _maker(cls), {})


def _is_named_tuple(cls: type) -> bool:
    return issubclass(cls, tuple) and hasattr(cls, "_fields")


def _dataclass(cls: Any) -> Layout:
    defaults: dict[str, Callable[[], object]] = {}
    for field in dataclasses.fields(cls):
        if field.default is not dataclasses.MISSING:
            defaults[field.name] = _always(field.default)
        elif field.default_factory is not dataclasses.MISSING:
            defaults[field.name] = field.default_factory
    names = tuple(field.name for field in dataclasses.fields(cls))
    return Layout(names, _reader(cls, names), _maker(cls), defaults)


def _struct(cls: type[msgspec.Struct]) -> Layout:
    defaults: dict[str, Callable[[], object]] = {}
    for field in msgspec.structs.fields(cls):
        if field.default is not msgspec.NODEFAULT:
            defaults[field.name] = _always(field.default)
        elif field.default_factory is not msgspec.NODEFAULT:
            defaults[field.name] = field.default_factory
    config = cls.__struct_config__
    tag: tuple[str, object] | None = (
        None if config.tag is None else (cast("str", config.tag_field), config.tag)
    )

    def make(parts: dict[str, object]) -> object:
        try:
            return cls(**parts)
        except (TypeError, ValueError) as error:  # its __post_init__ refuses, as it does when msgspec decodes
            raise MisfitError(str(error)) from None

    return Layout(cls.__struct_fields__, msgspec.structs.asdict, make, defaults, tag)


def _typed_dict(cls: type) -> Layout:
    optional = cast("Any", cls).__optional_keys__
    return Layout(tuple(cls.__annotations__), _same, _same, dict.fromkeys(optional, _always(MISSING)))


def _named_tuple(cls: Any) -> Layout:
    names: tuple[str, ...] = cls._fields
    defaults = {name: _always(value) for name, value in cls._field_defaults.items()}
    return Layout(names, cls._asdict, lambda parts: tuple.__new__(cls, parts.values()), defaults)


def _reader(cls: type, names: tuple[str, ...]) -> Callable[[Any], Mapping[str, object]]:
    """Take apart by attributes; names that are no fields come along, and are refused later.

    What a cached property has kept is no part of the value.
    """
    caches = {
        name for base in cls.__mro__ for name, it in vars(base).items() if isinstance(it, cached_property)
    }
    slots = [name for name in names if _is_slot(cls, name)]
    if not slots and not caches:
        return vars

    def read(value: Any) -> dict[str, object]:
        parts = {name: getattr(value, name) for name in slots if hasattr(value, name)}
        if cls.__dictoffset__:
            parts |= {name: part for name, part in vars(value).items() if name not in caches}
        return parts

    return read


def _maker(cls: type) -> Callable[[dict[str, object]], object]:
    """Make a value as copying does: without `__init__` and `__post_init__`, frozen or not."""

    def make(parts: dict[str, object]) -> object:
        value: object = object.__new__(cls)
        for name, part in parts.items():
            object.__setattr__(value, name, part)
        return value

    return make


def _is_slot(cls: type, name: str) -> bool:
    return isinstance(getattr(cls, name, None), MemberDescriptorType)


def _always(value: object) -> Callable[[], object]:
    return lambda: value


def _same(value: Any) -> Any:
    return value


MISSING = msgspec.UNSET
"""Stands for a key that a typed dict may lack."""
