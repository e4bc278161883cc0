"""Escalation: a child that fails too often takes its supervisor along, unless `decide` knows better.

Prints:

    Plain: lives of the office 2, lines now 1
    Wise: lives of the office 1, lines now 0
"""

import logging
from contextlib import suppress

import anyio

import theater
from theater import Actor, ActorRef, Directive, RestartLimit, Supervision, Theater, child, handler

logging.disable()  # the tracebacks of the failures below


class Line(Actor):
    @handler
    async def call(self) -> None:
        raise ConnectionError("nobody answers")


class Plain(Actor):
    supervision = Supervision(children=(child(Line(), name="line", limit=RestartLimit(restarts=1)),))
    lives: int = 0

    async def on_start(self) -> None:
        self.lives += 1

    @handler
    async def look(self) -> tuple[int, int]:
        return self.lives, len(self.context.children)


class Wise(Plain):
    def decide(self, child: ActorRef[Line], error: Exception) -> Directive | None:
        return Directive.STOP if "nobody answers" in f"{child.name}: {error}" else None  # None: by the rules


async def main() -> None:
    async with Theater() as stage:
        for kind in (Plain, Wise):
            office = await stage.spawn(kind(), name=kind.__name__)
            line: ActorRef[Line] = stage.find(f"{office.name}/line")
            for _ in range(2):
                with suppress(theater.TheaterError):
                    await line.ask(Line.call)
            lives, lines = await office.ask(Plain.look)
            print(f"{office.name}: lives of the office {lives}, lines now {lines}")


anyio.run(main)
