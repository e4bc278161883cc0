"""`theater key`: the key that signs a folder, and how the next one follows it."""

from __future__ import annotations

from pathlib import Path

import anyio
import click

from theater import SetupError, Theater, VerifyKey
from theater.checkpoint import verifier_key
from theater.cli.hosting import perform
from theater.cli.looking import Look
from theater.cli.options import Settings, as_json, group, key_file, verb
from theater.cli.screen import document
from theater.journal.calls import Calls
from theater.journal.keyfile import KeyFile

_FILE = click.Path(dir_okay=False, path_type=Path)


@group
def command() -> None:
    """Show the key that signs a folder, make keys, and hand over from one to the next."""


@verb(example="theater key show")
@as_json
def show(settings: Settings, *, as_json: bool) -> None:
    """Print the public key that the folder names.

    It is for whoever is to verify the folder. Note it outside of this machine: a folder that names another
    key later must say who handed over to it.
    """
    history = Look(settings.home).history
    _tell(history.key, history.origin, as_json=as_json)


@verb(example="theater key make ~/keys/theater.key")
@click.argument("file", type=_FILE)
@as_json
def make(settings: Settings, file: Path, *, as_json: bool) -> None:
    """Make a signing key in FILE and print its public half.

    The file is readable by you alone; one that is there already is left as it is.
    """
    del settings
    place = KeyFile(file, Calls())
    if place.exists():
        raise SetupError(f"{file} is there already: a key is not written over")
    public = place.make().public
    if as_json:
        document({"key": str(public), "file": str(file)})
    else:
        click.echo(public)


@verb(example="theater key rotate\ntheater key rotate --key old.key --to new.key")
@key_file
@click.option("--to", type=_FILE, help="The file of the next key; made if it is not there.")
@as_json
def rotate(settings: Settings, *, key: Path | None, to: Path | None, as_json: bool) -> None:
    """Hand over from one key to the next.

    The old one signs that it does, and then no more. Without --to a new key takes its place, and it is gone
    from the disk then: whoever steals the new one cannot sign again what the old one signed.
    """
    home = settings.home
    origin = Look(home).history.origin
    found: list[VerifyKey] = []

    async def hand_over(until: anyio.CancelScope) -> None:
        with until:
            async with Theater(home, key=key) as theater:
                found.append(await theater.rotate_key(to))

    perform(hand_over, debug=settings.debug)
    _tell(found[0], origin, as_json=as_json)


def _tell(key: VerifyKey, origin: str, *, as_json: bool) -> None:
    if as_json:
        document({"key": str(key), "origin": origin, "verifier": verifier_key(origin, key)})
    else:
        click.echo(f"{key}\n{verifier_key(origin, key)}")


for each in (show, make, rotate):
    command.add_command(each)
