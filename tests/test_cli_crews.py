"""`theater check` and `theater run` on manifests: what they print, and how they end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from theater import History
from theater.cli.crews import look_here_first
from theater.manifest.schema import json_schema

MAIN = "from theater.cli import main; main()"
CREW = """
from datetime import datetime
from theater import Actor, ActorRef, handler

class Clock(Actor):
    ticks: int = 0
    since: datetime | None = None

    async def on_start(self) -> None:
        self.context.every(0.02, Clock.tick)

    @handler
    async def tick(self) -> None:
        self.ticks += 1

class Boss(Actor):
    clock: ActorRef[Clock]

class Brief(Actor):
    async def on_start(self) -> None:
        self.context.stop()

class Unlucky(Actor):
    async def on_start(self) -> None:
        raise ValueError("no luck")

class Doomed(Actor):
    async def on_start(self) -> None:
        self.context.after(0.001, Doomed.fail)

    @handler
    async def fail(self) -> None:
        raise ValueError("again")
"""
GOOD = """
[theater]
folder = "${FOLDER:-record}"

[[actor]]
class = "crew:Clock"
state = { since = 2026-01-01 00:00:00Z }

[[actor]]
class = "crew:Boss"
state = { clock = "clock" }

[[actor.children]]
class = "crew:Clock"
name = "small"
mailbox = "${SIZE:-7}"
"""
BAD = (
    '[[actor]]\nclass = "crew:Clok"\nrestat = "x"\n[[actor]]\nclass = "crew:Clock"\nstate = { ticks = "3" }\n'
)


@pytest.fixture
def crew(tmp_path: Path) -> Path:
    (tmp_path / "crew.py").write_text(CREW)
    (tmp_path / "good.toml").write_text(GOOD)
    (tmp_path / "bad.toml").write_text(BAD)
    return tmp_path


def start(folder: Path, *words: str, **environment: str) -> subprocess.Popen[str]:
    quiet = {key: value for key, value in os.environ.items() if key != "THEATER_HOME"}
    return subprocess.Popen(
        [sys.executable, "-c", f"import sys; sys.path[:1] = [{str(Path.cwd())!r}]; {MAIN}", *words],
        cwd=folder,
        env=quiet | environment | {"PYTHONWARNINGS": "error"},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def done(folder: Path, *words: str, **environment: str) -> tuple[int, str, str]:
    process = start(folder, *words, **environment)
    out, wrong = process.communicate(timeout=60)
    return process.returncode, out, wrong


# -- check -----------------------------------------------------------------------------------------------


def test_check_prints_the_crew_of_a_good_manifest(crew: Path) -> None:
    code, out, wrong = done(crew, "check", "good.toml")

    assert (code, wrong) == (0, "")
    assert out.splitlines()[0] == "good.toml is good: 3 actors, kept in record"
    rows = [line.split() for line in out.splitlines()[2:]]
    assert [row[:2] for row in rows] == [
        ["clock", "crew:Clock"],
        ["boss", "crew:Boss"],
        ["boss/small", "crew:Clock"],
    ]
    assert rows[2][2:] == ["mailbox=7"]
    assert not (crew / "record").exists()


def test_check_prints_all_that_is_wrong_and_ends_with_1(crew: Path) -> None:
    code, out, wrong = done(crew, "check", "bad.toml")

    assert (code, wrong) == (1, "")
    assert out.splitlines()[0] == "bad.toml: 3 problems"
    assert [line.split()[0] for line in out.splitlines()[2:]] == [
        "actor[0].class",
        "actor[0].restat",
        "actor[1].state.ticks",
    ]
    assert "did you mean 'Clock'?" in out


def test_check_tells_a_program(crew: Path) -> None:
    good, bad = done(crew, "check", "good.toml", "--json"), done(crew, "check", "bad.toml", "--json")

    assert (good[0], bad[0]) == (0, 1)
    told = json.loads(good[1])
    assert (told["ok"], told["problems"]) == (True, [])
    assert told["actors"][2] == {
        "name": "boss/small",
        "class": "crew:Clock",
        "state": {},
        "options": {"mailbox": 7},
    }
    assert [problem["place"] for problem in json.loads(bad[1])["problems"]] == [
        "actor[0].class",
        "actor[0].restat",
        "actor[1].state.ticks",
    ]


def test_check_shows_values_as_they_are_and_not_as_a_file_says_them(crew: Path) -> None:
    text = '[[actor]]\nclass = "crew:Named"\nstate = { title = "$${x} ${SIZE:-y}" }\n'
    (crew / "named.toml").write_text(text)
    with (crew / "crew.py").open("a") as file:
        file.write("\nclass Named(Actor):\n    title: str\n")

    (_, told, _), (_, shown, _) = (
        done(crew, "check", "named.toml", "--json"),
        done(crew, "check", "named.toml"),
    )

    assert json.loads(told)["actors"][0]["state"] == {"title": "${x} y"}
    assert "title='${x} y'" in shown


def test_check_prints_a_manifest_as_it_is_read(crew: Path) -> None:
    code, out, _ = done(crew, "check", "good.toml", "--filled", FOLDER="elsewhere", SIZE="9")
    (crew / "filled.toml").write_text(out)

    assert code == 0
    assert "mailbox = 9\n" in out
    assert done(crew, "check", "filled.toml", "--filled") == (0, out, "")


def test_check_prints_the_schema(crew: Path) -> None:
    assert json.loads(done(crew, "check", "--schema")[1]) == json_schema()


@pytest.mark.parametrize("words", [("check",), ("check", "none.toml"), ("run", "none.toml")], ids=" ".join)
def test_a_manifest_that_is_not_there_is_code_2(crew: Path, words: tuple[str, ...]) -> None:
    code, out, wrong = done(crew, *words)

    assert (code, out) == (2, "")
    assert wrong.startswith("theater: ")
    assert wrong.count("\n") == 1


def test_what_steers_a_terminal_is_spelled_out(crew: Path) -> None:
    (crew / "bad.toml").write_text('[[actor]]\nclass = "a\\u001b[31m:B"\n')

    assert "\x1b" not in done(crew, "check", "bad.toml")[1] + done(crew, "run", "bad.toml")[2]


def test_modules_are_looked_for_here_before_anywhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", ["elsewhere"])
    monkeypatch.chdir(tmp_path)

    for _ in range(2):
        look_here_first()

    assert sys.path == [str(tmp_path), "elsewhere"]


# -- run -------------------------------------------------------------------------------------------------


def test_a_crew_runs_until_a_signal_and_goes_on_in_a_second_run(crew: Path) -> None:
    for kind in ("actor/spawned", "actor/resumed"):
        process = start(crew, "run", "good.toml", "--json")
        assert process.stdout is not None
        first: dict[str, str] = {}
        while len(first) < 3:
            event = json.loads(process.stdout.readline())
            if event["actor"] != ".":
                first.setdefault(event["actor"], event["kind"])
        process.send_signal(signal.SIGTERM)
        wrong = process.communicate(timeout=60)[1]

        assert first == dict.fromkeys(["clock", "boss", "boss/small"], kind)
        assert (process.returncode, wrong) == (143, "")
        report = History(crew / "record").verify()
        assert report.ok
        assert report.closed


def test_the_home_of_the_command_line_comes_before_that_of_the_manifest(crew: Path) -> None:
    (crew / "brief.toml").write_text('[theater]\nfolder = "record"\n[[actor]]\nclass = "crew:Brief"')

    assert done(crew, "run", "brief.toml", "--home", "mine")[0] == 0
    assert done(crew, "run", "brief.toml", THEATER_HOME="environment")[0] == 0
    assert not (crew / "record").exists()
    assert done(crew, "run", "brief.toml")[0] == 0

    assert all(History(crew / name).verify().closed for name in ("mine", "environment", "record"))


def test_a_run_ends_when_the_whole_crew_has_ended(crew: Path) -> None:
    (crew / "brief.toml").write_text(
        '[[actor]]\nclass = "crew:Brief"\n[[actor]]\nclass = "crew:Brief"\nname = "second"'
    )

    code, out, _ = done(crew, "run", "brief.toml")

    assert code == 0
    assert sum("actor/stopped" in line for line in out.splitlines()) == 2


@pytest.mark.parametrize("name", ["Unlucky", "Doomed"])
def test_a_crew_of_which_one_fails_for_good_is_code_5(crew: Path, name: str) -> None:
    (crew / "c.toml").write_text(
        f'[[actor]]\nclass = "crew:{name}"\nrestart = "temporary"\n[[actor]]\nclass = "crew:Brief"\n'
    )

    code, out, wrong = done(crew, "run", "c.toml")

    assert code == 5
    assert "actor/failed" in out
    assert "ValueError" in wrong


def test_run_says_all_that_is_wrong_in_a_line_each_and_starts_nobody(crew: Path) -> None:
    code, out, wrong = done(crew, "run", "bad.toml")

    assert (code, out) == (2, "")
    assert [line.split(": ")[:3] for line in wrong.splitlines()] == [
        ["theater", "bad.toml", place]
        for place in ("actor[0].class", "actor[0].restat", "actor[1].state.ticks")
    ]
    assert not (crew / ".theater").exists()
