"""Asking: answers, declared exceptions, failures, and what a handler leaves behind when it returns."""

from __future__ import annotations

import asyncio
import gc
import logging
from contextvars import ContextVar
from typing import Any

import anyio
import pytest
from told import only

from theater import Actor, ActorRef, Theater, handler
from theater.errors import ActorFailedError, SetupError
from theater.failure import restore_error

COLOUR: ContextVar[str] = ContextVar("colour", default="none")


class InsufficientFundsError(Exception):
    """Says what is missing; its constructor cannot be called with one text."""

    made = 0

    def __init__(self, missing: int, *, account: str) -> None:
        super().__init__(f"{missing} missing in {account}")
        InsufficientFundsError.made += 1
        self.missing = missing
        self.account = account
        self.connection = object()  # does not pack


class FrozenAccountError(InsufficientFundsError):
    """One kind of it, declared by nobody."""


class SpeechlessError(Exception):
    """Has no text."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


class Interrupted(BaseException):
    """As pytest's own outcomes are: no `Exception`, and no wish to end the program."""


class Account(Actor):
    balance: int = 0
    tried: list[int] = []  # noqa: RUF012  # given fresh to each instance

    @handler(raises=(InsufficientFundsError, KeyError))
    async def take(self, amount: int) -> int:
        self.tried.append(amount)
        if amount < 0:
            raise FrozenAccountError(amount, account="mine")
        if amount > self.balance:
            raise InsufficientFundsError(amount - self.balance, account="mine")
        if amount == 13:
            raise KeyError(amount)
        self.balance -= amount
        return self.balance

    @handler
    async def put(self, amount: int) -> int:
        self.balance += amount
        return self.balance

    @handler
    async def attempts(self) -> list[int]:
        return self.tried

    @handler
    async def fail(self, text: str) -> None:
        self.balance = -999
        raise ValueError(text)

    @handler
    async def fail_without_words(self) -> None:
        raise SpeechlessError

    @handler
    async def be_cancelled(self) -> None:
        self.balance = -999
        raise asyncio.CancelledError("not by the runtime")

    @handler
    async def cancel_itself(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await anyio.sleep(1)

    @handler
    async def be_interrupted(self) -> None:
        raise Interrupted("an outcome")


class Clerk(Actor):
    """Asks an account, and lets its failures through."""

    @handler
    async def fail(self, account: ActorRef[Account], text: str) -> None:
        await account.ask(Account.fail, text)

    @handler
    async def missing(self, account: ActorRef[Account], amount: int) -> str:
        try:
            await account.ask(Account.take, amount)
        except InsufficientFundsError as error:
            return f"{type(error).__name__} {error.missing} {error.account}"
        return "taken"

    @handler
    async def comfort(self, account: ActorRef[Account]) -> str:
        try:
            await account.ask(Account.fail, "sadly")
        except ActorFailedError as error:
            return str(error)
        return "fine"


# -- declared exceptions are answers ---------------------------------------------------------------------


async def test_a_declared_exception_reaches_the_asker_with_class_text_and_attributes(
    theater: Theater,
) -> None:
    account = await theater.spawn(Account(balance=5))

    with pytest.raises(InsufficientFundsError, match=r"^2 missing in mine$") as caught:
        await account.ask(Account.take, 7)

    assert type(caught.value) is InsufficientFundsError
    assert (caught.value.missing, caught.value.account) == (2, "mine")


async def test_a_declared_exception_is_restored_without_running_its_constructor(theater: Theater) -> None:
    account = await theater.spawn(Account())
    InsufficientFundsError.made = 0

    with pytest.raises(InsufficientFundsError):
        await account.ask(Account.take, 7)

    assert InsufficientFundsError.made == 1


async def test_what_of_an_exception_does_not_pack_stays_behind(theater: Theater) -> None:
    account = await theater.spawn(Account())

    with pytest.raises(InsufficientFundsError) as caught:
        await account.ask(Account.take, 7)

    assert not hasattr(caught.value, "connection")


async def test_after_a_declared_exception_the_actor_lives_and_keeps_what_it_changed(theater: Theater) -> None:
    account = await theater.spawn(Account(balance=5))

    for amount in (7, 8):
        with pytest.raises(InsufficientFundsError):
            await account.ask(Account.take, amount)

    assert await account.ask(Account.attempts) == [7, 8]
    assert (theater.statistics().failures, theater.statistics().restarts) == (0, 0)


async def test_a_subclass_of_a_declared_exception_arrives_as_that_subclass(theater: Theater) -> None:
    account = await theater.spawn(Account())

    with pytest.raises(FrozenAccountError) as caught:
        await account.ask(Account.take, -1)

    assert caught.value.missing == -1
    assert theater.statistics().failures == 0


async def test_a_declared_exception_of_pythons_own_arrives_with_its_arguments(theater: Theater) -> None:
    account = await theater.spawn(Account(balance=20))

    with pytest.raises(KeyError) as caught:
        await account.ask(Account.take, 13)

    assert caught.value.args == (13,)


@pytest.mark.parametrize(
    ("raised", "restored"),
    [
        ("InsufficientFundsError", InsufficientFundsError),  # declared
        ("FrozenAccountError", FrozenAccountError),  # an imported subclass of that name
        ("ForgottenError", InsufficientFundsError),  # else the nearest declared base
    ],
)
async def test_from_the_record_alone_an_exception_is_of_the_nearest_class_that_is_known(
    theater: Theater, raised: str, restored: type[Exception]
) -> None:
    class ForgottenError(InsufficientFundsError):
        """Known while it is raised, and later no more."""

    class Forgetful(Actor):
        @handler(raises=(KeyError, InsufficientFundsError))
        async def fail(self) -> None:
            kinds = (InsufficientFundsError, FrozenAccountError, ForgottenError)
            raise next(kind for kind in kinds if kind.__name__ == raised)(5, account="mine")

    forgetful = await theater.spawn(Forgetful())
    with pytest.raises(InsufficientFundsError) as caught:
        await forgetful.ask(Forgetful.fail)
    assert type(caught.value).__name__ == raised
    body = only(theater, forgetful, "message/handled").body["error"]
    ForgottenError.__name__ = "something else"

    error = restore_error(body, lambda address: address, declared=(KeyError, InsufficientFundsError))

    assert type(error) is restored
    assert vars(error) == {"missing": 5, "account": "mine"}
    assert str(error) == "5 missing in mine"


class StubbornError(Exception):
    """Takes no attributes, and hides those that it has."""

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(name)

    def __getattribute__(self, name: str) -> Any:
        if name in {"args", "__dict__"}:
            raise RuntimeError(name)
        return super().__getattribute__(name)


async def test_a_declared_exception_of_any_make_is_an_answer_and_the_actor_lives(theater: Theater) -> None:
    class Odd(Actor):
        @handler(raises=(ExceptionGroup, StubbornError))
        async def fail(self, kind: str) -> None:
            if kind == "group":
                raise ExceptionGroup("many", [ValueError("a"), KeyError("b")])
            raise StubbornError("no", 1)

    odd = await theater.spawn(Odd())

    with pytest.raises(ExceptionGroup, match=r"many \(2 sub-exceptions\)"):
        await odd.ask(Odd.fail, "group")
    with pytest.raises(StubbornError):
        await odd.ask(Odd.fail, "stubborn")

    assert theater.statistics().failures == 0
    assert theater.statistics().actors == 1


async def test_a_generator_exit_that_a_handler_raises_is_a_failure(theater: Theater) -> None:
    class Odd(Actor):
        @handler
        async def fail(self) -> None:
            raise GeneratorExit("by hand")

        @handler
        async def works(self) -> str:
            return "still here"

    odd = await theater.spawn(Odd())

    with anyio.fail_after(1), pytest.raises(ActorFailedError, match="GeneratorExit: by hand"):
        await odd.ask(Odd.fail)
    assert await odd.ask(Odd.works) == "still here"


async def test_a_declared_exception_crosses_from_actor_to_actor(theater: Theater) -> None:
    account, clerk = await theater.spawn(Account()), await theater.spawn(Clerk())

    assert await clerk.ask(Clerk.missing, account, 3) == "InsufficientFundsError 3 mine"


async def test_a_declared_exception_that_nobody_waits_for_harms_nobody(theater: Theater) -> None:
    account = await theater.spawn(Account())

    await account.tell(Account.take, 7)
    await theater.settled()

    assert theater.statistics().failures == 0


async def test_an_override_of_a_handler_declares_what_the_handler_declared(theater: Theater) -> None:
    class Strict(Account):
        async def take(self, amount: int) -> int:
            raise InsufficientFundsError(amount, account="strict")

    strict = await theater.spawn(Strict())

    with pytest.raises(InsufficientFundsError, match="strict"):
        await strict.ask(Account.take, 1)


# -- everything else that escapes a handler is a failure -------------------------------------------------


async def test_a_failure_reaches_the_asker_as_an_error_whose_text_ends_with_the_causes(
    theater: Theater,
) -> None:
    account = await theater.spawn(Account(), name="account")

    with pytest.raises(
        ActorFailedError, match=r"Account 'account' failed in fail: ValueError: broken$"
    ) as caught:
        await account.ask(Account.fail, "broken")

    assert isinstance(caught.value.__cause__, ValueError)


async def test_a_failure_that_passes_through_two_actors_still_ends_with_the_first_cause(
    theater: Theater,
) -> None:
    account, clerk = await theater.spawn(Account()), await theater.spawn(Clerk())

    with pytest.raises(ActorFailedError, match=r"Clerk .* failed in fail: .*Account .*: ValueError: broken$"):
        await clerk.ask(Clerk.fail, account, "broken")

    assert theater.statistics().failures == 2


async def test_an_asker_may_catch_the_failure_of_another_actor_and_go_on(theater: Theater) -> None:
    account, clerk = await theater.spawn(Account()), await theater.spawn(Clerk())

    assert (await clerk.ask(Clerk.comfort, account)).endswith("ValueError: sadly")
    assert theater.statistics().failures == 1


async def test_after_a_failure_the_actor_goes_on_with_the_last_good_state(theater: Theater) -> None:
    account = await theater.spawn(Account(balance=5))

    with pytest.raises(ActorFailedError):
        await account.ask(Account.fail, "")

    assert await account.ask(Account.put, 1) == 6
    assert theater.statistics().restarts == 1


async def test_the_traceback_of_a_failure_is_logged(
    theater: Theater, caplog: pytest.LogCaptureFixture
) -> None:
    account = await theater.spawn(Account(), name="account")

    await account.tell(Account.fail, "for the log")
    await theater.settled()

    [record] = caplog.records
    assert (record.name, record.levelno) == ("theater", logging.ERROR)
    assert "Account 'account' failed in fail" in record.message
    assert "in fail\n    raise ValueError(text)" in caplog.text


async def test_messages_behind_one_that_failed_are_handled_by_the_next_life(theater: Theater) -> None:
    account = await theater.spawn(Account(balance=5))

    await account.tell(Account.put, 1)
    await account.tell(Account.fail, "")
    await account.tell(Account.put, 1)

    assert await account.ask(Account.put, 0) == 7


@pytest.mark.parametrize("text", ["\ud800", "", "line\nline", "x" * 100_000])
async def test_a_failure_with_any_text_at_all_is_just_a_failure(theater: Theater, text: str) -> None:
    class Odd(Actor):
        @handler
        async def fail(self) -> None:
            raise ValueError(text)

        @handler
        async def ping(self) -> str:
            return "pong"

    odd = await theater.spawn(Odd())

    with pytest.raises(ActorFailedError):
        await odd.ask(Odd.fail)

    assert await odd.ask(Odd.ping) == "pong"


async def test_a_declared_exception_does_not_excuse_a_state_that_cannot_be_kept(theater: Theater) -> None:
    class Messy(Actor):
        thing: Any = None

        @handler(raises=(KeyError,))
        async def mess(self) -> None:
            self.thing = object()
            raise KeyError

        @handler
        async def read(self) -> Any:
            return self.thing

    messy = await theater.spawn(Messy())

    with pytest.raises(ActorFailedError, match=r"TypeError: .*thing"):
        await messy.ask(Messy.mess)

    assert await messy.ask(Messy.read) is None


async def test_an_exception_that_cannot_even_say_its_text_is_just_a_failure(theater: Theater) -> None:
    account = await theater.spawn(Account(balance=5))

    with pytest.raises(ActorFailedError, match="SpeechlessError"):
        await account.ask(Account.fail_without_words)

    assert await account.ask(Account.put, 1) == 6


@pytest.mark.parametrize("name", ["be_cancelled", "cancel_itself"])
async def test_a_cancellation_that_the_runtime_did_not_send_is_a_failure(theater: Theater, name: str) -> None:
    account = await theater.spawn(Account(balance=5))

    with pytest.raises(ActorFailedError, match="CancelledError"):
        await account.ask(name)

    assert await account.ask(Account.put, 1) == 6
    assert theater.statistics().restarts == 1


async def test_an_interruption_that_is_no_exception_is_a_failure_too(theater: Theater) -> None:
    account = await theater.spawn(Account(balance=5))

    with pytest.raises(ActorFailedError, match=r"Interrupted: an outcome$"):
        await account.ask(Account.be_interrupted)

    assert await account.ask(Account.put, 1) == 6


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_of_the_program_is_no_failure_and_ends_the_program(
    interruption: type[BaseException],
) -> None:
    kept: list[Any] = []

    class Fragile(Actor):
        @handler
        async def work(self) -> None:
            raise interruption

    async def main() -> None:
        async with Theater() as theater:
            fragile = await theater.spawn(Fragile())
            kept.extend((theater, fragile))
            await fragile.ask(Fragile.work)

    with pytest.raises(interruption):
        anyio.run(main)

    theater, fragile = kept
    assert theater.statistics().failures == 0
    assert "actor/failed" not in [event.kind for event in theater.chain(fragile)]


# -- what a handler leaves behind ------------------------------------------------------------------------


async def test_a_task_that_still_runs_when_its_handler_returns_is_cancelled(theater: Theater) -> None:
    ended: list[str] = []

    async def stray() -> None:
        try:
            await anyio.sleep(3600)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    class Parent(Actor):
        @handler
        async def go(self) -> None:
            self._task = asyncio.get_running_loop().create_task(stray())
            await anyio.sleep(1)

    parent = await theater.spawn(Parent())

    await parent.ask(Parent.go)
    await anyio.wait_all_tasks_blocked()

    assert ended == ["cancelled"]
    assert anyio.current_time() < 60


async def test_a_task_that_still_runs_when_its_handler_fails_is_cancelled(theater: Theater) -> None:
    tasks: list[asyncio.Task[None]] = []

    class Parent(Actor):
        @handler
        async def go(self) -> None:
            tasks.append(asyncio.get_running_loop().create_task(anyio.sleep(3600)))
            raise ValueError

    parent = await theater.spawn(Parent())

    with pytest.raises(ActorFailedError):
        await parent.ask(Parent.go)
    await anyio.wait_all_tasks_blocked()

    assert tasks[0].cancelled()


async def test_tasks_of_the_program_outside_are_none_of_an_actors(theater: Theater) -> None:
    account = await theater.spawn(Account())
    task = asyncio.get_running_loop().create_task(anyio.sleep(3600))

    await account.ask(Account.put, 1)
    await anyio.wait_all_tasks_blocked()

    assert not task.done()
    task.cancel()


async def test_a_task_group_inside_a_handler_is_waited_for(theater: Theater) -> None:
    class Crowd(Actor):
        total: int = 0

        @handler
        async def gather(self, accounts: list[ActorRef[Account]]) -> int:
            async with anyio.create_task_group() as tasks:
                for account in accounts:
                    tasks.start_soon(self._one, account)
            return self.total

        async def _one(self, account: ActorRef[Account]) -> None:
            balance = await account.ask(Account.put, 1)
            self.total += balance

    accounts = [await theater.spawn(Account(balance=10)) for _ in range(5)]
    crowd = await theater.spawn(Crowd())

    assert await crowd.ask(Crowd.gather, accounts) == 55


# -- the context belongs to the handler ------------------------------------------------------------------


async def test_the_context_raises_before_the_actor_is_spawned() -> None:
    with pytest.raises(SetupError, match="Account has a context only in its handlers and hooks"):
        _ = Account().context


async def test_the_context_raises_between_messages(theater: Theater) -> None:
    kept: list[Actor] = []

    class Leaky(Actor):
        @handler
        async def leak(self) -> str:
            kept.append(self)
            return self.context.name

    leaky = await theater.spawn(Leaky(), name="leaky")

    assert await leaky.ask(Leaky.leak) == "leaky"
    with pytest.raises(SetupError, match="outside a hook or handler"):
        _ = kept[0].context


async def test_a_context_that_was_kept_is_of_no_use_after_its_handler(theater: Theater) -> None:
    kept: list[Any] = []

    class Leaky(Actor):
        @handler
        async def leak(self) -> None:
            kept.append(self.context)

    leaky = await theater.spawn(Leaky())
    await leaky.ask(Leaky.leak)
    [context] = kept

    for request in (context.now, lambda: context.random, lambda: context.log("late"), context.stop):
        with pytest.raises(SetupError, match="outside a hook or handler"):
            request()
    with pytest.raises(SetupError, match="outside a hook or handler"):
        await context.spawn(Account())


async def test_on_load_has_no_context(theater: Theater) -> None:
    class Eager(Actor):
        def on_load(self) -> None:
            _ = self.context

    with pytest.raises(ActorFailedError, match=r"SetupError: .*outside a hook or handler"):
        await theater.spawn(Eager())


async def test_context_variables_of_the_spawner_are_not_inherited(theater: Theater) -> None:
    seen: list[str] = []

    class Curious(Actor):
        def on_load(self) -> None:
            seen.append(COLOUR.get())

        async def on_start(self) -> None:
            seen.append(COLOUR.get())

        @handler
        async def look(self) -> str:
            return COLOUR.get()

    class Parent(Actor):
        @handler
        async def spawn(self) -> str:
            COLOUR.set("blue")
            return await (await self.context.spawn(Curious())).ask(Curious.look)

    COLOUR.set("red")
    curious, parent = await theater.spawn(Curious()), await theater.spawn(Parent())

    assert await curious.ask(Curious.look) == "none"
    assert await parent.ask(Parent.spawn) == "none"
    assert seen == ["none"] * 4


async def test_no_ask_leaves_an_exception_that_nobody_looked_at(
    theater: Theater, caplog: pytest.LogCaptureFixture
) -> None:
    account = await theater.spawn(Account())
    with caplog.at_level(logging.ERROR, "asyncio"):
        for name in ("fail_without_words", "be_cancelled"):
            with pytest.raises(ActorFailedError):
                await account.ask(name)
        gc.collect()

    assert not [record for record in caplog.records if record.name == "asyncio"]
