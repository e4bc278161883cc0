"""Rerunning: what was at hand when the process died is handled again, along its record, and on from there."""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from crashes import Crashes
from told import kinds, only, told

from theater import (
    Actor,
    ActorRef,
    EffectInDoubtError,
    History,
    NotRunningError,
    Reason,
    SetupError,
    Theater,
    effect,
    handler,
)

pytestmark = pytest.mark.real_clock

GATES: dict[str, anyio.Event] = {}
RUNS: list[str] = []
AMOUNTS = [10]
SEEN: list[Any] = []


@pytest.fixture(autouse=True)
def fresh() -> None:
    """Gates and runs of this test alone."""
    GATES.clear()
    RUNS.clear()
    SEEN.clear()
    AMOUNTS[:] = [10]


async def at(gate: str) -> None:
    """Wait at a gate, once it is there; gates that nobody made are open."""
    RUNS.append(gate)
    if gate in GATES:
        await GATES[gate].wait()


@effect
async def pay(amount: int) -> int:
    await at(f"pay {amount}")
    return amount


@effect(idempotent=True)
async def look(number: int) -> int:
    await at(f"look {number}")
    if SEEN:
        chain = SEEN[0].chain("one")
        SEEN.append(chain[chain.committed - 1].kind)
    return number


class Account(Actor):
    balance: int = 0
    notes: list[str] = []  # noqa: RUF012  # given fresh to each instance
    other: ActorRef[Account] | None = None

    @handler
    async def total(self) -> int:
        return self.balance

    @handler
    async def all_notes(self) -> list[str]:
        return self.notes

    @handler
    async def note(self, text: str) -> None:
        self.notes.append(text)

    @handler
    async def deposit(self, amount: int) -> int:
        self.balance += amount
        return self.balance

    @handler
    async def slow_deposit(self, amount: int) -> int:
        self.context.log("begins")
        await at("slow deposit")
        self.balance += amount
        return self.balance

    @handler
    async def transfer(self, amount: int, how: str = "deposit") -> int:
        """Deduct first, so that a message that is lost or doubled is money lost or made."""
        assert self.other is not None
        self.balance -= amount
        reached: int = await self.other.ask(how, amount)
        await at("transferred")
        return reached

    @handler
    async def many(self) -> None:
        """Asks for something of each kind."""
        assert self.other is not None
        await self.context.store.store(b"content")
        await at("before")
        await self.other.tell(Account.deposit, 1)
        await self.context.effect(pay, AMOUNTS[-1])
        below = await self.context.spawn(Account(balance=5), name="below")
        self.context.watch(below, Account.ended)
        self.context.link(below)
        self.context.after(3600, Account.wait)
        await below.ask(Account.total)
        await at("many")

    @handler
    async def ended(self, ref: ActorRef[Any], reason: Reason) -> None:
        self.notes.append(f"{ref.name} {reason.value}")

    @handler
    async def pay_once(self) -> str:
        try:
            return str(await self.context.effect(pay, 1))
        except EffectInDoubtError:
            return "in doubt"

    @handler
    async def stand(self) -> None:
        self.context.now()
        await at("at work")

    @handler
    async def end_other(self, how: str) -> str:
        assert self.other is not None
        try:
            await (self.other.stop() if how == "stop" else self.other.kill())
        except NotRunningError:
            return "asleep"
        return "ended"

    @handler
    async def pay_some(self) -> int:
        return await self.context.effect(pay, AMOUNTS[-1])

    @handler
    async def look_and_see(self) -> None:
        await self.context.effect(look, 1)

    @handler
    async def look_once(self) -> int:
        return await self.context.effect(look, 1)

    @handler
    async def ask_in_vain(self) -> str:
        assert self.other is not None
        with anyio.move_on_after(0.01):
            await self.other.ask(Account.wait)
        self.context.log("gave up")
        await at("vain")
        return "gave up"

    @handler
    async def wait(self) -> None:
        await at("wait")


async def crash(folder: Path, before: Callable[[Theater], Awaitable[None]], *, closes: bool = False) -> Path:
    """What is on the disk when a process that did all this is killed, or has closed its theater at once."""
    image = folder.with_suffix(".image")
    async with Theater(folder, closing=0) as theater:
        await before(theater)
        if not closes:
            stage = theater._stage
            assert stage is not None
            await stage.committed()
            shutil.copytree(folder, image)
    return folder if closes else image


