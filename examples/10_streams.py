"""Streams: a handler that yields, and a reader that takes its time; the actor is never far ahead of it.

Prints:

    Two, roads, diverged, in, a, yellow, wood
    0 squared is 0
    1 squared is 1
    2 squared is 4
    the actor had made 5 of them when its reader left
"""

from collections.abc import AsyncIterator

import anyio

from theater import Actor, Theater, handler


class Source(Actor):
    made: int = 0

    @handler
    async def words(self, line: str) -> AsyncIterator[str]:
        for word in line.split():
            yield word

    @handler(ahead=2)  # items that may wait for their reader; 16 unless said otherwise
    async def squares(self) -> AsyncIterator[int]:
        while True:
            self.made += 1
            yield (self.made - 1) ** 2

    @handler
    async def count(self) -> int:
        return self.made


async def main() -> None:
    async with Theater() as theater:
        source = await theater.spawn(Source())
        words = source.stream(Source.words, "Two roads diverged in a yellow wood")
        print(", ".join([word async for word in words]))

        async with source.stream(Source.squares) as squares:  # has no end; leaving closes it
            for number in range(3):
                print(number, "squared is", await anext(squares))
            await anyio.sleep(0.1)  # time enough to make many more
        print("the actor had made", await source.ask(Source.count), "of them when its reader left")


anyio.run(main)
