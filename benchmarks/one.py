"""Takes one figure, in a process of its own: `python -m benchmarks.one benchmarks.peers.pykka tell 1000`.

Imports nothing but the standard library and what it measures, so it runs with the Python of any peer.
"""

from __future__ import annotations

import argparse
import asyncio
import inspect
import json
import os
import sys
import tempfile
from importlib import import_module
from pathlib import Path

from benchmarks.kinds import Case


def find(module: str, argument: str, work: str) -> Case:
    family = import_module(module)
    cases: dict[str, Case] = family.cases(argument) if argument else family.CASES
    return cases[work.partition("@")[0]]  # the points of a curve are one case


def measure(case: Case, count: int, folder: Path, *, uvloop: bool) -> float:
    found = case(count, folder)
    if not inspect.iscoroutine(found):
        return float(found)  # type: ignore[arg-type]  # `iscoroutine` narrows one side only
    factory = import_module("uvloop").new_event_loop if uvloop else None
    with asyncio.Runner(loop_factory=factory) as runner:
        return float(runner.run(found))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.one", description=__doc__)
    parser.add_argument("module")
    parser.add_argument("work")
    parser.add_argument("count", type=int)
    parser.add_argument("--argument", default="")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--uvloop", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="theater-benchmark-") as empty:
        case = find(options.module, options.argument, options.work)
        figure = measure(case, options.count, Path(empty), uvloop=options.uvloop)
    print(json.dumps(figure))
    sys.stdout.flush()
    os._exit(0)  # some peers leave threads behind that would never end


if __name__ == "__main__":
    main()
