"""Text that others wrote, on the screen: it is shown, and obeyed neither by the terminal nor as markup."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from click.testing import CliRunner, Result

from theater import Actor, History, Theater, handler
from theater.cli import main
from theater.cli.endings import end
from theater.cli.hosting import perform
from theater.cli.visible import visible

STEERING = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]")
EVIL = "\x1b[2J\x1b]0;title\x07\x9b31m\u202e\r\n[bold]:smile:"
SHOWN = r"\x1b[2J\x1b]0;title\x07\x9b31m\u202e\r\n[bold]:smile:"

Run = Callable[..., Result]


class Villain(Actor):
    """Writes escape sequences wherever it can."""

    @handler
    async def play(self) -> None:
        self.context.log(EVIL, **{EVIL: EVIL})
        await self.context.store.store_at_label(EVIL, EVIL.encode())
        await self.context.spawn(Villain(), name=EVIL)
        raise ValueError(EVIL)


async def play(folder: Path) -> None:
    async with Theater(folder) as theater:
        villain = await theater.spawn(Villain(), name="villain")
        await villain.tell(Villain.play)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home") / "theater"
    logging.getLogger("theater").disabled = True
    anyio.run(play, folder)
    logging.getLogger("theater").disabled = False
    return folder


@pytest.fixture
def run(home: Path) -> Run:
    return lambda *words: CliRunner().invoke(main, ["--home", str(home), *words])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, bücher, 本", "plain, bücher, 本"),
        (EVIL, SHOWN),
        ("\u2066a\ud800\x7f", r"\u2066a\ud800\x7f"),
    ],
    ids=["prints", "steers", "hides"],
)
def test_what_does_not_print_is_spelled_out(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_what_the_caller_lays_out_itself_stays() -> None:
    assert visible("a\n\x1b", keep="\n") == "a\n\\x1b"


@pytest.mark.parametrize(
    "words",
    [("ps",), ("log", "villain"), ("store", "ls", "villain"), ("store", "labels", "villain")],
    ids=" ".join,
)
def test_recorded_text_is_shown_and_never_obeyed(run: Run, words: tuple[str, ...]) -> None:
    done = run(*words)

    assert done.exit_code == 0
    assert SHOWN in done.stdout
    assert not STEERING.search(done.stdout)


def test_every_event_is_shown_whole_without_steering_the_terminal(run: Run, home: Path) -> None:
    for actor in History(home).actors():
        for seq in range(actor.events):
            done = run("show", f"{actor.id.hex()}@{seq}")

            assert done.exit_code == 0
            assert not STEERING.search(done.stdout)


@pytest.mark.parametrize("words", [("ps",), ("store", "labels", "villain")], ids=" ".join)
def test_json_holds_all_of_a_text_and_steers_no_terminal(run: Run, words: tuple[str, ...]) -> None:
    done = run(*words, "--json")

    assert json.dumps(EVIL)[1:-1] in json.dumps(json.loads(done.stdout))
    assert not STEERING.search(done.stdout)


def test_an_error_steers_no_terminal_nor_does_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    end(ValueError(EVIL), debug=True)

    assert not STEERING.search(capsys.readouterr().err)


def test_what_the_runtime_logs_steers_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    async def log(_: anyio.CancelScope) -> None:
        await anyio.lowlevel.checkpoint()
        logging.getLogger("theater").warning("look: %s", EVIL)

    perform(log, debug=False)

    told = capsys.readouterr().err
    assert told.startswith("theater: look: \\x1b[2J")
    assert not STEERING.search(told)
