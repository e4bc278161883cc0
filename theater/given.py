"""Given values: what a document such as TOML says, as a value of a form.

A document has text, numbers, booleans, dates, lists and tables. They stand for all else that a form takes: a
list for a tuple or a set, a table for a record, text for an enum's value, a UUID, a Decimal, a content ref,
bytes (in base64), or the name of an actor; a number of seconds, or ISO 8601, for a timedelta.
"""

from __future__ import annotations

import binascii
import datetime as dt
from base64 import b64decode
from collections.abc import Callable, Iterable
from types import NoneType
from typing import Any, TypeAlias

import msgspec

from theater.compound import Dict, Fixed, Items, Record
from theater.content import ContentRef
from theater.errors import MalformedError
from theater.form import Choice, Constrained, Form, Leaf, Member, Nothing, Ref, Scalar, Untyped
from theater.nearest import did_you_mean
from theater.record import MISSING
from theater.union import Either, Tagged
from theater.untyped import MisfitError, build_plain, expected, pack_plain

Finder: TypeAlias = Callable[[str], object]
"""Turns the name of an actor into its ref; MisfitError if there is none."""

_DATES = (dt.datetime, dt.date, dt.time)
_NUMBERS: tuple[type, ...] = (bool, int, float)


class Filled(str):
    """Text that was put in the place of a variable: it may also stand for a number or a boolean."""

    __slots__ = ()


def read_given(form: Form, given: object, find: Finder) -> Any:
    """The value of this form that `given` stands for.

    Raises:
        MisfitError: it stands for none; the text names the place.
    """
    return _READERS[type(form)](form, given, find)


def read_number(text: str, kind: type) -> Any:
    """The bool, int or float that text stands for.

    Raises:
        MisfitError: it stands for none.
    """
    try:
        return msgspec.convert(text, kind, strict=False)
    except msgspec.ValidationError:
        raise MisfitError(f"Expected `{kind.__name__}`, got {text!r}") from None


def _other(form: Form, given: object) -> object:
    """Forms whose values a document writes as they are."""
    return form.build(_plain_text(given), _nowhere)


def _nowhere(_: object) -> object:
    raise MisfitError("Expected a value without refs")


def _plain_text(given: object) -> object:
    return str(given) if isinstance(given, Filled) else given


def _scalar(form: Scalar, given: object, _: Finder) -> object:
    if bytes in form.kinds and isinstance(given, str):
        return _bytes(given)
    if isinstance(given, Filled) and str not in form.kinds and NoneType not in form.kinds:
        return read_number(given, float if float in form.kinds else next(iter(form.kinds)))
    return _other(form, given)


