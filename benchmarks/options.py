"""What a person may ask `python -m benchmarks` for."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PAGE = Path("docs/explanation/performance.md")
ENVIRONMENTS = Path.home() / ".cache" / "theater-benchmarks"


@dataclass(frozen=True, slots=True)
class Options:
    cases: Sequence[str]
    systems: Sequence[str]
    peers: Sequence[str]
    rounds: int
    quick: bool
    list: bool
    environments: Path
    uvloop: bool
    folder: Path
    figures: Path | None
    json: Path | None
    charts: Path | None
    docs: Path | None
    guard: bool
    update: bool
    counts: int | None

    @property
    def command(self) -> str:
        """What makes these figures again, on any machine: without its folders."""
        named = {"--case": self.cases, "--system": self.systems, "--peers": self.peers}
        parts = [f"{option} {','.join(names)}" for option, names in named.items() if names]
        switches = {"--uvloop": self.uvloop, "--quick": self.quick, "--docs": self.docs is not None}
        parts += [switch for switch, is_on in switches.items() if is_on]
        return " ".join(["python -m benchmarks", *parts, f"--rounds {self.rounds}"])


def parse(arguments: Sequence[str] | None = None) -> Options:
    return Options(**vars(_parser().parse_args(arguments)))


def _names(text: str) -> tuple[str, ...]:
    if not (names := tuple(name.strip() for name in text.split(",") if name.strip())):
        raise argparse.ArgumentTypeError("no name is given")
    return names


def _number(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"a number from 1, not {text!r}")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="How fast Theater is, beside the bare limits and beside peers.",
    )
    what = parser.add_argument_group("what to measure")
    what.add_argument(
        "--case",
        dest="cases",
        type=_names,
        action="extend",
        default=[],
        metavar="NAME,...",
        help="these cases, or families; `default` for those that are measured if none is named",
    )
    what.add_argument(
        "--system",
        dest="systems",
        type=_names,
        action="extend",
        default=[],
        metavar="NAME,...",
        help="by these systems only",
    )
    what.add_argument(
        "--peers",
        type=_names,
        action="extend",
        default=[],
        metavar="NAME,...",
        help="by these peers as well; `all` for all",
    )
    what.add_argument("--list", action="store_true", help="show all these names, and measure nothing")
    what.add_argument("--uvloop", action="store_true", help="once more on uvloop, as rows of their own")
    how = parser.add_argument_group("how")
    how.add_argument(
        "--rounds", type=_number, default=3, metavar="N", help="figures of each, interleaved (3)"
    )
    how.add_argument("--quick", action="store_true", help="a tenth of the work: to see that all runs")
    how.add_argument(
        "--environments",
        type=Path,
        default=ENVIRONMENTS,
        metavar="DIR",
        help=f"of peers ({ENVIRONMENTS})",
    )
    how.add_argument(
        "--folder",
        type=Path,
        default=Path(tempfile.gettempdir()),
        metavar="DIR",
        help=f"on the disk to measure ({tempfile.gettempdir()})",
    )
    kept = parser.add_argument_group("what to keep")
    kept.add_argument("--json", type=Path, metavar="FILE", help="write all figures here")
    kept.add_argument("--charts", type=Path, metavar="DIR", help="draw charts here, as SVG and PNG")
    kept.add_argument(
        "--docs",
        type=Path,
        nargs="?",
        const=PAGE,
        metavar="PAGE",
        help=f"put all into a page ({PAGE})",
    )
    kept.add_argument(
        "--from", dest="figures", type=Path, metavar="FILE", help="measure nothing: take what --json wrote"
    )
    _add_guard(parser)
    return parser


def _add_guard(parser: argparse.ArgumentParser) -> None:
    guard = parser.add_argument_group("the guard, instead of all that")
    guard.add_argument(
        "--guard", action="store_true", help="is a key case a tenth dearer than benchmarks/guard.json says?"
    )
    guard.add_argument("--update", action="store_true", help="keep in it what is counted now")
    guard.add_argument(
        "--counts",
        type=_number,
        metavar="N",
        help="count each case so often (once, and up to five times while it seems worse)",
    )