async def until(theater: Theater, name: str, kind: str, *, count: int = 1) -> None:
    while len(told(theater, theater.find(name), kind)) < count:
        await anyio.lowlevel.checkpoint()


async def until_at(gate: str, *, times: int = 1) -> None:
    while RUNS.count(gate) < times:
        await anyio.lowlevel.checkpoint()


async def two(theater: Theater) -> tuple[ActorRef[Account], ActorRef[Account]]:
    b = await theater.spawn(Account(balance=100), name="b")
    return await theater.spawn(Account(balance=100, other=b), name="a"), b


async def sums(theater: Theater) -> tuple[int, int]:
    return await theater.find("a").ask(Account.total), await theater.find("b").ask(Account.total)


@pytest.mark.parametrize("closes", [False, True])
@pytest.mark.parametrize("where", ["slow deposit", "transferred"])
async def test_money_is_neither_lost_nor_made_wherever_a_transfer_is_cut_off(
    tmp_path: Path, where: str, *, closes: bool
) -> None:
    async def before(theater: Theater) -> None:
        GATES[where] = anyio.Event()
        a, _ = await two(theater)
        await a.tell(Account.transfer, 10, "slow_deposit")
        await until_at(where)

    folder = await crash(tmp_path / "theater", before, closes=closes)
    GATES[where].set()
    async with Theater(folder) as theater:
        assert (await theater.resume()).left == ()
        await theater.settled()
        assert await sums(theater) == (90, 110)
        assert theater.statistics().unaccounted == 0
        a, b = theater.find("a"), theater.find("b")
        answered = only(theater, a, "message/answered").body
        handled = told(theater, b, "message/handled")[0]
        assert (answered["answer"], answered["from"]) == (110, [b.id, handled.seq, handled.hash])
    assert History(folder).verify().ok


class Clerk(Actor):
    """Answers later, or has somebody else answer."""

    other: ActorRef[Account]
    owed: int = 0

    @handler
    async def deposit_later(self, amount: int) -> int:
        self.owed += amount
        return self.context.defer().pending

    @handler
    async def pay_all(self) -> None:
        for reply in self.context.deferred:
            total = await self.other.ask(Account.deposit, reply.message.args[0])
            self.owed -= reply.message.args[0]
            reply.answer(total)

    @handler
    async def deposit_by(self, amount: int) -> int:
        return await self.context.forward(self.other, Account.deposit, amount)


class Payer(Actor):
    """Gives its money away, each time in another manner."""

    balance: int = 100
    clerk: ActorRef[Clerk]
    account: ActorRef[Account]
    told: list[Any] = []  # noqa: RUF012  # given fresh to each instance

    @handler
    async def give(self) -> list[Any]:
        self.balance -= 1
        self.told.append(await self.account.ask(Account.deposit, 1))
        self.balance -= 2
        await self.account.tell(Account.deposit, 2)
        self.balance -= 4
        self.told.append(await self.clerk.ask(Clerk.deposit_by, 4))
        await self.clerk.tell(Clerk.pay_all)
        self.balance -= 8
        self.told.append(await self.account.ask(Account.slow_deposit, 8))
        ref = await self.context.store.store(b"content")
        self.told.append(await self.context.store.get(ref))
        self.told.append(await self.context.effect(look, 3))
        below = await self.context.spawn(Account(balance=5), name="below")
        self.told.append(await below.ask(Account.total))
        self.context.after(0.001, Payer.rang)
        self.told.append(self.context.random.random())
        self.told.append(str(self.context.now()))
        return self.told

    @handler
    async def give_later(self) -> int:
        self.balance -= 16
        reached = await self.clerk.ask(Clerk.deposit_later, 16)
        self.told.append(reached)
        return reached

    @handler
    async def rang(self) -> None:
        self.told.append("rang")

    @handler
    async def facts(self) -> tuple[int, list[Any]]:
        return self.balance, self.told


async def give(theater: Theater) -> None:
    account, clerk, payer = await givers(theater)
    del account, clerk
    await payer.tell(Payer.give)
    await until_it_rang(theater)


async def give_late(theater: Theater) -> None:
    _, clerk, payer = await givers(theater)
    await payer.tell(Payer.give_later)
    await until(theater, "clerk", "message/handled")
    await clerk.tell(Clerk.pay_all)
    await theater.settled()


