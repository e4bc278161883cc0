"""A crew: a menu, a waiter and a cook; they tell, ask, and set timers, each at its own pace.

Prints:

    the waiter brings soup for 4
    the waiter brings bread for 1
    the waiter brings cake for 3
"""

import anyio

from theater import Actor, ActorRef, Theater, handler


class Menu(Actor):
    prices: dict[str, int]

    @handler
    async def price(self, dish: str) -> int:
        return self.prices[dish]


class Waiter(Actor):
    menu: ActorRef[Menu]

    @handler
    async def bring(self, dish: str) -> None:
        price = await self.menu.ask(Menu.price, dish)  # waits for the answer
        print(f"the waiter brings {dish} for {price}")


class Cook(Actor):
    waiter: ActorRef[Waiter]

    @handler
    async def order(self, dish: str, seconds: float) -> None:
        self.context.after(seconds, Cook.ready, dish)  # a message to itself, later

    @handler
    async def ready(self, dish: str) -> None:
        await self.waiter.tell(Waiter.bring, dish)  # sends it and goes on


async def main() -> None:
    async with Theater() as theater:
        menu = await theater.spawn(Menu(prices={"soup": 4, "bread": 1, "cake": 3}))
        waiter = await theater.spawn(Waiter(menu=menu))
        cook = await theater.spawn(Cook(waiter=waiter))
        for dish, seconds in {"cake": 0.3, "bread": 0.15, "soup": 0.01}.items():
            await cook.tell(Cook.order, dish, seconds)
        await anyio.sleep(0.5)  # timers go on meanwhile
        await theater.settled()  # until nobody is at work any more


anyio.run(main)
