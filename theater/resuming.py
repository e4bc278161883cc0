"""Resuming: actors that are asleep in the record go on, in their own chains, as the same actors."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from theater import answers, directory, laying, rebuilding, redelivery, reunion, spawning, waking
from theater.actor import Actor
from theater.errors import SetupError, TheaterError
from theater.event import Event
from theater.imported import named
from theater.loop import until_done
from theater.past import Past, fold
from theater.redelivery import events_of
from theater.ref import ActorRef
from theater.replaying import DifferenceError
from theater.sleepers import Sleeper
from theater.waking import Waking

if TYPE_CHECKING:
    from theater.stage import Stage

ANEW = "mend that, or begin anew, under another name or in another folder"
"""What is left to do about an actor that cannot go on."""

_PATIENCE = 1.0  # seconds that those of one depth are given to come to the end of their records


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """An actor that stays asleep: its chain and mailbox are untouched.

    Where its code does not follow the record, `seq`, `expected` and `found` say how.
    """

    name: str
    why: str
    seq: int | None = None  # of the first event that differs
    expected: str = ""  # "kind {question}"; empty if nothing more was recorded
    found: str = ""  # the same; empty if the handler had ended


@dataclass(frozen=True, slots=True)
class Resumed:
    """Who goes on, supervisors first, and who does not."""

    refs: tuple[ActorRef[Any], ...]
    left: tuple[LeftAlone, ...]


async def resume_one(stage: Stage, cls: type[Actor], name: str | None) -> ActorRef[Any] | None:
    """The actor of that name if it is alive, here or asleep; None if it is not.

    Raises:
        SetupError: it is of another class, or cannot go on.
    """
    if name is None:
        return None
    cell = stage.names.get(spawning.path_of(None, name))
    if cell is not None:
        if not isinstance(cell.actor, cls):
            raise SetupError(f"{name!r} is alive here as {cell.class_name}, not {cls.__qualname__}")
        return cell.ref
    if name not in stage.asleep:
        return None
    resumed = await resume_named(stage, {name: cls})
    for left in resumed.left:
        if left.name == name:
            raise SetupError(f"{name!r} cannot go on: {left.why}; {ANEW}")
    return resumed.refs[0]


async def resume_named(stage: Stage, classes: Mapping[str, type[Actor]]) -> Resumed:
    """Wake those of these paths that are asleep, and all who stand below them."""
    there = {path: one for path, one in stage.asleep.items() if _is_under(path, classes)}
    known = {there[path].class_name: cls for path, cls in classes.items() if path in there}
    return await _wake(stage, list(there.values()), known)


def _is_under(path: str, above: Collection[str]) -> bool:
    parts = path.split("/")
    return any("/".join(parts[: count + 1]) in above for count in range(len(parts)))


async def resume_all(stage: Stage, classes: Sequence[type[Actor]], *, changed_code: bool = False) -> Resumed:
    """Wake everybody, supervisors first."""
    return await _wake(stage, list(stage.asleep.values()), named(classes), changed_code=changed_code)


async def _wake(
    stage: Stage, sleepers: list[Sleeper], classes: dict[str, type[Actor]], *, changed_code: bool = False
) -> Resumed:
    """Put all in their places, supervisors first; run again what was cut off; then let everybody go on."""
    left: list[LeftAlone] = []
    pasts = {sleeper: fold(events_of(stage, sleeper)) for sleeper in sleepers}
    await _complete(stage, pasts, classes, left, changed_code=changed_code)
    woken = _loaded(stage, list(_prepared(stage, pasts, classes, left)), left)
    for one in woken:
        waking.place(one)
    reunion.tie({one.cell: one.past for one in woken})
    await _run_again(woken, left)
    awake = [one for one in woken if not one.is_gone]
    for one in awake:
        if one.rerun is None:
            waking.go(one)
    reunion.tell(stage, {one.cell: one.past for one in awake})
    if stage.journal.durable:
        await stage.committed()
    return Resumed(tuple(one.cell.ref for one in awake), tuple(left))


async def _complete(
    stage: Stage,
    pasts: dict[Sleeper, Past],
    classes: Mapping[str, type[Actor]],
    left: list[LeftAlone],
    *,
    changed_code: bool,
) -> None:
    """Make the states again that the record does not hold; those that cannot be are left alone."""
    for sleeper, past in tuple(pasts.items()):
        try:
            await rebuilding.complete(stage, sleeper, past, classes, changed_code=changed_code)
        except (TheaterError, DifferenceError) as error:
            del pasts[sleeper]
            why = f"its last state cannot be made again: {error}"
            if isinstance(error, DifferenceError):
                left.append(LeftAlone(sleeper.name, why, error.seq, error.expected, error.found))
            else:
                left.append(LeftAlone(sleeper.name, why))


def _prepared(
    stage: Stage, pasts: Mapping[Sleeper, Past], classes: Mapping[str, type[Actor]], left: list[LeftAlone]
) -> Iterator[Waking]:
    for sleeper in sorted(pasts, key=lambda one: (one.name.count("/"), _birth(stage, one))):
        if stage.asleep.get(sleeper.name) is not sleeper:
            continue  # somebody else woke it meanwhile
        try:
            yield waking.prepare(stage, sleeper, pasts[sleeper], classes)
        except (TheaterError, TypeError, ValueError) as error:
            left.append(LeftAlone(sleeper.name, str(error)))


def _loaded(stage: Stage, prepared: list[Waking], left: list[LeftAlone]) -> list[Waking]:
    letters = redelivery.sent_to(stage, {one.cell.id: one.past for one in prepared})
    unheard = [event for one in prepared for event in answers.pending(one.cell.id, one.script)]
    loaded = []
    for one in prepared:
        try:
            waking.load(one, letters[one.cell.id])
            loaded.append(one)
        except (TheaterError, TypeError, ValueError) as error:
            left.append(LeftAlone(one.sleeper.name, str(error)))
            directory.put_back(stage, one.cell)
    for event in unheard:
        answers.look_up(stage, event)
    return loaded


def _birth(stage: Stage, sleeper: Sleeper) -> int:
    return Event.read(stage.journal.event(sleeper.id, 0)).time


async def _run_again(woken: list[Waking], left: list[LeftAlone]) -> None:
    """Have what was cut off follow its record, supervisors first; who differs from it sleeps on."""
    for depth in sorted({one.cell.name.count("/") for one in woken}):
        here = [one for one in woken if one.cell.name.count("/") == depth]
        for one in here:
            above = one.cell.supervisor
            if above is not None and above.state == "gone":
                left.append(LeftAlone(one.cell.name, "its supervisor is asleep"))
                one.cell.state = "gone"
                await laying.lay_down(one)
            elif one.rerun is not None:
                waking.run_again(one, one.rerun)
        ahead = [one.rerun.ahead for one in here if one.rerun is not None and not one.is_gone]
        if not await until_done(*ahead, within=_PATIENCE):
            for one in here:
                if one.rerun is not None:
                    one.rerun.stands()
        for one in here:
            difference = None if one.rerun is None else one.rerun.difference
            if difference is not None:
                await laying.lay_down(one)
                told = (difference.seq, difference.expected, difference.found)
                left.append(LeftAlone(one.cell.name, laying.why(difference), *told))
            laying.watch_over(one)
