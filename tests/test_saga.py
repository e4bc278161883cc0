"""The saga: what is done, what is undone, in what order, and what goes on after a failure or a close."""

from __future__ import annotations

import logging
from math import nan
from pathlib import Path
from typing import Any

import anyio
import pytest

from actors import Outcome, Saga, Status, Step
from theater import Actor, ActorFailedError, ActorRef, Theater, handler


class Clerk(Actor):
    """Does as it is told, and writes down what."""

    notes: list[str] = []  # noqa: RUF012  # given fresh to each instance
    refuses: list[str] = []  # noqa: RUF012  # as above

    @handler(raises=(ValueError,))
    async def work(self, what: str, seconds: float = 0.0) -> int:
        await anyio.sleep(seconds)
        if what in self.refuses:
            raise ValueError(f"not {what}")
        self.notes.append(what)
        return len(self.notes)

    @handler
    async def refuse(self, what: list[str]) -> None:
        self.refuses = what

    @handler
    async def all(self) -> list[str]:
        return self.notes


class Parcel(Saga):
    clerk: ActorRef[Clerk]
    pace: float = 0.0  # seconds
    doubtful: bool = False
    answers: list[int] = []  # noqa: RUF012  # as above

    def steps(self) -> list[Step]:
        return [
            Step(self.pack, self.unpack),
            Step(self.weigh),
            Step(self.send, self.call_back, undo_if_failed=self.doubtful),
        ]

    async def pack(self) -> None:
        self.answers.append(await self.clerk.ask(Clerk.work, "pack"))

    async def unpack(self) -> None:
        await self.clerk.ask(Clerk.work, f"unpack {self.answers[0]}")

    async def weigh(self) -> None:
        await self.clerk.ask(Clerk.work, "weigh", self.pace)

    async def send(self) -> None:
        await self.clerk.ask(Clerk.work, "send")

    async def call_back(self) -> None:
        await self.clerk.ask(Clerk.work, "call back")

    @handler
    async def trip(self) -> None:
        raise RuntimeError("over the wire")


class Unpackable(Parcel):
    async def weigh(self) -> None:
        self.answers.append(object())  # type: ignore[arg-type]  # the point: the message fails, not the step


async def test_all_steps_are_done_in_order_and_once(theater: Theater) -> None:
    clerk = await theater.spawn(Clerk())
    parcel = await theater.spawn(Parcel(clerk=clerk))

    assert await parcel.ask(Saga.run) == Outcome(Status.DONE, 3, "")
    assert await parcel.ask(Saga.run) == Outcome(Status.DONE, 3, "")

    assert await clerk.ask(Clerk.all) == ["pack", "weigh", "send"]


async def test_all_who_ask_to_run_it_are_answered_at_its_end(theater: Theater) -> None:
    clerk = await theater.spawn(Clerk())
    parcel = await theater.spawn(Parcel(clerk=clerk, pace=60))
    outcomes: list[Outcome] = []

    async def run() -> None:
        outcomes.append(await parcel.ask(Saga.run))

    async with anyio.create_task_group() as group:
        group.start_soon(run)
        group.start_soon(run)

    assert [outcome.status for outcome in outcomes] == [Status.DONE] * 2
    assert await clerk.ask(Clerk.all) == ["pack", "weigh", "send"]


@pytest.mark.parametrize(
    ("refused", "doubtful", "done"),
    [
        ("pack", False, []),
        ("weigh", False, ["pack", "unpack 1"]),
        ("send", False, ["pack", "weigh", "unpack 1"]),
        ("send", True, ["pack", "weigh", "call back", "unpack 1"]),
    ],
)
async def test_what_was_done_is_undone_the_last_first(
    theater: Theater,
    refused: str,
    doubtful: bool,  # noqa: FBT001  # a case
    done: list[str],
) -> None:
    clerk = await theater.spawn(Clerk(refuses=[refused]))
    parcel = await theater.spawn(Parcel(clerk=clerk, doubtful=doubtful))

    outcome = await parcel.ask(Saga.run)

    assert (outcome.status, outcome.steps_done) == (Status.UNDONE, 0)
    assert f"ValueError: not {refused}" in outcome.trouble
    assert await clerk.ask(Clerk.all) == done


async def test_pauses_double_no_further_than_numbers_go(theater: Theater) -> None:
    clerk = await theater.spawn(Clerk(refuses=["weigh", "unpack 1"]))
    parcel = await theater.spawn(Parcel(clerk=clerk, tries=1100))

    outcome = await parcel.ask(Saga.run)

    assert (outcome.status, outcome.steps_done) == (Status.STUCK, 1)


@pytest.mark.parametrize("bad", [{"tries": 0}, {"pause": 0.0}, {"pause": nan}])
async def test_a_saga_that_could_not_undo_does_not_start(theater: Theater, bad: dict[str, Any]) -> None:
    with pytest.raises(ActorFailedError, match="1 or more tries and a pause above 0"):
        await theater.spawn(Parcel(clerk=await theater.spawn(Clerk()), **bad))


