"""`theater replay`: does the code still do what the record says that it did?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from theater import Actor, History, MissingError, RecordedActor, Replay, SetupError
from theater.cli.endings import WRONG, Ended
from theater.cli.importing import import_all, imports
from theater.cli.looking import Look
from theater.cli.options import Settings, as_json, verb
from theater.cli.screen import document, screen

_SEQ = click.IntRange(min=0)


@verb(
    example="theater replay counter --import crew\n"
    "theater replay counter --break-at 17 --import crew\ntheater replay --all --import crew"
)
@click.argument("actor", required=False)
@click.option("--all", "everybody", is_flag=True, help="Replay all actors of the folder.")
@click.option("--until", type=_SEQ, metavar="SEQ", help="Compare no further than this event.")
@click.option("--break-at", type=_SEQ, metavar="SEQ", help="Debug the handler that this event is of.")
@imports
@as_json
def command(
    settings: Settings,
    actor: str | None,
    *,
    everybody: bool,
    until: int | None,
    break_at: int | None,
    modules: Sequence[str],
    as_json: bool,
) -> None:
    """Run the code of ACTOR again on what its chain holds, and compare; exit code 1 if anything differs.

    Nothing is written and no effect is run: what the code asked for then is answered from the record. With
    changed code it is a test: the first event that would be another is shown. The classes of actors are
    imported by --import.
    """
    if everybody == (actor is not None):
        raise click.UsageError("name one actor, or say --all")
    if everybody and (until is not None or break_at is not None):
        raise click.UsageError("--until and --break-at are for one actor")
    history, classes = Look(settings.home).history, import_all(modules)
    if actor is not None:
        told = [_plain(history.replay(actor, until=until, break_at=break_at, classes=classes))]
    else:
        told = [_replay(history, one, classes) for one in history.actors()]
    if as_json:
        document(told[0] if actor is not None else told)
    else:
        _print(told, everybody=everybody)
    if not all(one["ok"] for one in told):
        raise Ended(WRONG)


def _replay(history: History, actor: RecordedActor, classes: Sequence[type[Actor]]) -> dict[str, Any]:
    """One of many: that one cannot be replayed keeps nobody from the others."""
    try:
        return _plain(history.replay(actor.id, classes=classes))
    except (MissingError, SetupError) as error:
        return {"actor": actor.name, "id": actor.id.hex(), "ok": False, "why": str(error)}


def _plain(replay: Replay) -> dict[str, Any]:
    """What came of it, for a program; `text` for a person."""
    return {
        "actor": replay.actor,
        "id": replay.id.hex(),
        "ok": replay.ok,
        "events": replay.events,
        "removed": replay.removed,
        "head": replay.head.hex() if replay.head else None,
        "seq": replay.seq,
        "expected": replay.expected,
        "found": replay.found,
        "diff": replay.diff,
        "note": replay.note,
        "text": str(replay),
    }


def _print(told: list[dict[str, Any]], *, everybody: bool) -> None:
    console = screen()
    for one in told:
        text = one.get("text", f"{one['actor']}: not replayed: {one.get('why')}")
        for line in text.splitlines():
            console.print(line, style=None if one["ok"] else "red")
    if everybody:
        good = sum(one["ok"] for one in told)
        console.print(f"{good:,} of {len(told):,} actors do what the record says", style="bold")
