"""A channel: two take turns, when the one that is asked has agreed; it is over when either side ends.

Prints:

    guess 50: lower
    guess 25: higher
    guess 37: higher
    guess 43: lower
    guess 40: higher
    guess 41: higher
    guess 42: right
    a second game is refused
"""

import anyio

from theater import Actor, ActorRef, RefusedError, Theater, handler


class Host(Actor):
    secret: int
    guests: list[str] = []

    @handler
    async def play(self, player: str) -> None:
        if player in self.guests:
            return  # without accepting: refused
        self.guests.append(player)
        channel = self.context.accept()
        async for guess in channel:
            hint = "lower" if guess > self.secret else "higher" if guess < self.secret else "right"
            await channel.send(hint)


class Player(Actor):
    @handler
    async def guess(self, host: ActorRef[Host]) -> None:
        low, high = 1, 100
        async with await host.open(Host.play, "Ada") as channel:  # leaving closes it
            hint = ""
            while hint != "right":
                middle = (low + high) // 2
                await channel.send(middle)
                hint = await channel.receive()
                print(f"guess {middle}: {hint}")
                low, high = (low, middle - 1) if hint == "lower" else (middle + 1, high)


async def main() -> None:
    async with Theater() as theater:
        host, player = await theater.spawn(Host(secret=42)), await theater.spawn(Player())
        await player.ask(Player.guess, host)
        try:
            await host.open(Host.play, "Ada")  # from outside, too
        except RefusedError:
            print("a second game is refused")


anyio.run(main)
