"""A simple tell is recorded without a call: byte for byte what the long way writes."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import cycle
from pathlib import Path
from random import Random
from typing import Any

import pytest

from theater import Actor, ActorRef, Theater, handler
from theater.codec import BODY_DEPTH, pack, prepare
from theater.event import Event
from theater.journal.memory import MemoryJournal
from theater.keys import SigningKey
from theater.recorder import Recorder
from theater.snapshots import take

pytestmark = pytest.mark.anyio

ODD_NAN = struct.unpack(">d", bytes.fromhex("fff8000000000001"))[0]
KEY = SigningKey.generate()
TELLS: list[tuple[Any, ...]] = [
    ("count", 1),
    ("count", 1),
    ("count", -(2**40)),
    ("count", 0),
    ("nothing",),
    ("call", "Ada"),
    ("call", "é" * 30),
    ("call", "x" * 1_100),
    ("call", "x" * 3_000),
    ("call", "x" * 5_000),
    ("measure", 0.5),
    ("measure", float("nan")),
    ("measure", ODD_NAN),
    ("measure", -0.0),
    ("keep", b"\x00" * 40),
    ("add", [1, 2]),
    ("both", 2, "b"),
    ("meet", None),
    ("hear", "x" * 70_000),
    ("count", 2**62),
]


left: list[asyncio.Task[None]] = []  # running, by a handler that has ended


class Simple(Actor):
    """Each handler changes the state in another way."""

    total: int = 0
    name: str = ""
    ratio: float = 0.0
    data: bytes | None = None

    @handler
    async def count(self, by: int) -> None:
        self.total += by

    @handler
    async def nothing(self) -> None: ...

    @handler
    async def call(self, name: str) -> None:
        self.name = name

    @handler
    async def measure(self, ratio: float) -> None:
        self.ratio = ratio

    @handler
    async def keep(self, data: bytes) -> None:
        self.data = data

    @handler
    async def add(self, numbers: list[int]) -> None:
        self.total += sum(numbers)

    @handler
    async def both(self, total: int, name: str = "") -> None:
        self.total, self.name = total, name

    @handler
    async def hear(self, text: str) -> None: ...

    @handler
    async def pass_on(self, friend: ActorRef[Simple]) -> None:
        await friend.tell(Simple.count, 7)

    @handler
    async def meet(self, friend: ActorRef[Simple] | None) -> None: ...


class Befriended(Simple):
    """Its state may hold a ref, which is written as an address."""

    friend: ActorRef[Simple] | None = None

    @handler
    async def meet(self, friend: ActorRef[Simple] | None) -> None:
        self.friend = friend


class Odd(Simple):
    """What its messages leave behind is more than a new state."""

    is_ready: bool = False

    @handler
    async def wait_for_it(self, amount: int) -> None:
        if not self.is_ready:
            self.context.stash()
        self.total += amount

    @handler
    async def begin(self) -> None:
        self.is_ready = True
        self.context.unstash()

    @handler
    async def begin_a_task(self) -> None:
        self.context.now()
        left.append(asyncio.create_task(asyncio.sleep(3600)))

    @handler
    async def numbers(self) -> AsyncIterator[int]:
        for number in range(100):
            yield number

    @handler
    async def read_one(self, friend: ActorRef[Odd]) -> None:
        await anext(aiter(friend.stream(Odd.numbers)))

    @handler
    async def send_on(self, friend: ActorRef[Simple]) -> None:
        await self.context.forward(friend, Simple.count, 1)

    @handler
    async def finish(self) -> None:
        self.context.stop()


async def tell_simple(theater: Theater, ref: ActorRef[Any]) -> None:
    del theater
    for name, *args in TELLS:
        await ref.tell(name, *args)
    await ref.tell("meet", ref)
    await ref.tell("both", 1, name="by its name")
    await ref.tell("pass_on", ref)
    await ref.ask("count", 5)


async def tell_odd(theater: Theater, ref: ActorRef[Any]) -> None:
    friend = await theater.spawn(Odd())
    for amount in (1, 2):
        await ref.tell("wait_for_it", amount)
    for name in ("begin", "begin_a_task"):
        await ref.tell(name)
    await ref.tell("read_one", friend)
    await ref.tell("send_on", friend)
    await ref.tell("finish")


async def record(
    monkeypatch: pytest.MonkeyPatch,
    actor: Actor,
    *,
    quick: bool,
    tell: Callable[[Theater, ActorRef[Any]], Awaitable[None]] = tell_simple,
) -> list[bytes]:
    """All that the actor's chain holds, in a theater whose clock and ids are the same in every run."""

    def journal(**options: Any) -> MemoryJournal:
        made = MemoryJournal(**options | {"key": KEY, "origin": f"theater/{'0' * 32}"})
        if not quick:
            made.inlet = None
        return made

    seconds, ids = cycle([5, 6, 7, 3, 8]), Random(0).randbytes  # a clock that is set back now and then
    monkeypatch.setattr("theater.notary.choice.MemoryJournal", journal)
    async with Theater(clock=lambda: next(seconds), entropy=ids) as theater:
        ref: ActorRef[Any] = await theater.spawn(actor)
        await tell(theater, ref)
        await theater.settled()
        return [event.data for event in theater.chain(ref)]


