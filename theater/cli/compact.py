"""`theater compact`: take out of a folder what nobody needs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import click

from theater import Compacted, Removed, compact
from theater.cli.looking import Look
from theater.cli.options import Settings, as_json, key_file, verb
from theater.cli.screen import document, screen, table
from theater.cli.values import size_of
from theater.cli.visible import visible

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_BYTES = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_AGE = re.compile(r"([0-9]+)([smhdw])", re.ASCII)
_SIZE = re.compile(r"([0-9]+) ?([KMGT]?)B?", re.ASCII | re.IGNORECASE)
_ROWS = 20

if TYPE_CHECKING:
    _Type: TypeAlias = click.ParamType[int]
else:
    _Type = click.ParamType  # generic only from click 8.3 on


class Age(_Type):
    """`30d`: seconds, minutes, hours, days or weeks."""

    name = "age"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> int:
        match = _AGE.fullmatch(value)
        if match is None:
            self.fail(f"{value!r} is no age: take 45s, 90m, 12h, 30d or 8w", param, ctx)
        return int(match[1]) * _SECONDS[match[2]]


class Size(_Type):
    """`500MB`: bytes, or so many thousands, millions, …."""

    name = "size"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> int:
        match = _SIZE.fullmatch(value)
        if match is None:
            self.fail(f"{value!r} is no size: take 800000, 500MB or 2GB", param, ctx)
        return int(match[1]) * _BYTES[match[2].upper()]


@verb(example="theater compact --dry-run\ntheater compact --older-than 30d --keep-bytes 2GB")
@click.option("--dry-run", is_flag=True, help="Say what would go, and change nothing.")
@click.option("--older-than", type=Age(), metavar="AGE", help="Only what is older: 45s, 90m, 12h, 30d, 8w.")
@click.option(
    "--keep-bytes", type=Size(), metavar="SIZE", help="Only as much, the oldest first, as is over this: 2GB."
)
@click.option(
    "--erase", multiple=True, metavar="ACTOR", help="Instead: all of an actor that has ended. Repeatable."
)
@click.option("--reason", default="compacted", metavar="TEXT", help="What the signed record says of it.")
@key_file
@as_json
def command(
    settings: Settings,
    *,
    dry_run: bool,
    older_than: int | None,
    keep_bytes: int | None,
    erase: tuple[str, ...],
    reason: str,
    key: Path | None,
    as_json: bool,
) -> None:
    """Remove events and contents that nobody needs; what stays verifies as before.

    Of actors that live stays what they need to live on, of those that have ended how that was; and all that a
    store holds. Each event that goes leaves its hash, and a signed event says which went, and why. No process
    may have the folder open. There is no way back: copy the folder first if you may want its past.
    """
    Look(settings.home)  # says how to name a folder, if this is none
    done = compact(
        settings.home,
        older_than=older_than,
        keep_bytes=keep_bytes,
        erase=erase,
        reason=reason,
        dry_run=dry_run,
        key=key,
    )
    if as_json:
        document(_plain(done))
    else:
        _print(done)


def _print(done: Compacted) -> None:
    shown = table("ACTOR", "EVENTS", "FROM", "TO", "RUNS", numbers=("EVENTS", "FROM", "TO", "RUNS"))
    actors = sorted(_by_actor(done), key=_events, reverse=True)
    for runs in actors[:_ROWS]:
        numbers = (_events(runs), runs[0].first, runs[-1].last, len(runs))
        shown.add_row(visible(runs[0].name), *(f"{number:,}" for number in numbers))
    if actors:
        screen().print(shown)
    if len(actors) > _ROWS:
        screen().print(f"… and {len(actors) - _ROWS:,} more actors")
    verb = "removed" if done.is_done else "would remove"
    screen().print(
        f"{verb} {done.events:,} events and {done.contents:,} contents:"
        f" {size_of(done.before)} before, {'' if done.is_done else 'about '}{size_of(done.after)} after"
    )


def _by_actor(done: Compacted) -> list[list[Removed]]:
    found: dict[bytes, list[Removed]] = {}
    for run in done.removed:
        found.setdefault(run.actor, []).append(run)
    return [*found.values()]


def _events(runs: list[Removed]) -> int:
    return sum(run.last + 1 - run.first for run in runs)


def _plain(done: Compacted) -> dict[str, object]:
    return {
        "done": done.is_done,
        "events": done.events,
        "contents": done.contents,
        "before": done.before,
        "after": done.after,
        "removed": [
            {"actor": each.name, "id": each.actor.hex(), "first": each.first, "last": each.last}
            for each in done.removed
        ],
    }
