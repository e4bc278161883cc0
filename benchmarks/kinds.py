"""What there is to measure, as values: works, the systems that do them, and families of both.

Nothing here or in `benchmarks/families/` imports what it names: that is for the process that measures it.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

Case = Callable[[int, Path], float | Coroutine[Any, Any, float]]
"""Measures once: takes how many to do and an empty folder, returns a figure."""

LIMIT = "limit"  # the system that every other is set against
UVLOOP = "+uvloop"  # ends the name of a system that runs on uvloop


@dataclass(frozen=True, slots=True)
class Work:
    """One kind of work to measure."""

    name: str  # "ask", as `--case` takes it
    title: str  # "ask, one at a time"
    unit: str  # "messages/s"
    count: int  # how many to do for one figure
    about: str  # what is counted, a sentence for the docs
    less_is_better: bool = False
    rounds: int | None = None  # as many as are worth their time, where figures hardly move
    same_on_uvloop: bool = False  # then it is measured on asyncio alone
    curve: str = ""  # works of one curve differ in their count only, and are drawn as a line
    along: str = ""  # what there is more and more of on a curve: "events"


def curve(
    name: str, title: str, unit: str, counts: tuple[int, ...], about: str, **rest: Any
) -> tuple[Work, ...]:
    """The same work at so many sizes: `name@1000`, `name@10000`."""
    return tuple(
        Work(f"{name}@{count}", f"{title}: {count:,}", unit, count, about, curve=name, **rest)
        for count in counts
    )


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment for a system that Theater itself has no need of."""

    packages: tuple[str, ...]  # "pykka==4.5.0"
    pythons: tuple[str, ...] = ("3.11", "3.12", "3.13")  # that it runs on; the running one is preferred


@dataclass(frozen=True, slots=True)
class System:
    """Who does the work."""

    name: str
    module: str  # with `CASES`, or with `cases(argument)`
    about: str  # what it is and does, and what it does not do: a sentence for the docs
    argument: str = ""
    environment: Environment | None = None
    programs: tuple[str, ...] = ()  # that must be installed on the machine
    without: Mapping[str, str] = field(
        default_factory=lambda: MappingProxyType({})
    )  # works: why it has no figure
    counts: Mapping[str, int] = field(
        default_factory=lambda: MappingProxyType({})
    )  # works of which it does fewer
    on_uvloop: bool = False  # can run on it

    @property
    def is_peer(self) -> bool:
        """Is measured only if asked for, since it must be installed first."""
        return self.environment is not None or bool(self.programs)


@dataclass(frozen=True, slots=True)
class Family:
    """Works, and the systems that do them all but for those they say they do not."""

    name: str
    title: str
    works: tuple[Work, ...]
    systems: tuple[System, ...]
    by_default: bool = True  # is measured if nothing is chosen

    def subjects(self) -> Iterator[Subject]:
        """All that can be measured; the limit first, so that a round's ratios are close in time."""
        for work in self.works:
            for system in self.systems:
                if work.name not in system.without:
                    yield Subject(work, system)


@dataclass(frozen=True, slots=True)
class Subject:
    """One figure to take: who does what, on which loop."""

    work: Work
    system: System
    uvloop: bool = False

    def __str__(self) -> str:
        return f"{self.work.name}:{self.label}"

    @property
    def label(self) -> str:
        return self.system.name + (UVLOOP if self.uvloop else "")

    @property
    def key(self) -> tuple[str, str]:
        return self.work.name, self.label

    @property
    def limit_key(self) -> tuple[str, str]:
        """Of the limit on the same loop."""
        return self.work.name, LIMIT + (UVLOOP if self.uvloop else "")

    def count(self, scale: float) -> int:
        return max(2, int(self.system.counts.get(self.work.name, self.work.count) * scale))
