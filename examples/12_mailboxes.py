"""Mailboxes: they are bounded, and whoever spawns an actor says what a full one does with one more message.

Prints:

    wait: 1 2 3 4 5 | handed back: | died:
    fail: 1 2 | handed back: 3 4 5 | died:
    drop_newest: 1 2 | handed back: | died: 3 4 5
    drop_oldest: 4 5 | handed back: | died: 1 2 3
    read first: the alarm
"""

import anyio

from theater import Actor, MailboxFullError, Overflow, Theater, handler


class Desk(Actor):
    papers: list[str] = []

    @handler
    async def put(self, paper: str) -> None:
        self.papers.append(paper)

    @handler(priority=True)  # passes those that are not so marked
    async def alarm(self) -> None:
        self.papers.append("the alarm")

    @handler
    async def read(self) -> list[str]:
        return self.papers


async def main() -> None:
    async with Theater() as theater:
        for overflow in Overflow:
            desk = await theater.spawn(Desk(), mailbox=2, overflow=overflow)
            returned: list[str] = []
            async with theater.dead_letters() as letters:
                for paper in "12345":
                    try:
                        await desk.tell(Desk.put, paper)
                    except MailboxFullError:
                        returned.append(paper)  # to be sent again, or elsewhere
                await theater.settled()
            died = [letter.args[0] async for letter in letters]
            print(f"{overflow}:", *await desk.ask(Desk.read), "| handed back:", *returned, "| died:", *died)

        desk = await theater.spawn(Desk())
        desk.tell_nowait(Desk.put, "a letter")
        desk.tell_nowait(Desk.alarm)
        print("read first:", (await desk.ask(Desk.read))[0])


anyio.run(main)
