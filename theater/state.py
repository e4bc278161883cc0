"""State: an actor's fields as plain values, and a cheap look at what a message changed in them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeAlias, cast
from uuid import UUID

from msgpack import packb
from msgspec import Struct

from theater.content import ContentRef
from theater.field import Default
from theater.plain import DEPTH, Addressed, encode, extension, prepare
from theater.shape import Shape
from theater.unrolled import are_ints, changed_function
from theater.untyped import SCALARS, MisfitError, World, are_brief, passes

_NONE: Final = object()  # stands for a field that is not there
_EMPTY: Final[dict[str, Any]] = {}  # of all that have none: an empty dict is 64 bytes; never changed
_LEAVES = frozenset({datetime, UUID, ContentRef})  # besides scalars, what never changes in an untyped place
_HEADER = 9  # bytes that MessagePack takes at most for a number or for the length of a text
_WIDEST = 4  # bytes of a character
SMALL: Final = 4_096  # bytes of packed state that a `message/handled` may hold

Changed: TypeAlias = bool | dict[str, Any] | Struct
"""Whether a message changed the state; or the new state, ready to be packed at once."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an actor class."""

    name: str
    shape: Shape
    default: Default | None


class State:
    """The fields of one actor class."""

    __slots__ = ("_keepers", "fields", "is_brief", "label", "most_bytes", "ordered")

    def __init__(self, label: str, fields: Mapping[str, Field]) -> None:
        self.label = label  # as errors call the class
        self.fields = dict(fields)
        self.ordered = sorted(fields.items(), key=lambda item: (len(item[0].encode()), item[0].encode()))
        self._keepers: dict[bool, type[StateKeeper]] = {}
        kinds = {name: field.shape.kinds for name, field in fields.items()}
        self.is_brief = not kinds or (are_brief([*kinds.values()], sum(map(len, kinds))) and are_ints(kinds))
        """What is recorded of it is short in any case, and does not change once it is given."""
        self.most_bytes = _HEADER + sum(
            2 * _HEADER + _WIDEST * len(name) for name in fields
        )  # of short values

    def copy(self, attributes: Mapping[str, Any], world: World) -> dict[str, Any]:
        """The fields among these attributes as plain values.

        Raises:
            TypeError: one is missing, one does not fit, or a public attribute is no field.
        """
        if attributes:
            self.check_names(attributes)
        if not self.fields:
            return {}
        return {name: self.pack(name, self.value(attributes, name), world) for name in self.fields}

    def restore(self, plain: Mapping[str, Any], world: World) -> dict[str, Any]:
        """The values of all fields; those that a record lacks get their defaults.

        Raises:
            TypeError: the record holds something else than this class has.
        """
        for name in plain:
            if name not in self.fields:
                raise TypeError(f"the recorded state has a field {name!r}, which {self.label} has not")
        if not self.fields:
            return {}
        return {name: self._build(field, plain, world) for name, field in self.fields.items()}

    def keeper(
        self, attributes: Mapping[str, Any], world: World, recall: World, *, tells: bool
    ) -> StateKeeper:
        """What keeps the state of one actor of this class; it has these attributes now.

        Only one that `tells` gives a new state, for the record: that takes 60 ns of a message.
        """
        if tells not in self._keepers:
            kinds = {name: field.shape.kinds for name, field in self.ordered}
            changed = changed_function(kinds, (SMALL - self.most_bytes) // _WIDEST if tells else -1)
            kind = type("StateKeeper", (StateKeeper,), {"__slots__": (), "changed": changed})
            self._keepers[tells] = kind
        return self._keepers[tells](self, attributes, world, recall)

    def value(self, attributes: Mapping[str, Any], name: str) -> Any:
        """A field's value.

        Raises:
            TypeError: it is not there.
        """
        value = attributes.get(name, _NONE)
        if value is _NONE:
            raise TypeError(f"{self.label} has lost its field {name!r}")
        return value

    def pack(self, name: str, value: Any, world: World) -> Any:
        """A field's value as a plain value.

        Raises:
            TypeError: it does not fit.
        """
        shape = self.fields[name].shape
        if passes(value, shape.kinds):
            return value
        try:
            return shape.pack(value, world)
        except MisfitError as misfit:
            raise TypeError(f"{self.label} field {name!r}: {misfit}") from None

    def check_names(self, attributes: Collection[str]) -> None:
        """Refuse attributes that are neither fields nor scratch.

        Raises:
            TypeError: there is one.
        """
        for name in attributes:
            if name not in self.fields and not name.startswith("_"):
                remedy = f"annotate it in the class to make it state, or call it `_{name}`"
                raise TypeError(f"{self.label} has an attribute {name!r} that is no field: {remedy}")

    def _build(self, field: Field, plain: Mapping[str, Any], world: World) -> Any:
        if field.name not in plain:
            if field.default is None:
                raise TypeError(f"the recorded state lacks the field {field.name!r} of {self.label}")
            return field.default()
        value = plain[field.name]
        if passes(value, field.shape.kinds):
            return value
        try:
            return field.shape.restore(value, world)
        except MisfitError as misfit:
            raise TypeError(f"{self.label} field {field.name!r} in the record: {misfit}") from None


class StateKeeper:
    """Remembers the last good state of one actor: values that never change as they are, the rest packed."""

    # fmt: off
    __slots__ = (
        "_plain", "_recall", "_state", "_world", "fixed", "leaves", "packed", "scalar", "size", "steady",
    )
    # fmt: on

    def __init__(self, state: State, attributes: Mapping[str, Any], world: World, recall: World) -> None:
        self._state = state
        self._world = world
        self._recall = recall  # also knows actors that are no more, of whom only the address was kept
        self.fixed: dict[str, Any] = _EMPTY
        self.leaves: tuple[str, ...] = ()  # fixed ones whose plain form is another
        self.packed: dict[str, bytes] = _EMPTY
        self._plain: dict[str, Any] = _EMPTY  # of the packed ones
        self.size = -1  # how many attributes there were
        self.steady = -1  # the same if no value can change in place
        self.scalar = -1  # the same if all values are scalars, too
        self.look(attributes)

    def changed(self, actor: object) -> Changed:
        """Say whether the state differs from the last good one, and if so take it as such.

        One that `State.keeper` made does so in one step where all are scalars of the types that they had,
        and gives the new state then, if it is small: ready to be packed, later too.

        Raises:
            TypeError: it cannot be packed, or there is an attribute that is no field; nothing is taken then.
        """
        return self.look(actor.__dict__)

    def plain(self) -> dict[str, Any]:
        """The last good state as plain values; not to be changed."""
        plain = self.fixed | self._plain
        for name in self.leaves:
            plain[name] = self._state.pack(name, plain[name], self._world)
        return plain

    def written(self, limit: int) -> object:
        """The last good state ready to be packed, if it packs to at most `limit` bytes; None if not."""
        if not self.packed:  # 0.3 µs for two fields, where the walk below takes 1.5
            most = self._state.most_bytes
            for value in self.fixed.values():
                kind = type(value)
                if kind is str or kind is bytes:
                    most += _WIDEST * len(value)
                elif kind is float:
                    if value != value:  # noqa: PLR0124  # NaN
                        break
                elif kind is not int and kind is not bool and value is not None:
                    break
            else:
                if most <= limit:
                    return self.fixed.copy()  # its keys are in canonical order
        plain = self.small(limit)
        return None if plain is None else prepare(plain)

    def small(self, limit: int) -> dict[str, Any] | None:
        """The last good state if it packs to at most `limit` bytes."""
        plain = self.plain()
        most = self._state.most_bytes
        for name, value in plain.items():
            if name in self.packed:
                most += 2 * len(self.packed[name]) + _HEADER  # sets and tuples have headers more in C's form
            elif type(value) is str or type(value) is bytes:
                most += _WIDEST * len(value)
            elif name in self.leaves:
                most += limit
        return plain if most <= limit or len(encode(plain)) <= limit else None

    def restore_into(self, actor: object) -> None:
        """Bring the last good state back; scratch stays."""
        attributes = actor.__dict__
        fields = self._state.fields
        for name in [name for name in attributes if name not in fields and not name.startswith("_")]:
            del attributes[name]
        attributes.update(self.fixed)
        for name, plain in self._plain.items():
            attributes[name] = fields[name].shape.restore(plain, self._recall)

    def look(self, attributes: Mapping[str, Any]) -> bool:
        """Compare field by field; keep all of it or nothing."""
        state = self._state
        if len(attributes) != self.size:
            state.check_names(attributes)
        if not state.fields:
            self.size = self.steady = self.scalar = len(attributes)
            return False
        fixed, packed, plains, differs = {}, {}, {}, False
        for name, field in state.ordered:  # as they are packed
            value = state.value(attributes, name)
            last = self.fixed.get(name, _NONE)
            if value is last:
                fixed[name] = value
            elif _is_fixed(field, value):
                plain = state.pack(name, value, self._world)
                fixed[name] = value
                differs = (
                    differs or last is _NONE or encode(plain) != encode(state.pack(name, last, self._world))
                )
            else:
                plains[name], packed[name] = self._pack(name, field, value)
                differs = differs or packed[name] != self.packed.get(name)
        self.fixed, self.packed, self._plain = fixed or _EMPTY, packed or _EMPTY, plains or _EMPTY
        self.leaves = tuple([name for name, value in fixed.items() if type(value) not in SCALARS])
        self.size = len(attributes)
        self.steady = -1 if packed else self.size
        self.scalar = -1 if self.leaves else self.steady
        return differs

    def _pack(self, name: str, field: Field, value: Any) -> tuple[Any, bytes]:
        """A value that can change: what it was last time if its bytes are the same, else packed again.

        The bytes only serve to compare: C writes them, without sorting and without a copy.
        """
        last = self.packed.get(name)
        if field.shape.form.direct and last is not None:
            try:
                seen = _quick(value)
            except (TypeError, ValueError, OverflowError):
                seen = b""  # it does not fit: the walk below finds where
            if seen == last:
                return self._plain[name], last
        plain = self._state.pack(name, value, self._world)
        return plain, _quick(plain)


def _is_fixed(field: Field, value: Any) -> bool:
    kind = type(value)
    return kind in SCALARS or field.shape.frozen or kind in _LEAVES or isinstance(value, Addressed)


def _quick(value: Any) -> bytes:
    return cast("bytes", packb(value, strict_types=True, default=_other))


def _other(value: object) -> object:
    return extension(value, DEPTH)
