"""`theater verify`: is everything in a folder as it was signed?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import click
from rich.text import Text

from theater import Checkpoint, EventProof, Note, Report
from theater.cli.endings import WRONG, Ended
from theater.cli.looking import ITSELF, Look
from theater.cli.options import Settings, as_json, verb
from theater.cli.screen import document, screen
from theater.cli.values import public_key, size_of
from theater.cli.visible import visible

_SHOWN = 10  # removals


@verb(example="theater verify\ntheater verify counter --signatures\ntheater verify --kept it.tlog-proof")
@click.argument("actor", required=False)
@click.option("--signatures", is_flag=True, help="Verify each signature, not only the newest of each key.")
@click.option(
    "--kept",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Also that the journal once was as a checkpoint in this file says, or a proof.",
)
@click.option(
    "--key",
    "keys",
    multiple=True,
    metavar="KEY",
    help="A public key you know it by, which must have signed in its time; may be given again.",
)
@as_json
def command(
    settings: Settings,
    actor: str | None,
    *,
    signatures: bool,
    kept: Path | None,
    keys: Sequence[str],
    as_json: bool,
) -> None:
    """Verify a folder, or the events of one ACTOR, from its bytes alone; exit code 1 if anything is wrong.

    Name the keys that you know by --key: whoever can write the folder can sign it anew with others. Nobody
    can make it agree with a checkpoint that you kept elsewhere.
    """
    checkpoint = None if kept is None else checkpoint_in(kept)
    look = Look(settings.home)
    report = look.history.verify(
        actor, signatures=signatures, kept=checkpoint, keys=[public_key(key) for key in keys]
    )
    if as_json:
        document(plain(report))
    else:
        console = screen()
        for line in steps(report):
            console.print(Text.from_markup(line))
        if report.ok and report.removals:
            for line in removals(report, look.names):
                console.print(line, markup=False)
        console.print(str(report), style="red" if not report.ok else "bold green")
    if not report.ok:
        raise Ended(WRONG)


def checkpoint_in(file: Path) -> Checkpoint:
    """What a file says that a journal held: a signed checkpoint, or a proof, which has one.

    Raises:
        MalformedError: it is neither.
    """
    content = file.read_bytes()
    if content.startswith(b"c2sp.org/tlog-proof"):
        return EventProof.parse(content).checkpoint
    return Checkpoint.parse(Note.parse(content).text)


def steps(report: Report) -> Iterator[str]:
    """What was verified, step by step; of a report that found something wrong only that."""
    if report.wrong is not None:
        yield f"[red]✗[/] {report.wrong.step or 'the folder can be read'}: not so, which ended the pass"
        return
    done = [
        f"frames are whole, in {report.checkpoints:,} batches",
        f"{report.events:,} events are canonical bytes",
        f"each names the one before it, in {report.actors:,} chains",
        "each sender that one names is there, and is as it is named",
        f"{report.contents:,} contents hash to their names, and all that are named are there",
        f"{report.checkpoints:,} checkpoints hold the Merkle root over all events before them",
        f"after the last batch: {size_of(report.tail) + ', not committed' if report.tail else 'nothing'}",
        f"signed by {', '.join(map(str, report.keys)) or 'nobody yet'} ({report.signatures:,} verified)",
        f"removed events are explained: {report.stubs:,}",
        "closed cleanly" if report.closed else "open, or never closed",
    ]
    if report.indexes:
        done.append(f"indexes say what their segments hold: {report.indexes:,}")
    for number, step in enumerate(done, start=1):
        yield f"{number:>3} [green]✓[/] {step}"


def removals(report: Report, names: Mapping[bytes, str]) -> Iterator[str]:
    """Which events say what was removed, and why; the newest of them."""
    told = report.removals[-_SHOWN:]
    if len(told) < len(report.removals):
        yield f"      … {len(report.removals) - len(told):,} more before these"
    for each in told:
        whose = f"{each.first:,} to {each.last:,} of {names.get(each.actor, each.actor.hex())}"
        yield f"      {ITSELF}@{each.event}: {visible(whose)}: {visible(each.reason)}"


def plain(report: Report) -> dict[str, object]:
    """The report for a program."""
    wrong, checkpoint = report.wrong, report.checkpoint
    return {
        "ok": report.ok,
        "wrong": wrong
        and {"where": wrong.where, "expected": wrong.expected, "found": wrong.found, "step": wrong.step},
        "events": report.events,
        "actors": report.actors,
        "contents": report.contents,
        "checkpoints": report.checkpoints,
        "signatures": report.signatures,
        "stubs": report.stubs,
        "removals": [
            {
                "event": each.event,
                "actor": each.actor.hex(),
                "first": each.first,
                "last": each.last,
                "reason": each.reason,
            }
            for each in report.removals
        ],
        "tail": report.tail,
        "closed": report.closed,
        "indexes": report.indexes,
        "keys": [str(key) for key in report.keys],
        "checkpoint": checkpoint
        and {"origin": checkpoint.origin, "size": checkpoint.size, "root": checkpoint.root.hex()},
    }