def _bytes(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise MisfitError("Expected `bytes` in base64, got other text") from None


def _leaf(form: Leaf, given: object, _: Finder) -> object:
    if type(given) is form.kind and isinstance(given, _DATES):
        return given
    if isinstance(given, _DATES) or not isinstance(given, (str, int, float)) or isinstance(given, bool):
        raise expected(form.name, given)
    if form.kind is bytearray and isinstance(given, str):
        return bytearray(_bytes(given))
    try:
        if form.kind is ContentRef and isinstance(given, str):
            return ContentRef.parse(given)
        return msgspec.convert(_plain_text(given), form.kind, strict=form.kind is not dt.timedelta)
    except (msgspec.ValidationError, MalformedError, ValueError, OverflowError) as error:
        raise MisfitError(str(error)) from None


def _ref(form: Ref, given: object, find: Finder) -> object:
    if not isinstance(given, str):
        raise MisfitError(f"Expected `{form.name}`, as the name of an actor, got `{type(given).__name__}`")
    return find(str(given))


def _choice(form: Choice, given: object, _: Finder) -> object:
    kinds = [kind for kind in _NUMBERS if kind in form.takes]
    if isinstance(given, Filled) and str not in form.takes and kinds:
        return form.build(read_number(given, kinds[0]), _nowhere)
    return _word(form, given, [value for value in form.values if isinstance(value, str)])


def _member(form: Member, given: object, _: Finder) -> object:
    values = [member.value for member in form.kind]
    if isinstance(given, Filled) and str not in form.plains:
        return form.build(read_number(given, int), _nowhere)
    return _word(form, given, [value for value in values if isinstance(value, str)])


def _word(form: Form, given: object, words: list[str]) -> object:
    try:
        return _other(form, given)
    except MisfitError as misfit:
        if not isinstance(given, str) or not words:
            raise
        raise MisfitError(f"{misfit}{did_you_mean(given, words)}") from None


def _constrained(form: Constrained, given: object, find: Finder) -> object:
    value = read_given(form.inner, given, find)
    form.check(value)
    return value


def _items(form: Items, given: object, find: Finder) -> object:
    if not isinstance(given, list):
        raise expected(form.name, given)
    values = _parts(((f"[{index}]", form.item, one) for index, one in enumerate(given)), find)
    try:
        return form.make(values)
    except TypeError:
        raise MisfitError(
            f"Expected values that a `{form.name}` can hold, got some that can change"
        ) from None


def _fixed(form: Fixed, given: object, find: Finder) -> object:
    if not isinstance(given, list):
        raise expected(form.name, given)
    if len(given) != len(form.items):
        raise MisfitError(f"Expected `tuple` of length {len(form.items)}, got {len(given)}")
    pairs = enumerate(zip(form.items, given, strict=True))
    return tuple(_parts(((f"[{index}]", item, one) for index, (item, one) in pairs), find))


def _dict(form: Dict, given: object, find: Finder) -> object:
    """The keys of a document are text, and may stand for numbers."""
    if not isinstance(given, dict):
        raise expected(form.name, given)
    keys = _parts((("[key]", form.key, Filled(key)) for key in given), find)
    values = _parts(((f"[{key!r}]", form.item, one) for key, one in given.items()), find)
    return dict(zip(keys, values, strict=True))


def _record(form: Record, given: object, find: Finder) -> object:
    if not isinstance(given, dict):
        raise expected(form.name, given)
    parts = {name: one for name, one in given.items() if form.tag is None or name != form.tag[0]}
    for name in parts:
        if name not in form.fields:
            raise MisfitError(f"`{form.name}` has no field `{name}`{did_you_mean(name, form.fields)}")
    values = _parts(((f".{name}", form.fields[name], one) for name, one in parts.items()), find)
    built = dict(zip(parts, values, strict=True))
    for name in form.fields.keys() - parts.keys():
        if name not in form.defaults:
            raise MisfitError(f"`{form.name}` misses its field `{name}`")
        built[name] = form.defaults[name]()
    return form.make({name: built[name] for name in form.fields if built[name] is not MISSING})


def _either(form: Either, given: object, find: Finder) -> object:
    """The first of its forms that fits; else what is wrong by the one that came furthest."""
    misfits = []
    for one in form.forms:
        try:
            return read_given(one, given, find)
        except MisfitError as misfit:
            if NoneType not in one.takes:
                misfits.append(misfit)
    furthest = max(misfits, key=lambda misfit: len(misfit.path))
    raise furthest if furthest.path or len(misfits) == 1 else expected(form.name, given)


def _tagged(form: Tagged, given: object, find: Finder) -> object:
    tag = given.get(form.field) if isinstance(given, dict) else None
    record = form.by_tag.get(_plain_text(tag)) if isinstance(tag, (str, int)) else None
    if record is None:
        known = ", ".join(f"{form.field} = {tag!r}" for tag in form.by_tag)
        raise MisfitError(f"Expected `{form.name}` with one of {known}")
    return read_given(record, given, find)


def _untyped(_form: Untyped, given: object, _: Finder) -> object:
    return build_plain(pack_plain(_unfilled(given), _nowhere), _nowhere)


def _unfilled(given: object) -> object:
    if isinstance(given, list):
        return [_unfilled(one) for one in given]
    if isinstance(given, dict):
        return {key: _unfilled(one) for key, one in given.items()}
    return _plain_text(given)


def _parts(parts: Iterable[tuple[str, Form, object]], find: Finder) -> list[Any]:
    """Values one level further in; a misfit says by which step."""
    values = []
    for step, form, given in parts:
        try:
            values.append(read_given(form, given, find))
        except MisfitError as misfit:
            raise misfit.within(step) from None
    return values


_READERS: dict[type[Form], Callable[[Any, object, Finder], object]] = {
    Scalar: _scalar,
    Leaf: _leaf,
    Ref: _ref,
    Choice: _choice,
    Member: _member,
    Constrained: _constrained,
    Items: _items,
    Fixed: _fixed,
    Dict: _dict,
    Record: _record,
    Either: _either,
    Tagged: _tagged,
    Untyped: _untyped,
    Nothing: lambda form, given, _: _other(form, given),
}
