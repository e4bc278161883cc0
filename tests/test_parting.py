"""Partings: two histories are alike up to one event, and how that event differs is told."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from click.testing import CliRunner, Result

from theater import Actor, ActorRef, History, Parting, Theater, handler
from theater.cli import main
from theater.parting import Until, part

pytestmark = pytest.mark.real_clock


class Teller(Actor):
    """Tells things to itself and to others."""

    total: int = 0
    things: tuple[int, ...] = ()
    friend: ActorRef[Any] | None = None

    @handler
    async def add(self, amount: int) -> int:
        self.total += amount
        return self.total

    @handler
    async def shelve(self, content: bytes) -> None:
        await self.context.store.store_at_label("x", content)
        await (await self.context.stores.new()).store(content)

    @handler
    async def hire(self, name: str) -> None:
        self.friend = await self.context.spawn(Teller(), name=name)
        await self.friend.tell(Teller.add, 1)

    @handler(raises=(ValueError,))
    async def fail(self, text: str) -> None:
        raise ValueError(f"{text} {id(self)}")


async def play(folder: Path, *steps: Callable[[Theater, ActorRef[Teller]], Any]) -> History:
    """A folder with two tellers, of whom the second does each step too, or another in its place."""
    async with Theater(folder) as theater:
        for name in ("left", "right"):
            teller = await theater.spawn(Teller(), name=name)
            for step in steps:
                await step(theater, teller)
    return History(folder)


def tell(handler: Any, *args: Any) -> Callable[[Theater, ActorRef[Teller]], Any]:
    async def step(_: Theater, teller: ActorRef[Teller]) -> None:
        await teller.tell(handler, *args)

    return step


async def test_actors_that_did_the_same_are_alike_whatever_their_ids_and_times(tmp_path: Path) -> None:
    steps = [
        tell(Teller.add, 1),
        tell(Teller.shelve, b"1"),
        tell(Teller.hire, "child"),
        tell(Teller.fail, "a"),
        tell(Teller.add, 2),
    ]

    history = await play(tmp_path / "theater", *steps)

    assert history.diff("left", "right") is None


def apart(left: Any, right: Any) -> Callable[[Theater, ActorRef[Teller]], Any]:
    async def step(_: Theater, teller: ActorRef[Teller]) -> None:
        handler, *args = left if teller.name == "left" else right
        await teller.tell(handler, *args)

    return step


@pytest.mark.parametrize(
    ("left", "right", "kind", "changes"),
    [
        (
            (Teller.add, 1),
            (Teller.add, 2),
            "message/handled",
            [("args[0]", 1, 2), ("state.total", 2, 3)],
        ),
        ((Teller.fail, "a"), (Teller.fail, "b"), "message/handled", [("args[0]", "a", "b")]),
        (
            (Teller.add, 1),
            (Teller.shelve, b"1"),
            "message/handled",
            [("kind", "message/handled", "message/received")],
        ),
        ((Teller.hire, "a"), (Teller.hire, "b"), "message/received", [("args[0]", "a", "b")]),
    ],
)
async def test_the_first_event_that_differs_is_told_with_each_change(
    tmp_path: Path, left: Any, right: Any, kind: str, changes: list[Any]
) -> None:
    history = await play(tmp_path / "theater", tell(Teller.add, 1), apart(left, right))

    parting = history.diff("left", "right")

    assert parting is not None
    assert parting.alike == 2
    assert parting.left is not None
    assert parting.left.kind == kind
    assert [(one.path, one.left, one.right) for one in parting.changes] == changes
    assert str(parting).startswith(f"alike for 2 events, then 2 {kind} | 2 ")


async def test_errors_are_compared_by_class_and_not_by_text(tmp_path: Path) -> None:
    history = await play(tmp_path / "theater", tell(Teller.fail, "x"))
    texts = {history.chain(name)[1].body["error"]["text"] for name in ("left", "right")}

    assert len(texts) == 2
    assert history.diff("left", "right") is None


async def test_a_chain_that_goes_on_parts_where_the_other_ends(tmp_path: Path) -> None:
    async def more(_: Theater, teller: ActorRef[Teller]) -> None:
        if teller.name == "right":
            await teller.tell(Teller.add, 1)

    history = await play(tmp_path / "theater", tell(Teller.add, 1), more)

    parting = history.diff("left", "right")

    assert parting is not None
    assert parting.left is None
    assert parting.right == history.chain("right")[2]
    assert str(parting) == "alike for 2 events, then its end | 2 message/handled"


async def test_a_fork_is_compared_with_its_parent_from_the_fork_on(tmp_path: Path) -> None:
    async with Theater(tmp_path / "theater") as theater:
        parent = await theater.spawn(Teller(), name="parent")
        for amount in (1, 2):
            await parent.ask(Teller.add, amount)
        fork = await theater.fork(parent, at=1, name="fork")
        twin = await theater.fork(parent, at=1, name="twin")
        for one in (fork, twin):
            await one.ask(Teller.add, 2)
            await one.ask(Teller.shelve, b"1")
        await parent.ask(Teller.shelve, b"1")
        await parent.ask(Teller.add, 5)
        await fork.ask(Teller.add, 6)
    history = History(tmp_path / "theater")

    parting = history.diff("parent", "fork")
    mirrored = history.diff("fork", "parent")

    assert parting is not None
    assert mirrored is not None
    assert (mirrored.left, mirrored.right) == (parting.right, parting.left)
    assert [(one.path, one.left, one.right) for one in parting.changes] == [
        ("answer", 8, 9),
        ("args[0]", 5, 6),
        ("state.total", 8, 9),
    ]
    between = history.diff("fork", "twin")
    assert between is not None
    assert between.right is None


async def test_closing_and_opening_is_no_difference(tmp_path: Path) -> None:
    folder = tmp_path / "theater"
    async with Theater(folder) as theater:
        left = await theater.spawn(Teller(), name="left")
        await left.ask(Teller.add, 1)
    async with Theater(folder) as theater:
        [left] = (await theater.resume()).refs
        right = await theater.spawn(Teller(), name="right")
        await right.ask(Teller.add, 1)
        for one in (left, right):
            await one.ask(Teller.add, 2)

    assert History(folder).diff("left", "right") is None


# -- copies ----------------------------------------------------------------------------------------------


async def copies(tmp_path: Path) -> tuple[History, History]:
    """Two folders that were one until their third message."""
    first, second = tmp_path / "first", tmp_path / "second"
    async with Theater(first) as theater:
        teller = await theater.spawn(Teller(), name="teller")
        await teller.ask(Teller.add, 1)
    shutil.copytree(first, second)
    for folder, amount in ((first, 2), (second, 3)):
        async with Theater(folder) as theater:
            [teller] = (await theater.resume()).refs
            await teller.ask(Teller.add, amount)
    return History(first), History(second)


async def test_copies_of_a_chain_part_at_the_first_other_hash(tmp_path: Path) -> None:
    first, second = await copies(tmp_path)

    parting = first.diff("teller", "teller", other=second)

    assert parting is not None
    assert parting.alike == 2
    assert parting.left == first.chain("teller")[2]  # `actor/resumed`, at another time
    assert [one.path for one in parting.changes] == ["time"]
    assert first.diff("teller", "teller", other=first) is None


async def test_the_past_of_a_chain_is_the_same_as_far_as_it_goes(tmp_path: Path) -> None:
    first, _ = await copies(tmp_path)
    chain = first.chain("teller")

    parting = part(Until(chain, 1), chain)

    assert parting == Parting(None, chain[2], 2, ())
    assert [event.seq for event in Until(chain, 1)] == [0, 1]


# -- the command line ------------------------------------------------------------------------------------


def run(*words: str, home: Path) -> Result:
    return CliRunner().invoke(main, ["--home", str(home), *words])


async def play_parent(folder: Path) -> None:
    async with Theater(folder) as theater:
        teller = await theater.spawn(Teller(), name="teller")
        for amount in (1, 2, 3):
            await teller.ask(Teller.add, amount)


def test_an_actor_is_forked_on_the_command_line_and_sleeps_in_the_folder(tmp_path: Path) -> None:
    home = tmp_path / "theater"
    anyio.run(play_parent, home)

    said = run("fork", "teller@2", "--name", "what-if", home=home)
    told = run("fork", "what-if", "--json", home=home)

    assert said.stdout == "what-if goes on from teller@2\n"
    assert History(home).state_at("what-if")["total"] == 3
    fork = json.loads(told.stdout)
    assert fork["parent"] == History(home).chain("what-if").actor.hex()
    assert fork["seq"] == 0
    assert [actor.state for actor in History(home).actors()] == ["asleep"] * 3
    assert run("verify", home=home).exit_code == 0


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["teller@99"], 3),
        (["nobody"], 3),
        (["teller", "--name", "teller"], 2),
        (["teller", "--import", "no.such"], 2),
    ],
)
def test_a_fork_that_cannot_be_ends_with_a_code_that_says_why(
    tmp_path: Path, words: list[str], code: int
) -> None:
    home = tmp_path / "theater"
    anyio.run(play_parent, home)

    assert run("fork", *words, home=home).exit_code == code


def test_two_actors_are_compared_on_the_command_line(tmp_path: Path) -> None:
    home = tmp_path / "theater"
    anyio.run(play_parent, home)
    run("fork", "teller@2", "--name", "what-if", home=home)

    told = run("diff", "teller", "what-if", home=home)
    past = json.loads(run("diff", "teller@1", "teller@3", "--json", home=home).stdout)
    alike = run("diff", "teller", "teller", home=home).stdout

    assert told.exit_code == 0
    assert told.stdout.splitlines()[0] == "alike for 0 events, then"
    assert told.stdout.splitlines()[2] == "> (its end)"
    assert "state.total: 6 | 3" in told.stdout
    assert past["parting"]["alike"] == 2
    assert past["state"] == [{"path": "state.total", "left": 1, "right": 6}]
    assert alike == "alike to the end\nstates at the end: alike\n"


async def test_two_folders_are_compared_chain_by_chain(tmp_path: Path) -> None:
    first, second = await copies(tmp_path)
    async with Theater(tmp_path / "second") as theater:
        await theater.spawn(Teller(), name="late")
    names = str(tmp_path / "first"), str(tmp_path / "second")

    told = run("diff", *names, home=tmp_path)
    parted = json.loads(run("diff", *names, "--json", home=tmp_path).stdout)

    assert first.chain("teller")[2].hash != second.chain("teller")[2].hash
    assert told.stdout.splitlines()[-1] == "0 of 3 chains are alike"
    assert set(parted) == {".", "teller", "late"}
    assert parted["late"]["left"] is None
    assert parted["late"]["right"]["kind"] == "actor/spawned"
