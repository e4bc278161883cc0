"""The command `theater`: its verbs, each in a file of its own that is imported only when it is used."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, NoReturn

import click

from theater.cli.endings import CODES, end
from theater.cli.options import shared

VERBS = {
    "demo": "Watch a crew of actors work, fail, recover and leave a record.",
    "run": "Run an actor or a crew until Ctrl-C, and show what happens.",
    "check": "Say all that is wrong with a manifest, or who is in its crew.",
    "ps": "List the actors of a folder.",
    "log": "Print an actor's chain, and follow it.",
    "show": "Show one event whole.",
    "replay": "Run an actor's code again on its record, and compare.",
    "fork": "Go on from a moment of an actor's past, as another actor.",
    "diff": "Show where two actors, or two folders, part.",
    "verify": "Verify that everything is as it was signed.",
    "doctor": "Say what is amiss in a folder, and repair what needs no guess.",
    "prove": "Prove to a stranger that an event is in the record.",
    "key": "Show the public key, make one, hand over to the next.",
    "notary": "Sign and write a folder for theaters that lack its key.",
    "compact": "Remove what nobody needs any more, and leave a signed record of that.",
    "store": "Look into the stores of actors, and keep files.",
}
"""Every verb, and the line that `theater --help` gives it."""

_EPILOG = "Exit codes:\n\n\b\n" + "\n".join(f"{code:>5}  {meaning}" for code, meaning in CODES.items())


class Verbs(click.Group):
    """A group that imports a verb's file when the verb is used, so that `theater --help` is quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in VERBS:
            return None
        found: click.Command = import_module(f"theater.cli.{cmd_name}").command
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))

    def main(  # type: ignore[override]  # always ends: nobody calls it for an answer
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        **options: Any,
    ) -> NoReturn:
        """Run a command line, and end the process with a code that says how it went."""
        given = sys.argv[1:] if args is None else list(args)
        sys.exit(_run(self, prog_name or "theater", given, options))


def _run(group: click.Group, name: str, args: list[str], options: Mapping[str, Any]) -> int:
    known = {key: value for key, value in options.items() if key not in ("standalone_mode", "complete_var")}
    try:
        with group.make_context(name, args, **known) as context:
            group.invoke(context)
        sys.stdout.flush()
    except click.exceptions.Exit as error:
        return error.exit_code
    except BaseException as error:  # noqa: BLE001  # here the process ends, whatever it was
        return end(error, debug="--debug" in args)
    return 0


@shared
@click.command(
    "theater",
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=_EPILOG,
    help="""Run actors whose every step is recorded and signed, and look at what they did.

    \b
    Try:
        theater demo library
        theater ps
        theater verify
    """,
)
@click.version_option(package_name="theater", message="theater %(version)s")
def main() -> None:
    """See `help` above."""
