"""Classes by the names that the record has for them: a folder never causes an import."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from theater.actor import Actor
from theater.errors import SetupError
from theater.plan import plan_of


def named(classes: Sequence[type[Actor]]) -> dict[str, type[Actor]]:
    """Classes that somebody gave, by their names in the record."""
    return {plan_of(cls).class_name: cls for cls in classes}


def class_of(name: str, given: Mapping[str, type[Actor]]) -> type[Actor]:
    """The class of this name (`module:Qualname`) among those given, or in the modules imported already.

    Raises:
        SetupError: it is not there.
    """
    if name in given:
        return given[name]
    module, _, path = name.partition(":")
    found: Any = sys.modules.get(module)
    for part in path.split("."):
        found = getattr(found, part, None)
    if not (isinstance(found, type) and issubclass(found, Actor)):
        raise SetupError(f"its class {name} is not imported; import it, or give it by classes=[...]")
    return found