async def givers(theater: Theater) -> tuple[ActorRef[Account], ActorRef[Clerk], ActorRef[Payer]]:
    account = await theater.spawn(Account(), name="account")
    clerk = await theater.spawn(Clerk(other=account), name="clerk")
    return account, clerk, await theater.spawn(Payer(clerk=clerk, account=account), name="payer")


async def until_it_rang(theater: Theater) -> None:
    while not told(theater, theater.find("payer"), "timer/fired"):
        await anyio.lowlevel.checkpoint()
    await theater.settled()


async def facts(theater: Theater) -> tuple[int, int, list[Any]]:
    account, payer = theater.find("account"), theater.find("payer")
    return (await account.ask(Account.total), *await payer.ask(Payer.facts))


def first_of(crashes: Crashes, kind: str, handler: str) -> int:
    """How many events there are when one of this handler is committed."""
    events = crashes.events()
    return next(
        count
        for count, event in enumerate(events, start=1)
        if event.kind == kind and event.body.get("handler") == handler
    )


async def test_wherever_a_process_dies_its_actors_end_as_if_it_had_not(quick_path: Path) -> None:
    """Every event is once the last one that was committed."""
    async with Theater(quick_path / "whole") as theater:
        await give(theater)
        expected = await facts(theater)
    assert expected[:2] == (15, 85)
    crashes = Crashes(quick_path / "whole")
    begun = first_of(crashes, "message/received", "give")
    for count in crashes.moments(begun):
        async with Theater(crashes.after(count, quick_path / str(count))) as theater:
            assert (await theater.resume()).left == ()
            await until_it_rang(theater)
            assert await facts(theater) == expected, f"after {count} events"
            assert theater.statistics().unaccounted == 0
        assert History(quick_path / str(count)).verify().ok


async def test_wherever_a_process_dies_a_deferred_answer_is_given_once(quick_path: Path) -> None:
    async with Theater(quick_path / "late") as theater:
        await give_late(theater)
        expected = await facts(theater)
    assert expected == (16, 84, [16])
    crashes = Crashes(quick_path / "late")
    begun = first_of(crashes, "message/received", "give_later")
    for count in crashes.moments(begun):
        async with Theater(crashes.after(count, quick_path / f"late {count}")) as theater:
            assert (await theater.resume()).left == ()
            while not told(theater, theater.find("payer"), "message/handled"):
                await theater.find("clerk").ask(Clerk.pay_all)
            await theater.settled()
            assert await facts(theater) == expected, f"after {count} events"


async def test_a_run_that_goes_on_from_a_crash_may_crash_again_anywhere(quick_path: Path) -> None:
    async with Theater(quick_path / "once") as theater:
        await give(theater)
        expected = await facts(theater)
    crashes = Crashes(quick_path / "once")
    half = (first_of(crashes, "message/received", "give") + len(crashes)) // 2
    async with Theater(crashes.after(half, quick_path / "half")) as theater:
        await theater.resume()
        await until_it_rang(theater)
    again = Crashes(quick_path / "half")
    for count in again.moments(half + 1):
        async with Theater(again.after(count, quick_path / f"again {count}")) as theater:
            assert (await theater.resume()).left == ()
            await until_it_rang(theater)
            assert await facts(theater) == expected, f"after {count} events"


# -- what runs again


async def cut_off(tmp_path: Path, gate: str, asked: str, *, actor: Actor | None = None) -> Path:
    """A crash while one handler stands at a gate."""

    async def before(theater: Theater) -> None:
        GATES[gate] = anyio.Event()
        one = await theater.spawn(actor or Account(balance=100), name="one")
        await one.tell(asked)
        await until_at(gate)

    return await crash(tmp_path / "theater", before)


async def test_an_effect_of_which_nobody_knows_whether_it_ran_is_in_doubt(tmp_path: Path) -> None:
    folder = await cut_off(tmp_path, "pay 1", "pay_once")
    async with Theater(folder) as theater:
        await theater.resume()
        await theater.settled()

        assert only(theater, theater.find("one"), "message/handled").body["message"] == 1
        told_error = only(theater, theater.find("one"), "effect/ended").body["error"]
        assert told_error["class"] == "EffectInDoubtError"
        assert RUNS == ["pay 1"]


