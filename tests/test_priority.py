"""Priority: messages for handlers marked so pass those that are not, in a lane of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest
from told import meanwhile

from theater import Actor, ActorRef, Theater, handler
from theater.errors import MailboxFullError


class Ward(Actor):
    """Notes in which order it treats whom."""

    treated: list[Any] = []  # noqa: RUF012  # given fresh to each instance

    @handler
    async def rest(self, seconds: float) -> None:
        await anyio.sleep(seconds)

    @handler
    async def patient(self, who: Any) -> None:
        self.treated.append(who)

    @handler(priority=True)
    async def emergency(self, who: Any) -> int:
        self.treated.append(who)
        return len(self.treated)

    @handler
    async def all(self) -> list[Any]:
        return self.treated


class Calm(Ward):
    @handler(priority=False)
    async def emergency(self, who: Any) -> int:
        return await super().emergency(who)


async def busy(theater: Theater, ward: Ward | None = None, **options: Any) -> ActorRef[Ward]:
    ref = await theater.spawn(Ward() if ward is None else ward, name="ward", **options)
    await ref.tell(Ward.rest, 60)
    await anyio.wait_all_tasks_blocked()
    return ref


async def test_a_priority_message_passes_all_that_waits_and_keeps_its_order(theater: Theater) -> None:
    ward = await busy(theater)
    for number in range(3):
        await ward.tell(Ward.patient, number)
        await ward.tell(Ward.emergency, f"first {number}")

    await theater.settled()

    assert await ward.ask(Ward.all) == ["first 0", "first 1", "first 2", 0, 1, 2]


async def test_the_message_at_hand_is_not_interrupted(theater: Theater) -> None:
    ward = await busy(theater)

    await ward.ask(Ward.emergency, "now")

    assert anyio.current_time() == 60


async def test_an_override_decides_for_itself(theater: Theater) -> None:
    ward = await busy(theater, Calm())
    await ward.tell(Ward.patient, 1)
    await ward.tell(Ward.emergency, 2)
    await theater.settled()

    assert await ward.ask(Ward.all) == [1, 2]


async def test_a_full_ordinary_lane_keeps_no_priority_message_out(theater: Theater) -> None:
    ward = await busy(theater, mailbox=2)
    for number in range(2):
        ward.tell_nowait(Ward.patient, number)
    with pytest.raises(MailboxFullError):
        ward.tell_nowait(Ward.patient, "one too many")

    for number in range(2):
        await ward.tell(Ward.emergency, f"first {number}")
    assert anyio.current_time() == 0
    with pytest.raises(MailboxFullError):
        ward.tell_nowait(Ward.emergency, "one too many")

    await theater.settled()
    assert await ward.ask(Ward.all) == ["first 0", "first 1", 0, 1]


async def test_a_full_priority_lane_keeps_no_ordinary_message_out(theater: Theater) -> None:
    ward = await busy(theater, mailbox=1)
    ward.tell_nowait(Ward.emergency, "first")

    ward.tell_nowait(Ward.patient, 0)

    assert theater.statistics().queued == 2


@pytest.mark.virtual_clock(seeds=5)
async def test_who_waits_for_room_in_one_lane_is_let_in_past_those_who_wait_in_the_other(
    theater: Theater,
) -> None:
    ward = await busy(theater, mailbox=1)
    ward.tell_nowait(Ward.patient, "a")
    ward.tell_nowait(Ward.emergency, "A")

    async with anyio.create_task_group() as tasks:
        for lower in "bc":
            meanwhile(tasks, ward.tell, Ward.patient, lower)
            await anyio.wait_all_tasks_blocked()
            meanwhile(tasks, ward.tell, Ward.emergency, lower.upper())
            await anyio.wait_all_tasks_blocked()

    assert await ward.ask(Ward.all) == ["A", "B", "C", "a", "b", "c"]


async def test_nobody_is_let_in_before_those_of_the_same_lane(theater: Theater) -> None:
    ward = await busy(theater, mailbox=1)
    ward.tell_nowait(Ward.emergency, "A")

    async with anyio.create_task_group() as tasks:
        meanwhile(tasks, ward.tell, Ward.emergency, "B")
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(MailboxFullError):
            ward.tell_nowait(Ward.emergency, "C")
        ward.tell_nowait(Ward.patient, "a")

    await theater.settled()
    assert await ward.ask(Ward.all) == ["A", "B", "a"]


@pytest.mark.parametrize("overflow", ["drop_newest", "drop_oldest"])
async def test_each_lane_drops_its_own(theater: Theater, overflow: Any) -> None:
    ward = await busy(theater, mailbox=1, overflow=overflow)
    for number in range(2):
        await ward.tell(Ward.patient, number)
        await ward.tell(Ward.emergency, f"first {number}")
    await theater.settled()

    expected = ["first 0", 0] if overflow == "drop_newest" else ["first 1", 1]
    assert await ward.ask(Ward.all) == expected


async def test_one_that_gave_up_is_withdrawn_from_its_lane(theater: Theater) -> None:
    ward = await busy(theater)
    await ward.tell(Ward.patient, 0)

    with anyio.move_on_after(1):
        await ward.ask(Ward.emergency, "withdrawn")
    await ward.tell(Ward.emergency, "stays")
    await theater.settled()

    assert await ward.ask(Ward.all) == ["stays", 0]


async def test_a_stop_finishes_both_lanes(theater: Theater) -> None:
    ward = await busy(theater)
    await ward.tell(Ward.patient, 0)
    await ward.tell(Ward.emergency, "first")

    await ward.stop()

    handled = [event.body["args"][0] for event in theater.chain(ward) if event.kind == "message/handled"]
    assert handled == [60, "first", 0]


async def test_both_lanes_are_dead_letters_when_the_actor_is_killed(theater: Theater) -> None:
    ward = await busy(theater)
    await ward.tell(Ward.patient, 0)
    await ward.tell(Ward.emergency, "first")

    await ward.kill()

    dead = [event.body["args"][0] for event in theater.chain(ward) if event.kind == "message/dead"]
    assert dead == ["first", 0]


@pytest.mark.real_clock
async def test_both_lanes_come_back_after_a_close(tmp_path: Path) -> None:
    folder = tmp_path / "theater"
    async with Theater(folder, closing=0) as theater:
        ward = await busy(theater)
        await ward.tell(Ward.patient, 0)
        await ward.tell(Ward.emergency, "first")
        await ward.tell(Ward.patient, 1)
        await ward.tell(Ward.emergency, "second")

    class Rested(Ward):
        @handler
        async def rest(self, seconds: float) -> None:
            pass

    async with Theater(folder) as theater:
        again = await theater.spawn(Rested(), name="ward", resume=True)
        assert await again.ask(Ward.all) == ["first", "second", 0, 1]
