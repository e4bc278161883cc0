"""Casting: which class plays an actor that the record names; a record never causes an import."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from theater.actor import Actor
from theater.imported import class_of, named

_LOCAL = "<locals>"


class Casting:
    """The classes at hand: those that were given, then those that are imported."""

    def __init__(self, classes: Sequence[type[Actor]]) -> None:
        self._given = named(classes)

    def find(self, class_name: str) -> type[Actor]:
        """The class `module:Qualname`.

        Raises:
            SetupError: it is not at hand.
        """
        if _LOCAL in class_name and class_name not in self._given:  # made by a function: no module has it
            self._given |= named([cls for cls in _all(Actor) if _LOCAL in cls.__qualname__]) | self._given
        return class_of(class_name, self._given)


def _all(cls: type[Actor]) -> Iterator[type[Actor]]:
    for below in cls.__subclasses__():
        yield below
        yield from _all(below)
