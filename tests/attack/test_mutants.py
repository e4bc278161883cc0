"""Named mutants: each fault of one line makes the very test fail that is there for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from mutants import MUTANTS, ROOT, Mutant
from tally import Tally


def test_each_mutant_fails_the_test_that_is_named_for_it(tmp_path: Path, tally: Tally) -> None:
    program = [sys.executable, str(Path(__file__).with_name("mutants.py")), str(tmp_path / "work")]
    quick = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    found = subprocess.run(
        program,
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={**quick, "PYTHONPATH": str(ROOT)},
        timeout=270,
    )

    lines = [line.partition(" ") for line in found.stdout.splitlines()]
    status = {name: status for status, _, name in lines}
    assert status.pop("without any") == "0"
    assert status == {mutant.name: "1" for mutant in MUTANTS}
    for _ in MUTANTS:
        tally("mutant")


def test_there_are_mutants_of_chain_journal_store_recovery_and_supervision() -> None:
    assert len(MUTANTS) >= 20
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)
    files = {mutant.file.removeprefix("theater/").removesuffix(".py") for mutant in MUTANTS}
    assert files >= {"chain", "journal/segment", "store/fold", "redelivery", "past", "restart", "supervisor"}


def test_a_mutant_whose_line_is_gone_is_named() -> None:
    with pytest.raises(ValueError, match="gone"):
        Mutant("gone", "theater/chain.py", "no such line", "", "").source()
