"""Replay: code that does what the record says agrees to the same head; other code is found at its event."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import pytest

from theater import (
    INITIAL,
    TEMPORARY,
    Actor,
    ActorFailedError,
    ActorRef,
    BrokenChainError,
    Chain,
    History,
    HistoryCutError,
    MissingError,
    NotRecordedError,
    Reason,
    Replay,
    SetupError,
    Theater,
    handler,
)
from theater.replaying import rehearse
from theater.replaying.source import MemorySource


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """The failures of these actors are on purpose."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


class Refused(Exception):  # noqa: N818  # an answer
    def __init__(self, amount: int) -> None:
        super().__init__(f"{amount} refused")
        self.amount = amount


class Counter(Actor):
    total: int = 0
    names: list[str] = []  # noqa: RUF012  # fresh to each instance

    @handler(raises=(Refused,))
    async def add(self, amount: int) -> int:
        if amount < 0:
            raise Refused(amount)
        if amount == 13:
            raise RuntimeError("unlucky")
        self.total += amount
        return self.total

    @handler
    async def call(self, *, name: str) -> None:
        self.names.append(name)

    @handler
    async def wait(self, seconds: float) -> str:
        await anyio.sleep(seconds)
        return "over"


class Asker(Actor):
    """Asks another actor in several ways, and remembers what came of it."""

    counter: ActorRef[Counter]
    told: list[str] = []  # noqa: RUF012  # fresh to each instance

    @handler
    async def ask(self, amount: int) -> int:
        try:
            return await self.counter.ask(Counter.add, amount)
        except (Refused, ActorFailedError) as error:
            self.told.append(f"{type(error).__name__}: {error}")
            return -1

    @handler
    async def ask_all(self, amounts: list[int]) -> int:
        last = 0

        async def one(amount: int) -> None:
            nonlocal last
            last = await self.counter.ask(Counter.add, amount)

        async with anyio.create_task_group() as group:
            for amount in amounts:
                group.start_soon(one, amount)
        return last

    @handler
    async def ask_briefly(self) -> bool:
        with anyio.move_on_after(0.02) as scope:
            await self.counter.ask(Counter.wait, 60)
        return scope.cancelled_caught

    @handler
    async def hang(self) -> None:
        await self.counter.ask(Counter.wait, 60)


async def with_counter(theater: Theater) -> ActorRef[Counter]:
    counter = await theater.spawn(Counter(total=40), name="counter")
    await counter.ask(Counter.add, 2)
    await counter.ask(Counter.call, name="x" * 5_000)
    with pytest.raises(Refused):
        await counter.ask(Counter.add, -1)
    return counter


def changed(monkeypatch: pytest.MonkeyPatch, cls: type[Actor], name: str, function: Any) -> None:
    """Change the code of a handler, as an editor would between two runs."""
    monkeypatch.setattr(cls.__dict__["_theater_plan"].handlers[name], "call", function)


async def test_a_replay_agrees_to_the_head_of_the_chain(theater: Theater) -> None:
    counter = await with_counter(theater)

    replay = await theater.replay(counter)

    assert replay.ok, str(replay)
    assert (replay.events, replay.head) == (4, theater.chain(counter).head)
    assert str(replay) == f"counter: 4 events agree, head {replay.head.hex()[:16] if replay.head else ''}"


@pytest.mark.real_clock
async def test_a_folder_is_replayed_beside_its_theater_and_after(tmp_path: Path) -> None:
    async with Theater(tmp_path) as theater:
        await with_counter(theater)
        beside = await theater.replay("counter")
        looked = History(tmp_path).replay("counter")  # a loop runs in this thread
    after = History(tmp_path).replay("counter")

    assert beside.ok
    assert beside == looked
    assert (after.ok, after.events, after.head) == (True, 5, History(tmp_path).chain("counter").head)


def test_a_history_is_replayed_in_a_plain_program(tmp_path: Path) -> None:
    async def main() -> None:
        async with Theater(tmp_path) as theater:
            await with_counter(theater)

    anyio.run(main)
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}

    assert History(tmp_path).replay("counter").ok
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before


