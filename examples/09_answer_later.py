"""Answer later: a handler that has no answer yet puts the reply aside, and its actor goes on.

Prints:

    Bo drinks from cup 1
    Ada drinks from cup 1
    Cy got no cup in time
    Di drinks from cup 1
"""

import anyio

from theater import Actor, ActorRef, Reply, Theater, handler


class Cupboard(Actor):
    cups: list[int] = [1]

    @handler
    async def take(self, name: str) -> str:
        if not self.cups:
            return self.context.defer().pending  # no answer yet; whoever asked goes on waiting
        return f"{name} drinks from cup {self.cups.pop()}"

    @handler
    async def give_back(self, cup: int) -> None:
        self.cups.append(cup)
        for reply in self.context.deferred:  # the open ones, oldest first
            if self.cups:
                self.serve(reply)

    def serve(self, reply: Reply) -> None:
        if reply.answer(f"{reply.message.args[0]} drinks from cup {self.cups[-1]}"):
            self.cups.pop()


async def guest(cupboard: ActorRef[Cupboard], name: str, patience: float) -> None:
    try:
        with anyio.fail_after(patience):
            print(await cupboard.ask(Cupboard.take, name))
    except TimeoutError:
        print(f"{name} got no cup in time")  # and the reply is closed


async def main() -> None:
    async with Theater() as theater:
        cupboard = await theater.spawn(Cupboard())
        await guest(cupboard, "Bo", 10)
        async with anyio.create_task_group() as tasks:
            for name, patience in {"Ada": 10, "Cy": 0.1, "Di": 10}.items():
                tasks.start_soon(guest, cupboard, name, patience)
            await theater.settled()
            await cupboard.tell(Cupboard.give_back, 1)  # Bo's: Ada gets it
            await anyio.sleep(0.2)
            await cupboard.tell(Cupboard.give_back, 1)  # Ada's: Cy has left, so Di gets it


anyio.run(main)
