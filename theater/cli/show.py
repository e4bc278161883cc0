"""`theater show`: one event whole, with the large values and contents that it names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click
from rich.text import Text

from theater import ContentRef, Event, MissingError
from theater.cli.looking import Look
from theater.cli.options import Settings, as_json, verb
from theater.cli.screen import document, screen
from theater.cli.values import brief, event_json, moment, size_of
from theater.cli.visible import visible
from theater.codec import Outlined

_ROOM = 2_000  # characters for one value
_EXCERPT = 400  # bytes of a content


@verb(example="theater show library/shard-1@12\ntheater show 3f9ac0 --json")
@click.argument("event")
@as_json
def command(settings: Settings, event: str, *, as_json: bool) -> None:
    """Show EVENT: ACTOR@SEQ, or the first digits (4 or more) of its hash.

    Large values that were moved out of the event are put back, shortened on the screen and whole in JSON; of
    a content that it names, the beginning is shown.
    """
    look = Look(settings.home)
    found = look.event(event)
    name = look.names.get(found.actor, found.actor.hex())
    if as_json:
        document(event_json(found, name, look.full(found)))
        return
    rows = list(_rows(look, found, name))
    width = max(len(key) for key, _ in rows) + 2
    console = screen()
    for key, value in rows:
        indented = visible(value, keep="\n\t").replace("\n", "\n" + " " * width)
        console.print(Text.assemble((visible(key).ljust(width), "dim"), indented))


def _rows(look: Look, event: Event, name: str) -> Iterator[tuple[str, str]]:
    yield "event", f"{visible(name)}@{event.seq}"
    yield "kind", event.kind
    yield "time", f"{moment(event.time):%Y-%m-%d %H:%M:%S.%f} UTC"
    yield "hash", event.hash.hex()
    yield "parent", event.parent.hex() if event.parent else "none: the first of its chain"
    for key, value in event.body.items():
        yield key, _value(look, value)
        if isinstance(value, ContentRef):
            yield "", _excerpt(look, value)


def _value(look: Look, value: Any) -> str:
    if isinstance(value, Outlined):
        whole = brief(look.value(value), look.names, room=_ROOM)
        return f"{whole}\n({size_of(value.size)}, kept as sha256:{value.digest.hex()})"
    if isinstance(value, ContentRef):
        return str(value)
    if isinstance(value, dict):
        return "\n".join(f"{key}: {_value(look, item)}" for key, item in value.items()) or "{}"
    if isinstance(value, list) and any(isinstance(item, Outlined) for item in value):
        return "\n".join(_value(look, item) for item in value)
    return brief(value, look.names, room=_ROOM)


def _excerpt(look: Look, ref: ContentRef) -> str:
    try:
        start = look.start(ref, _EXCERPT)
    except MissingError:
        return "(this content is not in the folder)"
    text = start.decode(errors="replace")
    return text.rstrip() if text.isprintable() or "\n" in text else brief(start, look.names)
