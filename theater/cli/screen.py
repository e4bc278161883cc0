"""What stands on the screen: tables and colours for a person, JSON for a program."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, NoReturn

import click
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from theater.cli.visible import visible

_WIDE = 10_000  # characters
_STEERING = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What JSON leaves as it is, though a terminal may obey it."""


class Screen(Console):
    """Rich's console for text that others wrote: none of it is markup, and none steers the terminal.

    When whoever reads it goes away, that is an error like any other.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(visible(text), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            text, style, control = segment
            yield segment if control else Segment(visible(text, keep="\n"), style)

    def on_broken_pipe(self) -> NoReturn:
        raise BrokenPipeError


def screen() -> Console:
    """Standard output; colours only on a terminal, and no line is broken for `grep`."""
    made = Screen(soft_wrap=True)
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
    click.echo(_json(value, indent=2))


def line(value: object) -> None:
    """Print one line of JSON, of a stream of them."""
    click.echo(_json(value))


def _json(value: object, *, indent: int | None = None) -> str:
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    return _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
