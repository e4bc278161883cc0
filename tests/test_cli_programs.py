"""The command line in processes of its own: signals, pipes, folders in use, and actors that run and fail."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

import anyio
import pytest
from click.testing import CliRunner, Result

from theater import Actor, History, Theater, handler
from theater.cli import main

MAIN = "from theater.cli import main; main()"
MANY = 1_500  # messages, whose events do not fit into a pipe

CREW = """
from theater import Actor, handler

class Clock(Actor):
    ticks: int = 0

    async def on_start(self) -> None:
        self.context.every(0.02, Clock.tick)

    @handler
    async def tick(self) -> None:
        self.ticks += 1

class Parent(Actor):
    async def on_start(self) -> None:
        await self.context.spawn(Clock(), name="clock")

class Brief(Actor):
    async def on_start(self) -> None:
        self.context.stop()

class Unlucky(Actor):
    async def on_start(self) -> None:
        raise ValueError("no luck")

class Doomed(Actor):
    async def on_start(self) -> None:
        self.context.every(0.001, Doomed.fail)

    @handler
    async def fail(self) -> None:
        raise ValueError("again")

class Needy(Actor):
    field: int
"""


class Chatter(Actor):
    """Hears much."""

    heard: int = 0

    @handler
    async def hear(self) -> None:
        self.heard += 1


async def chat(folder: Path) -> None:
    async with Theater(folder) as theater:
        chatter = await theater.spawn(Chatter(), name="chatter")
        for _ in range(MANY):
            await chatter.tell(Chatter.hear)


class Program:
    """A `theater` command in a process of its own."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", MAIN, *words],
            cwd=folder,
            env=os.environ | {"THEATER_HOME": str(folder / "t"), "PYTHONWARNINGS": "error"},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    @property
    def stdout(self) -> IO[str]:
        assert self.process.stdout is not None
        return self.process.stdout

    @property
    def stderr(self) -> IO[str]:
        assert self.process.stderr is not None
        return self.process.stderr

    def lines(self, count: int) -> list[str]:
        """Its next lines."""
        return [self.stdout.readline() for _ in range(count)]

    def end(self, how: signal.Signals | None = None) -> tuple[int, str, str]:
        """Its exit code and all the rest it says."""
        if how is not None:
            self.process.send_signal(how)
        rest, wrong = self.process.communicate(timeout=30)
        return self.process.returncode, rest, wrong


