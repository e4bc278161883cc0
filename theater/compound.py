"""Forms with parts: lists, tuples, sets, dicts and records, each part by a form of its own."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import cast, is_typeddict

from theater.form import Form, Untyped
from theater.plain import ActorAddress, encode
from theater.record import MISSING
from theater.untyped import (
    KEYS,
    SCALARS,
    MisfitError,
    World,
    are_good_scalars,
    check_keys,
    deeper,
    expected,
    name_of,
    passes,
)

_HASHABLE = SCALARS | {ActorAddress}
_SETS = (set, frozenset)
_SHARED = (tuple, frozenset)  # those without a way to change them


class Items(Form):
    """A list, tuple or set of any number of items of one form."""

    __slots__ = ("_kind", "_listed", "item", "make")

    def __init__(self, kind: type[Collection[object]], item: Form) -> None:
        # plain forms of records cannot stand in a set: they are listed, in the order of their bytes
        self._listed = kind in _SETS and not item.plains <= _HASHABLE
        plains = {list} if self._listed else {kind}
        frozen = kind in _SHARED and item.frozen
        direct = item.direct and not self._listed
        super().__init__(kind.__name__, {kind}, plains=plains, frozen=frozen, direct=direct)
        self._kind: object = kind
        self.make: Callable[[Iterable[object]], Collection[object]] = kind
        self.item = item

    def pack(self, value: object, world: World, room: int, /) -> object:
        if type(value) is not self._kind:
            raise expected(self.name, value)
        values = cast("Collection[object]", value)
        if self._all_kept(values):
            return values if self._kind in _SHARED else self.make(values)
        room = deeper(room)
        pack = self.item.pack
        plains = _each(lambda item: pack(item, world, room), values)
        return sorted(plains, key=encode) if self._listed else self.make(plains)

    def build(self, plain: object, world: World, /) -> object:
        if type(plain) not in self.plains:
            raise expected(self.name, plain)
        plains = cast("Collection[object]", plain)
        if self._all_kept(plains):
            return plains if type(plain) in _SHARED else self.make(plains)
        build = self.item.build
        return self.make(_each(lambda item: build(item, world), plains))

    def _all_kept(self, values: Collection[object]) -> bool:
        kinds = self.item.kinds
        return bool(kinds) and kinds.issuperset(map(type, values)) and are_good_scalars(values)


class Fixed(Form):
    """A tuple with a form for each place."""

    __slots__ = ("items",)

    def __init__(self, items: Collection[Form]) -> None:
        frozen, direct = all(item.frozen for item in items), all(item.direct for item in items)
        super().__init__("tuple", {tuple}, frozen=frozen, direct=direct)
        self.items = tuple(items)

    def pack(self, value: object, world: World, room: int, /) -> object:
        room = deeper(room)
        return self._map(lambda item, part: item.pack(part, world, room), value)

    def build(self, plain: object, world: World, /) -> object:
        return self._map(lambda item, part: item.build(part, world), plain)

    def _map(self, change: Callable[[Form, object], object], value: object) -> tuple[object, ...]:
        if type(value) is not tuple:
            raise expected(self.name, value)
        if len(value) != len(self.items):
            raise MisfitError(f"Expected `tuple` of length {len(self.items)}, got {len(value)}")
        parts = []
        for index, (item, part) in enumerate(zip(self.items, value, strict=True)):
            try:
                parts.append(change(item, part))
            except MisfitError as misfit:
                raise misfit.within(f"[{index}]") from None
        return tuple(parts)


class Dict(Form):
    """A dict; one whose keys cannot be keys of a map is kept as a list of pairs, in its own order."""

    __slots__ = ("_paired", "_untyped", "item", "key")

    def __init__(self, key: Form, item: Form) -> None:
        self._untyped = isinstance(key, Untyped)
        self._paired = not self._untyped and not key.plains <= KEYS
        direct = key.direct and item.direct and not self._paired
        super().__init__("dict", {dict}, plains={list} if self._paired else {dict}, direct=direct)
        self.key, self.item = key, item

    def pack(self, value: object, world: World, room: int, /) -> object:
        if type(value) is not dict:
            raise expected(self.name, value)
        room = deeper(deeper(room)) if self._paired else deeper(room)
        keys = self._keys(lambda key: self.key.pack(key, world, room), value)
        items = self._items(lambda item: self.item.pack(item, world, room), value.items())
        if self._paired:
            return [list(pair) for pair in zip(keys, items, strict=True)]
        if self._untyped:
            check_keys(keys)
        return dict(zip(keys, items, strict=True))

    def build(self, plain: object, world: World, /) -> object:
        if type(plain) not in self.plains:
            raise expected(self.name, plain)
        pairs = _pairs(plain) if isinstance(plain, list) else cast("dict[object, object]", plain).items()
        keys = self._keys(lambda key: self.key.build(key, world), [key for key, _ in pairs])
        items = self._items(lambda item: self.item.build(item, world), pairs)
        return dict(zip(keys, items, strict=True))

    def _keys(self, change: Callable[[object], object], keys: Collection[object]) -> Collection[object]:
        if self.key.kinds.issuperset(map(type, keys)) and are_good_scalars(keys):
            return keys
        try:
            return [change(key) for key in keys]
        except MisfitError as misfit:
            raise misfit.within("[key]") from None

    def _items(
        self, change: Callable[[object], object], pairs: Collection[tuple[object, object]]
    ) -> Collection[object]:
        items = [item for _, item in pairs]
        if self.item.kinds.issuperset(map(type, items)) and are_good_scalars(items):
            return items
        changed = []
        for key, item in pairs:
            try:
                changed.append(change(item))
            except MisfitError as misfit:
                raise misfit.within(f"[{key!r}]") from None
        return changed


class Record(Form):
    """A class with fields, kept as a map from their names; its tag, if it has one, stands in the map too."""

    __slots__ = ("_read", "defaults", "fields", "make", "tag")

    def __init__(
        self,
        cls: type,
        *,
        read: Callable[[object], Mapping[str, object]],
        make: Callable[[dict[str, object]], object],
        tag: tuple[str, object] | None = None,
    ) -> None:
        super().__init__(name_of(cls), {dict if is_typeddict(cls) else cls}, plains={dict})
        self._read, self.make, self.tag = read, make, tag
        self.fields: dict[str, Form] = {}
        self.defaults: dict[str, Callable[[], object]] = {}

    def fill(self, fields: Mapping[str, Form], defaults: Mapping[str, Callable[[], object]]) -> None:
        """Tell its fields; a record may hold itself, so this comes after it is made."""
        self.fields, self.defaults = dict(fields), dict(defaults)

    def pack(self, value: object, world: World, room: int, /) -> object:
        if type(value) not in self.takes:
            raise expected(self.name, value)
        room = deeper(room)
        plain = self._map(lambda form, part: form.pack(part, world, room), self._read(value))
        if self.tag is not None:
            plain[self.tag[0]] = self.tag[1]
        return plain

    def build(self, plain: object, world: World, /) -> object:
        if type(plain) is not dict:
            raise expected(self.name, plain)
        parts: dict[str, object] = plain
        if self.tag is not None:
            parts = {key: part for key, part in parts.items() if key != self.tag[0]}
        built = self._map(lambda form, part: form.build(part, world), parts)
        for name in self.fields.keys() - parts.keys():
            default = self.defaults.get(name)
            if default is None:
                raise MisfitError(f"Object missing required field `{name}`")
            built[name] = default()
        built = {name: built[name] for name in self.fields if built[name] is not MISSING}
        return self.make(built)

    def _map(
        self, change: Callable[[Form, object], object], parts: Mapping[str, object]
    ) -> dict[str, object]:
        changed = {}
        for name, part in parts.items():
            form = self.fields.get(name)
            if form is None:
                raise MisfitError(f"Object contains unknown field `{name}`")
            try:
                changed[name] = part if passes(part, form.kinds) else change(form, part)
            except MisfitError as misfit:
                raise misfit.within(f".{name}") from None
        return changed


def _each(change: Callable[[object], object], values: Collection[object]) -> list[object]:
    ordered = isinstance(values, (list, tuple))
    changed = []
    for index, item in enumerate(values):
        try:
            changed.append(change(item))
        except MisfitError as misfit:
            raise misfit.within(f"[{index}]" if ordered else "[...]") from None
    return changed


def _pairs(plain: Iterable[object]) -> list[tuple[object, object]]:
    pairs: list[tuple[object, object]] = []
    for pair in plain:
        if not isinstance(pair, list) or len(pair) != 2:  # noqa: PLR2004  # a pair
            raise expected("pair", pair)
        pairs.append((pair[0], pair[1]))
    return pairs
