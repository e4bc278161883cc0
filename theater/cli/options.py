"""Options that all verbs share, before or after the verb: which folder, and how errors are told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import click

HOME = ".theater"
C = TypeVar("C", bound=click.Command)


@dataclass
class Settings:
    """What the shared options say."""

    home: Path = Path(HOME)
    is_home_said: bool = False  # by an option or the environment
    debug: bool = False


def _keep(ctx: click.Context, param: click.Parameter, value: object) -> None:
    settings = ctx.ensure_object(Settings)
    if value and param.name is not None:
        setattr(settings, param.name, value)
        settings.is_home_said = settings.is_home_said or param.name == "home"


def _options(*, envvar: str | None) -> list[click.Parameter]:
    home = click.Option(
        ["--home"],
        type=click.Path(file_okay=False, path_type=Path),
        envvar=envvar,
        expose_value=False,
        callback=_keep,
        help=f"The theater's folder; by default $THEATER_HOME, or {HOME}.",
    )
    debug = click.Option(
        ["--debug"],
        is_flag=True,
        expose_value=False,
        callback=_keep,
        help="Show the traceback of an error.",
    )
    return [home, debug]


key_file = click.option(
    "--key",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file of the signing key, if it is not kept in the folder.",
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


def shared(command: C) -> C:
    """Give the command `theater` the options of all verbs; it alone reads the environment."""
    command.params += _options(envvar="THEATER_HOME")
    return command


def group(function: Callable[..., object]) -> click.Group:
    """Make a function a group of verbs; the options of all verbs may stand before theirs, too."""
    made: click.Group = click.group()(function)
    made.params += _options(envvar=None)
    return made


def verb(*, example: str) -> Callable[[Callable[..., object]], click.Command]:
    """Make a function a verb: it is given the `Settings` first; its help ends with an example."""
    epilog = "\b\nExample:\n" + "\n".join(f"    {line}" for line in example.splitlines())

    def make(function: Callable[..., object]) -> click.Command:
        made: click.Command = click.command(epilog=epilog)(click.pass_obj(function))
        made.params += _options(envvar=None)
        return made

    return make
