"""Forms: how the values of one type become plain values, and come back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable
from enum import Enum
from types import NoneType
from typing import Any, Final

import msgspec

from theater.plain import ActorAddress, Addressed
from theater.untyped import (
    SCALARS,
    MisfitError,
    World,
    build_plain,
    check_scalar,
    expected,
    name_of,
    pack_plain,
    pack_ref,
)

NOTHING: Final[frozenset[type]] = frozenset()


class Form(ABC):
    """One type: what it takes, what it makes of it, and the way back.

    `pack` and `build` raise `MisfitError`; what `build` returns shares nothing that can change with `plain`.
    """

    __slots__ = ("direct", "frozen", "kinds", "name", "plains", "takes")

    name: str  # as errors call it
    takes: frozenset[type]  # the exact types of its values
    plains: frozenset[type]  # the exact types of their plain forms
    kinds: frozenset[type]  # scalars that are their own plain form
    frozen: bool  # its values never change
    direct: bool  # the codec packs its values as it packs their plain forms

    def __init__(
        self,
        name: str,
        takes: Iterable[type],
        *,
        plains: Iterable[type] | None = None,
        kinds: Iterable[type] = NOTHING,
        frozen: bool = False,
        direct: bool = False,
    ) -> None:
        self.name = name
        self.takes = frozenset(takes)
        self.plains = self.takes if plains is None else frozenset(plains)
        self.kinds = frozenset(kinds)
        self.frozen = frozen
        self.direct = direct

    @abstractmethod
    def pack(self, value: object, world: World, room: int, /) -> object:
        """The plain form of `value`, which the value can no longer change."""

    @abstractmethod
    def build(self, plain: object, world: World, /) -> object:
        """The value that this plain form stands for."""


class Untyped(Form):
    """A place without an annotation: plain values only."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__("plain value", SCALARS, kinds=SCALARS, direct=True)

    def pack(self, value: object, world: World, room: int, /) -> object:
        return pack_plain(value, world, room)

    def build(self, plain: object, world: World, /) -> object:
        return build_plain(plain, world)


class Nothing(Form):
    """The answer of a handler that never returns."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__("Never", NOTHING)

    def pack(self, value: object, _world: World, _room: int, /) -> object:
        raise expected(self.name, value)

    def build(self, plain: object, _world: World, /) -> object:
        raise expected(self.name, plain)


class Scalar(Form):
    """None, bool, int, float, str or bytes; an int may stand for a float, and stays one."""

    __slots__ = ()

    def __init__(self, kind: type) -> None:
        kinds = {float, int} if kind is float else {kind}
        super().__init__(
            "None" if kind is NoneType else kind.__name__, kinds, kinds=kinds, frozen=True, direct=True
        )

    def pack(self, value: object, world: World, _room: int, /) -> object:
        return self.build(value, world)

    def build(self, plain: object, _world: World, /) -> object:
        if type(plain) not in self.kinds:
            raise expected(self.name, plain)
        check_scalar(plain)
        return plain


class Leaf(Form):
    """A type without parts: a pair of functions that undo each other."""

    __slots__ = ("_back", "_plain", "_there", "kind")

    def __init__(
        self,
        kind: type,
        *,
        plain: type,
        there: Callable[[Any], object],
        back: Callable[[Any], object],
        frozen: bool = True,
    ) -> None:
        super().__init__(name_of(kind), {kind}, plains={plain}, frozen=frozen, direct=plain is kind)
        self.kind, self._plain = kind, plain
        self._there, self._back = there, back

    def pack(self, value: object, _world: World, _room: int, /) -> object:
        if type(value) is not self.kind:
            raise expected(self.name, value)
        return self._there(value)

    def build(self, plain: object, _world: World, /) -> object:
        if type(plain) is not self._plain:
            raise expected(self.name, plain)
        try:
            return self._back(plain)
        except (ValueError, msgspec.ValidationError) as error:
            raise MisfitError(str(error)) from None


class Ref(Form):
    """A ref of an actor, kept as its address."""

    __slots__ = ("_kind",)

    def __init__(self, kind: type[Addressed]) -> None:
        super().__init__(name_of(kind), {kind}, plains={ActorAddress}, frozen=True, direct=True)
        self._kind = kind

    def pack(self, value: object, world: World, _room: int, /) -> object:
        if not isinstance(value, Addressed) or not isinstance(value, self._kind):
            raise expected(self.name, value)
        return pack_ref(value, world)

    def build(self, plain: object, world: World, /) -> object:
        if type(plain) is not ActorAddress:
            raise expected(self.name, plain)
        return world(plain)


class Choice(Form):
    """A Literal: some scalars and no others."""

    __slots__ = ("_allowed", "values")

    def __init__(self, allowed: Collection[object]) -> None:
        super().__init__(" | ".join(map(repr, allowed)), map(type, allowed), frozen=True, direct=True)
        self.values = tuple(allowed)
        self._allowed = frozenset((type(value), value) for value in allowed)

    def pack(self, value: object, world: World, _room: int, /) -> object:
        return self.build(value, world)

    def build(self, plain: object, _world: World, /) -> object:
        if type(plain) not in self.takes or (type(plain), plain) not in self._allowed:
            raise MisfitError(f"Expected {self.name}, got {plain!r}")
        return plain


class Member(Form):
    """An enum, kept as the value of its member."""

    __slots__ = ("kind",)

    def __init__(self, kind: type[Enum]) -> None:
        plains = {type(member.value) for member in kind}
        super().__init__(name_of(kind), {kind}, plains=plains, frozen=True)
        self.kind = kind

    def pack(self, value: object, _world: World, _room: int, /) -> object:
        if not isinstance(value, self.kind):
            raise expected(self.name, value)
        return value.value

    def build(self, plain: object, _world: World, /) -> object:
        if type(plain) not in self.plains:
            raise expected(self.name, plain)
        try:
            return self.kind(plain)
        except ValueError:
            raise MisfitError(f"Invalid enum value {plain!r} for `{self.name}`") from None


class Constrained(Form):
    """A form with msgspec's constraints on its values (`Annotated[int, Meta(ge=0)]`)."""

    __slots__ = ("_annotation", "inner")

    def __init__(self, inner: Form, annotation: object) -> None:
        super().__init__(
            inner.name, inner.takes, plains=inner.plains, frozen=inner.frozen, direct=inner.direct
        )
        self.inner, self._annotation = inner, annotation

    def pack(self, value: object, world: World, room: int, /) -> object:
        plain = self.inner.pack(value, world, room)
        self.check(value)
        return plain

    def build(self, plain: object, world: World, /) -> object:
        value = self.inner.build(plain, world)
        self.check(value)
        return value

    def check(self, value: object) -> None:
        """Refuse what the constraints refuse.

        Raises:
            MisfitError: they do.
        """
        try:
            msgspec.convert(value, self._annotation)
        except msgspec.ValidationError as error:
            raise MisfitError(str(error)) from None
