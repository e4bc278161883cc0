"""Unrolled: functions written for one handler or one class, without loops over its arguments or fields.

Each runs once or twice for every message: a look at one argument takes 60 ns instead of 150, a look at one
changed field 150 instead of 400.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from msgspec import defstruct

from theater.untyped import NEAR, SURE_BITS, passes

Kinds = frozenset[type]
"""Scalars that pass as they are."""

_INTS: Kinds = frozenset({int})
_TEXTS = frozenset({str, bytes})
_QUICK = {
    int: f"({{0}} < {NEAR} and {{0}} > -{NEAR} or {{0}}.bit_length() <= {SURE_BITS})",
    str: "{0}.isascii()",
}


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


def are_ints(kinds: Mapping[str, Kinds]) -> bool:
    """Say whether a state is ints alone, and has some: a struct can hold it."""
    return {*kinds.values()} == {_INTS} and all(map(str.isidentifier, kinds))


def changed_function(kinds: Mapping[str, Kinds], room: int = -1) -> Callable[[Any, object], Any]:
    """Write `changed(keeper, actor)` for a class with these fields, as they are packed: see `StateKeeper`.

    It gives the new state instead of True where that is nothing but scalars that pack as they are, with at
    most `room` characters in all texts and bytes.
    """
    names, each = list(kinds), range(len(kinds))
    unmoved = [f"    if {_all('new{0} is old{0}', each)}:", "        return False"]
    sure = bool(kinds) and all(len(these) == 1 and these <= _QUICK.keys() for these in kinds.values())
    get = [f"        new{i} = now[{names[i]!r}]; old{i} = last[{names[i]!r}]" for i in each]
    test = _sure_to_change if sure else _look_and_take
    lines = [
        "def changed(keeper, actor):",
        "    now = actor.__dict__",
        f"    if len(now) != keeper.{'scalar' if sure else 'steady'}:",
        "        return keeper.look(now)",
        "    last = keeper.fixed",
        "    try:",
        *(get or ["        pass"]),
        "    except KeyError:",
        "        return keeper.look(now)",
        *([] if len(names) == 1 and sure else unmoved),
        *test(kinds, [f"    last[{names[i]!r}] = new{i}" for i in each], room),
    ]
    state = defstruct("state", names, gc=False) if are_ints(kinds) else None
    return _written("changed", "\n".join(lines) + "\n", kinds=kinds, state=state)


def _sure_to_change(kinds: Mapping[str, Kinds], take: list[str], room: int) -> list[str]:
    """What to do with fields of one type each, which the values before had."""
    each = range(len(kinds))
    state = f"state({', '.join(map('new{}'.format, each))})" if are_ints(kinds) else "last"
    fits = [_is_sure(f"new{i}", these, "") for i, these in enumerate(kinds.values())]
    if len(fits) > 1:
        fits = [f"(new{i} is old{i} or {test})" for i, test in enumerate(fits)]
    return [
        f"    if not ({' and '.join(fits)}):",
        "        return keeper.look(now)",
        f"    if {_all('new{0} == old{0}', each)}:",
        "        return False",
        *take,
        f"    return {_if_short([*kinds.values()], room, state)}",
    ]


def _look_and_take(kinds: Mapping[str, Kinds], take: list[str], room: int) -> list[str]:
    """What to do with any fields."""
    look = []
    for i, (name, these) in enumerate(kinds.items()):
        like = f"type(new{i}) is type(old{i}) and {_is_sure(f'new{i}', these, f'kinds[{name!r}]')}"
        look += [f"    if new{i} is not old{i} and not ({like}):", "        return keeper.look(now)"]
    return [
        *look,
        *take,
        f"    if {' or '.join(map(_differs, range(len(kinds)))) or False}:",
        f"        return {_if_short([*kinds.values()], room, 'last', 'not keeper.leaves')}",
        "    return False",
    ]


def _all(test: str, each: Iterable[int]) -> str:
    return " and ".join(map(test.format, each)) or "True"


def _differs(i: int) -> str:
    """0.0 and -0.0 are equal, and two values."""
    return f"new{i} != old{i} or (new{i} is not old{i} and type(new{i}) is float)"


def _if_short(kinds: Sequence[Kinds], room: int, state: str, *conditions: str) -> str:
    """The expression for the new state; or True where it may be long, or hold one of the many NaNs."""
    tests, texts = [*conditions], []
    for i, these in enumerate(kinds):
        if float in these:
            tests.append(f"new{i} == new{i}")
        if these & _TEXTS:
            texts.append(
                f"len(new{i})" if these <= _TEXTS else f"(len(new{i}) if type(new{i}) in texts else 0)"
            )
    if texts:
        tests.append(f"{' + '.join(texts)} <= {room}")
    if room < 0:
        return "True"
    return f"{state} if {' and '.join(tests)} else True" if tests else state


def _is_sure(value: str, kinds: Kinds, constant: str) -> str:
    """The expression for `passes(value, kinds)`."""
    if len(kinds) == 1 and kinds <= _QUICK.keys():
        (kind,) = kinds
        return f"type({value}) is {kind.__name__} and {_QUICK[kind].format(value)}"
    return f"passes({value}, {constant})"


def _written(name: str, source: str, **constants: Any) -> Callable[..., Any]:
    scope = {"passes": passes, "texts": _TEXTS, **constants}
    exec(source, scope)  # noqa: S102  # all that is written in it are names of fields, which are identifiers
    function: Callable[..., Any] = scope[name]
    return function
