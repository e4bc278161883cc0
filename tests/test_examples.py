"""Every example runs, and prints what its first lines say that it prints."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
LINES = range(20, 61)


def promised(example: Path) -> str:
    """What the docstring says after `Prints:`."""
    docstring = ast.get_docstring(ast.parse(example.read_text())) or ""
    return textwrap.dedent(docstring.partition("Prints:\n")[2]).strip("\n") + "\n"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_prints_what_it_says(example: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(example)],
        check=False,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == promised(example)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_fits_on_a_screen(example: Path) -> None:
    assert len(example.read_text().splitlines()) in LINES


def test_examples_are_numbered_from_one() -> None:
    numbers = [int(re.match(r"(\d\d)_", example.name)[1]) for example in EXAMPLES]  # type: ignore[index]  # all match

    assert numbers == list(range(1, len(EXAMPLES) + 1))


def test_an_example_says_something_to_print() -> None:
    assert all(promised(example).strip() for example in EXAMPLES)
