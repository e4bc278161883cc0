"""Reading a manifest: from TOML to values, or to all that is wrong with it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from theater.errors import ManifestError, Problem
from theater.manifest.keys import MANIFEST, name_from, names_class
from theater.manifest.problems import Found, item, step
from theater.manifest.values import Manifest
from theater.manifest.variables import fill


@dataclass(frozen=True, slots=True)
class Sketch:
    """One actor as far as it can be made out, even if something is wrong with it."""

    place: str
    class_name: str | None
    name: str | None
    state: Mapping[str, Any] | None
    above: frozenset[str]  # the names of the top actors that stand before it, or before its supervisor


@dataclass(frozen=True, slots=True)
class Draft:
    """A manifest that was read: what it says, if nothing is wrong with it, and what is."""

    manifest: Manifest | None
    sketches: tuple[Sketch, ...]
    problems: tuple[Problem, ...]


def parse(content: bytes | str, variables: Mapping[str, str], *, path: str = "manifest") -> Manifest:
    """Read a manifest, its variables filled in; `path` is what errors call it.

    Raises:
        ManifestError: all that is wrong with it.
    """
    draft = read(content, variables)
    if draft.manifest is None:
        raise ManifestError(path, draft.problems)
    return draft.manifest


def read(content: bytes | str, variables: Mapping[str, str]) -> Draft:
    """Read a manifest, good or not; its classes are not looked at."""
    found = Found()
    document = _document(content, found)
    if document is None:
        return Draft(None, (), tuple(found.problems))
    filled = fill(document, variables, found)
    manifest = MANIFEST.read(filled, "", found)
    if filled.get("actor") == []:
        found.add("actor", "nobody is in the crew: describe an actor under [[actor]]")
    sketches = tuple(_sketches(filled.get("actor"), "actor", frozenset(), top=True))
    _check_names(sketches, found)
    problems = tuple(found.problems)
    return Draft(None if problems else manifest, sketches, problems)


def _document(content: bytes | str, found: Found) -> dict[str, Any] | None:
    try:
        text = content if isinstance(content, str) else content.decode("utf-8-sig")
        return tomllib.loads(text)
    except UnicodeDecodeError as error:
        found.add("", f"not UTF-8: byte {error.start} is 0x{error.object[error.start]:02x}")
    except RecursionError:
        found.add("", "not TOML that can be read: too many levels one within another")
    except ValueError as error:
        found.add("", f"not TOML: {error}")
    return None


def _sketches(tables: Any, place: str, above: frozenset[str], *, top: bool) -> Iterator[Sketch]:
    for index, table in enumerate(tables if isinstance(tables, list) else ()):
        if not isinstance(table, dict):
            continue
        here = item(place, index)
        class_name = table.get("class")
        class_name = str(class_name) if names_class(class_name) else None
        name = table.get("name") if "name" in table or class_name is None else name_from(class_name)
        state = table.get("state", {})
        sketch = Sketch(
            place=here,
            class_name=class_name,
            name=str(name) if isinstance(name, str) else None,
            state=state if isinstance(state, dict) else None,
            above=above,
        )
        yield sketch
        yield from _sketches(table.get("children"), step(here, "children"), above, top=False)
        if top and sketch.name is not None:
            above |= {sketch.name}


def _check_names(sketches: tuple[Sketch, ...], found: Found) -> None:
    seen: dict[tuple[str, str], str] = {}
    for sketch in sketches:
        if sketch.name is None:
            continue
        siblings = (sketch.place.rpartition("[")[0], sketch.name)
        if siblings in seen:
            why = f"{seen[siblings]} is called {sketch.name!r} too: give each a name of its own"
            found.add(step(sketch.place, "name"), why)
        seen.setdefault(siblings, sketch.place)
