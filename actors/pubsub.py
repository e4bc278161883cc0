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
        for reader in (ann, bob):
            await papers.ask(PubSub.subscribe, "weather", reader)
        await papers.ask(PubSub.subscribe, "chess", ann)

        print(await papers.ask(PubSub.publish, "weather", "rain"))
        await bob.stop()
        print(await papers.ask(PubSub.publish, "weather", "sun"))
        await papers.ask(PubSub.publish, "chess", "e4 e5")
        print(await ann.ask(Reader.all))


anyio.run(main)
```

It prints

```text
2
1
['weather: rain', 'weather: sun', 'chess: e4 e5']
```

Nobody holds the others up: a subscriber whose mailbox is full misses the message, and `message/refused` says
so in this actor's chain.
"""

from __future__ import annotations

from typing import Any, Protocol

from theater import Actor, ActorRef, MailboxFullError, NotRunningError, Reason, handler


class Listener(Protocol):
    """Whoever has this handler can subscribe."""

    async def hear(self, topic: str, message: Any) -> None: ...  # Any: a listener says what it takes


class PubSub(Actor):
    """Tells subscribers what is published on their topics, in the order in which it is published.

    A subscriber that ends is dropped from all of its topics.
    """

    topics: dict[str, dict[bytes, tuple[ActorRef[Any], str]]] = {}  # by id: whom to tell, by which handler

    @handler
    async def subscribe(self, topic: str, listener: ActorRef[Listener]) -> None:
        """Tell `listener` what is published on `topic`; its handler is `hear(topic, message)`."""
        self._subscribe(topic, listener, "hear")

    @handler
    async def subscribe_with(self, topic: str, subscriber: ActorRef[Any], handler: str) -> None:
        """Like `subscribe`, with the name of another handler that takes a topic and a message."""
        self._subscribe(topic, subscriber, handler)

    @handler
    async def unsubscribe(self, topic: str, subscriber: ActorRef[Any]) -> None:
        """Tell `subscriber` no more of `topic`; if it never subscribed, nothing happens."""
        self._drop(topic, subscriber)

    @handler
    async def publish(self, topic: str, message: object) -> int:
        """Tell all subscribers of `topic`; returns how many were told."""
        told = [self._tell(topic, *subscription, message) for subscription in self._subscriptions(topic)]
        return sum(told)

    @handler
    async def subscribers(self, topic: str) -> list[ActorRef[Any]]:
        """Who hears of `topic`, in the order in which they subscribed."""
        return [subscriber for subscriber, _ in self._subscriptions(topic)]

    @handler
    async def ended(self, subscriber: ActorRef[Any], reason: Reason) -> None:  # noqa: ARG002  # what `watch` sends
        """A subscriber has ended: drop it."""
        for topic in list(self.topics):
            self._drop(topic, subscriber)

    def _subscriptions(self, topic: str) -> list[tuple[ActorRef[Any], str]]:
        return list(self.topics.get(topic, {}).values())

    def _subscribe(self, topic: str, subscriber: ActorRef[Any], handler: str) -> None:
        is_known = any(subscriber.id in subscriptions for subscriptions in self.topics.values())
        self.topics.setdefault(topic, {})[subscriber.id] = (subscriber, handler)
        if not is_known:
            self.context.watch(subscriber, PubSub.ended)

    def _drop(self, topic: str, subscriber: ActorRef[Any]) -> None:
        subscriptions = self.topics.get(topic, {})
        subscriptions.pop(subscriber.id, None)
        if not subscriptions:
            self.topics.pop(topic, None)

    def _tell(self, topic: str, subscriber: ActorRef[Any], handler: str, message: object) -> bool:
        try:
            subscriber.tell_nowait(handler, topic, message)
        except MailboxFullError:
            return False
        except NotRunningError:
            self._drop(topic, subscriber)
            return False
        except TypeError as error:  # no such handler, or a message that it does not take: the others are told
            self.context.log(f"{subscriber.name} was not told of {topic}: {error}")
            return False
        return True
