"""Effects that are run again: after a failure as their `Retry` says, under one idempotency key."""

from __future__ import annotations

from functools import partial
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from told import kinds, told

from theater import (
    Actor,
    ActorRef,
    EffectFailedError,
    EffectInDoubtError,
    Event,
    Retry,
    SetupError,
    Theater,
    effect,
    handler,
)
from theater.chain import Chain
from theater.prompter import Prompter
from theater.restart import Backoff
from theater.script import Script

KEYS: list[str] = []
FAILURES: list[Exception] = []


@pytest.fixture(autouse=True)
def failures() -> list[Exception]:
    """What the next attempts raise, in this test alone."""
    FAILURES.clear()
    KEYS.clear()
    return FAILURES


class DeclinedError(Exception):
    """No, and asking again will not help."""


RETRY = Retry(times=2, first=8.0, most=8.0, factor=1.0, on=(TimeoutError,))


@effect(retry=RETRY, raises=(DeclinedError,), key="idempotency_key")
async def pay(amount: int, *, idempotency_key: str = "", currency: str = "EUR") -> str:
    KEYS.append(idempotency_key)
    if FAILURES:
        raise FAILURES.pop(0)
    return f"{amount} {currency}"


@effect(key="key")
def keyed(client: str, what: str, *, key: str = "") -> str:
    return f"{client} {what} {key}"


class Payer(Actor):
    @handler(raises=(DeclinedError, EffectFailedError))
    async def pay(self, amount: int) -> str:
        return await self.context.effect(pay, amount, currency="USD")

    @handler
    async def pay_twice(self) -> list[str]:
        return [await self.context.effect(pay, 1), await self.context.effect(pay, 1)]

    @handler
    async def pay_with_a_key_of_ones_own(self) -> None:
        with pytest.raises(TypeError):
            await self.context.effect(pay, 1, idempotency_key="mine")

    @handler
    async def keyed(self) -> str:
        answer: str = await self.context.effect(partial(keyed, "client"), "what")
        return answer


@pytest.fixture
async def payer(theater: Theater) -> ActorRef[Payer]:
    return await theater.spawn(Payer(), name="payer")


async def test_an_effect_is_tried_again_until_it_succeeds(theater: Theater, payer: ActorRef[Payer]) -> None:
    FAILURES.extend([TimeoutError("1"), TimeoutError("2")])

    assert await payer.ask(Payer.pay, 5) == "5 USD"

    assert kinds(theater, payer) == [
        "message/received",
        *["effect/begun", "effect/ended"] * 3,
        "message/handled",
    ]


async def test_each_attempt_and_each_wait_is_on_record(theater: Theater, payer: ActorRef[Payer]) -> None:
    FAILURES.append(TimeoutError("late"))

    await payer.ask(Payer.pay, 5)

    first, again = told(theater, payer, "effect/begun")
    failed, ended = told(theater, payer, "effect/ended")
    assert again.body == first.body | {"retries": first.seq}
    assert failed.body["error"] == {"class": "TimeoutError", "text": "late"}
    assert failed.body["effect"] == first.seq
    assert 0 <= failed.body["again"] <= 8_000_000_000
    assert again.time - failed.time == pytest.approx(failed.body["again"], abs=1_000)
    assert ended.body == {"effect": again.seq, "answer": "5 USD"}


async def test_it_stays_failed_after_so_many_attempts(theater: Theater, payer: ActorRef[Payer]) -> None:
    FAILURES.extend(TimeoutError(str(number)) for number in range(9))

    with pytest.raises(EffectFailedError, match="TimeoutError: 2"):
        await payer.ask(Payer.pay, 5)

    assert len(FAILURES) == 6
    assert ["again" in event.body for event in told(theater, payer, "effect/ended")] == [True, True, False]


async def test_errors_that_are_not_named_are_not_tried_again(
    theater: Theater, payer: ActorRef[Payer]
) -> None:
    FAILURES.append(DeclinedError("no"))

    with pytest.raises(DeclinedError, match="no"):
        await payer.ask(Payer.pay, 5)

    assert len(told(theater, payer, "effect/begun")) == 1


