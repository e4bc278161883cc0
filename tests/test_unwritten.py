"""Events that wait to be written with others: nobody who looks can tell, and nobody waits for them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import anyio
import pytest

from theater import Actor, ActorRef, Reason, Theater, handler
from theater.chain import ChainView, verify_chain
from theater.event import VERSION, Event
from theater.handler import may_wait
from theater.journal.memory import MemoryJournal
from theater.keys import SigningKey
from theater.loop import pause
from theater.plain import write
from theater.recorder import HANDLED, SHORT
from theater.settling import Ended, Told
from theater.untyped import NUMBERS, are_brief

pytestmark = pytest.mark.anyio

KEY = SigningKey.generate()
MOST, LEAST = 2**63 - 1, -(2**63)
LETTER = "\U00020000"  # of four bytes


class Numbers(Actor):
    """Holds nothing but numbers: what it records is short, and is left to be written with others."""

    total: int = 0

    @handler
    async def add(self, amount: int) -> int:
        self.total += amount
        return self.total

    @handler
    async def read(self) -> int:
        return self.total

    @handler
    async def rest(self, amount: int) -> None:
        self.total += amount
        await pause()
        self.total += amount

    @handler(raises=(ValueError,))
    async def fail(self, amount: int) -> None:
        self.total += amount
        raise ValueError(amount)

    @handler
    async def say(self, amount: int) -> None:
        self.context.log(str(amount))
        self.total += amount

    @handler
    async def overflow(self) -> None:
        self.total = 2**64

    @handler
    async def name(self, name: str) -> str:
        return name

    @handler
    async def spell(self, size: int) -> str:
        return "x" * size


class Still(Actor):
    """Has no state at all."""

    @handler
    async def hear(self, number: float) -> None: ...


async def in_many_ways(ref: ActorRef[Any]) -> None:
    random = Random(5)
    for number in range(300):
        name = random.choice(["add", "add", "add", "add", "read", "rest", "fail", "say", "name"])
        if number in {50, 200}:
            name = "overflow"
        await ref.tell(
            name, *({"read": (), "overflow": (), "name": ("x" * number * 5,)}.get(name, (number,)))
        )
        if random.random() < 0.2:
            await ref.ask(random.choice(["add", "spell"]), number * 500)


async def in_one_way(ref: ActorRef[Any]) -> None:
    for number in range(300):
        await ref.tell("hear", number / 7)


async def record(
    monkeypatch: pytest.MonkeyPatch,
    actor: Actor,
    program: Callable[[ActorRef[Any]], Awaitable[None]],
    *,
    at_once: bool,
    clock: Iterable[int] = range(10**6),
) -> list[bytes]:
    """All that the actor's chain holds, in a theater whose clock and ids are the same in every run."""

    def journal(**options: Any) -> MemoryJournal:
        made = MemoryJournal(**options | {"key": KEY, "origin": f"theater/{'0' * 32}"})
        if at_once:
            made.inlet = None
        return made

    times = iter(clock)
    monkeypatch.setattr("theater.notary.choice.MemoryJournal", journal)
    async with Theater(clock=lambda: next(times), entropy=Random(0).randbytes) as theater:
        ref: ActorRef[Any] = await theater.spawn(actor)
        await program(ref)
        await theater.settled()
        return [event.data for event in theater.chain(ref)]


@pytest.mark.parametrize(("actor", "program"), [(Numbers, in_many_ways), (Still, in_one_way)])
async def test_what_is_written_late_is_what_is_written_at_once(
    monkeypatch: pytest.MonkeyPatch,
    actor: type[Actor],
    program: Callable[[ActorRef[Any]], Awaitable[None]],
) -> None:
    events = await record(monkeypatch, actor(), program, at_once=False)

    assert events == await record(monkeypatch, actor(), program, at_once=True)
    assert len(events) > 300
    assert [Event.read(data).seq for data in events] == [*range(len(events))]


async def test_a_clock_that_goes_back_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    jumps = [1, 2, 3, 50, 4, 60, 7, *range(8, 1000)]
    runs = [
        await record(monkeypatch, Numbers(), burst_and_ask, at_once=at_once, clock=jumps)
        for at_once in (False, True)
    ]

    assert runs[0] == runs[1]
    assert [Event.read(data).time for data in runs[0]] == [3, 50, 50, 60, 60, 60, 60]


