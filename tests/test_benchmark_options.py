"""What cannot be done is said before anything is measured, in one line that says what to do instead."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks import __main__ as command
from benchmarks.__main__ import end_as_by_ctrl_c, main
from benchmarks.beforehand import is_in_memory
from benchmarks.families import FAMILIES
from benchmarks.listing import show_all
from benchmarks.options import Options
from benchmarks.page import BEGIN
from benchmarks.report import Report

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def _nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    def measure(options: Options, console: Console) -> Report:
        raise AssertionError(f"measured: {options}, {console}")

    monkeypatch.setattr(command, "measure", measure)
    monkeypatch.setattr(command, "guard", measure)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ("--update", "--update is for --guard"),
        ("--counts 3", "--counts is for --guard"),
        ("--guard --peers pykka", "--guard has no --peers"),
        ("--guard --json figures.json", "--guard has no --json"),
        ("--from figures.json --case tell", "--from shows all that was kept: no --case"),
        ("--from no-such-file.json", "no-such-file.json is not what --json writes: "),
        ("--from README.md", "README.md is not what --json writes: "),
        (
            "--json no-such-folder/figures.json",
            "there is no folder no-such-folder to write figures.json into",
        ),
        ("--folder no-such-folder", "there is no folder no-such-folder to measure in"),
        ("--folder README.md", "there is no folder README.md to measure in"),
    ],
)
def test_what_cannot_be_done_is_said_before_measuring(
    given: str, complaint: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)

    assert main(given.split()) == 2
    assert capsys.readouterr().err.startswith(f"python -m benchmarks: {complaint}")


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ("--rounds some", "argument --rounds: a number from 1, not 'some'"),
        ("--rounds 0", "argument --rounds: a number from 1, not '0'"),
        ("--case ,", "argument --case: no name is given"),
    ],
)
def test_what_cannot_be_read_is_said_with_what_was_expected(
    given: str, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(given.split())

    assert capsys.readouterr().err.endswith(f"{complaint}\n")


def test_charts_and_pages_that_cannot_be_written_are_said_before_measuring(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("benchmarks.charts.check", lambda: None)
    (tmp_path / "file").touch()

    assert main(["--charts", str(tmp_path / "file" / "charts")]) == 2
    assert "no place for charts: " in capsys.readouterr().err
    assert main(["--docs", str(tmp_path / "file")]) == 2
    assert f"has no lines {BEGIN.strip()}" in capsys.readouterr().err
    assert main(["--docs", str(tmp_path / "missing.md")]) == 2
    assert "missing.md cannot be read: " in capsys.readouterr().err


def test_a_folder_that_may_not_be_written_is_said_before_measuring(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)  # root may write anywhere

    assert main(["--folder", str(tmp_path)]) == 2
    assert f"nothing may be written in {tmp_path}" in capsys.readouterr().err


def test_who_has_had_enough_sees_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def ctrl_c(*_: object) -> Report:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "measure", ctrl_c)

    assert main([]) == 130
    assert capsys.readouterr().err == "python -m benchmarks: stopped; nothing is kept\n"


def test_a_program_that_is_told_to_end_ends_as_by_ctrl_c() -> None:
    before = signal.getsignal(signal.SIGTERM)
    end_as_by_ctrl_c()
    try:
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_folder_in_memory_is_told_from_one_on_disk(tmp_path: Path) -> None:
    mounts = f"/dev/sda / ext4 rw 0 0\ntmpfs {tmp_path.resolve()} tmpfs rw 0 0\n"

    assert is_in_memory(tmp_path / "below", mounts=mounts)
    assert not is_in_memory(tmp_path.parent, mounts=mounts)
    assert not is_in_memory(tmp_path, mounts="")


def test_the_list_says_of_a_name_all_that_it_stands_for(capsys: pytest.CaptureFixture[str]) -> None:
    show_all(FAMILIES, Console(width=200))

    shown = capsys.readouterr().out
    limits = {s.about for family in FAMILIES for s in family.systems if s.name == "limit"}
    assert len(limits) > 1
    assert all(about in shown for about in limits)
