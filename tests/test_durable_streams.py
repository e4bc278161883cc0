"""Streams and channels in a folder: what outsiders read is durable, and the record verifies."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import anyio
import pytest
from journal_disks import FailingDisk
from told import kinds, told

from theater import Actor, ActorFailedError, ActorRef, History, JournalFailedError, Theater, handler
from theater.journal import DiskJournal

pytestmark = pytest.mark.real_clock

GATES: dict[str, anyio.Event] = {}


class Producer(Actor):
    begun: int = 0

    @handler
    async def count(self, to: int) -> AsyncIterator[int]:
        self.begun += 1
        for number in range(to):
            yield number

    @handler
    async def blocks(self, count: int) -> AsyncIterator[bytes]:
        for number in range(count):
            yield bytes([number]) * 10_000

    @handler
    async def talk(self) -> None:
        self.begun += 1
        channel = self.context.accept()
        async for value in channel:
            await channel.send(value)

    @handler
    async def break_off(self) -> None:
        channel = self.context.accept()
        await channel.send("before")
        raise ValueError("broken off")

    @handler
    async def rest(self) -> None:
        await GATES["rest"].wait()

    @handler
    async def how_many(self) -> int:
        return self.begun


class Reader(Actor):
    @handler
    async def read(self, producer: ActorRef[Producer], to: int) -> int:
        return sum([number async for number in producer.stream(Producer.count, to)])

    @handler
    async def talk(self, producer: ActorRef[Producer], values: list[int]) -> list[int]:
        channel = await producer.open(Producer.talk)
        heard = []
        for value in values:
            await channel.send(value)
            heard.append(await channel.receive())
        return heard

    @handler
    async def size(self, producer: ActorRef[Producer], count: int) -> int:
        return sum([len(block) async for block in producer.stream(Producer.blocks, count)])


async def test_what_the_world_outside_reads_is_committed_before(durable_theater: Theater) -> None:
    producer = await durable_theater.spawn(Producer())
    chain = durable_theater.chain(producer)
    committed = []

    async for number in producer.stream(Producer.count, 50):
        items = [event.seq for event in chain if event.body.get("item") == number]
        committed.append(chain.committed > items[0])

    assert committed == [True] * 50


async def test_what_the_world_outside_receives_is_committed_before(durable_theater: Theater) -> None:
    producer = await durable_theater.spawn(Producer())
    chain = durable_theater.chain(producer)
    committed = []

    channel = await producer.open(Producer.talk)
    assert chain.committed == len(chain)
    for number in range(20):
        await channel.send(number)
        await channel.receive()
        last = told(durable_theater, producer, "message/sent")[-1]
        committed.append((last.body["args"], chain.committed > last.seq))
    channel.close()

    assert committed == [([number], True) for number in range(20)]


async def test_a_folder_with_streams_verifies_and_tells_of_every_item(tmp_path: Path) -> None:
    async with Theater(tmp_path / "theater") as theater:
        producer, reader = await theater.spawn(Producer(), name="p"), await theater.spawn(Reader(), name="r")
        assert await reader.ask(Reader.read, producer, 40) == sum(range(40))
        assert await reader.ask(Reader.size, producer, 20) == 200_000
        async for _ in producer.stream(Producer.count, 1000):
            break
        assert await reader.ask(Reader.talk, producer, [1, 2, 3]) == [1, 2, 3]

    history = History(tmp_path / "theater")
    assert history.verify().ok
    items = [event.body["item"] for event in history.chain("r") if "item" in event.body]
    assert items[:40] == list(range(40))
    assert len(items) == 60


async def test_an_outside_reader_is_told_when_the_journal_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = FailingDisk(0)
    monkeypatch.setattr("theater.notary.choice.DiskJournal", partial(DiskJournal, calls=failing.calls))
    theater = Theater(tmp_path / "theater")
    await theater.open()
    producer = await theater.spawn(Producer())
    stream = producer.stream(Producer.count, 10_000)
    await anext(stream)

    failing.fail_next("sync")

    with anyio.fail_after(10), pytest.raises(JournalFailedError):
        async for _ in stream:
            pass
    with contextlib.suppress(JournalFailedError):
        await theater.close()


async def test_an_outside_listener_is_told_when_the_journal_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = FailingDisk(0)
    monkeypatch.setattr("theater.notary.choice.DiskJournal", partial(DiskJournal, calls=failing.calls))
    theater = Theater(tmp_path / "theater")
    await theater.open()
    producer = await theater.spawn(Producer())
    channel = await producer.open(Producer.talk)

    failing.fail_next("sync")
    await channel.send("never heard")

    with anyio.fail_after(10), pytest.raises(JournalFailedError):
        await channel.receive()
    with contextlib.suppress(JournalFailedError):
        await theater.close()


async def leave_unbegun(folder: Path, how: str, *, crashed: Path | None = None) -> None:
    """A stream or channel that was asked for and never begun; then a clean close, and the crash before."""
    GATES["rest"] = anyio.Event()
    async with Theater(folder, closing=0.05) as theater:
        producer = await theater.spawn(Producer(), name="producer")
        reader = await theater.spawn(Reader(), name="reader")
        await theater.settled()
        await producer.tell(Producer.rest)
        await reader.tell(how, producer, [10] if how == "talk" else 10)
        await anyio.wait_all_tasks_blocked()
        await theater._begun().committed()
        if crashed is not None:
            shutil.copytree(folder, crashed)  # as the disk would look if the power went now


async def begun_after(folder: Path) -> tuple[int, list[str]]:
    GATES["rest"].set()
    async with Theater(folder) as theater:
        producer = await theater.spawn(Producer(), name="producer", resume=True)
        return await producer.ask(Producer.how_many), kinds(theater, producer)


@pytest.mark.parametrize("how", ["read", "talk"])
async def test_what_a_reader_asked_for_that_went_with_the_theater_is_not_begun_on_resuming(
    tmp_path: Path, how: str
) -> None:
    await leave_unbegun(tmp_path / "theater", how)

    begun, after = await begun_after(tmp_path / "theater")

    history = History(tmp_path / "theater")
    snapshots = [event.body for event in history.chain("producer") if event.kind == "actor/snapshot"]
    assert begun == 0
    assert "actor/failed" not in after
    assert [letter["handler"] for body in snapshots for letter in body["mailbox"]] == ["rest"]
    assert history.verify().ok


@pytest.mark.parametrize("how", ["read", "talk"])
async def test_nor_is_it_after_a_crash(tmp_path: Path, how: str) -> None:
    await leave_unbegun(tmp_path / "theater", how, crashed=tmp_path / "crashed")

    begun, after = await begun_after(tmp_path / "crashed")

    assert begun == 0
    assert "actor/failed" not in after
    assert History(tmp_path / "crashed").verify().ok


async def test_an_actor_that_died_in_a_conversation_goes_on_to_where_the_other_side_is_gone(
    tmp_path: Path,
) -> None:
    folder, crashed = tmp_path / "theater", tmp_path / "crashed"
    async with Theater(folder) as theater:
        producer = await theater.spawn(Producer(), name="producer")
        async with await producer.open(Producer.talk) as channel:
            await channel.send(1)
            await channel.receive()
            await theater._begun().committed()
            shutil.copytree(folder, crashed)  # as the disk would look if the power went now

    async with Theater(crashed) as theater:
        resumed = await theater.resume(classes=[Producer])
        await theater.settled()
        *_, retried, received, handled = theater.chain("producer")

    assert resumed.left == ()
    assert (retried.kind, received.body["handler"], handled.kind) == (
        "message/retried",
        "@close",
        "message/handled",
    )


async def test_an_error_that_ends_a_conversation_is_known_outside_when_it_is_durable(
    durable_theater: Theater,
) -> None:
    producer = await durable_theater.spawn(Producer())
    channel = await producer.open(Producer.break_off)

    assert await channel.receive() == "before"
    with pytest.raises(ActorFailedError, match="ValueError: broken off"):
        await channel.receive()
    assert durable_theater.chain(producer).committed > 3


async def test_an_actor_that_conversed_is_resumed(tmp_path: Path) -> None:
    async with Theater(tmp_path / "theater") as theater:
        producer = await theater.spawn(Producer(), name="producer")
        reader = await theater.spawn(Reader(), name="reader")
        assert await reader.ask(Reader.talk, producer, [1, 2]) == [1, 2]

    async with Theater(tmp_path / "theater") as theater:
        resumed = await theater.resume()
        assert [ref.name for ref in resumed.refs] == ["producer", "reader"]
        assert await resumed.refs[1].ask("talk", resumed.refs[0], [3]) == [3]


async def test_a_stream_read_from_outside_ends_with_the_theater_and_its_actor_can_be_resumed(
    tmp_path: Path,
) -> None:
    async with Theater(tmp_path / "theater") as theater:
        producer = await theater.spawn(Producer(), name="producer")
        stream = producer.stream(Producer.count, 1000)
        assert await anext(stream) == 0
        channel = await theater.spawn(Producer(), name="other")
        talk = await channel.open(Producer.talk)
    assert not talk.is_open
    assert told(theater, producer, "message/handled")[0].body["abandoned"] is True
    GATES["rest"] = anyio.Event()

    begun, _ = await begun_after(tmp_path / "theater")

    assert begun == 1