async def burst_and_ask(ref: ActorRef[Any]) -> None:
    for number in range(4):
        ref.tell_nowait("add", number)
    await ref.ask("read")
    await ref.ask("read")


@pytest.fixture(params=["memory", "disk"])
async def theater(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Theater]:
    async with Theater(tmp_path / "theater" if request.param == "disk" else None) as theater:
        yield theater


class Looker(Numbers):
    """Looks at its own chain while what it did before is not written."""

    @handler
    async def look(self) -> None:
        found.append(looks[0]())


looks: list[Callable[[], int]] = []
found: list[int] = []


@pytest.mark.real_clock
@pytest.mark.parametrize("how", ["tip", "events", "first", "newest", "checkpoint", "size"])
async def test_a_handler_that_looks_finds_all_that_was_handled(theater: Theater, how: str) -> None:
    ref = await theater.spawn(Looker())
    chain = theater.chain(ref)
    journal = ref._cell.theater.journal
    before = journal.size
    ways: dict[str, Callable[[], int]] = {
        "tip": lambda: chain.tip.size,
        "events": lambda: len([*chain]),
        "first": lambda: chain[4].seq + 1,
        "newest": lambda: Event.read(journal.event(ref.id, 4)).seq + 1,
        "checkpoint": lambda: (
            5 if journal.durable else theater.checkpoint().checkpoint(journal.key).size - before + 1
        ),
        "size": lambda: journal.size - before + 1,
    }
    looks[:], found[:] = [ways[how]], []

    for number in range(4):  # all lie in the mailbox before the first is handled
        ref.tell_nowait(Looker.add, number)
    ref.tell_nowait(Looker.look)
    await ref.ask(Looker.read)

    assert found == [5]


@pytest.mark.real_clock
async def test_a_handler_counts_all_events_where_many_are_not_written(theater: Theater) -> None:
    ref = await theater.spawn(Looker())
    before = theater.statistics().events
    looks[:], found[:] = [lambda: theater.statistics().events - before], []

    for number in range(100):
        ref.tell_nowait(Looker.add, number)
    ref.tell_nowait(Looker.look)
    await ref.ask(Looker.read)

    assert found == [100]


class Patient(Numbers):
    @handler
    async def wait(self) -> None:
        await gates[0].wait()

    async def on_stop(self, reason: Reason) -> None:
        del reason
        await gates[0].wait()


gates: list[anyio.Event] = []


@pytest.mark.real_clock
@pytest.mark.parametrize("stops", [False, True])
async def test_while_somebody_waits_all_before_is_written(theater: Theater, stops: bool) -> None:  # noqa: FBT001
    gates[:] = [anyio.Event()]
    ref = await theater.spawn(Patient())
    inlet = ref._cell.theater.journal.inlet
    assert inlet is not None

    async with anyio.create_task_group() as tasks:
        if stops:
            tasks.start_soon(ref.stop)  # begins before the actor does, and lets it handle these
        for number in range(5):
            ref.tell_nowait(Patient.add, number)
        if not stops:
            ref.tell_nowait(Patient.wait)
        try:
            while (current := ref._cell.current) is None or current.plan.name not in {"wait", "on_stop"}:
                await pause()
            assert inlet.bodies == []
            assert ref._cell.events == 6
        finally:
            gates[0].set()


async def test_one_that_ends_leaves_nothing_unwritten(theater: Theater) -> None:
    ref = await theater.spawn(Numbers())
    for number in range(5):
        ref.tell_nowait(Numbers.add, number)
    await ref.stop()

    inlet = ref._cell.theater.journal.inlet
    assert inlet is not None
    assert inlet.bodies == []
    assert [event.kind for event in theater.chain(ref)][1:] == [HANDLED] * 5 + ["actor/stopped"]