@pytest.mark.parametrize("kind", [Simple, Befriended])
async def test_the_quick_way_records_what_the_long_way_does(
    monkeypatch: pytest.MonkeyPatch, kind: type[Simple]
) -> None:
    events = await record(monkeypatch, kind(), quick=True)

    assert len(events) == 1 + len(TELLS) + 7
    assert events == await record(monkeypatch, kind(), quick=False)


async def test_the_quick_way_leaves_to_the_long_one_what_is_more_than_a_new_state(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    events = await record(monkeypatch, Odd(), quick=True, tell=tell_odd)

    bodies = [Event.read(data).body for data in events]
    for mark in ("again", "stashed", "forwarded", "stops"):
        assert any(mark in body for body in bodies), mark
    assert events == await record(monkeypatch, Odd(), quick=False, tell=tell_odd)
    assert [task.cancelled() for task in left] == [True, True]
    left.clear()


@pytest.mark.parametrize("asks", [False, True])
async def test_no_more_wait_to_be_taken_in_than_a_few(
    monkeypatch: pytest.MonkeyPatch,
    asks: bool,  # noqa: FBT001
) -> None:
    journal = MemoryJournal(keep=10)
    monkeypatch.setattr("theater.notary.choice.MemoryJournal", lambda **_: journal)
    async with Theater() as theater:
        ref = await theater.spawn(Simple())
        for number in range(3_000):
            await (ref.ask if asks else ref.tell)(Simple.count, number)
        await theater.settled()

        assert journal.inlet is not None
        assert len(journal.inlet.new) < 4 * 1024
        assert (journal.size, len(journal.kept())) == (3_003, 10)


@pytest.mark.real_clock
@pytest.mark.parametrize("records", [True, False])
async def test_messages_that_wait_stand_in_a_snapshot_in_canonical_form(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    records: bool,  # noqa: FBT001
) -> None:
    found: list[tuple[int, bytes, bytes]] = []
    usual = Recorder.append_prepared

    def append(recorder: Recorder, line: Any, kind: str, body: Any, plain: Any = None) -> int:
        if kind == "actor/snapshot":
            canonical = pack(prepare(plain, depth=BODY_DEPTH))
            found.append((len(plain.get("mailbox", ())), pack(body), canonical))
        return usual(recorder, line, kind, body, plain)

    monkeypatch.setattr(Recorder, "append_prepared", append)
    async with Theater(tmp_path / "theater", record_messages=records) as theater:
        ref: ActorRef[Any] = await theater.spawn(Simple())
        for name, *args in TELLS:
            ref.tell_nowait(name, *args)
        ref.tell_nowait("meet", ref)
        ref.tell_nowait("add", numbers=[3, 4])
        ref.tell_nowait("both", 1, name="by its name")
        take(ref._cell)

    count, packed, canonical = found[0]
    assert count == len(TELLS) + 3
    assert packed == canonical
