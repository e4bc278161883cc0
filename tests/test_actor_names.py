"""Names: paths under the supervisor, one actor each, and found at once."""

from __future__ import annotations

import gc
from typing import Any

import anyio
import pytest

from theater import Actor, ActorRef, Theater, handler
from theater.errors import (
    ActorFailedError,
    ActorNotFoundError,
    MissingError,
    NameTakenError,
    NotRunningError,
    SetupError,
)


class Worker(Actor):
    @handler
    async def rest(self, seconds: float) -> None:
        await anyio.sleep(seconds)

    @handler
    async def fail(self) -> None:
        raise ValueError


class Crew(Actor):
    @handler
    async def hire(self, name: str | None) -> ActorRef[Worker]:
        return await self.context.spawn(Worker(), name=name)

    @handler
    async def hire_crew(self, name: str) -> ActorRef[Any]:
        return await self.context.spawn(Crew(), name=name)

    @handler
    async def try_to_hire(self, name: Any) -> str:
        try:
            await self.context.spawn(Worker(), name=name)
        except SetupError as error:
            return f"{type(error).__name__}: {error}"
        return "hired"


class BadStart(Actor):
    async def on_start(self) -> None:
        raise ValueError


class BadLoad(Actor):
    def on_load(self) -> None:
        raise ValueError


# -- paths -----------------------------------------------------------------------------------------------


async def test_a_name_is_a_path_under_the_supervisors(theater: Theater) -> None:
    crew = await theater.spawn(Crew(), name="crew")
    inner = await crew.ask(Crew.hire_crew, "night")
    worker = await inner.ask(Crew.hire, "worker-1")

    assert worker.name == "crew/night/worker-1"
    assert theater.find("crew/night/worker-1") == worker
    assert theater.find("crew/night") == inner


@pytest.mark.parametrize(
    "name", ["a", "x" * 255, "ä" * 127, "…", "a b", "...", ".hidden", "a.b", "\0", "-", "café ☕"]
)
async def test_a_segment_is_any_text_of_1_to_255_bytes(theater: Theater, name: str) -> None:
    worker = await theater.spawn(Worker(), name=name)

    assert worker.name == name
    assert theater.find(name) == worker


@pytest.mark.parametrize(
    "name", ["", "x" * 256, "ä" * 128, "a/b", "/", ".", "..", "\ud800", b"a", 5, True, ["a"]]
)
async def test_what_is_no_segment_is_refused(theater: Theater, name: Any) -> None:
    crew = await theater.spawn(Crew(), name="crew")

    with pytest.raises(SetupError, match="a name "):
        await theater.spawn(Worker(), name=name)
    if isinstance(name, str) and name.isprintable():
        assert (await crew.ask(Crew.try_to_hire, name)).startswith("SetupError: a name ")

    assert theater.statistics().actors == 1


async def test_an_actor_without_a_name_has_one_that_nobody_else_has(theater: Theater) -> None:
    workers = [await theater.spawn(Worker()) for _ in range(100)]

    assert len({worker.name for worker in workers}) == 100
    assert all(worker.name.startswith("worker-") for worker in workers)
    assert theater.find(workers[7].name) == workers[7]


async def test_a_child_without_a_name_stands_under_its_supervisor_too(theater: Theater) -> None:
    crew = await theater.spawn(Crew(), name="crew")

    worker = await crew.ask(Crew.hire, None)

    assert worker.name.startswith("crew/worker-")
    assert theater.find(worker.name) == worker


# -- find ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["nobody", "", "crew/", "/crew", "crew/nobody", "Crew"])
async def test_a_name_that_nobody_has_is_not_found(theater: Theater, name: str) -> None:
    await theater.spawn(Crew(), name="crew")

    with pytest.raises(ActorNotFoundError, match="no actor named") as caught:
        theater.find(name)

    assert isinstance(caught.value, MissingError)
    assert isinstance(caught.value, LookupError)


async def test_an_actor_is_found_until_it_has_ended(theater: Theater) -> None:
    worker = await theater.spawn(Worker(), name="worker")
    await worker.tell(Worker.rest, 10)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(worker.stop)
        await anyio.wait_all_tasks_blocked()
        assert theater.find("worker") == worker

    with pytest.raises(ActorNotFoundError):
        theater.find("worker")


async def test_a_restart_keeps_the_name(theater: Theater) -> None:
    worker = await theater.spawn(Worker(), name="worker")

    with pytest.raises(ActorFailedError):
        await worker.ask(Worker.fail)

    assert theater.find("worker") == worker


