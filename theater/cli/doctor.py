"""`theater doctor`: what is amiss in a folder, and putting in order what needs no guess."""

from __future__ import annotations

from dataclasses import asdict

import click

from theater import Diagnosis, examine
from theater.cli.endings import WRONG, Ended
from theater.cli.looking import Look
from theater.cli.options import Settings, as_json, verb
from theater.cli.screen import document, screen, table
from theater.cli.verify import plain as plain_report


@verb(example="theater doctor\ntheater doctor --repair")
@click.option("--repair", is_flag=True, help="Put in order what can be without a guess.")
@as_json
def command(settings: Settings, *, repair: bool, as_json: bool) -> None:
    """Examine a folder: say what is amiss and what to do; exit code 1 if anything is damaged.

    Repaired are indexes, a torn batch, files that a crash left, folders that a copy lost, the name of a
    process that is gone, and who may read the key. Nothing that was signed is touched, and if any of that is
    damaged, nothing at all.
    """
    diagnosis = examine(Look(settings.home).home, repair=repair)
    if as_json:
        document(_plain(diagnosis))
    else:
        _tell(diagnosis)
    if not diagnosis.ok:
        raise Ended(WRONG)


def _plain(diagnosis: Diagnosis) -> dict[str, object]:
    return {
        "ok": diagnosis.ok,
        "running": diagnosis.is_running,
        "complaints": [asdict(complaint) for complaint in diagnosis.complaints],
        "verify": plain_report(diagnosis.report),
    }


def _tell(diagnosis: Diagnosis) -> None:
    console = screen()
    if diagnosis.complaints:
        shown = table("PART", "WHERE", "WHAT IS AMISS", "WHAT TO DO")
        for one in diagnosis.complaints:
            shown.add_row(one.part, one.where, one.found, "repaired" if one.repaired else one.advice)
        console.print(shown)
    console.print(_verdict(diagnosis), style="bold green" if diagnosis.ok else "bold red")
    console.print(str(diagnosis.report))


def _verdict(diagnosis: Diagnosis) -> str:
    beside = "; a process has it open" if diagnosis.is_running else ""
    if not diagnosis.ok:
        return f"{diagnosis.folder} is damaged{beside}"
    if any(one.can_be_repaired and not one.repaired for one in diagnosis.complaints):
        return f"{diagnosis.folder} is sound; the next opening puts it in order, or `theater doctor --repair`"
    return f"{diagnosis.folder} is sound{beside}"
