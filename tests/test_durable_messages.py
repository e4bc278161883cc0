"""Messages on a slow disk: what waits for the commit, what does not, and who is told when the disk fails."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import anyio
import pytest
from players import HeldJournal
from told import kinds

from theater import Actor, ActorRef, Theater, handler
from theater.errors import ActorFailedError, JournalFailedError
from theater.loop import Future, running_loop


class SlowJournal(HeldJournal):
    """A durable journal that commits when it is told to, or fails."""

    durable = True

    def flushed(self) -> Any:
        if not self.holds_back:
            return None
        loop = running_loop()
        assert loop is not None
        future: Future[None] = loop.create_future()
        self.waiting.append((future, None))
        return future

    def fail(self) -> None:
        super().fail()
        assert self.on_failure is not None
        assert self.failed is not None
        self.on_failure(self.failed)


class Account(Actor):
    balance: int = 0

    @handler(raises=(KeyError,))
    async def add(self, amount: int) -> int:
        if amount < 0:
            raise KeyError(amount)
        self.balance += 10 // amount
        return self.balance

    @handler
    async def add_to(self, other: ActorRef[Account], amount: int) -> int:
        return await other.ask(Account.add, amount)

    @handler
    async def rest(self, seconds: float) -> None:
        await anyio.sleep(seconds)


@pytest.fixture
def journal() -> SlowJournal:
    return SlowJournal()


@pytest.fixture
async def theater(
    anyio_backend: object, journal: SlowJournal, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Theater]:
    """A theater on the slow journal."""
    del anyio_backend
    monkeypatch.setattr("theater.notary.choice.MemoryJournal", lambda **_: journal)
    async with Theater() as theater:
        yield theater
        journal.holds_back = False
        journal.commit()


async def outcome(ask: Callable[..., Any], *args: Any, into: list[Any]) -> None:
    try:
        into.append(await ask(*args))
    except Exception as error:  # noqa: BLE001  # whatever it is, it is told
        into.append(type(error))


@pytest.mark.parametrize(("amount", "expected"), [(1, 10), (-1, KeyError), (0, ActorFailedError)])
async def test_an_answer_to_the_world_outside_waits_for_the_commit_whatever_it_is(
    theater: Theater, journal: SlowJournal, amount: int, expected: Any
) -> None:
    account = await theater.spawn(Account())
    journal.holds_back = True
    answers: list[Any] = []

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: outcome(account.ask, Account.add, amount, into=answers))
        await anyio.wait_all_tasks_blocked()
        assert kinds(theater, account)[0] == "message/handled"
        assert answers == []
        journal.commit()

    assert answers == [expected]


async def test_messages_between_actors_do_not_wait_for_the_commit(
    theater: Theater, journal: SlowJournal
) -> None:
    account, other = await theater.spawn(Account()), await theater.spawn(Account())
    journal.holds_back = True

    await account.tell(Account.add_to, other, 5)
    await anyio.wait_all_tasks_blocked()

    assert kinds(theater, account)[-1] == "message/handled"


async def test_a_tell_from_outside_returns_when_it_is_in_the_mailbox(
    theater: Theater, journal: SlowJournal
) -> None:
    account = await theater.spawn(Account())
    journal.holds_back = True

    await account.tell(Account.add, 5)

    assert journal.waiting == []


async def test_settled_waits_until_all_is_handled_and_committed(
    theater: Theater, journal: SlowJournal
) -> None:
    account = await theater.spawn(Account())
    journal.holds_back = True
    settled: list[Any] = []
    await account.tell(Account.rest, 60)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: outcome(theater.settled, into=settled))
        await anyio.sleep(61)
        assert (kinds(theater, account), settled) == (["message/handled"], [])
        journal.holds_back = False
        journal.commit()

    assert settled == [None]


async def test_an_end_that_the_world_outside_asked_for_is_committed_when_it_returns(
    theater: Theater, journal: SlowJournal
) -> None:
    account = await theater.spawn(Account())
    journal.holds_back = True
    ended: list[Any] = []

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: outcome(account.stop, into=ended))
        await anyio.wait_all_tasks_blocked()
        assert (kinds(theater, account), ended) == (["actor/stopped"], [])
        journal.commit()

    assert ended == [None]


async def test_while_too_much_waits_for_the_disk_mailboxes_are_not_drained(
    theater: Theater, journal: SlowJournal
) -> None:
    account = await theater.spawn(Account())
    journal.holds_back = journal.full = True

    await account.tell(Account.add, 5)
    await anyio.wait_all_tasks_blocked()
    assert (kinds(theater, account), theater.statistics().queued) == ([], 1)

    journal.commit()
    await anyio.wait_all_tasks_blocked()
    assert kinds(theater, account) == ["message/handled"]


async def test_when_the_disk_fails_everyone_who_waits_is_told_and_nobody_can_go_on(
    theater: Theater, journal: SlowJournal
) -> None:
    account, busy = await theater.spawn(Account()), await theater.spawn(Account(), mailbox=1)
    journal.holds_back = True
    told: list[Any] = []

    async with anyio.create_task_group() as tasks:
        for what in (
            lambda: account.ask(Account.add, 1),  # handled, waits for the commit
            lambda: busy.ask(Account.rest, 60),  # at hand
            lambda: busy.ask(Account.add, 1),  # queued
            lambda: busy.tell(Account.add, 1),  # waits for room
            busy.stop,
            theater.settled,
        ):
            tasks.start_soon(partial(outcome, what, into=told))
            await anyio.wait_all_tasks_blocked()
        journal.fail()

    assert sorted(kind.__name__ for kind in told) == ["JournalFailedError"] * 5 + ["NotRunningError"]
    for send in (account.tell, account.ask):
        with pytest.raises(JournalFailedError, match="the disk is gone"):
            await send(Account.add, 1)
    for end in (account.stop, busy.kill, theater.settled):
        with pytest.raises(JournalFailedError, match="the disk is gone"):
            await end()
    with pytest.raises(JournalFailedError, match="the disk is gone"):
        await theater.spawn(Account())
