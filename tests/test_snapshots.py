"""Snapshots: when they are taken, and that they say all that the events before them say."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint
from independent_verifier import Verifier

from theater import (
    INITIAL,
    Actor,
    ActorFailedError,
    ActorRef,
    DiskFullError,
    History,
    Reason,
    Reply,
    RestartLimit,
    SetupError,
    Snapshots,
    Supervision,
    Theater,
    child,
    compact,
    handler,
)
from theater.event import Event
from theater.past import Past, fold, is_full
from theater.sleepers import since_snapshot
from theater.snapshots import take
from theater.store.fold import fold_of

pytestmark = pytest.mark.real_clock

OFTEN = Snapshots(events=5)


@pytest.fixture
def stage(tmp_path: Path) -> Callable[..., Theater]:
    """Opens the same folder again and again."""

    def open_again(**options: Any) -> Theater:
        return Theater(tmp_path / "theater", **options)

    return open_again


class Leaf(Actor):
    """Does nothing but live."""

    @handler
    async def fail(self) -> None:
        raise ValueError("as told")


class Simple(Actor):
    """Asks nothing, and is a number: its messages are recorded on the quick way."""

    total: int = 0

    @handler
    async def add(self, amount: int) -> None:
        self.total += amount


class Busy(Actor):
    """Does a little of everything that lasts."""

    supervision = Supervision(children=(child(Leaf(), name="declared"),))

    total: int = 0
    text: str = ""
    log: list[str] = []  # noqa: RUF012  # given fresh to each instance
    is_open: bool = False

    @handler
    async def add(self, amount: int) -> int:
        self.total += amount
        return self.total

    @handler
    async def sum(self) -> int:
        return self.total

    @handler
    async def read(self) -> list[str]:
        return self.log

    @handler
    async def say(self, text: str) -> None:
        self.text = text

    @handler
    async def forget_all_but(self, number: int) -> None:
        self.text = random.Random(number).randbytes(50_000).hex()

    @handler
    async def note(self, text: str) -> None:
        self.log.append(text)

    @handler
    async def shelve(self, label: str, content: bytes) -> None:
        await self.context.store.store_at_label(label, content)

    @handler
    async def shelved(self, label: str) -> bytes | None:
        ref = await self.context.store.get_by_label(label)
        return None if ref is None else await self.context.store.get(ref)

    @handler
    async def ring(self, seconds: float, *, every: bool = False) -> None:
        (self.context.every if every else self.context.after)(seconds, Busy.note, "rang")

    @handler
    async def hush(self, seconds: float) -> None:
        self.context.after(seconds, Busy.note, "never").cancel()

    @handler
    async def hire(self, name: str) -> ActorRef[Any]:
        return await self.context.spawn(Leaf(), name=name)

    @handler
    async def dismiss(self, name: str) -> None:
        for ref in self.context.children:
            if ref.name.endswith(f"/{name}"):
                await ref.stop()

    async def on_child_stopped(self, child: ActorRef[Any], reason: Reason) -> None:
        self.log.append(f"{child.name} {reason.value}")

    @handler
    async def look_at(self, other: ActorRef[Any]) -> None:
        self.context.watch(other, Busy.seen)

    @handler
    async def look_at_leaf(self, name: str) -> None:
        for ref in self.context.children:
            if ref.name.endswith(f"/{name}"):
                self.context.watch(ref, Busy.seen)

    @handler
    async def look_away(self, other: ActorRef[Any]) -> None:
        self.context.unwatch(other)

    @handler
    async def seen(self, other: ActorRef[Any], reason: Reason) -> None:
        self.log.append(f"saw {other.name} {reason.value}")

    @handler
    async def hold(self, other: ActorRef[Any]) -> None:
        self.context.link(other)

    @handler
    async def let_go(self, other: ActorRef[Any]) -> None:
        self.context.unlink(other)

    @handler
    async def later(self, text: str) -> None:
        if self.is_open:
            self.log.append(text)
        else:
            self.context.stash()

    @handler
    async def open(self, is_open: bool) -> None:  # noqa: FBT001  # a message
        self.is_open = is_open
        if is_open:
            self.context.unstash()

    @handler
    async def owe(self) -> str:
        reply: Reply = self.context.defer()
        return reply.pending

    @handler
    async def pay(self) -> None:
        for reply in self.context.deferred:
            reply.answer("paid")

    @handler
    async def ask(self, other: ActorRef[Busy]) -> None:
        self.log.append(await other.ask(Busy.owe))

    @handler
    async def fail(self) -> None:
        raise ValueError("as told")


def snapshots(events: Any) -> list[Event]:
    return [event for event in events if event.kind == "actor/snapshot"]


async def test_a_snapshot_is_taken_each_so_many_events(stage: Callable[..., Theater]) -> None:
    async with stage(snapshots=Snapshots(events=10)) as theater:
        leaf = await theater.spawn(Busy(), name="busy")
        for _ in range(100):
            await leaf.ask(Busy.add, 1)
        await theater.settled()

        taken = [event.seq for event in snapshots(theater.chain("busy"))]

    assert len(taken) in {9, 10}
    assert {later - earlier for earlier, later in pairwise(taken)} == {11}


@pytest.mark.parametrize("at_once", [1, 5])
async def test_one_that_is_only_told_things_is_written_down_as_often(
    stage: Callable[..., Theater], at_once: int
) -> None:
    async with stage(snapshots=Snapshots(events=10)) as theater:
        leaf = await theater.spawn(Simple(), name="simple")
        for _ in range(100 // at_once):
            for _ in range(at_once):
                await leaf.tell(Simple.add, 1)
            await theater.settled()

        taken = [event.seq for event in snapshots(theater.chain("simple"))]

    assert {later - earlier for earlier, later in pairwise(taken)} == {11}


async def test_large_events_bring_a_snapshot_nearer(stage: Callable[..., Theater]) -> None:
    async with stage(snapshots=Snapshots(events=1_000, bytes=100_000)) as theater:
        busy = await theater.spawn(Busy(), name="busy")
        for number in range(40):
            await busy.ask(Busy.say, f"{number}" * 3_000)
        await theater.settled()

        assert len(snapshots(theater.chain("busy"))) == 2


async def test_a_snapshot_that_was_large_is_not_taken_again_before_as_much_was_recorded(
    stage: Callable[..., Theater],
) -> None:
    async with stage(snapshots=Snapshots(events=5)) as theater:
        busy = await theater.spawn(Busy(), name="busy")
        for number in range(600):
            await busy.ask(Busy.forget_all_but, number)
        await theater.settled()
        events = list(theater.chain("busy"))

        assert len(snapshots(events)) == 1
        assert sum(len(event.data) for event in events[snapshots(events)[0].seq + 1 :]) <= 100_000


async def test_a_snapshot_that_looked_through_much_is_not_taken_again_soon(
    stage: Callable[..., Theater],
) -> None:
    async with stage(snapshots=OFTEN) as theater:
        ref = await theater.spawn(Large(content=bytes(200_000)), name="large")
        for _ in range(350):
            ref._cell.record("log", {"text": "x" * 500})
            await ref.ask(Large.size)
        await theater.settled()
        taken = [event.seq for event in snapshots(theater.chain("large"))]

    assert {later - earlier for earlier, later in pairwise(taken)} == {
        101
    }  # 2,000 bytes an event, and itself


async def test_a_snapshot_with_many_messages_that_wait_is_not_taken_again_before_many_more_came(
    stage: Callable[..., Theater],
) -> None:
    async with stage(snapshots=OFTEN) as theater:
        busy = await theater.spawn(Busy(), name="busy")
        busy._cell.theater.slice = float("inf")  # it pauses by count, however long it takes
        for _ in range(400):
            busy.tell_nowait(Busy.add, 1)
        while len(snapshots(events := list(theater.chain("busy")))) < 2:
            for _ in range(100):
                await busy.ask(Busy.add, 1)
        first, second, *_ = (event.seq for event in snapshots(events))
        waited = 401 - sum(
            event.body.get("handler") == "add" for event in events[:first]
        )  # and the first ask

    assert waited > 30
    assert second - first == 16 * waited + 1


async def test_messages_that_waited_at_the_last_snapshot_do_not_keep_the_close_from_one(
    tmp_path: Path,
) -> None:
    async with Theater(tmp_path / "t", snapshots=OFTEN) as theater:
        busy = await theater.spawn(Busy(), name="busy")
        busy._cell.theater.slice = float("inf")  # it pauses by count, however long it takes
        for _ in range(400):
            busy.tell_nowait(Busy.add, 1)
    *_, first, last = (event.kind for event in History(tmp_path / "t").chain("busy"))

    assert (first, last) == ("message/handled", "actor/snapshot")


async def test_without_a_policy_a_snapshot_is_taken_only_at_the_close(stage: Callable[..., Theater]) -> None:
    async with stage(snapshots=None) as theater:
        busy = await theater.spawn(Busy(), name="busy")
        for _ in range(50):
            await busy.ask(Busy.say, "x" * 5_000)
        await theater.settled()
        assert not snapshots(theater.chain("busy"))

    last = History(theater._folder or "").chain("busy")[-1]
    assert last.kind == "actor/snapshot"
    assert last.body["full"] is True


async def test_a_close_takes_a_snapshot_of_whoever_has_a_tail_to_read(stage: Callable[..., Theater]) -> None:
    async with stage(snapshots=Snapshots(events=100)) as theater:
        for name, count in (("long", 20), ("short", 5)):
            busy = await theater.spawn(Busy(), name=name)
            for _ in range(count):
                await busy.ask(Busy.add, 1)

    history = History(theater._folder or "")
    assert history.chain("long")[-1].kind == "actor/snapshot"
    assert history.chain("short")[-1].kind == "message/handled"


async def test_in_memory_no_snapshot_is_taken() -> None:
    async with Theater(snapshots=Snapshots(events=1)) as theater:
        busy = await theater.spawn(Busy())
        for _ in range(10):
            await busy.ask(Busy.add, 1)
        await theater.settled()

        assert not snapshots(theater.chain(busy))


@pytest.mark.parametrize("bad", [{"events": 0}, {"bytes": 0}, {"events": True}, {"bytes": 1.5}])
def test_a_policy_of_no_events_or_bytes_is_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(SetupError, match="snapshots"):
        Snapshots(**bad)


async def test_a_full_disk_costs_the_snapshot_and_nothing_else(
    stage: Callable[..., Theater], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object, **__: object) -> None:
        raise DiskFullError("as told")

    async with stage(snapshots=OFTEN) as theater:
        busy = await theater.spawn(Busy(), name="busy")
        monkeypatch.setattr(theater._running().journal, "put", full)
        await busy.ask(Busy.forget_all_but, 1)
        for _ in range(20):
            await busy.ask(Busy.add, 1)
        await theater.settled()
        assert not snapshots(theater.chain(busy))
        tries = caplog.text.count("no snapshot, the disk is full")
        assert tries in {4, 5}

    assert caplog.text.count("no snapshot, the disk is full") == tries + 1
    async with stage() as theater:
        busy = await theater.spawn(Busy(), name="busy", resume=True)
        assert await busy.ask(Busy.sum) == 20


# -- what a snapshot says --------------------------------------------------------------------------------


def lasting(past: Past) -> dict[str, Any]:
    """What both ways of adding up must agree on."""
    return {
        "state": past.state,
        "initial": past.initial,
        "stashed": past.stashed,
        "deferred": past.deferred,
        "timers": past.timers,
        "watched": past.watched,
        "links": past.links,
        "children": past.children,
        "failed": past.failed,
        "source": past.source,
        "declared": {name for name in past.spawned if name.endswith("declared")},
        "open": past.open,
    }


async def live_a_little(theater: Theater, names: list[str], dice: random.Random) -> None:
    """Ask for many things in a random order, some of which fail."""
    refs = [theater.find(name) for name in names]
    for step in range(60):
        busy, other = dice.sample(refs, 2)
        hired = f"leaf-{dice.randrange(3)}"
        things: list[tuple[Any, ...]] = [
            ("add", 1),
            ("say", "x" * dice.choice([1, 6_000])),
            ("note", f"{step}"),
            ("shelve", f"{dice.randrange(3)}", dice.randbytes(3)),
            ("ring", 3_600.0),
            ("hush", 3_600.0),
            ("dismiss", hired),
            ("look_at", other),
            ("look_at_leaf", hired),
            ("look_away", other),
            ("hold", other),
            ("let_go", other),
            ("open", dice.random() < 0.5),
            ("pay",),
            ("fail",),
        ]
        if f"{busy.name}/{hired}" not in {one.name for one in theater._running().cells.values()}:
            things.append(("hire", hired))
        name, *args = dice.choice(things)
        with suppress(*([ActorFailedError] if name == "fail" else [])):
            await busy.ask(name, *args)
        await busy.tell("later", f"{step}")
    await theater.settled()


@pytest.mark.parametrize("seed", range(4))
async def test_a_snapshot_says_what_all_events_before_it_say(
    stage: Callable[..., Theater], seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("theater.stage._SLICE", 0.00001 * (seed % 3))
    dice = random.Random(seed)
    names = ["a", "b", "c"]
    async with stage(snapshots=OFTEN) as theater:
        for name in names:
            await theater.spawn(Busy(), name=name, state=INITIAL, limit=RestartLimit(1_000, 1.0))
        await live_a_little(theater, names, dice)
        journal = theater._running().journal
        for name in names:
            chain = theater.chain(name)
            events = [_full(theater, event) for event in chain]
            assert len(snapshots(events)) > 1
            for cut in range(len(events) // 2, len(events) + 1):
                without = [event for event in events[:cut] if not is_full(event)]
                short = [_full(theater, one) for one in since_snapshot(journal, chain.tip.actor, cut)]
                assert len(short) < cut
                told = fold(short)
                expected, found = lasting(fold(without)), lasting(told)
                for seq, (to, to_tell) in tuple(expected["watched"].items()):
                    if told.has_letter(to_tell, to):  # the news lies in the mailbox, as only snapshots say
                        del expected["watched"][seq]
                if expected["state"] is None:  # it is large: only snapshots hold it
                    expected["state"] = found["state"]
                assert found == expected
                assert fold_of(short).snapshot() == fold_of(without).snapshot()


async def test_a_snapshot_says_when_a_timer_last_fired(stage: Callable[..., Theater]) -> None:
    async with stage(snapshots=OFTEN) as theater:
        busy = await theater.spawn(Busy(), name="busy")
        await busy.ask(Busy.ring, 0.005, every=True)
        while not any(event.kind == "timer/fired" for event in theater.chain(busy)):
            await checkpoint()
        fired = len(theater.chain(busy))
        while not any(is_full(event) for event in list(theater.chain(busy))[fired:]):
            await busy.ask(Busy.add, 1)
        events = list(theater.chain(busy))
        cut = [event.seq for event in events if is_full(event)][-1] + 1

        without = [event for event in events[:cut] if not is_full(event)]
        short = since_snapshot(theater._running().journal, busy.id, cut)
        assert fold(short).timers == fold(without).timers


def _full(theater: Theater, event: Event) -> Event:
    event.body.update(theater._running().recorder.full(event.body))
    return event


# -- what is done with it --------------------------------------------------------------------------------


async def test_after_a_crash_an_actor_goes_on_from_its_newest_snapshot(
    stage: Callable[..., Theater], tmp_path: Path
) -> None:
    image = tmp_path / "as it was"
    async with stage(snapshots=OFTEN) as theater:
        busy = await theater.spawn(Busy(), name="busy")
        other = await theater.spawn(Busy(), name="other")
        await busy.ask(Busy.shelve, "label", b"content")
        await busy.ask(Busy.ring, 3_600.0, every=True)
        await busy.ask(Busy.hire, "leaf")
        await busy.ask(Busy.look_at, other)
        await busy.ask(Busy.hold, other)
        await busy.tell(Busy.later, "set aside")
        for _ in range(20):
            await busy.ask(Busy.add, 1)
        await theater.settled()
        shutil.copytree(tmp_path / "theater", image)
        newest = fold(since_snapshot(theater._running().journal, busy.id, len(theater.chain(busy)))).snapshot
        assert newest > len(theater.chain(busy)) - 10

    async with Theater(image) as theater:
        resumed = await theater.resume()
        assert resumed.left == ()
        again = theater.find("busy")
        assert await again.ask(Busy.sum) == 20
        assert await again.ask(Busy.shelved, "label") == b"content"
        assert [timer.delay for timer in (again._cell.timers or {}).values()] == [3_600.0]
        assert sorted(one.name for one in again._cell.children or ()) == ["busy/declared", "busy/leaf"]
        await again.ask(Busy.open, True)
        await again.ask(Busy.let_go, theater.find("other"))
        await theater.find("other").stop()
        await theater.settled()
        assert await again.ask(Busy.read) == ["set aside", "saw other normal"]
    assert History(image).verify().ok


async def test_resuming_reads_nothing_before_the_newest_snapshot_but_the_first_event(
    stage: Callable[..., Theater], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stage(snapshots=Snapshots(events=50)) as theater:
        busy = await theater.spawn(Busy(), name="busy")
        for _ in range(500):
            await busy.ask(Busy.add, 1)

    read: set[int] = set()
    async with stage() as theater:
        journal = theater._running().journal
        event = journal.event

        def reading(actor: bytes, seq: int) -> bytes:
            if actor == busy.id:
                read.add(seq)
            return event(actor, seq)

        monkeypatch.setattr(journal, "event", reading)
        await theater.resume()
        assert await theater.find("busy").ask(Busy.sum) == 500

    assert 0 in read
    assert len(read) < 60


async def test_what_waited_at_a_snapshot_is_delivered_once_after_a_crash(
    stage: Callable[..., Theater], tmp_path: Path
) -> None:
    image = tmp_path / "as it was"
    gates = {"0": anyio.Event(), "100": anyio.Event()}
    told: list[str] = [f"{number}" for number in range(200)]

    class Slow(Actor):
        log: list[str] = []  # noqa: RUF012  # given fresh to each instance

        @handler
        async def note(self, text: str) -> None:
            if text in gates:
                await gates[text].wait()
            self.log.append(text)

        @handler
        async def read(self) -> list[str]:
            return self.log

        @handler
        async def pass_on(self, other: ActorRef[Slow], text: str) -> None:
            await other.tell(Slow.note, text)

    async with stage(snapshots=Snapshots(events=50), closing=0) as theater:
        slow = await theater.spawn(Slow(), name="slow")
        other = await theater.spawn(Slow(), name="other")
        for text in told:
            await other.ask(Slow.pass_on, slow, text)
        gates["0"].set()
        while not snapshots(theater.chain("slow")):
            await checkpoint()
        await theater._running().committed()
        shutil.copytree(tmp_path / "theater", image)
        [first] = snapshots(theater.chain("slow"))
    waiting = [letter["args"][0] for letter in first.body["mailbox"]]
    assert waiting == told[-len(waiting) :]
    assert len(waiting) > 99

    gates["100"].set()
    async with Theater(image) as theater:
        await theater.resume(classes=[Slow])
        await theater.settled()
        assert await theater.find("slow").ask(Slow.read) == told


# -- large states ----------------------------------------------------------------------------------------


class Large(Actor):
    """Has a state of megabytes."""

    content: Any = None

    @handler
    async def change(self, number: int) -> None:
        content = self.content
        if isinstance(content, bytes):
            at = len(content) * number // 10
            self.content = content[:at] + bytes(1_000) + content[at + 10 :]
        elif isinstance(content, list):
            content.insert(len(content) * number // 10, "x" * 1_000)
        elif "deep" in content:
            content["deep"][number]["text"] = "x" * 1_000
        else:
            content[f"new {number}"] = "x" * 1_000

    @handler
    async def read(self) -> Any:
        return self.content

    @handler
    async def size(self) -> int:
        return len(self.content)


def large(kind: str) -> Any:
    dice = random.Random(1)
    texts = [dice.randbytes(100).hex() for _ in range(10_000)]
    return {
        "bytes": dice.randbytes(2_000_000),
        "list": texts,
        "map": {text[:10]: text for text in texts},
        "nested": {"deep": [{"text": text, "size": len(text)} for text in texts]},
    }[kind]


@pytest.mark.parametrize("kind", ["bytes", "list", "map", "nested"])
async def test_a_large_state_that_changes_a_little_costs_a_little(
    stage: Callable[..., Theater], kind: str
) -> None:
    async with stage(snapshots=None) as theater:
        ref = await theater.spawn(Large(content=large(kind)), name="large")
        for number in (1, 4, 9):
            await ref.ask(Large.change, number)
            take(ref._cell)

            assert 1_000 < ref._cell.cost < 100_000
        await ref.ask(Large.change, 5)
        expected = ref._cell.keeper.plain() if ref._cell.keeper is not None else None

    async with stage() as theater:
        ref = await theater.spawn(Large(), name="large", resume=True)
        assert ref._cell.keeper is not None
        assert ref._cell.keeper.plain() == expected
    assert History(theater._folder or "").verify().ok
    assert Verifier(theater._folder or Path()).ok


async def test_what_is_large_in_other_events_is_kept_in_parts_too(stage: Callable[..., Theater]) -> None:
    dice = random.Random(1)
    turns = [dice.randbytes(500).hex() for _ in range(100)]
    async with stage(snapshots=None) as theater:
        cell = (await theater.spawn(Large(), name="large"))._cell
        for number in range(50, 100):  # as a chat hands all that was said to its model, in each turn
            cell.record("log", {"text": "call", "fields": {"talk": turns[:number]}})

    assert cell.weight < 50 * 30_000
    assert [event.kind for event in History(theater._folder or "").chain("large")].count("log") == 50


async def test_compacting_drops_the_parts_that_no_snapshot_needs_any_more(
    stage: Callable[..., Theater],
) -> None:
    async with stage(snapshots=Snapshots(events=20)) as theater:
        ref = await theater.spawn(Large(content=large("list")), name="large")
        for _ in range(2):
            for number in range(10):
                await ref.ask(Large.change, number)
                ref._cell.record("log", {"text": "x" * 900})
    assert theater._folder is not None

    report = compact(theater._folder)

    assert report.contents > 0
    assert History(theater._folder).verify().ok
    async with stage() as theater:
        ref = await theater.spawn(Large(), name="large", resume=True)
        assert len(await ref.ask(Large.read)) == 10_020


async def test_a_chat_that_grows_by_a_kib_a_turn_leaves_less_than_four_times_its_state(
    stage: Callable[..., Theater], tmp_path: Path
) -> None:
    dice = random.Random(1)
    async with stage() as theater:
        busy = await theater.spawn(Busy(), name="busy")
        for _ in range(500):
            await busy.ask(Busy.note, dice.randbytes(512).hex())

    segments = (tmp_path / "theater" / "segments").iterdir()
    taken = sum(len(path.read_bytes().rstrip(b"\0")) for path in segments)
    assert not any(path.is_file() for path in (tmp_path / "theater" / "blobs").rglob("*"))
    assert 500 * 1_024 < taken < 4 * 500 * 1_024
