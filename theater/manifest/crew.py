"""A crew: a manifest whose classes are here, and how it takes its places in a theater."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from theater import orders, resuming, signals, spawning
from theater.actor import Actor
from theater.errors import ActorFailedError, ManifestError, Problem, SetupError
from theater.loop import until_any
from theater.manifest.classes import check, find_class, make
from theater.manifest.reading import read
from theater.manifest.values import Manifest, Member
from theater.supervision import DEFAULT, ChildSpec, Supervision

if TYPE_CHECKING:
    from theater.cell import Cell
    from theater.ref import ActorRef
    from theater.stage import Stage

logger = logging.getLogger("theater")


@dataclass(frozen=True, slots=True)
class Crew:
    """A good manifest, and the class of each of its actors."""

    manifest: Manifest
    folder: Path | None
    classes: Mapping[str, type[Actor]]  # by class name

    def paths(self) -> Iterator[tuple[str, Member]]:
        """Everybody in it by path, supervisors first."""
        waiting = [(member.name, member) for member in self.manifest.actor]
        while waiting:
            path, member = waiting.pop(0)
            yield path, member
            waiting = [*((f"{path}/{child.name}", child) for child in member.children), *waiting]


def load(path: Path, variables: Mapping[str, str]) -> Crew:
    """Read a manifest and import its classes.

    Raises:
        ManifestError: all that is wrong with it.
        OSError: the file cannot be read.
    """
    draft = read(path.read_bytes(), variables)
    problems = [*draft.problems, *(problem for sketch in draft.sketches for problem in check(sketch))]
    if draft.manifest is None or problems:
        raise ManifestError(str(path), sorted(problems, key=_order))
    manifest, folder = draft.manifest, draft.manifest.theater.folder
    names = {sketch.class_name for sketch in draft.sketches if sketch.class_name is not None}
    classes = {name: find_class(name) for name in names}
    return Crew(manifest, None if folder is None else path.parent / folder, classes)


def _order(problem: Problem) -> list[tuple[int, str]]:
    """By place: the theater first, then one actor after the other."""
    parts = re.split(r"(\d+)", problem.place.replace("theater", "", 1))
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


async def start(stage: Stage, crew: Crew) -> tuple[ActorRef[Any], ...]:
    """Wake those who are asleep, all at once, and start the others, first to last; returns the top ones.

    Raises:
        SetupError: one cannot go on.
        ActorFailedError: one did not start.
    """
    classes = {path: crew.classes[member.class_name] for path, member in crew.paths()}
    resumed = await resuming.resume_named(stage, classes)
    left = [one for one in resumed.left if one.name in classes]
    if left:
        said = "; ".join(f"{one.name!r} cannot go on: {one.why}" for one in left)
        raise SetupError(f"{said}; {resuming.ANEW}")
    for one in resumed.left:
        logger.warning("%r cannot go on: %s", one.name, one.why)
    return tuple([await _start_top(stage, crew, member) for member in crew.manifest.actor])


async def _start_top(stage: Stage, crew: Crew, member: Member) -> ActorRef[Any]:
    supervision = _supervision(stage, crew, member)
    cell = stage.names.get(member.name)
    if cell is None:
        actor = _actor(stage, crew, member)
        return await spawning.spawn_top(stage, actor, member.name, member.options, supervision)
    if supervision is not None:
        await _tell(cell, supervision)
    return cell.ref


async def _tell(cell: Cell, supervision: Supervision) -> None:
    """Tell one who woke up of its children: those who are not there are started."""
    cell.more().supervision = supervision
    started = orders.start_missing(cell)
    if started is not None:
        ended = signals.when_ended(cell)
        await until_any(started, ended)
        if not started.done():
            raise ActorFailedError(f"{cell.name} ended before its children had started")
        started.result()
    for spec in supervision.children:
        below = cell.theater.names.get(f"{cell.name}/{spec.name}")
        if below is not None and spec.supervision is not None:
            await _tell(below, spec.supervision)


def _supervision(stage: Stage, crew: Crew, member: Member) -> Supervision | None:
    """What the manifest says of an actor's children, beside what its class says."""
    if not member.children and member.supervision is None:
        return None
    own = crew.classes[member.class_name].supervision or DEFAULT
    rules = member.supervision
    said: dict[str, Any] = {"strategy": rules and rules.strategy, "limit": rules and rules.limit}
    specs = (_spec(stage, crew, child) for child in member.children)
    changed = {name: value for name, value in said.items() if value is not None}
    return replace(own, children=(*own.children, *specs), **changed)


def _spec(stage: Stage, crew: Crew, member: Member) -> ChildSpec:
    actor = _actor(stage, crew, member)
    return ChildSpec(actor, member.name, member.options, _supervision(stage, crew, member))


def _actor(stage: Stage, crew: Crew, member: Member) -> Actor:
    def find(name: str) -> object:
        cell = stage.names.get(name)
        if cell is None:
            raise SetupError(f"{member.name} is to have the ref of {name!r}, which has ended already")
        return cell.ref

    return make(crew.classes[member.class_name], member.state, find)