def command(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(main, words, env={"THEATER_HOME": str(folder / "t")})


def is_one_line(text: str) -> bool:
    return text.startswith("theater: ") and text.count("\n") == 1 and text.endswith("\n")


@pytest.fixture
def crew(tmp_path: Path) -> Path:
    (tmp_path / "crew.py").write_text(CREW)
    return tmp_path


@pytest.mark.parametrize(
    ("how", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["Ctrl-C", "SIGTERM"]
)
def test_a_signal_closes_what_runs_and_is_the_exit_code(crew: Path, how: signal.Signals, code: int) -> None:
    program = Program(crew, "run", "crew:Clock")
    program.lines(10)

    ended, _, wrong = program.end(how)

    assert (ended, wrong) == (code, "")
    report = History(crew / "t").verify()
    assert report.ok
    assert report.closed


def test_what_was_run_goes_on_where_it_was(crew: Path) -> None:
    events = []
    for _ in range(2):
        program = Program(crew, "run", "crew:Clock", "--json")
        events = [json.loads(line) for line in program.lines(10)]
        program.end(signal.SIGTERM)

    assert events[0]["kind"] == "actor/resumed"
    assert [event["kind"] for event in history_of(crew, "clock")].count("actor/spawned") == 1
    assert len(History(crew / "t").actors()) == 1


def history_of(folder: Path, actor: str) -> list[dict[str, Any]]:
    done = command(folder, "log", actor, "--json")
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_run_shows_the_events_of_those_who_are_spawned_too(crew: Path) -> None:
    program = Program(crew, "run", "crew:Parent")
    lines = program.lines(12)
    program.end(signal.SIGINT)

    assert any(line.startswith("parent/clock ") for line in lines)


def test_run_ends_with_its_actor(crew: Path) -> None:
    code, text, _ = Program(crew, "run", "crew:Brief").end()

    assert code == 0
    assert text.splitlines()[-1].split()[-2:] == ["actor/stopped", "normal"]


@pytest.mark.parametrize("name", ["Unlucky", "Doomed"])
def test_an_actor_that_fails_for_good_is_code_5(crew: Path, name: str) -> None:
    code, text, wrong = Program(crew, "run", f"crew:{name}").end()

    assert code == 5
    assert "actor/failed" in text
    assert all(is_one_line(f"{line}\n") and "ValueError" in line for line in wrong.splitlines())


def test_the_traceback_of_a_failing_actor_is_shown_to_who_asks(crew: Path) -> None:
    assert "Traceback" in Program(crew, "run", "crew:Unlucky", "--debug").end()[2]


def test_a_module_that_exits_when_it_is_imported_is_named(crew: Path) -> None:
    (crew / "leaving.py").write_text("raise SystemExit(3)")

    code, _, wrong = Program(crew, "run", "leaving:Actor").end()

    assert code == 2
    assert "importing leaving failed: SystemExit: 3" in wrong


@pytest.mark.parametrize(
    ("what", "why"),
    [
        ("crew:Clok", "crew has no actor class 'Clok'; did you mean 'Clock'?"),
        ("crw:Clock", "there is no module 'crw'; did you mean 'crew'?"),
        ("crew:Actor", "crew has no actor class 'Actor'"),
        ("actors:Saga", "Saga is abstract: make a subclass that has steps"),
        ("actors:Cache", "Cache() missing argument 'source'; give each field a default, or run a manifest"),
    ],
)
def test_run_says_what_to_write_instead(crew: Path, what: str, why: str) -> None:
    code, _, wrong = Program(crew, "run", what).end()

    assert code == 2
    assert why in wrong


def test_run_says_why_a_folder_cannot_be_opened(crew: Path) -> None:
    (crew / "t").mkdir()
    (crew / "t" / "file").touch()

    code, _, wrong = Program(crew, "run", "crew:Clock").end()

    assert code == 4
    assert "not empty" in wrong


def test_an_actor_without_defaults_cannot_be_run(crew: Path) -> None:
    code, _, wrong = Program(crew, "run", "crew:Needy").end()

    assert code == 2
    assert "'field'" in wrong
    assert is_one_line(wrong)


def test_log_follows_what_another_process_does_until_ctrl_c(crew: Path) -> None:
    runner = Program(crew, "run", "crew:Clock")
    runner.lines(4)
    follower = Program(crew, "log", "clock", "--follow", "--json")
    seqs = [json.loads(line)["seq"] for line in follower.lines(40)]

    ended = follower.end(signal.SIGINT)
    runner.end(signal.SIGINT)

    assert seqs == list(range(40))
    assert ended[0] == 130
    assert not ended[2]


def test_a_folder_in_use_can_be_looked_at_but_not_written(crew: Path) -> None:
    runner = Program(crew, "run", "crew:Clock")
    runner.lines(2)

    written = command(crew, "store", "put", str(crew / "crew.py"))
    looked = command(crew, "ps")
    pid = runner.process.pid
    runner.end(signal.SIGINT)

    assert written.exit_code == 4
    assert str(pid) in written.stderr
    assert is_one_line(written.stderr)
    assert " alive " in looked.stdout


@pytest.mark.parametrize("words", [("log", "chatter"), ("log", "chatter", "--json")], ids=" ".join)
def test_whoever_stops_reading_ends_the_command_quietly(crew: Path, words: tuple[str, ...]) -> None:
    anyio.run(chat, crew / "t")
    program = Program(crew, *words)
    program.lines(1)
    program.stdout.close()

    code = program.process.wait(timeout=30)

    assert code == 141
    assert not program.stderr.read()
    program.stderr.close()


def test_the_folder_is_dot_theater_where_nothing_else_is_said(crew: Path) -> None:
    program = [sys.executable, "-c", MAIN, "store", "put", "crew.py"]
    quiet = {key: value for key, value in os.environ.items() if key != "THEATER_HOME"}

    subprocess.run(program, check=True, cwd=crew, env=quiet, stdout=subprocess.DEVNULL, timeout=60)

    assert History(crew / ".theater").verify().closed
