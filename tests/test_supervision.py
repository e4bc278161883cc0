"""Supervisors: the children they declare, backoff, escalation, and what they may decide themselves."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from told import kinds, only, told

from theater import (
    INITIAL,
    PERMANENT,
    TEMPORARY,
    TRANSIENT,
    Actor,
    ActorFailedError,
    ActorRef,
    Backoff,
    Directive,
    NameTakenError,
    NotRunningError,
    Reason,
    RestartLimit,
    SetupError,
    Supervision,
    Theater,
    child,
    handler,
)

STEPS: list[str] = []


@pytest.fixture(autouse=True)
def steps() -> list[str]:
    """What actors did, in this test alone."""
    STEPS.clear()
    return STEPS


class Worker(Actor):
    """Notes its lives, and fails when it is told to."""

    fails_in: str = ""
    done: int = 0

    async def on_start(self) -> None:
        STEPS.append(f"{self.context.name} starts")
        if self.fails_in == "on_start":
            raise RuntimeError("no start")

    async def on_stop(self, reason: Reason) -> None:
        STEPS.append(f"{self.context.name} {reason.value}")

    @handler
    async def work(self) -> int:
        self.done += 1
        return self.done

    @handler
    async def fail(self, text: str = "as told") -> None:
        raise ValueError(text)

    @handler
    async def rest(self, seconds: float) -> None:
        await anyio.sleep(seconds)

    @handler
    async def exit(self) -> None:
        self.context.stop()


class Keeper(Actor):
    """A supervisor that is told of its children."""

    news: list[str] = []  # noqa: RUF012  # given fresh to each instance
    starts: int = 0

    async def on_start(self) -> None:
        STEPS.append(f"{self.context.name} starts")
        self.starts += 1

    async def on_child_failed(self, child: ActorRef[Any], error: Exception) -> None:
        self.news.append(f"{child.name} failed")
        assert isinstance(error, ActorFailedError)

    async def on_child_stopped(self, child: ActorRef[Any], reason: Reason) -> None:
        self.news.append(f"{child.name} {reason.value}")

    @handler
    async def all_news(self) -> list[str]:
        return self.news

    @handler
    async def spawn(self, name: str, restarts: int) -> ActorRef[Worker]:
        return await self.context.spawn(Worker(), name=name, limit=RestartLimit(restarts=restarts))

    @handler
    async def wait(self, seconds: float) -> None:
        await anyio.sleep(seconds)

    @handler
    async def wait_and_fail(self, seconds: float) -> None:
        await anyio.sleep(seconds)
        raise ValueError("in the end")


class Pair(Keeper):
    """Always has two."""

    supervision = Supervision(
        children=(
            child(Worker(), name="a", limit=RestartLimit(restarts=1)),
            child(Worker(done=10), name="b", restart=TRANSIENT),
        )
    )


async def fail(ref: ActorRef[Any]) -> None:
    with pytest.raises(ActorFailedError):
        await ref.ask("fail")


# -- declared children


async def test_declared_children_are_started_in_order_before_on_start(theater: Theater) -> None:
    await theater.spawn(Pair(), name="pair")

    assert STEPS == ["pair/a starts", "pair/b starts", "pair starts"]
    assert await theater.find("pair/b").ask(Worker.work) == 11


async def test_declared_children_are_stopped_in_reverse(theater: Theater) -> None:
    pair = await theater.spawn(Pair(), name="pair")
    STEPS.clear()

    await pair.stop()

    assert STEPS == ["pair/b shutdown", "pair/a shutdown"]


async def test_each_life_of_a_supervisor_has_its_children_anew(theater: Theater) -> None:
    class Frail(Pair):
        @handler
        async def fail(self) -> None:
            raise ValueError("as told")

    frail = await theater.spawn(Frail(), name="pair")
    first = theater.find("pair/a")
    STEPS.clear()

    await fail(frail)
    await theater.settled()

    assert STEPS == ["pair/b shutdown", "pair/a shutdown", "pair/a starts", "pair/b starts", "pair starts"]
    assert theater.find("pair/a") != first


async def test_starting_the_children_is_on_record_as_one_message(theater: Theater) -> None:
    pair = await theater.spawn(Pair(), name="pair")

    assert kinds(theater, pair)[:6] == [
        "message/received",
        "actor/spawned",
        "message/answered",
        "actor/spawned",
        "message/answered",
        "message/handled",
    ]
    assert told(theater, pair, "message/received")[0].body["handler"] == "@children"


async def test_a_supervisor_whose_child_does_not_start_does_not_start(theater: Theater) -> None:
    class Broken(Keeper):
        supervision = Supervision(
            children=[child(Worker(), name="good"), child(Worker(fails_in="on_start"), name="bad")]  # type: ignore[arg-type]  # any sequence will do
        )

    with pytest.raises(ActorFailedError, match=r"failed in @children: .*no start"):
        await theater.spawn(Broken(), name="boss")

    assert STEPS == ["boss/good starts", "boss/bad starts", "boss/bad failed", "boss/good shutdown"]
    assert theater.statistics().actors == 0


async def test_a_subclass_inherits_and_replaces_the_supervision(theater: Theater) -> None:
    class Same(Pair):
        pass

    class Alone(Pair):
        supervision = Actor.supervision

    await theater.spawn(Same(), name="same")
    await theater.spawn(Alone(), name="alone")

    assert theater.find("same/a").name == "same/a"
    assert theater.statistics().actors == 4


def test_a_supervision_is_no_field_and_nothing_else() -> None:
    with pytest.raises(SetupError, match="means something to every actor"):

        class Annotated(Actor):
            supervision: Supervision = Supervision()  # type: ignore[misc]  # what is refused here

    with pytest.raises(SetupError, match="supervision must be a Supervision"):

        class Named(Actor):
            supervision = "one for one"  # type: ignore[assignment]  # what is refused here

    with pytest.raises(SetupError, match="child 'a' is no actor"):

        class Odd(Actor):
            supervision = Supervision(children=(child(Worker, name="a"),))  # type: ignore[arg-type]  # as above


@pytest.mark.parametrize("said", [{"strategy": "all"}, {"limit": 3}, {"children": (Worker(),)}])
def test_bad_supervisions_are_refused(said: Any) -> None:
    with pytest.raises(SetupError):
        Supervision(**said)


def test_children_have_names_of_their_own() -> None:
    with pytest.raises(SetupError, match="two children are called 'a'"):
        Supervision(children=(child(Worker(), name="a"), child(Worker(), name="a")))
    with pytest.raises(SetupError, match="no '/'"):
        child(Worker(), name="a/b")
    with pytest.raises(SetupError, match="backoff must be a Backoff"):
        child(Worker(), name="a", backoff=1.0)  # type: ignore[arg-type]  # what is refused here


# -- restart types


@pytest.mark.parametrize(("restart", "again"), [(PERMANENT, True), (TRANSIENT, False), (TEMPORARY, False)])
async def test_under_a_declared_supervisor_a_permanent_child_that_stops_itself_is_started_again(
    theater: Theater, restart: Any, *, again: bool
) -> None:
    class Boss(Keeper):
        supervision = Supervision(children=(child(Worker(), name="a", restart=restart),))

    await theater.spawn(Boss(), name="boss")
    worker = theater.find("boss/a")
    await worker.ask(Worker.work)

    await worker.ask(Worker.exit)
    await theater.settled()

    if again:
        assert await worker.ask(Worker.work) == 2
        assert STEPS == ["boss/a starts", "boss starts", "boss/a starts"]
    else:
        assert theater.chain(worker)[-1].body == {"reason": "normal"}


async def test_a_permanent_child_that_stops_itself_too_often_escalates(theater: Theater) -> None:
    await theater.spawn(Pair(), name="pair")
    worker = theater.find("pair/a")

    for _ in range(2):
        await worker.ask(Worker.exit)
    await theater.settled()

    said = {"class": "ActorFailedError", "text": "Worker 'pair/a' ended once too often: normal"}
    assert theater.chain(worker)[-1].body == {"reason": "normal", "escalates": said}
    assert theater.find("pair/a") != worker
    escalated = only(theater, theater.find("pair"), "actor/failed")
    assert escalated.body["error"]["text"] == "Worker 'pair/a' ended once too often: normal"


@pytest.mark.parametrize("declared", [True, False])
async def test_stop_and_kill_by_anybody_are_ends(theater: Theater, *, declared: bool) -> None:
    pair = await theater.spawn(Pair() if declared else Keeper(), name="pair")
    a = theater.find("pair/a") if declared else await pair.ask(Keeper.spawn, "a", 3)
    b = theater.find("pair/b") if declared else await pair.ask(Keeper.spawn, "b", 3)

    await a.stop()
    await b.kill()

    assert await pair.ask(Keeper.all_news) == ["pair/a normal", "pair/b killed"]


async def test_without_a_declared_supervisor_an_actor_that_stops_itself_has_ended(theater: Theater) -> None:
    keeper = await theater.spawn(Keeper(), name="keeper")
    below = await keeper.ask(Keeper.spawn, "a", 3)

    await below.ask(Worker.exit)
    await theater.settled()

    assert await keeper.ask(Keeper.all_news) == ["keeper/a normal"]


# -- escalation


async def test_past_its_limit_a_child_takes_its_supervisor_with_it(theater: Theater) -> None:
    keeper = await theater.spawn(Keeper(), name="keeper")
    worker = await keeper.ask(Keeper.spawn, "a", 1)
    other = await keeper.ask(Keeper.spawn, "b", 1)

    for _ in range(2):
        await fail(worker)
    await theater.settled()

    told_above = {"class": "ValueError", "text": "as told"}
    assert theater.chain(worker)[-1].body == {"reason": "failed", "escalates": told_above}
    assert theater.chain(other)[-1].body == {"reason": "shutdown"}
    failed = only(theater, keeper, "actor/failed").body
    assert failed["handler"] == "@escalate"
    assert failed["error"] == {
        "class": "ActorFailedError",
        "text": "Worker 'keeper/a' failed in fail: ValueError: as told",
    }
    assert only(theater, keeper, "actor/restarted").body == {"restarts": 1}
    assert await keeper.ask(Keeper.all_news) == [
        "keeper/a failed", "keeper/a failed", "keeper/a failed", "keeper/b shutdown",
    ]  # fmt: skip


async def test_an_escalation_dies_with_the_life_that_it_was_for(theater: Theater) -> None:
    keeper = await theater.spawn(Keeper(), name="keeper")
    worker = await keeper.ask(Keeper.spawn, "a", 0)
    await keeper.tell(Keeper.wait_and_fail, 10)

    await fail(worker)
    await theater.settled()

    assert only(theater, keeper, "actor/failed").body["handler"] == "wait_and_fail"
    assert len(told(theater, keeper, "actor/restarted")) == 1


async def test_an_escalation_waits_for_the_message_at_hand(theater: Theater) -> None:
    keeper = await theater.spawn(Keeper(), name="keeper")
    worker = await keeper.ask(Keeper.spawn, "a", 0)
    await keeper.tell(Keeper.wait, 10)
    await fail(worker)
    await keeper.tell(Keeper.wait, 10)

    await theater.settled()

    handled = [event.body.get("handler") for event in told(theater, keeper, "message/handled")]
    assert handled[-6:] == ["wait", "on_child_failed", "on_child_stopped", "@escalate", "on_start", "wait"]


async def test_a_temporary_child_never_escalates(theater: Theater) -> None:
    class Boss(Keeper):
        supervision = Supervision(children=(child(Worker(), name="a", restart=TEMPORARY),))

    boss = await theater.spawn(Boss(), name="boss")

    await fail(theater.find("boss/a"))
    await theater.settled()

    assert await boss.ask(Keeper.all_news) == ["boss/a failed", "boss/a failed"]
    assert not told(theater, boss, "actor/failed")


async def test_an_escalation_climbs_until_somebody_has_a_restart_left(theater: Theater) -> None:
    none = RestartLimit(restarts=0)

    class Low(Keeper):
        supervision = Supervision(children=(child(Worker(), name="worker", limit=none),))

    class High(Keeper):
        supervision = Supervision(children=(child(Low(), name="low", limit=none),))

    high = await theater.spawn(High(), name="high")
    worker, low = theater.find("high/low/worker"), theater.find("high/low")

    await fail(worker)
    await theater.settled()

    assert [theater.chain(one)[-1].body["reason"] for one in (worker, low)] == ["failed", "failed"]
    assert only(theater, high, "actor/restarted").body["restarts"] == 1
    assert await theater.find("high/low/worker").ask(Worker.work) == 1


async def test_at_the_root_an_escalation_ends_and_the_theater_goes_on(theater: Theater) -> None:
    none = RestartLimit(restarts=0)

    class Boss(Keeper):
        supervision = Supervision(children=(child(Worker(), name="a", limit=none),))

    boss, other = await theater.spawn(Boss(), name="boss", limit=none), await theater.spawn(Worker())

    await fail(theater.find("boss/a"))
    await theater.settled()

    assert theater.chain(boss)[-1].body == {"reason": "failed"}
    assert await other.ask(Worker.work) == 1


async def test_two_children_that_escalate_at_once_cost_their_supervisor_one_restart(theater: Theater) -> None:
    keeper = await theater.spawn(Keeper(), name="keeper", limit=RestartLimit(restarts=1))
    workers = [await keeper.ask(Keeper.spawn, name, 0) for name in "ab"]
    await keeper.tell(Keeper.wait, 10)

    for worker in workers:
        await fail(worker)
    await theater.settled()

    assert only(theater, keeper, "actor/restarted").body == {"restarts": 1}


async def test_the_limit_of_a_supervisor_takes_the_place_of_the_default_limit(theater: Theater) -> None:
    class Boss(Keeper):
        supervision = Supervision(
            limit=RestartLimit(restarts=5, within=60),
            children=(child(Worker(), name="a"), child(Worker(), name="b")),
        )

    boss = await theater.spawn(Boss(), name="boss")
    a, b = theater.find("boss/a"), theater.find("boss/b")

    for ref in (a, a, a, a, b):
        await fail(ref)
    assert await b.ask(Worker.work) == 1
    await fail(b)
    await theater.settled()

    assert only(theater, boss, "actor/failed").body["handler"] == "@escalate"


async def test_a_child_that_fails_while_it_is_being_stopped_takes_nobody_along(theater: Theater) -> None:
    keeper = await theater.spawn(Keeper(), name="keeper")
    worker = await keeper.ask(Keeper.spawn, "a", 0)
    await worker.tell(Worker.rest, 1)
    await worker.tell(Worker.fail)

    await worker.stop()
    await theater.settled()

    assert theater.chain(worker)[-1].body == {"reason": "failed"}
    assert not told(theater, keeper, "actor/failed")


async def test_a_child_that_fails_in_its_on_stop_is_told_of_as_an_end_alone(theater: Theater) -> None:
    class Clumsy(Worker):
        async def on_stop(self, reason: Reason) -> None:
            raise ValueError(reason.value)

    class Boss(Keeper):
        supervision = Supervision(children=(child(Clumsy(), name="a"),))

    boss = await theater.spawn(Boss(), name="boss")
    await theater.find("boss/a").stop()

    assert await boss.ask(Keeper.all_news) == ["boss/a normal"]


# -- backoff


def backs_off(most: float = 8.0, **limits: Any) -> dict[str, Any]:
    return {"backoff": Backoff(first=most, most=most), "limit": RestartLimit(**limits)}


async def test_a_backoff_waits_and_the_mailbox_keeps_taking_messages() -> None:
    chances = iter([bytes([0xFF] * 7), bytes([0x80] + [0] * 6)])
    async with Theater(entropy=lambda count: next(chances) if count == 7 else bytes_of(count)) as theater:
        worker = await theater.spawn(Worker(), **backs_off())
        await fail(worker)

        assert await worker.ask(Worker.work) == 1
        assert anyio.current_time() == pytest.approx(8.0)
        await fail(worker)
        assert await worker.ask(Worker.work) == 2
        assert anyio.current_time() == pytest.approx(12.0)


COUNTER = [0]


def bytes_of(count: int) -> bytes:
    COUNTER[0] += 1
    return COUNTER[0].to_bytes(count, "big")


async def test_a_stop_ends_the_wait_and_what_is_queued_is_handled(theater: Theater) -> None:
    worker = await theater.spawn(Worker(), **backs_off(1e6))
    await fail(worker)
    await worker.tell(Worker.work)
    await worker.stop()

    assert anyio.current_time() == 0
    assert kinds(theater, worker)[-4:] == [
        "message/handled",
        "message/handled",
        "message/handled",
        "actor/stopped",
    ]
    assert STEPS[-1].endswith("normal")


async def test_a_kill_ends_the_wait(theater: Theater) -> None:
    worker = await theater.spawn(Worker(), **backs_off(1e6))
    await fail(worker)
    await worker.kill()

    assert anyio.current_time() == 0
    assert theater.chain(worker)[-1].body == {"reason": "killed"}
    assert not told(theater, worker, "actor/restarted")


async def test_the_second_restart_waits_for_longer() -> None:
    halves = bytes([0x80] + [0] * 6)
    async with Theater(entropy=lambda count: halves if count == 7 else bytes_of(count)) as theater:
        worker = await theater.spawn(Worker(), backoff=Backoff(first=1, factor=3), limit=RestartLimit())
        for _ in range(2):
            await fail(worker)

        assert await worker.ask(Worker.work) == 1
        assert anyio.current_time() == pytest.approx(0.5 + 1.5)


async def test_closing_ends_the_wait_and_no_further_failure_waits() -> None:
    async with Theater() as theater:
        worker = await theater.spawn(Worker(), **backs_off(1e6))
        await fail(worker)
        await worker.tell(Worker.fail)
        await worker.tell(Worker.work)

    assert anyio.current_time() == 0
    assert STEPS[-1].endswith("shutdown")


async def test_the_wait_of_a_child_ends_with_its_supervisor(theater: Theater) -> None:
    class Boss(Keeper):
        supervision = Supervision(children=(child(Worker(), name="a", **backs_off(1e6)),))

    boss = await theater.spawn(Boss(), name="boss")
    await fail(theater.find("boss/a"))
    await boss.stop()

    assert anyio.current_time() == 0


async def test_a_backoff_is_kept_in_the_record(theater: Theater) -> None:
    worker = await theater.spawn(Worker(), backoff=Backoff(first=1, most=2))

    assert theater.chain(worker)[0].body["options"] == {"backoff": [1.0, 2.0, 2.0]}


# -- what the supervisor decides itself


class Judge(Keeper):
    """Decides by the text of the failure."""

    supervision = Supervision(
        children=(
            child(Worker(), name="a", limit=RestartLimit(restarts=1)),
            child(Worker(), name="t", restart=TEMPORARY, state=INITIAL),
        )
    )

    def decide(self, child: ActorRef[Any], error: Exception) -> Directive | None:
        STEPS.append(f"{child.name}: {error.__cause__}")
        if str(error.__cause__) == "break":
            raise KeyError("decide")
        if str(error.__cause__) == "look":
            self.context.log("not from here")
        return {"again": Directive.RESTART, "stop": Directive.STOP, "up": Directive.ESCALATE}.get(
            str(error.__cause__)
        )


async def judged(theater: Theater, name: str, text: str) -> ActorRef[Any]:
    await theater.spawn(Judge(), name="judge")
    ref = theater.find(f"judge/{name}")
    with pytest.raises(ActorFailedError):
        await ref.ask(Worker.fail, text)
    await theater.settled()
    return ref


async def test_a_directive_starts_a_temporary_child_again(theater: Theater) -> None:
    ref = await judged(theater, "t", "again")

    assert await ref.ask(Worker.work) == 1
    assert "judge/t: again" in STEPS


async def test_a_directive_lets_a_child_end_that_would_be_started_again(theater: Theater) -> None:
    ref = await judged(theater, "a", "stop")

    with pytest.raises(NotRunningError):
        await ref.ask(Worker.work)
    assert theater.chain(ref)[-1].body == {"reason": "failed"}
    assert not told(theater, theater.find("judge"), "actor/failed")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("up", "ValueError: up"),
        ("break", "KeyError: 'decide'"),
        ("look", "SetupError: Judge used its context outside"),
    ],
)
async def test_a_directive_escalates_and_so_does_a_failing_decide(
    theater: Theater, text: str, says: str
) -> None:
    ref = await judged(theater, "a", text)

    failed = only(theater, theater.find("judge"), "actor/failed").body
    ended = theater.chain(ref)[-1].body
    assert ended["reason"] == "failed"
    assert says == f"{ended['escalates']['class']}: {ended['escalates']['text']}"[: len(says)]
    assert failed["handler"] == "@escalate"
    assert says in failed["error"]["text"]


async def test_what_decide_does_not_decide_follows_the_rules(theater: Theater) -> None:
    ref = await judged(theater, "a", "?")

    assert await ref.ask(Worker.work) == 1


async def test_nothing_is_decided_about_children_of_a_supervisor_that_ends(theater: Theater) -> None:
    judge = await theater.spawn(Judge(), name="judge")
    worker = theater.find("judge/a")
    await worker.tell(Worker.rest, 1)
    await worker.tell(Worker.fail, "again")

    await judge.stop()

    assert "judge/a: again" not in STEPS
    assert len(told(theater, worker, "actor/failed")) == 1


def test_decide_is_a_plain_method() -> None:
    with pytest.raises(SetupError, match="must be a plain `def decide"):

        class Odd(Actor):
            supervision = Supervision()

            async def decide(self, child: ActorRef[Any], error: Exception) -> None: ...


async def test_a_handler_called_decide_is_a_handler(theater: Theater) -> None:
    class Minister(Actor):
        supervision = Supervision(children=(child(Worker(), name="a"),))

        @handler
        async def decide(self, question: str) -> str:
            return f"{question}? No."

    minister = await theater.spawn(Minister(), name="minister")
    await fail(theater.find("minister/a"))

    assert await minister.ask(Minister.decide, "War") == "War? No."
    assert await theater.find("minister/a").ask(Worker.work) == 1


async def test_the_name_of_a_declared_child_is_taken(theater: Theater) -> None:
    pair = await theater.spawn(Pair(), name="pair")

    with pytest.raises(ActorFailedError, match=NameTakenError.__name__):
        await pair.ask(Keeper.spawn, "a", 1)
