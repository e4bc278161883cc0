"""Variables: `${NAME}` and `${NAME:-default}` in the texts of a manifest; `$${` stands for `${` itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from theater.given import Filled
from theater.manifest.problems import Found, item, step
from theater.nearest import did_you_mean

_USE = re.compile(r"\$(\$\{)|\$\{([^{}]*)\}|\$\{", re.ASCII)
_INSIDE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.ASCII | re.DOTALL)
_DEEPEST = 60  # levels of lists and tables


def fill(document: Any, variables: Mapping[str, str], found: Found, place: str = "") -> Any:
    """A copy of `document` with the variables in all its texts filled in; keys stay as they are."""
    return _fill(document, variables, found, place, _DEEPEST)


def escape(text: str) -> str:
    """The text that `fill` turns into this one."""
    return text.replace("${", "$${")


def _fill(given: Any, variables: Mapping[str, str], found: Found, place: str, room: int) -> Any:
    if isinstance(given, str):
        return _text(given, variables, lambda why: found.add(place, why))
    if not isinstance(given, (dict, list)):
        return given
    if not room:
        found.add(place, f"more than {_DEEPEST} levels one within another")
        return type(given)()
    if isinstance(given, list):
        return [_fill(one, variables, found, item(place, index), room - 1) for index, one in enumerate(given)]
    return {key: _fill(one, variables, found, step(place, key), room - 1) for key, one in given.items()}


def _text(text: str, variables: Mapping[str, str], wrong: Callable[[str], None]) -> str:
    if "${" not in text:
        return text
    filled = 0

    def put(use: re.Match[str]) -> str:
        nonlocal filled
        if use[1] is not None:
            return "${"
        filled += 1
        return _value(use, variables, wrong)

    made = _USE.sub(put, text)
    return Filled(made) if filled else made


def _value(use: re.Match[str], variables: Mapping[str, str], wrong: Callable[[str], None]) -> str:
    inside = None if use[2] is None else _INSIDE.fullmatch(use[2])
    if inside is None:
        wrong(
            f"{use[0]!r} is no variable: write ${{NAME}} or ${{NAME:-default}}, or $${{ for the text itself"
        )
        return ""
    name, default = inside[1], inside[2]
    value = variables.get(name)
    if default is not None:
        return value or default
    if value is None:
        near = did_you_mean(name, variables) if len(name) > 1 else ""
        hint = near if near.startswith("; did") else ""
        wrong(f"the variable {name} is not set{hint or f': set it, or write ${{{name}:-default}}'}")
        return ""
    return value
