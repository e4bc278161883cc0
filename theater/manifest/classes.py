"""Classes that a manifest names: imported, and what it says of their fields held to what these hold."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from theater.actor import Actor
from theater.errors import Problem, SetupError
from theater.failure import text_of
from theater.given import Finder, read_given
from theater.manifest.problems import step
from theater.manifest.reading import Sketch
from theater.nearest import did_you_mean
from theater.plan import plan_of
from theater.untyped import MisfitError


def find_class(class_name: str) -> type[Actor]:
    """The actor class that `module:Qualname` names; imports its module.

    Raises:
        SetupError: there is none, it cannot be imported, or it is no good actor class.
    """
    module_name, _, path = class_name.partition(":")
    module = find_module(module_name)
    found: Any = module
    for part in path.split("."):
        found = getattr(found, part, None)
    if not (isinstance(found, type) and issubclass(found, Actor)) or found is Actor:
        actors = [name for name, it in vars(module).items() if isinstance(it, type) and issubclass(it, Actor)]
        known = [name for name in actors if getattr(module, name) is not Actor]
        raise SetupError(f"{module_name} has no actor class {path!r}{did_you_mean(path, known)}")
    plan_of(found)
    return found


def find_module(name: str) -> Any:
    """Import a module.

    Raises:
        SetupError: it is not there, or cannot be imported.
    """
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise SetupError(f"importing {name} failed: {type(error).__name__}: {error}") from error
        top = [one.name for one in iter_modules()] if error.name == name else []
        near = did_you_mean(name, [*top, *sys.builtin_module_names]) if top else ""
        hint = near if near.startswith("; did") else "; is it where Python looks for modules?"
        raise SetupError(f"there is no module {name!r}{hint}") from error
    except (Exception, SystemExit) as error:  # a module may raise anything when it is imported
        raise SetupError(f"importing {name} failed: {type(error).__name__}: {text_of(error)}") from error


def check(sketch: Sketch) -> Iterator[Problem]:
    """What is wrong with the class of an actor, and with the fields that it is given."""
    if sketch.class_name is None:
        return
    try:
        cls = find_class(sketch.class_name)
    except SetupError as error:
        yield Problem(step(sketch.place, "class"), str(error))
        return
    if sketch.state is None:
        return
    problems = list(_check_fields(sketch, cls))
    yield from problems
    if not problems:
        yield from _check_instance(sketch, cls)


def make(cls: type[Actor], state: Mapping[str, Any], find: Finder) -> Actor:
    """An instance with these fields, as a manifest gives them.

    Raises:
        TypeError: one does not fit.
        Exception: whatever its `__post_init__` raises.
    """
    fields = plan_of(cls).state.fields
    return cls(**{name: read_given(fields[name].shape.form, given, find) for name, given in state.items()})


def _check_fields(sketch: Sketch, cls: type[Actor]) -> Iterator[Problem]:
    state, plan = sketch.state or {}, plan_of(cls)
    fields, place = plan.state.fields, step(sketch.place, "state")
    for name, given in state.items():
        if name not in fields:
            why = f"{plan.label} has no such field{did_you_mean(name, fields)}"
            yield Problem(step(place, name), why)
            continue
        try:
            read_given(fields[name].shape.form, given, _known(sketch))
        except MisfitError as misfit:
            yield Problem(step(place, name) + "".join(misfit.path), misfit.why)
    for name, field in fields.items():
        if field.default is None and name not in state:
            yield Problem(place, f"{name!r} is missing: {plan.label} has no default for it")


def _check_instance(sketch: Sketch, cls: type[Actor]) -> Iterator[Problem]:
    """Make it once for show; what holds refs cannot be made before there are actors."""
    refs: list[str] = []
    try:
        actor = make(cls, sketch.state or {}, refs.append)
        if not refs:
            plan_of(cls).copy_state(actor, _nobody)
    except Exception as error:  # noqa: BLE001  # a `__post_init__` may raise anything
        if not refs:
            place = step(sketch.place, "state")
            yield Problem(place, f"{cls.__qualname__} refuses it: {type(error).__name__}: {text_of(error)}")


def _nobody(_: object) -> object:
    raise TypeError("a ref of an actor of another theater")


def _known(sketch: Sketch) -> Finder:
    """Of the actors that stand before it a field may hold the ref."""

    def find(name: str) -> object:
        if name not in sketch.above:
            where = "; it names an actor of the top that stands before this one"
            raise MisfitError(f"No actor {name!r}{did_you_mean(name, sketch.above) or where}")
        return object()

    return find
