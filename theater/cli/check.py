"""`theater check`: is a manifest good, and who is in its crew?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from theater import ManifestError
from theater.cli.crews import crew_of
from theater.cli.endings import WRONG, Ended
from theater.cli.options import Settings, as_json, verb
from theater.cli.screen import document, screen, table
from theater.cli.values import as_json as json_of
from theater.cli.values import brief
from theater.manifest.crew import Crew
from theater.manifest.keys import MANIFEST
from theater.manifest.problems import Found
from theater.manifest.schema import json_schema
from theater.manifest.variables import fill
from theater.manifest.writing import to_toml

_OWN = ("class", "name", "state", "children")  # the rest are options


@verb(example="theater check crew.toml\ntheater check --schema > manifest.schema.json")
@click.argument(
    "manifest", required=False, type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)
)
@click.option(
    "--filled", is_flag=True, help="Print it as it is read: variables filled in, defaults left out."
)
@click.option("--schema", is_flag=True, help="Print the JSON schema of manifests, for editors.")
@as_json
def command(settings: Settings, manifest: Path | None, *, filled: bool, schema: bool, as_json: bool) -> None:
    """Check the TOML file MANIFEST: print all that is wrong with it, and end with 1; else its crew.

    The classes that it names are imported: MODULE is looked for in the current directory first. Nobody is
    started. Variables such as ${NAME} are taken from the environment.
    """
    del settings
    if schema:
        document(json_schema())
        return
    if manifest is None:
        raise click.UsageError("name a manifest, such as crew.toml")
    try:
        crew = crew_of(manifest)
    except ManifestError as error:
        _tell_problems(error, as_json=as_json)
        raise Ended(WRONG) from error
    if as_json:
        document({"ok": True, "problems": [], "actors": [json_of(one) for one in _plain(crew)]})
    elif filled:
        click.echo(to_toml(crew.manifest), nl=False)
    else:
        _tell_crew(manifest, crew)


def _tell_problems(error: ManifestError, *, as_json: bool) -> None:
    if as_json:
        problems = [{"place": one.place, "text": one.text} for one in error.problems]
        document({"ok": False, "problems": problems, "actors": []})
        return
    console = screen()
    count = len(error.problems)
    console.print(f"{error.path}: {count} problem{'' if count == 1 else 's'}", style="bold red")
    shown = table("PLACE", "PROBLEM")
    for one in error.problems:
        shown.add_row(one.place or "(all of it)", one.text)
    console.print(shown)


def _tell_crew(path: Path, crew: Crew) -> None:
    members = list(_plain(crew))
    console = screen()
    count = f"{len(members)} actor{'' if len(members) == 1 else 's'}"
    where = "" if crew.folder is None else f", kept in {crew.folder}"
    console.print(f"{path} is good: {count}{where}", style="bold green")
    shown = table("ACTOR", "CLASS", "STATE", "OPTIONS")
    for one in members:
        shown.add_row(one["name"], one["class"], _in_words(one["state"]), _in_words(one["options"]))
    console.print(shown)


def _in_words(values: dict[str, Any]) -> str:
    return " ".join(f"{name}={brief(value, {})}" for name, value in values.items())


def _plain(crew: Crew) -> Iterator[dict[str, Any]]:
    """Everybody by path, with what is said of them beside the defaults."""
    written = fill(MANIFEST.write(crew.manifest), {}, Found())  # as values: `${`, not the `$${` of a file
    waiting = [("", member) for member in written["actor"]]
    while waiting:
        above, member = waiting.pop(0)
        path = above + member["name"]
        options = {key: value for key, value in member.items() if key not in _OWN}
        yield {"name": path, "class": member["class"], "state": member.get("state", {}), "options": options}
        waiting = [*((f"{path}/", child) for child in member.get("children", ())), *waiting]