async def test_an_undoing_that_fails_is_tried_again_after_pauses_that_double(theater: Theater) -> None:
    clerk = await theater.spawn(Clerk(refuses=["send", "unpack 1"]))
    parcel = await theater.spawn(Parcel(clerk=clerk, pause=10, tries=9))
    await parcel.tell(Saga.run)

    await anyio.sleep(10 + 20 + 39)
    assert (await parcel.ask(Saga.look)).status is Status.UNDOING
    await clerk.ask(Clerk.refuse, [])
    await anyio.sleep(2)

    assert await parcel.ask(Saga.look) == Outcome(Status.UNDONE, 0, (await parcel.ask(Saga.look)).trouble)
    assert await clerk.ask(Clerk.all) == ["pack", "weigh", "unpack 1"]
    tried = [event.body["fields"]["tried"] for event in theater.chain(parcel) if "fields" in event.body]
    assert tried == [1, 2, 3]


async def test_each_undoing_has_all_its_tries(theater: Theater) -> None:
    clerk = await theater.spawn(Clerk(refuses=["send", "call back", "unpack 1"]))
    parcel = await theater.spawn(Parcel(clerk=clerk, doubtful=True, pause=10, tries=2))
    await parcel.tell(Saga.run)

    await anyio.sleep(5)
    await clerk.ask(Clerk.refuse, ["unpack 1"])
    await anyio.sleep(10)
    await clerk.ask(Clerk.refuse, [])
    await anyio.sleep(10)

    assert (await parcel.ask(Saga.look)).status is Status.UNDONE


async def test_one_that_cannot_be_undone_is_stuck_until_it_is_retried(theater: Theater) -> None:
    clerk = await theater.spawn(Clerk(refuses=["send", "unpack 1"]))
    parcel = await theater.spawn(Parcel(clerk=clerk, tries=3))

    outcome = await parcel.ask(Saga.run)
    assert (outcome.status, outcome.steps_done) == (Status.STUCK, 1)
    assert "step 1 is not undone" in outcome.trouble
    tried = [event.body["fields"]["tried"] for event in theater.chain(parcel) if "fields" in event.body]
    assert tried == [1, 2, 3]

    await clerk.ask(Clerk.refuse, [])
    assert await parcel.ask(Saga.retry) is True
    await anyio.sleep(1)
    assert (await parcel.ask(Saga.look)).status is Status.UNDONE
    assert await parcel.ask(Saga.retry) is False


async def test_a_saga_without_steps_is_done(theater: Theater) -> None:
    class Nothing(Saga):
        def steps(self) -> list[Step]:
            return []

    assert (await (await theater.spawn(Nothing())).ask(Saga.run)).status is Status.DONE


async def test_a_failure_of_something_else_in_it_neither_repeats_nor_skips_a_step(theater: Theater) -> None:
    clerk = await theater.spawn(Clerk())
    parcel = await theater.spawn(Parcel(clerk=clerk, pace=1))

    async with anyio.create_task_group() as group:
        group.start_soon(parcel.ask, Saga.run)
        for _ in range(3):
            await parcel.tell(Parcel.trip)
            await anyio.sleep(0.5)

    assert theater.statistics().restarts == 3
    assert await clerk.ask(Clerk.all) == ["pack", "weigh", "send"]
    assert (await parcel.ask(Saga.look)).status is Status.DONE


async def test_a_step_whose_message_failed_counts_as_failed(
    theater: Theater, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "theater")
    clerk = await theater.spawn(Clerk())
    parcel = await theater.spawn(Unpackable(clerk=clerk))

    outcome = await parcel.ask(Saga.run)

    assert outcome == Outcome(Status.UNDONE, 0, "it was cut off")
    assert await clerk.ask(Clerk.all) == ["pack", "unpack 1"]


async def test_a_message_of_a_move_that_was_made_is_nothing(theater: Theater) -> None:
    clerk = await theater.spawn(Clerk())
    parcel = await theater.spawn(Parcel(clerk=clerk))
    await parcel.ask(Saga.run)

    for move in range(5):
        await parcel.ask(Saga.go_on, move)
        await parcel.ask(Saga.make_sure, move)

    assert await clerk.ask(Clerk.all) == ["pack", "weigh", "send"]


@pytest.mark.real_clock
@pytest.mark.parametrize("refuses", [[], ["send"]])
async def test_a_saga_goes_on_where_it_was_when_its_folder_was_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refuses: list[str]
) -> None:
    monkeypatch.setattr("actors.saga._AT_ONCE", 0.2)  # seconds between two steps: it closes in between
    classes: list[Any] = [Clerk, Parcel]
    async with Theater(tmp_path / "folder", closing=0) as theater:
        clerk = await theater.spawn(Clerk(refuses=refuses), name="clerk")
        parcel = await theater.spawn(Parcel(clerk=clerk), name="parcel")
        await parcel.tell(Saga.run)
        while (await parcel.ask(Saga.look)).steps_done < 1:
            await anyio.lowlevel.checkpoint()

    async with Theater(tmp_path / "folder") as theater:
        await theater.resume(classes=classes)
        outcome = await theater.find("parcel").ask("run")

        assert outcome.status is (Status.UNDONE if refuses else Status.DONE)
        last = ["unpack 1"] if refuses else ["send"]
        assert await theater.find("clerk").ask("all") == ["pack", "weigh", *last]
