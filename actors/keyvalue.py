"""Keys and values in the actor's store, with every version that a key ever had.

```python
import anyio

from actors import KeyValue
from theater import Theater


async def main() -> None:
    async with Theater() as theater:
        settings = await theater.spawn(KeyValue(), name="settings")
        await settings.ask(KeyValue.put, "colour", b"red")
        await settings.ask(KeyValue.put, "colour", b"blue")
        await settings.ask(KeyValue.remove, "colour")
        await settings.ask(KeyValue.put, "colour", b"red")

        print(await settings.ask(KeyValue.get, "colour"))
        for version in await settings.ask(KeyValue.history, "colour"):
            if version.ref is None:
                print(version.number, "removed")
            else:
                print(version.number, await settings.ask(KeyValue.read, version.ref))


anyio.run(main)
```

It prints

```text
b'red'
4 b'red'
3 removed
2 b'blue'
1 b'red'
```

Values are kept by their hash, so the two reds are kept once. A key is a label of the store; what it points
to is one line for each version: its number, its time and the ref of its value, or `removed`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from theater import Actor, ContentNotFoundError, ContentRef, MalformedError, handler

_REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Version:
    """What a key held from one moment on."""

    number: int  # from 1, per key
    time: datetime  # UTC
    ref: ContentRef | None  # of the value; None if the key was removed

    def to_line(self) -> bytes:
        """The version as it is kept."""
        return f"{self.number} {self.time.isoformat()} {self.ref or _REMOVED}\n".encode()

    @classmethod
    def from_line(cls, line: bytes) -> Version:
        """Read what `to_line` writes."""
        number, time, value = line.decode().split()
        ref = None if value == _REMOVED else ContentRef.parse(value)
        return cls(int(number), datetime.fromisoformat(time), ref)


class KeyValue(Actor):
    """Keeps values by key; forgets nothing. A key is text of 1 to 1,024 bytes."""

    @handler(raises=(MalformedError,))
    async def put(self, key: str, value: bytes) -> Version:
        """Let `key` hold `value`; returns once both are durable.

        Raises:
            MalformedError: not a key; nothing was kept.
        """
        latest = await self._latest(key)
        return await self._add(key, latest, await self.context.store.store(value))

    @handler(raises=(MalformedError,))
    async def get(self, key: str) -> bytes | None:
        """The value that `key` holds now; None if it holds none."""
        latest = await self._latest(key)
        if latest is None or latest.ref is None:
            return None
        return await self.context.store.get(latest.ref)

    @handler(raises=(MalformedError,))
    async def remove(self, key: str) -> bool:
        """Let `key` hold nothing from now on; says whether it held something. Its history stays."""
        latest = await self._latest(key)
        if latest is None or latest.ref is None:
            return False
        await self._add(key, latest, None)
        return True

    @handler(raises=(MalformedError,))
    async def history(self, key: str) -> list[Version]:
        """All versions of `key`, newest first."""
        store = self.context.store
        return [Version.from_line(await store.get(line)) for line in await store.labelled(key)]

    @handler(raises=(ContentNotFoundError,))
    async def read(self, ref: ContentRef) -> bytes:
        """The value of a version, by its ref.

        Raises:
            ContentNotFoundError: no key ever held it.
        """
        return await self.context.store.get(ref)

    @handler
    async def keys(self) -> list[str]:
        """The keys that hold a value, sorted by code point."""
        latest = {key: await self._latest(key) for key in await self.context.store.list_labels()}
        return [key for key, version in latest.items() if version is not None and version.ref is not None]

    async def _latest(self, key: str) -> Version | None:
        line = await self.context.store.get_by_label(key)
        return None if line is None else Version.from_line(await self.context.store.get(line))

    async def _add(self, key: str, latest: Version | None, ref: ContentRef | None) -> Version:
        version = Version(1 if latest is None else latest.number + 1, self.context.now(), ref)
        await self.context.store.store_at_label(key, version.to_line())
        return version
