"""Leaving: who stops waiting for an answer withdraws the question, or cancels the handler if it says so.

Prints:

    brewing was cancelled, and cups are 0 again
    washing went on, though nobody waits: clean is 1
    what had not begun was withdrawn: clean is still 1
"""

import anyio

from theater import Actor, ActorRef, Theater, handler


class Kitchen(Actor):
    cups: int = 0
    clean: int = 0

    @handler(cancellable=True)
    async def brew(self) -> None:
        self.cups += 1  # goes back to what it was when the handler is cancelled
        await anyio.sleep(3600)

    @handler
    async def wash(self) -> None:
        await anyio.sleep(0.1)
        self.clean += 1

    @handler
    async def look(self) -> tuple[int, int]:
        return self.cups, self.clean


async def leave(kitchen: ActorRef[Kitchen]) -> None:
    with anyio.move_on_after(0.01):
        await kitchen.ask(Kitchen.wash)


async def main() -> None:
    async with Theater() as theater:
        kitchen = await theater.spawn(Kitchen())

        with anyio.move_on_after(0.05):
            await kitchen.ask(Kitchen.brew)
        cups, _ = await kitchen.ask(Kitchen.look)
        print(f"brewing was cancelled, and cups are {cups} again")

        await leave(kitchen)  # it has begun, and is not cancellable
        await leave(kitchen)  # it has not: the first is still being washed
        _, clean = await kitchen.ask(Kitchen.look)
        print(f"washing went on, though nobody waits: clean is {clean}")
        await theater.settled()
        _, clean = await kitchen.ask(Kitchen.look)
        print(f"what had not begun was withdrawn: clean is still {clean}")


anyio.run(main)
