"""`theater store`: what actors keep, read from the folder; and a shelf of your own to put files on."""

from __future__ import annotations

from pathlib import Path

import anyio
import click

from theater import (
    ContentNotFoundError,
    ContentRef,
    MalformedError,
    MissingError,
    StoreNotFoundError,
    Theater,
)
from theater.cli.hosting import perform
from theater.cli.looking import Look
from theater.cli.options import Settings, as_json, group, key_file, verb
from theater.cli.screen import document, screen, table
from theater.cli.shelf import NAME, Shelf
from theater.cli.values import size_of
from theater.store.fold import Holding
from theater.store.requests import checked_label

_SHORT = 16  # hex digits of a hash on the screen
_LEAST = 4  # that name a content

_store = click.option("--store", "store_id", metavar="ID", help="Another of its stores; by default its own.")


@group
def command() -> None:
    """Look into the stores of actors, running or not, and keep files in a store of your own.

    A store is written by its actor alone: `put` keeps files in that of an actor named `shelf`.
    """


@verb(example="theater store ls library/shard-1")
@click.argument("actor")
@_store
@as_json
def ls(settings: Settings, actor: str, *, store_id: str | None, as_json: bool) -> None:
    """List the contents that a store of ACTOR holds, with their labels."""
    holding = _holding(Look(settings.home), actor, store_id)
    labels: dict[bytes, list[str]] = {}
    for label, digests in sorted(holding.labels.items()):
        for digest in digests:
            labels.setdefault(digest, []).append(label)
    if as_json:
        document(
            [
                {"hash": digest.hex(), "size": size, "labels": labels.get(digest, [])}
                for digest, size in sorted(holding.sizes.items())
            ]
        )
        return
    shown = table("CONTENT", "BYTES", "LABELS", numbers=("BYTES",))
    for digest, size in sorted(holding.sizes.items()):
        shown.add_row(digest.hex()[:_SHORT], f"{size:,}", ", ".join(labels.get(digest, [])))
    screen().print(shown)
    click.echo(f"{len(holding.sizes):,} contents, {size_of(holding.size)}")


@verb(example="theater store labels library/shard-1")
@click.argument("actor")
@_store
@as_json
def labels(settings: Settings, actor: str, *, store_id: str | None, as_json: bool) -> None:
    """List the labels in a store of ACTOR.

    With what they point to, newest first.
    """
    holding = _holding(Look(settings.home), actor, store_id)
    pointing = {
        label: [digest.hex() for digest in reversed(there)] for label, there in holding.labels.items()
    }
    if as_json:
        document(dict(sorted(pointing.items())))
        return
    shown = table("LABEL", "NEWEST", "OLDER", numbers=("OLDER",))
    for label, hashes in sorted(pointing.items()):
        shown.add_row(label, hashes[0][:_SHORT], str(len(hashes) - 1) if len(hashes) > 1 else "")
    screen().print(shown)


@verb(example="theater store get shelf notes.txt > notes.txt")
@click.argument("actor")
@click.argument("what")
@_store
@click.option("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="Write it there.")
def get(settings: Settings, actor: str, what: str, *, store_id: str | None, output: Path | None) -> None:
    """Write a content to standard output, hashed again.

    It is of a store of ACTOR; WHAT is a label, or the first digits of a hash.
    """
    look = Look(settings.home)
    ref = _named(_holding(look, actor, store_id), actor, what)
    try:
        blocks = look.blocks(ref)
    except ContentNotFoundError as error:
        raise MissingError(f"{actor} keeps {ref}, but {error}: `theater verify` says what is lost") from error
    with click.open_file("-" if output is None else str(output), "wb") as file:
        for block in blocks:
            file.write(block)


@verb(example="theater store put notes.txt\ntheater store put notes.txt --label monday")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--label", help="By default the name of the file.")
@key_file
@as_json
def put(settings: Settings, file: Path, *, label: str | None, key: Path | None, as_json: bool) -> None:
    """Keep FILE in the store of the actor `shelf`.

    It is kept at a label; the folder is made if there is none.
    """
    refs: list[ContentRef] = []
    path, at = str(file.absolute()), checked_label(file.name if label is None else label)

    async def keep(until: anyio.CancelScope) -> None:
        with until:
            async with Theater(settings.home, key=key) as theater:
                shelf = await theater.spawn(Shelf(), name=NAME, resume=True)
                refs.append(await shelf.ask(Shelf.keep, path, at))

    perform(keep, debug=settings.debug)
    if as_json:
        document({"actor": NAME, "label": at, "hash": refs[0].hash})
    else:
        click.echo(refs[0].hash)


def _holding(look: Look, actor: str, store_id: str | None) -> Holding:
    fold = look.stores(actor)
    wanted = store_id or fold.default
    if wanted is None or wanted not in fold.stores:
        name = "of its own" if store_id is None else repr(store_id)
        others = f"; it has {', '.join(sorted(fold.stores))}: take one by --store" if fold.stores else ""
        raise StoreNotFoundError(f"{actor} has no store {name}{others}")
    return fold.stores[wanted]


def _named(holding: Holding, actor: str, what: str) -> ContentRef:
    """What a label points to, or what begins with these digits.

    Raises:
        ContentNotFoundError: nothing, or more than one content.
    """
    there = holding.labels.get(what)
    if there:
        return ContentRef.of_digest(next(reversed(there)))
    try:
        start = ContentRef.parse(what).hash
    except MalformedError:
        start = what
    found = [digest for digest in holding.sizes if digest.hex().startswith(start)]
    if len(found) != 1 or len(start) < _LEAST:
        several = f"; {len(found)} hashes begin so" if len(found) > 1 else ""
        raise ContentNotFoundError(f"{actor} keeps nothing named {what!r}{several}")
    return ContentRef.of_digest(found[0])


for each in (ls, labels, get, put):
    command.add_command(each)
