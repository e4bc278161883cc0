"""`theater log`: an actor's chain, event by event."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

import click

from theater import Event
from theater.cli.lines import line_of
from theater.cli.looking import Look
from theater.cli.options import Settings, as_json, verb
from theater.cli.screen import line, screen
from theater.cli.values import event_json

_PAUSE = 0.1  # seconds between two looks at the folder


@verb(example="theater log library/shard-1 --last 20\ntheater log counter --follow")
@click.argument("actor")
@click.option("--last", type=click.IntRange(min=0), metavar="N", help="Only the newest N events.")
@click.option("--follow", "-f", is_flag=True, help="Go on with events as they come, until the actor ends.")
@as_json
def command(settings: Settings, actor: str, *, last: int | None, follow: bool, as_json: bool) -> None:
    """Print the chain of ACTOR, oldest event first; `.` is the theater itself.

    ACTOR is a name such as crew/worker-1, or the first digits of an id. With --json each line is an event.
    """
    look = Look(settings.home)
    chain = look.chain(actor)
    events: Iterable[Event] = chain if last is None else chain[max(0, len(chain) - last) :]
    _print(look, events, as_json=as_json)
    if follow and not _has_ended(events):
        for more in _following(look, chain.actor, len(chain)):
            _print(look, more, as_json=as_json)


def _print(look: Look, events: Iterable[Event], *, as_json: bool) -> None:
    console = screen()
    for event in events:
        if as_json:
            line(event_json(event, look.names.get(event.actor, event.actor.hex())))
        else:
            console.print(line_of(event, look.names))


def _following(look: Look, actor: bytes, seen: int) -> Iterator[Iterable[Event]]:
    while True:
        chain = look.history.chain(actor)
        more = chain[seen:]
        seen = len(chain)
        if more:
            yield more
        if _has_ended(more):
            return
        time.sleep(_PAUSE)


def _has_ended(events: Iterable[Event]) -> bool:
    return any(event.kind == "actor/stopped" for event in events)
