"""Supervision: a worker that crashes is started again, with the state it had before the message that failed.

Prints:

    the total is 10
    Adder 'office/adder' failed in add: ValueError: invalid literal for int() with base 10: 'ten'
    the total is 15
    the office heard: office/adder failed, ValueError
"""

import logging

import anyio

from theater import Actor, ActorFailedError, ActorRef, Theater, handler

logging.getLogger("theater").setLevel(logging.CRITICAL)  # the traceback of a failure goes here


class Adder(Actor):
    total: int = 0

    @handler
    async def add(self, text: str) -> int:
        self.total += 1_000_000  # a failure takes this back: no half-done change stays
        number = int(text)
        self.total += number - 1_000_000
        return self.total


class Office(Actor):
    news: str = "nothing"

    @handler
    async def hire(self) -> ActorRef[Adder]:
        return await self.context.spawn(Adder(), name="adder")

    async def on_child_failed(self, child: ActorRef[Adder], error: Exception) -> None:
        self.news = f"{child.name} failed, {type(error.__cause__).__name__}"

    @handler
    async def report(self) -> str:
        return f"the office heard: {self.news}"


async def main() -> None:
    async with Theater() as theater:
        office = await theater.spawn(Office(), name="office")
        adder = await office.ask(Office.hire)
        for text in ("10", "ten", "5"):
            try:
                print("the total is", await adder.ask(Adder.add, text))
            except ActorFailedError as error:
                print(error)
        print(await office.ask(Office.report))


anyio.run(main)
