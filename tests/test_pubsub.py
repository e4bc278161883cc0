"""Publish and subscribe: who is told, in what order, and who no longer."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from actors import PubSub, TopicError
from actors.pubsub import fits
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


async def test_a_subscriber_of_several_topics_is_watched_once(theater: Theater) -> None:
    topics, reader = await theater.spawn(PubSub()), await theater.spawn(Reader())
    for topic in ("one", "two", "#"):
        await topics.ask(PubSub.subscribe, topic, reader)

    asked = [event.body.get("handler") for event in theater.chain(topics) if event.kind == "message/sent"]
    assert asked == ["@watch"]


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


@pytest.mark.parametrize(
    ("topic", "wanted", "expected"),
    [
        ("a/b", "a/b", True),
        ("a/b", "a/c", False),
        ("a/b", "a", False),
        ("a", "a/b", False),
        ("a/b", "a/+", True),
        ("a/b", "+/b", True),
        ("a/b", "+", False),
        ("a", "a/+", False),
        ("a/", "a/+", True),
        ("a/b/c", "a/+/c", True),
        ("a/b/c", "a/#", True),
        ("a/b/c", "#", True),
        ("a", "a/#", True),
        ("ab", "a/#", False),
        ("a/b/c", "+/b/#", True),
        ("a/b", "+/b/#", True),
        ("a", "+/b/#", False),
    ],
)
def test_a_topic_fits_what_is_wanted_level_by_level(topic: str, wanted: str, expected: bool) -> None:  # noqa: FBT001  # a case
    assert fits(topic, wanted) is expected


async def test_an_open_topic_is_told_of_all_that_fit_it_and_each_message_once(theater: Theater) -> None:
    topics, reader = await theater.spawn(PubSub()), await theater.spawn(Reader())
    for wanted in ("home/+/light", "home/#", "home/hall/light"):
        await topics.ask(PubSub.subscribe, wanted, reader)

    told = [
        await topics.ask(PubSub.publish, topic, 1)
        for topic in ("home/hall/light", "home", "garden/light", "home/hall/heat")
    ]

    assert told == [1, 1, 0, 1]
    assert await reader.ask(Reader.all) == [["home/hall/light", 1], ["home", 1], ["home/hall/heat", 1]]
    assert await topics.ask(PubSub.subscribers, "home/hall/light") == [reader]


async def test_each_handler_of_a_subscriber_is_told(theater: Theater) -> None:
    topics, reader = await theater.spawn(PubSub()), await theater.spawn(Reader())
    await topics.ask(PubSub.subscribe, "#", reader)
    await topics.ask(PubSub.subscribe_with, "n", reader, "count")

    assert await topics.ask(PubSub.publish, "n", 1) == 2


async def test_an_open_subscription_ends_as_it_was_written(theater: Theater) -> None:
    topics, reader = await theater.spawn(PubSub()), await theater.spawn(Reader())
    for wanted in ("a/+", "a/#"):
        await topics.ask(PubSub.subscribe, wanted, reader)

    await topics.ask(PubSub.unsubscribe, "a/b", reader)
    await topics.ask(PubSub.unsubscribe, "a/#", reader)
    assert await topics.ask(PubSub.publish, "a", 1) == 0
    assert await topics.ask(PubSub.publish, "a/b", 1) == 1

    await reader.kill()
    await theater.settled()
    assert await topics.ask(PubSub.subscribers, "a/b") == []


@pytest.mark.parametrize("bad", ["", "a/#/b", "a#", "a/b+", "#/#"])
async def test_what_is_no_topic_is_refused_and_nothing_is_changed(theater: Theater, bad: str) -> None:
    topics, reader = await theater.spawn(PubSub()), await theater.spawn(Reader())

    with pytest.raises(TopicError):
        await topics.ask(PubSub.subscribe, bad, reader)
    with pytest.raises(TopicError):
        await topics.ask(PubSub.publish, bad, 1)

    assert theater.statistics().failures == 0


@pytest.mark.parametrize("open_topic", ["+", "a/+", "#"])
async def test_a_message_has_one_topic(theater: Theater, open_topic: str) -> None:
    with pytest.raises(TopicError, match="leaves a level open"):
        await (await theater.spawn(PubSub())).ask(PubSub.publish, open_topic, 1)


async def test_subscriptions_outlive_a_failure(theater: Theater) -> None:
    class Clumsy(PubSub):
        @handler
        async def trip(self) -> None:
            raise RuntimeError("over the wire")

    topics, reader = await theater.spawn(Clumsy()), await theater.spawn(Reader())
    for wanted in ("news", "+"):
        await topics.ask(PubSub.subscribe, wanted, reader)

    await topics.tell(Clumsy.trip)

    assert await topics.ask(PubSub.publish, "news", 1) == 1
    assert await topics.ask(PubSub.publish, "old", 1) == 1
    assert theater.statistics().restarts == 1


@pytest.mark.real_clock
async def test_a_subscriber_that_sleeps_hears_the_message_when_it_wakes(tmp_path: Path) -> None:
    async with Theater(tmp_path / "folder") as theater:
        topics = await theater.spawn(PubSub(), name="topics")
        reader = await theater.spawn(Reader(), name="reader")
        await topics.ask(PubSub.subscribe, "news", reader)

    async with Theater(tmp_path / "folder") as theater:
        topics = await theater.spawn(PubSub(), name="topics", resume=True)
        assert await topics.ask(PubSub.publish, "news", "first") == 1
        reader = await theater.spawn(Reader(), name="reader", resume=True)

        assert await topics.ask(PubSub.publish, "news", "second") == 1
        assert await reader.ask(Reader.all) == [["news", "first"], ["news", "second"]]


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
