"""Grants as a manifest says them: `all`, `none`, or a table of what is granted."""

from __future__ import annotations

from dataclasses import fields
from math import inf
from typing import Any

from theater.grants import Grants
from theater.manifest.kinds import WRONG, Checked, Key, Kind, Scalar, Table, Word, is_list_of_text
from theater.manifest.problems import Found
from theater.names import ALL, NONE, Extent, Names

_MEANINGS = {
    "find": "paths of actors that it may look up",
    "spawn": "classes that it may spawn, as MODULE:CLASS",
    "effects": "functions that it may run as effects, as module:name",
    "stores": "what it may do with stores: own, new, others, lend",
    "watch": "paths of actors that it may watch",
    "stop": "paths of actors that it may stop, kill or be linked to",
    "bytes_stored": "bytes in all its stores",
    "messages_per_second": "messages that it may send",
    "mailbox": "how large a mailbox it may give to another, in messages",
}
_EXTENT = Word(Extent)


class _Patterns(Kind):
    """`all`, `none`, a pattern, or a list of patterns."""

    def read(self, given: Any, place: str, found: Found) -> Any:
        if isinstance(given, str) and given in (ALL.value, NONE.value):
            return Extent(str(given))
        if isinstance(given, str) or is_list_of_text(given):
            return str(given) if isinstance(given, str) else list(map(str, given))
        found.add(place, "expected 'all', 'none', a pattern or a list of patterns")
        return WRONG

    def write(self, value: Names) -> Any:
        return value.to_plain()[0] if value.clauses else ALL.value

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}


class _Amount(Kind):
    """`all`, `none`, or a number."""

    def __init__(self, kind: type) -> None:
        self._number = Scalar(kind, least=0)

    def read(self, given: Any, place: str, found: Found) -> Any:
        if isinstance(given, str) and given in (ALL.value, NONE.value):
            return Extent(str(given))
        return self._number.read(given, place, found)

    def write(self, value: float) -> Any:
        return ALL.value if value == inf else value

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [*self._number.schema()["anyOf"], *_EXTENT.schema()["anyOf"][:1]]}


def _key(name: str) -> Key:
    kinds = {"bytes_stored": _Amount(int), "mailbox": _Amount(int), "messages_per_second": _Amount(float)}
    kind = kinds.get(name) or _Patterns()
    return Key(name, Checked(kind, lambda value: Grants(**{name: value})), _MEANINGS[name])


def _parts(grants: Grants) -> dict[str, Any]:
    return {field.name: getattr(grants, field.name) for field in fields(Grants)}


class Granted(Kind):
    """What an actor may do."""

    def __init__(self) -> None:
        self.table = Table(list(map(_key, _MEANINGS)), Grants, _parts, _parts(Grants.none()))

    def read(self, given: Any, place: str, found: Found) -> Any:
        if not isinstance(given, str):
            return self.table.read(given, place, found)
        extent = _EXTENT.read(given, place, found)
        return {ALL: Grants.all(), NONE: Grants.none()}.get(extent, WRONG)

    def write(self, value: Grants) -> Any:
        return self.table.write(value)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [self.table.schema(), *_EXTENT.schema()["anyOf"]]}
