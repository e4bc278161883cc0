"""Names: a set of names said by patterns, and what two such sets have in common.

A pattern is a glob as `fnmatch.fnmatchcase` reads it: `*` any text (dots and slashes too), `?` one character,
`[abc]` one of these. It fits a whole name or does not fit; case counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase
from typing import Any, Self

from theater.errors import MalformedError, SetupError

_GLOB = frozenset("*?[")
_ANY = "*"

Clause = frozenset[str]
"""Patterns of which one has to fit."""


class Extent(Enum):
    """How far a grant goes if nothing narrower is said."""

    ALL = "all"
    NONE = "none"


ALL = Extent.ALL
NONE = Extent.NONE


@dataclass(frozen=True, slots=True)
class Names:
    """Holds the names that every clause holds; a clause holds those that one of its patterns fits.

    What two globs share is no glob, so it is kept as both: that never holds more than either. The form is a
    normal one: no clause that holds everything, none that another one implies, and names without wildcards
    are sifted at once.
    """

    clauses: frozenset[Clause] = frozenset([frozenset()])  # an empty clause holds nothing

    def __post_init__(self) -> None:
        object.__setattr__(self, "clauses", _normal(self.clauses))

    @classmethod
    def of(cls, names: Names | Extent | str | Iterable[str]) -> Names:
        """What a person writes: `ALL`, `NONE`, a pattern, or patterns.

        Raises:
            SetupError: anything else.
        """
        if isinstance(names, Names):
            return names
        if isinstance(names, Extent):
            return _EVERY if names is ALL else _NO
        patterns = [names] if isinstance(names, str) else names
        if not isinstance(patterns, Iterable):
            raise SetupError(f"names are ALL, NONE, a pattern or patterns, not {names!r}")
        return cls(frozenset([_checked(patterns)]))

    def permits(self, name: str) -> bool:
        """Say whether this name is among them."""
        return all(_holds(clause, name) for clause in self.clauses)

    def __and__(self, other: Names) -> Self:
        return type(self)(self.clauses | other.clauses)

    def __str__(self) -> str:
        """For people: `nothing`, `all`, `a*, b`, `(a*, b) and (*c)`."""
        if self == _NO:
            return "nothing"
        shown = [", ".join(sorted(clause)) for clause in sorted(self.clauses, key=sorted)]
        return " and ".join(f"({one})" for one in shown) if len(shown) > 1 else "".join(shown) or "all"

    def to_plain(self) -> Any:
        """`"all"`, or the clauses, each a sorted list."""
        return [sorted(clause) for clause in sorted(self.clauses, key=sorted)] or ALL.value

    @classmethod
    def from_plain(cls, plain: Any) -> Names:
        """Undo `to_plain`.

        Raises:
            MalformedError: anything else came; an empty list above all, which might be read as everything.
        """
        if plain == ALL.value:
            return _EVERY
        if not isinstance(plain, list) or not plain or not all(isinstance(one, list) for one in plain):
            raise MalformedError("set of names", plain)
        try:
            return cls(frozenset(_checked(one) for one in plain))
        except SetupError as error:
            raise MalformedError("set of names", plain) from error


def _checked(patterns: Iterable[object]) -> Clause:
    clause = set()
    for pattern in patterns:
        if not isinstance(pattern, str) or not pattern:
            raise SetupError(f"a pattern is text of at least one character, not {pattern!r}")
        if any("\ud800" <= character <= "\udfff" for character in pattern):
            raise SetupError(f"a pattern is text without lone surrogates, not {pattern!r}")
        clause.add(str(pattern))
    return frozenset(clause)


def _normal(clauses: Iterable[Clause]) -> frozenset[Clause]:
    """The one way to write what all these clauses hold."""
    kept = {slim for slim in map(_slim, clauses) if _ANY not in slim}
    lists = [clause for clause in kept if not any(map(_is_glob, clause))]
    if lists:  # names that are listed one by one: see at once which of them the other clauses hold
        return frozenset([frozenset(name for name in lists[0] if all(_holds(one, name) for one in kept))])
    return frozenset(clause for clause in kept if not any(other < clause for other in kept))


def _slim(clause: Clause) -> Clause:
    """Without the names that a glob of the same clause fits, and with `*` alone if it is there."""
    if _ANY in clause:
        return frozenset([_ANY])
    globs = [pattern for pattern in clause if _is_glob(pattern)]
    return frozenset(
        pattern
        for pattern in clause
        if _is_glob(pattern) or not any(fnmatchcase(pattern, glob) for glob in globs)
    )


def _is_glob(pattern: str) -> bool:
    return not _GLOB.isdisjoint(pattern)


def _holds(clause: Clause, name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in clause)


_NO = Names()
_EVERY = Names(frozenset())