async def test_an_idempotent_effect_runs_again_in_the_place_of_the_one_cut_off(tmp_path: Path) -> None:
    folder = await cut_off(tmp_path, "look 1", "look_once")
    GATES["look 1"].set()
    async with Theater(folder) as theater:
        await theater.resume()
        await theater.settled()

        one = theater.find("one")
        assert only(theater, one, "effect/ended").body["answer"] == 1
        assert len(told(theater, one, "effect/begun")) == 1
        assert RUNS == ["look 1"] * 2


async def test_while_a_handler_follows_its_record_nothing_is_recorded_or_done_twice(tmp_path: Path) -> None:
    async def before(theater: Theater) -> None:
        GATES["many"] = anyio.Event()
        _, b = await two(theater)
        await theater.find("a").tell(Account.many)
        await until_at("many")
        del b

    folder = await crash(tmp_path / "theater", before)
    before_it = [event.kind for event in History(folder).chain("a")]
    async with Theater(folder) as theater:
        await theater.resume()
        a, b = theater.find("a"), theater.find("b")
        assert [event.kind for event in theater.chain(a)] == [
            *before_it, "actor/resumed", "message/retried",
        ]  # fmt: skip
        assert [event.body.get("message") for event in told(theater, a, "message/retried")] == [1]
        assert RUNS.count("pay 10") == 1
        assert await b.ask(Account.total) == 101
        GATES["many"].set()
        await theater.settled()
        assert kinds(theater, a)[-1] == "message/handled"


# -- what cannot


async def test_code_that_differs_from_the_record_leaves_its_actor_and_all_below_it_as_they_are(
    tmp_path: Path,
) -> None:
    async def before(theater: Theater) -> None:
        GATES["many"] = anyio.Event()
        await two(theater)
        await theater.find("a").tell(Account.many)
        await until_at("many")

    folder = await crash(tmp_path / "theater", before)
    chains = {one.name: one.head for one in History(folder).actors()}
    AMOUNTS.append(11)
    async with Theater(folder) as theater:
        resumed = await theater.resume()
        assert [ref.name for ref in resumed.refs] == ["b"]
        differs, below = resumed.left
        assert (differs.name, differs.seq) == ("a", 5)
        assert differs.expected.startswith("effect/begun args=[10]")
        assert differs.found.startswith("effect/begun args=[11]")
        assert "at 5, expected effect/begun args=[10]" in differs.why
        assert (below.name, below.why) == ("a/below", "its supervisor is asleep")
        await theater.settled()
        assert theater.statistics().unaccounted == 0
        with pytest.raises(SetupError, match="does not follow the record"):
            await theater.spawn(Account(), name="a", resume=True)
    assert {one.name: one.head for one in History(folder).actors() if one.name != "b"} == {
        name: head for name, head in chains.items() if name != "b"
    }
    assert RUNS.count("pay 11") == 0

    AMOUNTS[:] = [10]
    GATES["many"].set()
    async with Theater(folder) as theater:
        assert (await theater.resume()).left == ()
        await theater.settled()
        assert kinds(theater, theater.find("a"))[-1] == "message/handled"


async def test_an_actor_that_was_laid_down_wakes_in_the_same_run_when_its_code_is_back(
    tmp_path: Path,
) -> None:
    folder = await cut_off(tmp_path, "pay 10", "pay_some")
    AMOUNTS.append(11)
    async with Theater(folder) as theater:
        [left] = (await theater.resume()).left
        AMOUNTS[:] = [10]
        assert [ref.name for ref in (await theater.resume()).refs] == ["one"] == [left.name]
        await theater.settled()
        assert (
            only(theater, theater.find("one"), "effect/ended").body["error"]["class"] == "EffectInDoubtError"
        )


async def test_a_message_that_ends_the_process_each_time_has_failed_after_three_more_tries(
    tmp_path: Path,
) -> None:
    folder = await cut_off(tmp_path, "look 1", "look_once")
    for number in range(3):
        async with Theater(folder, closing=0) as theater:
            await theater.resume()
            await until_at("look 1", times=number + 2)
            stage = theater._stage
            assert stage is not None
            await stage.committed()
            folder = Path(shutil.copytree(folder, tmp_path / f"again {number}"))
    async with Theater(folder) as theater:
        assert (await theater.resume()).left == ()
        await theater.settled()
        one = theater.find("one")
        assert len(told(theater, one, "message/retried")) == 4
        assert only(theater, one, "message/handled").body["error"]["class"] == "RetriedTooOftenError"
        assert only(theater, one, "actor/failed").body["handler"] == "look_once"
        assert len(told(theater, one, "actor/restarted")) == 1
        assert await one.ask(Account.total) == 100
    assert RUNS == ["look 1"] * 4


