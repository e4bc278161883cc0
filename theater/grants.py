"""Grants: what an actor may do. Given when it is spawned, narrowed by its supervisor's, never widened.

What is not granted is not allowed; `ALL` and `NONE` are said in so many words. This is an algebra of values:
that nothing else is done is seen to by `theater.limits`, where the context acts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from math import inf
from typing import Any, Self

from theater.errors import MalformedError, SetupError
from theater.names import ALL, NONE, Extent, Names

STORES = ("own", "new", "others", "lend")
"""What can be granted of stores: to use one's own, to make more, to read what was lent, to lend one's own."""

_NAMES = ("find", "spawn", "effects", "stores", "watch", "stop")
_WHOLE = ("bytes_stored", "mailbox")
_MOST = 2**63 - 1  # that the record can hold
_NUMBERS = ("bytes_stored", "messages_per_second", "mailbox")


@dataclass(frozen=True, slots=True, init=False)
class Grants:
    """What one actor may do; a field that is left out grants nothing.

    Names are `ALL`, `NONE`, a pattern, or patterns: globs, where `*` fits any text, dots and slashes too.
    Numbers are numbers, `ALL` or `NONE`.

    Attributes:
        find: paths of actors that it may look up by `context.find`.
        spawn: classes that it may spawn, as `module:Qualname`.
        effects: functions that it may run as effects, as `module:qualname`.
        stores: `own` (its stores), `new` (to make more), `others` (to read what was lent to it), `lend`.
        watch: paths of actors that it may watch; those below it always.
        stop: paths of actors that it may stop, kill, or link itself to; those below it always.
        bytes_stored: bytes in all its stores, each distinct content once.
        messages_per_second: messages that it may send, in the long run; at once as many as in one second.
        mailbox: how large a mailbox it may give to an actor that it spawns, in messages.
    """

    find: Names
    spawn: Names
    effects: Names
    stores: Names
    watch: Names
    stop: Names
    bytes_stored: float  # whole, or infinite
    messages_per_second: float
    mailbox: float  # whole, or infinite

    def __init__(
        self,
        *,
        find: Names | Extent | str | Iterable[str] = NONE,
        spawn: Names | Extent | str | Iterable[str] = NONE,
        effects: Names | Extent | str | Iterable[str] = NONE,
        stores: Names | Extent | str | Iterable[str] = NONE,
        watch: Names | Extent | str | Iterable[str] = NONE,
        stop: Names | Extent | str | Iterable[str] = NONE,
        bytes_stored: Extent | float = NONE,
        messages_per_second: Extent | float = NONE,
        mailbox: Extent | float = NONE,
    ) -> None:
        names = {"find": find, "spawn": spawn, "effects": effects, "watch": watch, "stop": stop}
        for field, said in names.items():
            object.__setattr__(self, field, _names(field, said))
        object.__setattr__(self, "stores", _of_stores(_names("stores", stores)))
        object.__setattr__(self, "bytes_stored", _number("bytes_stored", bytes_stored))
        object.__setattr__(self, "messages_per_second", _number("messages_per_second", messages_per_second))
        object.__setattr__(self, "mailbox", _number("mailbox", mailbox))

    @classmethod
    def all(cls) -> Self:
        """Everything: what the program outside may do."""
        return cls(**{field.name: ALL for field in fields(cls)})

    @classmethod
    def none(cls) -> Self:
        """Nothing but to handle messages, answer, log and set timers for itself."""
        return cls()

    def narrowed(self, by: Grants) -> Self:
        """What both grant: never more than either."""
        both: dict[str, Any] = {field: getattr(self, field) & getattr(by, field) for field in _NAMES}
        return type(self)(**both, **{one: min(getattr(self, one), getattr(by, one)) for one in _NUMBERS})

    def __and__(self, other: Grants) -> Self:
        return self.narrowed(other)

    def permits(self, field: str, asked: str | float) -> bool:
        """Say whether this name is granted by that field, or a number as large as this.

        Raises:
            SetupError: there is no such field.
        """
        if field in _NAMES and isinstance(asked, str):
            names: Names = getattr(self, field)
            return names.permits(asked)
        if field in _NUMBERS and not isinstance(asked, str):
            granted: float = getattr(self, field)
            return asked <= granted
        raise SetupError(f"no grant {field!r} of {asked!r}; there are {', '.join((*_NAMES, *_NUMBERS))}")

    def said(self, field: str) -> str:
        """What that field grants, for people."""
        granted = getattr(self, field)
        return "all" if granted == inf else str(granted)

    def __repr__(self) -> str:
        said = [f"{field.name}={self.said(field.name)!r}" for field in fields(self)]
        nothing = {f"{field.name}={none!r}" for field in fields(self) for none in ("nothing", "0")}
        return f"Grants({', '.join(one for one in said if one not in nothing)})"

    def to_plain(self) -> dict[str, Any]:
        """What is granted, for the record; what is left out is not."""
        plain: dict[str, Any] = {
            field: getattr(self, field).to_plain() for field in _NAMES if getattr(self, field) != Names()
        }
        for field in _NUMBERS:
            number = getattr(self, field)
            if number:
                plain[field] = ALL.value if number == inf else number
        return plain

    @classmethod
    def from_plain(cls, plain: Any) -> Self:
        """Undo `to_plain`.

        Raises:
            MalformedError: anything else came.
        """
        if not isinstance(plain, dict) or set(plain) - {*_NAMES, *_NUMBERS}:
            raise MalformedError("set of grants", plain)
        numbers = {key: plain[key] for key in _NUMBERS if key in plain}
        said: dict[str, Any] = {key: Names.from_plain(plain[key]) for key in _NAMES if key in plain}
        try:
            return cls(**said, **{key: ALL if one == ALL.value else one for key, one in numbers.items()})
        except SetupError as error:
            raise MalformedError("set of grants", plain) from error


def _names(field: str, said: Names | Extent | str | Iterable[str]) -> Names:
    try:
        return Names.of(said)
    except SetupError as error:
        raise SetupError(f"grants: {field}: {error}") from None


def _of_stores(names: Names) -> Names:
    """There are four words for stores, so any set of them is a list of words."""
    unknown = {word for clause in names.clauses for word in clause if not set("*?[") & set(word)} - {*STORES}
    if unknown:
        raise SetupError(f"grants: stores: there are {', '.join(STORES)}, not {', '.join(sorted(unknown))}")
    granted = [word for word in STORES if names.permits(word)]
    return Names.of(ALL if len(granted) == len(STORES) else granted)


def _number(field: str, said: object) -> float:
    """A number that can be granted; a whole one where parts make no sense."""
    if isinstance(said, Extent):
        return inf if said is ALL else 0
    if isinstance(said, bool) or not isinstance(said, int | float) or not said >= 0:
        raise SetupError(f"grants: {field} must be ALL, NONE or a number of at least 0, not {said!r}")
    if said != inf and said > _MOST:
        raise SetupError(f"grants: {field} must be at most {_MOST:,}, or ALL, not {said!r}")
    if field in _WHOLE and said != inf and not isinstance(said, int):
        raise SetupError(f"grants: {field} must be a whole number, not {said!r}")
    return said
