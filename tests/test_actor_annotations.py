"""Annotations that Python evaluates at once: this module does without the `annotations` future."""
# ruff: noqa: RUF012  # mutable defaults are given fresh

import sys
from dataclasses import dataclass
from typing import Any, Generic, Optional, TypeVar

import pytest

from theater.actor import Actor, handler
from theater.codec import ActorAddress
from theater.errors import SetupError
from theater.plan import plan_of

K = TypeVar("K")
V = TypeVar("V")


def world(address: ActorAddress) -> object:
    return address


class Store(Actor, Generic[K, V]):
    items: dict[str, V] = {}
    later: "list[Later]" = []

    @handler
    async def put(self, key: K, value: V, note: Optional["Later"] = None) -> "Later":
        raise NotImplementedError


class Ages(Store[str, int]):
    pass


@dataclass
class Later:
    x: int


def test_types_and_texts_are_understood_alike() -> None:
    arrived, *_ = plan_of(Store).handlers["put"].carry(("a", [1], Later(1)), {}, world)

    assert arrived == ("a", [1], Later(1))


def test_a_subclass_says_what_a_type_parameter_is() -> None:
    put = plan_of(Ages).handlers["put"]

    assert put.carry(("a", 1), {}, world)[0] == ("a", 1)
    with pytest.raises(TypeError, match=r"Ages.put\(\) argument 'value': Expected `int`, got `str`"):
        put.carry(("a", "b"), {}, world)
    with pytest.raises(TypeError, match=r"Ages field 'items': Expected `int`, got `str` - at `\$\['a'\]`"):
        plan_of(Ages).copy_state(Ages(items={"a": "b"}), world)  # type: ignore[dict-item]


def test_a_parameter_without_an_annotation_takes_plain_values() -> None:
    class Loose(Actor):
        @handler
        async def put(self, value):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202  # on purpose
            return value

    put = plan_of(Loose).handlers["put"]

    assert put.carry(([1, "a"],), {}, world)[0] == ([1, "a"],)
    with pytest.raises(TypeError, match="name its class in an annotation"):
        put.carry((Later(1),), {}, world)


def test_local_classes_are_understood() -> None:
    @dataclass
    class Local:
        x: int

    class Uses(Actor):
        local: Local
        early: "Early | None" = None

    @dataclass
    class Early:
        y: int

    plan = plan_of(Uses)

    state = plan.copy_state(Uses(local=Local(1), early=Early(2)), world)

    assert plan.new(state, world).early == Early(2)


def test_what_cannot_be_carried_is_told_when_the_class_is_made() -> None:
    with pytest.raises(SetupError, match=r"Bad.put\(\) parameter 'value': .* cannot be carried"):

        class Bad(Actor):
            @handler
            async def put(self, value: type) -> None: ...

    assert "Bad" not in locals()


NEW_SYNTAX = """
type Pair[A] = tuple[A, A]
type Name = str
type Loop = list[Loop]

class Box[T](Actor):
    value: T
    name: Name = ""

    @handler
    async def swap[S](self, value: T, other: S) -> Pair[T]: ...

class IntBox(Box[int]): ...

def looped():
    class Bad(Actor):
        loop: Loop
"""


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the syntax is new in 3.12")
@pytest.mark.parametrize("first", ["", "from __future__ import annotations\n"])
def test_type_parameters_and_aliases_of_python_3_12_are_understood(first: str) -> None:
    space: dict[str, Any] = {"Actor": Actor, "handler": handler, "__name__": "new_syntax"}
    exec(first + NEW_SYNTAX, space)

    swap = plan_of(space["IntBox"]).handlers["swap"]

    assert swap.carry((1, "a"), {}, world)[0] == (1, "a")
    with pytest.raises(TypeError, match="Expected `int`, got `str`"):
        swap.carry(("a", "a"), {}, world)
    with pytest.raises(TypeError, match="Expected `int`, got `str`"):
        swap.carry_answer((1, "a"), world)
    with pytest.raises(SetupError, match="holds itself: make it a record class"):
        space["looped"]()
