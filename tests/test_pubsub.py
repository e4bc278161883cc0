"""Publish and subscribe: who is told, in what order, and who no longer."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from actors import PubSub
from theater import Actor, Theater, handler


class Reader(Actor):
    heard: list[object] = []  # noqa: RUF012  # given fresh to each instance

    @handler
    async def hear(self, topic: str, message: object) -> None:
        self.heard.append([topic, message])

    @handler
    async def count(self, topic: str, message: int) -> None:
        self.heard.append([topic, message])

    @handler
    async def all(self) -> list[object]:
        return self.heard

    @handler
    async def sleep(self) -> None:
        await anyio.sleep(3600)


async def test_a_topic_without_subscribers_tells_nobody(theater: Theater) -> None:
    topics = await theater.spawn(PubSub())

    assert await topics.ask(PubSub.publish, "quiet", 1) == 0


async def test_messages_arrive_in_the_order_in_which_they_were_published(theater: Theater) -> None:
    topics, reader = await theater.spawn(PubSub()), await theater.spawn(Reader())
    await topics.ask(PubSub.subscribe, "numbers", reader)

    for number in range(10):
        await topics.tell(PubSub.publish, "numbers", number)
    await theater.settled()

    assert await reader.ask(Reader.all) == [["numbers", number] for number in range(10)]


async def test_a_subscriber_chooses_the_handler_it_is_told_by(theater: Theater) -> None:
    topics, reader = await theater.spawn(PubSub()), await theater.spawn(Reader())

    await topics.ask(PubSub.subscribe_with, "numbers", reader, "count")

    assert await topics.ask(PubSub.publish, "numbers", 7) == 1
    assert await reader.ask(Reader.all) == [["numbers", 7]]


async def test_a_message_that_a_subscriber_does_not_take_still_reaches_the_others(theater: Theater) -> None:
    topics = await theater.spawn(PubSub())
    picky, reader = await theater.spawn(Reader()), await theater.spawn(Reader())
    await topics.ask(PubSub.subscribe_with, "words", picky, "count")
    await topics.ask(PubSub.subscribe, "words", reader)

    assert await topics.ask(PubSub.publish, "words", "one") == 1

    assert await reader.ask(Reader.all) == [["words", "one"]]
    assert [event.body["text"] for event in theater.chain(topics) if event.kind == "log"]


async def test_subscribing_twice_is_subscribing_once(theater: Theater) -> None:
    topics, reader = await theater.spawn(PubSub()), await theater.spawn(Reader())

    for _ in range(2):
        await topics.ask(PubSub.subscribe, "news", reader)

    assert await topics.ask(PubSub.publish, "news", "once") == 1


async def test_who_unsubscribes_hears_no_more_of_that_topic_only(theater: Theater) -> None:
    topics, reader = await theater.spawn(PubSub()), await theater.spawn(Reader())
    for topic in ("left", "kept"):
        await topics.ask(PubSub.subscribe, topic, reader)

    await topics.ask(PubSub.unsubscribe, "left", reader)
    await topics.ask(PubSub.unsubscribe, "never joined", reader)

    assert await topics.ask(PubSub.publish, "left", 1) == 0
    assert await topics.ask(PubSub.publish, "kept", 1) == 1


async def test_a_subscriber_that_ended_is_dropped_from_all_topics(theater: Theater) -> None:
    topics, reader = await theater.spawn(PubSub()), await theater.spawn(Reader())
    for topic in ("one", "two"):
        await topics.ask(PubSub.subscribe, topic, reader)

    await reader.kill()
    await theater.settled()

    assert await topics.ask(PubSub.subscribers, "one") == []
    assert await topics.ask(PubSub.subscribers, "two") == []


async def test_a_full_mailbox_misses_the_message_and_holds_nobody_up(theater: Theater) -> None:
    topics = await theater.spawn(PubSub())
    slow, reader = await theater.spawn(Reader(), mailbox=1), await theater.spawn(Reader())
    for subscriber in (slow, reader):
        await topics.ask(PubSub.subscribe, "news", subscriber)
    await slow.tell(Reader.sleep)
    await anyio.sleep(0.1)
    await slow.tell(Reader.sleep)

    assert await topics.ask(PubSub.publish, "news", "missed by one") == 1

    assert await reader.ask(Reader.all) == [["news", "missed by one"]]
    assert "message/refused" in [event.kind for event in theater.chain(topics)]


async def test_who_ended_just_before_is_not_told_and_dropped(theater: Theater) -> None:
    topics, reader = await theater.spawn(PubSub()), await theater.spawn(Reader())
    await topics.ask(PubSub.subscribe, "news", reader)
    async with anyio.create_task_group() as group:
        group.start_soon(reader.kill)
        await anyio.lowlevel.checkpoint()

        assert await topics.ask(PubSub.publish, "news", "too late") == 0

    assert await topics.ask(PubSub.subscribers, "news") == []


@pytest.mark.real_clock
async def test_subscriptions_outlive_their_theater(tmp_path: Path) -> None:
    async with Theater(tmp_path / "folder") as theater:
        topics = await theater.spawn(PubSub(), name="topics")
        stays, goes = await theater.spawn(Reader(), name="stays"), await theater.spawn(Reader(), name="goes")
        for reader in (stays, goes):
            await topics.ask(PubSub.subscribe, "news", reader)

    async with Theater(tmp_path / "folder") as theater:
        await theater.resume()
        await theater.find("goes").stop()

        assert await theater.find("topics").ask("publish", "news", "good morning") == 1
        assert await theater.find("stays").ask("all") == [["news", "good morning"]]