async def test_all_attempts_of_one_effect_have_one_key_and_others_have_another(
    theater: Theater, payer: ActorRef[Payer]
) -> None:
    FAILURES.append(TimeoutError())

    await payer.ask(Payer.pay_twice)

    first, again, other = told(theater, payer, "effect/begun")
    assert [f"{payer.id.hex()}-{first.seq}"] * 2 + [f"{payer.id.hex()}-{other.seq}"] == KEYS
    assert again.body["retries"] == first.seq


async def test_the_key_is_not_for_the_handler_to_give_and_not_among_the_arguments(
    theater: Theater, payer: ActorRef[Payer]
) -> None:
    await payer.ask(Payer.pay_with_a_key_of_ones_own)
    assert KEYS == []

    await payer.ask(Payer.pay, 5)

    [begun] = told(theater, payer, "effect/begun")
    assert begun.body["kwargs"] == {"currency": "USD"}


async def test_a_key_goes_well_with_bound_handles_and_threads(
    theater: Theater, payer: ActorRef[Payer]
) -> None:
    answer = await payer.ask(Payer.keyed)

    [begun] = told(theater, payer, "effect/begun")
    assert answer == f"client what {payer.id.hex()}-{begun.seq}"


async def test_an_actor_that_is_killed_while_it_waits_tries_no_more(
    theater: Theater, payer: ActorRef[Payer]
) -> None:
    FAILURES.extend(TimeoutError() for _ in range(9))
    await payer.tell(Payer.pay, 5)
    while not told(theater, payer, "effect/ended"):
        await anyio.lowlevel.checkpoint()

    await payer.kill()
    await anyio.sleep(60)

    assert len(FAILURES) == 8


async def test_a_replay_follows_all_attempts_and_makes_none(theater: Theater, payer: ActorRef[Payer]) -> None:
    FAILURES.append(TimeoutError("late"))
    await payer.ask(Payer.pay, 5)
    attempts = len(KEYS)

    replay = await theater.replay("payer")

    assert replay.ok, str(replay)
    assert len(KEYS) == attempts == 2


@pytest.mark.parametrize(
    "options",
    [
        {"times": 0},
        {"times": 1.5},
        {"first": 0},
        {"most": 0.01},
        {"factor": 0.5},
        {"on": TimeoutError},
        {"on": (BaseException,)},
    ],
    ids=str,
)
def test_a_retry_that_makes_no_sense_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(SetupError):
        Retry(**options)


def test_what_is_no_retry_and_a_key_that_is_no_argument_are_refused() -> None:
    with pytest.raises(SetupError, match="takes a Retry"):
        effect(retry=3)  # type: ignore[call-overload]  # that is the test
    with pytest.raises(SetupError, match="no keyword-only argument 'what'"):
        effect(key="what")(lambda what: what)


@given(failed=st.integers(1, 9), chance=st.floats(0, 1, exclude_max=True))
def test_waits_are_those_of_a_backoff(failed: int, chance: float) -> None:
    retry = Retry(times=5, first=0.5, most=4.0, factor=3.0, on=(OSError,))

    delay = retry.delay(TimeoutError(), failed=failed, chance=chance)

    assert delay == (Backoff(0.5, 4.0, 3.0).delay(failed, chance=chance) if failed <= 5 else None)
    assert retry.delay(ValueError(), failed=failed, chance=chance) is None


# -- again along a record --------------------------------------------------------------------------------

SCRIPT: list[Event] = []


@effect(idempotent=True, key="idempotency_key")
async def book(amount: int, *, idempotency_key: str = "") -> int:
    KEYS.append(idempotency_key)
    return amount


class Again(Actor):
    """Asks for effects along a record that the test made."""

    @handler(raises=(EffectInDoubtError, DeclinedError, EffectFailedError))
    async def again(self, name: str) -> Any:
        turn = self.context._cell.asked()
        differences: list[Any] = []
        prompter = Prompter(
            turn,
            Script(SCRIPT, lambda _: None),
            live=lambda: KEYS.append("live"),
            differs=differences.append,
            aside=differences.append,
        )
        prompter.begin()
        if name == "book":
            return await self.context.effect(book, 5)
        return await self.context.effect(pay, 5)


def recorded(theater: Theater, *events: tuple[str, dict[str, Any]]) -> None:
    """Let the next effect of `Again` go along these events, of which the first has the seq 0."""
    chain = Chain(bytes(range(16)))
    for kind, body in events:
        chain.append(kind, body, time=theater._begun().clock())
    SCRIPT[:] = chain


