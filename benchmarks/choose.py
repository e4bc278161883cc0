"""Which of all the subjects a person asked for; a name that nobody has is an error, with the nearest one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from difflib import get_close_matches

from benchmarks.kinds import Family, Subject, System

ALL = "all"  # of the peers
DEFAULT = "default"  # the cases that are measured if none is chosen


class ChoiceError(Exception):
    """What was asked for is not there, or does not go together."""


def choose(
    families: Sequence[Family],
    *,
    cases: Sequence[str] = (),
    systems: Sequence[str] = (),
    peers: Sequence[str] = (),
    uvloop: bool = False,
) -> list[Subject]:
    """The subjects of these cases (works, curves or families), by these systems, with these peers.

    Raises:
        ChoiceError: a name is unknown, or nothing is left.
    """
    check("case", cases, {*case_names(families), DEFAULT})
    check("system", systems, {system.name for family in families for system in family.systems})
    check("peer", peers, {*peer_names(families), ALL})
    wanted = {*systems, *peers}
    chosen = [
        subject
        for family in families
        for subject in family.subjects()
        if _is_case_of(subject, family, cases or [DEFAULT])
        and (not subject.system.is_peer or subject.system.name in wanted or ALL in peers)
        and (not systems or subject.system.name in wanted or (subject.system.is_peer and ALL in peers))
    ]
    if not chosen:
        raise ChoiceError("none of these systems does any of these cases")
    if idle := [name for name in peers if name not in {ALL, *(one.system.name for one in chosen)}]:
        raise ChoiceError(f"no case that was chosen is one that {' or '.join(idle)} does")
    return [variant for subject in chosen for variant in _variants(subject, uvloop=uvloop)]


def check(what: str, given: Iterable[str], known: Iterable[str]) -> None:
    names = sorted(known)
    for name in given:
        if name not in names:
            near = get_close_matches(name, names, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}"
            raise ChoiceError(f"no {what} is called {name!r}: {hint}")


def case_names(families: Sequence[Family]) -> set[str]:
    works = [work for family in families for work in family.works]
    return {family.name for family in families} | {
        name for work in works for name in (work.name, work.curve) if name
    }


def peer_names(families: Sequence[Family]) -> list[str]:
    return list(dict.fromkeys(system.name for system in peers_of(families)))


def peers_of(families: Sequence[Family]) -> list[System]:
    return [system for family in families for system in family.systems if system.is_peer]


def _is_case_of(subject: Subject, family: Family, cases: Sequence[str]) -> bool:
    names = {subject.work.name, subject.work.curve, family.name} | ({DEFAULT} if family.by_default else set())
    return bool(names & set(cases))


def _variants(subject: Subject, *, uvloop: bool) -> list[Subject]:
    twice = uvloop and subject.system.on_uvloop and not subject.work.same_on_uvloop
    return [subject, replace(subject, uvloop=True)] if twice else [subject]
