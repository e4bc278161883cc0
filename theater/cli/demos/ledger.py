"""The ledger: tellers move money between accounts, all of them actors, many at once."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from random import Random

import anyio

from theater import Actor, ActorRef, NameTakenError, Theater, handler


class InsufficientFunds(Exception):  # noqa: N818  # an answer, not a failure
    """The account holds less than was asked for."""

    def __init__(self, balance: int, amount: int) -> None:
        super().__init__(f"{amount} asked for, {balance} there")
        self.balance = balance
        self.amount = amount


class Account(Actor):
    """Somebody's money; nobody else can touch it."""

    balance: int

    @handler
    async def deposit(self, amount: int) -> int:
        self.balance += amount
        return self.balance

    @handler(raises=(InsufficientFunds,))
    async def withdraw(self, amount: int) -> int:
        if amount > self.balance:
            raise InsufficientFunds(self.balance, amount)
        self.balance -= amount
        return self.balance


class Teller(Actor):
    """Moves money, one transfer at a time."""

    accounts: tuple[ActorRef[Account], ...]

    @handler(raises=(InsufficientFunds,))
    async def transfer(self, source: int, target: int, amount: int) -> None:
        """Move an amount from one account to another, both by number."""
        await self.accounts[source].ask(Account.withdraw, amount)
        await self.accounts[target].ask(Account.deposit, amount)


class Bank(Actor):
    """Supervises accounts and tellers."""

    size: int
    counters: int
    opening: int  # what each account begins with
    tellers: tuple[ActorRef[Teller], ...] = ()

    async def on_start(self) -> None:
        spawn = self.context.spawn
        accounts = tuple(
            [
                await spawn(Account(balance=self.opening), name=f"account-{number:03}")
                for number in range(self.size)
            ]
        )
        self.tellers = tuple(
            [
                await spawn(Teller(accounts=accounts), name=f"teller-{number}")
                for number in range(self.counters)
            ]
        )

    @handler
    async def open(self) -> tuple[ActorRef[Teller], ...]:
        """The tellers who take orders."""
        return self.tellers


@dataclass(frozen=True)
class Order:
    """One transfer that somebody wants."""

    source: int  # number of an account
    target: int
    amount: int


def orders(count: int, *, accounts: int, opening: int, seed: int) -> list[Order]:
    """Orders thrown by dice; some ask for more than there is."""
    dice = Random(seed)  # noqa: S311  # the same orders each time, on purpose
    made = []
    for _ in range(count):
        source, target = dice.sample(range(accounts), 2)
        made.append(Order(source, target, dice.randint(1, opening)))
    return made


async def trade(theater: Theater, *, bank: Bank, wanted: list[Order], step: Callable[[int], None]) -> str:
    """Open a new bank and carry out all orders, as many at once as there are tellers; returns its name.

    Whether an order was carried out or refused is not counted here: the record knows.
    """
    ref = await _spawn(theater, bank)
    waiting = iter(wanted)

    async def serve(teller: ActorRef[Teller]) -> None:
        for order in waiting:
            with suppress(InsufficientFunds):  # an answer like any other: it stands in three chains
                await teller.ask(Teller.transfer, order.source, order.target, order.amount)
            step(1)

    async with anyio.create_task_group() as group:
        for teller in await ref.ask(Bank.open):
            group.start_soon(serve, teller)
    return ref.name


async def _spawn(theater: Theater, bank: Bank) -> ActorRef[Bank]:
    """Start it as `bank`, or the next name that is free in this folder."""
    number = 1
    while True:
        try:
            return await theater.spawn(bank, name="bank" if number == 1 else f"bank-{number}")
        except NameTakenError:
            number += 1
