"""`theater prove`: a proof that an event is in the record, for somebody who has only the public key."""

from __future__ import annotations

from pathlib import Path

import click

from theater import Event, EventProof, VerifyKey
from theater.cli.looking import Look
from theater.cli.options import Settings, as_json, verb
from theater.cli.screen import document
from theater.cli.telling import tell
from theater.cli.values import event_json, moment, public_key


@verb(
    example="theater prove counter@7 -o happened.tlog-proof\n"
    "theater prove --check happened.tlog-proof --key 9d61b1…"
)
@click.argument("event", required=False)
@click.option(
    "--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="Write the proof there."
)
@click.option(
    "--check",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Check a proof; no folder is needed.",
)
@click.option(
    "--key", metavar="KEY", help="The public key to check it with: 64 hex digits, or name+id+base64."
)
@as_json
def command(
    settings: Settings,
    event: str | None,
    *,
    output: Path | None,
    check: Path | None,
    key: str | None,
    as_json: bool,
) -> None:
    """Prove that EVENT (ACTOR@SEQ or a hash) is in the record, or --check such a proof.

    A proof is a small text (C2SP tlog-proof): the event, its Merkle path, and the signed checkpoint.
    """
    if check is not None:
        if event is not None or key is None or output is not None:
            raise click.UsageError("--check FILE takes --key KEY, and no EVENT")
        _check(check, key, as_json=as_json)
    elif event is None or key is not None:
        raise click.UsageError("name an EVENT to prove, or --check FILE --key KEY")
    else:
        _prove(Look(settings.home), event, output, as_json=as_json)


def _prove(look: Look, event: str, output: Path | None, *, as_json: bool) -> None:
    found = look.event(event)
    proof = look.history.prove(found)
    if as_json:
        document(_plain(proof, found, look.names.get(found.actor, ""), look.history.key))
    elif output is None:
        click.echo(str(proof), nl=False)
    if output is not None:
        output.write_text(str(proof))
        click.echo(
            f"{output}: check it with `theater prove --check {output} --key {look.history.key}`", err=True
        )


def _check(path: Path, key: str, *, as_json: bool) -> None:
    known = public_key(key)
    proof = EventProof.parse(path.read_bytes())
    event = proof.verify(known)
    if as_json:
        document(_plain(proof, event, "", known))
        return
    size = proof.checkpoint.size
    click.echo(
        f"verified: {proof.checkpoint.origin} holds this as event {proof.index:,} of {size:,}\n"
        f"signed by {known}"
    )
    click.echo(f"actor {event.actor.hex()} @{event.seq}, {moment(event.time):%Y-%m-%d %H:%M:%S.%f} UTC")
    click.echo(f"{event.kind} {tell(event, {})}")


def _plain(proof: EventProof, event: Event, name: str, key: VerifyKey) -> dict[str, object]:
    checkpoint = proof.checkpoint
    return {
        "event": event_json(event, name or event.actor.hex()),
        "index": proof.index,
        "size": checkpoint.size,
        "origin": checkpoint.origin,
        "root": checkpoint.root.hex(),
        "key": str(key),
        "proof": str(proof),
    }
