"""What `--list` shows: every case and every system, with the name by which to ask for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table

from benchmarks.kinds import Family, System


def show_all(families: Sequence[Family], console: Console) -> None:
    for family in families:
        by_default = "" if family.by_default else ", only if asked for"
        console.print(_table(f"--case {family.name}: {family.title}{by_default}", _cases(family)))
    systems = [system for family in families for system in family.systems]
    console.print(_table("--system", _together((one.name, one.about) for one in systems if not one.is_peer)))
    peers = ((one.name, f"{one.about} [{needs(one)}]") for one in systems if one.is_peer)
    console.print(_table("--peers", _together(peers)))


def needs(system: System) -> str:
    """What must be installed to measure it: programs by hand, packages by `python -m benchmarks`."""
    if system.environment is None:
        return f"needs {' and '.join(system.programs)}"
    return f"{', '.join(system.environment.packages)} on Python {' or '.join(system.environment.pythons)}"


def _cases(family: Family) -> list[tuple[str, str]]:
    return [(work.name, f"{work.title}: {work.about}") for work in family.works]


def _together(lines: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Each name once, with all that it stands for: the limit of messages, and that of contents."""
    abouts: dict[str, dict[str, None]] = {}
    for name, about in lines:
        abouts.setdefault(name, {})[about] = None
    return [
        (name, "\n".join(f"- {each}" for each in found) if len(found) > 1 else next(iter(found)))
        for name, found in abouts.items()
    ]


def _table(title: str, lines: Iterable[tuple[str, str]]) -> Table:
    shown = Table(title=title, title_justify="left", title_style="bold", box=None, show_header=False)
    shown.add_column(no_wrap=True)
    shown.add_column()
    for name, about in lines:
        shown.add_row(f"  {name}", about.replace("[", r"\["))
    return shown
