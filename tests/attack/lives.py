"""A process that forks lives of a theater, each to be killed: told what by lines, tells what it did by lines.

    python lives.py sync            reads `FOLDER SEED work` or `FOLDER SEED end`, one line for each life
    pid NUMBER                      of the life, before it begins
    found {...}                     all that it finds once everything has come to rest
    try KIND NUMBER                 what the world outside asks for
    ack KIND NUMBER                 what it was told, as soon as it is
    ended STATUS                    the life is over, as `os.waitpid` says

A life writes to its disk what it has synced, and no more: a kill takes the rest along, as a power cut does.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import anyio
from crowd_at_work import (
    CLASSES,
    Account,
    Alarm,
    Boss,
    Buyer,
    Clumsy,
    Desk,
    Found,
    Notebook,
    Shelf,
    cast,
    lines,
)  # fmt: skip
from journal_disks import Held
from small_crew import KEY, small_journals

from theater import ActorFailedError, ActorRef, RestartLimit, Theater

CLIENTS = 4


def say(*words: object) -> None:
    """One line in one write: others write here too."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


async def live(folder: Path, seed: int, disk: Held, *, is_last: bool) -> None:
    """Go on where the life before was killed, say what is there, and work until killed."""
    with small_journals(disk.calls, segment_bytes=100_000, blob_bytes=40_000):
        async with Theater(folder / "theater", key=KEY) as theater:
            resumed = await theater.resume(classes=CLASSES)
            refs = {
                name: await theater.spawn(actor, name=name, resume=True, limit=OFTEN)
                for name, actor in cast(folder / "outside").items()
            }
            await theater.settled()
            if is_last:
                await all_rung(refs["alarm"])
            left = [f"{left.name}: {left.why}" for left in resumed.left]
            forks = [ref.name for ref in resumed.refs if ref.name.startswith("fork")]
            outside = lines(folder / "outside")
            say("found", json.dumps(await found(refs) | {"left": left, "forks": forks, "outside": outside}))
            if is_last:
                return
            async with anyio.create_task_group() as clients:
                for number in range(CLIENTS):
                    client = Client(theater, refs, Random(seed * CLIENTS + number))
                    clients.start_soon(client.work, seed * 10_000 + number)


async def all_rung(alarm: ActorRef[Any]) -> None:
    """Wait until every timer has rung; they are set for milliseconds."""
    with anyio.fail_after(20):
        while True:
            set_, rung = await alarm.ask(Alarm.all)
            if set_ == len(rung):
                return
            await anyio.sleep(0.005)


async def found(refs: dict[str, ActorRef[Any]]) -> Found:
    accounts = [ref for name, ref in refs.items() if name.startswith("account")]
    return {
        "accounts": [await ref.ask(Account.total) for ref in accounts],
        "shelf": await refs["shelf"].ask(Shelf.all),
        "alarm": await refs["alarm"].ask(Alarm.all),
        "staff": await refs["boss"].ask(Boss.staff),
        "gone": await refs["boss"].ask(Boss.ended),
        "buyer": await refs["buyer"].ask(Buyer.all),
        "notebook": await refs["notebook"].ask(Notebook.all),
        "clumsy": await refs["clumsy"].ask(Clumsy.all),
        "desk": await refs["desk"].ask(Desk.all),
    }


class Client:
    """One of several outside, who asks for things for ever."""

    def __init__(self, theater: Theater, refs: dict[str, ActorRef[Any]], random: Random) -> None:
        self._theater = theater
        self._refs = refs
        self._random = random
        self._accounts = [ref for name, ref in refs.items() if name.startswith("account")]

    async def work(self, first: int) -> None:
        """Each thing has a number of its own."""
        for number in count(first, CLIENTS):
            (kind,) = self._random.choices([*OFFER], [*OFFER.values()])
            if kind == "fire":
                staff = await self._refs["boss"].ask(Boss.staff)
                if not staff:
                    continue
                number = self._random.choice(staff)  # noqa: PLW2901  # of one who was hired
            say("try", kind, number)
            if await self._ask(kind, number):
                say("ack", kind, number)

    async def _ask(self, kind: str, number: int) -> bool:
        """Whether it is known to be done."""
        refs = self._refs
        one, other = self._random.sample(self._accounts, 2)
        if kind == "hand_over":  # from the first to the last, or they would wait for each other in a circle
            one, other = sorted((one, other), key=lambda ref: ref.name)
        asks: dict[str, Callable[[], Awaitable[Any]]] = {
            "send": lambda: one.ask(Account.send, other, number % 7),
            "hand_over": lambda: one.ask(Account.hand_over, other, number % 7),
            "shelve": lambda: refs["shelf"].ask(Shelf.shelve, number),
            "wake": lambda: refs["alarm"].ask(Alarm.wake, number),
            "hire": lambda: refs["boss"].ask(Boss.hire, number),
            "fire": lambda: refs["boss"].ask(Boss.fire, number),
            "pay": lambda: refs["buyer"].ask(Buyer.pay, number),
            "order": lambda: refs["buyer"].ask(Buyer.order, number),
            "write": lambda: refs["notebook"].ask(Notebook.write, number),
            "try_it": lambda: refs["clumsy"].ask(Clumsy.try_it, number),
            "wait_for": lambda: refs["desk"].ask(Desk.wait_for, refs["clerk"], number),
            "fork": lambda: self._theater.fork(one, name=f"fork-{number}"),
        }
        with suppress(ActorFailedError):  # as one of them does every third time
            return await asks[kind]() is not False
        return number % 3 == 0 and kind == "try_it"


OFTEN = RestartLimit(restarts=10_000, within=1.0)
OFFER = {
    "send": 30, "hand_over": 30, "shelve": 10, "wake": 10, "hire": 5, "fire": 3, "pay": 8, "order": 4,
    "fork": 1, "write": 8, "try_it": 6, "wait_for": 6,
}  # fmt: skip


def main(how: str) -> None:
    logging.disable()  # of failures there are many, and they are meant
    for line in sys.stdin:
        folder, seed, mode = line.split()
        pid = os.fork()
        if not pid:
            say("pid", os.getpid())  # itself: nothing that it says comes before
            sys.stdin.close()
            anyio.run(
                partial(live, Path(folder), int(seed), Held(syncs=how != "nosync"), is_last=mode == "end")
            )
            os._exit(0)
        say("ended", os.waitpid(pid, 0)[1])


if __name__ == "__main__":
    main(sys.argv[1])
