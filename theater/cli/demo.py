"""`theater demo`: crews of actors at work, and what their record proves."""

from __future__ import annotations

import dataclasses
import platform
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TypeVar

import anyio
import click
from rich.console import Console, RenderableType

from theater import History, Report, Theater
from theater.cli import playbill
from theater.cli.demos import audit, ledger, reading
from theater.cli.endings import WRONG, Ended
from theater.cli.hosting import perform
from theater.cli.options import HOME, Settings, as_json, group, verb
from theater.cli.screen import Screen, document, screen
from theater.cli.verify import plain

_NAMES = ("select.epoll", "asyncio.TaskGroup", "hashlib.sha256")
_OPENING = 1_000  # what each account begins with
_TELLERS = 8
_SEED = 7
_WIDTH = 110  # characters, of the picture in the README


T = TypeVar("T")


@group
def command() -> None:
    """Watch a crew of actors work, fail, recover and leave a record that verifies."""


@verb(example="theater demo library\ntheater demo library --path . --ask json.dumps")
@click.option("--path", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Read this tree.")
@click.option(
    "--shards", type=click.IntRange(min=1), default=16, show_default=True, help="How many keep files."
)
@click.option("--ask", multiple=True, metavar="NAME", help="Ask which files use this name; may be repeated.")
@click.option("--picture", type=click.Path(dir_okay=False, path_type=Path), hidden=True, help="Draw an SVG.")
@as_json
def library(
    settings: Settings,
    *,
    path: Path | None,
    shards: int,
    ask: tuple[str, ...],
    picture: Path | None,
    as_json: bool,
) -> None:
    """Keep a tree of Python files, crash a shard half-way, and answer which files use a name.

    Without --path it reads every .py file of the running interpreter's standard library, its tests too, but
    not what stands in site-packages. All is read twice: the second reading shows that the same content is
    kept once. Each run has a crew of its own in the folder: library, library-2, and so on.
    """
    root = (path or reading.standard_library()).resolve()
    files = reading.sources(root)
    if not files:
        raise click.UsageError(f"no .py file below {root}")
    console = Screen(width=_WIDTH, record=True) if picture else screen()
    if not as_json:
        of = f"Python {platform.python_version()}'s standard library" if path is None else str(root)
        console.print(f"{len(files):,} .py files of {of}", style="bold", soft_wrap=True)
    bars = playbill.Bars(console, hidden=as_json)
    work = partial(reading.run, root=root, paths=files, shards=shards, names=ask or _NAMES, audience=bars)
    tally, report = _play(work, bars, settings), History(settings.home).verify()
    if as_json:
        document({**dataclasses.asdict(tally), "verify": plain(report)})
    else:
        _print(console, playbill.library(tally, report))
        _invite(console, settings.home, f"{tally.crew}/shard-1")
    if picture:
        console.save_svg(str(picture), title="theater demo library")
    _end(report, is_well=playbill.is_well(tally))


@verb(example="theater demo ledger\ntheater demo ledger --transfers 500")
@click.option(
    "--transfers", type=click.IntRange(min=1), default=5_000, show_default=True, help="How many to order."
)
@click.option(
    "--accounts", type=click.IntRange(min=2), default=100, show_default=True, help="How many to open."
)
@as_json
def ledger_(settings: Settings, *, transfers: int, accounts: int, as_json: bool) -> None:
    """Move money between accounts, many transfers at once, some refused for want of funds.

    Then prove from the chains in the folder alone that no money was made or lost. Each run has a bank of its
    own in the folder: bank, bank-2, and so on.
    """
    console = screen()
    bars = playbill.Bars(console, hidden=as_json)
    bars.part("Trading", transfers)
    bank = ledger.Bank(size=accounts, counters=_TELLERS, opening=_OPENING)
    orders = ledger.orders(transfers, accounts=accounts, opening=_OPENING, seed=_SEED)
    name = _play(partial(ledger.trade, bank=bank, wanted=orders, step=bars.step), bars, settings)
    history = History(settings.home)
    found, report = audit.audit(history, name), history.verify()
    if as_json:
        document({"bank": name, **dataclasses.asdict(found), "ok": found.ok, "verify": plain(report)})
    else:
        _print(console, playbill.ledger(found, report))
        _invite(console, settings.home, f"{name}/account-000")
    _end(report, is_well=found.ok)


def _play(work: Callable[[Theater], Awaitable[T]], bars: playbill.Bars, settings: Settings) -> T:
    """Open the theater and let them work; returns what came of it."""
    done: list[T] = []

    async def main(until: anyio.CancelScope) -> None:
        with until, bars.progress:
            async with Theater(settings.home) as theater:
                done.append(await work(theater))

    perform(main, debug=settings.debug)
    return done[0]


def _print(console: Console, parts: Iterable[RenderableType]) -> None:
    for part in parts:
        console.print(part)


def _invite(console: Console, home: Path, actor: str) -> None:
    """Say where the record lies, and what to do with it."""
    where = "" if home == Path(HOME) else f" --home {home}"
    console.print(f"the record lies in {home}; look at it:", style="dim")
    for words in (
        "ps",
        f"log {actor} --last 9",
        f"show {actor}@0",
        f"prove {actor}@1 -o it.tlog-proof",
        "verify",
    ):
        console.print(f"    theater {words}{where}")


def _end(report: Report, *, is_well: bool) -> None:
    if not (report.ok and is_well):
        raise Ended(WRONG)


command.add_command(library, "library")
command.add_command(ledger_, "ledger")
