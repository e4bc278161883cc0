"""Power cuts: at every step of a journal, with every fault, what was acknowledged is there afterwards."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from random import Random

import anyio
import pytest
from power import AWAKE, FAULTS, Disk, Fault, Recorder, Step, put_down
from small_crew import KEY, small_journals
from surgery import frames_of
from tally import Tally
from two_lives import Promise, recover, two_lives

from theater import Theater
from theater.journal.frames import KINDS, STUB

AGAIN = [fault for fault in FAULTS if fault.name in {"all is lost", "rotten", "by chance"}]
BY_LOOP = 4  # writes, and some more mostly
TRIES = 5

pytestmark = [pytest.mark.anyio, pytest.mark.real_clock]


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    """A thousand torn batches are a thousand warnings."""
    caplog.set_level(logging.ERROR, "theater.journal")


@dataclass(frozen=True, slots=True)
class Trace:
    """What was done to the disk, and where."""

    root: Path
    steps: Sequence[Step]
    found: Path | None = None  # what was there before

    def cuts(self) -> Iterator[tuple[int, Disk]]:
        """The disk behind each step that changed something, and the step's number."""
        disk = Disk(self.found, self.root)
        for number, step in enumerate(self.steps):
            disk.done(step)
            if step.call != "promise":
                yield number, disk


async def traced(root: Path, *, forget: str = "") -> Trace:
    recorder = Recorder(forget=forget)
    await two_lives(root, recorder.calls, recorder.promise)
    return Trace(root, recorder.steps)


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> Trace:
    """A workload of which the loop wrote a part: it cannot while its thread is at work."""

    def another() -> Trace:
        return anyio.run(partial(traced, tmp_path_factory.mktemp("power") / "theater"))

    return max((another() for _ in range(TRIES)), key=partial(written, by_loop=True))


def written(trace: Trace, *, by_loop: bool) -> int:
    return sum(step.call == "write" and step.by_loop is by_loop for step in trace.steps)


@dataclass(frozen=True, slots=True)
class Case:
    """What is found on the disk after one fault at one step, and what must be in it."""

    name: str
    found: dict[Path, bytes | None]
    promise: Promise | None


def cases(
    trace: Trace, faults: Sequence[Fault], *, attack: str, tally: Tally, chances: int = 1
) -> Iterator[Case]:
    """Every step with every fault; of those that leave the same on the disk only the first."""
    known: set[int] = set()
    for number, disk in trace.cuts():
        for fault, chance in product(faults, range(chances)):
            found = disk.left(fault, Random(number * chances + chance))
            tally(attack)
            digest = hash((tuple(found.items()), disk.promise))
            if digest not in known:
                known.add(digest)
                tally(f"{attack}: those that differ")
                yield Case(f"step {number} ({trace.steps[number].call}), {fault.name}", found, disk.promise)


async def broken(some: Iterable[Case], folder: Path) -> list[str]:
    """The cases after which something is missing or wrong."""
    wrong: list[str] = []
    for case in some:
        put_down(case.found, folder)
        try:
            await recover(folder, case.promise)
        except Exception as error:  # noqa: BLE001  # whatever it is, it is a find
            wrong.append(f"{case.name}: {error!r}")
        shutil.rmtree(folder)
    return wrong


def test_the_workload_has_frames_of_every_kind_over_several_segments_and_every_call(trace: Trace) -> None:
    frames = frames_of(trace.root)
    calls = {step.call for step in trace.steps}

    assert {each.kind for each in frames} == KINDS - {STUB}
    assert len({each.segment for each in frames}) > 2
    assert calls == {
        "make", "write", "sync", "sync_folder", "extend", "truncate", "rename", "unlink", "mkdir", "promise",
    }  # fmt: skip


def test_in_the_workload_the_loop_writes_as_well_as_the_thread(trace: Trace) -> None:
    assert written(trace, by_loop=True) >= BY_LOOP
    assert written(trace, by_loop=False) >= 8


async def test_whenever_the_power_goes_what_was_acknowledged_is_there(
    quick_path: Path, trace: Trace, tally: Tally, request: pytest.FixtureRequest
) -> None:
    chances = 100 if request.config.getoption("--long-attacks") else 2

    some = cases(trace, FAULTS, attack="power cut", tally=tally, chances=chances)

    assert await broken(some, quick_path / "left") == []


async def test_whenever_the_power_goes_again_while_the_folder_is_put_in_order_it_is_there(
    quick_path: Path, trace: Trace, tally: Tally
) -> None:
    attack = "power cut while a power cut is mended"
    torn = [
        case
        for case in cases(trace, FAULTS, attack="to be mended", tally=lambda _: None)
        if case.promise is not None and "torn" in case.name
    ]

    for case in torn[:: max(1, len(torn) // 8)]:
        root = quick_path / "mended"
        put_down(case.found, root)
        put_down(case.found, quick_path / "before")
        recorder = Recorder()
        recorder.promise(case.promise)
        await recover(root, case.promise, calls=recorder.calls)
        again = Trace(root, recorder.steps, found=quick_path / "before")
        assert await broken(cases(again, AGAIN, attack=attack, tally=tally), quick_path / "left") == []
        shutil.rmtree(root)
        shutil.rmtree(quick_path / "before")


@pytest.mark.parametrize("forget", ["sync", "sync_folder"])
async def test_without_its_syncs_it_would_not_be_there(quick_path: Path, forget: str) -> None:
    trace = await traced(quick_path / "theater", forget=forget)

    lost = await broken(cases(trace, FAULTS[:1], attack="", tally=lambda _: None), quick_path / "left")

    assert len(lost) > 5


async def test_whenever_the_power_goes_the_crew_goes_on_with_what_it_had_answered(
    quick_path: Path, trace: Trace, tally: Tally
) -> None:
    folder = quick_path / "left"
    some = [
        case
        for case in cases(trace, FAULTS, attack="", tally=lambda _: None)
        if case.promise is not None and case.promise.total
    ]

    for case in some[:: max(1, len(some) // 60)]:
        assert case.promise is not None
        put_down(case.found, folder)
        with small_journals(AWAKE):
            async with Theater(folder, key=KEY) as theater:
                await theater.resume()
                total = await theater.find("counter").ask("add", 0)
        assert total in (case.promise.total, case.promise.total + 1), case.name
        shutil.rmtree(folder)
        tally("power cut, and the crew goes on")
