"""`theater fork`: another actor goes on from a moment of one's past."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import anyio
import click

from theater import ActorRef, Theater
from theater.cli.hosting import perform
from theater.cli.importing import import_all, imports
from theater.cli.looking import Look, moment_of
from theater.cli.options import Settings, as_json, key_file, verb
from theater.cli.screen import document
from theater.cli.visible import visible


@verb(
    example="theater fork counter@17 --name what-if\ntheater fork crew --crew --name rehearsal --import crew"
)
@click.argument("moment", metavar="ACTOR[@SEQ]")
@click.option("--name", help="Of the fork; by default after its parent.")
@click.option("--crew", is_flag=True, help="Fork all that stand below it as well, at that instant.")
@imports
@key_file
@as_json
def command(
    settings: Settings,
    moment: str,
    *,
    name: str | None,
    crew: bool,
    modules: Sequence[str],
    key: Path | None,
    as_json: bool,
) -> None:
    """Make an actor that goes on from ACTOR@SEQ: with its state and the contents of its stores then.

    The fork has a chain of its own, whose first event names its parent, and sleeps in the folder until a
    program resumes it. Nobody else may have the folder open. Without @SEQ it begins with what is now.
    """
    actor, at = moment_of(moment)
    parent = Look(settings.home).chain(actor).actor
    classes = import_all(modules)
    made: list[ActorRef[object]] = []

    async def fork(until: anyio.CancelScope) -> None:
        with until:
            async with Theater(settings.home, key=key) as theater:
                made.append(await theater.fork(parent, at=at, name=name, crew=crew, classes=classes))

    perform(fork, debug=settings.debug)
    chain = Look(settings.home).history.chain(made[0].id)
    _, seq, head = chain[0].body["fork"]
    if as_json:
        document(
            {
                "name": made[0].name,
                "id": made[0].id.hex(),
                "parent": parent.hex(),
                "seq": seq,
                "hash": head.hex(),
            }
        )
    else:
        click.echo(f"{visible(made[0].name)} goes on from {visible(actor)}@{seq}")