BEGUN = {"args": [5], "effect": "test_retries:pay"}
BOOKED = {"args": [5], "effect": "test_retries:book"}
LATE = {"class": "TimeoutError", "text": "late"}


@pytest.fixture
async def again(theater: Theater) -> ActorRef[Again]:
    return await theater.spawn(Again(), name="again")


async def test_recorded_attempts_are_followed_without_a_wait_and_without_an_effect(
    theater: Theater, again: ActorRef[Again]
) -> None:
    recorded(
        theater,
        ("effect/begun", BEGUN),
        ("effect/ended", {"effect": 0, "error": LATE, "again": 3_600_000_000_000}),
        ("effect/begun", BEGUN | {"retries": 0}),
        ("effect/ended", {"effect": 2, "answer": "paid"}),
    )

    assert await again.ask(Again.again, "pay") == "paid"

    assert anyio.current_time() == 0
    assert KEYS == ["live"]
    assert kinds(theater, again) == ["message/received", "message/handled"]


async def test_the_decision_of_the_record_counts_and_not_what_the_program_says_now(
    theater: Theater, again: ActorRef[Again]
) -> None:
    recorded(
        theater,
        ("effect/begun", BOOKED),  # which has no retry any more
        ("effect/ended", {"effect": 0, "error": LATE, "again": 1}),
        ("effect/begun", BOOKED | {"retries": 0}),
        ("effect/ended", {"effect": 2, "error": LATE}),
    )

    with pytest.raises(EffectFailedError, match="late"):
        await again.ask(Again.again, "book")

    assert KEYS == ["live"]


async def test_a_record_that_ends_in_a_wait_is_gone_on_with_when_it_is_due(
    theater: Theater, again: ActorRef[Again]
) -> None:
    recorded(
        theater,
        ("effect/begun", BEGUN),
        ("effect/ended", {"effect": 0, "error": LATE, "again": 3_600_000_000_000}),
    )
    await anyio.sleep(1_000)

    assert await again.ask(Again.again, "pay") == "5 EUR"

    assert anyio.current_time() == pytest.approx(3_600)
    assert ["live", f"{again.id.hex()}-0"] == KEYS
    [begun] = told(theater, again, "effect/begun")
    assert begun.body == BEGUN | {"retries": 0}


async def test_attempts_of_before_a_crash_count(theater: Theater, again: ActorRef[Again]) -> None:
    FAILURES.extend(TimeoutError(str(number)) for number in range(9))
    recorded(
        theater,
        ("effect/begun", BEGUN),
        ("effect/ended", {"effect": 0, "error": LATE, "again": 0}),
        ("effect/begun", BEGUN | {"retries": 0}),
        ("effect/ended", {"effect": 2, "error": LATE, "again": 0}),
    )

    with pytest.raises(EffectFailedError, match="TimeoutError: 0"):
        await again.ask(Again.again, "pay")

    assert len(FAILURES) == 8


async def test_an_effect_that_had_begun_is_in_doubt_and_stays_so(
    theater: Theater, again: ActorRef[Again]
) -> None:
    recorded(theater, ("effect/begun", BEGUN))

    with pytest.raises(EffectInDoubtError, match="test_retries:pay ran: nobody knows"):
        await again.ask(Again.again, "pay")

    [ended] = told(theater, again, "effect/ended")
    assert KEYS == ["live"]
    recorded(theater, ("effect/begun", BEGUN), ("effect/ended", ended.body | {"effect": 0}))
    with pytest.raises(EffectInDoubtError, match="nobody knows"):
        await again.ask(Again.again, "pay")


async def test_an_idempotent_effect_in_doubt_is_run_again_under_its_key(
    theater: Theater, again: ActorRef[Again]
) -> None:
    recorded(theater, ("effect/begun", BOOKED))

    assert await again.ask(Again.again, "book") == 5

    assert ["live", f"{again.id.hex()}-0"] == KEYS
    assert told(theater, again, "effect/begun") == []  # it is the same attempt
    [ended] = told(theater, again, "effect/ended")
    assert ended.body == {"effect": 0, "answer": 5}
