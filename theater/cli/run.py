"""`theater run`: one actor of yours, its events shown as they come."""

from __future__ import annotations

import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import anyio
import anyio.to_thread
import click

from theater import Actor, ActorFailedError, ActorRef, Event, FolderError, Theater, TheaterError
from theater.cli.endings import FAILED, Ended
from theater.cli.hosting import perform
from theater.cli.lines import News, line_of
from theater.cli.looking import Look
from theater.cli.options import Settings, as_json, verb
from theater.cli.screen import line, screen
from theater.cli.values import event_json

_PAUSE = 0.1  # seconds between two looks at what is new


@verb(example="theater run crew:Librarian")
@click.argument("actor", metavar="MODULE:ACTOR")
@as_json
def command(settings: Settings, actor: str, *, as_json: bool) -> None:
    """Run an actor until Ctrl-C or SIGTERM, and show its events and those of all whom it spawns.

    It is spawned with its defaults under the name of its class in lower case; if it is asleep in the folder,
    it goes on. MODULE is looked for in the current directory first. With --json each line is an event.
    """
    found = _actor(actor)
    show = _Show(settings.home, as_json=as_json)

    async def main(until: anyio.CancelScope) -> None:
        async with Theater(settings.home) as theater:
            try:
                ref = await theater.spawn(found, name=type(found).__name__.lower(), resume=True)
            except ActorFailedError as error:
                raise Ended(FAILED) from error  # the runtime has said why
            with until:
                await _watch(theater, ref, show)

    try:
        perform(main, debug=settings.debug)
    except BaseException:
        with suppress(TheaterError):  # what ended the run says more than a folder that cannot be read
            show.now()
        raise
    show.now()
    if show.reason == "failed":
        raise Ended(FAILED)


async def _watch(theater: Theater, ref: ActorRef[Actor], show: _Show) -> None:
    """Show what happens until the actor ends."""
    chain = theater.chain(ref)
    while chain[-1].kind != "actor/stopped":
        await anyio.to_thread.run_sync(show.now)
        await anyio.sleep(_PAUSE)
    show.reason = str(chain[-1].body.get("reason"))


class _Show:
    """Prints what is new in a folder."""

    def __init__(self, home: Path, *, as_json: bool) -> None:
        self.reason = ""  # why the actor ended, if it did
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
    module, colon, name = text.partition(":")
    if not (module and colon and name):
        raise click.UsageError(f"{text!r} is not MODULE:ACTOR, such as crew:Librarian")
    sys.path.insert(0, str(Path.cwd()))
    try:
        found = getattr(import_module(module), name, None)
    except (Exception, SystemExit) as error:
        raise click.UsageError(f"importing {module} failed: {type(error).__name__}: {error}") from error
    if not (isinstance(found, type) and issubclass(found, Actor)):
        raise click.UsageError(f"{module} has no actor class {name}")
    try:
        return found()
    except TypeError as error:
        raise click.UsageError(f"{name} cannot be run: {error}; give each field a default") from error
