"""What the docs show runs, and what they point at is there.

A block whose fence says `python run` is a whole program: it is run as one, in an empty folder. If the page
goes on with `It prints` and a block of text, it prints that.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from theater.event import KINDS

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

BLOCK = re.compile(r"^```python run\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PRINTS = re.compile(r"\s*(?:It|Both) prints?\s+```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
PATH = re.compile(r"`((?:theater|actors|examples|tests|benchmarks|docs|\.ci)/[\w./-]*)`")
LINK = re.compile(r"\]\(([^)\s#]+)[^)]*\)")
SHOWN = re.compile(r"^```python title=\"?([\w./-]+)\"?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def programs(page: Path) -> list[tuple[str, str | None]]:
    """Each program of a page, and what the page says that it prints."""
    text = page.read_text()
    return [
        (block[1], promised[1] if (promised := PRINTS.match(text, block.end())) else None)
        for block in BLOCK.finditer(text)
    ]


PROGRAMS = [
    pytest.param(*program, id=f"{name(page)}:{number}")
    for page in PAGES
    for number, program in enumerate(programs(page), start=1)
]


@pytest.mark.parametrize(("program", "promised"), PROGRAMS)
def test_a_program_in_the_docs_runs_and_prints_what_the_page_says(
    program: str, promised: str | None, tmp_path: Path
) -> None:
    script = tmp_path / "program.py"
    script.write_text(program)

    done = subprocess.run(
        [sys.executable, "-W", "error", script.name],
        check=False,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr
    assert promised is None or done.stdout == promised


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_path_named_in_the_docs_exists(page: Path) -> None:
    named = set(PATH.findall(page.read_text())) - KINDS  # `theater/opened` is the kind of an event
    missing = [path for path in named if not (ROOT / path).exists()]

    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_link_between_pages_leads_somewhere(page: Path) -> None:
    targets = [target for target in LINK.findall(FENCED.sub("", page.read_text())) if "://" not in target]

    assert not [target for target in targets if not (page.parent / target).exists()]


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_file_shown_in_the_docs_is_shown_as_it_is(page: Path) -> None:
    differing = [path for path, text in SHOWN.findall(page.read_text()) if (ROOT / path).read_text() != text]

    assert not differing


def test_the_first_page_shows_a_whole_program() -> None:
    assert BLOCK.search((ROOT / "README.md").read_text())
