"""Casting: which class plays an actor that the record names; a record never causes an import."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any

from theater.actor import Actor
from theater.errors import SetupError
from theater.plan import plan_of

_LOCAL = "<locals>"


class Casting:
    """The classes at hand: those that were given, then those that are imported."""

    def __init__(self, classes: Iterable[type[Actor]]) -> None:
        self._given = {plan_of(cls).class_name: cls for cls in classes}

    def find(self, class_name: str) -> type[Actor]:
        """The class `module:Qualname`.

        Raises:
            SetupError: it is not at hand.
        """
        cls = self._given.get(class_name) or _imported(class_name)
        if cls is None:
            raise SetupError(
                f"its class {class_name} is not imported; import it, or give it to replay(classes=[...])"
            )
        return cls


def _imported(class_name: str) -> type[Actor] | None:
    module, _, path = class_name.partition(":")
    if _LOCAL in path:  # made by a function: no module has it by name
        made = [cls for cls in _all(Actor) if plan_of(cls).class_name == class_name]
        return made[-1] if made else None
    found: Any = sys.modules.get(module)
    for part in path.split("."):
        found = getattr(found, part, None)
    return found if isinstance(found, type) and issubclass(found, Actor) else None


def _all(cls: type[Actor]) -> Iterator[type[Actor]]:
    for below in cls.__subclasses__():
        yield below
        yield from _all(below)
