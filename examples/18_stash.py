"""Stash: an actor sets aside what it cannot do yet; whoever asked keeps waiting.

Prints:

    the shop is closed: 3 customers wait
    the shop opens
    Ada was served 1st
    Ben was served 2nd
    Cleo was served 3rd
"""

import anyio

from theater import Actor, Theater, handler

PLACES = {1: "1st", 2: "2nd", 3: "3rd"}


class Shop(Actor):
    is_open: bool = False
    served: int = 0

    @handler
    async def serve(self, customer: str) -> str:
        if not self.is_open:
            return self.context.stash()  # comes again, before everything else, once it is unstashed
        self.served += 1
        return f"{customer} was served {PLACES[self.served]}"

    @handler
    async def open(self) -> None:
        self.is_open = True
        print("the shop opens")
        self.context.unstash()


async def main() -> None:
    async with Theater() as theater:
        shop = await theater.spawn(Shop())

        async def come(customer: str) -> None:
            print(await shop.ask(Shop.serve, customer))

        async with anyio.create_task_group() as customers:
            for customer in ("Ada", "Ben", "Cleo"):
                customers.start_soon(come, customer)
            await anyio.wait_all_tasks_blocked()
            print(f"the shop is closed: {theater.statistics().stashed} customers wait")
            await shop.tell(Shop.open)


anyio.run(main)
