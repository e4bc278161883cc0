"""Classes by the names that the record has for them: a folder never causes an import."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from theater.actor import Actor
from theater.errors import SetupError
from theater.plan import plan_of
from theater.whereabouts import modules_named


def named(classes: Sequence[type[Actor]]) -> dict[str, type[Actor]]:
    """Classes that somebody gave, by their names in the record.

    Raises:
        SetupError: these are no classes of actors.
    """
    if not isinstance(classes, Sequence) or not all(
        isinstance(cls, type) and issubclass(cls, Actor) for cls in classes
    ):
        raise SetupError(f"classes= takes a list of classes of actors, such as [Counter], not {classes!r}")
    return {plan_of(cls).class_name: cls for cls in classes}


def class_of(name: str, given: Mapping[str, type[Actor]]) -> type[Actor]:
    """The class of this name (`module:Qualname`) among those given, or in the modules imported already.

    Raises:
        SetupError: it is not there.
    """
    if name in given:
        return given[name]
    module, _, path = name.partition(":")
    for found in (_attribute(place, path) for place in modules_named(module)):
        if isinstance(found, type) and issubclass(found, Actor):
            return found
    raise SetupError(
        f"its class {name} is not imported; import it, give it by classes=[...],"
        f" or on the command line by --import {module}"
    )


def _attribute(found: Any, path: str) -> Any:
    for part in path.split("."):
        found = getattr(found, part, None)
    return found
