"""A scheduler: messages to other actors at the minutes that a line of cron names, also after a restart.

```python
from datetime import timedelta

import anyio

from actors import Scheduler
from theater import Actor, Theater, handler
from theater.testing import virtual_backend, virtual_now


class Gardener(Actor):
    days: list[str] = []

    @handler
    async def water(self, plant: str) -> None:
        self.days.append(f"{self.context.now():%a %H:%M} {plant}")

    @handler
    async def diary(self) -> list[str]:
        return self.days


async def main() -> None:
    async with Theater(clock=virtual_now) as theater:
        gardener = await theater.spawn(Gardener())
        scheduler = await theater.spawn(Scheduler())
        due = await scheduler.ask(Scheduler.add, "roses", "30 6 * * MON,THU", gardener, "water", ["roses"])
        print(f"{due:%A, %H:%M}")

        await anyio.sleep(timedelta(weeks=1).total_seconds())
        print(await gardener.ask(Gardener.diary))


anyio.run(main, backend_options=virtual_backend()[1])  # a week passes at once
```

It prints

```text
Monday, 06:30
['Mon 06:30 roses', 'Thu 06:30 roses']
```

Times are UTC. A line has the five fields of cron, minute, hour, day of month, month, day of week, each with
`*`, lists, ranges, steps, and English names of three letters for months and days; or is `@hourly`, `@daily`,
`@weekly`, `@monthly` or `@yearly`. If both the day of month and the day of week are limited (do not begin
with `*`), either is enough, as cron has it. Minutes that passed while nobody ran are made up for by one
message, not by one for each. Whoever is told has to run: an entry whose actor has ended is dropped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from theater import Actor, ActorRef, MailboxFullError, NotRunningError, handler

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_SHORT = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
}
_FIELDS = 5
_SUNDAY = 7  # is 0, too
_DIGITS = 9  # more of them are no minute, and too many of them are no `int` either
_YEARS_AHEAD = 9  # a 29th of February is at most 8 years away, also around the year 2100
_LONGEST_SLEEP = 3600.0  # seconds: a clock that somebody set is noticed within the hour


class CronError(ValueError):
    """Not a line of cron, or one that never comes."""


@dataclass(frozen=True, slots=True)
class Cron:
    """The minutes that a line of cron names."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]  # 0 is Sunday
    either_day: bool  # a day of the month or one of the week is enough

    @classmethod
    def parse(cls, line: str) -> Cron:
        """Read a line of five fields, or a word such as `@daily`.

        Raises:
            CronError: it is something else.
        """
        fields = _SHORT.get(line.strip().lower(), line).lower().split()
        if len(fields) != _FIELDS:
            raise CronError(f"a line of cron has {_FIELDS} fields, not {len(fields)}: {line!r}")
        minutes, hours, days, months, weekdays = fields
        return cls(
            _numbers(minutes, 0, 59),
            _numbers(hours, 0, 23),
            _numbers(days, 1, 31),
            _numbers(months, 1, 12, _MONTHS),
            frozenset(day % _SUNDAY for day in _numbers(weekdays, 0, _SUNDAY, _DAYS)),
            not days.startswith("*") and not weekdays.startswith("*"),
        )

    def after(self, moment: datetime) -> datetime:
        """The first minute it names after `moment`, by the clock on the wall in the zone of `moment`.

        What summer time does to that clock is not looked at: minutes that it skips are named, too, and those
        that it repeats are named once. The scheduler, whose times are UTC, has none.

        Raises:
            CronError: it names none, such as the 30th of February.
        """
        begin = moment.replace(second=0, microsecond=0) + timedelta(minutes=1)
        day = begin.date()
        while day.year < moment.year + _YEARS_AHEAD:
            if self._has_day(day):
                first = begin.hour * 60 + begin.minute if day == begin.date() else 0
                minute = min((one for one in self._minutes() if one >= first), default=None)
                if minute is not None:
                    hour, minute = divmod(minute, 60)
                    return begin.replace(
                        year=day.year, month=day.month, day=day.day, hour=hour, minute=minute
                    )
            day += timedelta(days=1)
        raise CronError(f"no such day in the {_YEARS_AHEAD} years after {moment:%Y-%m-%d}")

    def _has_day(self, day: date) -> bool:
        if day.month not in self.months:
            return False
        by_month, by_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return by_month or by_week if self.either_day else by_month and by_week

    def _minutes(self) -> Iterator[int]:
        return (hour * 60 + minute for hour in self.hours for minute in self.minutes)


