"""The ready-made actors: the program in each one's docstring prints what it says."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

FILES = sorted((Path(__file__).parent.parent / "actors").glob("[!_]*.py"))
PROGRAM = re.compile(r"```python\n(.*?)```\n.*?```text\n(.*?)```", re.DOTALL)


def program(path: Path) -> tuple[str, str]:
    """The program in a module's docstring, and what it prints."""
    found = PROGRAM.search(ast.get_docstring(ast.parse(path.read_text())) or "")
    assert found, f"{path.name} shows no program"
    return found[1], found[2]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_program_in_the_docstring_prints_what_it_says(path: Path, tmp_path: Path) -> None:
    text, promised = program(path)
    (tmp_path / "program.py").write_text(text)

    done = subprocess.run(
        [sys.executable, "-W", "error", "program.py"],
        check=False,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout == promised
