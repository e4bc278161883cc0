"""A test that never ends is named, shown and ends the run: `.ci/run` relies on it."""

from __future__ import annotations

from pathlib import Path

import pytest

WAITS_FOR_EVER = {
    "for nothing": """
import anyio, pytest

async def nothing_comes():
    await anyio.Event().wait()

@pytest.mark.real_clock
async def test_it(anyio_backend):
    await nothing_comes()
""",
    "for a thread": """
from threading import Event, Thread

def nothing_comes():
    Event().wait()

def test_it():
    thread = Thread(target=nothing_comes, daemon=True)
    thread.start()
    thread.join()
""",
    "for a program": """
import subprocess, sys

def nothing_comes():
    subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE).wait()

def test_it():
    nothing_comes()
""",
}


@pytest.mark.parametrize("test", WAITS_FOR_EVER.values(), ids=WAITS_FOR_EVER)
def test_a_test_that_never_ends_is_named_and_shown_and_ends_the_run(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, test: str
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    pytester.makepyfile(test_waiting=test)

    result = pytester.runpytest_subprocess(
        "-p", "patience", "--patience", "0.1", "-p", "no:cacheprovider", timeout=60
    )

    assert result.ret == 1
    said = result.stderr.str()
    assert "NEVER ENDED: test_waiting.py::test_it" in said
    assert "nothing_comes" in said.partition("NEVER ENDED")[2]
