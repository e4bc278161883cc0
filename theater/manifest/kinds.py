"""Kinds: what may stand at a key of a manifest: how it is read and written, and how a schema says it."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from enum import Enum
from typing import Any, Final

from theater.errors import SetupError
from theater.given import Filled, read_number
from theater.manifest.problems import Found, item, step
from theater.manifest.variables import escape
from theater.nearest import did_you_mean
from theater.untyped import MisfitError

WRONG: Final = object()
"""Stands for a value that was a problem."""

MOST = 2**63 - 1
_NONE: Mapping[str, Any] = {}
_VARIABLE = {"type": "string", "pattern": r"\$\{"}


class Kind(ABC):
    """One kind of value."""

    @abstractmethod
    def read(self, given: Any, place: str, found: Found) -> Any:
        """The value that is `given` at `place`; `WRONG` once what is wrong was added to `found`."""

    @abstractmethod
    def write(self, value: Any) -> Any:
        """What `read` makes this value of."""

    @abstractmethod
    def schema(self) -> dict[str, Any]:
        """The JSON schema of what may be given."""


class Text(Kind):
    """Text that a function lets through, if there is one."""

    def __init__(self, check: Callable[[str], object] | None = None, **schema: Any) -> None:
        self._check = check
        self._schema = schema

    def read(self, given: Any, place: str, found: Found) -> Any:
        if not isinstance(given, str):
            return _misses("text", given, place, found)
        try:
            if self._check is not None:
                self._check(str(given))
        except SetupError as error:
            found.add(place, str(error))
            return WRONG
        return str(given)

    def write(self, value: str) -> str:
        return escape(value)

    def schema(self) -> dict[str, Any]:
        return {"type": "string", **self._schema}


class Scalar(Kind):
    """A boolean or a number, not below `least`; a variable may stand for it."""

    def __init__(self, kind: type, *, least: int | None = None) -> None:
        self._kind = kind
        self._least = least
        self._name = {bool: "true or false", int: "a whole number", float: "a number"}[kind]

    def read(self, given: Any, place: str, found: Found) -> Any:
        value = given
        if isinstance(given, Filled):
            try:
                value = read_number(given, self._kind)
            except MisfitError:
                return _misses(self._name, given, place, found)
        if type(value) is not self._kind and not (self._kind is float and type(value) is int):
            return _misses(self._name, given, place, found)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            if self._least is not None and not value >= self._least:
                return _misses(f"at least {self._least}", given, place, found)
            if isinstance(value, int) and value > MOST:
                return _misses("a number of 64 bits", given, place, found)
        return value

    def write(self, value: Any) -> Any:
        return value

    def schema(self) -> dict[str, Any]:
        name = {bool: "boolean", int: "integer", float: "number"}[self._kind]
        least = {} if self._least is None else {"minimum": self._least}
        return {"anyOf": [{"type": name, **least}, _VARIABLE]}


class Word(Kind):
    """The value of one of an enum's members."""

    def __init__(self, kind: type[Enum]) -> None:
        self._kind = kind
        self._words = [member.value for member in kind]

    def read(self, given: Any, place: str, found: Found) -> Any:
        if not isinstance(given, str):
            return _misses(" or ".join(map(repr, self._words)), given, place, found)
        if given not in self._words:
            found.add(place, f"there is no {str(given)!r} here{did_you_mean(given, self._words)}")
            return WRONG
        return self._kind(str(given))

    def write(self, value: Enum) -> Any:
        return value.value

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [{"enum": self._words}, _VARIABLE]}


class Values(Kind):
    """A table of anything: what fits is known to whoever takes it."""

    def read(self, given: Any, place: str, found: Found) -> Any:
        return given if isinstance(given, dict) else _misses("a table", given, place, found)

    def write(self, value: Any) -> Any:
        if isinstance(value, str):
            return escape(value)
        if isinstance(value, Mapping):
            return {key: self.write(one) for key, one in value.items()}
        return [self.write(one) for one in value] if isinstance(value, list) else value

    def schema(self) -> dict[str, Any]:
        return {"type": "object"}


