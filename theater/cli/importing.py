"""What the command line imports, because whoever types it says so: a folder never causes an import."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import click

from theater import Actor, SetupError
from theater.cli.crews import look_here_first
from theater.manifest.classes import find_class, find_module

DEMOS = ("theater.cli.demos.library", "theater.cli.demos.ledger", "theater.cli.shelf")

imports: Callable[[Any], Any] = click.option(
    "--import",
    "modules",
    multiple=True,
    metavar="MODULE[:ACTOR]",
    help="Where the classes of actors are; looked for in the current directory first. May be repeated.",
)
"""The option by which a verb that runs recorded actors is told where their classes are."""


def import_all(modules: Sequence[str]) -> list[type[Actor]]:
    """Import these modules, and those of the demos; returns the classes that were named.

    Raises:
        UsageError: one is not there.
    """
    look_here_first()
    for demo in DEMOS:
        import_module(demo)
    try:
        for name in modules:
            find_module(name.partition(":")[0])
        return [find_class(name) for name in modules if ":" in name]
    except SetupError as error:
        raise click.UsageError(str(error)) from error
