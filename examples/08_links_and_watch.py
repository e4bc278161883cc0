"""Ends: who watches an actor is told of its end, and two that are linked end together; a restart is no end.

Prints:

    the tenor fails once: no end is heard
    the tenor fails for good: bass killed
"""

import logging

import anyio

from theater import Actor, ActorRef, Reason, RestartLimit, Theater, handler

logging.getLogger("theater").setLevel(logging.CRITICAL)  # the tracebacks of the failures go here


class Singer(Actor):
    @handler
    async def sing_with(self, other: ActorRef["Singer"]) -> None:
        self.context.link(other)  # both or none

    @handler
    async def sing(self, note: int) -> float:
        return 440 / note


class Conductor(Actor):
    ends: list[str] = []

    @handler
    async def listen(self, singer: ActorRef[Singer]) -> None:
        self.context.watch(singer, Conductor.hear_end)  # told once, also if it has ended already

    @handler
    async def hear_end(self, singer: ActorRef[Singer], reason: Reason) -> None:
        self.ends.append(f"{singer.name} {reason.value}")

    @handler
    async def heard(self) -> list[str]:
        return self.ends


async def main() -> None:
    async with Theater() as theater:
        conductor = await theater.spawn(Conductor())
        once = RestartLimit(restarts=1, within=60)
        tenor, bass = [await theater.spawn(Singer(), name=name, limit=once) for name in ("tenor", "bass")]
        await conductor.ask(Conductor.listen, bass)
        await tenor.ask(Singer.sing_with, bass)

        for when in ("once", "for good"):  # the first time it is started again
            await tenor.tell(Singer.sing, 0)
            await theater.settled()
            print(f"the tenor fails {when}:", *await conductor.ask(Conductor.heard) or ["no end is heard"])


anyio.run(main)