async def test_after_closing_nothing_is_found() -> None:
    async with Theater() as theater:
        await theater.spawn(Worker(), name="worker")

    with pytest.raises(NotRunningError, match="the theater is closed"):
        theater.find("worker")


async def test_before_opening_nothing_is_found() -> None:
    with pytest.raises(SetupError, match="not open"):
        Theater().find("worker")


# -- one name, one actor ---------------------------------------------------------------------------------


async def test_a_name_in_use_is_taken(theater: Theater) -> None:
    await theater.spawn(Worker(), name="worker")

    with pytest.raises(NameTakenError, match="'worker' is alive"):
        await theater.spawn(Crew(), name="worker")

    assert theater.statistics().actors == 1


async def test_a_name_in_use_is_taken_for_children_as_well(theater: Theater) -> None:
    crew = await theater.spawn(Crew(), name="crew")

    assert await crew.ask(Crew.try_to_hire, "worker") == "hired"
    assert (await crew.ask(Crew.try_to_hire, "worker")).startswith("NameTakenError: ")


async def test_a_generated_name_can_be_taken_by_nobody(theater: Theater) -> None:
    worker = await theater.spawn(Worker())

    with pytest.raises(NameTakenError):
        await theater.spawn(Worker(), name=worker.name)


async def test_the_same_name_under_two_supervisors_is_two_names(theater: Theater) -> None:
    crews = [await theater.spawn(Crew(), name=name) for name in ("day", "night")]

    workers = [await crew.ask(Crew.hire, "worker") for crew in crews]

    assert [worker.name for worker in workers] == ["day/worker", "night/worker"]
    assert workers[0] != workers[1]


async def test_a_name_is_still_taken_while_its_actor_stops(theater: Theater) -> None:
    worker = await theater.spawn(Worker(), name="worker")
    await worker.tell(Worker.rest, 10)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(worker.stop)
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(NameTakenError):
            await theater.spawn(Worker(), name="worker")


@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_when_an_actor_has_ended_its_name_is_free_and_the_next_has_a_chain_of_its_own(
    theater: Theater, end: str
) -> None:
    first = await theater.spawn(Worker(), name="worker")
    await getattr(first, end)()

    second = await theater.spawn(Worker(), name="worker")

    assert first != second
    assert theater.find("worker") == second
    assert len(theater.chain(second)) == 1
    assert [event.kind for event in theater.chain(first)] == ["actor/spawned", "actor/stopped"]


async def test_the_chain_of_an_actor_that_has_ended_is_found_by_its_id_though_nobody_holds_its_ref(
    theater: Theater,
) -> None:
    worker = await theater.spawn(Worker())
    await worker.stop()
    actor, head = worker.id, theater.chain(worker).head
    del worker
    gc.collect()

    chain = theater.chain(actor)

    assert [event.kind for event in chain] == ["actor/spawned", "actor/stopped"]
    assert chain.head == head


@pytest.mark.parametrize("actor", [b"", b"short", bytes(15) + b"x", b"x" * 17])
async def test_an_id_that_nobody_has_is_not_found(theater: Theater, actor: bytes) -> None:
    with pytest.raises(ActorNotFoundError, match="no actor with the id"):
        theater.chain(actor)


@pytest.mark.parametrize("actor", [BadStart, BadLoad])
async def test_an_actor_that_did_not_start_leaves_its_name_free(theater: Theater, actor: type[Actor]) -> None:
    with pytest.raises(ActorFailedError):
        await theater.spawn(actor(), name="worker")

    await theater.spawn(Worker(), name="worker")


async def test_a_spawn_that_was_refused_leaves_its_name_free(theater: Theater) -> None:
    with pytest.raises(SetupError):
        await theater.spawn(Worker(), name="worker", mailbox=0)
    with pytest.raises(SetupError):
        await theater.spawn(Worker, name="worker")  # type: ignore[type-var]  # a class, not an instance

    await theater.spawn(Worker(), name="worker")


async def test_of_two_that_spawn_one_name_at_once_one_is_refused(theater: Theater) -> None:
    class Slow(Actor):
        async def on_start(self) -> None:
            await anyio.sleep(10)

    refused: list[NameTakenError] = []

    async def spawn() -> None:
        try:
            await theater.spawn(Slow(), name="slow")
        except NameTakenError as error:
            refused.append(error)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(spawn)
        tasks.start_soon(spawn)

    assert len(refused) == 1
    assert theater.find("slow").name == "slow"
