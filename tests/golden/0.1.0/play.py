"""What wrote the folders `closed` and `crashed` beside it, with Theater 0.1.0; they are kept as they are.

    python tests/golden/0.1.0/play.py FOLDER

makes them anew in FOLDER, for whoever wants to know what such folders hold. The classes are needed to go on
with them; a later version of Theater may run this file, and no later version changes it.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import anyio

from theater import (
    ONE_FOR_ALL,
    Actor,
    ActorRef,
    Reason,
    Supervision,
    Theater,
    child,
    compact,
    effect,
    handler,
)

AT_WORK = anyio.Event()


class ShortError(Exception):
    """An account holds less than is asked for."""


class Account(Actor):
    balance: int = 0

    @handler(raises=(ShortError,))
    async def move(self, amount: int) -> int:
        if self.balance + amount < 0:
            raise ShortError(f"{self.balance} is not enough")
        self.balance += amount
        return self.balance


class Bank(Actor):
    supervision: ClassVar[Supervision] = Supervision(
        strategy=ONE_FOR_ALL, children=(child(Account(balance=50), name="ann"), child(Account(), name="bob"))
    )
    seen: list[str] = []

    @handler(raises=(ShortError,))
    async def transfer(self, amount: int) -> list[int]:
        ann, bob = self.context.children
        return [await ann.ask(Account.move, -amount), await bob.ask(Account.move, amount)]

    @handler
    async def tick(self, word: str) -> None:
        self.seen.append(word)

    @handler
    async def begin(self) -> None:
        self.context.every(3_600, Bank.tick, "hour")
        self.context.after(0.001, Bank.tick, "once")
        self.context.log("begun", at=self.context.now(), dice=self.context.random.randrange(6))


@effect(idempotent=True)
async def fetch(url: str) -> str:
    return f"<{url}>"


@effect
async def post(url: str) -> None:
    if url == "die":
        AT_WORK.set()  # what it is about to do is on the disk by now
        await anyio.sleep_forever()


class Keeper(Actor):
    notes: dict[str, bytes] = {}
    when: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    @handler
    async def keep(self, friend: ActorRef[Any]) -> list[str]:
        store = self.context.store
        first = await store.store(b"first")
        await store.store_at_label("greek", b"alpha")
        await store.store_at_label("greek", b"beta" * 300)
        await store.label("greek", first)
        await store.replace_content_at_label("latin", b"a")
        await store.replace_at_label("latin", first)
        await store.store_at_label("gone", b"x")
        await store.remove_label("gone")
        await store.remove_from_label("greek", first)
        await store.store(bytes(1 << 20) + b"over a MiB")
        other = await self.context.stores.new()
        await other.store(b"elsewhere")
        await self.context.stores.grant(other, to=friend)
        assert await store.get(first) == b"first"
        assert await store.exists(first)
        return await store.list_labels()

    @handler
    async def look(self, url: str) -> str:
        return await self.context.effect(fetch, url)

    @handler
    async def remember(self, name: str, size: int) -> int:
        self.notes[name] = name.encode() * size
        return len(self.notes)

    @handler
    async def ended(self, who: ActorRef[Any], reason: Reason) -> None:
        self.notes["ended"] = f"{who.name} {reason}".encode()

    @handler
    async def watch(self, who: ActorRef[Any]) -> None:
        self.context.watch(who, Keeper.ended)

    @handler
    async def cut_off(self, friend: ActorRef[Any]) -> int:
        balance: int = await friend.ask(Account.move, 0)
        await self.context.effect(post, "die")
        return balance


async def first_night(folder: Path) -> None:
    async with Theater(folder) as theater:
        bank = await theater.spawn(Bank(), name="bank")
        keeper = await theater.spawn(Keeper(), name="keeper")
        await bank.ask(Bank.begin)
        await bank.ask(Bank.transfer, 20)
        with contextlib.suppress(ShortError):
            await bank.ask(Bank.transfer, 99)
        await keeper.ask(Keeper.keep, bank)
        await keeper.ask(Keeper.look, "a.example")
        for number in range(12):
            await keeper.ask(Keeper.remember, f"note {number}", 1_000)
        gone = await theater.spawn(Account(balance=1), name="gone")
        await keeper.ask(Keeper.watch, gone)
        for amount in range(30):
            await gone.ask(Account.move, amount)
        await gone.stop()
        await theater.fork("gone", at=9, name="what-if")
        await theater.settled()


async def second_night(folder: Path) -> None:
    async with Theater(folder) as theater:
        await theater.resume()
        await theater.rotate_key()
        await theater.find("bank").ask(Bank.transfer, 5)
        await theater.find("what-if").ask(Account.move, 1)


async def last_night(folder: Path, crashed: Path) -> None:
    """Somebody is cut off in the middle of a message, with two more behind it."""
    async with Theater(folder) as theater:
        await theater.resume()
        keeper, ann = theater.find("keeper"), theater.find("bank/ann")
        await theater.find("bank").tell(Bank.transfer, 1)
        await keeper.tell(Keeper.cut_off, ann)
        await keeper.tell(Keeper.remember, "never", 1)
        await AT_WORK.wait()
        shutil.copytree(folder, crashed)


def main(path: Path) -> None:
    closed, crashed = path / "closed", path / "crashed"
    anyio.run(first_night, closed)
    compact(closed, reason="nobody needs it")
    anyio.run(second_night, closed)
    work = path / "work"
    shutil.copytree(closed, work)
    anyio.run(last_night, work, crashed)
    shutil.rmtree(work)
    for folder in (closed, crashed):
        (folder / "lock").write_text("")  # who held it is nobody's business
        for segment in (folder / "segments").iterdir():
            content = segment.read_bytes().rstrip(b"\0")
            os.truncate(segment, len(content))  # room ahead is no part of the log


if __name__ == "__main__":
    spec = importlib.util.spec_from_file_location("golden_0_1_0", __file__)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)  # the name that the folders know
    spec.loader.exec_module(module)
    module.main(Path(sys.argv[1]))
