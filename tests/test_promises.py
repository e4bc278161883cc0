"""What the docs promise is held by a test, and they say by which."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted((ROOT / "docs").rglob("*.md"))
GUARANTEES = ROOT / "docs/explanation/guarantees-and-limits.md"
COMPARISON = ROOT / "docs/explanation/actor-model.md"

HELD_BY = re.compile(r"\]\(([^)\s]*tests/test_\w+\.py)(?: \"([^\"]*)\")?\)")
"""A link to a file of tests, and in its title the tests that are meant."""

OURS = re.compile(r"\[(yes|partly)\]\([^)\s]*tests/test_\w+\.py \"[^\"]+\"\).*|no\b.*|partly: .+")
BULLET = re.compile(r"^- .*?(?=^- |^$|\Z)", re.MULTILINE | re.DOTALL)


@cache
def names_in(file: Path) -> set[str]:
    found = ast.walk(ast.parse(file.read_text()))
    return {
        each.name
        for each in found
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef) and each.name.startswith("test_")
    }


def sections(page: Path) -> dict[str, str]:
    """The text under each heading."""
    parts = re.split(r"^## (.*)$", page.read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def rows(page: Path) -> list[list[str]]:
    """The cells of all rows that compare something: the first is the feature, the second is what we have."""
    tables = [text for text in sections(page).values() if "| Theater |" in text]
    lines = [line for table in tables for line in table.splitlines() if line.startswith("| ")]
    return [line[2:-2].split(" | ") for line in lines if "| Theater |" not in line and "| --- |" not in line]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_test_that_the_docs_name_is_there(page: Path) -> None:
    missing = [
        (file, name)
        for file, names in HELD_BY.findall(page.read_text())
        for name in names.split()
        if name not in names_in((page.parent / file).resolve())
    ]

    assert not missing


@pytest.mark.parametrize("page", [GUARANTEES, COMPARISON], ids=lambda page: page.name)
def test_a_link_to_a_file_of_tests_says_which_test_is_meant(page: Path) -> None:
    assert not [file for file, names in HELD_BY.findall(page.read_text()) if not names]


def test_every_guarantee_names_a_test_that_holds_it() -> None:
    guaranteed = [
        bullet
        for heading, text in sections(GUARANTEES).items()
        if not heading.startswith("What is not")
        for bullet in BULLET.findall(text)
    ]

    assert len(guaranteed) > 20
    assert not [bullet for bullet in guaranteed if not HELD_BY.search(bullet)]


def test_every_yes_of_ours_in_the_comparison_names_a_test() -> None:
    compared = rows(COMPARISON)

    assert len(compared) > 30
    assert not [(row[0], row[1]) for row in compared if not OURS.fullmatch(row[1])]


def test_every_row_of_the_comparison_says_something_of_everybody() -> None:
    said = re.compile(r"(yes|partly|no|\?)(\W.*)?")
    compared = rows(COMPARISON)

    assert {len(row) for row in compared} == {8}
    assert not [(row[0], cell) for row in compared for cell in row[2:] if not said.fullmatch(cell)]
