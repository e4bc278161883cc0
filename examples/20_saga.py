"""A saga: an order is packed and paid; a card that is refused has everything undone that was done.

Prints:

    ann: done, 2 steps stand. All is well.
    bob: undone, 0 steps stand. PermissionError: the card of bob is refused
    left on the shelf: 8
"""

import anyio

from actors import Saga, Step
from theater import Actor, ActorRef, Theater, effect, handler


@effect(raises=(PermissionError,))
async def charge(name: str) -> None:  # stands for a bank
    if name == "bob":
        raise PermissionError(f"the card of {name} is refused")


class Shelf(Actor):
    books: int = 9

    @handler
    async def add(self, number: int) -> int:
        self.books += number
        return self.books


class Order(Saga):
    name: str
    shelf: ActorRef[Shelf]

    def steps(self) -> list[Step]:
        return [Step(self.pack, self.unpack), Step(self.pay)]

    async def pack(self) -> None:
        await self.shelf.ask(Shelf.add, -1)

    async def unpack(self) -> None:
        await self.shelf.ask(Shelf.add, 1)

    async def pay(self) -> None:
        await self.context.effect(charge, self.name)


async def main() -> None:
    async with Theater() as theater:
        shelf = await theater.spawn(Shelf())
        for name in ("ann", "bob"):
            order = await theater.spawn(Order(name=name, shelf=shelf))
            outcome = await order.ask(Order.run)
            trouble = outcome.trouble or "All is well."
            print(f"{name}: {outcome.status.value}, {outcome.steps_done} steps stand. {trouble}")
        print("left on the shelf:", await shelf.ask(Shelf.add, 0))


anyio.run(main)
