"""Replay of the demos: it agrees to the same heads, runs no effect, and finds a changed letter."""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
from pathlib import Path
from typing import Any

import anyio
import pytest
from click.testing import CliRunner, Result

from theater import Actor, History, Theater, handler
from theater.cli import main
from theater.cli.demos import ledger, library
from theater.cli.demos.ledger import Account, Bank, Teller, orders, trade
from theater.cli.demos.library import Shard


def run(home: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["--home", str(home), *words])


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("bank")

    async def work() -> None:
        async with Theater(home) as theater:
            wanted = orders(60, accounts=4, opening=100, seed=7)
            await trade(
                theater, bank=Bank(size=4, counters=3, opening=100), wanted=wanted, step=lambda _: None
            )

    anyio.run(work)
    return home


@pytest.fixture(scope="module")
def shelves(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home, tree = tmp_path_factory.mktemp("shelves"), tmp_path_factory.mktemp("tree")
    for name in ("a", "b", "c", "d", "e"):
        (tree / f"{name}.py").write_text(f"import {name}\n{name}.work()\n")
    (tree / "broken.py").write_bytes(b"\xff\x00 no text")
    done = run(home, "demo", "library", "--path", str(tree), "--shards", "2", "--ask", "a.work", "--json")
    assert done.exit_code == 0, done.output
    return home


def edited(monkeypatch: pytest.MonkeyPatch, cls: type[Actor], name: str, old: str, new: str) -> None:
    """Change one place in the source of a handler, and use what comes of it."""
    method = vars(cls)[name]
    source = textwrap.dedent(inspect.getsource(method))
    assert source.count(old) == 1
    tree = ast.parse(source.replace(old, new))
    space: dict[str, Any] = {**vars(inspect.getmodule(cls)), "handler": handler}
    exec(compile(tree, "edited", "exec"), space)  # as an editor would change it
    monkeypatch.setattr(vars(cls)["_theater_plan"].handlers[name], "call", space[name])


@pytest.mark.parametrize("home", ["bank", "shelves"])
def test_all_actors_agree_to_their_heads(home: str, request: pytest.FixtureRequest) -> None:
    history = History(request.getfixturevalue(home))

    replays = [history.replay(actor.id) for actor in history.actors()]

    assert [str(replay) for replay in replays if not replay.ok] == []
    assert [replay.head for replay in replays] == [actor.head for actor in history.actors()]
    assert [replay.events for replay in replays] == [actor.events for actor in history.actors()]


def test_no_effect_is_run(shelves: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = [event for actor in History(shelves).actors() for event in History(shelves).chain(actor.id)]
    assert (
        sum(event.kind == "effect/begun" for event in begun) == 13
    )  # six files twice, one again after it stumbled

    def read_file(path: str) -> bytes:
        raise AssertionError(f"{path} was read")

    read_file.__module__, read_file.__qualname__ = library.read_file.__module__, "read_file"
    monkeypatch.setattr(library, "read_file", read_file)

    assert run(shelves, "replay", "--all").exit_code == 0


@pytest.mark.parametrize(
    ("cls", "name", "edit"),
    [
        (Account, "deposit", ("+= amount", "-= amount")),
        (Account, "withdraw", ("> self.balance", "< self.balance")),
        (Teller, "transfer", ("self.accounts[target]", "self.accounts[source]")),
    ],
)
def test_the_event_of_a_changed_letter_is_found_in_the_ledger(
    bank: Path, monkeypatch: pytest.MonkeyPatch, cls: type[Actor], name: str, edit: tuple[str, str]
) -> None:
    history = History(bank)
    actor = "bank/account-000" if cls is Account else "bank/teller-0"
    handled = [event for event in history.chain(actor) if event.body.get("handler") == name]

    edited(monkeypatch, cls, name, *edit)
    replay = history.replay(actor)

    expected = handled[0].seq  # of an account, the message is one event
    if cls is Teller:
        answered = [event for event in history.chain(actor) if event.kind == "message/answered"]
        first = next(event for event in answered if "answer" in event.body)  # it had the money
        expected = first.seq + 1
    assert replay.seq == expected, str(replay)
    assert history.replay("bank").ok


def test_the_event_of_a_changed_letter_is_found_in_the_library(
    shelves: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = History(shelves)
    [first, *_] = [event for event in history.chain("library/shard-1") if event.kind == "effect/begun"]

    edited(monkeypatch, Shard, "read", '{self.root}/{path}"', '{self.root}-{path}"')
    replay = history.replay("library/shard-1")

    assert replay.seq == first.seq
    assert replay.diff.startswith("args[0]: expected ")


def test_the_command_line_reports_all_and_ends_with_1(bank: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = run(bank, "replay", "--all")
    edited(monkeypatch, Account, "deposit", "+= amount", "-= amount")
    bad = run(bank, "replay", "--all")

    assert (good.exit_code, good.output.splitlines()[-1]) == (0, "8 of 8 actors do what the record says")
    assert (bad.exit_code, bad.output.splitlines()[-1]) == (1, "4 of 8 actors do what the record says")
    assert "  expected  message/handled: answer " in bad.output


def test_the_command_line_tells_programs(bank: Path) -> None:
    one = json.loads(run(bank, "replay", "bank", "--json").output)
    every = json.loads(run(bank, "replay", "--all", "--json").output)

    assert (one["ok"], one["head"]) == (True, History(bank).chain("bank")[-1].hash.hex())
    assert one in every
    assert len(every) == 8


def test_the_command_line_replays_a_part(bank: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    halts: list[str] = []
    monkeypatch.setattr("sys.breakpointhook", lambda: halts.append("halt"))

    done = run(bank, "replay", "bank", "--until", "3", "--break-at", "2")

    assert (done.exit_code, done.output[:28]) == (0, "bank: 4 events agree, head " + done.output[27])
    assert halts == ["halt"]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ([], 2),
        (["bank", "--all"], 2),
        (["--all", "--until", "3"], 2),
        (["nobody"], 3),
        (["bank", "--until", "999"], 3),
        (["bank", "--import", "nosuchmodule"], 2),
    ],
)
def test_the_command_line_refuses_what_it_cannot_do(bank: Path, words: list[str], code: int) -> None:
    assert run(bank, "replay", *words).exit_code == code


def test_an_actor_that_cannot_be_replayed_keeps_nobody_from_the_others(
    bank: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(ledger, "Bank")

    done = run(bank, "replay", "--all")

    assert done.exit_code == 1
    assert "bank: not replayed: its class theater.cli.demos.ledger:Bank is not imported" in done.output
    assert done.output.splitlines()[-1] == "7 of 8 actors do what the record says"
