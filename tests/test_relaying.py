"""What handlers tell each other is recorded by few calls: byte for byte what the long way writes."""

from __future__ import annotations

import asyncio
from itertools import cycle
from pathlib import Path
from random import Random
from typing import Any

import pytest

from theater import Actor, ActorRef, Grants, MailboxFullError, NotRunningError, Theater, handler
from theater.journal.memory import MemoryJournal
from theater.keys import SigningKey
from theater.relaying import relay

pytestmark = pytest.mark.anyio

KEY = SigningKey.generate()


class Relay(Actor):
    """Each handler tells its friend something in another way."""

    friend: ActorRef[Relay] | None = None
    seen: int = 0
    text: str = ""

    def to(self) -> ActorRef[Relay]:
        assert self.friend is not None
        return self.friend

    async def on_start(self) -> None:
        if self.friend is not None:
            await self.friend.tell(Relay.take, -1)

    @handler
    async def meet(self, friend: ActorRef[Relay]) -> None:
        self.friend = friend

    @handler
    async def take(self, number: int) -> None:
        self.seen += number

    @handler
    async def hop(self, left: int) -> None:
        if left:
            await self.to().tell(Relay.hop, left - 1)

    @handler
    async def count_and_hop(self, left: int, text: str = "") -> None:
        self.seen += 1
        self.text = text
        if left:
            await self.to().tell(Relay.count_and_hop, left - 1, text)
            await self.to().tell(Relay.take, left)
            self.to().tell_nowait(Relay.take, 0)

    @handler
    async def hear(self, anything: Any) -> None:
        await self.to().tell(Relay.ignore, anything)

    @handler
    async def ignore(self, anything: Any) -> None: ...

    @handler
    async def name(self, *, text: str) -> None:
        await self.to().tell(Relay.count_and_hop, 0, text=text)

    @handler
    async def echo(self, anything: Any) -> Any:
        return anything

    @handler
    async def tell_and_echo(self, anything: Any) -> Any:
        self.seen += 1
        await self.to().tell(Relay.take, 1)
        return anything

    @handler
    async def total(self, number: int) -> int:
        await self.to().tell(Relay.take, number)
        return self.seen

    @handler
    async def sum_up(self, number: int) -> int:
        await self.to().tell(Relay.take, number)
        return number + await self.to().ask(Relay.total, number)

    @handler
    async def again(self, number: int) -> int:
        await self.to().tell(Relay.take, number)
        return await self.context.forward(self.to(), Relay.total, number)

    @handler
    async def leave_running(self, number: int) -> None:
        asyncio.get_running_loop().create_task(asyncio.sleep(number), name="left")
        await self.to().tell(Relay.take, number)

    @handler
    async def from_a_task(self, number: int) -> None:
        await asyncio.create_task(self.to().tell(Relay.take, number))

    @handler
    async def look_first(self) -> None:
        self.context.log(str(self.context.now()))
        await self.to().tell(Relay.take, self.context.random.randrange(100))

    @handler
    async def look_later(self) -> None:
        await self.to().tell(Relay.take, 1)
        self.context.log(f"{self.context.now()} {self.context.random.random()}")

    @handler
    async def set_aside(self) -> None:
        if not self.seen:
            self.context.stash()
        else:
            await self.to().tell(Relay.take, 1)

    @handler
    async def put_back(self) -> None:
        self.seen = self.seen or 1
        self.context.unstash()

    @handler
    async def itself(self) -> None:
        await self.context.ref.tell(Relay.take, 3)

    @handler
    async def fail(self) -> None:
        await self.to().tell(Relay.take, 4)
        raise ValueError("on purpose")

    @handler
    async def end(self) -> None:
        self.context.stop()
        await self.to().tell(Relay.take, 5)

    @handler
    async def insist(self) -> None:
        try:
            await self.to().tell(Relay.take, 6)
            self.to().tell_nowait(Relay.take, 6)
        except (NotRunningError, MailboxFullError) as error:
            self.text = type(error).__name__


PROGRAM: list[tuple[Any, ...]] = [
    ("hop", 5),
    ("count_and_hop", 3),
    ("count_and_hop", 2, "Ada"),
    ("count_and_hop", 2, "x" * 900),
    ("count_and_hop", 2, "é" * 600),
    ("count_and_hop", 2, "x" * 5_000),
    ("hear", 2**63),
    ("hear", float("nan")),
    ("hear", [1, {"a": "b"}]),
    ("hear", None),
    ("hear", b"\x00" * 1_000),
    ("hear", "x" * 1_030),
    ("hear", "x" * 70_000),
    ("leave_running", 1_000),
    ("from_a_task", 8),
    ("look_first",),
    ("look_later",),
    ("set_aside",),
    ("set_aside",),
    ("put_back",),
    ("itself",),
    ("fail",),
    ("hop", 1),
]
ANSWERS = [
    None,
    1,
    2**63,
    "é",
    float("nan"),
    -0.0,
    b"\x01",
    [1],
    {"b": 1, "a": {2, 1}},
    "x" * 1_100,
    "x" * 70_000,
]


async def play(folder: Path | None) -> list[bytes]:
    """Every event of a program in which three actors tell each other all there is to tell."""
    seconds, ids = cycle([5, 6, 7, 3, 8]), Random(0).randbytes  # a clock that is set back now and then
    async with Theater(folder, key=KEY, clock=lambda: next(seconds), entropy=ids) as theater:
        first: ActorRef[Any] = await theater.spawn(Relay())
        second: ActorRef[Any] = await theater.spawn(Relay(friend=first), mailbox=1)
        third: ActorRef[Any] = await theater.spawn(
            Relay(friend=second), grants=Grants(messages_per_second=50)
        )
        await first.tell("meet", second)
        for name, *args in PROGRAM:
            await first.tell(name, *args)
            await theater.settled()
        for ref in (first, second, third):
            await ref.tell("name", text="by its name")
            await ref.ask("total", 5)
            await theater.settled()
        for answer in ANSWERS:
            await first.ask("echo", answer)
            await first.ask("tell_and_echo", answer)
            await theater.settled()
        await third.tell("count_and_hop", 3)
        await first.ask("again", 5)
        await third.ask("sum_up", 5)
        await theater.settled()
        await second.tell("end")
        await theater.settled()
        await first.tell("insist")
        await theater.settled()
        return [event.data for ref in (first, second, third) for event in theater.chain(ref)]


@pytest.mark.parametrize("is_durable", [False, True])
async def test_what_handlers_tell_is_recorded_as_by_the_long_way(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    is_durable: bool,  # noqa: FBT001
) -> None:
    relayed: list[bool] = []

    def watched(*tell: Any) -> bool:
        relayed.append(relay(*tell))
        return relayed[-1]

    def journal_without_inlet(**options: Any) -> MemoryJournal:
        made = MemoryJournal(**options)
        made.inlet = None
        return made

    for where in ("secrets", "theater.journal.disk"):  # the name of the log
        monkeypatch.setattr(f"{where}.token_hex", lambda size: "0" * 2 * size)
    monkeypatch.setattr("theater.ref.relay", watched)
    quick = await play(tmp_path / "quick" if is_durable else None)
    monkeypatch.setattr("theater.ref.relay", lambda *_: False)
    monkeypatch.setattr("theater.notary.choice.MemoryJournal", journal_without_inlet)

    assert quick == await play(tmp_path / "long" if is_durable else None)
    assert relayed.count(True) > 30
    assert relayed.count(False) > 5
