"""Before minutes of measuring: do the options go together, and can what is asked for be had and written?"""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from benchmarks import charts, page
from benchmarks.choose import ChoiceError
from benchmarks.options import Options

MOUNTS = Path("/proc/self/mounts")
IN_MEMORY = {"tmpfs", "ramfs"}


def check(options: Options) -> None:
    """Fail before measuring and not after it.

    Raises:
        ChoiceError: these options do not go together, or what they need is not there.
        NoMatplotlibError: charts were asked for and cannot be drawn.
        PageError: the page of the docs has no place for figures.
    """
    for complaint in clashes(options):
        raise ChoiceError(complaint)
    if options.uvloop and find_spec("uvloop") is None:
        raise ChoiceError("--uvloop needs uvloop: pip install -e '.[bench]'")
    if options.charts or options.docs:
        charts.check()
    if options.docs:
        page.check(options.docs)
    _check_folders(options)


def clashes(options: Options) -> Iterator[str]:
    """What was asked for and would silently not be done."""
    measuring = {
        "--case": options.cases,
        "--system": options.systems,
        "--peers": options.peers,
        "--uvloop": options.uvloop,
        "--quick": options.quick,
    }
    keeping = {"--json": options.json, "--charts": options.charts, "--docs": options.docs}
    if options.guard:
        others = {**measuring, **keeping, "--from": options.figures, "--case": ()}
        yield from (f"--guard has no {name}" for name, given in others.items() if given)
    elif options.update or options.counts:
        yield f"{'--update' if options.update else '--counts'} is for --guard"
    elif options.figures:
        yield from (
            f"--from shows all that was kept: no {name}" for name, given in measuring.items() if given
        )
    elif options.docs and options.quick:
        yield "--quick measures too little for --docs"


def _check_folders(options: Options) -> None:
    """Raises: ChoiceError."""
    if options.guard:
        return
    if not options.figures:
        _check_writable(options.folder, "measure in")
    if options.json:
        _check_writable(options.json.parent, f"write {options.json.name} into")
    if options.charts:
        try:
            options.charts.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ChoiceError(f"no place for charts: {error}") from None
        _check_writable(options.charts, "draw charts in")


def _check_writable(folder: Path, why: str) -> None:
    if not folder.is_dir():
        raise ChoiceError(f"there is no folder {folder} to {why}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ChoiceError(f"nothing may be written in {folder}, so nobody can {why} it")


def is_in_memory(folder: Path, *, mounts: str) -> bool:
    """Say whether what is synced below `folder` reaches no disk; `mounts` as Linux lists them."""
    found = {Path(place): kind for _, place, kind, *_ in map(str.split, mounts.splitlines())}
    return next((found[above] in IN_MEMORY for above in _upwards(folder) if above in found), False)


def _upwards(folder: Path) -> Iterator[Path]:
    whole = folder.resolve()
    yield whole
    yield from whole.parents
