"""`theater notary`: sign and write a folder for theaters in other processes, which then lack its key."""

from __future__ import annotations

from pathlib import Path

import anyio
import click

from theater import SetupError
from theater.cli.hosting import perform
from theater.cli.options import Settings, verb
from theater.notary.desk import Desk
from theater.notary.serving import Office

_MODE = "660"
_MOST = 0o777


@verb(example="theater notary --home /var/lib/crew --socket /run/crew/notary")
@click.option(
    "--socket",
    "place",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="PATH",
    help="Where theaters find it: Theater(folder, notary=PATH).",
)
@click.option(
    "--mode", default=_MODE, metavar="OCTAL", show_default=True, help="Who may connect, as a file's mode."
)
@click.option(
    "--key",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file of the key, if it is not kept in the folder.",
)
def command(settings: Settings, *, place: Path, mode: str, key: Path | None) -> None:
    """Sign and write a folder for one theater after the other, until Ctrl-C or SIGTERM.

    Run it as a user who owns the folder and the key, and the theater as another, who may read the folder and
    connect: then no code in the theater can sign a false past, or change what was written.
    """
    office = Office(settings.home, key=key)

    async def serve(until: anyio.CancelScope) -> None:
        desk = Desk(office, place, mode=_mode(mode))
        desk.start()
        try:
            click.echo(f"notary of {settings.home}, listening at {place}")
            with until:
                await anyio.sleep_forever()
        finally:
            desk.close()

    perform(serve, debug=settings.debug)


def _mode(text: str) -> int:
    try:
        mode = int(text, 8)
    except ValueError:
        mode = -1
    if not 0 <= mode <= _MOST:
        raise SetupError(f"--mode takes octal digits such as {_MODE}, not {text!r}")
    return mode
