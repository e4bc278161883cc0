"""Hello: an actor is a class, its fields are its state, and its handlers are what others may ask of it.

Prints:

    Hello, Ada! You are guest 1.
    Hello, Grace! You are guest 2.
    actor/spawned
    message/handled
    message/handled
"""

import anyio

from theater import Actor, Theater, handler


class Host(Actor):
    guests: int = 0

    @handler
    async def greet(self, name: str) -> str:
        self.guests += 1
        return f"Hello, {name}! You are guest {self.guests}."


async def main() -> None:
    async with Theater() as theater:  # in memory; Theater("some-folder") keeps everything
        host = await theater.spawn(Host(), name="host")
        print(await host.ask(Host.greet, "Ada"))
        print(await host.ask(Host.greet, "Grace"))

        for event in theater.chain(host):  # what happened, event by event
            print(event.kind)


anyio.run(main)
