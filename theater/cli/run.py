"""`theater run`: an actor of yours or a whole crew, its events shown as they come."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias

import anyio
import anyio.to_thread
import click

from theater import (
    Actor,
    ActorFailedError,
    ActorRef,
    Event,
    FolderError,
    ManifestError,
    SetupError,
    Theater,
    TheaterError,
)
from theater.cli.crews import SUFFIX, look_here_first, theater_of
from theater.cli.endings import FAILED, USAGE, Ended
from theater.cli.hosting import perform
from theater.cli.lines import News, line_of
from theater.cli.looking import Look
from theater.cli.options import Settings, as_json, key_file, verb
from theater.cli.screen import line, screen
from theater.cli.values import event_json
from theater.cli.visible import visible
from theater.manifest.classes import find_class
from theater.manifest.keys import names_class

_PAUSE = 0.1  # seconds between two looks at what is new

_Start: TypeAlias = Callable[[], Awaitable[Sequence[ActorRef[Any]]]]
"""Gives the actors that are run, once the theater is open."""


@verb(example="theater run crew:Librarian\ntheater run crew.toml")
@click.argument("what", metavar="MODULE:ACTOR|MANIFEST.toml")
@key_file
@as_json
def command(settings: Settings, what: str, *, key: Path | None, as_json: bool) -> None:
    """Run an actor, or the crew of a manifest, until Ctrl-C or SIGTERM; show all events.

    An actor is spawned with its defaults under the name of its class in lower case, a crew as its manifest
    says; who is asleep in the folder goes on. MODULE is looked for in the current directory first. It ends by
    itself when the actor, or the whole crew, has ended. With --json each line is an event.
    """
    theater, start = (_crew if what.endswith(SUFFIX) else _one)(what, settings, key)
    show = _Show(settings.home, as_json=as_json)

    async def main(until: anyio.CancelScope) -> None:
        try:
            async with theater:
                refs = await start()
                with until:
                    await _watch(theater, refs, show)
        except ActorFailedError as error:
            raise Ended(FAILED) from error  # the runtime has said why

    try:
        perform(main, debug=settings.debug)
    except BaseException:
        with suppress(TheaterError):  # what ended the run says more than a folder that cannot be read
            show.now()
        raise
    show.now()
    if show.has_failed:
        raise Ended(FAILED)


def _one(text: str, settings: Settings, key: Path | None) -> tuple[Theater, _Start]:
    """A theater for one actor."""
    actor, theater = _actor(text), Theater(settings.home, key=key)

    async def start() -> tuple[ActorRef[Any], ...]:
        return (await theater.spawn(actor, name=type(actor).__name__.lower(), resume=True),)

    return theater, start


def _crew(text: str, settings: Settings, key: Path | None) -> tuple[Theater, _Start]:
    """A theater for the crew of a manifest, which is there when it is open."""
    path = Path(text)
    if not path.is_file():
        raise click.UsageError(f"there is no file {text!r}")
    try:
        theater = theater_of(path, settings, key)
    except ManifestError as error:
        for problem in error.problems:
            click.echo(f"theater: {visible(f'{text}: {problem}')}", err=True)
        raise Ended(USAGE) from error

    async def start() -> tuple[ActorRef[Any], ...]:
        return theater.crew

    return theater, start


async def _watch(theater: Theater, refs: Sequence[ActorRef[Any]], show: _Show) -> None:
    """Show what happens until all of them have ended."""
    chains = [theater.chain(ref) for ref in refs]
    while chains:
        for chain in chains:
            show.has_failed |= chain[-1].kind == "actor/stopped" and chain[-1].body.get("reason") == "failed"
        chains = [chain for chain in chains if chain[-1].kind != "actor/stopped"]
        await anyio.to_thread.run_sync(show.now)
        if chains:
            await anyio.sleep(_PAUSE)


class _Show:
    """Prints what is new in a folder."""

    def __init__(self, home: Path, *, as_json: bool) -> None:
        self.has_failed = False  # an actor that was run ended so
        self._home = home
        self._as_json = as_json
        self._console = screen()
        self._news = self._before()

    def _before(self) -> News | None:
        """What is there already is no news."""
        try:
            return News(Look(self._home), from_now=True)
        except FolderError:
            return None  # there is no theater yet

    def now(self) -> None:
        """Print what came since the last time."""
        if self._news is None:
            self._news = News(Look(self._home), from_now=False)
        for event in self._news.read():
            self._print(event, self._news.names)

    def _print(self, event: Event, names: dict[bytes, str]) -> None:
        if self._as_json:
            line(event_json(event, names.get(event.actor, event.actor.hex())))
        else:
            self._console.print(line_of(event, names, named=True))


def _actor(text: str) -> Actor:
    """An instance of the actor class that `MODULE:ACTOR` names, with its defaults.

    Raises:
        UsageError: there is none, or it has a field without a default.
    """
    if not names_class(text):
        raise click.UsageError(f"{text!r} is not MODULE:ACTOR, such as crew:Librarian")
    look_here_first()
    try:
        cls = find_class(text)
        return cls()
    except SetupError as error:
        raise click.UsageError(str(error)) from error
    except TypeError as error:
        hint = "give each field a default, or run a manifest that says its state"
        raise click.UsageError(f"{text} cannot be run: {error}; {hint}") from error