def _numbers(field: str, first: int, last: int, names: tuple[str, ...] = ()) -> frozenset[int]:
    """The numbers that one field of a line names."""
    found: set[int] = set()
    for part in field.split(","):
        span, slash, step = part.partition("/")
        low, dash, high = span.partition("-")
        begin = first if span == "*" else _number(low, first, last, names, field)
        open_end = span == "*" or (slash and not dash)
        end = last if open_end else _number(high, first, last, names, field) if dash else begin
        every = _number(step, 1, last - first + 1, (), field) if slash else 1
        if begin > end:
            raise CronError(f"{field!r}: {part!r} ends before it begins")
        found.update(range(begin, end + 1, every))
    return frozenset(found)


def _number(text: str, first: int, last: int, names: tuple[str, ...], field: str) -> int:
    number = names.index(text) + first if text in names else int(text) if _is_number(text) else None
    if number is None or not first <= number <= last:
        raise CronError(f"{field!r}: {text!r} is not one of {first} to {last}")
    return number


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < _DIGITS


@dataclass(frozen=True, slots=True)
class Entry:
    """Whom to tell what, and when next."""

    line: str
    due: datetime
    to: ActorRef[Any]
    handler: str
    args: Sequence[object]


class Scheduler(Actor):
    """Tells actors what is due; an entry is known by its name."""

    entries: dict[str, Entry] = {}
    wakes: datetime | None = None  # when the timer that matters goes off; None if nothing is to come

    @handler(raises=(CronError,))
    async def add(
        self, name: str, line: str, to: ActorRef[Any], handler: str, args: Sequence[object] = ()
    ) -> datetime:
        """Tell `to` by `handler(*args)` whenever `line` says so; returns when that is next.

        An entry of that name is replaced.

        Raises:
            CronError: not a line of cron, or one that never comes; nothing was changed.
        """
        due = Cron.parse(line).after(self.context.now())
        self.entries[name] = Entry(line, due, to, handler, args)
        self._wake_by(due)
        return due

    @handler
    async def remove(self, name: str) -> bool:
        """Forget the entry; says whether there was one."""
        return self.entries.pop(name, None) is not None

    @handler
    async def upcoming(self) -> list[tuple[datetime, str]]:
        """All entries by the time at which they are due, soonest first."""
        return sorted((entry.due, name) for name, entry in self.entries.items())

    @handler
    async def look(self) -> None:
        """Tell what is due; the scheduler's own timer sends this, and anybody else may."""
        now = self.context.now()
        for name, entry in list(self.entries.items()):
            if entry.due <= now:
                self._tell(name, entry, now)
        if self.wakes is not None and self.wakes <= now:
            self.wakes = None
        if self.entries:
            self._wake_by(min(entry.due for entry in self.entries.values()))

    def _tell(self, name: str, entry: Entry, now: datetime) -> None:
        due = Cron.parse(entry.line).after(now)
        self.entries[name] = Entry(entry.line, due, entry.to, entry.handler, entry.args)
        try:
            entry.to.tell_nowait(entry.handler, *entry.args)
        except NotRunningError:
            del self.entries[name]
            self.context.log(f"{name} is dropped: {entry.to.name} has ended")
        except (MailboxFullError, TypeError) as error:  # this entry's trouble is not that of the others
            self.context.log(f"{name} was not told: {error}")

    def _wake_by(self, due: datetime) -> None:
        """Look again at `due`; timers that were set for later stay, and find nothing to do."""
        now = self.context.now()
        wakes = min(due, now + timedelta(seconds=_LONGEST_SLEEP))
        if self.wakes is None or wakes < self.wakes:
            self.wakes = wakes
            self.context.after(max((wakes - now).total_seconds(), 0.001), Scheduler.look)