async def test_another_answer_is_found_at_its_event(
    theater: Theater, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = await with_counter(theater)

    async def add(self: Counter, amount: int) -> int:
        self.total += amount
        return self.total + 1

    changed(monkeypatch, Counter, "add", add)
    replay = await theater.replay(counter)

    assert (replay.ok, replay.seq, replay.events) == (False, 1, 1)
    assert replay.diff == "answer: expected 42, found 43"
    assert replay.head == theater.chain(counter)[0].hash
    assert "differs at event 1" in str(replay)


async def test_another_state_is_found_field_by_field(
    theater: Theater, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = await with_counter(theater)

    async def add(self: Counter, amount: int) -> int:
        self.total += amount
        self.names.append("odd")
        return self.total

    changed(monkeypatch, Counter, "add", add)
    replay = await theater.replay(counter)

    assert (replay.seq, replay.diff) == (1, "state.names: expected [], found ['odd']")


class Oven(Actor):
    degrees: float = 20.5

    @handler
    async def heat(self, to: float) -> None:
        self.degrees = to

    @handler
    async def keep(self) -> None:
        self.degrees += 0.0


async def test_equal_floats_are_one_state_whichever_object_they_are(theater: Theater) -> None:
    oven = await theater.spawn(Oven(), name="oven")
    for degrees in [200.5] * 2:
        await oven.ask(Oven.heat, degrees)
    await oven.ask(Oven.keep)

    assert (await theater.replay("oven")).ok


async def test_zero_and_minus_zero_are_two_states(theater: Theater, monkeypatch: pytest.MonkeyPatch) -> None:
    async def heat(self: Oven, to: float) -> None:
        self.degrees = -to

    oven = await theater.spawn(Oven(degrees=0.0), name="oven")
    await oven.ask(Oven.heat, 0.0)
    changed(monkeypatch, Oven, "heat", heat)

    assert (await theater.replay("oven")).seq == 1


@pytest.mark.real_clock
async def test_a_large_state_is_compared_at_the_next_snapshot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Theater(tmp_path) as theater:
        await with_counter(theater)

    async def call(self: Counter, *, name: str) -> None:
        self.names.append(name.replace("x", "y"))

    changed(monkeypatch, Counter, "call", call)
    replay = History(tmp_path).replay("counter")

    assert (replay.seq, replay.diff[:24]) == (4, "state.names[0]: expected")


@pytest.mark.parametrize(
    ("amount", "error", "found"),
    [(-1, ValueError("no"), "ValueError"), (-1, None, "answer 42"), (13, Refused(13), "Refused")],
)
async def test_another_end_of_a_handler_is_found(
    theater: Theater, monkeypatch: pytest.MonkeyPatch, amount: int, error: Exception | None, found: str
) -> None:
    counter = await theater.spawn(Counter(total=42), name="counter")
    with pytest.raises((Refused, ActorFailedError)):
        await counter.ask(Counter.add, amount)

    async def add(self: Counter, amount: int) -> int:
        del amount
        if error is not None:
            raise error
        return self.total

    changed(monkeypatch, Counter, "add", add)
    replay = await theater.replay(counter)

    assert replay.seq == 1
    assert found in replay.found


async def test_the_texts_of_errors_are_not_compared(
    theater: Theater, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = await theater.spawn(Counter(), name="counter")
    with pytest.raises(ActorFailedError):
        await counter.ask(Counter.add, 13)

    async def add(self: Counter, amount: int) -> int:
        del self, amount
        raise RuntimeError("another text")

    changed(monkeypatch, Counter, "add", add)

    assert (await theater.replay(counter)).ok


async def test_a_failed_actor_begins_again_with_its_last_good_state(theater: Theater) -> None:
    counter = await with_counter(theater)
    with pytest.raises(ActorFailedError):
        await counter.ask(Counter.add, 13)
    await counter.ask(Counter.add, 1)

    replay = await theater.replay(counter)

    assert replay.ok, str(replay)
    assert [event.kind for event in theater.chain(counter)][-4:] == [
        "message/handled",
        "actor/failed",
        "actor/restarted",
        "message/handled",
    ]


async def test_an_actor_that_begins_anew_is_replayed_so(theater: Theater) -> None:
    counter = await theater.spawn(Counter(total=5), state=INITIAL)
    await counter.ask(Counter.add, 2)
    with pytest.raises(ActorFailedError):
        await counter.ask(Counter.add, 13)

    assert await counter.ask(Counter.add, 1) == 6
    assert (await theater.replay(counter)).ok


async def test_a_run_that_failed_for_good_is_replayed(theater: Theater) -> None:
    counter = await theater.spawn(Counter(), restart=TEMPORARY)
    with pytest.raises(ActorFailedError):
        await counter.ask(Counter.add, 13)
    await counter.stop()

    replay = await theater.replay(counter, classes=[Counter])

    assert replay.ok, str(replay)
    assert replay.events == 4


class Moody(Actor):
    """Its `on_load` fails as often as a list says that is shared by all of its instances."""

    moods: int = 0

    def on_load(self) -> None:
        if MOODS and MOODS.pop():
            raise ValueError("not now")

    @handler
    async def fail(self) -> None:
        raise RuntimeError("as told")


MOODS: list[bool] = []


async def test_an_on_load_that_failed_must_fail_again(theater: Theater) -> None:
    moody = await theater.spawn(Moody())
    MOODS[:] = [False, True]
    with pytest.raises(ActorFailedError):
        await moody.ask(Moody.fail)
    await theater.settled()

    MOODS[:] = [False, True, False]
    again = await theater.replay(moody)
    MOODS.clear()
    never = await theater.replay(moody)
    MOODS[:] = [True]
    early = await theater.replay(moody)

    assert again.ok, str(again)
    assert (never.seq, never.found) == (4, "actor/failed")
    assert (early.seq, early.found[:12]) == (1, "actor/failed")


async def test_what_an_actor_asked_is_answered_from_the_record(theater: Theater) -> None:
    counter = await with_counter(theater)
    asker = await theater.spawn(Asker(counter=counter))
    assert await asker.ask(Asker.ask, 1) == 43
    assert await asker.ask(Asker.ask, -1) == -1
    assert await asker.ask(Asker.ask, 13) == -1
    assert await asker.ask(Asker.ask_all, [1, 2, 3, 4]) == 53
    handled = theater.statistics().handled

    replay = await theater.replay(asker)

    assert replay.ok, str(replay)
    assert replay.head == theater.chain(asker).head
    assert theater.statistics().handled == handled


async def test_answers_reach_a_handlers_tasks_in_the_order_of_the_chain(theater: Theater) -> None:
    """The last to be told decides what is returned: who asked last must not be told first."""
    counter = await theater.spawn(Counter())
    asker = await theater.spawn(Asker(counter=counter))
    await asker.ask(Asker.ask_all, list(range(1, 9)))

    replay = await theater.replay(asker)

    assert replay.ok, str(replay)


async def test_a_time_limit_inside_a_handler_ends_again_at_once(theater: Theater) -> None:
    counter = await theater.spawn(Counter())
    asker = await theater.spawn(Asker(counter=counter))
    assert await asker.ask(Asker.ask_briefly)

    with anyio.fail_after(5):
        replay = await theater.replay(asker)

    assert replay.ok, str(replay)


async def test_another_question_is_found_with_what_differs_in_it(
    theater: Theater, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = await theater.spawn(Counter())
    asker = await theater.spawn(Asker(counter=counter))
    await asker.ask(Asker.ask, 1)

    async def ask(self: Asker, amount: int) -> int:
        return await self.counter.ask(Counter.add, amount + 1)

    changed(monkeypatch, Asker, "ask", ask)
    replay = await theater.replay(asker)

    assert (replay.seq, replay.diff) == (2, "args[0]: expected 1, found 2")
    assert await counter.ask(Counter.add, 0) == 1


async def test_a_question_too_many_is_found_and_never_asked(
    theater: Theater, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = await theater.spawn(Counter())
    asker = await theater.spawn(Asker(counter=counter))
    await asker.ask(Asker.ask, 1)

    async def ask(self: Asker, amount: int) -> int:
        answer = await self.counter.ask(Counter.add, amount)
        with suppress(Exception):  # a handler that catches all cannot hide it
            await self.counter.ask(Counter.add, amount)
        return answer

    changed(monkeypatch, Asker, "ask", ask)
    replay = await theater.replay(asker)

    assert (replay.seq, replay.expected[:15], replay.found[:12]) == (4, "message/handled", "message/sent")
    assert await counter.ask(Counter.add, 0) == 1


async def test_a_question_that_is_missing_is_found(theater: Theater, monkeypatch: pytest.MonkeyPatch) -> None:
    counter = await theater.spawn(Counter())
    asker = await theater.spawn(Asker(counter=counter))
    await asker.ask(Asker.ask, 1)

    async def ask(self: Asker, amount: int) -> int:
        del self
        return amount

    changed(monkeypatch, Asker, "ask", ask)
    replay = await theater.replay(asker)

    assert (replay.seq, replay.expected[:12]) == (2, "message/sent")
    assert replay.found == "nothing: the handler has ended"


async def test_code_that_asks_where_nothing_was_asked_is_found(
    theater: Theater, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = await theater.spawn(Counter())
    await counter.ask(Counter.add, 1)

    async def add(self: Counter, amount: int) -> int:
        await self.context.ref.tell(Counter.add, amount)
        return amount

    changed(monkeypatch, Counter, "add", add)
    replay = await theater.replay(counter)

    assert (replay.seq, replay.found[:16]) == (1, "message/received")


@pytest.mark.parametrize("forever", [True, False])
async def test_code_that_never_ends_is_found(
    theater: Theater, monkeypatch: pytest.MonkeyPatch, *, forever: bool
) -> None:
    counter = await theater.spawn(Counter())
    await counter.ask(Counter.add, 1)

    async def add(self: Counter, amount: int) -> int:
        del self
        while True:
            if forever:
                await anyio.Event().wait()
            await anyio.sleep(3600)
            amount += 1

    changed(monkeypatch, Counter, "add", add)
    replay = await theater.replay(counter)

    assert (replay.seq, replay.found[:8]) == (1, "nothing:")


async def test_code_that_clings_to_its_task_is_let_go(
    theater: Theater, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = await theater.spawn(Counter())
    await counter.ask(Counter.add, 1)

    async def add(self: Counter, amount: int) -> int:
        del self, amount
        while True:
            try:
                await anyio.Event().wait()
            except anyio.get_cancelled_exc_class():
                continue

    changed(monkeypatch, Counter, "add", add)

    assert (await theater.replay(counter)).seq == 1


async def test_a_handler_that_was_killed_is_cut_off_there(theater: Theater) -> None:
    counter = await theater.spawn(Counter())
    asker = await theater.spawn(Asker(counter=counter))
    await asker.tell(Asker.hang)
    await asker.tell(Asker.ask, 1)
    await anyio.wait_all_tasks_blocked()
    await asker.kill()

    replay = await theater.replay(asker)

    assert replay.ok, str(replay)
    assert theater.chain(asker)[-1].body == {"reason": "killed"}


async def test_a_simple_message_that_was_killed_is_cut_off(theater: Theater) -> None:
    counter = await theater.spawn(Counter())
    await counter.tell(Counter.wait, 60)
    await anyio.wait_all_tasks_blocked()
    await counter.kill()

    replay = await theater.replay(counter)

    assert replay.ok, str(replay)


async def test_a_handler_at_work_is_replayed_as_far_as_it_is(theater: Theater) -> None:
    counter = await theater.spawn(Counter())
    asker = await theater.spawn(Asker(counter=counter))
    await asker.tell(Asker.hang)
    await anyio.wait_all_tasks_blocked()

    replay = await theater.replay(asker)

    assert replay.ok, str(replay)
    assert replay.events == 3


async def test_until_ends_before_a_difference(theater: Theater, monkeypatch: pytest.MonkeyPatch) -> None:
    counter = await theater.spawn(Counter())
    asker = await theater.spawn(Asker(counter=counter))
    await asker.ask(Asker.ask, 1)
    chain = theater.chain(asker)

    async def ask(self: Asker, amount: int) -> int:
        return await self.counter.ask(Counter.add, amount) + 1

    changed(monkeypatch, Asker, "ask", ask)
    replays = [await theater.replay(asker, until=seq) for seq in range(len(chain))]

    assert [replay.ok for replay in replays] == [True, True, True, True, False]
    assert [replay.head for replay in replays[:4]] == [event.hash for event in chain[:4]]


async def test_the_debugger_begins_before_the_handler_of_an_event(
    theater: Theater, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = await theater.spawn(Counter())
    asker = await theater.spawn(Asker(counter=counter))
    for amount in (1, 2, 3):
        await asker.ask(Asker.ask, amount)
    [_, second, _] = [event for event in theater.chain(asker) if event.kind == "message/sent"]
    halts: list[str] = []
    monkeypatch.setattr("sys.breakpointhook", lambda: halts.append("halt"))

    async def ask(self: Asker, amount: int) -> int:
        halts.append(str(amount))
        return await self.counter.ask(Counter.add, amount)

    changed(monkeypatch, Asker, "ask", ask)
    await theater.replay(asker, break_at=second.seq)

    assert halts == ["1", "halt", "2", "3"]


class Parent(Actor):
    """Starts a child, and writes down what becomes of it."""

    child: ActorRef[Counter] | None = None
    heard: list[str] = []  # noqa: RUF012  # fresh to each instance

    async def on_start(self) -> None:
        self.child = await self.context.spawn(Counter(total=1), name="child")

    async def on_child_failed(self, child: ActorRef[Any], error: Exception) -> None:
        self.heard.append(f"{child.name} {error} {type(error.__cause__).__name__}")

    async def on_child_stopped(self, child: ActorRef[Any], reason: Reason) -> None:
        self.heard.append(f"{child.name} {reason.value}")

    async def on_child_stopped_by(
        self, child: ActorRef[Any], reason: Reason, by: ActorRef[Any] | None
    ) -> None:
        self.heard.append(f"{child.name} {reason.value} by {by}")

    async def on_stop(self, reason: Reason) -> None:
        self.heard.append(reason.value)

    @handler
    async def look(self) -> int:
        return len(self.context.children)


async def test_hooks_are_told_what_they_were_told(theater: Theater) -> None:
    parent = await theater.spawn(Parent(), name="parent")
    child = theater.find("parent/child")
    with pytest.raises(ActorFailedError):
        await child.ask("add", 13)
    assert await parent.ask(Parent.look) == 1
    await child.kill()
    assert await parent.ask(Parent.look) == 0
    await parent.stop()

    replay = await theater.replay(parent, classes=[Parent])

    assert replay.ok, str(replay)
    handled = [event.body for event in theater.chain(parent) if event.kind == "message/handled"]
    assert handled[-1]["state"]["heard"][-1] == "normal"


@pytest.mark.real_clock
async def test_an_actor_of_a_run_without_messages_is_refused(tmp_path: Path) -> None:
    class Noted(Actor):
        @handler
        async def note(self) -> None:
            self.context.log("noted")

    async with Theater(tmp_path, record_messages=False) as theater:
        noted = await theater.spawn(Noted(), name="noted")
        await noted.ask(Noted.note)
        with pytest.raises(NotRecordedError):
            await theater.replay(noted)
    with pytest.raises(NotRecordedError, match="event 1"):
        History(tmp_path).replay("noted")


async def test_what_is_not_there_cannot_be_replayed(theater: Theater) -> None:
    counter = await theater.spawn(Counter(), name="counter")

    with pytest.raises(MissingError, match="no event 7"):
        await theater.replay(counter, until=7)
    with pytest.raises(MissingError, match="no event 7"):
        await theater.replay(counter, break_at=7)
    with pytest.raises(SetupError, match="no code"):
        await theater.replay(bytes(16))


async def test_a_memory_that_forgot_the_beginning_says_so() -> None:
    async with Theater(keep=3) as theater:
        counter = await theater.spawn(Counter())
        for _ in range(4):
            await counter.ask(Counter.add, 1)

        with pytest.raises(HistoryCutError, match="event 0"):
            await theater.replay(counter)


@pytest.mark.real_clock
async def test_a_class_that_is_not_at_hand_is_named(tmp_path: Path) -> None:
    async with Theater(tmp_path) as theater:
        await theater.spawn(Counter(), name="counter")

    with pytest.MonkeyPatch.context() as patch, pytest.raises(SetupError, match="is not imported"):
        patch.delattr("test_replay.Counter")
        History(tmp_path).replay("counter")
    assert History(tmp_path).replay("counter", classes=[Counter]).ok


async def test_a_handler_that_is_gone_or_takes_other_arguments_is_found(
    theater: Theater, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = await theater.spawn(Counter())
    await counter.ask(Counter.add, 1)
    plan = vars(Counter)["_theater_plan"]

    monkeypatch.setattr(plan, "handlers", {"add": plan.handlers["call"]})
    other = await theater.replay(counter)
    monkeypatch.setattr(plan, "handlers", {})
    gone = await theater.replay(counter)

    assert (other.seq, other.found[:14]) == (1, "Counter.call()")
    assert (gone.seq, gone.found) == (1, "Counter has no handler 'add'")


def test_a_report_shows_the_place_where_long_texts_part() -> None:
    from theater.replaying.report import differences  # noqa: PLC0415  # what is behind the door

    [line] = differences({"text": "a" * 500 + "b"}, {"text": "a" * 500 + "c"})
    assert line == "text: expected …aaaaaaaaaaaab', found …aaaaaaaaaaaac'"
    assert differences({"one": 1}, {"one": True, "two": [1]}) == [
        "one: expected 1, found True",
        "two: expected nothing, found [1]",
    ]
    assert differences({"zero": 0.0}, {}) == ["zero: expected 0.0, found nothing"]
    assert differences({"zero": 0.0}, {"zero": -0.0}) == ["zero: expected 0.0, found -0.0"]
    assert len(differences({"many": list(range(99))}, {"many": list(range(1, 100))})) == 21


def test_a_report_is_a_value() -> None:
    assert Replay("a", b"1" * 16, 0, None) == Replay("a", b"1" * 16, 0, None)
    assert str(Replay("a", b"1" * 16, 0, None)) == "a: 0 events agree, head none"


def no_content(digest: bytes) -> bytes:
    raise AssertionError(digest)


def recorded(*events: tuple[str, dict[str, Any]]) -> MemorySource:
    """A record of one actor, made by hand: its birth, and what came then."""
    chain = Chain(b"a" * 16)
    root = [bytes(16), 0, bytes(32)]
    birth = {
        "class": "test_replay:Counter",
        "name": "counter",
        "options": {},
        "state": {},
        "supervisor": root,
    }
    for kind, body in (("actor/spawned", birth), *events):
        chain.append(kind, body, time=1)
    return MemorySource([event.data for event in chain], no_content)


def handled(**body: Any) -> dict[str, Any]:
    return {"args": [1], "ask": False, "from": None, "handler": "add"} | body


@pytest.mark.parametrize(
    "error",
    [
        {"class": "RetriedTooOftenError", "text": "the process has died 4 times while this was handled"},
        {"class": "Cancelled", "text": "counter was killed while it handled add"},
    ],
)
def test_what_the_runtime_ended_is_not_held_against_the_code(error: dict[str, str]) -> None:
    source = recorded(("message/handled", handled(error=error, failed=True)))

    assert rehearse(lambda: source, b"a" * 16).ok


def test_an_error_of_the_code_that_is_called_as_one_of_the_runtime_is_its_own() -> None:
    error = {"class": "Cancelled", "text": "an order"}
    source = recorded(("message/handled", handled(error=error, failed=True)))

    assert rehearse(lambda: source, b"a" * 16).seq == 1


def test_a_chain_whose_links_are_broken_is_not_replayed() -> None:
    source = recorded(("message/handled", handled(state={"total": 1, "names": []})))
    other = recorded(("log", {"text": "another"}), ("message/handled", handled()))
    mixed = [source.chain(b"a" * 16)[0].data, other.chain(b"a" * 16)[1].data, other.chain(b"a" * 16)[2].data]
    forged = MemorySource([mixed[0], source.chain(b"a" * 16)[1].data, mixed[2]], no_content)

    with pytest.raises(BrokenChainError):
        rehearse(lambda: forged, b"a" * 16)
