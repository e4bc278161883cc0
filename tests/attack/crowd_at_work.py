"""Actors that do all that can be cut off: transfers, store writes, timers, spawns, effects, failures."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

from theater import Actor, ActorRef, EffectInDoubtError, Reason, effect, handler

ACCOUNTS = 4
AT_FIRST = 1000  # in each account
LABELS = 5


def content_of(number: int) -> bytes:
    """What is shelved under a number; some of it too large for the log."""
    return b"content %d." % number * (20 if number % 5 else 5_000)


@effect
def pay(outside: str, number: int) -> int:
    _write_line(outside, f"paid {number}\n")
    return number


@effect(idempotent=True, key="key")
def order(outside: str, number: int, *, key: str = "") -> int:
    _write_line(outside, f"ordered {number} {key}\n")
    return number


def _write_line(outside: str, line: str) -> None:
    descriptor = os.open(outside, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


class Account(Actor):
    """Money comes and goes; what has left one account and not reached the other is on its way."""

    balance: int = AT_FIRST
    sent: int = 0
    got: int = 0

    @handler
    async def hand_over(self, to: ActorRef[Account], amount: int) -> int:
        """Deduct, then ask."""
        self.balance -= amount
        self.sent += amount
        await to.ask(Account.take, amount)
        return self.balance

    @handler
    async def send(self, to: ActorRef[Account], amount: int) -> int:
        """Deduct, then tell."""
        self.balance -= amount
        self.sent += amount
        await to.tell(Account.take, amount)
        return self.balance

    @handler
    async def take(self, amount: int) -> int:
        self.balance += amount
        self.got += amount
        return self.balance

    @handler
    async def total(self) -> tuple[int, int, int]:
        return self.balance, self.sent, self.got


class Shelf(Actor):
    shelved: int = 0

    @handler
    async def shelve(self, number: int) -> str:
        ref = await self.context.store.store_at_label(f"label {number % LABELS}", content_of(number))
        self.shelved += 1
        return ref.hash

    @handler
    async def all(self) -> list[str]:
        """The hashes of all that was shelved, each looked at."""
        store = self.context.store
        refs = await store.list_all_content()
        for ref in refs:
            await store.get(ref)
        return [ref.hash for ref in refs]


class Alarm(Actor):
    """Sets timers; each must ring, and once."""

    set: int = 0
    rung: dict[int, int] = {}  # noqa: RUF012  # how often, by number

    @handler
    async def wake(self, number: int) -> None:
        self.context.after(0.002 * (number % 4 + 1), Alarm.ring, number)
        self.set += 1

    @handler
    async def ring(self, number: int) -> None:
        self.rung[number] = self.rung.get(number, 0) + 1

    @handler
    async def all(self) -> tuple[int, dict[int, int]]:
        return self.set, self.rung


class Worker(Actor):
    number: int

    @handler
    async def who(self) -> int:
        return self.number


class Boss(Actor):
    """Hires and fires, and is told of each end."""

    hired: int = 0
    gone: list[str] = []  # noqa: RUF012

    @handler
    async def hire(self, number: int) -> ActorRef[Worker]:
        worker = await self.context.spawn(Worker(number=number), name=f"worker-{number}")
        self.hired += 1
        return worker

    @handler
    async def fire(self, number: int) -> None:
        for child in self.context.children:
            if child.name == f"boss/worker-{number}":
                await child.stop()

    async def on_child_stopped(self, child: ActorRef[Any], reason: Reason) -> None:  # noqa: ARG002
        self.gone.append(child.name)

    @handler
    async def staff(self) -> list[int]:
        return sorted([await child.ask(Worker.who) for child in self.context.children])

    @handler
    async def ended(self) -> list[str]:
        return self.gone


class Buyer(Actor):
    outside: str
    paid: int = 0
    ordered: int = 0
    doubts: list[int] = []  # noqa: RUF012

    @handler
    async def pay(self, number: int) -> bool:
        """Whether it is known to be paid."""
        try:
            await self.context.effect(pay, self.outside, number)
        except EffectInDoubtError:
            self.doubts.append(number)
            return False
        self.paid += 1
        return True

    @handler
    async def order(self, number: int) -> None:
        await self.context.effect(order, self.outside, number)
        self.ordered += 1

    @handler
    async def all(self) -> tuple[int, int, list[int]]:
        return self.paid, self.ordered, self.doubts


class Notebook(Actor):
    """Its state is too large to stand in each event."""

    pages: dict[int, str] = {}  # noqa: RUF012

    @handler
    async def write(self, number: int) -> int:
        self.pages[number] = f"page {number} " * 50
        return len(self.pages)

    @handler
    async def all(self) -> list[int]:
        assert all(text == f"page {number} " * 50 for number, text in self.pages.items())
        return sorted(self.pages)


class Clumsy(Actor):
    """Fails every third time; what it did before that is undone."""

    begun: int = 0
    done: int = 0

    @handler
    async def try_it(self, number: int) -> int:
        self.begun += 1
        if number % 3 == 0:
            raise ValueError("as told")
        self.context.log("nearly")
        self.done += 1
        return self.done

    @handler
    async def all(self) -> tuple[int, int]:
        return self.begun, self.done


class Clerk(Actor):
    """Answers later, in another message."""

    @handler
    async def later(self, number: int) -> int:
        self.context.defer()
        self.context.after(0.001, Clerk.answer, number)
        return 0

    @handler
    async def answer(self, number: int) -> None:
        for reply in self.context.deferred[:1]:
            reply.answer(number)


class Desk(Actor):
    """Waits for a clerk."""

    got: int = 0

    @handler
    async def wait_for(self, clerk: ActorRef[Clerk], number: int) -> int:
        await clerk.ask(Clerk.later, number)
        self.got += 1
        return self.got

    @handler
    async def all(self) -> int:
        return self.got


CLASSES: list[type[Actor]] = [
    Account, Shelf, Alarm, Worker, Boss, Buyer, Notebook, Clumsy, Clerk, Desk,
]  # fmt: skip


def cast(outside: Path) -> dict[str, Actor]:
    """Who is on the stage from the beginning."""
    accounts: dict[str, Actor] = {f"account-{number}": Account() for number in range(ACCOUNTS)}
    return accounts | {
        "shelf": Shelf(),
        "alarm": Alarm(),
        "boss": Boss(),
        "notebook": Notebook(),
        "clumsy": Clumsy(),
        "clerk": Clerk(),
        "desk": Desk(),
        "buyer": Buyer(outside=str(outside)),
    }


def lines(outside: Path) -> Counter[str]:
    """What happened in the world outside, and how often."""
    return Counter(outside.read_text().splitlines()) if outside.exists() else Counter()


Found = dict[str, Any]
"""What a life found when it began, as plain values."""
