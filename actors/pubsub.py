"""Publish and subscribe: messages by topic, to whoever has asked to hear of it and still runs.

```python
import anyio

from actors import PubSub
from theater import Actor, Theater, handler


class Reader(Actor):
    heard: list[str] = []

    @handler
    async def hear(self, topic: str, message: str) -> None:
        self.heard.append(f"{topic}: {message}")

    @handler
    async def all(self) -> list[str]:
        return self.heard


async def main() -> None:
    async with Theater() as theater:
        papers = await theater.spawn(PubSub())
        ann, bob = await theater.spawn(Reader()), await theater.spawn(Reader())
        await papers.ask(PubSub.subscribe, "weather/oslo", ann)
        await papers.ask(PubSub.subscribe, "weather/+", bob)
        await papers.ask(PubSub.subscribe, "#", ann)

        print(await papers.ask(PubSub.publish, "weather/oslo", "rain"))
        print(await papers.ask(PubSub.publish, "weather/rome", "sun"))
        await bob.stop()
        print(await papers.ask(PubSub.publish, "chess", "e4 e5"))
        print(await ann.ask(Reader.all))


anyio.run(main)
```

It prints

```text
2
2
1
['weather/oslo: rain', 'weather/rome: sun', 'chess: e4 e5']
```

A topic is a text of levels with `/` between them. Who subscribes may leave levels open: `+` is any one level,
and `#`, as the last one, is any number of levels, also none (so `weather/#` is `weather`, too). A message is
told once to each handler of a subscriber, however many of its subscriptions fit.

Nobody holds the others up: a subscriber whose mailbox is full misses the message, and `message/refused` says
so in this actor's chain.
"""

from __future__ import annotations

from typing import Any, Protocol

from theater import Actor, ActorRef, MailboxFullError, NotRunningError, Reason, handler

_ONE, _REST = "+", "#"
Subscription = tuple[ActorRef[Any], str]  # whom to tell, by which handler


class TopicError(ValueError):
    """Not a topic: empty, or with `+` or `#` where they mean nothing."""


class Listener(Protocol):
    """Whoever has this handler can subscribe."""

    async def hear(self, topic: str, message: Any) -> None: ...  # Any: a listener says what it takes


def fits(topic: str, wanted: str) -> bool:
    """Say whether `topic` is one of those that `wanted` means."""
    levels, wanted_levels = topic.split("/"), wanted.split("/")
    if wanted_levels[-1] == _REST:
        del wanted_levels[-1], levels[len(wanted_levels) :]
    pairs = zip(levels, wanted_levels, strict=False)
    return len(levels) == len(wanted_levels) and all(want in (_ONE, level) for level, want in pairs)


def is_open(wanted: str) -> bool:
    """Say whether `wanted` leaves a level open.

    Raises:
        TopicError: it is no topic, nor means some.
    """
    levels = wanted.split("/")
    if (
        not wanted
        or _REST in "".join(levels[:-1])
        or any(len(one) > 1 and {*one} & {_ONE, _REST} for one in levels)
    ):
        raise TopicError(f"not a topic: {wanted!r}")
    return _ONE in levels or levels[-1] == _REST


class PubSub(Actor):
    """Tells subscribers what is published on their topics, in the order in which it is published.

    A subscriber that ends is dropped from all of its topics.
    """

    topics: dict[str, dict[bytes, Subscription]] = {}  # by id
    open_topics: dict[str, dict[bytes, Subscription]] = {}  # those with `+` or `#`

    @handler(raises=(TopicError,))
    async def subscribe(self, topic: str, listener: ActorRef[Listener]) -> None:
        """Tell `listener` what is published on `topic`; its handler is `hear(topic, message)`.

        Raises:
            TopicError: this is no topic.
        """
        self._subscribe(topic, listener, "hear")

    @handler(raises=(TopicError,))
    async def subscribe_with(self, topic: str, subscriber: ActorRef[Any], handler: str) -> None:
        """Like `subscribe`, with the name of another handler that takes a topic and a message."""
        self._subscribe(topic, subscriber, handler)

    @handler
    async def unsubscribe(self, topic: str, subscriber: ActorRef[Any]) -> None:
        """Tell `subscriber` no more of `topic`, written as it subscribed; else nothing happens."""
        self._drop(topic, subscriber)

    @handler(raises=(TopicError,))
    async def publish(self, topic: str, message: object) -> int:
        """Tell all subscribers of `topic`; returns how many were told.

        Raises:
            TopicError: this is no topic, or leaves a level open.
        """
        if is_open(topic):
            raise TopicError(f"a message has one topic, and this leaves a level open: {topic!r}")
        told = [self._tell(topic, *subscription, message) for subscription in self._subscriptions(topic)]
        return sum(told)

    @handler
    async def subscribers(self, topic: str) -> list[ActorRef[Any]]:
        """Who hears of `topic`, those who named it first, in the order in which they subscribed."""
        return list(dict.fromkeys(subscriber for subscriber, _ in self._subscriptions(topic)))

    @handler
    async def ended(self, subscriber: ActorRef[Any], reason: Reason) -> None:  # noqa: ARG002  # as `watch` sends
        """A subscriber has ended: drop it."""
        self._forget(subscriber)

    def _subscriptions(self, topic: str) -> list[Subscription]:
        found = list(self.topics.get(topic, {}).values())
        for wanted, subscriptions in self.open_topics.items():
            if fits(topic, wanted):
                found.extend(subscriptions.values())
        return list(dict.fromkeys(found))

    def _subscribe(self, topic: str, subscriber: ActorRef[Any], handler: str) -> None:
        topics = self.open_topics if is_open(topic) else self.topics
        known = any(subscriber.id in one for one in (*self.topics.values(), *self.open_topics.values()))
        topics.setdefault(topic, {})[subscriber.id] = (subscriber, handler)
        if not known:
            self.context.watch(subscriber, PubSub.ended)

    def _forget(self, subscriber: ActorRef[Any]) -> None:
        for topic in [*self.topics, *self.open_topics]:
            self._drop(topic, subscriber)

    def _drop(self, topic: str, subscriber: ActorRef[Any]) -> None:
        for topics in (self.topics, self.open_topics):
            subscriptions = topics.get(topic, {})
            subscriptions.pop(subscriber.id, None)
            if not subscriptions:
                topics.pop(topic, None)

    def _tell(self, topic: str, subscriber: ActorRef[Any], handler: str, message: object) -> bool:
        try:
            subscriber.tell_nowait(handler, topic, message)
        except (MailboxFullError, NotRunningError):  # of an end `ended` hears; for one that sleeps it waits
            return False
        except TypeError as error:  # no such handler, or a message that it does not take: the others are told
            self.context.log(f"{subscriber.name} was not told of {topic}: {error}")
            return False
        return True