async def test_that_a_message_is_tried_again_is_durable_before_its_handler_hears_anything(
    tmp_path: Path,
) -> None:
    """One that asked nothing, and one that waits for an answer, begin only when the try is committed."""
    folder = await cut_off(tmp_path, "look 1", "look_and_see")
    async with Theater(folder) as theater:
        SEEN[:] = [theater]
        GATES["look 1"].set()
        await theater.resume()
        await theater.settled()
    assert SEEN[1:] == ["message/retried"]


async def test_a_large_state_is_made_again_before_what_was_cut_off_runs_on_it(tmp_path: Path) -> None:
    async def before(theater: Theater) -> None:
        GATES["slow deposit"] = anyio.Event()
        one = await theater.spawn(Account(balance=100), name="one")
        await one.ask(Account.note, "x" * 5_000)
        await one.tell(Account.slow_deposit, 1)
        await until_at("slow deposit")

    folder = await crash(tmp_path / "theater", before)
    GATES["slow deposit"].set()
    async with Theater(folder) as theater:
        assert (await theater.resume()).left == ()
        await theater.settled()
        one = theater.find("one")
        resumed = only(theater, one, "actor/resumed").body
        assert resumed["state"]["notes"] == ["x" * 5_000]
        assert "changed_code" not in resumed
        assert await one.ask(Account.all_notes) == ["x" * 5_000]
        assert await one.ask(Account.total) == 101


async def test_one_that_finds_out_late_that_it_differs_sleeps_again_with_all_below_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits along its record for longer than a resume does; those below have worked meanwhile."""

    async def before(theater: Theater) -> None:
        GATES["many"] = anyio.Event()
        await two(theater)
        await theater.find("a").tell(Account.many)
        await until_at("many")

    folder = await crash(tmp_path / "theater", before)
    AMOUNTS.append(11)
    GATES["before"] = anyio.Event()
    monkeypatch.setattr("theater.resuming._PATIENCE", 0.01)
    async with Theater(folder, closing=0) as theater:
        assert (await theater.resume()).left == ()
        below = theater.find("a/below")
        assert await below.ask(Account.deposit, 7) == 12
        GATES["at work"] = anyio.Event()
        await below.tell(Account.stand)
        await until_at("at work")
        await below.tell(Account.deposit, 100)
        events = len(theater.chain(below))
        GATES["before"].set()
        while "a" not in theater._running().asleep:
            await anyio.lowlevel.checkpoint()
        await theater._running().committed()
        assert {"a", "a/below"} == set(theater._running().asleep)
        assert [event.kind for event in theater.chain("a")][-1] == "message/answered"
        assert len(theater.chain("a/below")) == events
        assert theater.statistics().unaccounted == 0

        AMOUNTS[:] = [10]
        for gate in ("at work", "many"):
            GATES[gate].set()
        assert [ref.name for ref in (await theater.resume()).refs] == ["a", "a/below"]
        await theater.settled()
        assert kinds(theater, theater.find("a"))[-1] == "message/handled"
        assert await theater.find("a/below").ask(Account.total) == 112
        assert theater.statistics().unaccounted == 0
    assert History(folder).verify().ok


@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_whoever_sleeps_is_neither_stopped_nor_killed(tmp_path: Path, how: str) -> None:
    async with Theater(tmp_path) as theater:
        await two(theater)
    async with Theater(tmp_path) as theater:
        a = await theater.spawn(Account(), name="a", resume=True)
        [b] = [one.ref for one in theater._running().past.values()]
        with pytest.raises(NotRunningError, match="b is asleep in the record"):
            await (b.stop() if how == "stop" else b.kill())
        assert await a.ask(Account.end_other, how) == "asleep"
        refused = only(theater, a, "message/refused").body
        assert (refused["handler"], refused["error"]["class"]) == (f"@{how}", "NotRunningError")
        await theater.resume()
        assert await theater.find("b").ask(Account.total) == 100
