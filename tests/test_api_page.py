"""The API page names what the doors offer, and nothing that they do not."""

from __future__ import annotations

import re
from pathlib import Path

import theater
import theater.testing

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "api.md"
ROW = re.compile(r"^\| (?:↳ )?`(\w+)` \|", re.MULTILINE)
CONSTANTS = {  # named in a sentence
    "ALL", "NONE", "PERMANENT", "TRANSIENT", "TEMPORARY", "LAST_GOOD", "INITIAL",
    "ONE_FOR_ONE", "ONE_FOR_ALL", "REST_FOR_ONE",
}  # fmt: skip


def rows(*, testing: bool) -> set[str]:
    programs, _, tests = PAGE.read_text().partition("## `theater.testing`")
    return set(ROW.findall(tests if testing else programs))


def test_the_page_lists_every_name_of_the_door() -> None:
    assert rows(testing=False) | CONSTANTS == set(theater.__all__)


def test_the_page_lists_every_name_for_tests() -> None:
    assert rows(testing=True) == set(theater.testing.__all__)
