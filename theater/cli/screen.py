"""What stands on the screen: tables and colours for a person, JSON for a program."""

from __future__ import annotations

import json
from typing import NoReturn

import click
from rich.console import Console
from rich.table import Table

_WIDE = 10_000  # characters


class Screen(Console):
    """Rich's console; when whoever reads it goes away, that is an error like any other."""

    def on_broken_pipe(self) -> NoReturn:
        raise BrokenPipeError


def screen() -> Console:
    """Standard output; colours only on a terminal, and no line is broken for `grep`."""
    made = Screen(highlight=False, soft_wrap=True)
    if not made.is_terminal:
        made.width = _WIDE
    return made


def table(*columns: str, numbers: tuple[str, ...] = ()) -> Table:
    """A table without lines; columns named in `numbers` stand to the right."""
    made = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        made.add_column(column, justify="right" if column in numbers else "left", overflow="fold")
    return made


def document(value: object) -> None:
    """Print one JSON document."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def line(value: object) -> None:
    """Print one line of JSON, of a stream of them."""
    click.echo(json.dumps(value, ensure_ascii=False))