class Tables(Kind):
    """A list of tables of one kind, written as `[[...]]`."""

    def __init__(self, of: Callable[[], Table], ref: str) -> None:
        self._of = of
        self._ref = ref  # where the schema says what one is

    def read(self, given: Any, place: str, found: Found) -> Any:
        if not isinstance(given, list):
            header = re.sub(r"\[\d+\]", "", place)
            return _misses(f"a list of tables, written as [[{header}]]", given, place, found)
        values = [self._of().read(one, item(place, index), found) for index, one in enumerate(given)]
        return WRONG if WRONG in values else tuple(values)

    def write(self, value: Sequence[Any]) -> Any:
        return [self._of().write(one) for one in value]

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": {"$ref": self._ref}}


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a table, and what it means."""

    name: str
    kind: Kind
    meaning: str
    required: bool = False


class Table(Kind):
    """A table with keys of its own.

    Args:
        keys: in the order in which they are written.
        make: makes the value, from what stands at the keys that are given.
        parts: the way back: what stands at each key; None where nothing does.
        plain: the parts that need not be written.
    """

    def __init__(
        self,
        keys: Sequence[Key],
        make: Callable[..., Any],
        parts: Callable[[Any], Mapping[str, Any]],
        plain: Mapping[str, Any] = _NONE,
    ) -> None:
        self.keys = {key.name: key for key in keys}
        self._make, self._parts, self._plain = make, parts, plain

    def read(self, given: Any, place: str, found: Found) -> Any:
        if not isinstance(given, dict):
            return _misses("a table", given, place, found)
        before = len(found.problems)
        for name in given:
            if name not in self.keys:
                found.add(step(place, name), f"there is no such key{did_you_mean(name, self.keys)}")
        values = {}
        for key in self.keys.values():
            if key.name in given:
                values[key.name] = key.kind.read(given[key.name], step(place, key.name), found)
            elif key.required:
                found.add(place, f"{key.name!r} is missing: {key.meaning}")
        if len(found.problems) > before:
            return WRONG
        try:
            return self._make(**values)
        except SetupError as error:
            found.add(place, str(error))
            return WRONG

    def write(self, value: Any) -> Any:
        parts = self._parts(value)
        return {
            name: key.kind.write(parts[name])
            for name, key in self.keys.items()
            if parts[name] is not None and parts[name] != self._plain.get(name, WRONG)
        }

    def schema(self) -> dict[str, Any]:
        required = [key.name for key in self.keys.values() if key.required]
        return {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                key.name: {"description": key.meaning, **key.kind.schema()} for key in self.keys.values()
            },
            **({"required": required} if required else {}),
        }


class Checked(Kind):
    """A kind whose values must also be good for `check`, which raises `SetupError` if they are not."""

    def __init__(self, kind: Kind, check: Callable[[Any], object]) -> None:
        self._kind = kind
        self._check = check

    def read(self, given: Any, place: str, found: Found) -> Any:
        value = self._kind.read(given, place, found)
        if value is WRONG:
            return WRONG
        try:
            self._check(value)
        except SetupError as error:
            found.add(place, str(error))
            return WRONG
        return value

    def write(self, value: Any) -> Any:
        return self._kind.write(value)

    def schema(self) -> dict[str, Any]:
        return self._kind.schema()


def is_list_of_text(given: Any) -> bool:
    """Whether this is a list that holds nothing but text."""
    return isinstance(given, list) and all(isinstance(one, str) for one in given)


def _misses(wanted: str, given: Any, place: str, found: Found) -> Any:
    found.add(place, f"expected {wanted}, got {_shown(given)}")
    return WRONG


def _shown(given: Any) -> str:
    if isinstance(given, bool):
        return str(given).lower()
    if isinstance(given, str):
        return repr(str(given)) if len(given) <= 40 else f"{str(given)[:40]!r}…"  # noqa: PLR2004  # characters
    if isinstance(given, (int, float)):
        return repr(given) if not isinstance(given, int) or abs(given) <= MOST else "a larger one"
    if isinstance(given, (datetime, date, time)):
        return given.isoformat()
    return "a table" if isinstance(given, dict) else "a list"
