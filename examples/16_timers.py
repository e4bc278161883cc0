"""Timers: messages that an actor sends itself later; they outlive a restart, and a cancelled one is gone.

Prints:

    beats left: 2
    beats left: 1
    the clock fails, and is started again
    beats left: 0
    and that is enough
"""

import logging

import anyio

from theater import Actor, Theater, Timer, handler

logging.disable()  # the traceback of the failure below


class Clock(Actor):
    left: int = 3

    @handler
    async def begin(self) -> None:
        self.context.every(0.05, Clock.beat)  # the first one 0.05 seconds from now
        self.context.after(0.12, Clock.fail)  # once

    @handler
    async def beat(self) -> None:
        self.left -= 1
        print("beats left:", self.left)
        if not self.left:
            self.context.stop()  # with it end its timers

    @handler
    async def fail(self) -> None:
        print("the clock fails, and is started again")
        raise RuntimeError("a spring broke")

    @handler
    async def change_of_mind(self) -> None:
        timer: Timer = self.context.after(0.01, Clock.fail)
        timer.cancel()


async def main() -> None:
    async with Theater() as theater:
        clock = await theater.spawn(Clock())
        await clock.ask(Clock.change_of_mind)
        await clock.ask(Clock.begin)
        await anyio.sleep(0.3)
        print("and that is enough")


anyio.run(main)
