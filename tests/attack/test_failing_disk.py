"""Failing disks: every call fails once and for ever, writes are cut short, interrupted, or do not fit."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest
from journal_disks import FailingDisk
from power import AWAKE
from small_crew import KEY, small_journals, wrong
from tally import Tally
from two_lives import Promise, recover, two_lives

from theater import (
    Actor,
    ActorRef,
    DeliveryError,
    DiskFullError,
    History,
    JournalError,
    Note,
    Theater,
    TheaterError,
    handler,
)
from theater.journal.calls import Calls

pytestmark = [pytest.mark.anyio, pytest.mark.real_clock]


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    """A hundred failures are a hundred warnings."""
    caplog.set_level(logging.CRITICAL, "theater")


# -- every call ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Failure:
    """How a disk fails."""

    error: int
    for_ever: bool


FAILURES = [
    Failure(errno.EIO, for_ever=False),
    Failure(errno.EIO, for_ever=True),
    Failure(errno.ENOSPC, for_ever=True),
    Failure(errno.ENOSPC, for_ever=False),
]


async def until_it_fails(folder: Path, calls: Calls) -> Promise | None:
    """The last promise of a crew on this disk."""
    made: list[Promise] = []
    with suppress(TheaterError):  # somebody was told; what was promised until then is what counts
        await two_lives(folder, calls, made.append)
    return made[-1] if made else None


async def test_whichever_call_fails_what_was_acknowledged_is_there(
    quick_path: Path, tally: Tally, request: pytest.FixtureRequest
) -> None:
    is_long = request.config.getoption("--long-attacks")
    healthy = FailingDisk()
    await until_it_fails(quick_path / "healthy", healthy.calls)
    assert healthy.count > 100

    for nth in range(1, healthy.count + 1):
        for failure in FAILURES if is_long else FAILURES[nth % 2 :: 2]:  # one once, another for ever
            folder = quick_path / "failing"
            disk = FailingDisk(nth, error=failure.error, for_ever=failure.for_ever)
            promise = await until_it_fails(folder, disk.calls)
            await recover(folder, promise)
            shutil.rmtree(folder)
            tally("call that fails")


# -- short and interrupted writes ---------------------------------------------------------------------------


async def test_writes_that_are_cut_short_are_gone_on_with(quick_path: Path, tally: Tally) -> None:
    for seed in range(5):
        random = Random(seed)

        def short(
            descriptor: int, content: bytes | bytearray | memoryview, at: int, random: Random = random
        ) -> int:
            tally("write cut short")
            return os.pwrite(descriptor, memoryview(content)[: random.randint(1, 400)], at)

        folder = quick_path / f"short {seed}"
        made: list[Promise] = []
        await two_lives(folder, Calls(write=short), made.append)
        await recover(folder, made[-1])


@contextmanager
def interrupted(every: float) -> Iterator[list[int]]:
    """A signal every so many seconds, which interrupts whatever the system is doing for us."""
    signals: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda number, _: signals.append(number))
    signal.siginterrupt(signal.SIGALRM, True)
    signal.setitimer(signal.ITIMER_REAL, every, every)
    try:
        yield signals
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


async def test_calls_that_signals_interrupt_are_made_again(tmp_path: Path, tally: Tally) -> None:
    made: list[Promise] = []

    with interrupted(every=0.0005) as signals:
        await two_lives(tmp_path / "theater", Calls(), made.append)

    await recover(tmp_path / "theater", made[-1])
    assert signals
    for _ in signals:
        tally("signal while a journal works")


# -- a full disk --------------------------------------------------------------------------------------------


class Quota:
    """Calls of a disk with room for so many bytes, as far as they are asked for."""

    def __init__(self, room: int) -> None:
        self.room = room
        self._lengths: dict[int, int] = {}  # by inode
        self.calls = Calls(write=self._write, allocate=self._allocate, sync=AWAKE.sync)

    def _take(self, descriptor: int, end: int) -> None:
        file = os.fstat(descriptor)
        had = max(self._lengths.get(file.st_ino, 0), 0)
        if end > had:
            if end - had > self.room:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self.room -= end - had
            self._lengths[file.st_ino] = end

    def _write(self, descriptor: int, content: bytes | bytearray | memoryview, at: int) -> int:
        self._take(descriptor, at + len(content))
        return os.pwrite(descriptor, content, at)

    def _allocate(self, descriptor: int, start: int, length: int) -> None:
        self._take(descriptor, start + length)
        os.posix_fallocate(descriptor, start, length)


@dataclass(frozen=True, slots=True)
class Small:
    """A small disk, and how it is made larger."""

    path: Path
    calls: Calls
    enlarge: Callable[[], None]


def mounted(path: Path) -> Iterator[Small]:
    """A real file system of 1 MiB."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "theater", str(path)]
    try:
        tried = subprocess.run(mount, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount here")
    if tried.returncode:
        pytest.skip(f"nothing can be mounted here: {tried.stderr.decode().strip()}")

    def enlarge() -> None:
        subprocess.run(["mount", "-o", "remount,size=8m", str(path)], check=True)

    try:
        yield Small(path, Calls(), enlarge)
    finally:
        subprocess.run(["umount", str(path)], check=True)


def limited(path: Path) -> Iterator[Small]:
    quota = Quota(1 << 20)
    yield Small(path, quota.calls, lambda: setattr(quota, "room", 7 << 20))


@pytest.fixture(params=[mounted, limited], ids=["tmpfs", "quota"])
def small(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Small]:
    yield from request.param(tmp_path)


class Hoarder(Actor):
    kept: int = 0

    @handler
    async def keep(self, size: int) -> bool:
        content = self.context.random.randbytes(size)
        try:
            await self.context.store.store(content)
        except DiskFullError:
            return False
        self.kept += 1
        return True

    @handler
    async def take(self, content: bytes) -> int:
        return len(content)


async def until_it_is_full(theater: Theater, hoarder: ActorRef[Hoarder], tally: Tally) -> list[Note]:
    """Keep ever smaller contents, then let events alone fill the disk; returns the checkpoints."""
    notes: list[Note] = []
    for size in (50_000, 5_000):
        while await hoarder.ask(Hoarder.keep, size):
            notes.append(theater.checkpoint())
            tally("content on a disk that fills up")
    with pytest.raises(JournalError):
        while True:
            await hoarder.ask(Hoarder.take, b"short")
            notes.append(theater.checkpoint())
            tally("event on a disk that fills up")
    return notes


async def test_a_disk_that_fills_up_loses_nothing_and_goes_on_when_there_is_room(
    small: Small, tally: Tally
) -> None:
    folder = small.path / "theater"
    with small_journals(small.calls, segment_bytes=100_000):
        theater = Theater(folder, key=KEY)
        await theater.open()
        hoarder = await theater.spawn(Hoarder(), name="hoarder")
        notes = await until_it_is_full(theater, hoarder, tally)
        await theater.close()

    assert wrong(folder, kept=notes[-1]) == ""
    small.enlarge()
    with small_journals(small.calls, segment_bytes=100_000):
        async with Theater(folder, key=KEY) as theater:
            hoarder = await theater.spawn(Hoarder(), name="hoarder", resume=True)
            assert await hoarder.ask(Hoarder.keep, 5_000)
    assert wrong(folder, kept=notes[-1]) == ""


async def test_a_message_that_no_longer_fits_the_record_ends_the_theater_and_all_are_told(
    small: Small,
) -> None:
    folder = small.path / "theater"
    with small_journals(small.calls, segment_bytes=100_000):
        theater = Theater(folder, key=KEY)
        await theater.open()
        hoarder = await theater.spawn(Hoarder(), name="hoarder")
        while await hoarder.ask(Hoarder.keep, 50_000):
            note = theater.checkpoint()

        with pytest.raises(JournalError):
            await hoarder.ask(Hoarder.take, bytes(200_000))
        with pytest.raises((JournalError, DeliveryError)):
            await hoarder.ask(Hoarder.take, b"short")
        await theater.close()

    assert wrong(folder, kept=note) == ""  # pyright: ignore[reportPossiblyUnboundVariable]
    assert History(folder).chain(bytes(16))[-1].kind != "theater/closed"  # it ended as by a crash
