"""A cache: values by key, loaded once for all who ask meanwhile, and kept for a while.

```python
import anyio

from actors import Cache
from theater import Actor, ActorRef, Theater, handler


class Translator(Actor):
    asked: int = 0

    @handler
    async def load(self, word: str) -> str:
        self.asked += 1
        await anyio.sleep(0.01)
        return word.upper()

    @handler
    async def count(self) -> int:
        return self.asked


async def main() -> None:
    async with Theater() as theater:
        translator = await theater.spawn(Translator())
        cache = await theater.spawn(Cache[str](source=translator, keep=3600))

        async def look_up(word: str) -> None:
            print(await cache.ask(Cache.get, word))

        async with anyio.create_task_group() as group:
            for word in ("stage", "stage", "stage", "door"):
                group.start_soon(look_up, word)
        await look_up("door")
        print("loaded", await translator.ask(Translator.count))


anyio.run(main)
```

It prints

```text
STAGE
STAGE
STAGE
DOOR
DOOR
loaded 2
```

Where values come from is any actor with a handler `load(key)`. While it is at work the cache answers others.
A load that fails, or takes longer than `patience`, is told to all who wait for it, and is not kept.

Values of a plain `Cache` are plain values. For others say what they are, by a class: `class
Pages(Cache[Page])`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, Protocol, TypeVar

import anyio

from theater import TEMPORARY, Actor, ActorRef, Reason, Reply, handler

V = TypeVar("V")
V_co = TypeVar("V_co", covariant=True)

_LONGEST = 10**9  # seconds, some 30 years: dates do not go on for ever


class LoadError(Exception):
    """The value could not be loaded; `key` and why."""

    def __init__(self, key: str, why: str) -> None:
        super().__init__(f"{key!r} was not loaded: {why}")
        self.key = key
        self.why = why


class Loads(Protocol[V_co]):
    """Where values come from."""

    async def load(self, key: str, /) -> V_co: ...


@dataclass(frozen=True, slots=True)
class Kept(Generic[V]):
    """A value in the cache."""

    value: V
    until: datetime
    used: int  # the larger, the later it was asked for


class Cache(Actor, Generic[V]):
    """Keeps up to `most` values for `keep` seconds each; loads up to `at_once` at a time."""

    source: ActorRef[Loads[V]]
    keep: float = 300.0  # seconds
    most: int = 1_000
    at_once: int = 4
    patience: float = 60.0  # seconds for one load

    kept: dict[str, Kept[V]] = {}
    asked: int = 0
    hits: int = 0
    loads: int = 0
    loading: dict[str, tuple[int, ActorRef[Any]]] = {}  # the number of the load, and who carries it
    queue: list[str] = []  # keys, to be loaded when somebody is free

    async def on_start(self) -> None:
        if self.most < 1 or self.at_once < 1:
            raise ValueError("a cache keeps at least one value, and loads at least one at a time")
        if not (0 <= self.keep <= _LONGEST and self.patience > 0):
            raise ValueError(
                f"a cache keeps a value for 0 to {_LONGEST:,} seconds and has patience for more than 0: "
                f"{self.keep}, {self.patience}"
            )
        self.loading, self.queue = {}, []  # whoever carried them has ended with the life before
        for key in dict.fromkeys(reply.message.args[0] for reply in self._waiting()):
            await self._load(key)

    @handler(raises=(LoadError,))
    async def get(self, key: str, /) -> V:
        """The value of `key`, loaded if it is not here or too old.

        Raises:
            LoadError: it could not be loaded.
        """
        self.asked += 1
        found = self.kept.get(key)
        if found is not None and found.until > self.context.now():
            self.hits += 1
            self.kept[key] = Kept(found.value, found.until, self.asked)
            return found.value
        value: V = self.context.defer().pending
        await self._load(key)
        return value

    @handler
    async def put(self, key: str, value: V) -> None:
        """Keep a value; a load of that key that is at work counts no more."""
        self._keep(key, value)
        await self._settle(key, lambda reply: reply.answer(value))

    @handler
    async def forget(self, key: str) -> bool:
        """Drop a value; says whether it was here. Who waits for it gets one that is loaded from now on."""
        known = self.kept.pop(key, None) is not None
        if key in self.loading:
            await self._free(key)
            await self._load(key)
        return known

    @handler
    async def keys(self) -> list[str]:
        """What is here and not too old, the least lately asked for first."""
        now = self.context.now()
        fresh = {key: kept.used for key, kept in self.kept.items() if kept.until > now}
        return sorted(fresh, key=lambda key: fresh[key])

    @handler
    async def loaded(self, key: str, number: int, value: V) -> None:
        """A load has ended well; its carrier tells it."""
        if self._is_at_work(key, number):
            self._keep(key, value)
            await self._settle(key, lambda reply: reply.answer(value))

    @handler
    async def failed(self, key: str, number: int, why: str) -> None:
        """A load has failed, or took too long; its carrier tells it."""
        if self._is_at_work(key, number):
            await self._settle(key, lambda reply: reply.fail(LoadError(key, why)))

    async def on_child_stopped(self, child: ActorRef[Any], reason: Reason) -> None:
        for key, (number, carrier) in list(self.loading.items()):
            if carrier == child:
                await self.failed(key, number, f"its carrier ended: {reason.value}")

    def _waiting(self) -> list[Reply]:
        return [reply for reply in self.context.deferred if reply.handler == "get"]

    def _is_at_work(self, key: str, number: int) -> bool:
        return key in self.loading and self.loading[key][0] == number

    async def _load(self, key: str) -> None:
        """Begin a load, unless one is at work, or let it wait for its turn."""
        carriers = self.context.children
        self.loading = {key: load for key, load in self.loading.items() if load[1] in carriers}
        if key in self.loading or key in self.queue:
            return
        if len(self.loading) >= self.at_once:
            self.queue.append(key)
            return
        self.loads += 1
        carrier = await self.context.spawn(_Carrier(), name=f"load-{self.loads}", restart=TEMPORARY)
        self.loading[key] = (self.loads, carrier)
        await carrier.tell(_Carrier.carry, key, self.loads, self.source, self.context.ref, self.patience)

    async def _settle(self, key: str, answer: Callable[[Reply], bool]) -> None:
        """Answer all who wait for `key`; whoever is next in the queue may begin."""
        await self._free(key)
        for reply in self._waiting():
            if reply.message.args[0] == key:
                answer(reply)
        awaited = {reply.message.args[0] for reply in self._waiting()}
        while self.queue and len(self.loading) < self.at_once:
            waiting = self.queue.pop(0)
            if waiting in awaited:
                await self._load(waiting)

    async def _free(self, key: str) -> None:
        load = self.loading.pop(key, None)
        if load is not None:
            await load[1].kill()

    def _keep(self, key: str, value: V) -> None:
        until = self.context.now() + timedelta(seconds=self.keep)
        self.asked += 1
        self.kept[key] = Kept(value, until, self.asked)
        if len(self.kept) > self.most:
            del self.kept[min(self.kept, key=lambda one: self.kept[one].used)]


class _Carrier(Actor):
    """Waits for one load, so that the cache need not."""

    @handler
    async def carry(
        self, key: str, number: int, source: ActorRef[Any], cache: ActorRef[Any], patience: float
    ) -> None:
        try:
            with anyio.fail_after(patience):
                value = await source.ask("load", key)
            await cache.tell("loaded", key, number, value)
        except TimeoutError:
            await cache.tell("failed", key, number, f"it took longer than {patience:g} s")
        except Exception as error:  # noqa: BLE001  # whatever it is, it is for those who wait
            await cache.tell("failed", key, number, str(error))
