"""`theater ps`: who is in a folder."""

from __future__ import annotations

from rich.text import Text

from theater import RecordedActor
from theater.cli.looking import Look
from theater.cli.options import Settings, as_json, verb
from theater.cli.screen import document, screen, table

_COLOURS = {"alive": "green", "asleep": "yellow", "ended": "dim"}


@verb(example="theater ps\ntheater ps --json | jq '.[].name'")
@as_json
def command(settings: Settings, *, as_json: bool) -> None:
    """List the actors of a folder: alive, asleep (alive in the record, run by nobody) or ended."""
    actors = Look(settings.home).history.actors()
    if as_json:
        document([_plain(actor) for actor in actors])
        return
    shown = table("ACTOR", "STATE", "EVENTS", "CLASS", "ID", numbers=("EVENTS",))
    for actor in actors:
        shown.add_row(actor.name, _state(actor), f"{actor.events:,}", actor.class_name, actor.id.hex()[:8])
    screen().print(shown if actors else "nobody was ever spawned here")


def _state(actor: RecordedActor) -> Text:
    why = f" ({actor.reason})" if actor.reason else ""
    return Text(f"{actor.state}{why}", _COLOURS[actor.state])


def _plain(actor: RecordedActor) -> dict[str, object]:
    return {
        "name": actor.name,
        "id": actor.id.hex(),
        "state": actor.state,
        "reason": actor.reason,
        "events": actor.events,
        "class": actor.class_name,
        "head": actor.head.hex(),
        "supervisor": actor.supervisor.hex(),
    }
