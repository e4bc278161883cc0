"""Options that all verbs share, before or after the verb: which folder, and how errors are told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import click

HOME = ".theater"
C = TypeVar("C", bound=Callable[..., object])


@dataclass
class Settings:
    """What the shared options say."""

    home: Path = Path(HOME)
    debug: bool = False


def _keep(ctx: click.Context, param: click.Parameter, value: object) -> None:
    settings = ctx.ensure_object(Settings)
    if value and param.name is not None:
        setattr(settings, param.name, value)


_HOME = click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="THEATER_HOME",
    expose_value=False,
    callback=_keep,
    help=f"The theater's folder; by default $THEATER_HOME, or {HOME}.",
)
_LATER_HOME = click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    expose_value=False,
    callback=_keep,
    help=f"The theater's folder; by default $THEATER_HOME, or {HOME}.",
)
_DEBUG = click.option(
    "--debug", is_flag=True, expose_value=False, callback=_keep, help="Show the traceback of an error."
)

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


def shared(function: C) -> C:
    """Give the command `theater` the options of all verbs."""
    return _HOME(_DEBUG(function))


def verb(*, example: str) -> Callable[[Callable[..., object]], click.Command]:
    """Make a function a verb: it is given the `Settings` first; its help ends with an example."""

    def make(function: Callable[..., object]) -> click.Command:
        taking = click.pass_obj(function)
        epilog = "\b\nExample:\n" + "\n".join(f"    {line}" for line in example.splitlines())
        made: click.Command = click.command(epilog=epilog)(_LATER_HOME(_DEBUG(taking)))
        return made

    return make
