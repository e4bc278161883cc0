"""`theater compact`: what it prints, what a program reads, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import anyio
import pytest
from click.testing import CliRunner, Result
from journal_disks import contents_of

from theater import Actor, History, Theater, handler
from theater.cli import main

MANY = 25  # actors, more than are shown


class Clerk(Actor):
    """Counts letters."""

    papers: int = 0

    @handler
    async def file(self, text: str) -> int:
        self.papers += len(text)
        return self.papers


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder in which many clerks have ended and one sleeps."""
    anyio.run(_work, tmp_path / "theater")
    return tmp_path / "theater"


async def _work(path: Path) -> None:
    async with Theater(path) as theater:
        await theater.spawn(Clerk(), name="alive")
        for number in range(MANY):
            clerk = await theater.spawn(Clerk(), name=f"clerk-{number}")
            for _ in range(3):
                await clerk.ask(Clerk.file, "blah " * 100)
            await clerk.stop()


def compact(home: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["compact", "--home", str(home), *words], env={"COLUMNS": "200"})


def test_a_dry_run_shows_what_would_go(home: Path) -> None:
    before = contents_of(home)

    result = compact(home, "--dry-run")

    assert result.exit_code == 0
    assert "clerk-0" in result.stdout
    assert f"… and {MANY - 20} more actors" in result.stdout
    assert "would remove 75 events and 0 contents" in result.stdout
    assert contents_of(home) == before


def test_the_largest_stands_first_and_its_runs_are_one_line(home: Path) -> None:
    anyio.run(_work_more, home)

    lines = compact(home, "--dry-run").stdout.splitlines()

    assert lines[1].split() == ["busy", "9", "1", "9", "1"]
    assert lines[2].split() == ["clerk-0", "3", "1", "3", "1"]


async def _work_more(path: Path) -> None:
    async with Theater(path) as theater:
        busy = await theater.spawn(Clerk(), name="busy")
        for _ in range(9):
            await busy.ask(Clerk.file, "blah " * 100)
        await busy.stop()


def test_a_key_that_is_kept_elsewhere_is_named(home: Path, tmp_path: Path) -> None:
    file = str(tmp_path / "my.key")
    CliRunner().invoke(main, ["key", "rotate", "--home", str(home), "--to", file])

    refused, done = compact(home), compact(home, "--key", file)

    assert refused.exit_code == 4
    assert "its file by --key" in refused.stderr
    assert "removed 75 events" in done.stdout


def test_a_program_reads_what_was_removed(home: Path) -> None:
    result = compact(home, "--json", "--reason", "spring cleaning")

    told = json.loads(result.stdout)
    assert (told["done"], told["events"], told["contents"]) == (True, 75, 0)
    assert told["after"] < told["before"]
    assert told["removed"][0]["actor"] == "clerk-0"
    assert (told["removed"][0]["first"], told["removed"][0]["last"]) == (1, 3)
    assert History(home).verify().removals[0].reason == "spring cleaning"
    assert "removed 0 events" in compact(home).stdout


def verify(home: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["verify", "--home", str(home), *words], env={"COLUMNS": "200"})


def test_verify_names_the_events_that_explain_what_is_missing(home: Path) -> None:
    assert "removed" not in verify(home).stdout.replace("removed events are explained: 0", "")

    compact(home, "--reason", "spring cleaning")

    shown = verify(home).stdout
    told = json.loads(verify(home, "--json").stdout)["removals"]
    assert "removed events are explained: 75" in shown
    assert f"… {MANY - 10} more before these" in shown
    assert f".@{told[-1]['event']}: 1 to 3 of clerk-24: spring cleaning" in shown
    assert (len(told), told[0]["first"], told[0]["last"]) == (MANY, 1, 3)
    assert {each["reason"] for each in told} == {"spring cleaning"}


def test_ages_and_sizes_are_read(home: Path) -> None:
    assert "would remove 0 events" in compact(home, "--dry-run", "--older-than", "1d").stdout
    assert "would remove 75 events" in compact(home, "--dry-run", "--older-than", "0s").stdout
    assert "would remove 0 events" in compact(home, "--dry-run", "--keep-bytes", "1 GB").stdout
    assert "would remove 75 events" in compact(home, "--dry-run", "--keep-bytes", "1k").stdout
    some = json.loads(compact(home, "--dry-run", "--json", "--keep-bytes", "70000").stdout)
    assert 0 < some["events"] < 75
    assert some["after"] <= 70_000


@pytest.mark.parametrize(
    "words", [("--older-than", "soon"), ("--older-than", "30"), ("--keep-bytes", "-1"), ("--keep-bytes", "x")]
)
def test_what_is_no_age_or_size_is_refused(home: Path, words: tuple[str, str]) -> None:
    result = compact(home, *words)

    assert result.exit_code == 2
    assert "take" in result.stderr


def test_one_actor_is_erased(home: Path) -> None:
    told = json.loads(compact(home, "--json", "--erase", "clerk-7").stdout)

    assert {each["actor"] for each in told["removed"]} == {"clerk-7"}
    assert "clerk-7" not in {actor.name for actor in History(home).actors()}


@pytest.mark.parametrize(("words", "code"), [(("--erase", "alive"), 2), (("--erase", "nobody"), 3)])
def test_who_lives_or_never_was_is_not_erased(home: Path, words: tuple[str, str], code: int) -> None:
    assert compact(home, *words).exit_code == code


def test_a_folder_that_is_no_theater_is_said(tmp_path: Path) -> None:
    result = compact(tmp_path)

    assert result.exit_code == 4
    assert "--home" in result.stderr
