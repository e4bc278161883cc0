"""Unions: which of several forms a value is of, told by its type alone, also in its plain form."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from theater.compound import Record
from theater.errors import SetupError
from theater.form import Choice, Form, Ref, Scalar, Untyped
from theater.plain import Addressed
from theater.untyped import MisfitError, World, expected


def union(forms: Collection[Form]) -> Form:
    """Join the forms of a union's members.

    Raises:
        SetupError: two of them look the same in plain form.
    """
    flat = [part for form in forms for part in (form.forms if isinstance(form, Either) else (form,))]
    untyped = next((form for form in flat if isinstance(form, Untyped)), None)
    if untyped is not None:
        return untyped
    members = _merged(flat)
    by_plain: dict[type, Form] = {}
    for form in members:
        for plain in form.plains:
            other = by_plain.get(plain)
            if other is None or _is_float(other):
                by_plain[plain] = form
            elif not _is_float(form):
                raise _alike(other, form)
    return members[0] if len(members) == 1 else Either(members, by_plain)


def _merged(forms: Collection[Form]) -> list[Form]:
    """One form for all refs, one for all literals, one for all records with tags."""
    refs = [form for form in forms if isinstance(form, Ref)]
    choices = [form for form in forms if isinstance(form, Choice)]
    tagged = [form for form in forms if isinstance(form, Record) and form.tag is not None]
    groups: list[Form] = [form for form in forms if form not in (*refs, *choices, *tagged)]
    groups += refs[:1]
    if choices:
        groups.append(Choice([value for form in choices for value in form.values]))
    if len(tagged) > 1:
        _check_tags(tagged)
        return [*groups, Tagged(tagged)]
    return [*groups, *tagged]


def _check_tags(records: Collection[Record]) -> None:
    seen: dict[object, Record] = {}
    for record in records:
        if record.tag in seen:
            raise _alike(seen[record.tag], record)
        seen[record.tag] = record
    if len({record.tag[0] for record in records if record.tag is not None}) > 1:
        first, second, *_ = records
        raise _alike(first, second)


def _is_float(form: Form) -> bool:
    return isinstance(form, Scalar) and float in form.kinds


def _alike(first: Form, second: Form) -> SetupError:
    pair = f"`{first.name}` and `{second.name}`"
    if isinstance(first, Record) and isinstance(second, Record):
        remedy = "make them `msgspec.Struct`s with `tag=True`, or fields of one record"
    else:
        remedy = "keep one of them, or make them fields of one record"
    return SetupError(f"a union of {pair} cannot be told apart in the record: {remedy}")


class Either(Form):
    """A union: the type of the value says which of its forms is meant."""

    __slots__ = ("_by_plain", "_by_type", "_refs", "forms")

    def __init__(self, forms: Collection[Form], by_plain: Mapping[type, Form]) -> None:
        super().__init__(
            " | ".join(form.name for form in forms),
            frozenset().union(*(form.takes for form in forms)),
            plains=by_plain,
            kinds=frozenset().union(*(form.kinds for form in forms)),
            frozen=all(form.frozen for form in forms),
            direct=all(form.direct for form in forms),
        )
        self.forms = tuple(forms)
        self._by_type = {kind: form for form in reversed(list(forms)) for kind in form.takes}
        self._refs = next((form for form in forms if isinstance(form, Ref)), None)
        self._by_plain = dict(by_plain)

    def pack(self, value: object, world: World, room: int, /) -> object:
        form = self._by_type.get(type(value))
        if form is None and isinstance(value, Addressed):
            form = self._refs
        if form is None:
            raise expected(self.name, value)
        return form.pack(value, world, room)

    def build(self, plain: object, world: World, /) -> object:
        form = self._by_plain.get(type(plain))
        if form is None:
            raise expected(self.name, plain)
        return form.build(plain, world)


class Tagged(Form):
    """A union of records that say in their plain form which they are."""

    __slots__ = ("_by_type", "by_tag", "field")

    def __init__(self, records: Collection[Record]) -> None:
        name = " | ".join(record.name for record in records)
        super().__init__(name, frozenset().union(*(record.takes for record in records)), plains={dict})
        self._by_type = {kind: record for record in records for kind in record.takes}
        self.by_tag = {record.tag[1]: record for record in records if record.tag is not None}
        self.field = next(record.tag[0] for record in records if record.tag is not None)

    def pack(self, value: object, world: World, room: int, /) -> object:
        record = self._by_type.get(type(value))
        if record is None:
            raise expected(self.name, value)
        return record.pack(value, world, room)

    def build(self, plain: object, world: World, /) -> object:
        tag = plain.get(self.field) if isinstance(plain, dict) else None
        record = self.by_tag.get(tag) if isinstance(tag, (str, int)) else None
        if record is None:
            raise MisfitError(f"Invalid value {tag!r} for the tag of `{self.name}`")
        return record.build(plain, world)
