"""A crew whose folder was compacted after a crash: each message between actors takes effect once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from anyio.lowlevel import checkpoint
from journal_disks import FailingDisk

from theater import Actor, ActorRef, History, HistoryCutError, Snapshots, Theater, compact, handler
from theater.compacting import carry_out
from theater.culling import Limits
from theater.event import Event
from theater.journal.calls import Calls
from theater.journal.opening import open_folder
from theater.journal.reader import Reader
from theater.weighing import Weighing

pytestmark = pytest.mark.real_clock

PURSES, EACH = 4, 1_000
HOPS = 500


class Purse(Actor):
    """Holds money, and passes some of it on for as long as it is told."""

    money: int = EACH
    friends: list[ActorRef[Purse]] = []  # noqa: RUF012  # given fresh to each instance

    @handler
    async def meet(self, friends: list[ActorRef[Purse]]) -> None:
        self.friends = friends

    @handler
    async def take(self, amount: int, hops: int) -> None:
        self.money += amount
        if hops:
            await self._pass_on(hops)

    @handler
    async def begin(self) -> None:
        await self._pass_on(HOPS)

    @handler
    async def count(self) -> int:
        return self.money

    async def _pass_on(self, hops: int) -> None:
        amount = hops % 7
        self.money -= amount
        friend = self.friends[hops % len(self.friends)]
        await friend.tell(Purse.take, amount, hops - 1)


class Drawer(Actor):
    """Lives for a message or two."""

    money: int = 0

    @handler
    async def empty(self) -> int:
        amount, self.money = self.money, 0
        return amount


async def images_of(folder: Path, *, count: int, seed: int) -> list[Path]:
    """A crew at work, as a crash would have left it at some instants."""
    random, images = Random(seed), []
    async with Theater(folder, snapshots=Snapshots(events=20), closing=0) as theater:
        purses = [await theater.spawn(Purse(), name=f"purse-{number}") for number in range(PURSES)]
        for purse in purses:
            await purse.ask(Purse.meet, purses)
        for purse in purses:
            await purse.tell(Purse.begin)
        await theater._running().committed()
        for number in range(count):
            drawer = await theater.spawn(Drawer(), name=f"drawer-{number}")
            await drawer.ask(Drawer.empty)
            await drawer.stop()
            for _ in range(random.randrange(20)):
                await checkpoint()
            images.append(folder.with_name(f"image-{seed}-{number}"))
            shutil.copytree(folder, images[-1])
    return images


async def require_exact(image: Path) -> None:
    """The crew goes on where it was, and in the end nothing is lost or made."""
    async with Theater(image) as theater:
        resumed = await theater.resume(classes=[Purse, Drawer])
        assert resumed.left == ()
        await theater.settled()
        purses = [ref for ref in resumed.refs if ref.name.startswith("purse") and "/" not in ref.name]
        assert sum([await purse.ask(Purse.count) for purse in purses]) == PURSES * EACH
    assert History(image).verify().ok


def cut_short(image: Path, nth: int) -> None:
    """Compact until the disk fails."""
    weighed = Weighing(Reader(image), limits=Limits(), erase=())
    opened = open_folder(image, key=None, origin="", calls=Calls())
    try:
        carry_out(opened, weighed, reason="compacted", now=0, calls=FailingDisk(nth, for_ever=True).calls)
    except OSError:
        pass  # as wanted
    finally:
        opened.lock.release()


async def test_after_a_crash_and_compacting_every_message_takes_effect_once(tmp_path: Path) -> None:
    for image in await images_of(tmp_path / "theater", count=4, seed=1):
        done = compact(image)

        assert done.events
        assert History(image).verify().ok
        await require_exact(image)


async def test_after_a_crash_within_compacting_every_message_takes_effect_once(tmp_path: Path) -> None:
    images = await images_of(tmp_path / "theater", count=5, seed=2)
    for nth, image in zip((3, 8, 11, 14, 20), images, strict=True):
        cut_short(image, nth)

        await require_exact(image)


def chain_of(image: Path, name: str) -> Iterator[Event]:
    return iter(History(image).chain(name))


async def test_a_long_life_is_short_once_it_was_compacted(tmp_path: Path) -> None:
    folder = tmp_path / "theater"
    async with Theater(folder, snapshots=Snapshots(events=50)) as theater:
        purse = await theater.spawn(Purse(), name="purse")
        for _ in range(500):
            await purse.tell(Purse.take, 1, 0)

    done = compact(folder)

    assert done.events > 400
    assert len(list(chain_of(folder, "purse"))) < 60
    with pytest.raises(HistoryCutError):
        History(folder).chain("purse")[100]
    async with Theater(folder) as theater:
        purse = await theater.spawn(Purse(), name="purse", resume=True)
        assert await purse.ask(Purse.count) == EACH + 500
    assert History(folder).verify().ok
