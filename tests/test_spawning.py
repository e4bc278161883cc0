"""Spawning: many starts in a row leave room for others, and names are checked before anything else."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from theater import Actor, Theater, handler
from theater.errors import SetupError

GATES: dict[str, anyio.Event] = {}


class Leaf(Actor):
    """Does nothing."""


class Tree(Actor):
    """Grows until it is told that it is enough, or for ever."""

    @handler
    async def grow(self) -> bool:
        for _ in range(1_000):
            await self.context.spawn(Leaf())
            if GATES["enough"].is_set():
                return True
        return False


async def test_a_handler_that_starts_many_children_lets_others_have_their_turn(theater: Theater) -> None:
    GATES["enough"] = anyio.Event()
    tree = await theater.spawn(Tree())
    grown: list[bool] = []

    async def ask() -> None:
        grown.append(await tree.ask(Tree.grow))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        await anyio.lowlevel.checkpoint()
        GATES["enough"].set()

    assert grown == [True]


async def test_a_program_that_starts_many_actors_lets_others_have_their_turn(theater: Theater) -> None:
    turns: list[str] = []

    async def other() -> None:
        turns.append("other")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(other)
        for _ in range(200):
            await theater.spawn(Leaf())
        turns.append("spawned")

    assert turns == ["other", "spawned"]


@pytest.mark.parametrize("name", [[], 7, b"name", "", "a/b", ".."])
@pytest.mark.parametrize("resume", [False, True])
async def test_what_is_no_name_is_refused_also_when_resuming(
    theater: Theater, name: Any, *, resume: bool
) -> None:
    with pytest.raises(SetupError, match="name"):
        await theater.spawn(Leaf(), name=name, resume=resume)


async def test_an_option_that_there_is_not_is_named_beside_those_that_there_are(theater: Theater) -> None:
    unknown: dict[str, Any] = {"restarts": 3}

    with pytest.raises(TypeError, match="'restarts'; there are restart, state, limit"):
        await theater.spawn(Leaf(), **unknown)
