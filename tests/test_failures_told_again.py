"""Failures that an asker has heard of: if its process dies and its handler runs again, it hears the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest
from crashes import Crashes

from theater import TEMPORARY, Actor, ActorFailedError, ActorRef, History, Theater, handler

pytestmark = pytest.mark.real_clock


class Executioner(Actor):
    @handler
    async def kill(self, ref: ActorRef[Any]) -> None:
        await ref.kill()


class Back(Actor):
    """Fails in every way in which a message can."""

    executioner: ActorRef[Executioner]

    @handler
    async def fails(self) -> None:
        self.context.log("at work")
        raise ValueError("as told")

    @handler
    async def is_killed(self) -> None:
        await self.executioner.tell(Executioner.kill, self.context.ref)
        await anyio.sleep(3600)

    @handler
    async def owes_and_fails(self) -> None:
        self.context.defer()
        await self.context.ref.tell(Back.fail_those)

    @handler
    async def owes_and_cancels(self) -> None:
        self.context.defer()
        await self.context.ref.tell(Back.cancel_those)

    @handler
    async def owes_and_ends(self) -> None:
        self.context.defer()
        await self.context.ref.tell(Back.end)

    @handler
    async def fail_those(self) -> None:
        for reply in self.context.deferred:
            reply.fail(ValueError("no idea"))

    @handler
    async def cancel_those(self) -> None:
        for reply in self.context.deferred:
            reply.cancel()

    @handler
    async def end(self) -> None:
        self.context.stop()


class Front(Actor):
    back: ActorRef[Back]

    @handler
    async def hand_on(self, what: str) -> None:
        self.context.log("hands on")
        await self.context.forward(self.back, what)


class Asker(Actor):
    front: ActorRef[Front]
    back: ActorRef[Back]
    heard: list[str] = []  # noqa: RUF012  # given fresh to each instance

    @handler
    async def ask(self, what: str, *, through: bool) -> None:
        try:
            await (self.front.ask(Front.hand_on, what) if through else self.back.ask(what))
        except ActorFailedError as error:
            self.heard += [str(error), repr(error.__cause__)]
        self.context.log("goes on")
        self.heard.append("went on")

    @handler
    async def all(self) -> list[str]:
        return self.heard


async def begin(theater: Theater, what: str, *, through: bool) -> None:
    executioner = await theater.spawn(Executioner(), name="executioner")
    back = await theater.spawn(Back(executioner=executioner), name="back", restart=TEMPORARY)
    front = await theater.spawn(Front(back=back), name="front")
    asker = await theater.spawn(Asker(front=front, back=back), name="asker")
    await asker.tell(Asker.ask, what, through=through)
    await theater.settled()


async def heard(theater: Theater) -> Any:
    await theater.settled()
    return await theater.find("asker").ask(Asker.all)


@pytest.mark.parametrize("through", [False, True], ids=["of whom it asked", "of whom it was handed on to"])
@pytest.mark.parametrize(
    ("what", "text", "cause"),
    [
        ("fails", "Back 'back' failed in fails: ValueError: as told", "ValueError('as told')"),
        ("is_killed", "back was killed while it handled is_killed", "None"),
        (
            "owes_and_fails",
            "Back 'back' failed in owes_and_fails: ValueError: no idea",
            "ValueError('no idea')",
        ),
        ("owes_and_cancels", "back cancelled its reply to owes_and_cancels", "None"),
        ("owes_and_ends", "back ended before it answered owes_and_ends", "None"),
    ],
    ids=lambda one: one if one.isidentifier() else "",
)
async def test_an_asker_that_runs_again_hears_of_a_failure_in_the_same_words(
    quick_path: Path, what: str, text: str, cause: str, *, through: bool
) -> None:
    name = f"{what} {through}"
    async with Theater(quick_path / name) as theater:
        await begin(theater, what, through=through)
        assert await heard(theater) == [text, cause, "went on"]
    crashes = Crashes(quick_path / name)
    events = crashes.events()
    asked = 1 + next(at for at, one in enumerate(events) if one.body.get("handler") == "ask")
    for count in crashes.moments(asked):
        path = crashes.after(count, quick_path / f"{name} {count}")
        async with Theater(path) as theater:
            assert (await theater.resume()).left == (), f"after {count} events"
            assert await heard(theater) == [text, cause, "went on"], f"after {count} events"
        assert History(path).verify().ok
