"""Protocols: who asks an actor need not know its class, only what it can be asked."""

from __future__ import annotations

from typing import Protocol

import anyio
import pytest

from theater import Actor, ActorRef, Theater, handler


class Says(Protocol):
    async def say(self, text: str) -> str: ...


class Dog(Actor):
    @handler
    async def say(self, text: str) -> str:
        return f"woof, {text}"


class Parrot(Actor):
    heard: list[str] = []  # noqa: RUF012  # given fresh to each instance

    @handler
    async def say(self, text: str) -> str:
        self.heard.append(text)
        return text


class Mute(Actor):
    """Fits no protocol: its method is no handler."""

    async def say(self, text: str) -> str:
        return text


class Choir(Actor):
    singers: list[ActorRef[Says]] = []  # noqa: RUF012  # given fresh to each instance

    @handler
    async def join(self, singer: ActorRef[Says]) -> None:
        self.singers.append(singer)

    @handler
    async def sing(self, text: str) -> list[str]:
        return [await singer.ask(Says.say, text) for singer in self.singers]


async def test_a_ref_of_a_protocol_asks_whoever_fits_it(theater: Theater) -> None:
    singers: list[ActorRef[Says]] = [await theater.spawn(Dog()), await theater.spawn(Parrot())]

    assert [await singer.ask(Says.say, "hello") for singer in singers] == ["woof, hello", "hello"]


async def test_refs_of_a_protocol_travel_in_messages_and_are_kept_in_state(theater: Theater) -> None:
    choir = await theater.spawn(Choir())

    for singer in (Dog(), Parrot()):
        await choir.ask(Choir.join, await theater.spawn(singer))

    assert await choir.ask(Choir.sing, "la") == ["woof, la", "la"]


async def test_a_found_actor_is_asked_through_a_protocol(theater: Theater) -> None:
    await theater.spawn(Dog(), name="dog")

    dog: ActorRef[Says] = theater.find("dog")

    assert await dog.ask(Says.say, "who is there") == "woof, who is there"


async def test_arguments_are_those_of_the_actors_own_handler(theater: Theater) -> None:
    dog: ActorRef[Says] = await theater.spawn(Dog())

    with pytest.raises(TypeError, match="say"):
        await dog.ask(Says.say, 5)  # type: ignore[arg-type]  # what is tested


async def test_a_method_that_is_no_handler_is_not_reached_through_a_protocol(theater: Theater) -> None:
    mute: ActorRef[Says] = await theater.spawn(Mute())

    with pytest.raises(TypeError, match="Mute has no handler"):
        await mute.ask(Says.say, "hello")


async def test_asks_and_tells_are_started_as_tasks(theater: Theater) -> None:
    parrot = await theater.spawn(Parrot())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(parrot.ask, Parrot.say, "one")
        tasks.start_soon(parrot.tell, Parrot.say, "two")

    await theater.settled()
    assert theater.statistics().handled == 2
