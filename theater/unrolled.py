"""Unrolled: functions written for one handler or one class, without loops over its arguments or fields.

Each runs once or twice for every message: a look at one argument takes 60 ns instead of 150, a look at one
changed field 150 instead of 400.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from theater.untyped import SURE_BITS, passes

Kinds = frozenset[type]
"""Scalars that pass as they are."""

_TEXTS = frozenset({str, bytes})


def fits_function(kinds: Sequence[Kinds], least: int) -> Callable[[tuple[Any, ...]], bool]:
    """Write `fits(args)`: whether these, `least` or more, are scalars of these kinds, as `passes` says it."""
    tests = [f"len(args) == {len(kinds)}" if least == len(kinds) else f"{least} <= len(args) <= {len(kinds)}"]
    for place, these in enumerate(kinds):
        test = _is_sure(f"args[{place}]", these, f"kinds[{place}]")
        tests.append(test if place < least else f"(len(args) <= {place} or {test})")
    return _written("fits", f"def fits(args):\n    return {' and '.join(tests)}\n", kinds=kinds)


def passes_function(kinds: Kinds) -> Callable[[object], bool]:
    """Write `passes(value)` for values of these kinds."""
    test = _is_sure("value", kinds, "kinds")
    return _written("passes_here", f"def passes_here(value):\n    return {test}\n", kinds=kinds)


def changed_function(kinds: Mapping[str, Kinds], room: int = -1) -> Callable[[Any, object], Any]:
    """Write `changed(keeper, actor)` for a class with these fields: see `StateKeeper.changed`.

    It gives the new state instead of True where that is nothing but scalars that pack as they are, with at
    most `room` characters in all texts and bytes.
    """
    names = list(kinds)
    each = range(len(names))
    get = [f"        new{i} = now[{names[i]!r}]; old{i} = last[{names[i]!r}]" for i in each]
    look = []
    for i in each:
        like = _is_like(f"new{i}", f"old{i}", kinds[names[i]], f"kinds[{names[i]!r}]")
        look += [f"    if new{i} is not old{i} and not ({like}):", "        return keeper.look(now)"]
    take = [f"    last[{names[i]!r}] = new{i}" for i in each]
    lines = [
        "def changed(keeper, actor):",
        "    now = actor.__dict__",
        "    if keeper.packed or len(now) != keeper.size:",
        "        return keeper.look(now)",
        "    last = keeper.fixed",
        "    try:",
        *(get or ["        pass"]),
        "    except KeyError:",
        "        return keeper.look(now)",
        f"    if {' and '.join(f'new{i} is old{i}' for i in each) or True}:",
        "        return False",
        *look,
        *take,
        f"    if {' or '.join(_differs(i) for i in each) or False}:",
        f"        return {_if_short([*kinds.values()], room)}",
        "    return False",
    ]
    return _written("changed", "\n".join(lines) + "\n", kinds=kinds)


def _differs(i: int) -> str:
    """0.0 and -0.0 are equal, and two values."""
    return f"new{i} != old{i} or (new{i} is not old{i} and type(new{i}) is float)"


def _if_short(kinds: Sequence[Kinds], room: int) -> str:
    """The expression for the new state; or True where it may be long, or hold one of the many NaNs."""
    tests, texts = ["not keeper.leaves"], []
    for i, these in enumerate(kinds):
        if float in these:
            tests.append(f"new{i} == new{i}")
        if these & _TEXTS:
            texts.append(
                f"len(new{i})" if these <= _TEXTS else f"(len(new{i}) if type(new{i}) in texts else 0)"
            )
    if texts:
        tests.append(f"{' + '.join(texts)} <= {room}")
    return f"last if {' and '.join(tests)} else True" if room >= 0 else "True"


def _is_like(new: str, old: str, kinds: Kinds, constant: str) -> str:
    """Both are scalars of one type."""
    return f"type({new}) is type({old}) and {_is_sure(new, kinds, constant)}"


def _is_sure(value: str, kinds: Kinds, constant: str) -> str:
    """The expression for `passes(value, kinds)`."""
    if kinds == {int}:
        return f"type({value}) is int and {value}.bit_length() <= {SURE_BITS}"
    if kinds == {str}:
        return f"type({value}) is str and {value}.isascii()"
    return f"passes({value}, {constant})"


def _written(name: str, source: str, **constants: Any) -> Callable[..., Any]:
    scope = {"passes": passes, "texts": _TEXTS, **constants}
    exec(source, scope)  # noqa: S102  # all that is written in it are names of fields, which are identifiers
    function: Callable[..., Any] = scope[name]
    return function
