"""`theater diff`: where two histories part, and how."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from theater import Change, Event, History, MissingError, Parting
from theater.cli.lines import line_of
from theater.cli.looking import Look, moment_of
from theater.cli.options import Settings, as_json, verb
from theater.cli.screen import document, screen
from theater.cli.values import as_json as plain_json
from theater.cli.values import brief, event_json
from theater.cli.visible import visible
from theater.parting import Until, changes_of, part

_ROOM = 200  # characters for one value


@verb(
    example="theater diff counter what-if\ntheater diff counter@10 counter@17\ntheater diff .theater backup"
)
@click.argument("left")
@click.argument("right")
@as_json
def command(settings: Settings, left: str, right: str, *, as_json: bool) -> None:
    """Show where two actors part (LEFT and RIGHT are ACTOR, or ACTOR@SEQ for its past), or two folders.

    A fork is compared with its parent from the point of the fork on. Compared are messages, targets,
    arguments, answers, states and kinds of errors; not times, ids and hashes. Of two folders each chain is
    compared with its copy, by its hashes.
    """
    if _is_folder(left) and _is_folder(right):
        _diff_folders(Look(Path(left)), Look(Path(right)), as_json=as_json)
    else:
        _diff_actors(Look(settings.home), left, right, as_json=as_json)


def _is_folder(text: str) -> bool:
    return (Path(text) / "format").is_file()


def _diff_actors(look: Look, left: str, right: str, *, as_json: bool) -> None:
    ours, theirs = _Side(look, left), _Side(look, right)
    parting = part(ours.view, theirs.view)
    changes = changes_of(ours.state, theirs.state)
    if as_json:
        document({"parting": _json(parting, look.names), "state": [_change_json(one) for one in changes]})
        return
    console = screen()
    for line in _lines(parting, look.names):
        console.print(line)
    told = [*_change_lines(changes, look.names)]
    console.print(Text("states at the end:" + ("" if told else " alike"), "bold"))
    for line in told:
        console.print(line)


class _Side:
    """One of two actors, as it is or was."""

    def __init__(self, look: Look, text: str) -> None:
        actor, seq = moment_of(text)
        chain = look.history.chain(actor)
        last = len(chain) - 1 if seq is None else seq
        self.state = chain.state_at(last)
        self.view = Until(chain, last)


def _diff_folders(left: Look, right: Look, *, as_json: bool) -> None:
    names = {**right.names, **left.names}
    found = {actor: _of_copies(left.history, right.history, actor) for actor in names}
    parted = {names[actor]: parting for actor, parting in found.items() if parting is not None}
    if as_json:
        document({name: _json(parting, names) for name, parting in parted.items()})
        return
    console = screen()
    for name, parting in parted.items():
        console.print(Text(visible(name), "bold"))
        for line in _lines(parting, names):
            console.print(line)
    click.echo(f"{len(found) - len(parted):,} of {len(found):,} chains are alike")


def _of_copies(left: History, right: History, actor: bytes) -> Parting | None:
    try:
        return left.diff(actor, actor, other=right)
    except MissingError:
        sides = [_first(history, actor) for history in (left, right)]
        if None not in sides:
            raise
        return Parting(sides[0], sides[1], 0, ())


def _first(history: History, actor: bytes) -> Event | None:
    try:
        return history.chain(actor)[0]
    except MissingError:
        return None


def _lines(parting: Parting | None, names: Mapping[bytes, str]) -> Iterator[Text]:
    if parting is None:
        yield Text("alike to the end", "green")
        return
    yield Text(f"alike for {parting.alike:,} events, then")
    for mark, event in (("<", parting.left), (">", parting.right)):
        yield Text.assemble(f"{mark} ", "(its end)" if event is None else line_of(event, names))
    yield from _change_lines(parting.changes, names)


def _change_lines(changes: Iterable[Change], names: Mapping[bytes, str]) -> Iterator[Text]:
    for change in changes:
        told = [brief(value, names, room=_ROOM) for value in (change.left, change.right)]
        yield Text.assemble("  ", (visible(change.path), "bold"), f": {told[0]} | {told[1]}")


def _json(parting: Parting | None, names: Mapping[bytes, str]) -> dict[str, Any] | None:
    if parting is None:
        return None
    sides = {
        side: None if event is None else event_json(event, names.get(event.actor, event.actor.hex()))
        for side, event in (("left", parting.left), ("right", parting.right))
    }
    return {"alike": parting.alike, **sides, "changes": [_change_json(one) for one in parting.changes]}


def _change_json(change: Change) -> dict[str, Any]:
    return {"path": change.path, "left": plain_json(change.left), "right": plain_json(change.right)}
