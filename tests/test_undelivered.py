"""The undelivered: after a crash each message between actors is found, without reading all of the log."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from theater import (
    Actor,
    ActorRef,
    History,
    MailboxFullError,
    Overflow,
    Snapshots,
    Theater,
    compact,
    handler,
    undelivered,
)
from theater.codec import prepare
from theater.event import event_bytes
from theater.journal import DiskJournal
from theater.past import fold
from theater.snapshots import take
from theater.undelivered import follow

pytestmark = pytest.mark.real_clock

GATES: dict[str, anyio.Event] = {}


@pytest.fixture(autouse=True)
def gates() -> None:
    GATES.clear()


@pytest.fixture
def stage(tmp_path: Path) -> Callable[..., Theater]:
    """Opens the same folder again and again."""

    def open_again(**options: Any) -> Theater:
        return Theater(tmp_path / "theater", closing=0, **options)

    return open_again


class Busy(Actor):
    """Takes notes, and passes some on."""

    notes: list[str] = []  # noqa: RUF012  # given fresh to each instance
    is_open: bool = True

    @handler
    async def note(self, text: str) -> None:
        self.notes.append(text)

    @handler
    async def read(self) -> list[str]:
        return self.notes

    @handler
    async def wait_at(self, gate: str) -> None:
        await GATES.setdefault(gate, anyio.Event()).wait()

    @handler
    async def pass_on(self, other: ActorRef[Busy], text: str) -> None:
        await other.tell(Busy.note, text)

    @handler
    async def pass_on_aside(self, other: ActorRef[Busy], text: str) -> None:
        other.tell_nowait(Busy.aside, text)

    @handler
    async def ask_in_vain(self, other: ActorRef[Busy], text: str) -> None:
        with anyio.move_on_after(0.001):
            await other.ask(Busy.note, text)

    @handler
    async def ring(self) -> None:
        self.context.after(0.001, Busy.note, "rang")

    @handler
    async def aside(self, text: str) -> None:
        if self.is_open:
            self.notes.append(text)
        else:
            self.context.stash()

    @handler
    async def open(self, is_open: bool, gate: str = "") -> None:  # noqa: FBT001  # a message
        self.is_open = is_open
        if is_open:
            self.context.unstash()
        if gate:
            await GATES[gate].wait()


def crash(theater: Theater, to: Path) -> Path:
    """What a crash at this moment leaves, once all that is recorded is on the disk."""
    folder = theater._folder
    assert folder is not None
    shutil.copytree(folder, to)
    return to


async def found_in(folder: Path) -> tuple[dict[tuple[bytes, int], bytes], int]:
    journal = DiskJournal(folder)
    await journal.open()
    try:
        return undelivered.find(journal)
    finally:
        journal.abandon()


def by_all_chains(folder: Path) -> dict[tuple[bytes, int], bytes]:
    """The same, the long way: everything that was ever sent, without what was ever received."""
    history = History(folder)
    chains = [list(history.chain(one.id)) for one in history.actors()]
    received = {
        tuple(event.body["from"][:2])
        for chain in chains
        for event in chain
        if event.kind in {"message/received", "message/handled", "message/dead"} and event.body.get("from")
    }
    sent: dict[tuple[bytes, int], bytes] = {}
    for chain in chains:
        past = fold(event for event in chain if event.kind != "actor/snapshot")
        for seq, (to, letter) in past.sent.items():
            if not letter["handler"].startswith("@") and (chain[0].actor, seq) not in received:
                sent[chain[0].actor, seq] = to
    return sent


async def live_a_little(theater: Theater, names: list[str], dice: random.Random) -> None:
    stage = theater._running()
    for step in range(120):
        busy, other = (theater.find(name) for name in dice.sample(names, 2))
        things: list[tuple[Any, ...]] = [
            ("pass_on", other, f"{step}"),
            ("pass_on", other, f"{step}"),
            ("pass_on_aside", other, f"{step}"),
            ("ask_in_vain", other, f"{step}"),
            ("open", dice.random() < 0.5),
            ("ring",),
            ("wait_at", f"{step}"),
        ]
        name, *args = dice.choice(things)
        with suppress(MailboxFullError):
            busy.tell_nowait(name, *args)
        await anyio.sleep(0.001 * (dice.random() < 0.3))  # timers fire and askers leave in real time
        if GATES and dice.random() < 0.5:
            GATES.popitem()[1].set()
        if dice.random() < 0.2:
            undelivered.look(stage)
    first, second = (theater.find(name) for name in names[:2])
    await first.tell(Busy.ring)
    await first.tell(Busy.wait_at, "end")
    while "end" not in GATES:
        for gate in GATES.values():
            gate.set()
        await checkpoint()
    await second.tell(Busy.pass_on, first, "end")
    while first._cell.queued < 2:
        for name in GATES.keys() - {"end"}:
            GATES[name].set()
        await checkpoint()
    await stage.committed()


@pytest.mark.parametrize("seed", range(4))
async def test_what_the_list_and_the_log_behind_it_say_is_what_all_chains_say(
    stage: Callable[..., Theater], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(undelivered, "_EVENTS", 10)
    monkeypatch.setattr(undelivered, "_SPREAD", 0)
    dice = random.Random(seed)
    names = ["a", "b", "c"]
    async with stage(snapshots=Snapshots(events=7)) as theater:
        for name in names:
            overflow = Overflow.WAIT if name == "a" else Overflow.DROP_OLDEST
            await theater.spawn(Busy(), name=name, mailbox=8, overflow=overflow)
        theater._running().leftovers.list_at = 0
        await live_a_little(theater, names, dice)
        image = crash(theater, tmp_path / "as it was")
        size = theater._running().journal.size
    found, read = await found_in(image)

    assert found == by_all_chains(image)
    assert found
    assert read < size / 3


async def test_a_message_outlives_an_opening_at_which_its_receiver_was_left_asleep(
    stage: Callable[..., Theater], tmp_path: Path
) -> None:
    async with stage() as theater:
        other = await theater.spawn(Busy(), name="other")
        busy = await theater.spawn(Busy(), name="busy")
        await other.tell(Busy.wait_at, "gate")
        await busy.ask(Busy.pass_on, other, "kept")
        await theater._running().committed()
        crashed = crash(theater, tmp_path / "crashed")
    async with Theater(crashed) as theater:
        await theater.spawn(Busy(), name="busy", resume=True)
        undelivered.list_now(theater._running())
        await theater._running().committed()
        again = crash(theater, tmp_path / "again")
    for folder in (crashed, again):
        async with Theater(folder) as theater:
            assert (await theater.resume()).left == ()
            await theater.settled()
            assert await theater.find("other").ask(Busy.read) == ["kept"]
        async with Theater(folder) as theater:
            await theater.resume()
            await theater.settled()
            assert await theater.find("other").ask(Busy.read) == ["kept"]


async def test_a_message_withdrawn_after_a_snapshot_that_holds_it_is_not_delivered(
    stage: Callable[..., Theater], tmp_path: Path
) -> None:
    class Patient(Busy):
        @handler
        async def ask_long(self, other: ActorRef[Busy]) -> None:
            with anyio.CancelScope() as scope:
                GATES["asking"].set()
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(other.ask, Busy.note, "withdrawn")
                    await GATES["enough"].wait()
                    scope.cancel()

    GATES.update({name: anyio.Event() for name in ("asking", "enough", "first", "second")})
    async with stage(snapshots=Snapshots(events=1)) as theater:
        other = await theater.spawn(Busy(), name="other")
        patient = await theater.spawn(Patient(), name="patient")
        for gate in ("first", "second"):
            await other.tell(Busy.wait_at, gate)
        await patient.tell(Patient.ask_long, other)
        await GATES["asking"].wait()
        while other._cell.queued != 2:
            await checkpoint()
        stage_ = theater._running()
        other._cell.current, at_hand = None, other._cell.current  # as if between two messages
        take(other._cell)
        other._cell.current = at_hand
        GATES["enough"].set()
        while patient._cell.current is not None:
            await checkpoint()
        await stage_.committed()
        image = crash(theater, tmp_path / "as it was")
    snapshot = [event for event in History(image).chain("other") if event.kind == "actor/snapshot"][-1]
    assert [letter["handler"] for letter in snapshot.body["mailbox"]] == ["wait_at", "note"]

    GATES["first"].set()
    GATES["second"].set()
    async with Theater(image) as theater:
        await theater.resume(classes=[Patient])
        await theater.settled()
        assert await theater.find("other").ask(Busy.read) == []


async def test_a_message_put_back_from_aside_is_handled_once_after_a_crash(
    stage: Callable[..., Theater], tmp_path: Path
) -> None:
    GATES["gate"] = anyio.Event()
    async with stage(snapshots=Snapshots(events=3)) as theater:
        other = await theater.spawn(Busy(is_open=False), name="other")
        busy = await theater.spawn(Busy(), name="busy")
        for text in ("a", "b"):
            await busy.ask(Busy.pass_on_aside, other, text)
        await other.tell(Busy.aside, "c")
        await other.tell(Busy.open, True, "gate")
        while other._cell.queued != 3:  # it waits, with all before its feet again
            await checkpoint()
        await theater._running().committed()
        crashed = crash(theater, tmp_path / "crashed")
        undelivered.list_now(theater._running())
        await theater._running().committed()
        listed = crash(theater, tmp_path / "listed")
    GATES["gate"].set()
    closed = theater._folder
    assert closed is not None
    for folder in (crashed, listed, closed):
        async with Theater(folder) as theater:
            assert (await theater.resume()).left == ()
            await theater.find("other").ask(Busy.open, True)
            await theater.settled()
            assert await theater.find("other").ask(Busy.read) == ["a", "b", "c"]


async def test_the_list_is_made_while_the_theater_is_at_work(stage: Callable[..., Theater]) -> None:
    async with stage() as theater:
        busy = await theater.spawn(Busy(), name="busy")
        theater._running().leftovers.list_at = 0
        GATES["gate"] = anyio.Event()
        await busy.tell(Busy.wait_at, "gate")
        with anyio.fail_after(30):
            while theater.chain(bytes(16))[-1].kind != "actor/snapshot":
                await checkpoint()
        GATES["gate"].set()

        assert theater.chain(bytes(16))[-1].body == {"undelivered": []}
        assert theater._running().leftovers.list_at > 50_000


async def test_in_memory_nothing_is_listed() -> None:
    async with Theater() as theater:
        await theater.spawn(Busy())
        undelivered.look(theater._running())

        assert [event.kind for event in theater.chain(bytes(16))] == ["theater/opened", "actor/spawned"]


async def test_what_was_received_and_then_compacted_is_not_taken_for_undelivered(
    stage: Callable[..., Theater], tmp_path: Path
) -> None:
    async with stage(snapshots=Snapshots(events=50)) as theater:
        other = await theater.spawn(Busy(), name="other")
        busy = await theater.spawn(Busy(), name="busy")
        await other.tell(Busy.wait_at, "gate")
        for number in range(60):
            await busy.ask(Busy.pass_on, other, f"{number}")
        undelivered.list_now(theater._running())
        GATES["gate"].set()
        for _ in range(120):
            await other.ask(Busy.note, "more")
            await busy.ask(Busy.note, "more")
        await theater._running().committed()
        image = crash(theater, tmp_path / "as it was")
    report = compact(image)
    assert any(one.name == "busy" for one in report.removed)

    found, _ = await found_in(image)
    assert found == {}
    async with Theater(image) as theater:
        assert (await theater.resume()).left == ()
        await theater.settled()
        assert len(await theater.find("other").ask(Busy.read)) == 180


def test_an_ask_that_was_refused_out_of_the_mailbox_is_not_due_any_longer() -> None:
    asker, other = bytes([1]) * 16, bytes([2]) * 16
    sent = {"to": other, "ask": True, "args": [], "handler": "add"}
    refused = {"error": {"class": "AskCycleError", "text": ""}, "from": None, "message": 0}
    item = {"item": 1, "from": [other, 0, bytes(32)], "message": 1}
    told = [
        ("message/sent", sent),
        ("message/sent", sent),
        ("message/answered", refused),
        ("message/answered", item),
    ]
    events = [
        event_bytes(asker, seq, bytes(32) if seq else None, 1, kind, prepare(body))
        for seq, (kind, body) in enumerate(told)
    ]
    waiting: dict[tuple[bytes, int], bytes] = {}

    assert follow(waiting, events) == 4
    assert waiting == {(asker, 1): other}
