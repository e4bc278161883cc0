"""The demos: what they count is so, and what they claim can be false."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest
from click.testing import CliRunner, Result

from theater import Actor, ActorRef, History, Theater, handler
from theater.cli import main
from theater.cli.demos import reading
from theater.cli.demos.audit import Audit, audit
from theater.cli.demos.ledger import Bank, Order, orders, trade
from theater.cli.demos.library import names_of, uses_of

FILES = {
    "a.py": b"import select\nselect.epoll()\n",
    "b/c.py": b"# select.epoll\nimport os\n",
    "b/d.py": b"import os\nmyselect.epoll, select.epolling, x.select.epoll\n",
    "b/same.py": b"import select\nselect.epoll()\n",
    "e.py": b"\xff\x00 no text",
    "empty.py": b"",
    "notes.txt": b"select.epoll",
}
READ = [name for name in FILES if name.endswith(".py")]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        file = tmp_path / "tree" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return tmp_path / "tree"


def demo(home: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["demo", *words], env={"THEATER_HOME": str(home)})


def library(home: Path, tree: Path, *words: str) -> dict[str, Any]:
    done = demo(home, "library", "--path", str(tree), "--shards", "3", "--json", *words)
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


# -- the library -----------------------------------------------------------------------------------------


def test_the_library_counts_what_is_there(tmp_path: Path, tree: Path) -> None:
    tally = library(tmp_path / "t", tree)

    assert tally["files"] == len(READ)
    assert tally["size"] == sum(len(FILES[name]) for name in READ)
    assert tally["contents"] == len({FILES[name] for name in READ})
    assert tally["distinct"] == sum(len(content) for content in {FILES[name] for name in READ})
    assert tally["unreadable"] == 0
    assert tally["messages"] >= 2 * len(READ)
    assert 0 < tally["events"] < tally["verify"]["events"]


def test_one_shard_crashes_and_is_there_again_with_its_state(tmp_path: Path, tree: Path) -> None:
    tally = library(tmp_path / "t", tree)

    failed = [
        (actor.name, event.body["error"]["class"])
        for actor in History(tmp_path / "t").actors()
        for event in History(tmp_path / "t").chain(actor.id)
        if event.kind == "actor/failed"
    ]
    assert tally["restarts"] == 1
    assert [error for _, error in failed] == ["Stumble"]
    assert tally["counted"] == 2 * len(READ)


def test_reading_the_same_tree_again_keeps_nothing_new(tmp_path: Path, tree: Path) -> None:
    assert library(tmp_path / "t", tree)["again"] == 0


def test_answers_come_from_the_index_and_are_held_to_the_files(tmp_path: Path, tree: Path) -> None:
    answers = library(tmp_path / "t", tree, "--ask", "select.epoll", "--ask", "nobody.uses")["answers"]

    assert [(found["path"], found["line"]) for found in answers[0]["found"]] == [
        ("a.py", 2),
        ("b/c.py", 1),
        ("b/same.py", 2),
    ]
    assert answers[0]["found"][0]["text"] == "select.epoll()"
    assert answers[1]["found"] == []
    assert all(answer["is_right"] for answer in answers)


def test_each_run_has_a_crew_of_its_own_in_one_record(tmp_path: Path, tree: Path) -> None:
    first, second = (library(tmp_path / "t", tree) for _ in range(2))

    assert (first["crew"], second["crew"]) == ("library", "library-2")
    assert second["verify"]["ok"]
    assert second["verify"]["contents"] == first["verify"]["contents"], "what both keep is kept once"


def test_the_library_shows_a_table_and_the_line_of_verify(tmp_path: Path, tree: Path) -> None:
    home = tmp_path / "t"

    done = demo(home, "library", "--path", str(tree), "--ask", "select.epoll")

    words = ["files", "MB", "distinct", "events", "messages/s", "MB/s", "restarts", "answers"]
    assert done.exit_code == 0
    assert [word for word in words if f"\n{word}" not in done.stdout] == []
    assert "✓ which files use select.epoll? a.py:2, b/c.py:1, b/same.py:2" in done.stdout
    assert f"\n{History(home).verify()}\n" in done.stdout
    assert "theater log library/shard-1" in done.stdout
    assert "half-way" in done.stderr


def test_the_library_can_be_drawn(tmp_path: Path, tree: Path) -> None:
    demo(tmp_path / "t", "library", "--path", str(tree), "--picture", str(tmp_path / "it.svg"))

    assert (tmp_path / "it.svg").read_text().startswith("<svg")


def test_a_tree_without_python_is_refused(tmp_path: Path) -> None:
    done = demo(tmp_path / "t", "library", "--path", str(tmp_path))

    assert done.exit_code == 2
    assert "no .py file below" in done.stderr
    assert not (tmp_path / "t").exists()


class Nobody:
    """Watches nothing."""

    def part(self, title: str, total: int) -> None:
        pass

    def step(self, count: int) -> None:
        pass


@pytest.mark.real_clock
async def test_a_file_that_vanished_is_left_out(tree: Path) -> None:
    async with Theater() as theater:
        tally = await reading.run(
            theater, root=tree, paths=[*READ, "gone.py"], shards=2, names=["select.epoll"], audience=Nobody()
        )

    assert tally.unreadable == 1
    assert tally.counted == 2 * len(READ)
    assert tally.answers[0].is_right


@pytest.mark.parametrize(
    ("field", "value"), [("counted", 1), ("again", 1), ("answers", [reading.Answer("x", (), is_right=False)])]
)
def test_a_wrong_count_or_answer_makes_the_demo_fail(
    tmp_path: Path, tree: Path, monkeypatch: pytest.MonkeyPatch, field: str, value: object
) -> None:
    honest = reading.run

    async def lying(*args: Any, **options: Any) -> reading.Tally:
        tally = await honest(*args, **options)
        setattr(tally, field, value)
        return tally

    monkeypatch.setattr(reading, "run", lying)

    assert demo(tmp_path / "t", "library", "--path", str(tree)).exit_code == 1


def test_what_was_installed_is_no_part_of_the_standard_library() -> None:
    found = reading.sources(reading.standard_library())

    assert "selectors.py" in found
    assert not [path for path in found if "site-packages" in path]


def test_names_are_indexed_whole_and_by_their_beginnings() -> None:
    names = names_of(b"a.b.c(a1) 2x .d e_f.g")

    assert names == b"\na\na.b\na.b.c\na1\ne_f\ne_f.g\n"


@pytest.mark.parametrize("text", [b"xselect.epoll", b"x.select.epoll", b"select.epolls", b"select epoll"])
def test_a_longer_name_is_no_use_of_a_shorter_one(text: bytes) -> None:
    assert not uses_of("select.epoll")(text)
    assert b"\nselect.epoll\n" not in names_of(text)


def test_ctrl_c_ends_the_library_and_leaves_a_record_that_verifies(tmp_path: Path) -> None:
    home = tmp_path / "t"
    program = [sys.executable, "-c", "from theater.cli import main; main()", "--home", str(home)]
    with subprocess.Popen(
        [*program, "demo", "library"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        assert running.stdout is not None
        assert b"standard library" in running.stdout.readline()
        running.send_signal(signal.SIGINT)
        _, wrong = running.communicate(timeout=60)

    assert (running.returncode, wrong) == (130, b"")
    assert not home.exists() or History(home).verify().ok


# -- the ledger ------------------------------------------------------------------------------------------


def test_the_ledger_proves_that_no_money_was_made_or_lost(tmp_path: Path) -> None:
    done = demo(tmp_path / "t", "ledger", "--transfers", "300", "--accounts", "10", "--json")

    told = json.loads(done.stdout)
    assert done.exit_code == 0
    assert told["ok"] is True
    assert told["opened"] == told["closed"] == 10 * 1_000
    assert told["accounts"] == 10
    assert told["transfers"] + told["refused"] == 300
    assert told["refused"] > 0
    assert told["lowest"] >= 0
    assert told["verify"]["ok"] is True


def test_the_ledger_shows_a_table_and_the_line_of_verify(tmp_path: Path) -> None:
    for bank in ("bank", "bank-2"):
        done = demo(tmp_path / "t", "ledger", "--transfers", "20", "--accounts", "8")
        assert f"theater log {bank}/account-000 " in done.stdout

    assert "none was made or lost" in done.stdout
    assert f"\n{History(tmp_path / 't').verify()}\n" in done.stdout


def test_orders_are_the_same_for_the_same_seed() -> None:
    assert orders(9, accounts=5, opening=10, seed=1) == orders(9, accounts=5, opening=10, seed=1)
    assert orders(9, accounts=5, opening=10, seed=1) != orders(9, accounts=5, opening=10, seed=2)


class Account(Actor):
    """An account as an auditor meets it."""

    balance: int = 100
    gives: int = 0  # more than it should

    @handler
    async def deposit(self, amount: int) -> int:
        self.balance += amount + self.gives
        return self.balance

    @handler
    async def withdraw(self, amount: int) -> int:
        self.balance -= amount
        return self.balance


class Crook(Actor):
    """Brings something else than it took out."""

    accounts: tuple[ActorRef[Account], ActorRef[Account]]

    @handler
    async def move(self, out: int, into: int) -> None:
        await self.accounts[0].ask(Account.withdraw, out)
        if into:
            await self.accounts[1].ask(Account.deposit, into)


class Den(Actor):
    """A bank that is not honest."""

    gives: int = 0

    @handler
    async def move(self, out: int, into: int) -> None:
        accounts = [
            await self.context.spawn(Account(gives=self.gives), name=f"account-{number}") for number in (1, 2)
        ]
        crook = await self.context.spawn(Crook(accounts=(accounts[0], accounts[1])), name="teller")
        await crook.ask(Crook.move, out, into)


FRAUDS = [
    (0, 10, 10, []),
    (5, 10, 10, ["den/account-2@1: 115, not 110"]),
    (0, 10, 9, ["10 left an account, 9 came to another"]),
    (0, 10, 0, ["one amount left an account and came to none"]),
    (0, 200, 200, ["den/account-1@1: -100, not -100"]),
]


@pytest.mark.parametrize(("gives", "out", "into", "faults"), FRAUDS)
def test_an_audit_finds_money_that_was_made_or_lost(
    tmp_path: Path, gives: int, out: int, into: int, faults: list[str]
) -> None:
    async def steal() -> None:
        async with Theater(tmp_path / "t") as theater:
            await (await theater.spawn(Den(gives=gives), name="den")).ask(Den.move, out, into)

    anyio.run(steal)
    found = audit(History(tmp_path / "t"), "den")

    assert found.faults == faults
    assert found.ok == (not faults)


def test_an_audit_is_of_one_bank_alone(tmp_path: Path) -> None:
    async def trade_twice() -> None:
        async with Theater(tmp_path / "t") as theater:
            for size in (2, 3):
                bank = Bank(size=size, counters=1, opening=10)
                await trade(theater, bank=bank, wanted=[Order(0, 1, 5)], step=lambda _: None)

    anyio.run(trade_twice)

    assert audit(History(tmp_path / "t"), "bank") == Audit(2, 20, 20, 5, 5, 1, 0, [])
    assert audit(History(tmp_path / "t"), "bank-2").accounts == 3
