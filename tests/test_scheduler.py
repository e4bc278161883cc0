"""The scheduler: what a line of cron names, and who is told when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors import Cron, CronError, Scheduler
from theater import Actor, ActorRef, Theater, handler
from theater.testing import virtual_now

MONDAY = datetime(2024, 1, 1, tzinfo=UTC)


class Bell(Actor):
    rung: list[str] = []  # noqa: RUF012  # given fresh to each instance

    @handler
    async def ring(self, tower: str = "") -> None:
        self.rung.append(f"{self.context.now():%d %H:%M}{tower}")

    @handler
    async def all(self) -> list[str]:
        return self.rung

    @handler
    async def sleep(self) -> None:
        await anyio.sleep(3600)


async def pair(theater: Theater) -> tuple[ActorRef[Scheduler], ActorRef[Bell]]:
    return await theater.spawn(Scheduler(), name="scheduler"), await theater.spawn(Bell(), name="bell")


@pytest.mark.parametrize(
    ("line", "moment", "due"),
    [
        ("* * * * *", "2024-01-01 00:00:00", "2024-01-01 00:01"),
        ("* * * * *", "2024-01-01 00:00:59.999999", "2024-01-01 00:01"),
        ("*/15 * * * *", "2024-01-01 00:44", "2024-01-01 00:45"),
        ("*/15 * * * *", "2024-01-01 00:45", "2024-01-01 01:00"),
        ("5/20 * * * *", "2024-01-01 00:45", "2024-01-01 01:05"),
        ("0 9-17/4 * * *", "2024-01-01 13:00", "2024-01-01 17:00"),
        ("0 9-17/4 * * *", "2024-01-01 17:00", "2024-01-02 09:00"),
        ("0,30 6,18 * * *", "2024-01-01 06:30", "2024-01-01 18:00"),
        ("59 23 31 12 *", "2024-12-31 23:59", "2025-12-31 23:59"),
        ("0 0 29 2 *", "2024-02-29 00:00", "2028-02-29 00:00"),
        ("0 0 29 2 *", "2096-03-01 00:00", "2104-02-29 00:00"),
        ("0 0 * * 0", "2024-01-01 00:00", "2024-01-07 00:00"),
        ("0 0 * * 7", "2024-01-01 00:00", "2024-01-07 00:00"),
        ("0 0 * * sat-7", "2024-01-01 00:00", "2024-01-06 00:00"),
        ("0 0 * JUN-aug Mon", "2024-01-01 00:00", "2024-06-03 00:00"),
        ("0 0 13 * FRI", "2024-01-01 00:00", "2024-01-05 00:00"),  # either day is enough
        ("0 0 13 * FRI", "2024-01-12 00:00", "2024-01-13 00:00"),
        ("0 0 */13 * FRI", "2024-01-01 00:00", "2024-03-01 00:00"),  # begins with *: both have to fit
        ("*/60 * * * *", "2024-01-01 00:30", "2024-01-01 01:00"),
        ("@hourly", "2024-01-01 00:00", "2024-01-01 01:00"),
        ("@daily", "2024-01-01 00:00", "2024-01-02 00:00"),
        ("@weekly", "2024-01-01 00:00", "2024-01-07 00:00"),
        (" @Monthly ", "2024-01-01 00:00", "2024-02-01 00:00"),
        ("@yearly", "2024-01-01 00:00", "2025-01-01 00:00"),
    ],
)
def test_a_line_names_its_minutes(line: str, moment: str, due: str) -> None:
    assert Cron.parse(line).after(datetime.fromisoformat(moment)) == datetime.fromisoformat(due)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "* * * *",
        "* * * * * *",
        "60 * * * *",
        "-1 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * 32 * *",
        "* * * 13 *",
        "* * * 0 *",
        "* * * * 8",
        "* * * * fry",
        "mon * * * *",
        "30-10 * * * *",
        "*/0 * * * *",
        "*/61 * * * *",
        "*/ * * * *",
        "1- * * * *",
        "1,,2 * * * *",
        "² * * * *",
        "@often",
        "9" * 5000 + " * * * *",
    ],
)
def test_what_is_no_line_of_cron_is_refused(line: str) -> None:
    with pytest.raises(CronError):
        Cron.parse(line)


def test_a_day_that_never_comes_is_refused() -> None:
    with pytest.raises(CronError, match="no such day"):
        Cron.parse("0 0 30 2 *").after(MONDAY)


@given(
    minute=st.integers(0, 59),
    hour=st.integers(0, 23),
    moment=st.datetimes(datetime(2000, 1, 1), datetime(2090, 1, 1)),  # noqa: DTZ001  # any zone is its own
)
def test_the_next_minute_is_later_fits_and_is_the_first_that_does(
    minute: int, hour: int, moment: datetime
) -> None:
    due = Cron.parse(f"{minute} {hour} * * *").after(moment)

    assert timedelta(0) < due - moment <= timedelta(days=1)
    assert (due.minute, due.hour, due.second, due.microsecond) == (minute, hour, 0, 0)


async def test_everybody_is_told_at_each_minute_of_the_line_and_with_the_arguments(theater: Theater) -> None:
    scheduler, bell = await pair(theater)  # virtual time begins on a Sunday at 01:46:40
    await scheduler.ask(Scheduler.add, "noon", "0 12 * * *", bell, "ring")
    await scheduler.ask(Scheduler.add, "evening", "30 18 * * *", bell, "ring", [" east"])

    await anyio.sleep(47 * 3600)

    assert await bell.ask(Bell.all) == ["09 12:00", "09 18:30 east", "10 12:00", "10 18:30 east"]


async def test_an_entry_that_is_sooner_than_the_rest_is_not_late(theater: Theater) -> None:
    scheduler, bell = await pair(theater)
    await scheduler.ask(Scheduler.add, "later", "50 * * * *", bell, "ring")
    await scheduler.ask(Scheduler.add, "sooner", "48 * * * *", bell, "ring", ["!"])

    await anyio.sleep(3600)

    assert await bell.ask(Bell.all) == ["09 01:48!", "09 01:50"]


async def test_a_clock_that_somebody_set_is_noticed_within_the_hour() -> None:
    ahead = timedelta()
    async with Theater(clock=lambda: virtual_now() + round(ahead.total_seconds() * 1e9)) as theater:
        scheduler, bell = await pair(theater)
        await scheduler.ask(Scheduler.add, "yearly", "@yearly", bell, "ring")
        ahead = timedelta(days=9 * 366)

        await anyio.sleep(3601)

        assert len(await bell.ask(Bell.all)) == 1


async def test_a_bad_line_changes_nothing(theater: Theater) -> None:
    scheduler, bell = await pair(theater)
    await scheduler.ask(Scheduler.add, "noon", "0 12 * * *", bell, "ring")

    with pytest.raises(CronError):
        await scheduler.ask(Scheduler.add, "noon", "0 25 * * *", bell, "ring")

    assert [name for _, name in await scheduler.ask(Scheduler.upcoming)] == ["noon"]
    assert theater.statistics().failures == 0


async def test_what_is_removed_or_replaced_is_told_no_more(theater: Theater) -> None:
    scheduler, bell = await pair(theater)
    for name in ("goes", "changes"):
        await scheduler.ask(Scheduler.add, name, "* * * * *", bell, "ring", [name])

    assert await scheduler.ask(Scheduler.remove, "goes") is True
    assert await scheduler.ask(Scheduler.remove, "goes") is False
    await scheduler.ask(Scheduler.add, "changes", "0 3 * * *", bell, "ring")
    await anyio.sleep(2 * 3600)

    assert await bell.ask(Bell.all) == ["09 03:00"]


async def test_the_soonest_is_shown_first(theater: Theater) -> None:
    scheduler, bell = await pair(theater)
    await scheduler.ask(Scheduler.add, "year", "@yearly", bell, "ring")
    await scheduler.ask(Scheduler.add, "hour", "@hourly", bell, "ring")

    upcoming = await scheduler.ask(Scheduler.upcoming)

    assert [(due.isoformat(), name) for due, name in upcoming] == [
        ("2001-09-09T02:00:00+00:00", "hour"),
        ("2002-01-01T00:00:00+00:00", "year"),
    ]


async def test_an_entry_whose_actor_ended_is_dropped_and_the_rest_is_told(theater: Theater) -> None:
    scheduler, bell = await pair(theater)
    gone = await theater.spawn(Bell())
    await scheduler.ask(Scheduler.add, "gone", "0 2 * * *", gone, "ring")
    await scheduler.ask(Scheduler.add, "here", "0 2 * * *", bell, "ring")
    await gone.kill()

    await anyio.sleep(3600)

    assert await bell.ask(Bell.all) == ["09 02:00"]
    assert [name for _, name in await scheduler.ask(Scheduler.upcoming)] == ["here"]


async def test_one_that_has_no_room_or_no_such_handler_holds_nobody_up(theater: Theater) -> None:
    scheduler, bell = await pair(theater)
    full = await theater.spawn(Bell(), mailbox=1)
    for name, to, how in (("full", full, "ring"), ("odd", bell, "sing"), ("here", bell, "ring")):
        await scheduler.ask(Scheduler.add, name, "0 2 * * *", to, how)
    await anyio.sleep(600)
    await full.tell(Bell.sleep)
    await anyio.sleep(1)
    await full.tell(Bell.sleep)

    await anyio.sleep(600)

    assert await bell.ask(Bell.all) == ["09 02:00"]
    texts = [event.body["text"] for event in theater.chain(scheduler) if event.kind == "log"]
    assert [text.partition(" was not told: ")[0] for text in texts] == ["full", "odd"]


async def test_a_schedule_outlives_a_failure_of_the_scheduler(theater: Theater) -> None:
    class Clumsy(Scheduler):
        @handler
        async def trip(self) -> None:
            raise RuntimeError("over the wire")

    scheduler, bell = await theater.spawn(Clumsy()), await theater.spawn(Bell())
    await scheduler.ask(Scheduler.add, "noon", "0 12 * * *", bell, "ring")

    await scheduler.tell(Clumsy.trip)
    await anyio.sleep(24 * 3600)

    assert theater.statistics().restarts == 1
    assert await bell.ask(Bell.all) == ["09 12:00"]


@pytest.mark.real_clock
async def test_minutes_that_passed_while_all_slept_are_made_up_for_by_one_message(tmp_path: Path) -> None:
    day = 86_400 * 10**9
    begin = int(MONDAY.timestamp()) * 10**9
    async with Theater(tmp_path / "folder", clock=lambda: begin) as theater:
        scheduler, bell = await pair(theater)
        await scheduler.ask(Scheduler.add, "noon", "0 12 * * *", bell, "ring")

    async with Theater(tmp_path / "folder", clock=lambda: begin + 9 * day) as theater:
        await theater.resume(classes=[Bell])
        await theater.find("scheduler").ask("look")
        await theater.settled()

        assert await theater.find("bell").ask("all") == ["10 00:00"]
        upcoming = await theater.find("scheduler").ask("upcoming")
        assert [due.isoformat() for due, _ in upcoming] == ["2024-01-10T12:00:00+00:00"]
