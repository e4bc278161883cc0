"""Hosts: a ref is used where its theater's loop runs, whichever thread that is by now, and nowhere else."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from threading import Thread

import pytest

from theater import Actor, ActorRef, SetupError, Theater, handler

BACK = r"anyio\.from_thread\.run"

FORKED = """
import asyncio, os, sys
from theater import Actor, SetupError, Theater, handler

class Counter(Actor):
    total: int = 0

    @handler
    async def add(self, amount: int) -> int:
        self.total += amount
        return self.total

def refused(use):
    try:
        use()
    except SetupError as error:
        return "anyio.from_thread.run" in str(error)
    return False

async def main():
    async with Theater() as theater:
        counter = await theater.spawn(Counter())
        child = os.fork()
        if not child:
            ways = [
                lambda: counter.tell_nowait(Counter.add, 1),
                lambda: counter.tell(Counter.add, 1).send(None),
                lambda: counter.ask(Counter.add, 1).send(None),
            ]
            os._exit([refused(way) for way in ways].count(False))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), await counter.ask(Counter.add, 1))

asyncio.run(main())
"""


class Counter(Actor):
    total: int = 0

    @handler
    async def add(self, amount: int) -> int:
        self.total += amount
        return self.total


def in_a_thread(work: Callable[[], object]) -> list[object]:
    """What this work gives, or the error that it ends by, in a thread of its own."""
    found: list[object] = []

    def run() -> None:
        try:
            found.append(work())
        except Exception as error:  # noqa: BLE001  # the test looks at it
            found.append(error)

    thread = Thread(target=run)
    thread.start()
    thread.join()
    return found


@pytest.mark.skipif(not hasattr(os, "fork"), reason="only where processes fork")
def test_a_child_process_is_refused() -> None:
    """It has the thread's number, and the loop of its parent, which does not run there."""
    done = subprocess.run(
        [sys.executable, "-c", FORKED], capture_output=True, text=True, timeout=30, check=False
    )

    assert (done.returncode, done.stdout) == (0, "0 1\n"), done.stderr


async def opened() -> tuple[Theater, ActorRef[Counter]]:
    theater = Theater()
    await theater.open()
    return theater, await theater.spawn(Counter())


async def refused(ref: ActorRef[Counter]) -> None:
    with pytest.raises(SetupError, match=BACK):
        ref.tell_nowait(Counter.add, 1)
    with pytest.raises(SetupError, match=BACK):
        await ref.tell(Counter.add, 1)
    with pytest.raises(SetupError, match=BACK):
        await ref.ask(Counter.add, 1)


def test_a_loop_that_stopped_is_served_in_another_thread_and_in_no_other_loop() -> None:
    loop = asyncio.new_event_loop()
    try:
        theater, ref = loop.run_until_complete(opened())

        with pytest.raises(SetupError, match=BACK):
            ref.tell_nowait(Counter.add, 1)  # it does not run
        asyncio.run(refused(ref))
        assert in_a_thread(lambda: loop.run_until_complete(ref.ask(Counter.add, 3))) == [3]
        assert loop.run_until_complete(ref.ask(Counter.add, 4)) == 7
        assert theater.statistics().unaccounted == 0
        loop.run_until_complete(theater.close())
    finally:
        loop.close()


def test_on_uvloop_another_thread_is_refused() -> None:
    uvloop = pytest.importorskip("uvloop", reason="uvloop is an extra")

    async def main() -> int:
        theater, ref = await opened()
        [error] = await asyncio.to_thread(in_a_thread, lambda: ref.tell_nowait(Counter.add, 1))
        assert isinstance(error, SetupError)
        assert in_a_thread(lambda: asyncio.run(refused(ref))) == [None]
        await ref.tell(Counter.add, 2)
        ref.tell_nowait(Counter.add, 3)
        total = await ref.ask(Counter.add, 4)
        await theater.close()
        return total

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(main()) == 9