async def test_ctrl_c_while_they_are_written_loses_none(
    theater: Theater, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = await theater.spawn(Looker())
    chain = theater.chain(ref)
    looks[:], found[:] = [lambda: interrupted(monkeypatch, chain)], []

    for number in range(4):
        ref.tell_nowait(Looker.add, number)
    ref.tell_nowait(Looker.look)
    await ref.ask(Looker.read)

    assert found == [5]
    assert [event.kind for event in chain][1:] == [HANDLED] * 6
    assert theater.checkpoint().text


def interrupted(monkeypatch: pytest.MonkeyPatch, chain: ChainView) -> int:
    """Look while ctrl-C comes, and then again."""
    writes = iter((write, write, None))

    def interrupt(event: Any) -> bytes:
        if (done := next(writes)) is None:
            raise KeyboardInterrupt
        return done(event)

    with monkeypatch.context() as patch:
        patch.setattr("theater.recorder.write", interrupt)
        with pytest.raises(KeyboardInterrupt):
            len(chain)
    return len(chain)


async def test_one_in_whose_midst_another_one_handles_messages_has_its_own_chain(theater: Theater) -> None:
    """As where a loop runs within a loop."""
    ref, other = await theater.spawn(Looker()), await theater.spawn(Numbers())
    cell = other._cell

    def drain_the_other() -> int:
        cell.theater.active += 1  # at the end it rests, and its task will once more
        draining = cell.drain()
        draining.send(None)
        draining.close()
        return cell.handled

    looks[:], found[:] = [drain_the_other], []
    for number in range(2):
        ref.tell_nowait(Looker.add, number)
    ref.tell_nowait(Looker.look)
    ref.tell_nowait(Looker.add, 2)
    for number in (7, 8, 9):
        other.tell_nowait(Numbers.add, number)
    await ref.ask(Looker.read)

    assert found == [3]
    assert [event.body["args"] for event in [*theater.chain(other)][1:]] == [[7], [8], [9]]
    assert [event.body["args"] for event in [*theater.chain(ref)][1:]] == [[0], [1], [], [2], []]


class Reloaded(Actor):
    """Gets other code while it lives, as by a tool that reloads modules in place."""

    total: int = 0

    @handler
    async def add(self, amount: int) -> None:
        self.total += amount

    @handler
    async def read(self) -> int:
        return self.total


async def test_one_whose_code_was_changed_in_place_may_wait_in_a_burst(theater: Theater) -> None:
    async def add(self: Reloaded, amount: int) -> None:
        await pause()
        self.total += amount

    refs = [await theater.spawn(Reloaded()) for _ in range(2)]
    vars(Reloaded)["add"].__code__ = add.__code__
    for number in range(3):
        for ref in refs:
            ref.tell_nowait("add", number)

    assert [await ref.ask(Reloaded.read) for ref in refs] == [3, 3]
    for ref in refs:
        verify_chain(theater.chain(ref))
        assert [event.body["args"] for event in [*theater.chain(ref)][1:]] == [[0], [1], [2], []]


@pytest.mark.parametrize(
    ("kinds", "characters", "says"),
    [
        ([NUMBERS] * 16, 64, True),
        ([NUMBERS] * 17, 64, False),
        ([NUMBERS] * 16, 65, False),
        ([NUMBERS, frozenset({int, str})], 1, False),
        ([], 0, True),
    ],
)
def test_few_numbers_are_brief(kinds: list[frozenset[type]], characters: int, says: bool) -> None:  # noqa: FBT001
    assert are_brief(kinds, characters) is says


def test_the_longest_that_is_brief_is_a_short_event() -> None:
    numbers, names = [LEAST] * 16, [LETTER * 4] * 15 + [LETTER * 3 + "x"]
    state = {f"{name[:-1]}{chr(ord(LETTER) + place)}": LEAST for place, name in enumerate(names)}
    told = Told(True, tuple(numbers), (bytes(16), MOST, bytes(32)), state, LEAST, LETTER * 64)

    for body in (told, Ended(state, LEAST, MOST)):
        assert len(state) == 16
        assert len(write([VERSION, bytes(16), MOST, bytes(32), MOST, HANDLED, body])) <= SHORT


async def waits() -> None:
    await pause()


async def reads() -> None:
    async for _ in anyio.create_memory_object_stream[int](1)[1]:
        pass


async def enters() -> None:
    async with anyio.Lock():
        pass


async def makes() -> Callable[[], Awaitable[None]]:
    async def inner() -> None:
        await pause()

    return inner


async def goes_on() -> int:
    return sum(number for number in range(3))


def gives() -> Awaitable[None]:
    return pause()


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (waits, True),
        (reads, True),
        (enters, True),
        (gives, True),
        (partial(goes_on), True),
        (makes, False),
        (goes_on, False),
    ],
)
def test_only_a_coroutine_without_a_wait_lets_nobody_run(function: Callable[..., Any], says: bool) -> None:  # noqa: FBT001
    assert may_wait(function) is says
