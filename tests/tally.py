"""A count of the cases that each attack tried, told at the end of the run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

Tally = Callable[[str], None]
_TRIED: Counter[str] = Counter()


@pytest.fixture
def tally() -> Tally:
    """Count one more case of this attack."""

    def count(attack: str) -> None:
        _TRIED[attack] += 1

    return count


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many cases each attack tried: `docs/explanation/crash-report.md` has its figures from here."""
    if _TRIED:
        terminalreporter.section("attacks")
    for attack, cases in sorted(_TRIED.items()):
        terminalreporter.write_line(f"{cases:>7,}  {attack}")
